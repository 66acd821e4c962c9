"""Service managers learn from a worker, and from `healthy`, how it is."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from streams.dev.broker import EmbeddedBroker
from tests.harness.wards import no_errors
from tests.harness.workers import COMMAND, WorkerProcess, eventually


def test_a_worker_says_that_it_serves_lives_and_stops(
    own_broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket_path = tmp_path / "notify"
    said: list[str] = []

    def healthy(*options: str) -> int:
        command = [COMMAND, "healthy", "--config", str(worker.log.with_suffix(".yaml")), *options]
        return subprocess.run(command, capture_output=True, check=False).returncode

    def hear() -> list[str]:
        try:
            while True:
                said.append(listening.recv(1000).decode())
        except BlockingIOError:
            return said

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(socket_path))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(socket_path))
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
        worker = WorkerProcess(own_broker, tmp_path)
        assert healthy() == 1
        with worker:
            serving = f"READY=1\nSTATUS=serving http://127.0.0.1:{worker.port}/"
            eventually(lambda: serving in hear(), "it says that it serves")
            assert worker.get("/healthz")[0] == 200
            before = said.count("WATCHDOG=1")
            eventually(lambda: hear().count("WATCHDOG=1") > before + 1, "it says that it lives")
            worker.wait_until_ready()
            assert (healthy(), healthy("--ready")) == (0, 0)
            assert not [one for one in said if one.startswith("STOPPING=1")]
            cut = [cut_scrape(worker.port) for _ in range(20)]
            assert worker.stop() == 0
            for one in cut:
                one.close()
            assert [one for one in hear() if one.startswith("STOPPING=1")]
            assert said.count(serving) == 1
            assert no_errors(worker)
            # nobody outside its container could have read it
            assert [
                one["host"] for one in worker.words if "only this container" in one["event"]
            ] == ["127.0.0.1"]


def cut_scrape(port: int) -> socket.socket:
    """A scrape under way, whose answer nobody reads."""
    connected = socket.create_connection(("127.0.0.1", port))
    connected.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return connected
