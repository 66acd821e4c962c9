"""The exporter: shows the worker's state as of each scrape, so that whoever is gone leaves no series behind.

Burdens are hundreds of thousands of lines. They are measured and written by a thread of their own, from snapshots that the
event loop takes in passing, and the text is kept for whoever asks before anything has changed. What changes at every moment
(counts, delays, lags) is a few lines, and is written anew for each scrape.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from hashlib import blake2b
from heapq import nsmallest
from itertools import chain
from typing import Protocol, TypeVar
from weakref import ref

import numpy as np
import numpy.typing as npt

from analyzer import TOPICS, Burdens, ClinicianBurdens, Glance, Outcome, Snapshot, Topic
from streams import __version__
from streams.exposition import END, Format, Packed, packed, render
from streams.health import Health
from streams.health_tables import health_tables
from streams.metrics import (
    Chosen,
    Table,
    burden_tables,
    choose,
    clinician_tables,
    histogram_table,
    joined,
    simple_table,
    tally_table,
    watermark_table,
)
from streams.partition import Partition
from streams.settings import MetricsSettings

REUSE_SECONDS = 1.0
"""By the wall clock, numbers change with every moment; younger ones than this are not measured again. As long as time stands
still for facilities without new alarms, short beside any scrape interval, and enough for a pair of Prometheus servers."""

TURN_SECONDS = 0.005
"""How long the event loop and the thread that renders let each other wait: Python's own switch interval."""
R = TypeVar("R")

_DELAYS = (0.1, 0.5, 1, 2, 5, 15, 60, 300, 600, 3600)  # seconds: from prompt to past the allowed lateness


class Source(Protocol):
    """What the exporter asks of a worker."""

    @property
    def partitions(self) -> list[Partition]: ...

    def advance(self) -> None: ...

    def checkpoint_times(self) -> dict[int, float]: ...

    def lags(self) -> dict[tuple[str, int], int | None]: ...

    def lag_seconds(self) -> dict[tuple[str, int], float]: ...

    def health(self) -> Health: ...

    def uncommitted_records(self) -> dict[tuple[str, int], int]: ...


@dataclass(frozen=True, slots=True)
class Page:
    """What /metrics answers: a text that others may get, too, and a few lines for this scrape alone."""

    shared: Packed
    rest: bytes

    def pieces(self, gzip: bool) -> Iterator[bytes]:
        return self.shared.gzip(self.rest) if gzip else self.shared.plain(self.rest)


@dataclass(frozen=True, slots=True)
class Measured:
    """The burdens, and of what: partitions, their versions, and when (s, by the exporter's clock)."""

    held: tuple[ref[Partition], ...]
    versions: tuple[int, ...]
    moment: float
    burdens: Burdens
    chosen: Chosen | None
    """Whose series are shown; None: nobody's."""
    dropped: list[int]
    """Rows of clinicians beyond the cap."""
    glance: Glance | None
    """Of the same moment; None where nobody asked."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """The burdens in text."""

    of: Measured
    text: Packed
    dropped_samples: int
    """By all renderings so far."""


class Exporter:
    """/metrics of one worker. `reuse`: seconds for which numbers are shown again although time has passed; `policy`: its fingerprint."""

    def __init__(
        self,
        source: Source,
        pseudonym: Callable[[str], str],
        min_classified: int,
        settings: MetricsSettings,
        reuse: float,
        clock: Callable[[], float] = time.monotonic,
        policy: str = "",
    ) -> None:
        self._source = source
        self._min_classified = min_classified
        self._cap = Cap(settings.max_clinicians, pseudonym) if settings.clinicians else None
        self._reuse = reuse
        self._clock = clock
        self._policy = policy
        self._measured: Measured | None = None
        self._rendering: Rendering | None = None
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="metrics")
        self._delays: dict[Topic, npt.NDArray[np.float64]] = {}
        """By topic: observations a bucket (a delay as long as a bound is within it), and their sum in seconds."""

    def observe_delays(self, topic: Topic, accepted_at: npt.NDArray[np.int64], now: float) -> None:
        """Note how long accepted records took to get here; `now` in seconds, `accepted_at` their event times in ms."""
        if len(accepted_at):
            delays = np.maximum(now - accepted_at / 1000, 0)
            counts = np.bincount(np.searchsorted(_DELAYS, delays), minlength=len(_DELAYS) + 1)
            self._delays[topic] = self._delays.get(topic, 0) + np.append(counts, delays.sum())

    async def scrape(self, format_: Format) -> Page:
        """The present. Burdens are never older than the counts beside them (but for `reuse`)."""
        arrived = self._clock()
        self._source.advance()
        health = list(self._health())
        rendering = await self._current(arrived)
        dropped = [
            simple_table("dropped_clinicians", {(): len(rendering.of.dropped)}),
            simple_table("dropped_samples", {(): rendering.dropped_samples}),
        ]
        return Page(rendering.text, ("".join(render([*dropped, *health], format_)) + END[format_]).encode())

    def _health(self) -> Iterator[Table]:
        tally: dict[tuple[Topic, Outcome], int] = {}
        watermarks: dict[str, int] = {}
        for one in self._source.partitions:
            watermarks |= one.engine.watermarks()
            for key, count in one.engine.tally.items():
                tally[key] = tally.get(key, 0) + count
        yield tally_table(tally)
        yield simple_table("recipients_dropped", {(): sum(one.engine.recipients_dropped for one in self._source.partitions)})
        cut: dict[tuple[str, ...], float] = {(topic,): sum(one.truncated[topic] for one in self._source.partitions) for topic in TOPICS}
        yield simple_table("truncated_fields", cut)
        topics = sorted(self._delays)
        cumulative = [(*np.cumsum(self._delays[topic][:-1]), self._delays[topic][-1]) for topic in topics]
        yield histogram_table("event_delay_seconds", {"topic": topics}, _DELAYS, cumulative)
        yield watermark_table(watermarks)
        lags = self._source.lags().items()
        yield simple_table("consumer_lag_records", {(topic, str(number)): lag for (topic, number), lag in lags if lag is not None})
        yield simple_table(
            "consumer_lag_seconds", {(topic, str(number)): lag for (topic, number), lag in self._source.lag_seconds().items()}
        )
        yield simple_table(
            "consumer_uncommitted_records",
            {(topic, str(number)): count for (topic, number), count in self._source.uncommitted_records().items()},
        )
        yield from health_tables(self._source.health(), watermarks)
        stored = self._source.checkpoint_times().items()
        yield simple_table("checkpoint_timestamp_seconds", {(str(number),): at for number, at in stored})
        yield simple_table("build_info", {(__version__, self._policy): 1})

    async def measured(self, glance: bool) -> Measured:
        """The present, as the next scrape would show it; with a `glance` at it on demand."""
        arrived = self._clock()
        async with self._turn:
            return await self._measure(arrived, glance)

    @staticmethod
    def holds(partitions: Sequence[Partition]) -> tuple[ref[Partition], ...]:
        """What tells these partitions from others, and from themselves taken over anew; it keeps none of them alive."""
        return tuple(ref(one) for one in partitions)

    async def _current(self, arrived: float) -> Rendering:
        """A rendering for a scrape that `arrived` then: of that time or later, or of a state that has not changed since."""
        async with self._turn:
            measured = await self._measure(arrived, glance=False)
            if self._rendering is None or self._rendering.of is not measured:
                self._rendering = await in_turns(self._thread.submit(self._render, measured))
            return self._rendering

    async def _measure(self, arrived: float, glance: bool) -> Measured:
        known = self._measured if self._measured is None or self._measured.glance is not None or not glance else None
        if known is not None and known.moment >= arrived:
            return known  # made while we waited for our turn
        self._source.advance()
        partitions, moment = self._source.partitions, self._clock()
        held = self.holds(partitions)
        versions = tuple(one.engine.version for one in partitions)
        if known is not None and known.held == held and (moment - known.moment < self._reuse or known.versions == versions):
            return known
        snapshots = [one.engine.snapshot() for one in partitions]
        glances = Glance.joined([one.engine.glance() for one in partitions]) if glance else None
        self._measured = await in_turns(self._thread.submit(self._count, held, versions, moment, snapshots, glances))
        return self._measured

    def _count(
        self,
        held: tuple[ref[Partition], ...],
        versions: tuple[int, ...],
        moment: float,
        snapshots: Sequence[Snapshot],
        glance: Glance | None,
    ) -> Measured:
        """In the exporter's thread."""
        burdens = joined([one.measure() for one in snapshots])
        chosen, dropped = (None, []) if self._cap is None else self._cap.choose(burdens.clinicians)
        return Measured(held, versions, moment, burdens, chosen, dropped, glance)

    def _render(self, of: Measured) -> Rendering:
        """In the exporter's thread."""
        dropped_samples = 0 if self._rendering is None else self._rendering.dropped_samples
        if of.dropped:
            left_out = clinician_tables(of.burdens, Chosen(of.dropped, [""] * len(of.dropped)), self._min_classified)
            dropped_samples += sum(one.samples for one in left_out)
        tables = burden_tables(of.burdens, of.chosen, self._min_classified)
        text = packed(render(tables, Format.TEXT))  # gauges and a histogram: the same in both formats
        return Rendering(of, text, dropped_samples)


async def in_turns(work: Future[R]) -> R:
    """The result of a thread that computes, which by turns gets the processor and leaves it to the event loop.

    Left to itself, such a thread starves beside a busy loop: whoever wants Python's lock asks for it after waiting for 5 ms without
    a break, and a loop drops the lock for a moment at every turn, if only to take it back before anybody else has woken up.
    (Measured with 10,000 clinicians beside tasks of 2 ms: no page within 120 s; in turns, 1.8 s, and no stall over 30 ms.)
    """
    answer = asyncio.wrap_future(work)
    while not work.done():
        await asyncio.wait([answer], timeout=TURN_SECONDS)
        wait([work], timeout=TURN_SECONDS)  # blocks the loop, on purpose
    return await answer


class Cap:
    """Which clinicians have series, where there are more than `limit` of them: those who had, and others by lot.

    Who is shown stays shown, so that nobody's series comes and goes between scrapes while they are there. Free places go by a
    hash of the name that is shown: for the same people the same on every worker and after every restart, spread evenly over
    units, and no ranking of anybody.
    """

    def __init__(self, limit: int, pseudonym: Callable[[str], str]) -> None:
        self._limit = limit
        self._pseudonym = pseudonym
        self._shown: dict[str, set[str]] = {}
        """Ids, by facility."""

    def choose(self, of: ClinicianBurdens) -> tuple[Chosen, list[int]]:
        """Who is shown, in order; and the rows of those who are not."""
        stay: list[int] = []
        come: list[int] = []
        for row, (facility, clinician) in enumerate(zip(of.facility, of.clinician, strict=True)):
            (stay if clinician in self._shown.get(facility, ()) else come).append(row)
        dropped: list[int] = []
        if len(stay) + len(come) > self._limit:
            free = nsmallest(self._limit - len(stay), come, key=lambda row: self._lot(of.facility[row], of.clinician[row]))
            lucky = set(free)
            come, dropped = free, [row for row in come if row not in lucky]
        self._shown = {}
        for row in chain(stay, come):
            self._shown.setdefault(of.facility[row], set()).add(of.clinician[row])
        return choose(of, chain(stay, come), self._pseudonym), dropped

    def _lot(self, facility: str, clinician: str) -> bytes:
        return blake2b(f"{facility}/{self._pseudonym(clinician)}".encode(), digest_size=16).digest()
