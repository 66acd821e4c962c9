"""Raw HTTP over sockets, and the log lines that it causes."""

from __future__ import annotations

import logging
import socket
from contextlib import closing
from typing import Any

import pytest

from analyzer import Engine, Policy
from tests.harness.site import FakeWorker, Site

HOST = b"Host: 127.0.0.1\r\nConnection: close\r\n"


def worker() -> FakeWorker:
    return FakeWorker(Engine(Policy()))


def connect(site: Site) -> socket.socket:
    return socket.create_connection(("127.0.0.1", site.port), timeout=30)


def rest(connected: socket.socket) -> bytes:
    """All that still comes, up to the server's end of the connection."""
    found = b""
    try:
        while piece := connected.recv(1 << 16):
            found += piece
    except ConnectionError:
        pass
    return found


def ask(site: Site, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the only answer, after which the server closes."""
    with closing(connect(site)) as connected:
        connected.sendall(request)
        head, _, body = rest(connected).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


def get(target: bytes, more: bytes = b"", method: bytes = b"GET") -> bytes:
    return method + b" " + target + b" HTTP/1.1\r\n" + HOST + more + b"\r\n"


def said(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Our own lines; anything of another logger at a level that a worker shows is a failure."""
    found: list[dict[str, Any]] = []
    for one in caplog.records:
        assert one.name == "alarm_fatigue" or one.levelno < logging.WARNING, one
        if one.name == "alarm_fatigue":
            assert one.exc_info is None
            assert isinstance(one.msg, dict)
            found.append(one.msg)
    return found
