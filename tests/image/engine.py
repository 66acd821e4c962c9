"""A Docker engine: the one that runs, or one of our own, which needs root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

START_SECONDS = 60.0


class NoEngine(Exception):
    """No engine runs here, and none can be started: one line that says why."""


class CommandFailed(AssertionError):
    """A command of the engine's client failed; its last lines."""


class Engine:
    """An engine that runs already."""

    ours = False

    def __init__(self, host: str | None = None) -> None:
        client = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else shutil.which("docker")
        if client is None:
            raise NoEngine("no docker command; on Debian: apt-get install docker.io")
        self._client = client
        self._environment = os.environ | {"DOCKER_BUILDKIT": "1"}
        if host is not None:
            self._environment["DOCKER_HOST"] = host

    def run(self, *arguments: str | Path, seconds: float = 300) -> str:
        """What the client's command says on standard output. Raises `CommandFailed`."""
        done = self.try_to(*arguments, seconds=seconds)
        if done.returncode:
            said = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
            raise CommandFailed(f"docker {' '.join(map(str, arguments[:3]))}...: {said}")
        return done.stdout.strip()

    def try_to(
        self, *arguments: str | Path, seconds: float = 300
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._client, *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    def import_(self, packing: subprocess.Popen[bytes], name: str) -> None:
        """Make an image of the archive that a process writes."""
        path = "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
        done = subprocess.run(
            [self._client, "import", "--change", path, "-", name],
            env=self._environment,
            stdin=packing.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CommandFailed(f"docker import: {done.stderr}")

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class OwnEngine(Engine):
    """Debian's engine with its data in `folder`, while entered. It has no bridge and leaves the
    machine's firewall alone, so containers use the machine's network.
    """

    ours = True

    def __init__(self, folder: Path) -> None:
        super().__init__(f"unix://{folder / 'docker.sock'}")
        if os.geteuid() != 0:
            raise NoEngine("no Docker engine answers, and only root can start one")
        if shutil.which("dockerd") is None:
            raise NoEngine("no Docker engine answers, and none is installed (Debian: docker.io)")
        self._folder = folder
        self._log = folder / "dockerd.log"

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "dockerd",
                    f"--data-root={self._folder / 'data'}",
                    f"--exec-root={self._folder / 'run'}",
                    f"--host=unix://{self._folder / 'docker.sock'}",
                    f"--pidfile={self._folder / 'dockerd.pid'}",
                    "--bridge=none",
                    "--iptables=false",
                    "--ip-forward=false",
                    "--ip-masq=false",
                    "--exec-opt=native.cgroupdriver=cgroupfs",
                    "--default-ulimit=nofile=16384:16384",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + START_SECONDS
        while not self.answers:
            if self._process.poll() is not None or time.monotonic() > until:
                last = self._log.read_text(errors="replace").splitlines()[-1:]
                self._stop()
                raise NoEngine(f"dockerd does not start: {' '.join(last)[:300]}")
            time.sleep(0.5)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for line in Path("/proc/self/mounts").read_text().splitlines():
            if (point := line.split()[1]).startswith(f"{self._folder}/"):
                subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)
        shutil.rmtree(self._folder / "data", ignore_errors=True)
