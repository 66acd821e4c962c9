"""The wire: JSON objects to facts and back. Knows every spelling that the topics allow, and nothing of Kafka.

`decode` raises `Malformed` with a detail of one line that names the field and what was expected, never a value: details
travel in headers and logs, where no patient's data belongs.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, get_args, get_type_hints

import msgspec

from analyzer import FACT_TYPES, OPEN, EpisodeRecord, Fact, FactError, Topic
from analyzer.facts import Action, Kind, Phase, Priority, Verdict

MAX_RECORD_BYTES = 1 << 20
"""A record's longest value: Kafka's own default limit for a message, and a thousand times a usual event."""

_ON_THE_WIRE = {"start": "from", "end": "to"}  # `from` is a word of Python's own
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
_BELOW_A_MILLISECOND = re.compile(r"(?<=\.\d{3})\d+")

_parse_time = msgspec.json.Decoder(datetime).decode
_encode = msgspec.json.Encoder().encode


def _as_sent(fact: type[Fact]) -> type[msgspec.Struct]:
    """`fact` as the wire spells it: times as text, too, and its own names."""
    hints = {name: hint for name, hint in get_type_hints(fact).items() if name in fact.__slots__}
    defaults = {one.name: one.default for one in dataclasses.fields(fact) if one.default is not dataclasses.MISSING}
    fields = [
        (name, hint | str if name in fact._times else hint, *([defaults[name]] if name in defaults else [])) for name, hint in hints.items()
    ]
    return msgspec.defstruct(fact.__name__ + "AsSent", fields, kw_only=True, rename=_ON_THE_WIRE)


_direct: dict[Topic, Callable[[bytes], Fact]] = {
    topic: msgspec.json.Decoder(type_).decode for topic, type_ in FACT_TYPES.items() if topic != "assignments"
}
_as_sent_on: dict[Topic, Callable[[bytes], Any]] = {
    topic: msgspec.json.Decoder(_as_sent(type_)).decode for topic, type_ in FACT_TYPES.items()
}


class Malformed(ValueError):
    """A record that is no fact; `str()` is the detail."""


def decode(topic: Topic, raw: bytes | None, max_bytes: int = MAX_RECORD_BYTES) -> Fact:
    """The fact in a record's value."""
    if raw is None:
        raise Malformed("value: expected a JSON object, found none")
    if len(raw) > max_bytes:
        raise Malformed(f"value: expected at most {max_bytes} bytes")
    try:
        raw.decode()
    except UnicodeDecodeError:
        raise Malformed("value: expected UTF-8") from None
    direct = _direct.get(topic)
    if direct is not None:
        try:
            return direct(raw)
        except (msgspec.DecodeError, RecursionError):
            pass  # times as text, or truly malformed: the careful way tells
    return _decode_carefully(topic, raw)


def _decode_carefully(topic: Topic, raw: bytes) -> Fact:
    try:
        sent = msgspec.structs.asdict(_as_sent_on[topic](raw))
    except msgspec.ValidationError as error:
        raise Malformed(_detail(str(error))) from None
    except (msgspec.DecodeError, RecursionError):
        raise Malformed("value: expected JSON") from None
    type_ = FACT_TYPES[topic]
    for name in type_._times:
        if isinstance(sent[name], str):
            sent[name] = _milliseconds(sent[name], name)
    try:
        return type_(**sent)
    except FactError as error:
        raise Malformed(f"{_ON_THE_WIRE.get(error.field, error.field)}: expected {error.expected}") from None


def _milliseconds(text: str, name: str) -> int:
    """An RFC 3339 time; digits below a millisecond are cut off."""
    try:
        moment = _parse_time(_encode(_BELOW_A_MILLISECOND.sub("", text)))
    except msgspec.ValidationError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Malformed(f"{_ON_THE_WIRE.get(name, name)}: expected {_A_TIME}")
    since = moment - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _detail(message: str) -> str:
    """msgspec's message without the values it may quote."""
    missing = re.search(r"missing required field `(\w+)`", message)
    if missing:
        return f"{missing[1]}: required, but missing"
    place = re.search(r"`\$\.(\w+)", message)
    return f"{place[1]}: expected {_expected(place[1])}" if place else "value: expected a JSON object"


def _expected(field: str) -> str:
    if field in _WORDS:
        return "one of " + ", ".join(_WORDS[field])
    if field in ("at", "from", "to"):
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
