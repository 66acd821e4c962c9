"""The wire: JSON objects to facts and back. Knows every spelling that the topics allow, and nothing of Kafka.

`decode` raises `Malformed` with a detail of one line that names the field and what was expected, never a value: details
travel in headers and logs, where no patient's data belongs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, get_args

import msgspec

from analyzer import FACT_TYPES, OPEN, EpisodeRecord, Fact, FactError, Topic
from analyzer.facts import Action, Kind, Phase, Priority, Verdict

MAX_RECORD_BYTES = 1 << 20
"""A record's longest value: Kafka's own default limit for a message, and a thousand times a usual event."""

_TIMES = {
    "alarms": ("at",),
    "assignments": ("at", "start", "end"),
    "responses": ("at",),
    "labels": ("at",),
}
_RENAMED = {"from": "start", "to": "end"}  # `from` is a word of Python's own
_ORIGINAL = {ours: theirs for theirs, ours in _RENAMED.items()}

_WORDS = {
    "phase": get_args(Phase),
    "kind": get_args(Kind),
    "priority": get_args(Priority),
    "action": get_args(Action),
    "verdict": get_args(Verdict),
}
_NUMBERS = ("value", "limit", "acuity")
_A_TIME = "an RFC 3339 time with an offset, or integer milliseconds since 1970"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_parse_object = msgspec.json.Decoder(dict[str, Any]).decode
_parse_time = msgspec.json.Decoder(datetime).decode
_encode = msgspec.json.Encoder().encode
_direct: dict[Topic, Callable[[bytes], Fact]] = {
    topic: msgspec.json.Decoder(type_).decode for topic, type_ in FACT_TYPES.items() if topic != "assignments"
}


class Malformed(ValueError):
    """A record that is no fact; `str()` is the detail."""


def decode(topic: Topic, raw: bytes | None, max_bytes: int = MAX_RECORD_BYTES) -> Fact:
    """The fact in a record's value."""
    if raw is None:
        raise Malformed("value: expected a JSON object, found none")
    if len(raw) > max_bytes:
        raise Malformed(f"value: expected at most {max_bytes} bytes")
    direct = _direct.get(topic)
    if direct is not None:
        try:
            return direct(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # times as text, or truly malformed: the careful way tells
    return _decode_carefully(topic, raw)


def _decode_carefully(topic: Topic, raw: bytes) -> Fact:
    try:
        fields = _parse_object(raw)
    except msgspec.ValidationError:
        raise Malformed("value: expected a JSON object") from None
    except UnicodeDecodeError:
        raise Malformed("value: expected UTF-8") from None
    except (msgspec.DecodeError, RecursionError):
        raise Malformed("value: expected JSON") from None
    if topic == "assignments":
        fields = {_RENAMED.get(name, name): value for name, value in fields.items() if name not in _ORIGINAL}
    for name in _TIMES[topic]:
        if isinstance(fields.get(name), str):
            fields[name] = _milliseconds(fields[name], name)
    try:
        return msgspec.convert(fields, FACT_TYPES[topic])
    except msgspec.ValidationError as error:
        raise Malformed(_detail(error)) from None


def _milliseconds(text: str, name: str) -> int:
    """An RFC 3339 time; digits below a millisecond are cut off."""
    try:
        moment = _parse_time(_encode(text))
    except msgspec.ValidationError:
        raise Malformed(f"{_ORIGINAL.get(name, name)}: expected {_A_TIME}") from None
    if moment.tzinfo is None:
        raise Malformed(f"{_ORIGINAL.get(name, name)}: expected {_A_TIME}")
    since = moment - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _detail(error: msgspec.ValidationError) -> str:
    """msgspec's message without the values it may quote, and in the wire's names."""
    if isinstance(error.__cause__, FactError):
        return f"{_ORIGINAL.get(error.__cause__.field, error.__cause__.field)}: expected {error.__cause__.expected}"
    missing = re.search(r"missing required field `(\w+)`", str(error))
    if missing:
        return f"{_ORIGINAL.get(missing[1], missing[1])}: required, but missing"
    place = re.search(r"`\$\.(\w+)", str(error))
    field = place[1] if place else "value"
    return f"{_ORIGINAL.get(field, field)}: expected {_expected(field)}"


def _expected(field: str) -> str:
    if field in _WORDS:
        return "one of " + ", ".join(_WORDS[field])
    if field in ("at", "start", "end"):
        return _A_TIME
    if field == "recipients":
        return "a list of clinician ids"
    return "a number" if field in _NUMBERS else "a string"


def encode_episode(record: EpisodeRecord, pseudonym: Callable[[str], str]) -> dict[str, Any]:
    """The JSON object of the `episodes` topic: ms since the epoch, clinicians as pseudonyms, and a deterministic `id`.

    The id is taken from the content, so that a record sent again after a crash can be told from a new version.
    """
    assert record.end != OPEN
    fields = {name: getattr(record, name) for name in EpisodeRecord.__slots__ if name != "class_"}
    fields["class"] = record.class_
    fields["clinicians"] = sorted(pseudonym(clinician) for clinician in record.clinicians)
    return {"id": content_id(fields)} | fields


def content_id(fields: dict[str, Any]) -> str:
    """32 hex digits that name this content."""
    return sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()[:32]


def to_json(fields: Any) -> bytes:
    """Compact JSON."""
    return _encode(fields)
