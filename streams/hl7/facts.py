"""Facts as the JSON of the input topics."""

from __future__ import annotations

from typing import Any

from analyzer.model import AlarmEvent, Assignment, Fact, Label, Topic
from streams.formats.codec import ON_THE_WIRE, to_json


def topic_of(fact: Fact) -> Topic:
    if isinstance(fact, AlarmEvent):
        return "alarms"
    if isinstance(fact, Assignment):
        return "assignments"
    return "labels" if isinstance(fact, Label) else "responses"


def encode(fact: Fact) -> bytes:
    """One JSON object, without the fields that are not known."""
    fields: dict[str, Any] = {}
    renamed = isinstance(fact, Assignment)
    for name in fact.__slots__:
        value = getattr(fact, name)
        if value is not None:
            fields[ON_THE_WIRE.get(name, name) if renamed else name] = value
    return to_json(fields)
