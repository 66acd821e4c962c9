#!/bin/sh
# Runs a command beside a real Kubernetes of one node: API server, controllers, scheduler, kubelet, containerd, DNS, services, and
# network policies that are enforced.
#   sh deploy/helm/node.sh IMAGES.tar COMMAND...      # as root; IMAGES.tar from `docker save`
# All of it has namespaces of its own for processes, mounts and the network, which has no way out. It ends with the command, and leaves
# nothing behind. KUBECONFIG is set, and NODE_ADDRESS is where the pods reach what the command starts.
# Needs (Debian): containerd runc etcd-server containernetworking-plugins iptables ipset conntrack iproute2 openssl, and kubectl and Go. The first time
# it builds the programs of Kubernetes into CACHE, in some 20 min of processor time.
set -eu
# What the kubelet, containerd and the plugins of the network keep in fixed places: a node has its own.
folders="/var/log/containers /var/log/pods /run/netns /var/lib/cni /run/containerd"
if [ "${1:-}" != --inside ]; then
    images=${1:?expected an archive of images, from docker save}
    images=$(cd "$(dirname "$images")" && pwd)/$(basename "$images")
    shift
    : "${1:?expected a command}"
    [ "$(id -u)" = 0 ] || { echo "node.sh: only root can start a node" >&2; exit 2; }
    for name in containerd runc etcd iptables ipset conntrack ip unshare openssl kubectl; do
        command -v "$name" >/dev/null || { echo "node.sh: $name is not there; the head of this file lists what to install" >&2; exit 2; }
    done
    here=$(cd "$(dirname "$0")" && pwd)
    . "$here/programs.sh"
    program kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kube-router coredns pause
    made=
    for folder in $folders; do [ -d "$folder" ] || { mkdir -p "$folder"; made="$made $folder"; }; done
    work=$(mktemp -d /tmp/node.XXXXXX)  # sockets need short paths
    status=0
    unshare --mount --net --pid --fork --kill-child --mount-proc sh "$0" --inside "$here" "$images" "$work" "$@" <&0 &
    node=$!
    trap 'kill -KILL $node' HUP INT TERM  # and all in its namespaces end
    wait $node || status=$?
    for group in /sys/fs/cgroup/*/"${work##*/}" /sys/fs/cgroup/"${work##*/}"; do
        # the innermost ones first; the last processes may take a moment to end
        [ ! -d "$group" ] || for _ in 1 2 3 4 5; do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break; sleep 1; done
    done
    rm -rf --one-file-system "$work"
    [ -z "$made" ] || rmdir $made 2>/dev/null || :
    exit $status
fi
here=$2
images=$3
work=$4
shift 4
. "$here/programs.sh"
mount --make-rshared /
export NODE_ADDRESS=10.111.0.1 KUBECONFIG="$work/kubeconfig"
for folder in $folders; do mount -t tmpfs tmpfs "$folder"; done
echo "nameserver $NODE_ADDRESS" >"$work/resolv.conf"
mount --bind "$work/resolv.conf" /etc/resolv.conf
ip link set lo up
ip link add node0 type veth peer name outside0
ip address add $NODE_ADDRESS/24 dev node0
ip link set node0 up
ip link set outside0 up
ip route add default via 10.111.0.254
echo 1 >/proc/sys/net/ipv4/ip_forward
root=/${work##*/}
for group in /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs; do
    [ ! -e "$group" ] || mkdir "${group%/cgroup.procs}$root"
done
for group in /sys/fs/cgroup/cpuset; do
    [ ! -e "$group/cpuset.cpus" ] || for one in cpus mems; do cat "$group/cpuset.$one" >"$group$root/cpuset.$one"; done
done
# Else all pods together would get the time of one process.
[ ! -e /sys/fs/cgroup/cpu/cpu.shares ] || echo 4096 >"/sys/fs/cgroup/cpu$root/cpu.shares"

start() {  # NAME COMMAND...: in the background, with a log
    log=$1
    shift
    "$@" >"$work/$log.log" 2>&1 &
}
until_it() {  # SECONDS COMMAND...
    left=$1
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || { echo "node.sh: not in time: $*" >&2; tail -n 3 "$work"/*.log >&2; exit 1; }
        sleep 1
    done
}

start etcd etcd --data-dir "$work/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 --unsafe-no-fsync
openssl genrsa -out "$work/sa.key" 2048 2>/dev/null
openssl rsa -in "$work/sa.key" -pubout -out "$work/sa.pub" 2>/dev/null
token=$(openssl rand -hex 16)
echo "$token,admin,admin,\"system:masters\"" >"$work/tokens.csv"
cat >"$KUBECONFIG" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: node, cluster: {server: "https://$NODE_ADDRESS:6443", insecure-skip-tls-verify: true}}]
users: [{name: node, user: {token: $token}}]
contexts: [{name: node, context: {cluster: node, user: node}}]
current-context: node
YAML
start kube-apiserver "$cache/kube-apiserver-$version" --etcd-servers=http://127.0.0.1:2379 --cert-dir="$work/certificates" \
    --bind-address=$NODE_ADDRESS --advertise-address=$NODE_ADDRESS --service-cluster-ip-range=10.96.0.0/24 \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$work/sa.pub" \
    --service-account-signing-key-file="$work/sa.key" --token-auth-file="$work/tokens.csv" --authorization-mode=RBAC \
    --kubelet-preferred-address-types=InternalIP --allow-privileged=true
until_it 60 kubectl get --raw /readyz
start kube-controller-manager "$cache/kube-controller-manager-$version" --kubeconfig="$KUBECONFIG" --leader-elect=false \
    --service-account-private-key-file="$work/sa.key" --use-service-account-credentials=false --bind-address=127.0.0.1
start kube-scheduler "$cache/kube-scheduler-$version" --kubeconfig="$KUBECONFIG" --leader-elect=false --bind-address=127.0.0.1 \
    --authentication-skip-lookup

mkdir -p "$work/cni" "$work/pause/layer"
cat >"$work/cni/10-pods.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods0", "isDefaultGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$work/addresses", "ranges": [[{"subnet": "10.112.0.0/24"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
cat >"$work/containerd.toml" <<TOML
version = 2
root = "$work/containerd"
state = "$work/run"
[grpc]
address = "$work/c.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "pause:1"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${CNI_BIN:-/usr/lib/cni}"
conf_dir = "$work/cni"
[plugins."io.containerd.internal.v1.opt"]
path = "$work/opt"
TOML
start containerd containerd --config "$work/containerd.toml"
(
    cd "$work/pause"
    cp "$cache/pause-1" layer/pause
    tar -C layer -cf layer.tar pause
    sum=$(sha256sum layer.tar)
    printf '{"architecture": "%s", "os": "linux", "config": {"Entrypoint": ["/pause"]}, "rootfs": {"type": "layers", "diff_ids": ["sha256:%s"]}}' \
        "$(go env GOARCH)" "${sum%% *}" >config.json
    echo '[{"Config": "config.json", "RepoTags": ["docker.io/library/pause:1"], "Layers": ["layer.tar"]}]' >manifest.json
    tar -cf ../pause.tar config.json layer.tar manifest.json
)
until_it 30 ctr --address "$work/c.sock" version
for archive in "$work/pause.tar" "$images"; do
    ctr --address "$work/c.sock" --namespace k8s.io images import "$archive" >/dev/null
done
cat >"$work/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_ADDRESS
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupRoot: $root
clusterDNS: [$NODE_ADDRESS]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://$work/c.sock
enforceNodeAllocatable: []
evictionHard: {memory.available: "0%", nodefs.available: "0%", imagefs.available: "0%", nodefs.inodesFree: "0%"}
failCgroupV1: false
failSwapOn: false
imageGCHighThresholdPercent: 100
podLogsDir: /var/log/pods
resolvConf: ""
volumePluginDir: $work/plugins
YAML
start kubelet "$cache/kubelet-$version" --config="$work/kubelet.yaml" --kubeconfig="$KUBECONFIG" --root-dir="$work/kubelet" \
    --cert-dir="$work/kubelet-certificates" --hostname-override=node1 --node-ip=$NODE_ADDRESS
cat >"$work/Corefile" <<CORE
.:53 {
    errors
    kubernetes cluster.local in-addr.arpa {
        kubeconfig $KUBECONFIG node
    }
}
CORE
start coredns "$cache/coredns-$coredns" -conf "$work/Corefile"
until_it 30 sh -c "ss -ltn 'sport = :53' | grep -q LISTEN"
until_it 90 kubectl wait --for=condition=Ready node/node1 --timeout=1s
start kube-proxy "$cache/kube-proxy-$version" --kubeconfig="$KUBECONFIG" --hostname-override=node1 --proxy-mode=iptables \
    --cluster-cidr=10.112.0.0/24 --bind-address=$NODE_ADDRESS --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 \
    --conntrack-tcp-timeout-close-wait=0
start kube-router "$cache/kube-router-$kube_router" --kubeconfig="$KUBECONFIG" --hostname-override=node1 --run-firewall=true --run-router=false \
    --run-service-proxy=false --service-cluster-ip-range=10.96.0.0/24 --health-port=0 --metrics-port=0
# Volumes on the node, as there is no provisioner.
kubectl apply -f - >/dev/null <<YAML
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
YAML
for number in 1 2 3 4 5 6; do
    mkdir -p "$work/volumes/$number"
    kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: local-$number}
spec:
  capacity: {storage: 20Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: local
  local: {path: $work/volumes/$number}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node1]}]}]}}
YAML
done
status=0
"$@" || status=$?
exit $status
