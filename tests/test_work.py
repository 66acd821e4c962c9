"""What a worker may send, and when: its work on a fake consumer and a fake producer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from analyzer import Policy
from streams.app import create_app
from streams.partition import Outgoing
from streams.settings import Settings
from streams.work import take_hold
from tests.test_checkpoint import Source, feed, long_source, new_partition

POLICY = Policy()
SOURCE = Source({topic: records[:150] for topic, records in long_source().records.items()})


class Client:
    """Faust's app as far as a checkpoint needs it: every record is delivered, and the group takes every commit."""

    crash_reason = None

    def __init__(self) -> None:
        self.consumer = self
        self.sent: list[Outgoing] = []

    async def tell_group(self, offsets: dict[Any, int]) -> bool:
        return bool(offsets)

    async def maybe_start_producer(self) -> Client:
        return self

    async def send(self, *record: Any) -> Any:
        delivered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        delivered.set_result(None)
        return delivered


class Batches:
    def __init__(self, sent: list[Outgoing]) -> None:
        self._sent = sent

    async def send(self, records: Iterable[Outgoing]) -> None:
        self._sent += records

    async def delivered(self) -> None:
        pass


def test_between_a_rebalance_and_the_state_that_follows_it_nothing_is_said_though_the_group_takes_commits() -> None:
    """A worker that slept joins again, and until it has read what others stored, its own state is of the past."""

    async def live() -> None:
        client = Client()
        work = create_app(Settings()).work
        work._app, work._producer = client, Batches(client.sent)  # type: ignore[assignment]

        held = work._held[0] = take_hold(None, {}, POLICY, new_partition)
        await work._recovered({0})
        feed(held.partition, [record for records in SOURCE.records.values() for record in records])
        await work.hand_over()
        said = len(client.sent)
        assert said > 20

        held.partition.put_back(client.sent[:3])
        await work.checkpoint()
        assert len(client.sent) == said
        await work._recovered({0})
        await work.checkpoint()
        assert [one.value for one in client.sent[said:]] == [one.value for one in client.sent[:3]]

    asyncio.run(live())
