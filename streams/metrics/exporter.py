"""The exporter: renders /metrics from the state of the worker at each scrape. Clinicians and units
that are gone leave no series behind.

Burdens take hundreds of thousands of lines. A separate thread measures and renders them from
snapshots that the event loop takes. Their text is reused while it is fresh. The few lines that
change constantly (counts, delays, lags) are rendered for each scrape.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from analyzer import (
    ALARM_PRIORITIES,
    COMMANDS,
    TOPICS,
    Burdens,
    Engine,
    Outcome,
    Snapshot,
    Status,
    Topic,
)
from streams import __version__
from streams.access import EVERYWHERE, Scope
from streams.audit import Counts
from streams.formats.calendars import UTC_CALENDARS, Calendars
from streams.formats.pseudonyms import Pseudonyms
from streams.health.health import Health
from streams.kafka.state_version import STATE_VERSION
from streams.metrics.apart import Unmeasured, each_apart, without
from streams.metrics.burdens import Chosen, joined, within
from streams.metrics.caps import Bounded, ClinicianCap, UnitCap, capped
from streams.metrics.exposition import END, Format, Packed, packed, render
from streams.metrics.freshness import Freshness
from streams.metrics.health import health_tables
from streams.metrics.statuses import StatusOf, shifts_of
from streams.metrics.tables import (
    Table,
    burden_tables,
    clinician_tables,
    histogram_table,
    of_facilities,
    outcome_counts_table,
    simple_table,
    tables_within,
    watermark_table,
)
from streams.metrics.takings import taking_tables
from streams.paging.ownership import Known
from streams.partitions.partition import Partition
from streams.settings import MetricsSettings, PrivacySettings

REUSE_SECONDS = 1.0
"""How old burdens may be with the wall clock: short compared to any scrape interval, but enough for
two Prometheus servers to share one measurement.
"""

TURN_SECONDS = 0.005
"""How long the event loop and the rendering thread wait for each other: Python's switch
interval.
"""
R = TypeVar("R")

# seconds: from immediate to beyond the allowed lateness
DELAYS = (0.1, 0.5, 1, 2, 5, 15, 60, 300, 600, 3600)


class Source(Protocol):
    """The part of a worker that the exporter uses."""

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
    """A response of /metrics: the text shared between scrapes, and the lines of this scrape."""

    shared: Packed
    rest: bytes

    def pieces(self, gzip: bool) -> Iterator[bytes]:
        return self.shared.gzip(self.rest) if gzip else self.shared.plain(self.rest)


@dataclass(frozen=True, slots=True)
class Measured:
    """The burdens of all partitions."""

    bounded: Bounded
    burdens: Burdens
    """The burdens within the caps."""
    chosen: Chosen | None
    """The clinicians whose series are shown; None: clinicians are off."""
    dropped: list[int]
    """Rows of clinicians beyond the cap."""
    status: Status | None
    """The status at the same moment; None if it was not requested."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """The burdens as text."""

    of: Measured
    text: Packed
    dropped_samples: int
    """Samples left out in all renderings so far."""


class Exporter:
    """/metrics of one worker.

    `reuse` in seconds: see `streams.metrics.freshness`. `policy`: the fingerprint of the policy.
    `takings`: what is known of who has which page.
    `calendars` tell which shifts a status compares. `audit` counts what was recorded.
    """

    def __init__(
        self,
        source: Source,
        pseudonym: Callable[[str], str],
        min_classified: int,
        settings: MetricsSettings,
        reuse: float,
        clock: Callable[[], float] = time.monotonic,
        policy: str = "",
        takings: Callable[[], Known] = Known,
        calendars: Calendars = UTC_CALENDARS,
        audit: Callable[[], Counts] = Counts,
        smallest_group: int = PrivacySettings().smallest_group,
    ) -> None:
        self._source = source
        self._audit = audit
        self._smallest_group = smallest_group
        self._takings = takings
        self._calendars, self._shifts = calendars, shifts_of(calendars)
        self._min_classified = min_classified
        self._pseudonym = pseudonym
        self._cap = (
            ClinicianCap(settings.max_clinicians, pseudonym) if settings.clinicians else None
        )
        self._units = UnitCap.of(settings)
        self.unmeasured = Unmeasured(clock)
        self._policy = policy
        self._fresh: Freshness[None, Measured] = Freshness(source, reuse, clock)
        self._rendering: Rendering | None = None
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="metrics")
        self._delays: dict[Topic, npt.NDArray[np.float64]] = {}
        """By topic: the number of observations in each bucket (upper bounds included), then the sum
        of all delays in seconds.
        """

    def observe_delays(self, topic: Topic, accepted_at: npt.NDArray[np.int64], now: float) -> None:
        """Record how long accepted records took to arrive.

        `accepted_at` are their event times in ms; `now` in seconds.
        """
        if len(accepted_at):
            delays = np.maximum(now - accepted_at / 1000, 0)
            counts = np.bincount(np.searchsorted(DELAYS, delays), minlength=len(DELAYS) + 1)
            self._delays[topic] = self._delays.get(topic, 0) + np.append(counts, delays.sum())

    async def scrape(self, format_: Format, scope: Scope = EVERYWHERE) -> Page:
        """The present state. Burdens are at most `reuse` older than the counts next to them.

        For a `scope` that is not everywhere, only the series of its places, and `build_info`.
        """
        arrived = self._fresh.arrival()
        self._source.advance()
        outcome_counts, watermarks = self._counted()
        health = list(self._health(outcome_counts, watermarks))
        rendering = await self._current(arrived)
        named = {name for table in health for name in table.labels.get("facility", ())} - {""}
        shown = capped(named, rendering.of.bounded.facilities, self._units.facilities)
        about_shown = (of_facilities(table, {*shown, ""}) for table in health)
        if not scope.is_everywhere:
            text = await in_turns(self._thread.submit(self._scoped, rendering.of, scope))
            tables = [*tables_within(about_shown, scope)]
            return Page(text, ("".join(render(tables, format_)) + END[format_]).encode())
        tables = [*self._left_out(rendering, len(named)), *about_shown]
        return Page(rendering.text, ("".join(render(tables, format_)) + END[format_]).encode())

    def _left_out(self, rendering: Rendering, facilities: int) -> Iterator[Table]:
        bounded = rendering.of.bounded
        yield simple_table("dropped_clinicians", {(): len(rendering.of.dropped)})
        yield simple_table("dropped_samples", {(): rendering.dropped_samples})
        yield simple_table("dropped_units", {(): sum(bounded.left_out_units.values())})
        alarms = zip(bounded.burdens.windows, bounded.left_out_alarms.tolist(), strict=True)
        left_out = {
            (window, *one): count
            for window, of in alarms
            for *one, count in zip(ALARM_PRIORITIES, of, strict=True)
        }
        yield simple_table("dropped_unit_alarms", left_out)
        yield simple_table(
            "dropped_facilities",
            {(): max(facilities - self._units.facilities, bounded.left_out_facilities)},
        )
        yield simple_table("unmeasured_facilities", {(): self.unmeasured.count})
        engines = [one.engine for one in self._source.partitions]
        yield simple_table(
            "control_records",
            {(name,): sum(one.controls.get(name, 0) for one in engines) for name in COMMANDS},
        )
        forgotten = sum(one.forgotten_open for one in engines)
        yield simple_table("forgotten_open_alarms", {(): forgotten})

    def _counted(self) -> tuple[dict[tuple[Topic, Outcome], int], dict[str, int]]:
        """The number of records by topic and outcome, and the watermarks of the facilities.

        A watermark of days ago, which a recomputation has reached, would say that a feed is silent.
        """
        outcome_counts: dict[tuple[Topic, Outcome], int] = {}
        watermarks: dict[str, int] = {}
        for one in self._source.partitions:
            if one.recomputing is None:
                watermarks |= one.engine.watermarks()
            for key, count in one.engine.outcome_counts.items():
                outcome_counts[key] = outcome_counts.get(key, 0) + count
        return outcome_counts, watermarks

    def _health(
        self, outcome_counts: Mapping[tuple[Topic, Outcome], int], watermarks: Mapping[str, int]
    ) -> Iterator[Table]:
        yield outcome_counts_table(outcome_counts)
        yield simple_table(
            "recipients_dropped",
            {(): sum(one.engine.recipients_dropped for one in self._source.partitions)},
        )
        cut: dict[tuple[str, ...], float] = {
            (topic,): sum(one.truncated[topic] for one in self._source.partitions)
            for topic in TOPICS
        }
        yield simple_table("truncated_fields", cut)
        topics = sorted(self._delays)
        cumulative = [
            (*np.cumsum(self._delays[topic][:-1]), self._delays[topic][-1]) for topic in topics
        ]
        yield histogram_table("event_delay_seconds", {"topic": topics}, DELAYS, cumulative)
        yield watermark_table(watermarks)
        yield self._night_shifts(watermarks)
        yield simple_table("smallest_group", {(): self._smallest_group})
        lags = self._source.lags().items()
        yield simple_table(
            "consumer_lag_records",
            {(topic, str(number)): lag for (topic, number), lag in lags if lag is not None},
        )
        yield simple_table(
            "consumer_lag_seconds",
            {
                (topic, str(number)): lag
                for (topic, number), lag in self._source.lag_seconds().items()
            },
        )
        yield simple_table(
            "consumer_uncommitted_records",
            {
                (topic, str(number)): count
                for (topic, number), count in self._source.uncommitted_records().items()
            },
        )
        yield from health_tables(self._source.health(), watermarks)
        yield simple_table(
            "recomputed_ratio",
            {
                (str(one.number),): 1.0
                if one.recomputing is None
                else one.recomputing.share(one.next_offsets)
                for one in self._source.partitions
            },
        )
        yield simple_table("state_info", {(str(STATE_VERSION),): 1})
        yield from taking_tables(self._takings(), watermarks, self._units.units, time.time())
        stored = self._source.checkpoint_times().items()
        yield simple_table(
            "checkpoint_timestamp_seconds", {(str(number),): at for number, at in stored}
        )
        counts = self._audit()
        entries: dict[tuple[str, ...], float] = {
            ("written",): counts.written,
            ("lost",): counts.lost,
            ("unsent",): counts.unsent,
        }
        yield simple_table("audit_entries", entries)
        yield simple_table("build_info", {(__version__, self._policy): 1})
        if isinstance(self._pseudonym, Pseudonyms):
            of = self._pseudonym
            yield simple_table("pseudonym_key_info", {(of.key_id, of.period): 1})

    def _night_shifts(self, facilities: Collection[str]) -> Table:
        nights: dict[tuple[str, ...], float] = {
            (name,): float(self._calendars.of(name).is_night(now))
            for one in self._source.partitions
            for name, now in one.engine.times().items()
            if name in facilities
        }
        return simple_table("night_shift", nights)

    async def measured(self, status: bool) -> Measured:
        """The present burdens, as the next scrape would show them, and on request the `status`."""
        return await self._measure(status, self._fresh.arrival())

    async def _current(self, arrived: int) -> Rendering:
        async with self._turn:
            measured = await self._measure(False, arrived)
            if self._rendering is None or self._rendering.of is not measured:
                self._rendering = await in_turns(self._thread.submit(self._render, measured))
            return self._rendering

    async def _measure(self, status: bool, arrived: int) -> Measured:
        async def take(partitions: Sequence[Partition]) -> Measured:
            # half a state would end overloads, and begin others
            engines = [one.engine for one in partitions if one.recomputing is None]
            snapshots = [one.snapshot() for one in engines]
            found = self._status(engines, snapshots) if status else None
            return await in_turns(self._thread.submit(self._count, snapshots, found))

        return await self._fresh.get(
            None, take, arrived, lambda known: not status or known.status is not None
        )

    def _status(self, engines: Sequence[Engine], snapshots: Sequence[Snapshot]) -> Status:
        parts = [
            StatusOf(one, self._shifts, beside)
            for one, beside in zip(engines, snapshots, strict=True)
        ]
        found, failed = each_apart(parts, StatusOf.take)
        self.unmeasured.record("status", failed)
        return Status.joined(found)

    def _count(
        self,
        snapshots: Sequence[Snapshot],
        status: Status | None,
    ) -> Measured:
        """Runs in the exporter's thread."""
        parts, failed = each_apart(snapshots, lambda one: one.measure())
        self.unmeasured.record("burdens", failed)
        bounded = self._units.bounded(joined(parts))
        chosen, dropped = (
            (None, []) if self._cap is None else self._cap.choose(bounded.burdens.clinicians)
        )
        return Measured(bounded, bounded.burdens, chosen, dropped, status)

    def _render(self, of: Measured) -> Rendering:
        """Runs in the exporter's thread."""
        dropped_samples = 0 if self._rendering is None else self._rendering.dropped_samples
        if of.dropped:
            left_out = clinician_tables(
                of.burdens, Chosen(of.dropped, [""] * len(of.dropped)), self._min_classified
            )
            dropped_samples += sum(one.samples for one in left_out)
        try:
            text, failed = self._text(of.burdens, of.chosen), dict[str, Exception]()
        except Exception as error:
            if not (failed := self._failing(of)):
                raise error
            text = self._text(*_without(of, failed))
        self.unmeasured.record("text", failed)
        return Rendering(of, text, dropped_samples)

    def _text(self, burdens: Burdens, chosen: Chosen | None) -> Packed:
        tables = burden_tables(burdens, chosen, self._min_classified)
        # gauges and a histogram: the same in both formats
        return packed(render(tables, Format.TEXT))

    def _scoped(self, of: Measured, scope: Scope) -> Packed:
        """The burdens of a scope as text. Runs in the exporter's thread."""
        burdens, chosen = within(of.burdens, of.chosen, scope.holds)
        return self._text(burdens, chosen)

    def _failing(self, of: Measured) -> dict[str, Exception]:
        """The facilities whose text cannot be written."""
        failed: dict[str, Exception] = {}
        for facility in of.bounded.facilities:
            try:
                self._text(*_without(of, of.bounded.facilities - {facility}))
            except Exception as error:
                failed[facility] = error
        return failed


def _without(of: Measured, facilities: Collection[str]) -> tuple[Burdens, Chosen | None]:
    """The burdens without `facilities`, and the remaining clinicians to show."""
    burdens, chosen = without(of.burdens, facilities), of.chosen
    if chosen is None:
        return burdens, None
    everybody = of.burdens.clinicians.facility
    rows = {
        row: place
        for place, row in enumerate(
            row for row, one in enumerate(everybody) if one not in facilities
        )
    }
    stay = [
        (rows[row], name) for row, name in zip(chosen.row, chosen.shown, strict=True) if row in rows
    ]
    return burdens, Chosen([row for row, _ in stay], [name for _, name in stay])


async def in_turns(work: Future[R]) -> R:
    """The result of a computing thread, which takes turns with the event loop.

    Otherwise such a thread starves next to a busy loop: it requests Python's lock only after 5 ms
    of uninterrupted waiting, but the loop releases the lock briefly at every pass and takes it back
    before the thread has woken up. (Measured with 10,000 clinicians next to tasks of 2 ms: no page
    within 120 s; with turns, 1.8 s, and no stall over 30 ms.)
    """
    answer = asyncio.wrap_future(work)
    while not work.done():
        await asyncio.wait([answer], timeout=TURN_SECONDS)
        wait([work], timeout=TURN_SECONDS)  # blocks the loop intentionally
    return await answer
