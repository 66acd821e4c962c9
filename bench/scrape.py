"""Scrape: the time and size of /metrics at full size, and how long the event loop stalls meanwhile.

    python -m bench.scrape [--clinicians 10000] [--units 1000] [--alarms 60] [--scrapes 5]

First it computes the burdens of this many clinicians, with this many alarms each in the last 13 h.
Then the worker's own code serves /metrics, and another process fetches it, while the event loop is
idle, or busy with tasks of 2 ms as when records are processed. A stall is the delay of a task that
sleeps for 1 ms at a time. As a baseline, the same is measured without scrapes, and with a thread
that only counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, cast

import numpy as np
from aiohttp import web
from prometheus_client import Metric, generate_latest

from analyzer import (
    ALARM_PRIORITIES,
    CLASSES,
    EXPOSURE_BANDS,
    LOAD_BANDS,
    MEASURES,
    RESPONSE_BUCKETS,
    STATES,
    Burdens,
    ClinicianBurdens,
    Engine,
    Policy,
    UnitBurdens,
)
from bench.measure import show_measuring
from streams.health.health import Health
from streams.http.web import add_pages
from streams.metrics.burdens import everybody
from streams.metrics.exporter import Exporter
from streams.metrics.exposition import Format, packed, render
from streams.metrics.library import as_metrics
from streams.metrics.tables import Table, burden_tables
from streams.partitions.partition import Partition
from streams.pseudonyms import pseudonyms
from streams.settings import MetricsSettings, Settings

WINDOWS = ("10m", "1h", "2h", "12h")
BUSY_SECONDS = 0.002


def burdens(clinicians: int, units: int, facilities: int = 25) -> Burdens:
    """Random burdens of a partition; every unit has ten alarm types in every window."""
    random = np.random.default_rng(1)
    facility = sorted(f"H{number % facilities:03d}" for number in range(clinicians))
    of_units = sorted(
        (f"H{number % facilities:03d}", f"unit-{number:05d}") for number in range(units)
    )
    types = [
        (("monitor", f"MDC_SOURCE_{number}", "MDC_EVT_HI"), 90 - number) for number in range(10)
    ]

    def counts(*shape: int) -> Any:
        return random.integers(0, 40, shape)

    cumulative = list(range(0, 9 * 30, 30))
    assert len(cumulative) == len(RESPONSE_BUCKETS) + 1
    return Burdens(
        windows=WINDOWS,
        clinicians=ClinicianBurdens(
            facility=facility,
            unit=[of_units[number % units][1] for number in range(clinicians)],
            clinician=[f"nurse-{number:07d}" for number in range(clinicians)],
            alarms=counts(clinicians, len(WINDOWS), len(ALARM_PRIORITIES)),
            classified=counts(clinicians, len(WINDOWS), len(CLASSES)),
            alarm_milliseconds=random.integers(0, 3_600_000, (clinicians, len(WINDOWS))),
            beds=counts(clinicians),
            acuity=random.random(clinicians).round(2) * 4,
            protected_ratio=random.random((clinicians, len(WINDOWS))),
            flood_ratio=random.integers(0, 60_000, (clinicians, len(WINDOWS))) / 3_600_000,
            overlapping=counts(clinicians, len(WINDOWS)),
            load_band=random.integers(0, len(LOAD_BANDS), clinicians),
            exposure=counts(clinicians),
            exposure_band=random.integers(0, len(EXPOSURE_BANDS), clinicians),
            shift_hours=random.integers(0, 43_200_000, clinicians) / 3_600_000,
            overload=random.integers(0, len(STATES), clinicians),
        ),
        units=UnitBurdens(
            facility=[facility for facility, _ in of_units],
            unit=[unit for _, unit in of_units],
            alarms=counts(units, len(WINDOWS), len(ALARM_PRIORITIES)),
            classified=counts(units, len(WINDOWS), len(CLASSES)),
            busiest_bed=counts(units, len(WINDOWS)),
            unassigned=counts(units, len(WINDOWS)),
            open_alarms=counts(units),
            clinicians=counts(units),
            beds=counts(units),
            types=[[types] * len(WINDOWS)] * units,
            type_classes=[[[[9, 60, 5, 1, 3]] * len(types)] * len(WINDOWS)] * units,
            stale_alarms=counts(units),
            standing_alarms=counts(units),
            chattering=counts(units, len(WINDOWS)),
            fleeting=counts(units, len(WINDOWS)),
            acuity=random.random(units).round(2) * 40,
            load_spread=random.random((units, len(WINDOWS))),
            overload=random.integers(0, len(STATES), units),
            overload_reasons=np.full((units, len(MEASURES), 2), np.nan),
            overload_since=np.full(units, np.nan),
            overload_present=np.full((units, len(MEASURES)), np.nan),
            policy_limits=np.full((units, len(MEASURES), len(STATES) - 1, 2), 8.0),
            cool_down=np.full(units, 600_000.0),
            beds_limit=np.full(units, 8.0),
            relief=np.full((units, 3), np.nan),
        ),
        response_times=[
            (*unit, priority, cumulative, 1234.5)
            for unit in of_units
            for priority in ALARM_PRIORITIES
        ],
    )


class Measured(Engine):
    """An engine with fixed burdens, which is its own snapshot."""

    def __init__(self, found: Burdens) -> None:
        super().__init__(Policy())
        self._found = found

    def snapshot(self) -> Any:
        return self

    def measure(self) -> Burdens:
        return self._found

    def watermarks(self) -> dict[str, int]:
        return dict.fromkeys(self._found.clinicians.facility, 1_772_350_200_000)


class Worker:
    """The interface of a worker that the pages use."""

    recovered = True

    def __init__(self, found: Burdens) -> None:
        self.partitions = [Partition(0, 1, Measured(found), {}, str, 1 << 20)]

    def advance(self) -> None:
        """Changes the version at every request, so that nothing is cached."""
        self.partitions[0].engine.version += 1

    def health(self) -> Health:
        return Health(now=2.0, answered_at=1.0)

    def lag_seconds(self) -> dict[tuple[str, int], float]:
        return {}

    def seconds_behind(self) -> float:
        return 0.0

    def checkpoint_times(self) -> dict[int, float]:
        return {}

    def uncommitted_records(self) -> dict[tuple[str, int], int]:
        return {}

    def lags(self) -> dict[tuple[str, int], int | None]:
        return {}


class Pages:
    """Collects the pages of `add_pages` in a web application."""

    def __init__(self) -> None:
        self.web = web.Application()

    def page(self, path: str) -> Any:
        def add(handler: Any) -> Any:
            async def handle(request: web.Request) -> web.StreamResponse:
                return cast("web.StreamResponse", await handler(None, request))

            self.web.router.add_get(path, handle)
            return handler

        return add


class Stalls:
    """Delays of a periodic task on the event loop, in ms."""

    def __init__(self) -> None:
        self.found: list[float] = []

    async def watch(self) -> None:
        while True:
            due = time.perf_counter() + 0.001
            await asyncio.sleep(0.001)
            self.found.append((time.perf_counter() - due) * 1000)

    def __str__(self) -> str:
        return f"{max(self.found):6.1f} max {np.percentile(self.found, 99):6.1f} p99"


async def busy(done: list[float]) -> None:
    """Tasks of 2 ms of processor time, one after another; `done[0]`: their seconds so far."""
    while True:
        begin = time.thread_time()
        while time.thread_time() - begin < BUSY_SECONDS:
            pass
        done[0] += BUSY_SECONDS
        await asyncio.sleep(0)


FETCH = """
import json, sys, time, urllib.request
for _ in range(int(sys.argv[2])):
    headers = {"Accept-Encoding": sys.argv[3], "Accept": "application/openmetrics-text"}
    request = urllib.request.Request(sys.argv[1], headers=headers)
    begin = time.perf_counter()
    with urllib.request.urlopen(request, timeout=120) as answer:
        size = len(answer.read())
    print(json.dumps([time.perf_counter() - begin, size]), flush=True)
    time.sleep(0.3)
"""


async def fetch(port: int, scrapes: int, encoding: str) -> str:
    """Scrape `scrapes` times; returns the median time and the size as text."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        FETCH,
        f"http://127.0.0.1:{port}/metrics",
        str(scrapes),
        encoding,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await process.communicate()
    found = [json.loads(line) for line in out.splitlines()]
    if not found:
        return "; no page within 120 s"
    return (
        f"; {np.median([seconds for seconds, _ in found]):.2f} s a scrape, "
        f"{found[-1][1] / 1e6:.2f} MB"
    )


async def nothing() -> str:
    await asyncio.sleep(3)
    return ""


async def count() -> str:
    """A thread that only counts, for 3 s."""

    def spin() -> None:
        until = time.perf_counter() + 3
        while time.perf_counter() < until:
            pass

    await asyncio.to_thread(spin)
    return ""


async def watched(what: str, doing: Coroutine[Any, Any, str], is_busy: bool) -> None:
    """Print the stalls during `doing`, and the busy task's share of a core."""
    stalls, done = Stalls(), [0.0]
    tasks = [
        asyncio.create_task(stalls.watch()),
        *([asyncio.create_task(busy(done))] if is_busy else []),
    ]
    begin = time.perf_counter()
    result = await doing
    passed = time.perf_counter() - begin
    for task in tasks:
        task.cancel()
    share = f"; busy task {done[0] / passed:.0%} of a core" if is_busy else ""
    print(f"{'busy' if is_busy else 'idle'} loop, {what:22} stalls of {stalls} ms{share}{result}")


def show_rendering(found: Burdens, pseudonym: Callable[[str], str]) -> None:
    """Print time and size of the text, and the time of the Prometheus library for the same text."""

    def tables() -> Iterator[Table]:
        return burden_tables(found, everybody(found, pseudonym), 5)

    for name in found.clinicians.clinician:
        pseudonym(name)  # fills their cache
    begin = time.perf_counter()
    lines = size = 0
    step, longest = time.thread_time(), 0.0
    for block in render(tables(), Format.TEXT):
        lines, size = lines + block.count("\n"), size + len(block)
        longest, step = max(longest, time.thread_time() - step), time.thread_time()
    written = time.perf_counter()
    text = packed(render(tables(), Format.TEXT))
    deflated = time.perf_counter()
    library = generate_latest(Only(as_metrics(tables())))
    end = time.perf_counter()
    assert b"".join(text.plain(b"")) == library
    print(
        f"{lines:,} lines, {size / 1e6:.1f} MB, as gzip {sum(map(len, text.pieces)) / 1e6:.2f} MB"
    )
    print(
        f"written in {written - begin:.2f} s ({(written - begin) / lines * 1e9:.0f} ns a line), "
        f"with gzip in {deflated - written:.2f} s"
    )
    print(
        f"longest step between two chances for other threads: {longest * 1000:.1f} ms of "
        "processor time"
    )
    print(f"prometheus_client writes the same bytes in {end - deflated:.2f} s")


class Only:
    """A collector of the given metrics."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


async def main(clinicians: int, units: int, alarms: int, scrapes: int) -> None:
    found = burdens(clinicians, units)
    pseudonym = pseudonyms(Settings())
    print(f"{clinicians:,} clinicians, {units:,} units, {len(WINDOWS)} windows")
    show_measuring(clinicians, units, alarms)
    show_rendering(found, pseudonym)
    worker, pages = Worker(found), Pages()
    add_pages(
        pages,
        worker,
        Exporter(worker, pseudonym, 5, MetricsSettings(max_clinicians=clinicians), reuse=0),
    )
    runner = web.AppRunner(pages.web)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    for is_busy in (False, True):
        await watched("no scrapes:", nothing(), is_busy)
        await watched("a thread that counts:", count(), is_busy)
        await watched("scrapes with gzip:", fetch(port, scrapes, "gzip"), is_busy)
        await watched("scrapes without:", fetch(port, scrapes, "identity"), is_busy)
    await runner.cleanup()
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clinicians", type=int, default=10_000)
    options.add_argument("--units", type=int, default=1_000)
    options.add_argument("--alarms", type=int, default=60)
    options.add_argument("--scrapes", type=int, default=5)
    given = options.parse_args()
    asyncio.run(main(given.clinicians, given.units, given.alarms, given.scrapes))
