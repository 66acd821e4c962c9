"""The services of compose.yml as containers, under a name of their own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.harness.workers import eventually
from tests.image.build import ROOT, SMALL
from tests.image.engine import CommandFailed, Engine

NAME = "alarm-fatigue-checked"
"""Not that of compose.yml: what runs under that name is somebody's."""
OURS = ("topics", "worker", "pages")
LEFT_OUT = ("grafana",)
"""Without a stand-in."""
START_SECONDS = 300.0


class Container:
    """The engine's description of a container at one moment."""

    def __init__(self, found: dict[str, Any]) -> None:
        labels = found["Config"]["Labels"]
        self.id, self.found = str(found["Id"]), found
        self.service = str(labels["com.docker.compose.service"])
        self.number = int(labels["com.docker.compose.container-number"])
        self.state: dict[str, Any] = found["State"]
        self.limits: dict[str, Any] = found["HostConfig"]

    @property
    def ports(self) -> dict[int, int]:
        """Ports of this machine by those of the container."""
        published = self.found["NetworkSettings"]["Ports"] or {}
        return {
            int(inner.partition("/")[0]): int(outer[0]["HostPort"])
            for inner, outer in published.items()
            if outer
        }


class Project:
    """A copy of deploy/ in `folder`, and what `compose` (a command) makes of it."""

    overrides_what_it_extends = True

    def __init__(self, engine: Engine, compose: Sequence[str], folder: Path) -> None:
        self.engine, self._command = engine, list(compose)
        self.deploy = folder / "project" / "deploy"
        self.secrets = self.deploy / "secrets"
        shutil.rmtree(folder / "project", ignore_errors=True)
        for name in ("deploy", "grafana"):
            leave = shutil.ignore_patterns("secrets", ".env")
            shutil.copytree(ROOT / name, folder / "project" / name, ignore=leave)
        self.use_image(SMALL)
        self.services = [
            name
            for name in yaml.safe_load((self.deploy / "compose.yml").read_text())["services"]
            if name not in LEFT_OUT or not engine.ours
        ]
        self._overrides: tuple[str, ...] = ()

    def make_secrets(self, *kinds: str) -> None:
        subprocess.run(["sh", self.deploy / "secrets.sh", *kinds], check=True, capture_output=True)

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text().strip()

    def use_image(self, name: str) -> None:
        """Our services are of this image from now on."""
        image = {"image": name, "pull_policy": "never"}
        ours = {"services": {service: dict(image) for service in OURS}}
        (self.deploy / "compose.checked.yml").write_text(yaml.safe_dump(ours))

    def use(self, *overrides: str) -> None:
        """Files beside compose.yml from now on, such as `scale`."""
        self._overrides = overrides

    def try_to(self, *arguments: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        files = ("compose.yml", *(f"compose.{one}.yml" for one in self._overrides))
        given = [f"--file={self.deploy / one}" for one in (*files, "compose.checked.yml")]
        return subprocess.run(
            [*self._command, f"--project-name={NAME}", *given, *arguments],
            env=self.engine.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            cwd=self.deploy,
        )

    def run(self, *arguments: str, seconds: float = 300) -> str:
        """Run Compose and return its output. Raises `CommandFailed`."""
        done = self.try_to(*arguments, seconds=seconds)
        said = done.stdout + done.stderr
        if done.returncode:
            last = "\n".join(said.splitlines()[-40:])
            raise CommandFailed(f"compose {' '.join(arguments)}: {last}")
        return said

    def up(self, *options: str, more: Iterable[str] = ()) -> None:
        """Start what is not as it should be, and wait until all are healthy."""
        self.run("up", "--detach", *options, *self.services, *more)
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        try:
            eventually(lambda: not self.unwell, "all are healthy", START_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.unwell}") from None

    def down(self, *options: str) -> None:
        self.run("down", "--remove-orphans", *options)

    def clear(self) -> None:
        """Remove everything, also volumes of overrides that are not in use any more: a Prometheus
        that remembers the facilities of an earlier run says that their data is lost, and keeps back
        their pages.
        """
        self.down("--volumes")
        left = [one for one in self.volumes() if one.startswith(f"{NAME}_")]
        if left:
            self.engine.run("volume", "rm", *left)

    @property
    def containers(self) -> list[Container]:
        """By service and number."""
        ours = f"--filter=label=com.docker.compose.project={NAME}"
        ids = self.engine.run("ps", "--all", "--quiet", ours).split()
        found = json.loads(self.engine.run("inspect", *ids)) if ids else []
        return sorted(map(Container, found), key=lambda one: (one.service, one.number))

    def of(self, service: str) -> list[Container]:
        return [one for one in self.containers if one.service == service]

    def one(self, service: str) -> Container:
        [found] = self.of(service)
        return found

    @property
    def unwell(self) -> dict[str, str]:
        """By service: what is not as it should be."""
        found = {}
        for one in self.containers:
            if one.service == "topics":
                well = one.state["Status"] == "exited" and one.state["ExitCode"] == 0
            else:
                well = one.state["Running"] and self.healthy(one)
            if not well:
                found[f"{one.service}-{one.number}"] = json.dumps(one.state)[:300]
        return found

    def healthy(self, container: Container) -> bool:
        health = container.state.get("Health")
        return health is None or health["Status"] == "healthy"

    def log_is_bounded(self, container: Container) -> bool:
        log = container.limits["LogConfig"]
        return bool(log == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "5"}})

    def logs(self, service: str) -> str:
        return "".join(self.engine.logs(one.id) for one in self.of(service))

    def inside(self, container: Container, *command: str) -> str:
        """Run a command in the container and return its output."""
        done = self.engine.try_to("exec", container.id, *command)
        return (done.stdout + done.stderr).strip()

    def volume_name(self, name: str) -> str:
        return f"{NAME}_{name}"

    def volume(self, name: str) -> Path:
        """Where a volume of compose.yml is on this machine."""
        return Path(self.engine.inspect(self.volume_name(name))["Mountpoint"])

    def volumes(self) -> list[str]:
        """All volumes of the engine, by name."""
        return sorted(self.engine.run("volume", "ls", "--quiet").split())


class PodmanProject(Project):
    """podman looks after health only where systemd runs, so we ask. It shares no ports out, and
    podman-compose does not replace a container on which others depend, and cannot read `!override`
    in a service that extends another.
    """

    overrides_what_it_extends = False

    def use(self, *overrides: str) -> None:
        self.down()
        super().use(*overrides, *(["podman"] if "scale" in overrides else []))

    def healthy(self, container: Container) -> bool:
        return self.engine.try_to("healthcheck", "run", container.id).returncode == 0

    def log_is_bounded(self, container: Container) -> bool:
        """It keeps one file."""
        return bool(container.limits["LogConfig"]["Size"] == "10MB")


def anonymous(volumes: Iterable[str]) -> list[str]:
    return [one for one in volumes if re.fullmatch("[0-9a-f]{64}", one)]
