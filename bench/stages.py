"""Stages: where the processor time of a record goes, in one process without Kafka.

The worker's own parts take in the slices that its reader would give them: the bytes of fetched
batches are read, merged by time, decoded, admitted, folded, derived, finalised and encoded; once in
`EVERY` records, what changed is stored, and at the end /metrics is rendered. Each part is timed by
itself: what it calls counts for the part that is called.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from faust.types import TP

from analyzer import Engine, Topic
from analyzer import engine as engine_module
from bench import machine
from bench.hospital import Load
from bench.kafka import BATCH, PARTITIONS, partition_of
from streams.formats.pseudonyms import Pseudonyms
from streams.kafka.fetched import FetchedBytes, FetchedRecords
from streams.kafka.naming import Naming
from streams.kafka.slices import Backlog, Place, Reach, Slice
from streams.metrics.exposition import Format
from streams.partitions import outbox, partition
from streams.partitions.sealing import Sealing
from streams.settings import Settings
from streams.simulator import Ward
from streams.worker.app import FETCH_BYTES, new_work
from streams.worker.run import spare_the_collector
from streams.worker.work import Work

EVERY = 100_000
"""Records from one checkpoint to the next: fewer than a worker reads in the 5 s between them."""
SCRAPED = 1_000_000
"""Records among which the cost of one scrape is shared: what a worker reads in the 15 s between
them."""
STAGES = (
    "read",
    "decode",
    "admit",
    "fold alarms",
    "fold responses",
    "fold others",
    "derive",
    "publish",
    "encode",
    "overload",
    "slice",
    "advance",
    "evict",
    "checkpoint",
    "render",
)
"""In the order of a record's path.

`read`: bytes of fetched batches to a slice, merged by time. `publish`: the records of final alarms.
`overload`: the states, up to the present, also those that are worked out before facts are evicted.
`slice` and `advance`: what is left of taking in a slice, and of moving time. `evict`: what lies
behind the horizon.
"""
_KEY = b"a key of thirty-two bytes or more"

Figures = dict[str, float]
"""Nanoseconds of processor time a record, by stage."""


@dataclass(frozen=True, slots=True)
class Point:
    """A size of the input, by what is said of it."""

    name: str
    facilities: int
    parts: int
    ward: Ward = field(default_factory=lambda: Ward(units=1))

    def load(self, records: int) -> Load:
        return Load(records=records, facilities=self.facilities, parts=self.parts, ward=self.ward)


POINTS = (
    Point("20 clinicians, 1 facility", 1, 1),
    Point("700 clinicians, 1 facility", 1, 100),
    Point("8,400 clinicians, 1 facility", 1, 1200),
    Point("quick: 100 facilities of 77 beds", 100, 1, Ward()),
    Point("8,000 clinicians, 1,000 facilities", 1000, 1, Ward(units=1, beds=15)),
)


class Clock:
    """Times nested calls: each moment counts for the innermost stage only."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = defaultdict(int)
        self._open: list[str] = []
        self._since = 0

    def __call__(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its time counted for `stage`."""

        def timed(*arguments: Any, **named: Any) -> Any:
            self.begin(stage)
            try:
                return function(*arguments, **named)
            finally:
                self.end()

        return timed

    def begin(self, stage: str) -> None:
        self._switch()
        self._open.append(stage)

    def end(self) -> None:
        self._switch()
        self._open.pop()

    def _switch(self) -> None:
        now = time.process_time_ns()
        if self._open:
            self.spent[self._open[-1]] += now - self._since
        self._since = now


def run(results: Path, records: int, only: str | None = None, note: str = "") -> list[str]:
    """Measure every size, append the figures to `results`/stages.json, and describe them beside
    the last ones of the same size.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    spare_the_collector()
    points = [one for one in POINTS if only is None or only in one.name]
    path = results / "stages.json"
    history: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    before = {name: figures for one in history for name, figures in one["points"].items()}
    found = {one.name: measure(one.load(records)) for one in points}
    entry = machine.circumstances(note) | {"records": records, "points": found}
    path.write_text(json.dumps([*history, entry], indent=1) + "\n")
    return list(table(found, before))


def table(found: Mapping[str, Figures], before: Mapping[str, Figures]) -> Iterator[str]:
    """Lines of ns a record by stage, with the change since `before` in per cent."""
    yield "ns of processor time a record"
    for number, name in enumerate(found, 1):
        yield f"({number}) {name}"
    yield f"{'':14}" + "".join(f"{f'({number})':>15}" for number in range(1, len(found) + 1))
    for stage in (*STAGES, "all"):
        yield f"{stage:14}" + "".join(
            _cell(figures[stage], before.get(name, {}).get(stage))
            for name, figures in found.items()
        )


def _cell(now: float, before: float | None) -> str:
    change = f" {now / before - 1:+6.0%}" if before else " " * 7
    return f"{now:8,.0f}{change}"


def measure(load: Load, repeat: int = 2) -> Figures:
    """The figures of a load: the run with the least sum of `repeat` runs."""
    fetched = fetches(load)
    runs = [_once(fetched) for _ in range(repeat)]
    return min(runs, key=lambda one: one["all"])


@dataclass(slots=True)
class Fetches:
    """A broker's answers: the bytes of each fetch of each topic-partition, in order."""

    of: dict[Place, list[bytes]]
    ends: dict[Place, int]
    records: int


def fetches(load: Load) -> Fetches:
    """The input in batches as `bench.kafka` produces them, in fetches as the worker makes them."""
    batches: dict[Place, list[bytes]] = defaultdict(list)
    builders: dict[Place, tuple[int, DefaultRecordBatchBuilder]] = {}
    ends: dict[Place, int] = defaultdict(int)
    names = [(name, partition_of(name)) for name in load.names]
    count = 0

    def close(place: Place) -> None:
        begun, builder = builders.pop(place)
        batches[place].append(begun.to_bytes(8, "big") + bytes(builder.build()[8:]))

    def append(place: Place, due: int, name: bytes, value: bytes) -> bool:
        if place not in builders:
            builders[place] = ends[place], DefaultRecordBatchBuilder(
                magic=2, compression_type=0, is_transactional=0, producer_id=-1,
                producer_epoch=-1, base_sequence=-1, batch_size=BATCH,
            )  # fmt: skip
        begun, builder = builders[place]
        return builder.append(ends[place] - begun, due, name, value, []) is not None

    for topic, due, head, tail in load.rows():
        for name, number in names:
            place, value = Place(topic, number), head + name + tail
            if not append(place, due, name, value):
                close(place)
                append(place, due, name, value)
            ends[place] += 1
            count += 1
    for place in list(builders):
        close(place)
    return Fetches({place: _joined(some) for place, some in batches.items()}, dict(ends), count)


def _joined(batches: Sequence[bytes]) -> list[bytes]:
    found, size = [[batches[0]]], len(batches[0])
    for one in batches[1:]:
        if size + len(one) > FETCH_BYTES:
            found.append([])
            size = 0
        found[-1].append(one)
        size += len(one)
    return [b"".join(some) for some in found]


class _Client:
    """The client as the parts of a worker see it: no lag, and every request is answered."""

    def partition_counts(self, topics: Sequence[Topic]) -> dict[Topic, int]:
        return dict.fromkeys(topics, PARTITIONS)

    def lags(self, expected: Mapping[TP, int]) -> dict[tuple[str, int], int | None]:
        return {tuple(one): 0 for one in expected}

    def highwater(self, _: TP) -> int:
        return 0

    def uncommitted(self, _: TP) -> int:
        return 0

    def last_answer(self) -> float:
        return time.time()

    def is_current(self, _: Slice) -> bool:
        return True

    def __init__(self) -> None:
        self.backlog = Backlog()


class _App:
    """What the parts of a worker ask of its app."""

    def __init__(self) -> None:
        self.consumer = _Client()
        self._consumer = self._producer = None
        self.names = Naming()
        self.crash_reason = None
        self.consumer_generation_id = 0
        self.rebalancing = self.in_recovery = False
        self.ownership = self.recorder = None


def _nothing(_: int) -> nullcontext[Mapping[bytes, bytes]]:
    """No stored records."""
    return nullcontext({})


def new() -> Work:
    """The parts of a worker that holds all partitions, with nothing stored."""
    work = new_work(
        _App(),
        Settings(clock="event", partitions=PARTITIONS),
        Pseudonyms(_KEY),
        time.time,
        _nothing,
        sealing=_SEALING,
    )
    asyncio.run(work.holder.take_over(set(range(PARTITIONS))))
    return work


_SEALING = Sealing(_KEY)


def _once(fetched: Fetches) -> Figures:
    work, clock = new(), Clock()
    with ExitStack() as stack:
        for owner, name, stage in _TIMED:
            stack.enter_context(patch.object(owner, name, clock(stage, getattr(owner, name))))
        folds = {
            topic: clock(_FOLDS.get(topic, "fold others"), fold)
            for topic, fold in vars(engine_module)["FOLDS"].items()
        }
        stack.enter_context(patch.object(engine_module, "FOLDS", folds))
        gc.collect()
        take_in(work, fetched, clock)
    shared = {"render": SCRAPED}
    figures = {
        stage: round(clock.spent[stage] / shared.get(stage, fetched.records), 1) for stage in STAGES
    }
    return figures | {"all": round(sum(figures.values()), 1)}


_FOLDS: dict[Topic, str] = {"alarms": "fold alarms", "responses": "fold responses"}
_TIMED: tuple[tuple[Any, str, str], ...] = (
    (partition, "decode_slice", "decode"),
    (Engine, "take", "admit"),
    (engine_module, "derive", "derive"),
    (engine_module, "reclassify", "derive"),
    (engine_module, "finalise", "publish"),
    (outbox, "encode_episodes", "encode"),
    (engine_module, "evaluate", "overload"),
    (engine_module, "evaluate_before", "overload"),
    (engine_module, "evict", "evict"),
    (engine_module, "compact", "evict"),
    (partition.Partition, "take_slice", "slice"),
    (partition.Partition, "advance", "advance"),
)


def take_in(work: Work, fetched: Fetches, clock: Clock) -> None:
    """Take in everything, store it and render it, with the time counted by `clock`."""
    taken = 0
    for one in slices(fetched, clock):
        clock.begin("slice")
        work.reader.take(work.holder.held[one.partition], one)
        clock.end()
        taken += len(one)
        if taken >= EVERY:
            taken = 0
            _store(work, clock)
    _store(work, clock)
    _scrape(work, clock)


def slices(fetched: Fetches, clock: Clock) -> Iterator[Slice]:
    """The slices in the order in which the worker takes them in; reading them is timed."""
    left = {place: iter(some) for place, some in fetched.of.items()}
    reading: dict[Place, FetchedRecords] = {}
    position: dict[Place, int] = dict.fromkeys(left, 0)
    backlog = Backlog()
    while True:
        clock.begin("read")
        found = []
        for place in backlog.wanted(left):
            place = Place(*place)
            records = reading.get(place)
            if records is None or records.done:
                data = next(left[place], None)
                if data is None:
                    continue
                records = reading[place] = FetchedRecords(
                    TP(*place), FetchedBytes(data), None, position[place]
                )
            one = records.read_slice(fetched.ends[place])
            position[place] = one.next_offset
            found.append(one)
        backlog.add(
            found, {place: Reach(at, fetched.ends[place]) for place, at in position.items()}
        )
        one_taken = backlog.take(0.0)
        clock.end()
        if one_taken is None:
            return
        yield one_taken


def _store(work: Work, clock: Clock) -> None:
    """A checkpoint of every partition."""
    for held in work.holder.held.values():
        clock.begin("checkpoint")
        held.partition.evaluate()
        if held.partition.changed:
            work.reader.advance(held)
            plan = held.checkpoints.plan(held.partition)
            _SEALING.sealed(plan.shards + plan.manifest)
            held.partition.outbox.emitted()
        clock.end()


def _scrape(work: Work, clock: Clock) -> None:
    clock.begin("render")
    page = asyncio.run(work.exporter.scrape(Format.TEXT))
    sum(map(len, page.pieces(gzip=True)))
    clock.end()
