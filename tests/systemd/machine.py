"""A machine with a running systemd: a container of podman, made of this machine's packages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.workers import eventually
from tests.image.base import WANTED, stand_in
from tests.image.engine import CommandFailed, Engine, NoEngine

NAME = "alarm-fatigue-machine"
PACKAGES = (*WANTED, "systemd", "openssl", "util-linux")
# A container has no hardware, and leaves network, clock and settings of the kernel to the machine.
WITHOUT = (
    "systemd-firstboot.service",
    "systemd-modules-load.service",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-networkd-wait-online.service",
    "systemd-sysctl.service",
    "systemd-timesyncd.service",
    "systemd-udevd.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udev-trigger.service",
)
# What the install page begins its commands with, and what it opens for changes.
SUDO = """#!/bin/sh
case $1 in
-u) user=$2; shift 2; exec setpriv --reuid="$user" --regid="$user" --init-groups "$@" ;;
*) exec "$@" ;;
esac
"""
EDITOR = '#!/bin/sh\nexec cp /share/edited.yaml "$1"\n'


class Machine:
    """Its folder `share` is /share inside."""

    def __init__(self, engine: Engine, share: Path) -> None:
        self.engine, self.share = engine, share

    def try_to(self, script: str, seconds: float = 300) -> tuple[int, str]:
        """Exit status and output of a script of the shell, as root."""
        done = self.engine.try_to("exec", NAME, "sh", "-euc", script, seconds=seconds)
        return done.returncode, (done.stdout + done.stderr).strip()

    def run(self, script: str, seconds: float = 300) -> str:
        """Raises `CommandFailed`."""
        status, said = self.try_to(script, seconds)
        if status:
            raise CommandFailed(f"{script}: status {status}: {said[-3000:]}")
        return said

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run(f"systemctl show --property={name} --value {unit}")

    def journal(self, unit: str) -> str:
        return self.run(f"journalctl --unit={unit} --output=cat --no-pager")


@contextmanager
def machine(engine: Engine, folder: Path) -> Iterator[Machine]:
    """One that has booted, with the network of this process."""
    root, share = folder / "machine", folder / "share"
    shutil.rmtree(root, ignore_errors=True)
    stand_in(root, PACKAGES)
    for name in WITHOUT:
        (root / "etc/systemd/system" / name).symlink_to("/dev/null")
    for name, text in (("sudo", SUDO), ("editor", EDITOR)):
        path = root / "usr/local/bin" / name
        path.write_text(text)
        path.chmod(0o755)
    share.mkdir(exist_ok=True)
    engine.try_to("rm", "--force", NAME)
    started = engine.try_to(
        "run", "--detach", f"--name={NAME}", "--network=host", "--systemd=always", "--privileged",
        f"--volume={share}:/share", "--rootfs", str(root), "/lib/systemd/systemd",
    )  # fmt: skip
    if started.returncode:
        raise NoEngine(f"podman runs no container with systemd: {started.stderr.strip()[-300:]}")
    one = Machine(engine, share)
    try:
        booted = "systemctl is-system-running"
        eventually(lambda: one.try_to(booted)[1] in ("running", "degraded"), "systemd runs", 60)
        # as on a machine of its own, where credentials are mounted for a unit
        one.run("mount --make-rshared /")
        assert one.run("systemctl list-units --failed --quiet") == ""
        yield one
    finally:
        engine.try_to("rm", "--force", "--time=5", NAME)
        shutil.rmtree(root, ignore_errors=True)
