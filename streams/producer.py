"""Sending many small records: packed into batches of our own, so that one costs a fraction of what the client's `send` does.

Records of one key keep their order. What was handed over is remembered until it is delivered, and failures are raised to
whoever waits for that: a checkpoint counts only once `delivered` has returned.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from streams.partition import Outgoing

BATCH_BYTES = 512 << 10
"""Longest batch: half of what brokers take by default. A longer record gets a batch of its own, as it does from `send`."""
BATCHES_IN_FLIGHT = 16
"""Batches handed over and not yet delivered, after which the sender waits: with `BATCH_BYTES` the bound of its memory."""
_PLACES = 10_000  # partitions of keys remembered; keys of misrouted records can be anything


class BatchProducer:
    """Records into topics through `client`, an aiokafka producer that has been started, and whose `max_batch_size` bounds batches."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._in_flight: list[asyncio.Future[Any]] = []
        self._places: dict[tuple[str, bytes | None], tuple[str, int]] = {}

    async def send(self, records: Iterable[Outgoing]) -> None:
        """Hand over `records`; returns when few enough batches are on their way. Raises `KafkaError` if one was not delivered."""
        now = int(time.time() * 1000)
        batches: dict[tuple[str, int], Any] = {}
        for one in records:
            place = self._places.get((one.topic, one.key)) or await self._place(one.topic, one.key)
            batch = batches.get(place)
            if batch is None:
                batch = batches[place] = self._client.create_batch()
            if batch.append(timestamp=now, key=one.key, value=one.value, headers=one.headers) is None:  # full
                await self._hand_over(place, batch)
                batch = batches[place] = self._client.create_batch()
                batch.append(timestamp=now, key=one.key, value=one.value, headers=one.headers)  # the first one always fits
        for place, batch in batches.items():
            await self._hand_over(place, batch)

    async def delivered(self) -> None:
        """Returns when everything handed over so far is delivered. Raises `KafkaError` if something is not."""
        await asyncio.gather(*self._in_flight)
        self._forget_delivered()

    async def _hand_over(self, place: tuple[str, int], batch: Any) -> None:
        topic, partition = place
        batch.close()
        self._in_flight.append(await self._client.send_batch(batch, topic, partition=partition))
        while len(self._in_flight) >= BATCHES_IN_FLIGHT:
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
            self._forget_delivered()

    def _forget_delivered(self) -> None:
        """Those that failed stay, and raise: whoever waits for everything must hear of them, too."""
        for one in self._in_flight:
            if one.done():
                one.result()
        self._in_flight = [one for one in self._in_flight if not one.done()]

    async def _place(self, topic: str, key: bytes | None) -> tuple[str, int]:
        """Where the client's own `send` would put a record with this key."""
        await self._client.client._wait_on_metadata(topic)
        place = topic, int(self._client._partition(topic, None, key, None, key, None))
        if key is not None and len(self._places) < _PLACES:
            self._places[topic, key] = place
        return place
