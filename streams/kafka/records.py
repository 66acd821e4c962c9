"""Records: reads the contents of one batch and checks every length. It reads format 2 after
inflation, and formats 0 and 1 of old producers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from streams.kafka.inflate import InflateError, inflate

BATCH_RECORDS = 1 << 18
"""Most records of a batch: 128 bytes each of `streams.kafka.inflate.INFLATED_BYTES`; the shortest
fact is longer. A batch that declares more is damaged, or an attack: a million empty records fit
into a few kilobytes.
"""
NO_TIMESTAMP = -1

LENGTH, MAGIC = 12, 16  # bytes up to the end of a batch's length, and its format, in all formats
HEADER = struct.Struct(">qiibIhiqqqhii")
"""Format 2: base offset, length, leader epoch, format, CRC, attributes, last offset delta, first
and greatest timestamp, producer id, producer epoch, base sequence, number of records.
"""
CODEC, APPEND_TIME, TRANSACTIONAL, CONTROL = 0x07, 0x08, 0x10, 0x20  # attributes
FEWEST_BYTES = {0: 26, 1: 34, 2: HEADER.size}
"""Shortest batch of each format."""


Headers = Sequence[tuple[str, bytes | None]]


class Record(NamedTuple):
    """One record; `timestamp` in ms, `NO_TIMESTAMP` if it has none."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Damaged(ValueError):
    """Bytes that are not a batch or a record; `str()` is the reason."""


def records_of(batch: bytes) -> Iterator[Record]:
    """The records of an uncompressed batch of format 2.

    Raises `Damaged` after the last record that can be read.
    """
    base, _, _, _, _, attributes, _, first_time, last_time, _, _, _, count = HEADER.unpack_from(
        batch
    )
    place = HEADER.size
    for _ in range(count):
        length, begin = _varint(batch, place)
        place = begin + length
        if length < 0 or place > len(batch):
            raise Damaged("a record is longer than its batch")
        _, at = _varint(batch, begin)  # attributes, which are not used
        time, at = _varint(batch, at)
        delta, at = _varint(batch, at)
        key, at = _bytes(batch, at, place)
        value, at = _bytes(batch, at, place)
        many, at = _varint(batch, at)
        headers = []
        for _ in range(many):
            name, at = _bytes(batch, at, place)
            content, at = _bytes(batch, at, place)
            headers.append(((name or b"").decode(errors="replace"), content))
        if many < 0 or at != place:
            raise Damaged("a record is longer than its fields")
        yield Record(
            base + delta,
            last_time if attributes & APPEND_TIME else first_time + time,
            key,
            value,
            headers,
        )
    if place != len(batch):
        raise Damaged("the batch holds more than the records it declares")


def first_key(batch: memoryview) -> bytes | None:
    try:
        return next(records_of(bytes(batch))).key
    except (Damaged, StopIteration):
        return None


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number in zigzag varint encoding, and the position after it."""
    raw = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise Damaged("a record ends in the middle")
        raw |= (data[place] & 0x7F) << shift
        place += 1
        if data[place - 1] < 0x80:
            return (raw >> 1) ^ -(raw & 1), place
    raise Damaged("a number of more than 64 bits")


def _bytes(data: bytes, place: int, end: int) -> tuple[bytes | None, int]:
    length, place = _varint(data, place)
    if place + max(length, 0) > end:
        raise Damaged("a field is longer than its record")
    if length < 0:
        return None, place
    return data[place : place + length], place + length


# --- formats 0 and 1


def old_records(message: memoryview, magic: int) -> list[Record]:
    """The records of a message; at least one. Raises `Damaged`."""
    outer, attributes = _old_record(message, 0, magic)
    codec = attributes & CODEC
    if not codec:
        return [outer]
    if outer.value is None:
        raise Damaged("a compressed message without a value")
    try:
        inner = memoryview(inflate(codec, memoryview(outer.value)))
    except InflateError as error:
        raise Damaged(str(error)) from None
    records: list[Record] = []
    place = 0
    while place < len(inner):
        if len(records) >= BATCH_RECORDS:
            raise Damaged(f"more than {BATCH_RECORDS} records")
        one, of_one = _old_record(inner, place, magic)
        if of_one & CODEC:
            raise Damaged("a compressed message within a compressed message")
        records.append(one)
        place += LENGTH + int.from_bytes(inner[place + 8 : place + LENGTH], "big")
    if not records:
        raise Damaged("a compressed message without records")
    if magic == 0:
        return records
    # inner offsets count from the first record; the message has the offset of the last
    first = outer.offset - records[-1].offset
    append_time = outer.timestamp if attributes & APPEND_TIME else 0
    return [
        one._replace(offset=first + one.offset, timestamp=append_time or one.timestamp)
        for one in records
    ]


def _old_record(data: memoryview, place: int, magic: int) -> tuple[Record, int]:
    """The record of the message at `place`, and its attributes."""
    left = len(data) - place
    size = (
        LENGTH + int.from_bytes(data[place + 8 : place + LENGTH], "big", signed=True)
        if left >= LENGTH
        else 0
    )
    if not FEWEST_BYTES[magic] <= size <= left or data[place + MAGIC] != magic:
        raise Damaged("a message is shorter or longer than it declares")
    end = place + size
    offset = int.from_bytes(data[place : place + 8], "big", signed=True)
    time = (
        int.from_bytes(data[place + 18 : place + 26], "big", signed=True) if magic else NO_TIMESTAMP
    )
    key, at = _old_bytes(data, place + (26 if magic else 18), end)
    value, _ = _old_bytes(data, at, end)
    return Record(offset, time, key, value), data[place + MAGIC + 1]


def _old_bytes(data: memoryview, place: int, end: int) -> tuple[bytes | None, int]:
    length = int.from_bytes(data[place : place + 4], "big", signed=True) if place + 4 <= end else -2
    if length == -1:
        return None, place + 4
    if length < 0 or place + 4 + length > end:
        raise Damaged("a field is longer than its message")
    return bytes(data[place + 4 : place + 4 + length]), place + 4 + length
