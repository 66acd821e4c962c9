"""An S3 server on loopback, with faults on command; moto does the work."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


class ObjectServer:
    """A process that serves S3. With `tls` (certificate, key) by HTTPS, as `authority` signed."""

    def __init__(self, tls: tuple[Path, Path] | None = None, authority: Path | None = None) -> None:
        self._trust = None if authority is None else ssl.create_default_context(cafile=authority)
        command = [sys.executable, "-m", "tests.harness.object_server", *map(str, tls or ())]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that clients need."""
        return KEYS | {"AWS_ENDPOINT_URL": self.endpoint}

    @contextmanager
    def known(self) -> Iterator[None]:
        """Have this process, and those that it starts, find it."""
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value

    def new_bucket(self) -> str:
        name = f"bucket-{uuid4().hex[:12]}"
        self._ask("PUT", f"/{name}")
        return name

    def fail(self, what: str, key: str = "", method: str = "PUT", times: int = 1) -> None:
        """Make the next requests about keys that contain `key` fail.

        They are answered with `unavailable`, `not implemented` or `denied`; they are carried out
        and the answer is `lost`; or they are carried out without their conditions, `unconditional`.
        """
        fault = {"what": what, "key": key, "method": method, "times": times}
        self._ask("POST", "/_faults", json.dumps([fault]).encode())

    def mend(self) -> None:
        self._ask("POST", "/_faults", b"[]")

    def seen(self) -> list[tuple[str, str]]:
        """Method and path of the requests since this was last asked."""
        return [(method, path) for method, path in json.loads(self._ask("GET", "/_seen"))]

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(self.endpoint + path, body, method=method)
        with urllib.request.urlopen(request, timeout=30, context=self._trust) as answer:
            return answer.read()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
