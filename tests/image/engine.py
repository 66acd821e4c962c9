"""A Docker engine: the one that runs, or one of our own, which needs root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 60.0
_PATH = "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
# without a bridge: containers use the machine's network, and its firewall is left alone
_NO_NETWORK = ("--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false")


class NoEngine(Exception):
    """No engine runs here, and none can be started: one line that says why."""


class CommandFailed(AssertionError):
    """A command of the engine's client failed; its last lines."""


class Engine:
    """An engine that runs: commands of its client. `ours`: we started it, and all that is in it."""

    def __init__(
        self, client: str, environment: Mapping[str, str] | None = None, ours: bool = False
    ) -> None:
        self.client, self.ours = client, ours
        self.environment = os.environ | dict(environment or {})

    def run(self, *arguments: str | Path, seconds: float = 300) -> str:
        """Run a command of the client and return its standard output. Raises `CommandFailed`."""
        done = self.try_to(*arguments, seconds=seconds)
        if done.returncode:
            said = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
            name = Path(self.client).name
            raise CommandFailed(f"{name} {' '.join(map(str, arguments[:3]))}...: {said}")
        return done.stdout.strip()

    def try_to(
        self, *arguments: str | Path, seconds: float = 300
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.client, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    def import_(self, root: Path, name: str) -> None:
        """Make an image of a folder with a whole root."""
        with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as packing:
            done = subprocess.run(
                [self.client, "import", "--change", _PATH, "-", name],
                env=self.environment,
                stdin=packing.stdout,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode or packing.returncode:
            raise CommandFailed(f"import of {name}: {done.stderr}")

    def inspect(self, name: str) -> dict[str, Any]:
        [found] = json.loads(self.run("inspect", name))
        return dict(found)

    def logs(self, name: str) -> str:
        """Both outputs of a container, the standard one first."""
        done = self.try_to("logs", name)
        return done.stdout + done.stderr

    @property
    def answers(self) -> bool:
        return self.try_to("info", seconds=30).returncode == 0


def docker(host: str | None = None) -> Engine:
    """The client of the engine that runs, or of ours at `host`. Raises `NoEngine`."""
    client = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else shutil.which("docker")
    if client is None:
        raise NoEngine("no docker command; on Debian: apt-get install docker.io")
    environment = {"DOCKER_BUILDKIT": "1"}
    if host is not None:
        environment["DOCKER_HOST"] = host
    return Engine(client, environment, ours=host is not None)


@contextmanager
def own_docker(folder: Path, bridges: bool = False) -> Iterator[Engine]:
    """Debian's engine with its data in `folder`. Without `bridges`, containers have no network but
    the machine's; with them, it must be in a network namespace of its own. Raises `NoEngine`.
    """
    engine = docker(f"unix://{folder / 'docker.sock'}")
    if os.geteuid() != 0:
        raise NoEngine("no Docker engine answers, and only root can start one")
    if shutil.which("dockerd") is None:
        raise NoEngine("no Docker engine answers, and none is installed (Debian: docker.io)")
    output = folder / "dockerd.log"
    command = [
        "dockerd",
        f"--data-root={folder / 'data'}",
        f"--exec-root={folder / 'run'}",
        f"--host=unix://{folder / 'docker.sock'}",
        f"--pidfile={folder / 'dockerd.pid'}",
        "--exec-opt=native.cgroupdriver=cgroupfs",
        "--default-ulimit=nofile=16384:16384",
        *(["--bip=172.31.255.1/24"] if bridges else _NO_NETWORK),
    ]
    with output.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until = time.monotonic() + START_SECONDS
        while not engine.answers:
            if process.poll() is not None or time.monotonic() > until:
                last = output.read_text(errors="replace").splitlines()[-1:]
                raise NoEngine(f"dockerd does not start: {' '.join(last)[:300]}")
            time.sleep(0.5)
        yield engine
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        unmount(folder)


def unmount(folder: Path) -> None:
    """Unmount all that an engine has left mounted below `folder`."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in reversed(points):
        if point.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)
