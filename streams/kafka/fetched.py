"""What was fetched: aiokafka's fetcher, with a reader of our own that nothing can break or bloat
(`streams.kafka.batches`).

Sources are read by slices. Changelogs are read by Faust, record by record, and so through the same
reader - as is whatever else a process reads with aiokafka once this is installed.
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
    """What the broker answered for one partition, in place of aiokafka's `MemoryRecords`, which
    trusts it.
    """

    def __init__(self, data: bytes | None) -> None:
        self.data = data or b""

    def has_next(self) -> bool:
        return bool(self.data)

    def size_in_bytes(self) -> int:
        return len(self.data)


class FetchedRecords(PartitionRecords):
    """One fetch of a partition, in place of aiokafka's own: slices of a source, single records of a
    changelog.
    """

    def __init__(
        self,
        tp: TP,
        records: FetchedBytes,
        aborted_transactions: list[tuple[int, int]] | None,
        fetch_offset: int,
        *_: Any,  # deserializers and levels, which are always the same here
    ) -> None:
        self.place = Place(*tp)
        self.next_fetch_offset = fetch_offset
        self.suspect: int | None = None
        self._data = records.data
        self._aborted = aborted_transactions or []
        self._batches: Batches | None = None
        self._single = self._each()

    @property
    def doubtful(self) -> bool:
        """Whether it ends before a batch that is to be fetched again: see `Batches`."""
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
        return self._single

    def _each(self) -> Iterator[ConsumerRecord[Any, Any]]:
        """Every record.

        Where none is left at the end, one without key and value: who waits for an offset must see
        it pass.
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
    """Have aiokafka's fetcher make these of what it fetches, in this process."""
    fetching.MemoryRecords = FetchedBytes
    fetching.PartitionRecords = FetchedRecords
