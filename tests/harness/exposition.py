"""An exporter over engines that tests fill, and scrapes of it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

import numpy as np
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families as parse_text

from analyzer import (
    ALARM_PRIORITIES,
    CLASSES,
    MEASURES,
    STATES,
    Burdens,
    ClinicianBurdens,
    Engine,
    Policy,
    UnitBurdens,
)
from streams.health.health import Health
from streams.http.guard import guard
from streams.http.refusals import Refusals
from streams.metrics.exporter import Exporter
from streams.metrics.exposition import Format
from streams.partitions.partition import Partition
from streams.settings import MetricsSettings, WebSettings


def ward(*clinicians: str, facility: str = "H1", unit: str = "ICU", alarms: int = 0) -> Burdens:
    """One unit whose clinicians all have as many alarms, of one class and priority."""

    def of_first(*shape: int) -> Any:
        found = np.zeros(shape, dtype=np.int64)
        found[..., :1] = alarms
        return found

    n = len(clinicians)
    one, each = np.ones(1, dtype=np.int64), np.ones(n, dtype=np.int64)
    return Burdens(
        windows=("1h",),
        clinicians=ClinicianBurdens(
            facility=[facility] * n,
            unit=[unit] * n,
            clinician=sorted(clinicians),
            alarms=of_first(n, 1, len(ALARM_PRIORITIES)),
            classified=of_first(n, 1, len(CLASSES)),
            alarm_milliseconds=of_first(n, 1),
            beds=each,
            acuity=np.ones(n),
            protected_ratio=np.full((n, 1), np.nan),
            flood_ratio=np.zeros((n, 1)),
            overlapping=of_first(n, 1),
            load_band=each * 0,
            exposure=each,
            exposure_band=each * 0,
            shift_hours=np.full(n, np.nan),
            overload=each * 0,
        ),
        units=UnitBurdens(
            facility=[facility],
            unit=[unit],
            alarms=of_first(1, 1, len(ALARM_PRIORITIES)),
            classified=of_first(1, 1, len(CLASSES)),
            busiest_bed=of_first(1, 1),
            unassigned=of_first(1, 1),
            open_alarms=one,
            clinicians=one,
            beds=one,
            types=[[[]]],
            type_classes=[[[]]],
            stale_alarms=one,
            standing_alarms=one,
            chattering=of_first(1, 1),
            fleeting=of_first(1, 1),
            acuity=np.ones(1),
            load_spread=np.full((1, 1), np.nan),
            overload=one * 0,
            overload_reasons=np.full((1, len(MEASURES), 2), np.nan),
            overload_since=np.full(1, np.nan),
            overload_present=np.full((1, len(MEASURES)), np.nan),
            policy_limits=np.full((1, len(MEASURES), len(STATES) - 1, 2), np.nan),
            cool_down=np.full(1, 600_000.0),
            beds_limit=np.full(1, 8.0),
            relief=np.full((1, 3), np.nan),
        ),
        response_times=[],
    )


class FakeEngine(Engine):
    """An engine whose burdens are set by hand. It counts its measurements, and each waits for
    `let`.
    """

    def __init__(self, found: Burdens) -> None:
        super().__init__(Policy())
        self.found = found
        self.measured = 0
        self.let = threading.Event()
        self.let.set()

    def snapshot(self) -> Any:
        return FakeSnapshot(self, self.found)

    def change(self, found: Burdens) -> None:
        self.found, self.version = found, self.version + 1


class FakeSnapshot:
    def __init__(self, engine: FakeEngine, found: Burdens) -> None:
        self._engine, self._found = engine, found

    def measure(self) -> Burdens:
        self._engine.let.wait()
        self._engine.measured += 1
        return self._found


class FakeWorker:
    recovered = True

    def __init__(self, *engines: FakeEngine) -> None:
        self.partitions: list[Partition] = []
        self.lag = 0
        for engine in engines:
            self.hold(engine)

    def hold(self, engine: FakeEngine) -> None:
        number = len(self.partitions)
        self.partitions.append(Partition(number, 1, engine, {}, str, 1 << 20))

    def advance(self) -> None: ...

    def checkpoint_times(self) -> dict[int, float]:
        return {}

    def lags(self) -> dict[tuple[str, int], int | None]:
        return {("alarms", 0): self.lag}

    def health(self) -> Health:
        return Health(now=2.0, answered_at=1.0)

    def uncommitted_records(self) -> dict[tuple[str, int], int]:
        return {}

    def lag_seconds(self) -> dict[tuple[str, int], float]:
        return {}


class Scraper:
    """Scrapes an exporter over a worker, at a time that is set by hand."""

    def __init__(self, worker: FakeWorker, reuse: float = 0.0, **settings: Any) -> None:
        self.now = 0.0
        self.exporter = Exporter(
            worker, str, 5, MetricsSettings(**settings), reuse, clock=lambda: self.now
        )

    async def scrape(self) -> str:
        self.now += 0.001  # no two scrapes at the same moment
        page = await self.exporter.scrape(Format.TEXT)
        return b"".join(page.pieces(gzip=False)).decode()

    def get(self) -> str:
        return asyncio.run(self.scrape())


def value(text: str, sample: str) -> float:
    [found] = [
        line.rsplit(" ", 1)[1]
        for line in text.splitlines()
        if line.startswith(f"alarm_fatigue_{sample} ")
    ]
    return float(found)


def clinicians(text: str) -> set[str]:
    return {
        one.labels["clinician"]
        for metric in parse_text(text)
        for one in metric.samples
        if "clinician" in one.labels
    }


class Pages:
    """Collects the pages that `add_pages` adds, behind the guard of a worker on loopback."""

    def __init__(self) -> None:
        self.web = web.Application()
        guard(self.web, WebSettings(), Refusals())

    def page(self, path: str) -> Any:
        def add(handler: Any) -> None:
            async def handle(request: web.Request) -> web.StreamResponse:
                return cast("web.StreamResponse", await handler(None, request))

            self.web.router.add_get(path, handle)

        return add
