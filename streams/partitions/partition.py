"""A partition: takes in slices of records, puts finished episodes into the outbox, and keeps the
state together with the offsets that it has reached.

This module is synchronous and independent of Faust. The path of an alarm is decode -> admit ->
fold. State is a function of the records up to its offsets, so a record that is delivered again is
recognized by its offset and skipped.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from operator import eq
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import structlog

from analyzer import (
    FACT_TYPES,
    OUTCOMES,
    Columns,
    Engine,
    Outcome,
    Policy,
    ShardKey,
    Topic,
)
from analyzer.model import MINUTE
from analyzer.pipeline import MINUTES
from analyzer.times import OPEN
from streams.formats.codec import Decoded, decode_slice
from streams.formats.control import Control, controls_among
from streams.kafka.batches import Unreadable
from streams.kafka.outgoing import Outgoing
from streams.kafka.records import NO_TIMESTAMP
from streams.kafka.slices import REPLAYED, TRUNCATED, Slice
from streams.partitions.outbox import NOTHING_STORED, Outbox, StoredOutbox
from streams.partitions.recomputing import EMITTED_AGAIN, Recomputing

log = structlog.get_logger("alarm_fatigue")

EXPLAIN = {
    "misrouted": "key: expected the record's facility, by which partitions are chosen",
    "future": "at: expected no more than max_ahead after the record's timestamp",
    "late": (
        "at: expected no more than the allowed lateness behind the topic's watermark, "
        "nor the horizon before the record's timestamp"
    ),
}
EXPLAIN_NO_TIMESTAMP = (
    "timestamp: the record has none, so that at cannot be compared with it; expected one "
    "from the producer, or a topic with "
    "message.timestamp.type=LogAppendTime"
)
_PLACES = {
    topic: {name: place for place, name in enumerate(type_.__slots__)}
    for topic, type_ in FACT_TYPES.items()
}
_new = tuple.__new__  # a named tuple's own constructor takes three times as long
_ACCEPTED, _DUPLICATE = OUTCOMES.index("accepted"), OUTCOMES.index("duplicate")


class TakenSlice(NamedTuple):
    """The event times (ms) of the records of a slice that were accepted."""

    accepted_at: npt.NDArray[np.int64]


class Poisoned(RuntimeError):
    """The engine failed in the middle of a slice, so its state must never be stored."""


class Partition:
    """One source partition: its engine, the next offset that it expects of each topic, and its
    outgoing records.
    """

    def __init__(
        self,
        number: int,
        partitions: int,
        engine: Engine,
        next_offsets: Mapping[Topic, int],
        pseudonym: Callable[[str], str],
        max_record_bytes: int,
        restored: StoredOutbox = NOTHING_STORED,
        recomputing: Recomputing | None = None,
        again_before: int | None = None,
    ) -> None:
        """`restored` is the outbox of the stored state, whose records may not have been sent.

        `again_before` (ms): final episodes that ended before this are still to be emitted again.
        """
        self.number = number
        self.engine = engine
        self.next_offsets: dict[Topic, int] = dict(next_offsets)
        self.outbox = Outbox(engine, pseudonym, restored)
        """Episodes and overload transitions, sent once the state is stored."""
        self.recomputing = recomputing
        """How far the state is from its inputs; None: it has reached them."""
        self.again_before = again_before
        self.outbox.silent = recomputing is not None and recomputing.is_silent(self.next_offsets)
        self.rejected: list[Outgoing] = []
        """Rejected records, sent at once. If they are sent again after a crash, they are equal."""
        self.truncated: dict[Topic, int] = dict.fromkeys(FACT_TYPES, 0)
        """Free texts that were cut, by topic, since this worker took over the partition."""
        self._keyed = partitions > 1  # with one partition, no key is wrong
        self._max_record_bytes = max_record_bytes
        self._poisoned = False
        self._changed = False

    @property
    def changed(self) -> bool:
        """Whether anything happened since the last checkpoint was planned."""
        return self._changed or self.outbox.pending.episodes > 0

    @changed.setter
    def changed(self, changed: bool) -> None:
        self._changed = changed

    def take_slice(self, one: Slice, now: int | None = None) -> TakenSlice:
        """Take in the records that were not taken in before.

        `now` (ms) is when they were read, for the counts of the last minutes; None keeps no counts.
        """
        if now is not None:
            self.engine.recent.begin(now)
        for batch in one.unreadable:
            if batch.begin >= self.next_offsets.get(one.topic, 0):
                self._reject_batch(one, batch)
        new = bisect_left(one.offsets, self.next_offsets.get(one.topic, 0))
        if new:
            one = (
                one.cut(new)[1]
                if new < len(one.offsets)
                else Slice(one.topic, one.partition, [], [], [], [], one.begin, one.next_offset)
            )
        try:
            accepted_at = self._take_in(one)
        except Exception:
            self._poisoned = True
            raise
        if one.next_offset > self.next_offsets.get(one.topic, 0):
            self.next_offsets[one.topic] = one.next_offset
            self.changed = True
        if self.recomputing is not None:
            self.recomputing.note(one.topic, one.begin, one.timestamps)
        return TakenSlice(accepted_at)

    def _take_in(self, one: Slice) -> npt.NDArray[np.int64]:
        topic = one.topic
        decoded = decode_slice(topic, one.values, self._max_record_bytes)
        if decoded.malformed:
            controls = list(controls_among(decoded.malformed, one.values, one.keys))
            if controls:
                return self._take_in_parts(one, controls)
        return self._take_facts(one, decoded)

    def _take_in_parts(
        self, one: Slice, controls: Sequence[tuple[int, Control]]
    ) -> npt.NDArray[np.int64]:
        """Take in a slice that holds control records, each at its position among the facts."""
        accepted, begin = [], 0
        for place, control in [*controls, (len(one), None)]:
            if begin < place:
                part = one.records(begin, place)
                decoded = decode_slice(part.topic, part.values, self._max_record_bytes)
                accepted.append(self._take_facts(part, decoded))
            if control is not None:
                self._obey(one, place, control)
            begin = place + 1
        return np.concatenate(accepted) if accepted else np.empty(0, dtype=np.int64)

    def _obey(self, one: Slice, place: int, control: Control) -> None:
        log.info(
            "control record",
            control=control.control,
            facility=control.facility,
            at=control.at,
            event_id=control.event_id,
            topic=one.topic,
            partition=self.number,
            offset=one.offsets[place],
        )
        self.engine.control(
            one.topic, control.control, control.facility, control.at, control.clinician
        )
        if control.clinician is not None:
            self.outbox.erase(control.facility, control.clinician)

    def _take_facts(self, one: Slice, decoded: Decoded) -> npt.NDArray[np.int64]:
        topic = one.topic
        self.truncated[topic] += decoded.truncated
        for place, detail in decoded.malformed:
            self.engine.count(topic, "malformed")
            self.engine.recent.refused(topic, "malformed", one.keys[place])
            self._reject(one, place, "malformed", detail)
        columns, places = decoded.columns, decoded.places
        if self._keyed:
            columns, places = self._routed(one, columns, places)
        stamps = (
            one.timestamps
            if len(places) == len(one.timestamps)
            else [one.timestamps[place] for place in places]
        )
        outcomes = self.engine.take(topic, columns, stamps)
        for number in np.flatnonzero((outcomes != _ACCEPTED) & (outcomes != _DUPLICATE)).tolist():
            outcome, place = OUTCOMES[outcomes[number]], places[number]
            has_none = outcome == "future" and one.timestamps[place] == NO_TIMESTAMP
            self._reject(
                one, place, outcome, EXPLAIN_NO_TIMESTAMP if has_none else EXPLAIN[outcome]
            )
        at = np.array(columns[_PLACES[topic]["at"]], dtype=np.int64)
        return at[np.flatnonzero(outcomes == _ACCEPTED)]

    def _routed(
        self, one: Slice, columns: Columns, places: Sequence[int]
    ) -> tuple[Columns, Sequence[int]]:
        """The facts whose key is their facility; the others are rejected."""
        facilities = columns[_PLACES[one.topic]["facility"]]
        encoded = {facility: facility.encode() for facility in set(facilities)}
        keys = one.keys if len(places) == len(one.keys) else [one.keys[place] for place in places]
        right = list(map(eq, keys, map(encoded.__getitem__, facilities)))
        if all(right):
            return columns, places
        for place in compress(places, (not is_right for is_right in right)):
            self.engine.count(one.topic, "misrouted")
            self.engine.recent.refused(one.topic, "misrouted", one.keys[place])
            self._reject(one, place, "misrouted", EXPLAIN["misrouted"])
        return tuple(list(compress(column, right)) for column in columns), list(
            compress(places, right)
        )

    def _reject(self, one: Slice, place: int, reason: Outcome, detail: str) -> None:
        where = {
            "topic": one.topic,
            "partition": str(self.number),
            "offset": str(one.offsets[place]),
        }
        headers = {"reason": reason, "detail": detail} | where
        # read by `alarm-fatigue rejected replay`
        if times := one.replayed.get(one.offsets[place]):
            headers[REPLAYED] = str(times)
        self.rejected.append(
            Outgoing(
                "rejected",
                one.keys[place],
                one.values[place],
                [(name, value.encode()) for name, value in headers.items()],
            )
        )

    def _reject_batch(self, one: Slice, batch: Unreadable) -> None:
        """Reject an unreadable batch; the record holds the beginning of its bytes."""
        headers = {
            "reason": "malformed",
            "detail": "batch: expected readable records, found none from here to offset "
            f"{batch.next_offset - 1}: {batch.reason}",
            "topic": one.topic,
            "partition": str(self.number),
            "offset": str(batch.begin),
        }
        if batch.size > len(batch.sample):
            headers |= {TRUNCATED: "true", "original_size": str(batch.size)}
        self.rejected.append(
            Outgoing(
                "rejected",
                None,
                batch.sample,
                [(name, value.encode()) for name, value in headers.items()],
            )
        )

    def advance(self, now: int | None) -> None:
        """Advance time (see `Engine.advance`)."""
        try:
            finished = self.engine.advance(now)
        except Exception:
            self._poisoned = True
            raise
        self.outbox.add(finished)
        if self.outbox.silent:
            self._speak_if_due()
        elif self.again_before is not None and self.outbox.pending.episodes < EMITTED_AGAIN:
            self.again_before = self.engine.emit_again_before(self.again_before, EMITTED_AGAIN)

    def _speak_if_due(self) -> None:
        """Begin to emit once the records that another version has processed are read.

        First, all held episodes are emitted, the latest ones first: the other version may not have
        emitted these.
        """
        if self.recomputing is None or not self.recomputing.is_silent(self.next_offsets):
            self.outbox.silent = False
            self.again_before = OPEN

    def recomputed(self) -> None:
        """Say that the state has reached its inputs."""
        if self.recomputing is not None and (self.recomputing.span or 0) > MINUTES * MINUTE:
            self.engine.recent.clear()
        self.recomputing = None
        self.engine.version += 1
        self.changed |= bool(self.next_offsets)
        if self.outbox.silent:
            self._speak_if_due()

    def drop_departed(self, now: int) -> None:
        """Drop silent facilities, once all records were taken in (see `Engine.drop_departed`)."""
        try:
            dropped = self.engine.drop_departed(now)
        except Exception:
            self._poisoned = True
            raise
        if dropped:
            self.changed = True
            log.info(
                "facilities forgotten: silent for longer than the horizon",
                partition=self.number,
                facilities=len(dropped),
            )

    def evaluate(self) -> None:
        """Evaluate the overload states up to the present; silence changes them, too."""
        try:
            self.changed = self.engine.evaluate() or self.changed
        except Exception:
            self._poisoned = True
            raise

    def take_rejected(self) -> list[Outgoing]:
        """Hand over the rejected records; the caller must send them."""
        rejected, self.rejected = self.rejected, []
        return rejected

    def state(self) -> dict[str, Any]:
        """The part of the state outside the engine's shards, in plain values."""
        if self._poisoned:
            raise Poisoned(
                f"partition {self.number}: the engine failed while taking in a slice; its "
                "state is not stored"
            )
        return {
            "next_offsets": dict(self.next_offsets),
            "tally": [
                [topic, outcome, count]
                for (topic, outcome), count in sorted(self.engine.outcome_counts.items())
            ],
            "controls": dict(self.engine.controls),
            "recomputing": None if self.recomputing is None else self.recomputing.stored(),
            "again_before": self.again_before,
        }


def restored_engine(
    policy: Policy, shards: Mapping[ShardKey, Any], state: Mapping[str, Any], reclassify: bool
) -> Engine:
    """The engine of a stored state (see `Partition.state`)."""
    engine = Engine.load(
        policy,
        shards,
        {(topic, outcome): count for topic, outcome, count in state["tally"]},
        reclassify,
    )
    engine.controls = dict(state["controls"])
    return engine
