"""A partition's work: records in, outcomes into the outbox, state that says which record it has taken in last.

All of it is synchronous and knows no Faust: the path of an alarm is decode -> admit -> apply. State is a function of the
records up to its offsets, so a record delivered again is known by its offset and skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzer import Engine, EpisodeRecord, Outcome, Policy, Topic
from streams.codec import Malformed, decode, encode_episode, to_json
from streams.slices import Slice

Headers = list[tuple[str, bytes]]

EXPLAIN = {
    "misrouted": "key: expected the record's facility, by which partitions are chosen",
    "future": "at: expected no more than max_ahead after the record's timestamp",
    "late": "at: expected no more than the allowed lateness behind the topic's watermark",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record; `timestamp` in ms."""

    topic: Topic
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be produced."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = field(default_factory=list)


class Taken(NamedTuple):
    """What became of a record; `at` is the event time (ms) of one that is a fact."""

    outcome: Outcome
    at: int | None
    detail: str = ""


class TakenSlice(NamedTuple):
    """What became of a slice: the event times (ms) of the records that are facts."""

    accepted_at: npt.NDArray[np.int64]


class Poisoned(RuntimeError):
    """The engine failed in the middle of a record: its state must never be stored."""


class Partition:
    """One source partition: its engine, the next offset it expects of each topic, and what it has to say."""

    def __init__(
        self,
        number: int,
        partitions: int,
        engine: Engine,
        next_offsets: Mapping[Topic, int],
        pseudonym: Callable[[str], str],
        max_record_bytes: int,
        episodes: Iterable[Outgoing] = (),
    ) -> None:
        self.number = number
        self.engine = engine
        self.next_offsets: dict[Topic, int] = dict(next_offsets)
        self.outbox: list[Outgoing] = []
        """Rejected records, to be sent at once: sent again after a crash, they are the same."""
        self.episodes: list[Outgoing] = list(episodes)
        """Finished episodes, to be stored with the state and sent after: a version of a state that was lost must not be the last word."""
        self.changed = bool(self.episodes)
        """Whether anything happened since the last checkpoint was planned."""
        self._keyed = partitions > 1  # with one partition any key leads to the right place
        self._pseudonym = pseudonym
        self._max_record_bytes = max_record_bytes
        self._poisoned = False

    def take_slice(self, one: Slice) -> TakenSlice:
        """Take in the records that are new."""
        accepted_at = []
        for offset, timestamp, key, value in zip(one.offsets, one.timestamps, one.keys, one.values, strict=True):
            taken = self.take(Record(one.topic, offset, key, value, timestamp))
            if taken is not None and taken.outcome == "accepted" and taken.at is not None:
                accepted_at.append(taken.at)
        if one.next_offset > self.next_offsets.get(one.topic, 0):
            self.next_offsets[one.topic] = one.next_offset
            self.changed = True
        return TakenSlice(np.array(accepted_at, np.int64))

    def take(self, record: Record) -> Taken | None:
        """Take in one record; None if it was taken in before."""
        if record.offset < self.next_offsets.get(record.topic, 0):
            return None
        try:
            taken = self._judge(record)
        except Exception:
            self._poisoned = True
            raise
        if taken.outcome not in ("accepted", "duplicate"):
            self._reject(record, taken)
        self.next_offsets[record.topic] = record.offset + 1
        self.changed = True
        return taken

    def _judge(self, record: Record) -> Taken:
        try:
            fact = decode(record.topic, record.value, self._max_record_bytes)
        except Malformed as error:
            self.engine.count(record.topic, "malformed")
            return Taken("malformed", None, str(error))
        if self._keyed and record.key != fact.facility.encode():
            self.engine.count(record.topic, "misrouted")
            return Taken("misrouted", fact.at, EXPLAIN["misrouted"])
        outcome = self.engine.apply(record.topic, fact, record.timestamp)
        return Taken(outcome, fact.at, EXPLAIN.get(outcome, ""))

    def _reject(self, record: Record, taken: Taken) -> None:
        place = {"topic": record.topic, "partition": str(self.number), "offset": str(record.offset)}
        headers = {"reason": taken.outcome, "detail": taken.detail} | place
        self.outbox.append(Outgoing("rejected", record.key, record.value, [(name, value.encode()) for name, value in headers.items()]))

    def advance(self, now: int | None) -> None:
        """Move time (see `Engine.advance`)."""
        records = self.engine.advance(now)
        self.episodes += [self._episode(record) for record in records]
        self.changed = self.changed or bool(records)

    def _episode(self, record: EpisodeRecord) -> Outgoing:
        fields = encode_episode(record, self._pseudonym)
        return Outgoing("episodes", record.facility.encode(), to_json(fields), [("id", fields["id"].encode())])

    def take_outbox(self) -> list[Outgoing]:
        outbox, self.outbox = self.outbox, []
        return outbox

    def take_episodes(self) -> list[Outgoing]:
        episodes, self.episodes = self.episodes, []
        return episodes

    def state(self) -> dict[str, Any]:
        """What belongs to the state beside the engine's shards, in plain values."""
        if self._poisoned:
            raise Poisoned(f"partition {self.number}: the engine failed while taking in a record; its state is not stored")
        return {
            "next_offsets": dict(self.next_offsets),
            "tally": [[topic, outcome, count] for (topic, outcome), count in sorted(self.engine.tally.items())],
        }


def restored_engine(policy: Policy, shards: dict[str, dict[Any, Any]], state: dict[str, Any]) -> Engine:
    """The engine of a stored state (see `Partition.state`)."""
    return Engine.load(policy, shards, {(topic, outcome): count for topic, outcome, count in state["tally"]})
