"""Slices: consecutive fetched records of one topic-partition, and the order in which they are read.

A slice states its first and next offset. The state knows which offset it expects, so it detects
missing and repeated records at once. Fetched slices wait in a `Backlog`, which merges the topics of
a partition by record time: an alarm must not be finished before its response, which is in another
topic, was read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from analyzer import TOPICS, Topic
from streams.kafka.batches import Unreadable

log = structlog.get_logger("alarm_fatigue")

AHEAD_MS = 600_000
"""How far, in record time, a topic may be read ahead of another topic of its partition that has
records waiting.
"""
FAR_AHEAD_MS = 3_600_000
"""The same if this adds at most `FEW_RECORDS` records: ten minutes of a small hospital are not
worth a slice. This is well within the horizon, and facts read ahead stay pending until more records
arrive or a second has passed.
"""
LEAD_MS = 43_200_000
"""The same for topics other than `alarms`, whose times finish no alarm: until the alarms come,
their facts are only held. They must not be so old that they are forgotten before that (see
`Backlog`).
"""
FEW_RECORDS = 1_000
TRUNCATED = "truncated"
"""Header of an output record that was cut to the limit of its topic."""
REPLAYED = "replayed"
"""Header that holds how often a record was sent again from `rejected`."""
PATIENCE_SECONDS = 10.0
"""How long a topic whose records do not arrive blocks the others."""
PAUSED_FETCH_SECONDS = 0.02
"""Longest wait for fetched records while partitions are paused. The client may hold their records
already, so that nothing new arrives once they resume.
"""


class Place(NamedTuple):
    """A topic-partition; equal to Faust's and the client's tuples."""

    topic: Topic
    partition: int


@dataclass(frozen=True, slots=True)
class Slice:
    """All records of one topic-partition from offset `begin` up to, not including, `next_offset`,
    by columns.

    Offsets may have gaps because of compaction, transactions or unreadable batches. A slice of gaps
    only has no records.
    """

    topic: Topic
    partition: int
    offsets: list[int]
    timestamps: list[int]
    """The records' Kafka timestamps, ms."""
    keys: list[bytes | None]
    values: list[bytes | None]
    begin: int
    next_offset: int
    epoch: int = 0
    """The number of the seek before the fetch. Slices of earlier epochs are void."""
    moved: bool = False
    """Whether it does not continue the slice before, because the broker no longer has the next
    record.
    """
    replayed: Mapping[int, int] = field(default_factory=dict)
    """How often records were sent again from `rejected`, by offset. Others are left out."""
    unreadable: tuple[Unreadable, ...] = ()
    """Batches among these offsets that could not be read, in order."""

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def place(self) -> Place:
        return Place(self.topic, self.partition)

    def cut(self, count: int) -> tuple[Slice, Slice]:
        """The first `count` records, and the others; neither may be empty."""
        return self.part(0, count), self.part(count, len(self))

    def part(self, begin: int, end: int) -> Slice:
        """The records with the indexes `begin` <= n < `end`, and the gaps after each of them; the
        first part also has the gap before all. Parts that follow each other join without gap.
        """
        first, last = begin == 0, end == len(self)
        since = self.begin if first else self.offsets[begin - 1] + 1
        until = self.next_offset if last else self.offsets[end - 1] + 1
        unreadable = tuple(
            one
            for one in self.unreadable
            if (first or one.begin >= since) and (last or one.begin < until)
        )
        return self._part(slice(begin, end), since, until, self.moved and first, unreadable)

    def records(self, begin: int, end: int) -> Slice:
        """The records with the indexes `begin` <= n < `end`, without unreadable batches."""
        return self._part(slice(begin, end), self.begin, self.next_offset, False, ())

    def _part(
        self,
        which: slice,
        begin: int,
        next_offset: int,
        moved: bool,
        unreadable: tuple[Unreadable, ...],
    ) -> Slice:
        columns = self.offsets[which], self.timestamps[which], self.keys[which], self.values[which]
        return Slice(
            self.topic,
            self.partition,
            *columns,
            begin,
            next_offset,
            self.epoch,
            moved,
            self.replayed,
            unreadable,
        )


def times_replayed(headers: Iterable[tuple[str, bytes | None]]) -> int:
    """How often a record with these headers was sent again; 0 if they do not say."""
    for name, value in headers:
        if name == REPLAYED and value is not None and value.isdigit() and len(value) < 10:
            return int(value)
    return 0


class Reach(NamedTuple):
    """How far a topic-partition was fetched, and its end (None until the broker has
    reported it).
    """

    position: int
    end: int | None

    @property
    def at_end(self) -> bool:
        return self.end is not None and self.position >= self.end


class Backlog:
    """Fetched slices that wait: at most one per topic-partition, which bounds memory.

    `held_since` gives the record time (ms) since which facts are surely held until the alarms that
    they are about have come, however far they are read ahead.
    """

    def __init__(self, held_since: Callable[[], int] = lambda: 0) -> None:
        self._held_since = held_since
        self._lanes: dict[int, _Lane] = {}
        self._turns: deque[int] = deque()
        self.paused: frozenset[int] = frozenset()
        """Partitions that are not fetched or read; their slices wait (see
        `streams.partitions.pressure`).
        """

    def clear(self) -> None:
        self._lanes.clear()
        self._turns.clear()

    def wanted(self, places: Iterable[tuple[Topic, int]]) -> set[tuple[Topic, int]]:
        """The partitions among `places` that have no waiting slice and are not paused."""
        reading = (place for place in places if place[1] not in self.paused)
        return {
            place
            for place in reading
            if place[1] not in self._lanes or place[0] not in self._lanes[place[1]].waiting
        }

    def fetch_seconds(self, most: float) -> float:
        """How long a fetch may wait for records: `most`, and less while partitions are paused."""
        return min(most, PAUSED_FETCH_SECONDS) if self.paused else most

    def add(self, slices: Iterable[Slice], reached: Mapping[Place, Reach]) -> None:
        """Add slices of `wanted` places, and how far all places are fetched now."""
        for place, reach in reached.items():
            self._lane(place.partition).reached[place.topic] = reach
        for one in slices:
            lane = self._lane(one.partition)
            lane.waiting[one.topic] = _Waiting(one)
            lane.absent.discard(one.topic)

    def _lane(self, partition: int) -> _Lane:
        if partition not in self._lanes:
            self._lanes[partition] = _Lane(self._held_since)
            self._turns.append(partition)
        return self._lanes[partition]

    def take(self, now: float) -> Slice | None:
        """The next slice; partitions take turns. `now` in seconds of any monotonic clock."""
        for _ in range(len(self._turns)):
            partition = self._turns[0]
            self._turns.rotate(-1)
            if partition in self.paused:
                continue
            taken = self._lanes[partition].take(now)
            if taken is not None:
                return taken
        return None

    def oldest(self) -> dict[Place, int]:
        """The time (ms) of the first waiting record of each place that has one."""
        return {
            one.whole.place: one.oldest
            for lane in self._lanes.values()
            for one in lane.waiting.values()
            if one.whole.timestamps
        }


class _Waiting:
    """A fetched slice, which is taken in parts from its beginning."""

    def __init__(self, whole: Slice) -> None:
        self.whole = whole
        self._begin = 0
        self._times = whole.timestamps
        self._in_order = whole.timestamps == sorted(whole.timestamps)

    @property
    def oldest(self) -> int:
        """The time (ms) of the next record."""
        return self._times[self._begin]

    def up_to(self, limit: int) -> int:
        """How many of the next records come before the first one later than `limit` (ms)."""
        if self._in_order:
            return bisect_right(self._times, limit, self._begin) - self._begin
        rest = self._times[self._begin :]
        return next((count for count, time in enumerate(rest) if time > limit), len(rest))

    @property
    def left(self) -> int:
        """How many records are left."""
        return len(self._times) - self._begin

    def take(self, count: int) -> Slice:
        """The next `count` records."""
        begin, self._begin = self._begin, self._begin + count
        return self.whole if count == len(self._times) else self.whole.part(begin, self._begin)


class _Lane:
    """The topics of one partition, merged by record time."""

    def __init__(self, held_since: Callable[[], int]) -> None:
        self._held_since = held_since
        self.waiting: dict[Topic, _Waiting] = {}
        self.reached: dict[Topic, Reach] = {}
        self.absent: set[Topic] = set()
        """Topics that others no longer wait for, until they have records again."""
        self._read_to: dict[Topic, int] = {}
        self._blocked_since: float | None = None

    def take(self, now: float) -> Slice | None:
        for topic, one in self.waiting.items():
            if not one.whole.timestamps:  # gaps have no time
                return self.waiting.pop(topic).whole
        if not self.waiting:
            return None
        topic, oldest = min(self.waiting.items(), key=lambda one: one[1].oldest)
        limit, behind = self._limit(topic)
        if limit is not None and oldest.oldest > limit:
            if self._blocked_since is None:
                self._blocked_since = now
            if now - self._blocked_since < PATIENCE_SECONDS:
                return None
            self.absent.add(behind)
            return self.take(now)
        self._blocked_since = None
        taken = oldest.take(oldest.left if limit is None else self._count(topic, oldest, limit))
        if not oldest.left:
            del self.waiting[topic]
        if taken.timestamps[-1] >= 0:  # records may have no timestamp
            self._read_to[topic] = taken.timestamps[-1]
        return taken

    def _count(self, topic: Topic, one: _Waiting, limit: int) -> int:
        """How many records to take where `limit` is the time (ms) up to which any are read."""
        count = one.up_to(limit)
        if count < FEW_RECORDS:
            leads = topic != "alarms" and one.oldest >= self._held_since()
            ahead = LEAD_MS if leads else FAR_AHEAD_MS
            count = min(one.up_to(limit + ahead - AHEAD_MS), FEW_RECORDS)
        return count

    def _limit(self, of: Topic) -> tuple[int | None, Topic]:
        """The record time up to which `of` may be read, and the topic that sets this limit.

        None if no other topic has more records.
        """
        lowest: tuple[int, Topic] | None = None
        for topic, reach in self.reached.items():
            if topic == of or topic in self.absent:
                continue
            if topic in self.waiting:
                time = self.waiting[topic].oldest
            elif reach.at_end:
                continue
            else:  # it has more records, none of them older than the last one read
                time = self._read_to.get(topic, -AHEAD_MS - 2)
            if lowest is None or time < lowest[0]:
                lowest = time, topic
        return (None, of) if lowest is None else (lowest[0] + AHEAD_MS, lowest[1])


def report_move(one: Slice, expected: int) -> None:
    """Log that the broker no longer has the expected record, and that reading continues
    with `one`.
    """
    if one.begin > expected:
        log.warning(
            "records were deleted before they were read, most likely by the topic's retention; "
            "continuing with the first record that exists",
            topic=one.topic,
            partition=one.partition,
            lost=one.begin - expected,
            expected=expected,
            going_on_at=one.begin,
        )
    else:
        log.warning(
            "the topic ends before the expected offset, so it was recreated or truncated; "
            "reading it from its beginning with the present state: records with a known "
            "event_id are duplicates",
            topic=one.topic,
            partition=one.partition,
            expected=expected,
            going_on_at=one.begin,
        )


class Skipped:
    """Logs batches that could not be read, and counts them by topic since the worker started."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = dict.fromkeys(TOPICS, 0)

    def __call__(self) -> dict[str, int]:
        return dict(self._counts)

    def add(self, one: Slice) -> None:
        """Log and count the unreadable batches of a slice."""
        for batch in one.unreadable:
            self._counts[one.topic] += 1
            log.error(
                "a batch cannot be read and is skipped; its beginning is in the topic rejected",
                topic=one.topic,
                partition=one.partition,
                offsets=[batch.begin, batch.next_offset],
                size=batch.size,
                reason=batch.reason,
            )
