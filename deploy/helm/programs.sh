# Programs of Kubernetes for apiserver.sh and node.sh, which source this file: `program NAME...` builds those that are not in $cache yet.
cache=${CACHE:-$HOME/.cache/alarm-fatigue}
version=1.34.3
kube_router=2.1.0
coredns=1.12.4

# of_kubernetes NAME COMMAND IMPORT: a program that Kubernetes' own module holds.
of_kubernetes() {
    mkdir -p "$cache/build/$1"
    (
        cd "$cache/build"
        if [ ! -e go.sum ]; then
            modules=$(GOFLAGS=-mod=mod go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
            {
                printf 'module programs\n\ngo 1.24.0\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$version"
                sed -n "s|^\t\(k8s.io/[a-z0-9-]*\) => ./staging.*|\t\1 => \1 v0.${version#1.}|p" "$modules"
                echo ')'
            } >go.mod
        fi
        printf 'package main\n\nimport (\n\t"context"\n\t"os"\n\n\t"k8s.io/component-base/cli"\n\t"k8s.io/kubernetes/cmd/%s/app"\n)\n\n' "$1" >"$1/main.go"
        printf 'var _ = context.Background\n\nfunc main() { os.Exit(cli.Run(app.%s)) }\n' "$2" >>"$1/main.go"
        go mod tidy
        v=k8s.io/component-base/version
        minor=${version#1.}
        go build -buildvcs=false -o "$cache/$1-$version" \
            -ldflags "-X $v.gitVersion=v$version -X $v.gitMajor=1 -X $v.gitMinor=${minor%.*}" "./$1"
    )
}

program() {
    for name; do
        case $name in
            kube-router) with=$kube_router ;;
            coredns) with=$coredns ;;
            pause) with=1 ;;
            *) with=$version ;;
        esac
        [ ! -x "$cache/$name-$with" ] || continue
        echo "building $name $with" >&2
        mkdir -p "$cache/build"
        case $name in
            kube-apiserver) of_kubernetes kube-apiserver 'NewAPIServerCommand()' ;;
            kube-controller-manager) of_kubernetes kube-controller-manager 'NewControllerManagerCommand()' ;;
            kube-scheduler) of_kubernetes kube-scheduler 'NewSchedulerCommand()' ;;
            kube-proxy) of_kubernetes kube-proxy 'NewProxyCommand()' ;;
            kubelet) of_kubernetes kubelet 'NewKubeletCommand(context.Background())' ;;
            kube-router)
                GOBIN="$cache/build" go install "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router@v$kube_router"
                mv "$cache/build/kube-router" "$cache/kube-router-$kube_router"
                ;;
            coredns)  # without the plugins of clouds
                mkdir -p "$cache/build-coredns"
                (
                    cd "$cache/build-coredns"
                    cat >main.go <<'GO'
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
)

func main() {
	dnsserver.Directives = []string{"errors", "kubernetes"}
	coremain.Run()
}
GO
                    [ -e go.mod ] || go mod init coredns
                    go get "github.com/coredns/coredns@v$coredns"
                    go mod tidy
                    go build -buildvcs=false -o "$cache/coredns-$coredns" .
                )
                ;;
            pause)  # the process that holds the namespaces of a pod
                mkdir -p "$cache/build-pause"
                cat >"$cache/build-pause/main.go" <<'GO'
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	<-ended
}
GO
                CGO_ENABLED=0 go build -o "$cache/pause-$with" "$cache/build-pause/main.go"
                ;;
        esac
    done
}
