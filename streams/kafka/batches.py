"""Batches: reads the bytes of a fetched partition into columns of records and ranges of unreadable
offsets. It never raises.

It knows the formats of Kafka's log (2, and 0 and 1 of old producers), transactions, and damage, and
is independent of any client. aiokafka's own reader trusts lengths and counts: it inflates without
bound, and can hang or crash on damaged bytes of the old formats. Only the records of verified
batches of format 2 are left to it, for speed.

A batch that cannot be read becomes an `Unreadable`, and reading continues with the next one. If a
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
"""Records after which a slice ends (at the end of the producer's batch): enough to amortize the
work that is done once per slice.
"""
SLICE_BYTES = 4 << 20
"""Bytes of records after which a batch is split between slices: about four times an uncompressed
fetch.
"""
SAMPLE_BYTES = 16 << 10
"""How many bytes of an unreadable batch are kept for inspection."""
_LATEST_TIMESTAMP = 1 << 53
"""Later timestamps (after the year 287,000) are replaced by this one, so that sums stay within 64
bits.
"""

_PLAIN = struct.Struct(">qi4xb4xhi30xi")
"""Some fields of `HEADER`: base offset, length, format, attributes, last offset delta, number of
records.
"""
_LAST_OFFSET = 27
"""Bytes up to the end of the last offset delta."""
_CRC_COVERS = 21
_OLD_CRC_COVERS = 16
_ABORT = b"\0\0\0\0"
"""The key of a control record that aborts a transaction: version 0, type 0."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The offsets from `begin` up to, not including, `next_offset` of a batch that cannot be read.

    If the two are equal, no record is missing.
    """

    begin: int
    next_offset: int
    size: int
    """Bytes of the batch as fetched."""
    reason: str
    """One line, without any of the data."""
    sample: bytes
    """The first `SAMPLE_BYTES` of the batch."""


@dataclass(slots=True)
class Read:
    """Records by columns, in order, and the batches between them that could not be read.

    Reading continues at `next_offset`.
    """

    begin: int
    next_offset: int
    offsets: list[int] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    headers: dict[int, Headers] = field(default_factory=dict)
    """The headers of records that have any, by offset."""
    unreadable: list[Unreadable] = field(default_factory=list)

    def add(self, offsets: list[int], records: list[Any]) -> None:
        """Append records and their offsets."""
        self.offsets += offsets
        self.timestamps += [one.timestamp for one in records]
        self.keys += [one.key for one in records]
        self.values += [one.value for one in records]
        for one in [one for one in records if one.headers]:
            self.headers[one.offset] = one.headers


class _Doubtful(Exception):
    """A wrong checksum for the first time: the batch is to be fetched again."""


class Batches:
    """The batches of one fetch, read from offset `position` on.

    `aborted` lists the aborted transactions that the broker reports, as (producer id, first
    offset); their records are left out. With None, all records are read.

    With `doubt`, reading stops before a batch whose checksum is wrong, or that extends beyond the
    high watermark, and sets `doubtful`: the batch may be correct when it is fetched again. At
    offset `suspect`, this was already tried.
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
        self._at = 0
        self._aborted = None if aborted is None else sorted(aborted, key=lambda one: one[1])
        self._aborted_producers: set[int] = set()
        self._doubt = doubt
        self._suspect = suspect
        self._begin = position
        self._open: _OpenBatch | None = None

    @property
    def done(self) -> bool:
        """Whether this fetch has been read completely."""
        return self._open is None and (self.doubtful or self._at >= len(self._data))

    def read(self, end: int | None = None) -> Read:
        """About `SLICE_RECORDS` records.

        `end` is the partition's high watermark at the fetch. A batch beyond it is damaged, unless
        it has just been written (see `doubt`).
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
        """Read usual batches (complete, not compressed, in no transaction) up to the first other
        one.

        Returns the number of bytes read.
        """
        data, view, place, total = self._data, self._view, self._at, len(self._data)
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
            self.position, self._at = next_offset, stop
            place = stop
        return place - begin

    def _next(self, found: Read, end: int | None) -> None:
        """Open the next batch, or skip it."""
        data, place = self._data, self._at
        left = len(data) - place
        length = (
            int.from_bytes(data[place + 8 : place + LENGTH], "big", signed=True)
            if left > MAGIC
            else left
        )
        size = LENGTH + length
        if size > left and place:  # the fetch ends in the middle of a batch
            self._at = len(data)
            return
        if size > left or size <= MAGIC:
            self._skip(found, left, "the batch is shorter or longer than it declares", end)
            self._at = len(data)  # the beginning of the next one is unknown
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
            self._skip(found, size, str(error), end)
        self._at = place + size

    def _open_batch(self, view: memoryview, end: int | None) -> _OpenBatch | None:
        """A batch of format 2; None if none of its records counts."""
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
            bare = attributes & ~CODEC
            fields = base, 0, 0, 2, 0, bare, last, first_time, last_time, -1, -1, -1, count
            plain = HEADER.pack(*fields)
            try:
                whole = inflate(codec, view[HEADER.size :], plain)
            except InflateError as error:
                raise Damaged(str(error)) from None
        return _OpenBatch(iter(DefaultRecordBatch(whole)), whole, count, base, next_offset, view)

    def _open_old(self, view: memoryview, magic: int, end: int | None) -> _OpenBatch | None:
        """A message of format 0 or 1: one record, or several compressed within it."""
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
        """Whether a batch lies before `position`. Raises `Damaged` if its offsets are
        impossible.
        """
        beyond = end is not None and next_offset > end
        if beyond:  # brokers read the high watermark before the records
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

    def _skip(self, found: Read, size: int, reason: str, end: int | None) -> None:
        """Skip the batch at `_at`, which cannot be read.

        Its header is not reliable, so it ends where the next one begins, if that is plausible.
        """
        data, place, begin = self._data, self._at, self.position
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
        """Add records of the open batch, without those before `position`.

        Returns about how many bytes of the batch they take.
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
    """A batch that is being read; `whole` is the inflated batch, if of format 2."""

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
        """The next records, and why expected records after them cannot be read."""
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
                records += self._records  # checks that no bytes are left over
        except Exception:
            return self._take_leniently()
        self.given += len(records)
        return records, ""

    def _take_leniently(self) -> tuple[list[Any], str]:
        """Read on with our own reader, which also accepts header names that are not UTF-8, up to
        the damage.
        """
        assert self._whole is not None
        if not isinstance(self._records, islice):
            self._records = islice(records_of(bytes(self._whole)), self.given, None)
        records: list[Any] = []
        try:
            records.extend(islice(self._records, self._at_once))  # keeps those before the damage
            self.given += len(records)
            if self.given >= self.count:
                next(self._records, None)
        except Damaged as error:
            self.given = self.count
            return records, str(error)
        return records, ""
