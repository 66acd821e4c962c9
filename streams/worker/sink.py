"""The sink: the producer of all output of a worker, and the records that were lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streams.kafka.fitting import Limits
from streams.kafka.outgoing import Outgoing
from streams.kafka.producer import BatchProducer


class Sink:
    """Sends the output records of a worker to the broker, within the size `limits` of topics."""

    def __init__(self, app: Any, limits: Limits) -> None:
        self._app = app
        self.limits = limits
        self.producer: BatchProducer | None = None
        """None before the first use."""

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Hand records to the producer; `delivered` waits for their delivery."""
        if records:
            await (await self.start()).send(records)

    async def delivered(self) -> None:
        """Wait until everything sent is delivered, or permanently refused."""
        await (await self.start()).delivered()

    async def store(
        self, place: tuple[str, int], records: Sequence[tuple[bytes, bytes | None]]
    ) -> None:
        """Write records to a topic-partition and wait for their delivery. Raises `Refused`."""
        await (await self.start()).store(place, records)

    async def start(self) -> BatchProducer:
        """The producer, started if it is not."""
        if self.producer is None:
            producer = await self._app.maybe_start_producer()
            self.producer = BatchProducer(producer._producer, self.limits, self._app.names)
        return self.producer

    def losses(self) -> dict[str, Mapping[str, int]]:
        """Records refused or cut since the start, by metric (see `health.LOSSES`) and topic."""
        if self.producer is None:
            return {}
        return {
            "undeliverable_records": self.producer.undeliverable,
            "truncated_records": self.producer.truncated,
        }
