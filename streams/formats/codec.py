"""The codec: decodes the JSON objects of the topics into facts. It knows all spellings that the
topics allow, and nothing of Kafka.

`decode` raises `Malformed` with one line that names the field and what was expected, but never a
value: details go into headers and logs, which must hold no patient data. `decode_slice` decodes
many records at once into columns, without an object per record. It calls `decode` only to explain
the records that it rejects.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from itertools import compress
from types import NoneType
from typing import Annotated, Any, get_args, get_type_hints

import msgspec

from analyzer import (
    CLASSES,
    FACT_TYPES,
    Columns,
    Fact,
    FactError,
    Topic,
)
from analyzer.model import (
    EARLIEST,
    LATEST,
    MAX_ACUITY,
    MAX_ID_LENGTH,
    MAX_RECIPIENTS,
    MAX_TEXT_LENGTH,
    Action,
    Kind,
    Phase,
    Priority,
    Verdict,
    expected_time,
    is_plain,
)
from streams.formats.times import A_TIME, parse_or_beyond, parse_rfc3339

MAX_RECORD_BYTES = 1 << 20
"""Longest value of a record: Kafka's default limit, and a thousand times a usual event."""

ON_THE_WIRE = {"start": "from", "end": "to"}  # `from` is a keyword of Python
_WORDS = {
    "phase": get_args(Phase),
    "kind": get_args(Kind),
    "priority": get_args(Priority),
    "action": get_args(Action),
    "verdict": get_args(Verdict),
    "class": CLASSES,
}
_NUMBERS = ("value", "limit", "acuity")
_TEXTS: dict[Topic, tuple[str, ...]] = {
    "alarms": ("label",),
    "assignments": ("role",),
    "responses": (),
    "labels": ("reviewer", "reason"),
}
"""Free texts, which are cut at `MAX_TEXT_LENGTH`."""
_OUTLINED = 128
"""Values scanned at once, so that their bytes stay within the processor's cache."""
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_LENGTH)]
_BOUNDED = {
    "source": Annotated[str, msgspec.Meta(max_length=MAX_ID_LENGTH)] | None,
    "recipients": Annotated[tuple[_Id, ...], msgspec.Meta(max_length=MAX_RECIPIENTS)] | None,
    "acuity": Annotated[float, msgspec.Meta(ge=0, le=MAX_ACUITY)] | None,
}
_encode = msgspec.json.Encoder().encode


def _as_sent(fact: type[Fact], bounded: bool) -> type[msgspec.Struct]:
    """The struct of `fact` as JSON spells it: with JSON's field names, and times also as text.

    `bounded` adds the bounds of ids.
    """
    hints = {name: hint for name, hint in get_type_hints(fact).items() if name in fact.__slots__}
    if "source" in hints:
        hints["source"] = str | None  # null means absent
    if bounded:
        hints |= {name: _Id | None if hints[name] == str | None else _Id for name in fact._ids}
        hints |= {name: hint for name, hint in _BOUNDED.items() if name in hints}
    defaults = {
        one.name: one.default
        for one in dataclasses.fields(fact)
        if one.default is not dataclasses.MISSING
    }
    fields = [
        (
            name,
            hint | str if name in fact._times else hint,
            *([defaults[name]] if name in defaults else []),
        )
        for name, hint in hints.items()
    ]
    return msgspec.defstruct(
        fact.__name__ + "AsSent", fields, kw_only=True, rename=ON_THE_WIRE, gc=False
    )


_as_sent_on: dict[Topic, Callable[[bytes], Any]] = {
    topic: msgspec.json.Decoder(_as_sent(type_, bounded=False)).decode
    for topic, type_ in FACT_TYPES.items()
}
_bounded_on: dict[Topic, Callable[[bytes], Any]] = {
    topic: msgspec.json.Decoder(_as_sent(type_, bounded=True)).decode
    for topic, type_ in FACT_TYPES.items()
}


class Malformed(ValueError):
    """A record that is not a fact; `str()` is the detail."""


def decode(topic: Topic, raw: bytes | None, max_bytes: int = MAX_RECORD_BYTES) -> Fact:
    """The fact in a record's value; free texts are cut at `MAX_TEXT_LENGTH`. Raises `Malformed`."""
    if raw is None:
        raise Malformed("value: expected a JSON object, found none")
    if len(raw) > max_bytes:
        raise Malformed(f"value: expected at most {max_bytes} bytes")
    try:
        raw.decode()
    except UnicodeDecodeError:
        raise Malformed("value: expected UTF-8") from None
    try:
        sent = msgspec.structs.asdict(_as_sent_on[topic](raw))
    except msgspec.ValidationError as error:
        raise Malformed(detail(str(error))) from None
    except (msgspec.DecodeError, RecursionError):
        raise Malformed("value: expected JSON") from None
    type_ = FACT_TYPES[topic]
    for name in type_._times:
        if isinstance(sent[name], str):
            sent[name] = milliseconds(sent[name], ON_THE_WIRE.get(name, name))
        if sent[name] is not None and not EARLIEST <= sent[name] <= LATEST:
            raise Malformed(f"{ON_THE_WIRE.get(name, name)}: expected {expected_time(sent[name])}")
    for name in _TEXTS[topic]:
        if sent[name] is not None:
            sent[name] = sent[name][:MAX_TEXT_LENGTH]
    if topic == "alarms" and sent["source"] is None:
        sent["source"] = ""
    try:
        fact = type_(**sent)
    except FactError as error:
        raise Malformed(
            f"{ON_THE_WIRE.get(error.field, error.field)}: expected {error.expected}"
        ) from None
    try:
        _bounded_on[topic](raw)
    # an earlier value of a field that occurs twice is out of bounds
    except msgspec.ValidationError as error:
        raise Malformed(
            f"{detail(str(error)).partition(':')[0]}: expected once, within its bounds"
        ) from None
    return fact


def milliseconds(text: str, name: str) -> int:
    """The RFC 3339 time in the field `name`, in ms since 1970. Raises `Malformed`."""
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise Malformed(f"{name}: {error}") from None


@dataclasses.dataclass(slots=True)
class Decoded:
    """Decoded records: the facts as columns (see `Engine.take`), the index of each, and the
    malformed records with their details.
    """

    columns: Columns
    places: Sequence[int]
    malformed: list[tuple[int, str]]
    truncated: int
    """How many free texts were cut at `MAX_TEXT_LENGTH`."""


def decode_slice(
    topic: Topic, values: Sequence[bytes | None], max_bytes: int = MAX_RECORD_BYTES
) -> Decoded:
    """The facts in many records' values, exactly as `decode` would give them."""
    longest, is_ascii, escapes = _outline(values)
    texts = (
        values
        if is_ascii and longest <= max_bytes
        else [one if _is_text(one, max_bytes) else b"" for one in values]
    )
    facts: list[tuple[Any, ...]] = []
    bad: list[int] = []
    decoded = map(_bounded_on[topic], texts)  # type: ignore[arg-type]  # None is no text
    remaining = map(msgspec.structs.astuple, decoded)
    while True:
        try:
            facts.extend(remaining)
            break
        # the facts before it are added; continue with those after it
        except (msgspec.DecodeError, RecursionError):
            bad.append(len(facts) + len(bad))
    places: Sequence[int] = (
        range(len(values)) if not bad else sorted(set(range(len(values))).difference(bad))
    )
    columns: Columns = (
        tuple(zip(*facts, strict=True)) if facts else tuple(() for _ in FACT_TYPES[topic].__slots__)
    )
    columns, wrong = _checked(topic, columns)
    if escapes or not is_ascii:
        wrong |= _with_unprintable_ids(topic, columns)
    if wrong:
        good = [number not in wrong for number in range(len(places))]
        columns = tuple(list(compress(column, good)) for column in columns)
        bad += [places[number] for number in wrong]
        places = list(compress(places, good))
    malformed = []
    for place in sorted(bad):
        try:
            decode(topic, values[place], max_bytes)
        except Malformed as error:
            malformed.append((place, str(error)))
        else:
            # The fuzzer has found no such record; if there is one, it must not end the worker.
            malformed.append((place, "value: expected a JSON object as documented"))
    columns, truncated = _cut(topic, columns) if longest > MAX_TEXT_LENGTH else (columns, 0)
    return Decoded(columns, places, malformed, truncated)


def _outline(values: Sequence[bytes | None]) -> tuple[int, bool, bool]:
    """The greatest length, whether all values are ASCII, and whether ids must be checked because
    there are escapes or DELs.

    Nearly all slices are plain, which is found without running Python code for each record.
    """
    present = [one or b"" for one in values] if None in values else values
    is_ascii, escapes = present is values, False
    for begin in range(0, len(present), _OUTLINED):
        some = present[begin : begin + _OUTLINED]
        joined = b"".join(some)  # type: ignore[arg-type]  # None is not among them
        is_ascii = is_ascii and joined.isascii()
        # JSON allows control characters in strings only as escapes, except for DEL.
        escapes = escapes or b"\\" in joined or b"\x7f" in joined
    return max(map(len, present), default=0), is_ascii, escapes  # type: ignore[arg-type]


def _is_text(value: bytes | None, max_bytes: int) -> bool:
    if value is None or len(value) > max_bytes:
        return False
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _checked(topic: Topic, columns: Columns) -> tuple[Columns, set[int]]:
    """Columns with times in ms, and the facts that violate a rule which the decoder does
    not check.
    """
    names, type_ = list(FACT_TYPES[topic].__slots__), FACT_TYPES[topic]
    checked, wrong = list(columns), set[int]()
    for number in map(names.index, type_._times):
        column = columns[number]
        kinds = set(map(type, column))
        if str in kinds:
            column = checked[number] = [
                parse_or_beyond(one) if isinstance(one, str) else one for one in column
            ]
        known = [one for one in column if one is not None] if NoneType in kinds else column
        if known and not EARLIEST <= min(known) <= max(known) <= LATEST:
            wrong.update(
                place
                for place, one in enumerate(column)
                if one is not None and not EARLIEST <= one <= LATEST
            )
    if topic == "alarms" and None in columns[source := names.index("source")]:
        checked[source] = [one or "" for one in columns[source]]
    if topic == "responses":
        alarm_ids, beds = columns[names.index("alarm_id")], columns[names.index("bed")]
        wrong.update(
            place
            for place, pair in enumerate(zip(alarm_ids, beds, strict=True))
            if pair == (None, None)
        )
    return tuple(checked), wrong


def _with_unprintable_ids(topic: Topic, columns: Columns) -> set[int]:
    """The facts that have an id which is not plain (see `is_plain`)."""
    names, type_ = list(FACT_TYPES[topic].__slots__), FACT_TYPES[topic]
    wrong: set[int] = set()
    for name in (*type_._ids, "source", "recipients"):
        if name not in names:
            continue
        ids: Sequence[Any] = columns[names.index(name)]
        if name == "recipients":
            ids = ["".join(one) if one else "" for one in ids]
        if not is_plain("".join(filter(None, ids))):
            wrong.update(place for place, one in enumerate(ids) if one and not is_plain(one))
    return wrong


def _cut(topic: Topic, columns: Columns) -> tuple[Columns, int]:
    """The columns with free texts cut to their bound, and how many were cut."""
    names, cut, count = list(FACT_TYPES[topic].__slots__), list(columns), 0
    for number in map(names.index, _TEXTS[topic]):
        longer = sum(one is not None and len(one) > MAX_TEXT_LENGTH for one in columns[number])
        if longer:
            count += longer
            cut[number] = [one and one[:MAX_TEXT_LENGTH] for one in columns[number]]
    return tuple(cut), count


def detail(message: str) -> str:
    """A detail from msgspec's message, without the values that it may quote."""
    missing = re.search(r"missing required field `(\w+)`", message)
    if missing:
        return f"{missing[1]}: required, but missing"
    place = re.search(r"`\$\.(\w+)", message)
    return (
        f"{place[1]}: expected {_expected(place[1])}" if place else "value: expected a JSON object"
    )


def _expected(field: str) -> str:
    if field in _WORDS:
        return "one of " + ", ".join(_WORDS[field])
    if field in ("at", "from", "to", "start", "end", "first_response"):
        return A_TIME.removeprefix("expected ")
    if field in ("recipients", "clinicians"):
        return "a list of clinician ids"
    return "a number" if field in _NUMBERS else "a string"


def to_json(fields: Any) -> bytes:
    """Compact JSON."""
    return _encode(fields)
