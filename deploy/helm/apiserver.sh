#!/bin/sh
# Gives every rendered object of the chart to a real Kubernetes API server, which refuses unknown fields and pods that are not restricted:
#   sh deploy/helm/apiserver.sh FOLDER      # with the custom resource definitions of the Prometheus operator and KEDA
# Needs helm, kubectl, openssl, etcd (Debian: etcd-server), and Go the first time: programs.sh builds the server in some 11 min of processor
# time and keeps it in CACHE.
set -eu
crds=${1:?expected the folder with the custom resource definitions of the Prometheus operator and KEDA}
crds=$(cd "$crds" && pwd)
cd "$(dirname "$0")"
helm=${HELM:-helm}
. ./programs.sh
program kube-apiserver
server=$cache/kube-apiserver-$version
work=$(mktemp -d)
pids=
stop() { for pid in $pids; do kill "$pid" 2>/dev/null || :; done; wait; rm -rf "$work"; }
trap stop EXIT
port=${PORT:-16443}
etcd --data-dir "$work/etcd" --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 \
    --listen-peer-urls http://127.0.0.1:12380 --unsafe-no-fsync >"$work/etcd.log" 2>&1 &
pids=$!
openssl genrsa -out "$work/sa.key" 2048 2>/dev/null
openssl rsa -in "$work/sa.key" -pubout -out "$work/sa.pub" 2>/dev/null
token=$(openssl rand -hex 16)
echo "$token,admin,admin,\"system:masters\"" >"$work/tokens.csv"
"$server" --etcd-servers=http://127.0.0.1:12379 --cert-dir="$work" --secure-port="$port" --bind-address=127.0.0.1 --advertise-address=127.0.0.1 \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$work/sa.pub" \
    --service-account-signing-key-file="$work/sa.key" --token-auth-file="$work/tokens.csv" --authorization-mode=RBAC \
    --service-cluster-ip-range=10.96.0.0/24 --endpoint-reconciler-type=none --disable-admission-plugins=ServiceAccount >"$work/api.log" 2>&1 &
pids="$! $pids"
cat >"$work/kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: try, cluster: {server: "https://127.0.0.1:$port", insecure-skip-tls-verify: true}}]
users: [{name: try, user: {token: $token}}]
contexts: [{name: try, context: {cluster: try, user: try}}]
current-context: try
YAML
export KUBECONFIG="$work/kubeconfig"
tries=0
until kubectl get --raw /readyz >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || { tail "$work/api.log" >&2; exit 1; }
    sleep 1
done
kubectl create namespace clinic
kubectl create namespace monitoring
kubectl label namespace clinic pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/warn=restricted
kubectl apply --server-side -f "$crds" >/dev/null
for values in ci/*.yaml; do
    "$helm" template ward alarm-fatigue --namespace clinic --kube-version "$version" --values "$values" >"$work/objects.yaml" 2>"$work/helm.log" \
        || { cat "$work/helm.log" >&2; exit 1; }
    kubectl apply --server-side --dry-run=server --validate=strict -f "$work/objects.yaml" >"$work/answers" 2>&1 || { cat "$work/answers" >&2; exit 1; }
    if grep -i warning "$work/answers" >&2; then exit 1; fi
    echo "$values: $(grep -c 'server dry run' "$work/answers") objects accepted"
done
# What controllers would do first: no pod of the release is started, as there are none.
install="install ward alarm-fatigue --namespace clinic --values ci/minimal.yaml --set topics.create=false"
if "$helm" $install >"$work/helm.log" 2>&1; then exit 1; fi
grep -q "existingSecret: the namespace clinic has no Secret alarm-fatigue; expected one with admin_token, prometheus_token" "$work/helm.log"
kubectl -n clinic create secret generic alarm-fatigue --from-literal=pseudonym_key=k --from-literal=prometheus_token=t --from-literal=viewer_token=t
if "$helm" $install >"$work/helm.log" 2>&1; then exit 1; fi
grep -q "existingSecret: the Secret alarm-fatigue lacks admin_token" "$work/helm.log"
kubectl -n clinic patch secret alarm-fatigue --patch '{"stringData": {"admin_token": "t"}}'
"$helm" $install >/dev/null 2>&1
"$helm" upgrade ward alarm-fatigue --namespace clinic --values ci/minimal.yaml --set topics.create=false --set worker.replicas=3 >/dev/null 2>&1
"$helm" rollback ward 1 --namespace clinic >/dev/null
[ "$(kubectl -n clinic get statefulset ward-alarm-fatigue -o jsonpath='{.spec.replicas}')" = 2 ]
"$helm" uninstall ward --namespace clinic >/dev/null
echo "installed, upgraded, rolled back and uninstalled"
