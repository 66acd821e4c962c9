"""deploy/systemd on a machine with a running systemd: `python -m tests.systemd`."""
