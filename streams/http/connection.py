"""Web connections: aiohttp's, with time-outs for headers and for slow readers, and without requests
in the log.

aiohttp limits neither the time for a header nor the time that a client may leave an answer unread.
It logs malformed requests with their first line, which may hold a token.
"""

from __future__ import annotations

import asyncio
import re
import traceback
from collections.abc import Callable
from typing import Any

from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import BadHttpMethod
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web import BaseRequest, Response, StreamResponse
from aiohttp.web_protocol import RequestHandler
from yarl import URL

from streams.formats.codec import to_json
from streams.http.refusals import Refusals

HEADER_BYTES = 32 << 10
"""Longest header of a request, all lines together; browsers and scrapers send 1 or 2 kB."""
LINE_BYTES = 8190
"""Longest line of a header, and longest target (aiohttp's default)."""
STALL_SECONDS = 30.0
"""How long a client may leave an answer unread when the buffers in between are full."""
LINGERING_SECONDS = 2.0
"""How long an unwanted body is read and dropped, so that the client sees the answer."""
ALLOWED = ("GET", "HEAD")

_METHOD = re.compile(r"b['\"][A-Za-z][A-Za-z0-9_-]{0,31} ")
"""Finds an unknown method in aiohttp's message, which holds the request's first line as bytes."""


class Connection(RequestHandler):
    """The connection of one client. `lost` is called when it ends."""

    def __init__(
        self,
        server: Any,
        loop: asyncio.AbstractEventLoop,
        refusals: Refusals,
        header_seconds: float,
        idle_seconds: float,
        lost: Callable[[], object],
        probes_only: bool = False,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=idle_seconds,
            lingering_time=LINGERING_SECONDS,
            max_line_size=LINE_BYTES,
            max_field_size=LINE_BYTES,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own way to have none
        )
        self.probes_only = probes_only
        """Whether it was accepted from the reserve, only for /healthz and /ready."""
        self.requests = 0
        self._refusals = refusals
        self._header_seconds = header_seconds
        self._stall_seconds = stall_seconds
        self._lost = lost
        self._header_bytes = 0
        self._header_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._body: StreamReader = EMPTY_PAYLOAD

    @property
    def busy(self) -> bool:
        """Whether a complete request is being answered or waits."""
        return self._request_in_progress or bool(self._messages)

    def abort(self) -> None:
        """Close at once, even during an answer."""
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._await_header()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._cancel_header_timer()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
        self._lost()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        try:
            super().data_received(data)
        except Exception:  # else asyncio would log the data
            self._refusals.count("malformed")
            self.abort()
            return
        if self._request_count > before:
            self.requests = self._request_count
            self._header_bytes = 0
            self._cancel_header_timer()
            self._body = self._messages[-1][1] if self._messages else EMPTY_PAYLOAD
            self._give_targets()
        elif data and self._body.is_eof():  # part of a header, not of a body
            self._header_bytes += len(data)
            if self._header_bytes > HEADER_BYTES:
                self._refuse("malformed", "431 Request Header Fields Too Large")
            elif self._header_timer is None:
                self._await_header()

    def _give_targets(self) -> None:
        """Give a target to a CONNECT without one, which aiohttp cannot handle, so that it is
        refused like any CONNECT.
        """
        for index, (message, body) in enumerate(self._messages):
            if isinstance(message, RawRequestMessage) and message.url is None:
                self._messages[index] = message._replace(method="CONNECT", url=URL("/")), body

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stall_timer is None:
            self._stall_timer = self._loop.call_later(self._stall_seconds, self._stalled)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _stalled(self) -> None:
        self._stall_timer = None
        self._refusals.count("slow_reader")
        self.abort()

    def _await_header(self) -> None:
        self._header_timer = self._loop.call_later(self._header_seconds, self._header_overdue)

    def _cancel_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _header_overdue(self) -> None:
        self._header_timer = None
        if self.busy:  # pipelined behind a request that is being answered
            self._await_header()
        elif self._header_bytes:
            self._refuse("header_timeout", "408 Request Timeout")
        else:
            self._refusals.count("header_timeout")
            self.abort()

    def _refuse(self, reason: str, status: str) -> None:
        """Answer without aiohttp, which has no request yet, and close."""
        self._refusals.count(reason)
        self._cancel_header_timer()
        if self.transport is not None and not self.busy:
            answer = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            self.transport.write(answer.encode())
        self.force_close()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # aiohttp's, with the request's first line in it
    ) -> StreamResponse:
        """The answer to a malformed request, or to a request whose handler failed."""
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        if isinstance(exc, UnicodeError) and "Expect" in request.headers:
            # aiohttp repeats an unknown expectation, which fails if it is not UTF-8.
            self._refusals.count("malformed")
            status, text = 417, "expectation failed\n"
        elif status >= 500:
            self._refusals.count("failed", **_where(exc))
            text = "internal error\n"
        else:
            self._refusals.count("malformed")
            text = "malformed request\n"
            if isinstance(exc, BadHttpMethod) and _METHOD.search(exc.message):
                status, text = 405, "method not allowed\n"
                headers["Allow"] = ",".join(ALLOWED)
        if request.writer.output_size > 0:
            raise ConnectionError("part of an answer was already sent")
        # In the form of the interface's errors: a request that cannot be parsed has no path.
        error = {"error": text.removesuffix("\n")}
        response = Response(
            status=status,
            body=to_json(error) + b"\n",
            content_type="application/json",
            headers=headers,
        )
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ARG002  # may hold the request
        exc = kw.get("exc_info")
        self._refusals.count("failed", **_where(exc if isinstance(exc, BaseException) else None))


def _where(error: BaseException | None) -> dict[str, str]:
    """The type of an error and its innermost stack frames; not its message, which may hold data."""
    if error is None:
        return {"error": "time-out"}
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = [f"{one.filename.rpartition('/')[2]}:{one.lineno} {one.name}" for one in frames]
    return {"error": type(error).__name__, "at": " > ".join(places)}
