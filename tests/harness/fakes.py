"""A producer and a Kafka client that record what they are given."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from streams.kafka.outgoing import Outgoing


class Client:
    """Faust's app as far as a checkpoint needs it: every record is delivered, and the group takes
    every commit.
    """

    crash_reason = _consumer = _producer = None
    consumer_generation_id = 0

    def __init__(self) -> None:
        self.consumer = self
        self.sent: list[Outgoing] = []

    async def commit_offsets(self, offsets: dict[Any, int], note: str) -> bool:
        if not offsets:  # as aiokafka does
            raise ValueError(offsets)
        return True

    async def maybe_start_producer(self) -> Client:
        return self

    async def send(self, *record: Any) -> Any:
        delivered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        delivered.set_result(None)
        return delivered


def nothing_found(_: int) -> AbstractContextManager[Mapping[bytes, bytes]]:
    """The result of recovery from an empty checkpoint topic."""
    return nullcontext({})


class Batches:
    def __init__(self, sent: list[Outgoing]) -> None:
        self._sent = sent
        self.stored: list[tuple[tuple[str, int], bytes, bytes | None]] = []

    async def send(self, records: Iterable[Outgoing]) -> None:
        self._sent += records

    async def delivered(self) -> None:
        pass

    async def store(self, place: tuple[str, int], records: Any) -> None:
        self.stored += [(place, key, value) for key, value in records]
