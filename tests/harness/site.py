"""A worker's web server on loopback, in a thread, over engines that tests fill."""

from __future__ import annotations

import asyncio
import hmac
import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from aiohttp import web

from analyzer import Engine, Policy
from analyzer.model.policy import HOUR, MINUTE, OverloadPolicy
from streams.access import Attempts
from streams.audit import Recorder
from streams.formats.calendars import UTC_CALENDARS, Calendars
from streams.formats.codec import decode, to_json
from streams.health.health import Health
from streams.http.board import Board
from streams.http.bounded_site import BoundedSite, new_runner
from streams.http.credentials import tls_of
from streams.http.finder import Finder
from streams.http.guard import guard
from streams.http.incidents import Incidents
from streams.http.privacy import Privacy
from streams.http.refusals import Refusals
from streams.http.standings import Names
from streams.http.taking import add_taking
from streams.http.web import (
    add_board,
    add_findings,
    add_incidents,
    add_page,
    add_pages,
    add_reader,
    add_week,
    add_workbench,
)
from streams.http.weeks import Read, Weeks
from streams.http.workbench import Workbench
from streams.metrics.exporter import Exporter
from streams.paging.links import Signer
from streams.paging.ownership import Known, Ownership
from streams.partitions.partition import Partition
from streams.settings import MetricsSettings, WebSettings
from streams.simulator import Storm, Ward, simulate

SPO2 = "facility=H01&unit=MICU&type=monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO"
"""The parameters of a what-if for one type of the simulated hospital."""


START = 1_772_323_200_000  # 2026-03-01T00:00:00Z
UNTIL = START + 25 * HOUR + 30 * MINUTE


@cache
def simulated(seed: int = 3, until: int = UNTIL, facilities: int = 1) -> Engine:
    """A day of a small hospital, shared by read-only tests; it ends during a storm in one unit."""
    ward = Ward(
        seed=seed,
        start=START,
        duration=until - START,
        facilities=facilities,
        units=3,
        beds=6,
        beds_per_nurse=2,
        storms=(Storm(start=until - 14 * MINUTE, duration=14 * MINUTE, factor=12.0, unit="MICU"),),
        profiles=("micu", "picu", "ward"),
    )
    engine = Engine(Policy())
    for topic, value, due in simulate(ward):
        engine.apply(topic, decode(topic, to_json(value)), due)
    engine.advance(until)
    return engine


class FakeWorker:
    """A worker that holds the engines given to it; tests set its health."""

    def __init__(self, *engines: Engine) -> None:
        self.recovered = True
        self.behind: str | None = None
        self.waiting = self.uncommitted = 0
        self.condition = Health(now=2.0, answered_at=0.0)
        self.partitions: list[Partition] = []
        self.hold(*engines)

    def hold(self, *engines: Engine) -> None:
        self.partitions = [
            Partition(number, len(engines), one, {}, str, 1 << 20)
            for number, one in enumerate(engines)
        ]

    def advance(self) -> None: ...

    def checkpoint_times(self) -> dict[int, float]:
        return {}

    def lags(self) -> dict[tuple[str, int], int | None]:
        return {("alarms", one.number): self.waiting for one in self.partitions}

    def uncommitted_records(self) -> dict[tuple[str, int], int]:
        return {("alarms", 0): self.uncommitted}

    def lag_seconds(self) -> dict[tuple[str, int], float]:
        return {("alarms", one.number): 0.0 for one in self.partitions}

    def seconds_behind(self) -> float:
        return 0.0

    def health(self) -> Health:
        return self.condition


class Pages:
    """Where pages are left, as Faust's app takes them."""

    def __init__(self) -> None:
        self.web = web.Application()
        self.rebalancing = self.in_recovery = False
        self.producer = type("Producer", (), {"started": True})

    def page(self, path: str, base: Any = None) -> Any:
        def add(handler: Any) -> None:
            async def handle(request: web.Request) -> web.StreamResponse:
                return cast("web.StreamResponse", await handler(None, request))

            self.web.router.add_get(path, handle)
            if base is not None:  # a view that takes forms, too
                self.web.router.add_post(path, handle)

        return add


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Site:
    """Serves while entered. `now` is the wall clock (s); answers are not reused unless `reuse` is
    set. All figures are shown unless `smallest_group` is more than 1: simulated units are small.
    """

    def __init__(
        self,
        worker: FakeWorker,
        settings: WebSettings | None = None,
        reuse: float = 0.0,
        event: bool = False,
        now: float = UNTIL / 1000,
        clinicians: bool = True,
        max_clinicians: int = 10_000,
        pseudonym: Callable[[str], str] = str,
        stall: float = 30.0,
        ownership: Ownership | None = None,
        signer: Signer | None = None,
        linked: str | None = None,
        calendars: Calendars = UTC_CALENDARS,
        overload: OverloadPolicy | None = None,
        attempts: Attempts | None = None,
        recorder: Recorder | None = None,
        smallest_group: int = 1,
        archive: str | None = None,
        read: Read | None = None,
    ) -> None:
        self.worker, self.now, self.moment = worker, now, 0.0
        self._ownership = ownership
        self.settings, self.stall = settings or WebSettings(), stall
        self.pages = Pages()
        policy = Policy() if overload is None else Policy(overload=overload)
        metrics = MetricsSettings(clinicians=clinicians, max_clinicians=max_clinicians)
        exporter = Exporter(
            worker,
            pseudonym,
            policy.min_classified,
            metrics,
            0.0,
            takings=Known if ownership is None else ownership.current,
            calendars=calendars,
        )
        add_pages(self.pages, worker, exporter)
        add_findings(self.pages, worker, Finder(worker, policy, 0.0, smallest_group=smallest_group))
        add_workbench(
            self.pages,
            worker,
            Workbench(worker, reuse, lambda: self.moment, Privacy.of(smallest_group, policy)),
        )
        self.incidents = Incidents(
            worker,
            policy,
            pseudonym,
            calendars,
            Privacy.of(smallest_group, policy),
            shows_beds=self.settings.names_beds,
            archive=None if archive is None else Path(archive),
            clock=lambda: self.moment,
        )
        add_incidents(self.pages, worker, self.incidents)
        add_page(self.pages)
        add_reader(self.pages)
        board = Board(
            worker,
            exporter,
            policy,
            Names(pseudonym, clinicians, self.settings.names_beds),
            lambda: worker.behind,
            event,
            reuse,
            wall=lambda: self.now,
            clock=lambda: self.moment,
            ownership=ownership,
            grafana=self.settings.grafana_url,
            calendars=calendars,
            links=signer is not None,
            smallest_group=smallest_group,
        )
        add_board(self.pages, worker, board)
        weeks = Weeks(archive, board, smallest_group, calendars, read=read)
        add_week(self.pages, worker, weeks)
        self.refusals = Refusals()
        guard(self.pages.web, self.settings, self.refusals, linked, attempts, recorder)
        if ownership is not None and signer is not None:
            add_taking(self.pages, ownership, signer, self.refusals)
        self._loop = asyncio.new_event_loop()
        self._runner = new_runner(self.pages.web)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    @property
    def paths(self) -> set[str]:
        return {str(one.canonical) for one in self.pages.web.router.resources()}

    @property
    def address(self) -> str:
        return (
            f"{'http' if self.settings.tls_cert_file is None else 'https'}://127.0.0.1:{self.port}/"
        )

    def get(self, path: str, context: ssl.SSLContext | None = None, **headers: str) -> Answer:
        request = urllib.request.Request(
            self.address + path.lstrip("/"),
            headers={name.replace("_", "-"): of for name, of in headers.items()},
        )
        try:
            with urllib.request.urlopen(request, timeout=30, context=context) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    async def _start(self) -> None:
        await self._runner.setup()
        self.listener = BoundedSite(
            self._runner, self.settings, self.refusals, self.port, tls_of(self.settings), self.stall
        )
        await self.listener.start()
        self.port = int(self._runner.addresses[0][1])
        if self._ownership is not None:
            self._watching = asyncio.ensure_future(self._ownership.watch())

    def start(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        return self

    def __enter__(self) -> Self:
        return self.start()

    def stop(self) -> None:
        """Stop the server and free its port; a second call does nothing."""
        if self._loop.is_running():
            if self._ownership is not None:
                self._loop.call_soon_threadsafe(self._watching.cancel)
            asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(30)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def pseudonym(name: str) -> str:
    return hmac.new(b"key", name.encode(), "sha256").hexdigest()[:16]
