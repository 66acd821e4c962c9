"""Containers of the image: hardened as in compose.yml, in the machine's own network."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.harness.workers import Numbers, eventually, numbers_of
from tests.image.engine import Engine

HARDENED = (
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--pids-limit=64",
    "--memory=1g",
)


class Image:
    """An image of an engine."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine, self.name = engine, name

    def run(self, *arguments: str, options: tuple[str, ...] = HARDENED, status: int = 0) -> str:
        """Run a command in a container and return its output. Its exit status must be `status`."""
        done = self.engine.try_to(
            "run", "--rm", "--network=host", *options, self.name, *arguments, seconds=120
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, f"{arguments}: status {done.returncode}: {said}"
        return said

    def shell(self, script: str) -> str:
        """Run a shell script in the image as the image's user, and return its output."""
        options = ("--entrypoint=sh", *HARDENED)
        return self.run("-c", script, options=options).strip()


class Worker:
    """A container with a worker."""

    def __init__(
        self,
        image: Image,
        name: str,
        address: str,
        environment: Mapping[str, str],
        options: tuple[str, ...] = HARDENED,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._engine, self._image = image.engine, image.name
        self._name, self._address, self._context = name, address, context
        given = [f"--env={key}={value}" for key, value in environment.items()]
        self._options = [*given, *options]

    @contextmanager
    def running(self) -> Iterator[Self]:
        """While entered; its log is printed if something fails meanwhile."""
        probing = ["--health-interval=2s", "--health-retries=2", "--health-start-period=20s"]
        self._engine.run(
            "run", "--detach", f"--name={self._name}", "--network=host", *probing,
            *self._options, self._image,
        )  # fmt: skip
        try:
            yield self
        except BaseException:
            print(self.log[-5000:])
            raise
        finally:
            self._engine.run("rm", "--force", "--volumes", self._name)

    @property
    def state(self) -> dict[str, Any]:
        return dict(self._engine.inspect(self._name)["State"])

    def wait_until(self, health: str) -> None:
        """Until the engine calls it `healthy`, or `unhealthy`."""
        eventually(lambda: self.state["Health"]["Status"] == health, f"{self._name} is {health}")

    def wait_until_ready(self) -> None:
        eventually(lambda: self.get("/ready")[0] == 200, f"{self._name} is ready")

    def get(self, path: str, certificate: bool = True) -> tuple[int, str]:
        """Status and text; status 0 while it does not answer."""
        context = self._context
        if context is not None and not certificate:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with urllib.request.urlopen(
                self._address + path, timeout=20, context=context
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    @property
    def numbers(self) -> Numbers:
        return numbers_of(parse_text(self.get("/metrics")[1]))

    @property
    def log(self) -> str:
        return self._engine.logs(self._name)

    @property
    def words(self) -> list[dict[str, Any]]:
        """The log: every line must be a JSON object."""
        return [dict(json.loads(line)) for line in self.log.splitlines()]

    def healthy(self, *options: str) -> tuple[int, str]:
        """Run `healthy` inside the container and return its status and output."""
        done = self._engine.try_to("exec", self._name, "alarm-fatigue", "healthy", *options)
        return done.returncode, (done.stdout + done.stderr).strip()

    def do(self, verb: str, *options: str) -> None:
        """`stop`, `kill`, `start`, `pause` or `unpause` it."""
        self._engine.run(verb, *options, self._name)
