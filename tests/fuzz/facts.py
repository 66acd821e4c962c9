"""Targets `decode` and `engine`: values of the four input topics, one by one, and as the history of
a partition.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from analyzer import FACT_TYPES, TOPICS, Engine, Policy, Topic
from streams.formats.codec import Malformed, decode, decode_slice
from streams.kafka.slices import Slice
from streams.metrics.library import burden_metrics, outcome_counts_metric, samples, watermark_metric
from streams.partitions.checkpoint import Checkpoints, restore
from streams.partitions.outbox import NOTHING_STORED, StoredOutbox
from streams.partitions.partition import Partition

BASE = 1_772_348_400_000  # ms, 2026-03-01T07:00Z
MAX_BYTES = 1 << 20
POLICY = Policy()
CANARY = "Zq7patient"
"""Stands in many values of the corpus and of mutated inputs; it must never stand in a detail."""

_EARLIEST, _LATEST = 946_684_800_000, 4_133_980_799_999  # 2000-01-01 to the end of 2100
_DETAIL = re.compile(r"(\w+): (required, but missing|expected [ -~]{1,160})")
_FIELDS = {"value", "from", "to"} | {
    name for type_ in FACT_TYPES.values() for name in type_.__slots__
}
_MOST_DETAILS = 200
_FREE_TEXT = {"label": 1024, "reason": 1024, "reviewer": 1024, "role": 1024}
_IDS = {
    "event_id",
    "alarm_id",
    "assignment_id",
    "facility",
    "unit",
    "bed",
    "device_id",
    "device_type",
    "code",
    "clinician",
}
_seen_details: set[str] = set()


def check_detail(detail: str) -> None:
    """A detail names a field and what was expected.

    Were values in it, there would be no end of different ones.
    """
    found = _DETAIL.fullmatch(detail)
    assert found is not None, detail
    assert found[1] in _FIELDS, detail
    assert CANARY.lower() not in detail.lower(), detail
    _seen_details.add(detail)
    assert len(_seen_details) <= _MOST_DETAILS, "details are built from values"


def _check_id(text: str) -> None:
    assert 0 < len(text) <= 128, "length of an id"
    assert not any(unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp", "Cs") for one in text), (
        "character of an id"
    )


def check_fact(fact: dict[str, Any]) -> None:
    """The bounds that the contract sets for what is accepted."""
    for name, value in fact.items():
        if value is None:
            continue
        if name in _IDS:
            _check_id(value)
        elif name in ("at", "start", "end"):
            assert type(value) is int, name
            assert _EARLIEST <= value <= _LATEST, f"{name}: {value}"
        elif name == "acuity":
            assert 0 <= value <= 1000, name
        elif name in ("value", "limit"):
            assert math.isfinite(value), name
        elif name == "recipients":
            assert len(value) <= 256, name
            for one in value:
                _check_id(one)
        elif name in _FREE_TEXT:
            assert len(value) <= _FREE_TEXT[name], name
            value.encode()


def split(data: bytes) -> tuple[Topic, list[bytes | None]]:
    """The topic and its values: the first line names the topic; an empty line is a record without
    value.
    """
    head, _, rest = data.partition(b"\n")
    names = {topic.encode(): topic for topic in TOPICS}
    topic = names.get(head) or TOPICS[sum(head) % len(TOPICS)]
    return topic, [line or None for line in rest.split(b"\n")]


def decode_values(data: bytes) -> None:
    """Check that each value is a fact or has a detail, alone and among others, every time."""
    topic, values = split(data)
    decoded = decode_slice(topic, values, MAX_BYTES)
    again = decode_slice(topic, values, MAX_BYTES)
    assert (decoded.columns, list(decoded.places), decoded.malformed) == (
        again.columns,
        list(again.places),
        again.malformed,
    )
    malformed = dict(decoded.malformed)
    assert sorted([*decoded.places, *malformed]) == list(range(len(values)))
    names = FACT_TYPES[topic].__slots__
    facts = (
        dict(zip(decoded.places, zip(*decoded.columns, strict=True), strict=True))
        if decoded.places
        else {}
    )
    for place, fact in facts.items():
        fields = dict(zip(names, fact, strict=True))
        check_fact(fields)
        alone = decode(topic, values[place], MAX_BYTES)
        assert {name: getattr(alone, name) for name in names} == fields
    for place, detail in malformed.items():
        check_detail(detail)
        assert _detail_alone(topic, values[place]) == detail


def _detail_alone(topic: Topic, value: bytes | None) -> str | None:
    try:
        decode(topic, value, MAX_BYTES)
    except Malformed as error:
        return str(error)
    return None


# --- the engine


Step = tuple[Topic, int, bytes] | int


def steps(data: bytes) -> Iterator[Step]:
    """`TOPIC STAMP JSON` lines are records (s after `BASE`); `now STAMP` lines advance time."""
    names = {topic.encode(): topic for topic in TOPICS}
    for line in data.split(b"\n"):
        word, _, rest = line.partition(b" ")
        stamp, _, value = rest.partition(b" ")
        moment = BASE + (int(stamp) * 1000 if re.fullmatch(rb"-?\d{1,7}", stamp) else 0)
        if word == b"now":
            yield moment
        elif word:
            yield names.get(word) or TOPICS[sum(word) % len(TOPICS)], moment, value


def new_partition(
    engine: Engine | None = None,
    offsets: dict[Topic, int] | None = None,
    outbox: StoredOutbox = NOTHING_STORED,
) -> Partition:
    return Partition(0, 1, engine or Engine(POLICY), offsets or {}, str, MAX_BYTES, outbox)


def take_in(partition: Partition, work: list[Step], most: int) -> None:
    """Feed the records in slices of at most `most`, each of one topic."""
    ends: dict[Topic, int] = {}
    waiting: list[tuple[Topic, int, bytes]] = []

    def hand_on() -> None:
        if waiting:
            topic = waiting[0][0]
            begin = ends.get(topic, 0)
            ends[topic] = end = begin + len(waiting)
            keys: list[bytes | None] = [b"H"] * len(waiting)
            values: list[bytes | None] = [value for _, _, value in waiting]
            partition.take_slice(
                Slice(
                    topic,
                    0,
                    list(range(begin, end)),
                    [one[1] for one in waiting],
                    keys,
                    values,
                    begin,
                    end,
                )
            )
            waiting.clear()

    for step in work:
        if isinstance(step, int) or len(waiting) >= most or (waiting and waiting[0][0] != step[0]):
            hand_on()
        if isinstance(step, int):
            partition.advance(step)
        else:
            waiting.append(step)
    hand_on()


def numbers(partition: Partition) -> dict[Any, float]:
    """All of /metrics."""
    engine = partition.engine
    metrics = [
        *burden_metrics(engine.measure(), str, POLICY.min_classified),
        outcome_counts_metric(engine.outcome_counts),
        watermark_metric(engine.watermarks()),
    ]
    return {(one.name, frozenset(one.labels.items())): one.value for one in samples(metrics)}


def run_engine(data: bytes) -> None:
    """Check that any history is processed, independent of slices, and survives a restore."""
    work = list(steps(data))
    now = max([step if isinstance(step, int) else step[1] for step in work], default=BASE)
    one, other = new_partition(), new_partition()
    take_in(one, work, 1 << 12)
    take_in(other, work, 1)
    one.advance(now)
    other.advance(now)
    shown = numbers(one)
    assert shown == numbers(other), "slices matter"
    assert all(math.isfinite(value) for value in shown.values()), "a number that is none"
    records = sum(not isinstance(step, int) for step in work)
    assert sum(one.engine.outcome_counts.values()) == records, "a record that is not counted"
    rejected = [dict(sent.headers) for sent in one.rejected if sent.topic == "rejected"]
    assert len(rejected) == sum(
        count
        for (_, outcome), count in one.engine.outcome_counts.items()
        if outcome not in ("accepted", "duplicate")
    )
    for headers in rejected:
        check_detail(headers["detail"].decode())
    plan = Checkpoints("w").plan(one)
    stored = {key: value for key, value in plan.shards + plan.manifest if value is not None}
    back = restore(stored, POLICY)
    assert back is not None
    restored = new_partition(back.engine, back.next_offsets, back.outbox)
    restored.advance(now)
    assert numbers(restored) == shown, "another state after it was restored"
    later = now + 3 * 3_600_000
    one.advance(later)
    restored.advance(later)
    assert numbers(restored) == numbers(one), "another future after it was restored"
