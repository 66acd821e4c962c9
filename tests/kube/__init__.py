"""The chart on a Kubernetes node with a real kubelet: `python -m tests.kube`."""
