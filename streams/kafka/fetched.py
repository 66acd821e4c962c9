"""Fetched data: makes aiokafka's fetcher use our own robust and bounded reader
(`streams.kafka.batches`).

Sources are read by slices. Faust reads changelogs record by record, through the same reader. Once
installed, it also serves everything else that the process reads with aiokafka.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import structlog
from aiokafka.consumer import fetcher as fetching
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from streams.kafka.batches import Batches
from streams.kafka.records import Headers
from streams.kafka.slices import Place, Slice, times_replayed

log = structlog.get_logger("alarm_fatigue")


class FetchedBytes:
    """The broker's answer for one partition. It replaces aiokafka's `MemoryRecords`, which trusts
    the bytes.
    """

    def __init__(self, data: bytes | None) -> None:
        self.data = data or b""

    def has_next(self) -> bool:
        return bool(self.data)

    def size_in_bytes(self) -> int:
        return len(self.data)


class FetchedRecords(PartitionRecords):
    """One fetch of a partition, read as slices (sources) or as single records (changelogs). It
    replaces aiokafka's own class.
    """

    def __init__(
        self,
        tp: TP,
        records: FetchedBytes,
        aborted_transactions: list[tuple[int, int]] | None,
        fetch_offset: int,
        *_: Any,  # deserializers and isolation levels, which never vary here
    ) -> None:
        self.place = Place(*tp)
        self.next_fetch_offset = fetch_offset
        self.suspect: int | None = None
        self._data = records.data
        self._aborted = aborted_transactions or []
        self._batches: Batches | None = None
        self._single: Iterator[ConsumerRecord[Any, Any]] | None = None

    @property
    def doubtful(self) -> bool:
        """Whether it ends before a batch that must be fetched again (see `Batches`)."""
        return self._batches is not None and self._batches.doubtful

    @property
    def done(self) -> bool:
        return self._batches is not None and self._batches.done

    def read_slice(self, end: int | None = None, epoch: int = 0, moved: bool = False) -> Slice:
        """The next records; `end` is the partition's high watermark."""
        if self._batches is None:
            self._batches = Batches(
                self._data, self.next_fetch_offset, self._aborted, doubt=True, suspect=self.suspect
            )
        read = self._batches.read(end)
        self.next_fetch_offset = read.next_offset
        replayed = {
            offset: times
            for offset, headers in read.headers.items()
            if (times := times_replayed(headers))
        }
        return Slice(
            *self.place,
            read.offsets,
            read.timestamps,
            read.keys,
            read.values,
            read.begin,
            read.next_offset,
            epoch,
            moved,
            replayed,
            tuple(read.unreadable),
        )

    def __iter__(self) -> Iterator[ConsumerRecord[Any, Any]]:
        # Made only now: until it ends, it and this object refer to each other, and the bytes of a
        # fetch would stay in memory until the garbage collector comes by.
        if self._single is None:
            self._single = self._each()
        return self._single

    def _each(self) -> Iterator[ConsumerRecord[Any, Any]]:
        """All records.

        If the last offsets have no record, a record without key and value stands for them, because
        recovery waits until it sees the last offset.
        """
        batches = Batches(self._data, self.next_fetch_offset, self._aborted)
        topic, partition = self.place
        while not batches.done:
            read = batches.read()
            for one in read.unreadable:
                log.error(
                    "a batch cannot be read and is skipped",
                    topic=topic,
                    partition=partition,
                    offsets=[one.begin, one.next_offset],
                    size=one.size,
                    reason=one.reason,
                )
            for record in zip(read.offsets, read.timestamps, read.keys, read.values, strict=True):
                offset = record[0]
                self.next_fetch_offset = offset + 1
                yield _single(topic, partition, *record, headers=read.headers.get(offset, ()))
            if self.next_fetch_offset < read.next_offset:
                self.next_fetch_offset = read.next_offset
                yield _single(topic, partition, read.next_offset - 1, -1, None, None)


def _single(
    topic: str,
    partition: int,
    offset: int,
    timestamp: int,
    key: bytes | None,
    value: bytes | None,
    headers: Headers = (),
) -> ConsumerRecord[Any, Any]:
    sizes = (-1 if one is None else len(one) for one in (key, value))
    return ConsumerRecord(topic, partition, offset, timestamp, 0, key, value, None, *sizes, headers)


def install() -> None:
    """Make aiokafka's fetcher use these classes in this process."""
    fetching.MemoryRecords = FetchedBytes
    fetching.PartitionRecords = FetchedRecords
