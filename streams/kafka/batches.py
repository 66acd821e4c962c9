"""Batches: the bytes of a fetched partition into records, by columns, or into stretches that cannot
be read. It never raises.

Knows the formats of Kafka's log (2, and 0 and 1 of old producers), transactions, and what damage
looks like; it knows no client. aiokafka's own reader trusts lengths and counts: it inflates without
bound, and can hang or crash on damaged bytes of the old formats. Only the records of a verified
batch of format 2 are left to it, for speed.

A batch that cannot be read becomes an `Unreadable`, and reading goes on with the next one. Where a
batch is damaged inside, the records before the damage are read.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.util import calc_crc32c

from streams.kafka.inflate import InflateError, inflate
from streams.kafka.records import (
    APPEND_TIME,
    BATCH_RECORDS,
    CODEC,
    CONTROL,
    FEWEST_BYTES,
    HEADER,
    LENGTH,
    MAGIC,
    NO_TIMESTAMP,
    TRANSACTIONAL,
    Damaged,
    Headers,
    first_key,
    old_records,
    records_of,
)

SLICE_RECORDS = 4096
"""Records after which a slice ends (at the end of the producer's batch): enough to make what is
done once a slice cheap.
"""
SLICE_BYTES = 4 << 20
"""Bytes of records after which a batch is split between slices: some four times what a fetch
without compression brings.
"""
SAMPLE_BYTES = 16 << 10
"""How much of an unreadable batch is kept for people to look at."""
_LATEST_TIMESTAMP = 1 << 53
"""Timestamps beyond it (after the year 287,000) are taken for it: sums with them must stay within
64 bits.
"""

_PLAIN = struct.Struct(">qi4xb4xhi30xi")
"""`HEADER` in short: base offset, length, format, attributes, last offset delta, number of records.
"""
_LAST_OFFSET = 27
"""Bytes up to the end of the last offset's delta."""
_CRC_COVERS = 21
_OLD_CRC_COVERS = 16
_ABORT = b"\0\0\0\0"
"""The key of a control record that ends a transaction which was aborted: version 0, type 0."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Offsets from `begin` up to, not including, `next_offset` (the same: none is missing) of a
    batch that cannot be read.
    """

    begin: int
    next_offset: int
    size: int
    """Of the batch as fetched, bytes."""
    reason: str
    """One line without any of the data."""
    sample: bytes
    """The first `SAMPLE_BYTES` of it."""


@dataclass(slots=True)
class Read:
    """Some records by columns, in order, and everything that could not be read between them;
    reading goes on at `next_offset`.
    """

    begin: int
    next_offset: int
    offsets: list[int] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    headers: dict[int, Headers] = field(default_factory=dict)
    """Of those records that have some, by offset."""
    unreadable: list[Unreadable] = field(default_factory=list)

    def add(self, offsets: list[int], records: list[Any]) -> None:
        """Records at the end, and their offsets."""
        self.offsets += offsets
        self.timestamps += [one.timestamp for one in records]
        self.keys += [one.key for one in records]
        self.values += [one.value for one in records]
        for one in [one for one in records if one.headers]:
            self.headers[one.offset] = one.headers


class _Doubtful(Exception):
    """A wrong checksum, seen for the first time."""


class Batches:
    """The batches of one fetch, read from offset `position` on.

    `aborted`: the aborted transactions that the broker names, as (producer id, first offset), whose
    records are left out. None: transactions do not matter, and all records are read. `doubt`: stop
    before a batch whose checksum is wrong, or that reaches beyond the high watermark, and set
    `doubtful`, for it may be right when it is fetched again; not at offset `suspect`, where that
    was tried.
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
        """About `SLICE_RECORDS` records.

        `end`: the partition's high watermark as of the fetch. A batch beyond it is damaged, unless
        it has just been written: see `doubt`.
        """
        found = Read(self.position, self.position)
        size = 0.0
        while len(found.offsets) < SLICE_RECORDS and size < SLICE_BYTES:
            if self._open is not None:
                size += self._take(found)
                continue
            size += self._read_plain(found, end)
            if len(found.offsets) < SLICE_RECORDS and size < SLICE_BYTES:
                if self.done:
                    break
                self._next(found, end)
        if self.done and self.position == self._begin and self._data and not self.doubtful:
            sample = self._data[:SAMPLE_BYTES]
            found.unreadable.append(
                Unreadable(
                    self.position,
                    self.position + 1,
                    len(self._data),
                    "no batch has this offset",
                    sample,
                )
            )
            self.position += 1
        found.next_offset = self.position
        times = found.timestamps
        if times and not NO_TIMESTAMP <= min(times) <= max(times) <= _LATEST_TIMESTAMP:
            found.timestamps = [min(max(one, NO_TIMESTAMP), _LATEST_TIMESTAMP) for one in times]
        return found

    # -- batches

    def _read_plain(self, found: Read, end: int | None) -> int:
        """Read batches as most are, whole, neither compressed nor in a transaction, up to the first
        that is not. How many bytes.
        """
        data, view, place, total = self._data, self._view, self._place, len(self._data)
        begin = place
        while (
            total - place >= HEADER.size
            and len(found.offsets) < SLICE_RECORDS
            and place - begin < SLICE_BYTES
        ):
            base, length, magic, attributes, last, count = _PLAIN.unpack_from(data, place)
            stop, next_offset = place + LENGTH + length, base + last + 1
            if (
                magic != 2
                or attributes & ~APPEND_TIME
                or not place + HEADER.size < stop <= total
                or not 0 < count <= SLICE_RECORDS
            ):
                break
            if not self.position <= base < next_offset or (end is not None and next_offset > end):
                break
            batch = DefaultRecordBatch(view[place:stop])
            if not batch.validate_crc():
                break
            try:
                records = list(batch)
            except Exception:  # the client's reader has errors of many kinds
                break
            offsets = [one.offset for one in records]
            if offsets[0] < base or offsets[-1] >= next_offset or offsets != sorted(offsets):
                break
            found.add(offsets, records)
            self.position, self._place = next_offset, stop
            place = stop
        return place - begin

    def _next(self, found: Read, end: int | None) -> None:
        """Open the batch that comes next, or pass over it."""
        data, place = self._data, self._place
        left = len(data) - place
        length = (
            int.from_bytes(data[place + 8 : place + LENGTH], "big", signed=True)
            if left > MAGIC
            else left
        )
        size = LENGTH + length
        if size > left and place:  # the fetch ends in the middle of a batch
            self._place = len(data)
            return
        if size > left or size <= MAGIC:
            self._pass_over(found, left, "the batch is shorter or longer than it declares", end)
            self._place = len(data)  # where the next one begins is not known
            return
        view, magic = self._view[place : place + size], data[place + MAGIC]
        try:
            if magic not in FEWEST_BYTES:
                raise Damaged(f"unknown format {magic}")
            if size < FEWEST_BYTES[magic]:
                raise Damaged("the batch is shorter than its header")
            self._open = (
                self._open_batch(view, end) if magic == 2 else self._open_old(view, magic, end)
            )
        except _Doubtful:
            self.doubtful = True
            return
        except Damaged as error:
            self._pass_over(found, size, str(error), end)
        self._place = place + size

    def _open_batch(self, view: memoryview, end: int | None) -> _OpenBatch | None:
        """A batch of format 2; None where none of its records exists."""
        base, _, _, _, crc, attributes, last, first_time, last_time, producer, _, _, count = (
            HEADER.unpack_from(view)
        )
        if calc_crc32c(view[_CRC_COVERS:]) != crc:
            self._check_doubt()
            raise Damaged("wrong checksum")
        next_offset = base + last + 1
        if self._is_behind(base, next_offset, end):
            return None
        if self._is_aborted(base, attributes, producer, view) or attributes & CONTROL:
            self.position = next_offset
            return None
        if not 0 <= count <= BATCH_RECORDS:
            raise Damaged(f"the batch declares {count} records")
        whole: memoryview | bytearray = view
        if codec := attributes & CODEC:
            plain = HEADER.pack(
                base,
                0,
                0,
                2,
                0,
                attributes & ~CODEC,
                last,
                first_time,
                last_time,
                -1,
                -1,
                -1,
                count,
            )
            try:
                whole = inflate(codec, view[HEADER.size :], plain)
            except InflateError as error:
                raise Damaged(str(error)) from None
        return _OpenBatch(iter(DefaultRecordBatch(whole)), whole, count, base, next_offset, view)

    def _open_old(self, view: memoryview, magic: int, end: int | None) -> _OpenBatch | None:
        """A message of format 0 or 1: one record, or compressed ones within it."""
        if zlib.crc32(view[_OLD_CRC_COVERS:]) != int.from_bytes(
            view[LENGTH:_OLD_CRC_COVERS], "big"
        ):
            self._check_doubt()
            raise Damaged("wrong checksum")
        last = int.from_bytes(view[:8], "big", signed=True)
        if self._is_behind(last, last + 1, end):
            return None
        records = old_records(view, magic)
        if not 0 <= records[0].offset <= records[-1].offset == last:
            raise Damaged("the records' offsets are not in order")
        return _OpenBatch(iter(records), None, len(records), records[0].offset, last + 1, view)

    def _check_doubt(self) -> None:
        if self._doubt and self.position != self._suspect:
            raise _Doubtful

    def _is_behind(self, base: int, next_offset: int, end: int | None) -> bool:
        """Whether a batch lies before `position`. Raises `Damaged` where it lies nowhere."""
        beyond = end is not None and next_offset > end
        if beyond:  # brokers read their high watermark before the records, which may pass it
            self._check_doubt()
        if base < 0 or next_offset <= base or beyond:
            raise Damaged("the batch declares offsets that the partition does not have")
        return next_offset <= self.position

    def _is_aborted(self, base: int, attributes: int, producer: int, view: memoryview) -> bool:
        if self._aborted is None or producer < 0:
            return False
        while self._aborted and self._aborted[0][1] <= base:
            self._aborted_producers.add(self._aborted.pop(0)[0])
        if attributes & CONTROL and first_key(view) == _ABORT:
            self._aborted_producers.discard(producer)
        return bool(attributes & TRANSACTIONAL) and producer in self._aborted_producers

    def _pass_over(self, found: Read, size: int, reason: str, end: int | None) -> None:
        """The batch at `_place` cannot be read.

        Its header may say anything, so it ends where the next one begins, if that is near.
        """
        data, place, begin = self._data, self._place, self.position
        after = place + size
        ends = []
        if len(data) - after > MAGIC:
            ends.append(int.from_bytes(data[after : after + 8], "big", signed=True))
        if size >= _LAST_OFFSET:
            base, last = (
                struct.unpack_from(form, data, at)[0]
                for form, at in ((">q", place), (">i", place + _LAST_OFFSET - 4))
            )
            ends.append(base + 1 + (last if data[place + MAGIC] >= 2 else 0))
        most = end if end is not None and end > begin else begin + (1 << 31)
        self.position = next((one for one in ends if begin < one <= most), begin + 1)
        found.unreadable.append(
            Unreadable(
                begin, self.position, size, reason, data[place : place + min(size, SAMPLE_BYTES)]
            )
        )

    # -- records

    def _take(self, found: Read) -> float:
        """Some records of the open batch, those before `position` left out; how many bytes of it,
        about.
        """
        batch = self._open
        assert batch is not None
        records, reason = batch.take()
        if records and records[0].offset < self.position:  # a position within a batch
            records = [one for one in records if one.offset >= self.position]
        offsets = [one.offset for one in records]
        if offsets and (
            offsets[-1] >= batch.next_offset
            or offsets[0] < batch.base
            or offsets != sorted(offsets)
        ):
            records, offsets, reason = [], [], "the records' offsets are not in order"
        if records:
            found.add(offsets, records)
            self.position = offsets[-1] + 1
        if reason:
            end, size = max(batch.next_offset, self.position), len(batch.fetched)
            found.unreadable.append(
                Unreadable(self.position, end, size, reason, bytes(batch.fetched[:SAMPLE_BYTES]))
            )
        if reason or batch.given >= batch.count:
            self.position = max(self.position, batch.next_offset)
            self._open = None
        return len(records) * batch.bytes_per_record


class _OpenBatch:
    """A batch that is being read; `whole` is it in format 2 and inflated."""

    def __init__(
        self,
        records: Iterator[Any],
        whole: memoryview | bytearray | None,
        count: int,
        base: int,
        next_offset: int,
        fetched: memoryview,
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
        """Again from where they were given, names of headers that are no text included, up to what
        is damaged.
        """
        assert self._whole is not None
        if not isinstance(self._records, islice):
            self._records = islice(records_of(bytes(self._whole)), self.given, None)
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
