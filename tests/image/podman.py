"""podman, with all its data in one folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.image.engine import Engine, NoEngine

# runc and cgroupfs, as crun refuses machines with both kinds of cgroups and nobody needs systemd
CONTAINERS = """
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{folder}/tmp"
volume_path = "{folder}/volumes"
[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=4096:4096", "nproc=8192:8192"]
[network]
network_config_dir = "{folder}/networks"
"""
STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""


def own_podman(folder: Path) -> Engine:
    """podman for root. Raises `NoEngine`."""
    client = shutil.which("podman")
    if client is None or shutil.which("runc") is None:
        raise NoEngine("podman or runc is not installed (Debian: podman, runc)")
    if os.geteuid() != 0:
        raise NoEngine("only root can start podman's containers here")
    folder.mkdir(exist_ok=True)
    environment = {"BUILDAH_FORMAT": "docker"}  # which has health checks
    for name, text in (("CONTAINERS_CONF", CONTAINERS), ("CONTAINERS_STORAGE_CONF", STORAGE)):
        path = folder / f"{name.lower()}.toml"
        path.write_text(text.format(folder=folder))
        environment[name] = str(path)
    return Engine(client, environment, ours=True)
