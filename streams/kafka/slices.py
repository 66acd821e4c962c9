"""Slices: runs of fetched records of one topic-partition, and the order in which they are handed
on.

A slice says where it begins and where it ends, so that the state, which says what it expects next,
can tell at once whether anything is missing or comes twice. Whatever is fetched waits in a
`Backlog`, which reads a partition's topics side by side in time: an alarm must not be finished
before its response, which lies in another topic, was read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from analyzer import TOPICS, Topic
from streams.kafka.batches import Unreadable

log = structlog.get_logger("alarm_fatigue")

AHEAD_MS = 600_000
"""How far, in record time, a topic may be read ahead of another one of its partition that has
records waiting.
"""
FAR_AHEAD_MS = 3_600_000
"""The same where few records lie between: a small hospital's ten minutes are not worth a slice of
their own. Well within the horizon, and what is read ahead is not worked on before `FEW_RECORDS`
have come or a second has passed.
"""
FEW_RECORDS = 1_000
TRUNCATED = "truncated"
"""Header of an output record that was cut to what its topic takes; it is not whole."""
REPLAYED = "replayed"
"""Header of a record that was sent again from `rejected`: how often."""
PATIENCE_SECONDS = 10.0
"""How long a topic whose records do not come holds up the others."""


class Place(NamedTuple):
    """A topic-partition; equal to Faust's and to the client's own."""

    topic: Topic
    partition: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Records of one topic-partition, by columns: all there are from offset `begin` up to, not
    including, `next_offset`.

    Offsets may have gaps, where compaction or transactions took some away, or batches cannot be
    read; a slice of gaps alone has no records.
    """

    topic: Topic
    partition: int
    offsets: list[int]
    timestamps: list[int]
    """The records' own times in Kafka, ms."""
    keys: list[bytes | None]
    values: list[bytes | None]
    begin: int
    next_offset: int
    epoch: int = 0
    """Between which two seeks it was fetched: those of earlier ones are void."""
    moved: bool = False
    """Whether it does not follow on what was fetched before, for the broker no longer has what
    does.
    """
    replayed: Mapping[int, int] = field(default_factory=dict)
    """How often a record was sent again from `rejected`, by offset; most never were, and are not in
    it.
    """
    unreadable: tuple[Unreadable, ...] = ()
    """Batches among these offsets that could not be read, in order."""

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def place(self) -> Place:
        return Place(self.topic, self.partition)

    def cut(self, count: int) -> tuple[Slice, Slice]:
        """The first `count` records, and the others; both are some."""
        middle = self.offsets[count - 1] + 1
        head = tuple(one for one in self.unreadable if one.begin < middle)
        tail = self.unreadable[len(head) :]
        return (
            self._part(slice(None, count), self.begin, middle, self.moved, head),
            self._part(slice(count, None), middle, self.next_offset, False, tail),
        )

    def records(self, begin: int, end: int) -> Slice:
        """The records at the places `begin` <= n < `end`, without what lies around them."""
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
    """How often a record with these headers was sent again; 0 where they do not tell."""
    for name, value in headers:
        if name == REPLAYED and value is not None and value.isdigit() and len(value) < 10:
            return int(value)
    return 0


class Reach(NamedTuple):
    """How far a topic-partition was fetched, and how far it goes (None: the broker has not told
    yet).
    """

    position: int
    end: int | None

    @property
    def at_end(self) -> bool:
        return self.end is not None and self.position >= self.end


class Backlog:
    """Fetched slices that wait, one a topic-partition at most, so that what is fetched ahead is
    bounded.
    """

    def __init__(self) -> None:
        self._lanes: dict[int, _Lane] = {}
        self._turns: deque[int] = deque()
        self.paused: frozenset[int] = frozenset()
        """Partitions of which nothing is fetched or handed on; what they have waits (see
        `streams.partitions.pressure`).
        """

    def clear(self) -> None:
        self._lanes.clear()
        self._turns.clear()

    def wanted(self, places: Iterable[tuple[Topic, int]]) -> set[tuple[Topic, int]]:
        """Those of `places` of which nothing waits, and that are not paused."""
        reading = (place for place in places if place[1] not in self.paused)
        return {
            place
            for place in reading
            if place[1] not in self._lanes or place[0] not in self._lanes[place[1]].waiting
        }

    def add(self, slices: Iterable[Slice], reached: Mapping[Place, Reach]) -> None:
        """Slices of `wanted` places, and how far all places are fetched now that these are."""
        for place, reach in reached.items():
            self._lane(place.partition).reached[place.topic] = reach
        for one in slices:
            lane = self._lane(one.partition)
            lane.waiting[one.topic] = one
            lane.absent.discard(one.topic)

    def _lane(self, partition: int) -> _Lane:
        if partition not in self._lanes:
            self._lanes[partition] = _Lane()
            self._turns.append(partition)
        return self._lanes[partition]

    def take(self, now: float) -> Slice | None:
        """The next slice, partitions taking turns; `now` in seconds of any clock that does not go
        back.
        """
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
        """Of places where something waits, the time (ms) of the record that is first in line."""
        return {
            one.place: one.timestamps[0]
            for lane in self._lanes.values()
            for one in lane.waiting.values()
            if one.timestamps
        }


class _Lane:
    """One partition's topics, side by side."""

    def __init__(self) -> None:
        self.waiting: dict[Topic, Slice] = {}
        self.reached: dict[Topic, Reach] = {}
        self.absent: set[Topic] = set()
        """Topics that nobody waits for any longer, until they come."""
        self._read_to: dict[Topic, int] = {}
        self._held_up_since: float | None = None

    def take(self, now: float) -> Slice | None:
        for topic, one in self.waiting.items():
            if not one.timestamps:  # gaps belong to no time
                return self.waiting.pop(topic)
        if not self.waiting:
            return None
        oldest = min(self.waiting.values(), key=lambda one: one.timestamps[0])
        limit, behind = self._limit(oldest.topic)
        if limit is not None and oldest.timestamps[0] > limit:
            if self._held_up_since is None:
                self._held_up_since = now
            if now - self._held_up_since < PATIENCE_SECONDS:
                return None
            self.absent.add(behind)
            return self.take(now)
        self._held_up_since = None
        del self.waiting[oldest.topic]
        if limit is not None and max(oldest.timestamps) > limit:
            count = next(n for n, time in enumerate(oldest.timestamps) if time > limit)
            if count < FEW_RECORDS:
                far = limit + FAR_AHEAD_MS - AHEAD_MS
                count = next(
                    (n for n, time in enumerate(oldest.timestamps[:FEW_RECORDS]) if time > far),
                    FEW_RECORDS,
                )
            if count < len(oldest):
                oldest, self.waiting[oldest.topic] = oldest.cut(count)
        if oldest.timestamps[-1] >= 0:  # others have none
            self._read_to[oldest.topic] = oldest.timestamps[-1]
        return oldest

    def _limit(self, of: Topic) -> tuple[int | None, Topic]:
        """Up to which record time `of` may be read, and the topic that sets the limit.

        None: no topic has more to come.
        """
        lowest: tuple[int, Topic] | None = None
        for topic, reach in self.reached.items():
            if topic == of or topic in self.absent:
                continue
            if topic in self.waiting:
                time = self.waiting[topic].timestamps[0]
            elif reach.at_end:
                continue
            else:  # it has more, and none of it can be older than what came last
                time = self._read_to.get(topic, -AHEAD_MS - 2)
            if lowest is None or time < lowest[0]:
                lowest = time, topic
        return (None, of) if lowest is None else (lowest[0] + AHEAD_MS, lowest[1])


def report_move(one: Slice, expected: int) -> None:
    """The broker no longer has the record that the state expects; what it has begins at the
    slice's.
    """
    if one.begin > expected:
        log.warning(
            "records are gone before they were read, most likely by the topic's retention; "
            "going on with the first there is",
            topic=one.topic,
            partition=one.partition,
            lost=one.begin - expected,
            expected=expected,
            going_on_at=one.begin,
        )
    else:
        log.warning(
            "the topic ends before what was read of it, so it was made anew or cut off; "
            "reading it from its beginning, with the state "
            "kept: records known by their event_id are duplicates",
            topic=one.topic,
            partition=one.partition,
            expected=expected,
            going_on_at=one.begin,
        )


class Skipped:
    """Batches that could not be read: a line in the log for each, and counts by topic, for as long
    as the worker runs.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = dict.fromkeys(TOPICS, 0)

    def __call__(self) -> dict[str, int]:
        return dict(self._counts)

    def note(self, one: Slice) -> None:
        """What a slice could not bring."""
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
