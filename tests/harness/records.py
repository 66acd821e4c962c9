"""Sample records of every topic, and both decoders held against each other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzer import TOPICS, Fact, Topic
from analyzer.model.facts import FACT_TYPES, fact_of
from streams.formats import codec
from streams.formats.codec import Malformed, decode_slice
from tests.harness.devices import LOW_ALARM

AT = 1_772_344_800_000  # 2026-03-01T06:00:00Z
SAMPLES: dict[Topic, dict[str, Any]] = {
    "alarms": {
        "event_id": "e",
        "alarm_id": "a",
        "phase": "start",
        "at": AT,
        "facility": "F",
        **LOW_ALARM,
    },
    "assignments": {
        "event_id": "e",
        "assignment_id": "s",
        "facility": "F",
        "unit": "ICU",
        "bed": "1",
        "clinician": "ann",
        "from": AT,
        "at": AT - 100,
    },
    "responses": {"event_id": "e", "facility": "F", "at": AT, "action": "attend", "bed": "1"},
    "labels": {
        "event_id": "e",
        "facility": "F",
        "alarm_id": "a",
        "verdict": "actionable",
        "at": AT,
    },
}
TIMES: dict[Topic, tuple[str, ...]] = {
    "alarms": ("at",),
    "assignments": ("at", "from", "to"),
    "responses": ("at",),
    "labels": ("at",),
}
A_TIME = "expected an RFC 3339 time with an offset, or integer milliseconds since 1970"
topics = pytest.mark.parametrize("topic", TOPICS)
times = pytest.mark.parametrize(
    ("topic", "field"), [(topic, field) for topic, fields in TIMES.items() for field in fields]
)


def sample(topic: Topic, /, **changes: Any) -> bytes:
    return json.dumps(SAMPLES[topic] | changes).encode()


def decode(topic: Topic, raw: bytes | None, **more: Any) -> Fact:
    """Both ways to decode agree on every record of this file, alone and among others."""
    good = sample(topic, event_id="another")
    decoded = decode_slice(topic, [good, raw, good], **more)
    facts = [fact_of(FACT_TYPES[topic], values) for values in zip(*decoded.columns, strict=True)]
    another = codec.decode(topic, good)
    if decoded.malformed:
        with pytest.raises(Malformed) as caught:
            codec.decode(topic, raw, **more)
        assert decoded.malformed == [(1, str(caught.value))]
        assert (list(decoded.places), facts) == ([0, 2], [another, another])
        raise caught.value
    fact = codec.decode(topic, raw, **more)
    assert (decoded.malformed, list(decoded.places), facts) == (
        [],
        [0, 1, 2],
        [another, fact, another],
    )
    return fact


def detail(topic: Topic, raw: bytes | None, **more: Any) -> str:
    with pytest.raises(Malformed) as caught:
        decode(topic, raw, **more)
    return str(caught.value)
