"""The worker's web pages: / for people, with /api/v1 behind it, /metrics for Prometheus, /healthz
and /ready for operators.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from aiohttp.web import Response, StreamResponse

from analyzer.model import MAX_ID_LENGTH
from streams.access import Elsewhere, Scope
from streams.formats.codec import to_json
from streams.health.health import Health
from streams.http import visits
from streams.http.answers import Answer, NotHere, QueryError
from streams.http.board import Board, UnitsQuery
from streams.http.candidate import Candidate
from streams.http.completeness import RETRY_SECONDS as RECOMPUTED_SECONDS
from streams.http.completeness import Incomplete
from streams.http.documents.common import Error
from streams.http.documents.reader import document as reader_document
from streams.http.finder import Finder, Query
from streams.http.incidents import RETRY_SECONDS, Busy, Incidents
from streams.http.site import File, page_files
from streams.http.weeks import Weeks
from streams.http.workbench import Workbench
from streams.metrics.exporter import Exporter
from streams.metrics.exposition import Format, accepts

READY_LAG_RECORDS = 10_000
READY_LAG_SECONDS = 60.0
"""A worker that is further behind shows old numbers and is not ready."""

SEND_SECONDS = 60.0
"""A client that takes longer to read an answer has given up (Prometheus does after
`scrape_timeout`, by default 10 s).
"""

_PIECE_BYTES = 1 << 16
JSON, HTML = "application/json", "text/html; charset=utf-8"


class Worker(Protocol):
    """The part of a worker that the web pages use."""

    @property
    def recovered(self) -> bool: ...

    def lags(self) -> dict[tuple[str, int], int | None]: ...

    def seconds_behind(self) -> float: ...

    def health(self) -> Health: ...


def add_pages(
    app: Any, worker: Worker, exporter: Exporter, send_seconds: float = SEND_SECONDS
) -> None:
    """Serve /metrics, /healthz and /ready."""

    @app.page("/metrics")  # type: ignore[untyped-decorator]
    async def metrics(_page: Any, request: Any) -> StreamResponse:
        openmetrics = accepts(request.headers.get("Accept", ""), "application/openmetrics-text")
        gzip = accepts(request.headers.get("Accept-Encoding", ""), "gzip")
        format_ = Format.OPENMETRICS if openmetrics else Format.TEXT
        page = await exporter.scrape(format_, visits.scope())
        headers = {"Content-Type": format_.value, "Vary": "Accept, Accept-Encoding"} | (
            {"Content-Encoding": "gzip"} if gzip else {}
        )
        return await _send(request, headers, page.pieces(gzip), send_seconds)

    @app.page("/healthz")  # type: ignore[untyped-decorator]
    async def healthz(_page: Any, _request: Any) -> Response:
        return Response(text="ok\n")

    @app.page("/ready")  # type: ignore[untyped-decorator]
    async def ready(_page: Any, _request: Any) -> Response:
        reason = not_ready(app, worker)
        if reason:
            return Response(text=f"{reason}\n", status=503)
        # A fault of one hospital is reported, but the worker stays ready for the others.
        health = worker.health()
        named = [one.says for one in (*health.transaction_warnings(), *health.ahead_warnings())]
        return Response(text="".join(f"{line}\n" for line in ["ready", *named]))


def add_findings(
    app: Any, worker: Worker, finder: Finder, send_seconds: float = SEND_SECONDS
) -> None:
    """Serve /api/v1/findings (`streams.files.findings`). An error is {"error": one line}."""

    @app.page("/api/v1/findings")  # type: ignore[untyped-decorator]
    async def findings(_page: Any, request: Any) -> StreamResponse:
        if not worker.recovered:
            return _error("waiting for partitions or their state", 503)
        try:
            given = _given(request)
            query = Query.of(given, finder.policy)
            answer = await finder.find(query, visits.scope())
        except QueryError as error:
            return _error(error, 400)
        except Elsewhere as error:
            return _error(error, 403)
        except Incomplete as error:
            return _later(str(error), RECOMPUTED_SECONDS)
        pieces = (
            answer[begin : begin + _PIECE_BYTES] for begin in range(0, len(answer), _PIECE_BYTES)
        )
        return await _send(request, {"Content-Type": "application/json"}, pieces, send_seconds)


def add_board(app: Any, worker: Worker, board: Board, send_seconds: float = SEND_SECONDS) -> None:
    """Serve /api/v1/units, /api/v1/unit and /api/v1/clinicians (`streams.http.documents.board`,
    `streams.http.documents.unit`).
    """

    @app.page("/api/v1/units")  # type: ignore[untyped-decorator]
    async def units(_page: Any, request: Any) -> StreamResponse:
        return await _answered(
            request,
            worker,
            lambda given, scope: board.units(UnitsQuery.of(given), scope),
            send_seconds,
        )

    @app.page("/api/v1/unit")  # type: ignore[untyped-decorator]
    async def unit(_page: Any, request: Any) -> StreamResponse:
        return await _answered(request, worker, board.unit, send_seconds)

    @app.page("/api/v1/clinicians")  # type: ignore[untyped-decorator]
    async def clinicians(_page: Any, request: Any) -> StreamResponse:
        return await _answered(request, worker, board.clinicians, send_seconds)


def add_week(app: Any, worker: Worker, weeks: Weeks, send_seconds: float = SEND_SECONDS) -> None:
    """Serve /api/v1/week (`streams.http.documents.week`)."""

    @app.page("/api/v1/week")  # type: ignore[untyped-decorator]
    async def week(_page: Any, request: Any) -> StreamResponse:
        return await _answered(request, worker, weeks.week, send_seconds)


def add_workbench(
    app: Any, worker: Worker, workbench: Workbench, send_seconds: float = SEND_SECONDS
) -> None:
    """Serve /api/v1/whatif and /api/v1/whatif/types (`streams.http.documents.whatif`)."""

    @app.page("/api/v1/whatif")  # type: ignore[untyped-decorator]
    async def whatif(_page: Any, request: Any) -> StreamResponse:
        return await _answered(
            request,
            worker,
            lambda given, scope: workbench.what_if(Candidate.of(given), scope),
            send_seconds,
        )

    @app.page("/api/v1/whatif/types")  # type: ignore[untyped-decorator]
    async def types(_page: Any, request: Any) -> StreamResponse:
        return await _answered(request, worker, workbench.types, send_seconds)


def add_incidents(
    app: Any, worker: Worker, incidents: Incidents, send_seconds: float = SEND_SECONDS
) -> None:
    """Serve /incident, the page, and /api/v1/incident, its data (`streams.incidents.document`)."""

    @app.page("/incident")  # type: ignore[untyped-decorator]
    async def view(_page: Any, request: Any) -> StreamResponse:
        return await _answered(request, worker, incidents.page, send_seconds, HTML)

    @app.page("/api/v1/incident")  # type: ignore[untyped-decorator]
    async def data(_page: Any, request: Any) -> StreamResponse:
        return await _answered(request, worker, incidents.document, send_seconds)


def add_reader(app: Any) -> None:
    """Serve /api/v1/reader (`streams.http.documents.reader`)."""

    @app.page("/api/v1/reader")  # type: ignore[untyped-decorator]
    async def reader(_page: Any, request: Any) -> Response:
        if request.query:
            return _error("expected no parameters", 400)
        found = visits.current().reader
        assert found is not None  # the guard lets nobody else in
        body = to_json(reader_document(found)) + b"\n"
        return Response(body=body, content_type="application/json")


_TRIED = ("type", "delay", "limit", "at", "bed", "window")
"""The parameters of a what-if beside its unit."""
Ask = Callable[[Mapping[str, str], Scope], Awaitable[Answer]]
"""Answers parameters of a request, for a reader who may see these places."""


async def _answered(
    request: Any, worker: Worker, ask: Ask, seconds: float, kind: str = JSON
) -> StreamResponse:
    if not worker.recovered:
        return _error("waiting for partitions or their state", 503)
    visit = visits.current()
    try:
        given = _given(request)
        answer = await ask(given, visits.scope())
    except QueryError as error:
        return _error(error, 400)
    except Elsewhere as error:
        return _error(error, 403)
    except NotHere as error:
        return _error(error, 404)
    except Incomplete as error:
        return _later(str(error), RECOMPUTED_SECONDS, kind)
    except Busy as error:
        return _later(f"{error}: ask again in {RETRY_SECONDS} s", RETRY_SECONDS, kind)
    visit.names(answer.names)
    visit.asked = {name: given[name] for name in _TRIED if name in given}
    headers = {"Content-Type": kind, "Vary": "Accept-Encoding"}
    return await _send_known(request, answer.etag, headers, answer.body, answer.compressed, seconds)


def _given(request: Any) -> Mapping[str, str]:
    """The parameters of a request. Raises `QueryError` if one is there twice: what is checked must
    be what is answered.
    """
    given = dict(request.query.items())
    if len(given) != len(request.query):
        raise QueryError("expected each parameter once")
    visits.current().about(*(_recorded(given.get(name)) for name in ("facility", "unit")))
    return given


def _recorded(name: str | None) -> str | None:
    """A name as the audit may hold it: it is what a reader has typed."""
    if name is None or (len(name) <= MAX_ID_LENGTH and name.isprintable()):
        return name
    return "not a name"


def add_page(app: Any, send_seconds: float = SEND_SECONDS) -> None:
    """Serve the files of the page."""

    def add(file: File) -> None:
        @app.page(file.path)  # type: ignore[untyped-decorator]
        async def serve(_page: Any, request: Any) -> StreamResponse:
            headers = {"Content-Type": file.type, "Cache-Control": "no-cache"}
            return await _send_known(request, file.etag, headers, file.body, b"", send_seconds)

    for one in page_files():
        add(one)


async def _send_known(
    request: Any, etag: str, headers: dict[str, str], body: bytes, compressed: bytes, seconds: float
) -> StreamResponse:
    """Send a body with an ETag, or 304 if the client already has it."""
    headers = {"Cache-Control": "no-store"} | headers | {"ETag": etag}
    if etag in (
        one.strip().removeprefix("W/")
        for one in request.headers.get("If-None-Match", "").split(",")
    ):
        return Response(status=304, headers=headers)
    if compressed and accepts(request.headers.get("Accept-Encoding", ""), "gzip"):
        headers, body = headers | {"Content-Encoding": "gzip"}, compressed
    pieces = (body[begin : begin + _PIECE_BYTES] for begin in range(0, len(body), _PIECE_BYTES))
    return await _send(request, headers, pieces, seconds)


def _error(error: object, status: int) -> Response:
    return Response(
        body=to_json(Error(str(error))) + b"\n", status=status, content_type="application/json"
    )


def _later(error: str, seconds: int, kind: str = JSON) -> Response:
    """The refusal of a request that can be answered later: as a line of text if a page was asked
    for.
    """
    text = f"Not yet: {error}. Reload this page later.\n"
    refused = Response(text=text, status=503) if kind == HTML else _error(error, 503)
    refused.headers["Retry-After"] = str(seconds)
    return refused


async def _send(
    request: Any, headers: dict[str, str], pieces: Iterable[bytes], seconds: float
) -> StreamResponse:
    """Send an answer in pieces; for HEAD, only its headers. Aborts if the client is gone
    or slow.
    """
    response = StreamResponse(headers=headers)
    try:
        async with asyncio.timeout(seconds):
            await response.prepare(request)
            if request.method != "HEAD":
                for piece in pieces:
                    await response.write(piece)
                    # write() alone does not yield to the event loop while the client keeps up
                    await asyncio.sleep(0)
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:  # the client is gone, or the worker stops
        response.force_close()
    return response


def not_ready(app: Any, worker: Worker) -> str | None:
    """Why the worker's numbers are not current; None if they are."""
    if not worker.recovered:
        return "waiting for partitions or their state"
    if reason := worker.health().not_ready:
        return reason
    if app.rebalancing or app.in_recovery:
        return "rebalancing"
    if not app.producer.started:
        return "the producer is not connected"
    lags = worker.lags().values()
    if None in lags:
        return "the broker has not reported the ends of the topics yet"
    lag = max((lag for lag in lags if lag is not None), default=0)
    if lag > READY_LAG_RECORDS:
        return f"{lag} records behind"
    seconds = worker.seconds_behind()
    return f"{seconds:.0f} s behind" if seconds > READY_LAG_SECONDS else None
