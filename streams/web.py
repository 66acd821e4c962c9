"""The worker's pages: /metrics for Prometheus, /healthz and /ready for whoever runs it, /api/v1/findings for whoever can mend it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

from aiohttp.web import Response, StreamResponse

from streams.codec import to_json
from streams.exporter import Exporter
from streams.exposition import Format, accepts
from streams.finder import Finder, Query, QueryError

READY_LAG_RECORDS = 10_000
READY_LAG_SECONDS = 60.0
"""A worker further behind than this, by either, shows numbers of the past."""

SEND_SECONDS = 60.0
"""Whoever takes longer to read a page has given up (Prometheus does after its scrape_timeout, 10 s by default)."""

_PIECE_BYTES = 1 << 16


class Worker(Protocol):
    """What the pages ask of a worker."""

    @property
    def recovered(self) -> bool: ...

    def lags(self) -> dict[tuple[str, int], int | None]: ...

    def seconds_behind(self) -> float: ...


def add_pages(app: Any, worker: Worker, exporter: Exporter, send_seconds: float = SEND_SECONDS) -> None:
    """Serve the pages from the app's web server."""

    @app.page("/metrics")  # type: ignore[untyped-decorator]
    async def metrics(_page: Any, request: Any) -> StreamResponse:
        openmetrics = accepts(request.headers.get("Accept", ""), "application/openmetrics-text")
        gzip = accepts(request.headers.get("Accept-Encoding", ""), "gzip")
        format_ = Format.OPENMETRICS if openmetrics else Format.TEXT
        page = await exporter.scrape(format_)
        headers = {"Content-Type": format_.value, "Vary": "Accept, Accept-Encoding"} | ({"Content-Encoding": "gzip"} if gzip else {})
        return await _send(request, headers, page.pieces(gzip), send_seconds)

    @app.page("/healthz")  # type: ignore[untyped-decorator]
    async def healthz(_page: Any, _request: Any) -> Response:
        return Response(text="ok\n")

    @app.page("/ready")  # type: ignore[untyped-decorator]
    async def ready(_page: Any, _request: Any) -> Response:
        reason = _not_ready(app, worker)
        return Response(text=f"{reason or 'ready'}\n", status=503 if reason else 200)


def add_findings(app: Any, worker: Worker, finder: Finder, send_seconds: float = SEND_SECONDS) -> None:
    """Serve what to fix, as JSON; `streams.findings` says of what form. Errors are {"error": one line}."""

    @app.page("/api/v1/findings")  # type: ignore[untyped-decorator]
    async def findings(_page: Any, request: Any) -> StreamResponse:
        if not worker.recovered:
            return _error("waiting for partitions, or for their state", 503)
        try:
            query = Query.of(request.query, finder.policy)
        except QueryError as error:
            return _error(error, 400)
        answer = await finder.find(query)
        pieces = (answer[begin : begin + _PIECE_BYTES] for begin in range(0, len(answer), _PIECE_BYTES))
        return await _send(request, {"Content-Type": "application/json"}, pieces, send_seconds)


def _error(error: object, status: int) -> Response:
    return Response(body=to_json({"error": str(error)}) + b"\n", status=status, content_type="application/json")


async def _send(request: Any, headers: dict[str, str], pieces: Iterable[bytes], seconds: float) -> StreamResponse:
    response = StreamResponse(headers=headers)
    await response.prepare(request)
    try:
        async with asyncio.timeout(seconds):
            for piece in pieces:
                await response.write(piece)
                await asyncio.sleep(0)  # writing alone lets nobody else run as long as the reader keeps up
            await response.write_eof()
    except TimeoutError:
        request.transport.abort()
    return response


def _not_ready(app: Any, worker: Worker) -> str | None:
    """What keeps the worker from showing current numbers; None if nothing does."""
    if not worker.recovered:
        return "waiting for partitions, or for their state"
    if app.rebalancing or app.in_recovery:
        return "rebalancing"
    if not app.producer.started:
        return "the producer is not connected"
    lags = worker.lags().values()
    if None in lags:
        return "the broker has not told yet how far the topics reach"
    lag = max((lag for lag in lags if lag is not None), default=0)
    if lag > READY_LAG_RECORDS:
        return f"{lag} records behind"
    seconds = worker.seconds_behind()
    return f"{seconds:.0f} s behind" if seconds > READY_LAG_SECONDS else None
