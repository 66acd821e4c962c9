"""A process tells the service manager behind NOTIFY_SOCKET how it is, and works on without one."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from streams.service_manager import ServiceManager


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_each_message_is_one_datagram(tmp_path: Path, kind: str) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path if kind == "path" else "\0" + path)
        listening.settimeout(5)
        address = path if kind == "path" else f"@{path}"
        manager = ServiceManager.of({"NOTIFY_SOCKET": address})
        manager.ready("serving http://127.0.0.1:9464/")
        manager.alive()
        manager.stopping()
        assert [listening.recv(200).decode() for _ in range(3)] == [
            "READY=1\nSTATUS=serving http://127.0.0.1:9464/",
            "WATCHDOG=1",
            "STOPPING=1\nSTATUS=storing state and stopping",
        ]


def test_a_full_or_missing_socket_blocks_nothing(tmp_path: Path) -> None:
    ServiceManager.of({}).alive()
    ServiceManager.of({"NOTIFY_SOCKET": str(tmp_path / "gone")}).alive()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        manager = ServiceManager(str(tmp_path / "notify"))
        for _ in range(5000):  # more than the kernel's queue holds
            manager.alive()
        assert listening.recv(200) == b"WATCHDOG=1"


def test_a_server_command_reports_readiness_sends_watchdog_signals_and_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(heard: socket.socket) -> list[str]:
        loop = asyncio.get_running_loop()
        async with ServiceManager.of(os.environ).served("taking pages", every=0.01):
            said = [(await loop.sock_recv(heard, 200)).decode() for _ in range(3)]
        while said[-1] == "WATCHDOG=1":
            said.append((await loop.sock_recv(heard, 200)).decode())
        return said

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        said = asyncio.run(serve(listening))
    assert said[:3] == ["READY=1\nSTATUS=taking pages", "WATCHDOG=1", "WATCHDOG=1"]
    assert said[-1].startswith("STOPPING=1")
