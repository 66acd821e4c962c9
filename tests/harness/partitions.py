"""Partitions, and their stored state in a compacted topic, without a broker."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

from analyzer import TOPICS, Engine, Policy, Topic
from analyzer.model.facts import FACT_TYPES, Fact
from analyzer.model.policy import HOUR
from streams.kafka.slices import Slice
from streams.metrics.library import burden_metrics, outcome_counts_metric, samples, watermark_metric
from streams.partitions.checkpoint import Checkpoints, Restored
from streams.partitions.partition import Partition
from streams.simulator import Ward, simulate

POLICY = Policy(horizon=240 * HOUR)
"""Remembers longer than any ward lasts: beyond the horizon it matters in which order topics are
read.
"""

TOPIC_OF = {type_: topic for topic, type_ in FACT_TYPES.items()}

Offsets = dict[Topic, int]

Stored = dict[bytes, bytes]

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


def new_partition(restored: Restored | None = None, policy: Policy = POLICY) -> Partition:
    one = restored or Restored(Engine(policy), {})
    return Partition(0, 1, one.engine, one.next_offsets, str, 1 << 20, one.outbox)


def numbers(partition: Partition) -> Numbers:
    """All of /metrics for a partition that has been advanced."""
    engine = partition.engine
    metrics = [
        *burden_metrics(engine.measure(), str, POLICY.min_classified),
        outcome_counts_metric(engine.outcome_counts),
        watermark_metric(engine.watermarks()),
    ]
    return {(one.name, frozenset(one.labels.items())): one.value for one in samples(metrics)}


class Record(NamedTuple):
    """One Kafka record; `timestamp` in ms."""

    topic: Topic
    offset: int
    key: bytes
    value: bytes
    timestamp: int


def take(partition: Partition, records: list[Record]) -> None:
    """Feed records in slices, topics in rotation."""
    for topic, of_topic in groupby(records, key=lambda record: record.topic):
        _, offsets, keys, values, timestamps = map(list, zip(*of_topic, strict=True))
        partition.take_slice(
            Slice(topic, 0, offsets, timestamps, keys, values, offsets[0], offsets[-1] + 1)
        )


def as_record(topic: Topic, offset: int, fact: Fact) -> Record:
    wire = {"start": "from", "end": "to"} if topic == "assignments" else {}
    fields = {
        wire.get(name, name): value for name, value in asdict(fact).items() if value is not None
    }
    return Record(topic, offset, fact.facility.encode(), json.dumps(fields).encode(), fact.at)


@dataclass
class Source:
    """The input topics: their records in order, and the numbers of a worker that never fails."""

    records: dict[Topic, list[Record]]
    _straight: dict[tuple[int, ...], Numbers] = field(default_factory=dict)
    """By the number of records of each topic: workers that crash ask for the same again."""

    @classmethod
    def of(cls, facts: list[Fact]) -> Source:
        records: dict[Topic, list[Record]] = {topic: [] for topic in TOPICS}
        for fact in facts:
            topic = TOPIC_OF[type(fact)]
            records[topic].append(as_record(topic, len(records[topic]), fact))
        return cls(records)

    def straight(self, until: Mapping[Topic, int]) -> Numbers:
        counts = tuple(until.get(topic, 0) for topic in TOPICS)
        if counts not in self._straight:
            partition = new_partition()
            heads = zip(TOPICS, counts, strict=True)
            feed(
                partition,
                [record for topic, count in heads for record in self.records[topic][:count]],
            )
            self._straight[counts] = numbers(partition)
        return self._straight[counts]

    @property
    def ends(self) -> Offsets:
        return {topic: len(records) for topic, records in self.records.items()}


@cache
def long_source() -> Source:
    """Enough of one hospital for many blocks of every kind."""
    ward = Ward(
        seed=3,
        duration=30 * HOUR,
        units=2,
        beds=6,
        storms=8.0,
        duplicates=0.03,
        late=0.05,
        late_beyond=0.01,
        late_charting=0.3,
    )
    records: dict[Topic, list[Record]] = {topic: [] for topic in TOPICS}
    for one in simulate(ward):
        value = json.dumps(one.value).encode()
        records[one.topic].append(
            Record(one.topic, len(records[one.topic]), b"H01", value, one.due)
        )
    return Source(records)


def feed(partition: Partition, records: list[Record]) -> None:
    take(partition, records)
    partition.advance(None)


def stored_state(writer: str = "w") -> Stored:
    partition = new_partition()
    feed(partition, long_source().records["alarms"][:50])
    plan = Checkpoints(writer).plan(partition)
    return {key: value for key, value in plan.shards + plan.manifest if value is not None}


MANIFEST = json.dumps(["manifest", "w"], separators=(",", ":")).encode()


def latest_episodes(sent: list[Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """The latest by generation; where a checkpoint has given none, by position."""
    by_generation = sorted(sent, key=lambda one: int(dict(one.headers).get("edition", 0)))
    found = (json.loads(one.value) for one in by_generation if one.topic == "episodes")
    return {(one["facility"], one["alarm_id"]): one for one in found}


def slices(source: Source, steps: int) -> Iterator[list[Record]]:
    """Everything, in this many slices."""
    for step in range(steps):
        yield [
            record
            for records in source.records.values()
            for record in records[len(records) * step // steps : len(records) * (step + 1) // steps]
        ]


def whole(source: Source) -> Partition:
    partition = new_partition()
    for records in slices(source, 1):
        feed(partition, records)
    return partition
