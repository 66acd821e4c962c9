"""Batches: the bytes of a fetched partition into records, by columns, or into stretches that cannot be read. It never raises.

Knows the formats of Kafka's log (2, and 0 and 1 of old producers), transactions, and what damage looks like; it knows no
client. aiokafka's own reader trusts lengths and counts: it inflates without bound, and can hang or crash on damaged bytes of
the old formats. Only the records of a verified batch of format 2 are left to it, for speed.

A batch that cannot be read becomes an `Unreadable`, and reading goes on with the next one. Where a batch is damaged inside,
the records before the damage are read.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.util import calc_crc32c

from streams.inflate import InflateError, inflate

SLICE_RECORDS = 4096
"""Records after which a slice ends (at the end of the producer's batch): enough to make what is done once a slice cheap."""
SLICE_BYTES = 4 << 20
"""Bytes of records after which a batch is split between slices: some four times what a fetch without compression brings."""
BATCH_RECORDS = 1 << 18
"""Most records of a batch: 128 bytes each of `streams.inflate.INFLATED_BYTES`, and the shortest fact takes more. A batch that
declares more is damaged, or made to keep a worker busy: a million empty records fit into a few kilobytes."""
SAMPLE_BYTES = 16 << 10
"""How much of an unreadable batch is kept for people to look at."""
NO_TIMESTAMP = -1
_LATEST_TIMESTAMP = 1 << 53
"""Timestamps beyond it (after the year 287,000) are taken for it: sums with them must stay within 64 bits."""

_LENGTH, _MAGIC = 12, 16  # bytes up to the end of a batch's length, and its format, in all formats
_HEADER = struct.Struct(">qiibIhiqqqhii")
"""Format 2: base offset, length, leader epoch, format, CRC, attributes, last offset delta, first and greatest timestamp, producer
id, producer epoch, base sequence, number of records."""
_CODEC, _APPEND_TIME, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20  # attributes
_LAST_OFFSET = 27
"""Bytes up to the end of the last offset's delta."""
_CRC_COVERS = 21
_OLD_CRC_COVERS = 16
_ABORT = b"\0\0\0\0"
"""The key of a control record that ends a transaction which was aborted: version 0, type 0."""
_FEWEST_BYTES = {0: 26, 1: 34, 2: _HEADER.size}
"""Shortest batch of each format."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Offsets from `begin` up to, not including, `next_offset` (the same: none is missing) of a batch that cannot be read."""

    begin: int
    next_offset: int
    size: int
    """Of the batch as fetched, bytes."""
    reason: str
    """One line without any of the data."""
    sample: bytes
    """The first `SAMPLE_BYTES` of it."""


Headers = Sequence[tuple[str, bytes | None]]


class Record(NamedTuple):
    """One record; `timestamp` in ms, `NO_TIMESTAMP` where it has none."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(slots=True)
class Read:
    """Some records by columns, in order, and everything that could not be read between them; reading goes on at `next_offset`."""

    begin: int
    next_offset: int
    offsets: list[int] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    headers: dict[int, Headers] = field(default_factory=dict)
    """Of those records that have some, by offset."""
    unreadable: list[Unreadable] = field(default_factory=list)


class Damaged(ValueError):
    """Bytes that are no batch, or no record: `str()` is the reason."""


class _Doubtful(Exception):
    """A wrong checksum, seen for the first time."""


class Batches:
    """The batches of one fetch, read from offset `position` on.

    `aborted`: the aborted transactions that the broker names, as (producer id, first offset), whose records are left out. None:
    transactions do not matter, and all records are read. `doubt`: stop before a batch whose checksum is wrong and set `doubtful`,
    for it may be right when it is fetched again; not at offset `suspect`, where that was tried.
    """

    def __init__(
        self,
        data: bytes,
        position: int,
        aborted: Iterable[tuple[int, int]] | None = None,
        doubt: bool = False,
        suspect: int | None = None,
    ) -> None:
        self.position = position
        self.doubtful = False
        self._data = data
        self._view = memoryview(data)
        self._place = 0
        self._aborted = None if aborted is None else sorted(aborted, key=lambda one: one[1])
        self._aborted_producers: set[int] = set()
        self._doubt = doubt
        self._suspect = suspect
        self._begin = position
        self._open: _OpenBatch | None = None

    @property
    def done(self) -> bool:
        """Whether nothing of this fetch is left to be read."""
        return self._open is None and (self.doubtful or self._place >= len(self._data))

    def read(self, end: int | None = None) -> Read:
        """About `SLICE_RECORDS` records. `end`: the partition's high watermark, beyond which no batch can reach."""
        found = Read(self.position, self.position)
        size = 0.0
        while len(found.offsets) < SLICE_RECORDS and size < SLICE_BYTES:
            if self._open is not None:
                size += self._take(found)
            elif self.done:
                break
            else:
                self._next(found, end)
        if self.done and self.position == self._begin and self._data and not self.doubtful:
            sample = self._data[:SAMPLE_BYTES]
            found.unreadable.append(Unreadable(self.position, self.position + 1, len(self._data), "no batch has this offset", sample))
            self.position += 1
        found.next_offset = self.position
        times = found.timestamps
        if times and not NO_TIMESTAMP <= min(times) <= max(times) <= _LATEST_TIMESTAMP:
            found.timestamps = [min(max(one, NO_TIMESTAMP), _LATEST_TIMESTAMP) for one in times]
        return found

    # -- batches

    def _next(self, found: Read, end: int | None) -> None:
        """Open the batch that comes next, or pass over it."""
        data, place = self._data, self._place
        left = len(data) - place
        length = int.from_bytes(data[place + 8 : place + _LENGTH], "big", signed=True) if left > _MAGIC else left
        size = _LENGTH + length
        if size > left and place:  # the fetch ends in the middle of a batch
            self._place = len(data)
            return
        if size > left or size <= _MAGIC:
            self._pass_over(found, left, "the batch is shorter or longer than it declares", end)
            self._place = len(data)  # where the next one begins is not known
            return
        view, magic = self._view[place : place + size], data[place + _MAGIC]
        try:
            if magic not in _FEWEST_BYTES:
                raise Damaged(f"unknown format {magic}")
            if size < _FEWEST_BYTES[magic]:
                raise Damaged("the batch is shorter than its header")
            self._open = self._open_batch(view, end) if magic == 2 else self._open_old(view, magic, end)
        except _Doubtful:
            self.doubtful = True
            return
        except Damaged as error:
            self._pass_over(found, size, str(error), end)
        self._place = place + size

    def _open_batch(self, view: memoryview, end: int | None) -> _OpenBatch | None:
        """A batch of format 2; None where none of its records exists."""
        base, _, _, _, crc, attributes, last, first_time, last_time, producer, _, _, count = _HEADER.unpack_from(view)
        if calc_crc32c(view[_CRC_COVERS:]) != crc:
            self._check_doubt()
            raise Damaged("wrong checksum")
        next_offset = base + last + 1
        if self._is_behind(base, next_offset, end):
            return None
        if self._is_aborted(base, attributes, producer, view) or attributes & _CONTROL:
            self.position = next_offset
            return None
        if not 0 <= count <= BATCH_RECORDS:
            raise Damaged(f"the batch declares {count} records")
        whole: memoryview | bytearray = view
        if codec := attributes & _CODEC:
            plain = _HEADER.pack(base, 0, 0, 2, 0, attributes & ~_CODEC, last, first_time, last_time, -1, -1, -1, count)
            try:
                whole = inflate(codec, view[_HEADER.size :], plain)
            except InflateError as error:
                raise Damaged(str(error)) from None
        return _OpenBatch(iter(DefaultRecordBatch(whole)), whole, count, base, next_offset, view)

    def _open_old(self, view: memoryview, magic: int, end: int | None) -> _OpenBatch | None:
        """A message of format 0 or 1: one record, or compressed ones within it."""
        if zlib.crc32(view[_OLD_CRC_COVERS:]) != int.from_bytes(view[_LENGTH:_OLD_CRC_COVERS], "big"):
            self._check_doubt()
            raise Damaged("wrong checksum")
        last = int.from_bytes(view[:8], "big", signed=True)
        if self._is_behind(last, last + 1, end):
            return None
        records = _old_records(view, magic)
        if not 0 <= records[0].offset <= records[-1].offset == last:
            raise Damaged("the records' offsets are not in order")
        return _OpenBatch(iter(records), None, len(records), records[0].offset, last + 1, view)

    def _check_doubt(self) -> None:
        if self._doubt and self.position != self._suspect:
            raise _Doubtful

    def _is_behind(self, base: int, next_offset: int, end: int | None) -> bool:
        """Whether a batch lies before `position`. Raises `Damaged` where it lies nowhere."""
        if base < 0 or next_offset <= base or (end is not None and next_offset > end):
            raise Damaged("the batch declares offsets that the partition does not have")
        return next_offset <= self.position

    def _is_aborted(self, base: int, attributes: int, producer: int, view: memoryview) -> bool:
        if self._aborted is None or producer < 0:
            return False
        while self._aborted and self._aborted[0][1] <= base:
            self._aborted_producers.add(self._aborted.pop(0)[0])
        if attributes & _CONTROL and _first_key(view) == _ABORT:
            self._aborted_producers.discard(producer)
        return bool(attributes & _TRANSACTIONAL) and producer in self._aborted_producers

    def _pass_over(self, found: Read, size: int, reason: str, end: int | None) -> None:
        """The batch at `_place` cannot be read. Its header may say anything, so it ends where the next one begins, if that is near."""
        data, place, begin = self._data, self._place, self.position
        after = place + size
        ends = []
        if len(data) - after > _MAGIC:
            ends.append(int.from_bytes(data[after : after + 8], "big", signed=True))
        if size >= _LAST_OFFSET:
            base, last = (struct.unpack_from(form, data, at)[0] for form, at in ((">q", place), (">i", place + _LAST_OFFSET - 4)))
            ends.append(base + 1 + (last if data[place + _MAGIC] >= 2 else 0))
        most = end if end is not None and end > begin else begin + (1 << 31)
        self.position = next((one for one in ends if begin < one <= most), begin + 1)
        found.unreadable.append(Unreadable(begin, self.position, size, reason, data[place : place + min(size, SAMPLE_BYTES)]))

    # -- records

    def _take(self, found: Read) -> float:
        """Some records of the open batch, those before `position` left out; how many bytes of it, about."""
        batch = self._open
        assert batch is not None
        records, reason = batch.take()
        if records and records[0].offset < self.position:  # a position within a batch
            records = [one for one in records if one.offset >= self.position]
        offsets = [one.offset for one in records]
        if offsets and (offsets[-1] >= batch.next_offset or offsets[0] < batch.base or offsets != sorted(offsets)):
            records, offsets, reason = [], [], "the records' offsets are not in order"
        if records:
            found.offsets += offsets
            found.timestamps += [one.timestamp for one in records]
            found.keys += [one.key for one in records]
            found.values += [one.value for one in records]
            found.headers |= {one.offset: one.headers for one in records if one.headers}
            self.position = offsets[-1] + 1
        if reason:
            end, size = max(batch.next_offset, self.position), len(batch.fetched)
            found.unreadable.append(Unreadable(self.position, end, size, reason, bytes(batch.fetched[:SAMPLE_BYTES])))
        if reason or batch.given >= batch.count:
            self.position = max(self.position, batch.next_offset)
            self._open = None
        return len(records) * batch.bytes_per_record


class _OpenBatch:
    """A batch that is being read; `whole` is it in format 2 and inflated."""

    def __init__(
        self, records: Iterator[Any], whole: memoryview | bytearray | None, count: int, base: int, next_offset: int, fetched: memoryview
    ) -> None:
        self._records = records
        self._whole = whole
        self.count = count
        self.base = base
        self.next_offset = next_offset
        self.fetched = fetched
        self.given = 0
        size = len(fetched if whole is None else whole)
        self.bytes_per_record = size / max(count, 1)
        small = count <= SLICE_RECORDS and size <= SLICE_BYTES
        self._at_once = count if small else max(1, min(SLICE_RECORDS, SLICE_BYTES * count // size))

    def take(self) -> tuple[list[Any], str]:
        """The next records, and why no others follow that should."""
        if self.given == 0 and self._at_once == self.count:
            try:
                records = list(self._records)
            except Exception:  # the client's reader has errors of many kinds
                return self._take_leniently()
            self.given = self.count
            return records, ""
        try:
            records = list(islice(self._records, self._at_once))
            if self.given + len(records) >= self.count:
                records += self._records  # it looks whether anything is left over
        except Exception:
            return self._take_leniently()
        self.given += len(records)
        return records, ""

    def _take_leniently(self) -> tuple[list[Any], str]:
        """Again from where they were given, names of headers that are no text included, up to what is damaged."""
        assert self._whole is not None
        if not isinstance(self._records, islice):
            self._records = islice(_records(bytes(self._whole)), self.given, None)
        records: list[Any] = []
        try:
            records.extend(islice(self._records, self._at_once))  # those before the damage stay
            self.given += len(records)
            if self.given >= self.count:
                next(self._records, None)
        except Damaged as error:
            self.given = self.count
            return records, str(error)
        return records, ""


def _records(batch: bytes) -> Iterator[Record]:
    """The records of a batch of format 2 that is not compressed. Raises `Damaged` after the last that can be read."""
    base, _, _, _, _, attributes, _, first_time, last_time, _, _, _, count = _HEADER.unpack_from(batch)
    place = _HEADER.size
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
        yield Record(base + delta, last_time if attributes & _APPEND_TIME else first_time + time, key, value, headers)
    if place != len(batch):
        raise Damaged("the batch holds more than the records it declares")


def _first_key(batch: memoryview) -> bytes | None:
    try:
        return next(_records(bytes(batch))).key
    except (Damaged, StopIteration):
        return None


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number in zigzag varint encoding, and where it ends."""
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


# --- formats 0 and 1 ---------------------------------------------------------------------------------------------------


def _old_records(message: memoryview, magic: int) -> list[Record]:
    """The records of a message; at least one. Raises `Damaged`."""
    outer, attributes = _old_record(message, 0, magic)
    codec = attributes & _CODEC
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
        if of_one & _CODEC:
            raise Damaged("a compressed message within a compressed message")
        records.append(one)
        place += _LENGTH + int.from_bytes(inner[place + 8 : place + _LENGTH], "big")
    if not records:
        raise Damaged("a compressed message without records")
    if magic == 0:
        return records
    first = outer.offset - records[-1].offset  # they count from the first; the message bears the offset of the last
    append_time = outer.timestamp if attributes & _APPEND_TIME else 0
    return [one._replace(offset=first + one.offset, timestamp=append_time or one.timestamp) for one in records]


def _old_record(data: memoryview, place: int, magic: int) -> tuple[Record, int]:
    """The message at `place`, and its attributes."""
    left = len(data) - place
    size = _LENGTH + int.from_bytes(data[place + 8 : place + _LENGTH], "big", signed=True) if left >= _LENGTH else 0
    if not _FEWEST_BYTES[magic] <= size <= left or data[place + _MAGIC] != magic:
        raise Damaged("a message is shorter or longer than it declares")
    end = place + size
    offset = int.from_bytes(data[place : place + 8], "big", signed=True)
    time = int.from_bytes(data[place + 18 : place + 26], "big", signed=True) if magic else NO_TIMESTAMP
    key, at = _old_bytes(data, place + (26 if magic else 18), end)
    value, _ = _old_bytes(data, at, end)
    return Record(offset, time, key, value), data[place + _MAGIC + 1]


def _old_bytes(data: memoryview, place: int, end: int) -> tuple[bytes | None, int]:
    length = int.from_bytes(data[place : place + 4], "big", signed=True) if place + 4 <= end else -2
    if length == -1:
        return None, place + 4
    if length < 0 or place + 4 + length > end:
        raise Damaged("a field is longer than its message")
    return bytes(data[place + 4 : place + 4 + length]), place + 4 + length
