"""Remains: which records of which topics name a facility or a clinician.

Topics that are no state keep a record until its time is over, so a proof says how many there are,
and when the last of them leaves.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from streams.formats.codec import Malformed, decode
from streams.kafka.facilities import each_record
from streams.settings import Settings

Names = Callable[[bytes | None, bytes], bool]
"""Whether a record's key or value names what is searched for."""


@dataclass(slots=True)
class Found:
    """The records of one topic that name it."""

    records: int = 0
    latest: int = 0
    """The greatest Kafka timestamp of them (ms)."""


def naming_facility(facility: str) -> Names:
    """Records with the facility as their key, or with its name in their value."""
    key, name = facility.encode(), _spelled([facility])

    def names(of: bytes | None, value: bytes) -> bool:
        return of == key or name.search(value) is not None

    return names


def naming_any(texts: Iterable[str]) -> Names:
    """Records with one of these as a text in their JSON value."""
    name = _spelled(texts)
    return lambda _, value: name.search(value) is not None


def in_messages(text: str) -> Names:
    """Records with a word in their value, as a field of an HL7 message has it."""
    word = re.compile(rb"(?<![\w.-])" + re.escape(text.encode()) + rb"(?![\w.-])")
    return lambda _, value: word.search(value) is not None


def _spelled(texts: Iterable[str]) -> re.Pattern[bytes]:
    """A pattern for JSON strings, also where letters are written as escapes."""
    spelled = {
        form for text in texts for form in (msgspec.json.encode(text), b'"%b"' % _escaped(text))
    }
    return re.compile(b"|".join(map(re.escape, sorted(spelled))))


def _escaped(text: str) -> bytes:
    plain = msgspec.json.encode(text).decode()[1:-1].encode("utf-16-be")
    units = [plain[at : at + 2] for at in range(0, len(plain), 2)]
    return b"".join(
        unit[1:] if unit[0] == 0 and unit[1] < 128 else b"\\u" + unit.hex().encode()
        for unit in units
    )


def count(
    settings: Settings, topics: Mapping[str, int], wanted: Mapping[str, Names]
) -> dict[str, Found]:
    """The records that name it, by topic as the service calls it; `topics` are those that exist,
    with their numbers of partitions. Raises `FacilitiesError`.
    """
    found = {topic: Found() for topic in wanted if topic in topics}

    def each(topic: str, record: Any) -> None:
        one = found[topic]
        if record.value is not None and wanted[topic](record.key, record.value):
            one.records += 1
            one.latest = max(one.latest, record.timestamp)

    asyncio.run(each_record(settings, {topic: topics[topic] for topic in found}, each))
    return found


def in_force(
    settings: Settings, partitions: int, facility: str, clinician: str, moment: int
) -> int:
    """How many assignments of a clinician are in force at a time (ms), by their latest records.
    Raises `FacilitiesError`.
    """
    latest: dict[str, Any] = {}

    def each(_: str, record: Any) -> None:
        try:
            fact: Any = decode("assignments", record.value)
        except Malformed:
            return
        known = latest.get(fact.assignment_id)
        if fact.facility == facility and (known is None or known.order < fact.order):
            latest[fact.assignment_id] = fact

    asyncio.run(each_record(settings, {"assignments": partitions}, each))
    return sum(
        one.clinician == clinician and one.start <= moment and (one.end is None or moment < one.end)
        for one in latest.values()
    )


Stored = dict[int, tuple[dict[bytes, bytes], dict[bytes, int]]]
"""By partition, the records of a compacted topic that count, and their offsets."""


def stored(settings: Settings, topic: str, partitions: int) -> Stored:
    """The present content of a compacted topic. Raises `FacilitiesError`."""
    found: Stored = {}

    def each(_: str, record: Any) -> None:
        values, offsets = found.setdefault(record.partition, ({}, {}))
        if record.key is None:
            return
        values.pop(record.key, None)
        if record.value is not None:
            values[record.key], offsets[record.key] = record.value, record.offset

    asyncio.run(each_record(settings, {topic: partitions}, each))
    return found
