"""Target `web`: raw bytes for the HTTP parser, the guard and every page, without a socket."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from functools import cache

from pydantic import SecretStr
from structlog.testing import capture_logs

from streams.http.connection import Connection
from streams.settings import WebSettings
from tests.fuzz.facts import CANARY
from tests.harness.site import START, FakeWorker, Site, simulated

TOKEN = "a-token-of-fuzzing-0123456789"
_BASIC = b"OmEtdG9rZW4tb2YtZnV6emluZy0wMTIzNDU2Nzg5"  # of ":" and the token
_OPEN_BODIES = (b"ok\n", b"ready\n")
_WAIT_SECONDS = 2.0
"""How long an answer is waited for that a page works on: for machines that are busy otherwise."""
_BODY_SECONDS = 0.02
"""How long a server is waited for that itself waits, for the rest of a body."""
_MOST_CONNECTION_BYTES = 1 << 25


class Transport(asyncio.Transport):
    """A connection whose other end is a test: what is written is kept."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 80)})
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def writelines(self, list_of_data: object) -> None:
        for one in list_of_data:  # type: ignore[attr-defined]
            self.write(one)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_reading(self) -> bool:
        return True


class Log(logging.Handler):
    """The log lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Server:
    """The pages over a small hospital, on a loop of their own that runs only while a request is
    answered.
    """

    def __init__(self, token: str | None) -> None:
        self.site = Site(
            FakeWorker(simulated(until=START + 3_600_000)),
            WebSettings(token=None if token is None else SecretStr(token)),
        )
        self.loop: asyncio.AbstractEventLoop = self.site._loop
        self.log = Log()
        for name in ("aiohttp", "asyncio"):
            logging.getLogger(name).addHandler(self.log)
            logging.getLogger(name).propagate = False
        self.loop.run_until_complete(self.site._runner.setup())

    def answer(self, data: bytes) -> bytes:
        """What comes back from one connection that sends `data` and then waits."""
        self.log.lines.clear()
        with capture_logs() as ours:
            answer = self.loop.run_until_complete(self._answer(data))
        self.log.lines += map(str, ours)
        return answer

    async def _answer(self, data: bytes) -> bytes:
        settings, server = self.site.settings, self.site._runner.server
        protocol = Connection(
            server,
            self.loop,
            self.site.refusals,
            settings.header_timeout / 1000,
            settings.idle_timeout / 1000,
            lambda: None,
        )
        transport = Transport()
        protocol.connection_made(transport)
        protocol.data_received(data)
        began = last = time.monotonic()
        size = 0
        while not transport.closed:
            await asyncio.sleep(0)
            now = time.monotonic()
            busy = protocol._current_request is not None or protocol._messages
            if len(transport.written) != size:
                size, last = len(transport.written), now
                continue
            if not busy:
                if protocol._waiter is not None or now - last > _BODY_SECONDS:
                    break  # it waits for another request
            elif now - last > (_BODY_SECONDS if size else _WAIT_SECONDS):
                break  # it waits for the rest of a body
            if now - began > _WAIT_SECONDS:
                break
            if busy:
                await asyncio.sleep(0.0002)
        task = protocol._task_handler
        if (
            task is not None
            and task.done()
            and not task.cancelled()
            and (error := task.exception()) is not None
        ):
            raise AssertionError(f"a connection without anybody who answers: {error!r}")
        protocol.connection_lost(None)
        await asyncio.sleep(0)
        return bytes(transport.written)


@cache
def server(token: str | None) -> Server:
    return Server(token)


def answers(raw: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """Status, headers and body of each complete answer; a body without an answer before it is a
    fault of framing.
    """
    found = []
    while raw:
        head, end, raw = raw.partition(b"\r\n\r\n")
        if not end:
            break  # cut where the connection was lost
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        assert re.fullmatch(r"HTTP/\d\.\d", version), "framing of answers"
        status = int(rest[:3])
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        if status in (204, 304) or status < 200:
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body, whole, raw = _unchunked(raw)
            if not whole:
                break
        elif "content-length" in headers:
            length = int(headers["content-length"])
            if raw.startswith(b"HTTP/") or not raw:  # of HEAD
                length = 0
            body, raw = raw[:length], raw[length:]
        else:
            body, raw = raw, b""
        found.append((status, headers, body))
    return found


def _unchunked(raw: bytes) -> tuple[bytes, bool, bytes]:
    body = b""
    while raw and not raw.startswith(b"HTTP/"):
        length, end, rest = raw.partition(b"\r\n")
        if not end:
            return body, False, b""
        size = int(length, 16)
        body, raw = body + rest[:size], rest[size + 2 :]
        if size == 0:
            return body, True, raw
    return body, not raw or raw.startswith(b"HTTP/"), raw  # of HEAD


def ask(data: bytes) -> None:
    """Check that no request causes an internal error, passes the guard without token, or is
    logged.
    """
    for token in (None, TOKEN):
        one = server(token)
        raw = one.answer(data)
        assert len(raw) < _MOST_CONNECTION_BYTES
        for status, headers, body in answers(raw):
            assert status < 500 or status in (501, 503, 505), f"status {status}"
            if status not in (400, 408, 413, 414, 417, 431) and status < 500 and status >= 200:
                assert headers.get("x-content-type-options") == "nosniff", (
                    f"status {status} without our headers"
                )
            shown = TOKEN.encode() in data or _BASIC[:20] in data
            if token is not None and status == 200 and not shown:
                assert body in (b"", *_OPEN_BODIES), "opened without a token"
        told = "\n".join(one.log.lines)
        assert TOKEN not in told, "the token is in the log"
        assert CANARY not in told, "the request is in the log"
        assert "Traceback" not in told, told
