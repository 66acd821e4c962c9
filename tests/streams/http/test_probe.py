"""`healthy` asks a worker what service managers ask, with the worker's own settings."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from streams.cli.main import app
from streams.settings import WebSettings
from tests.harness.certificates import Authority, certificate
from tests.harness.site import FakeWorker, Site, simulated


def asked(
    folder: Path, web: Mapping[str, Any], *options: str, **environment: str
) -> tuple[int, str]:
    """The exit status and the one line that is said."""
    config = folder / "settings.yaml"
    config.write_text(yaml.safe_dump({"web": dict(web)}))
    done = CliRunner().invoke(app, ["healthy", "--config", str(config), *options], env=environment)
    assert len(done.output.splitlines()) == 1
    return done.exit_code, done.output.strip()


def test_a_worker_is_healthy_and_says_why_it_is_not_ready(tmp_path: Path) -> None:
    worker = FakeWorker(simulated())
    with Site(worker) as site:
        port = {"port": site.port}
        assert asked(tmp_path, port) == (0, "healthy")
        assert asked(tmp_path, port, "--ready") == (0, "ready")
        worker.recovered = False
        assert asked(tmp_path, port) == (0, "healthy")
        status, said = asked(tmp_path, port, "--ready")
        assert status == 1
        assert said.startswith("error: not ready: waiting for ")
        # as the environment, and as the worker's own options say
        variable = {"ALARM_FATIGUE_WEB__PORT": str(site.port)}
        assert asked(tmp_path, {"port": 1}, **variable) == (0, "healthy")
        assert asked(tmp_path, {"port": 1}, "--port", str(site.port)) == (0, "healthy")


@pytest.mark.parametrize("extra", ["", "certificates"])
def test_a_worker_with_tls_is_asked_without_a_certificate(tmp_path: Path, extra: str) -> None:
    cert, key = certificate(tmp_path, "server")
    files = {"tls_cert_file": str(cert), "tls_key_file": str(key)}
    if extra:
        files["tls_client_ca_file"] = str(Authority(tmp_path, "hospital-ca").cert)
    with Site(FakeWorker(simulated()), WebSettings.model_validate(files)) as site:
        web = files | {"port": site.port}
        assert asked(tmp_path, web) == (0, "healthy")
        assert asked(tmp_path, web, "--ready") == (0, "ready")


@pytest.mark.parametrize("token", [True, False])
def test_a_worker_on_all_addresses_is_asked_on_loopback(tmp_path: Path, token: bool) -> None:
    web: dict[str, Any] = {"host": "0.0.0.0", "names": ["worker"]}
    web |= {"token": "0123456789abcdef"} if token else {"allow_remote": True}
    with Site(FakeWorker(simulated()), WebSettings.model_validate(web)) as site:
        assert asked(tmp_path, web | {"port": site.port}) == (0, "healthy")


def test_silence_is_not_health(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        place = f"http://127.0.0.1:{port}/healthz"
        said = asked(tmp_path, {"port": port}, "--timeout", "200ms")
        assert said == (1, f"error: not healthy: no answer from {place}: timed out")
    said = asked(tmp_path, {"port": port})
    assert said == (1, f"error: not healthy: no answer from {place}: Connection refused")


def test_another_program_on_the_port_is_not_health(tmp_path: Path) -> None:
    def greet() -> None:
        connection, _ = other.accept()
        with connection:
            connection.sendall(b"220 mail.example.org ready\r\n")

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        greeting = threading.Thread(target=greet, daemon=True)
        greeting.start()
        status, said = asked(tmp_path, {"port": port})
        greeting.join()
    assert status == 1
    assert said.startswith(f"error: not healthy: no answer from http://127.0.0.1:{port}/healthz: ")


def test_wrong_settings_are_not_health(tmp_path: Path) -> None:
    status, said = asked(tmp_path, {"prot": 9464})
    assert (status, said) == (1, "error: web.prot: no such setting; did you mean web.port?")
