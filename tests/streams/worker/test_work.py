"""What a worker may send, and when: its work on a fake consumer and a fake producer."""

from __future__ import annotations

import asyncio
from time import time
from typing import Any

import pytest
from faust.tables.recovery import RebalanceAgain

from analyzer import Policy
from streams.partitions.held import take_hold
from streams.partitions.progress import Answers
from streams.settings import Settings
from streams.worker.app import create_app, new_work
from tests.harness.fakes import Batches, Client, nothing_found
from tests.harness.partitions import Source, feed, long_source, new_partition

POLICY = Policy()
SOURCE = Source({topic: records[:150] for topic, records in long_source().records.items()})


def test_between_a_rebalance_and_its_state_nothing_is_emitted_though_the_group_takes_commits() -> (
    None
):
    """A worker that slept joins again, and until it has read what others stored, its own state is
    of the past.
    """

    async def live() -> None:
        client = Client()
        work = new_work(client, Settings(), str, time, nothing_found)
        work.sink.producer = Batches(client.sent)  # type: ignore[assignment]

        held = work.holder.held[0] = take_hold(None, {}, POLICY, new_partition)
        await work.holder.take_over({0})
        feed(held.partition, [record for records in SOURCE.records.values() for record in records])
        await work.checkpointer.checkpoint()
        said = len(client.sent)
        assert said > 20
        await work.hand_over()

        held.partition.outbox.put_back(client.sent[:3])
        await work.checkpointer.checkpoint()
        assert len(client.sent) == said
        await work.holder.take_over({0})
        await work.checkpointer.checkpoint()
        assert [one.value for one in client.sent[said:]] == [one.value for one in client.sent[:3]]

    asyncio.run(live())


def test_a_partition_that_has_read_nothing_is_stored_without_a_commit() -> None:
    async def live() -> None:
        client = Client()
        work = new_work(client, Settings(), str, time, nothing_found)
        batches = Batches(client.sent)
        work.sink.producer = batches  # type: ignore[assignment]
        held = work.holder.held[0] = take_hold(None, {}, POLICY, new_partition)
        await work.holder.take_over({0})
        held.partition.changed = True
        await work.checkpointer.checkpoint()
        assert batches.stored
        assert client.sent == []

    asyncio.run(live())


class Group(Client):
    """Faust's app whose group takes commits only from a member."""

    member = True

    async def commit_offsets(self, offsets: dict[Any, int], *_: Any) -> bool:
        return self.member and bool(offsets)


def test_a_worker_whose_commit_the_group_refuses_deletes_nothing_until_one_is_accepted() -> None:
    """Another worker may have restored the records that it would delete."""

    async def live() -> None:
        group = Group()
        work = new_work(group, Settings(), str, time, nothing_found)
        topic = work.sink.producer = Batches(group.sent)  # type: ignore[assignment]
        held = work.holder.held[0] = take_hold(None, {}, POLICY, new_partition)
        await work.holder.take_over({0})
        records = [record for records in SOURCE.records.values() for record in records]

        async def deleted(some: list[Any]) -> int:
            before = len(topic.stored)
            feed(held.partition, some)
            await work.checkpointer.checkpoint()
            return sum(value is None for _, _, value in topic.stored[before:])

        assert await deleted(records[:100]) == 0  # nothing is stored yet
        group.member = False
        assert await deleted(records[100:200]) == 0
        group.member = True
        last = await deleted(records[200:])
        assert last > 0
        kept = {key for _, key, value in topic.stored if value is not None}
        gone = {key for _, key, value in topic.stored if value is None}
        plan = held.checkpoints.renewed("0" * 12).plan(held.partition)
        assert {key for key, _ in plan.deletions} == kept - gone

    asyncio.run(live())


@pytest.mark.parametrize(
    ("generations", "again"), [((4, 5), False), ((4, 6), True), ((4, 4), True)]
)
def test_only_a_generation_in_which_others_may_have_held_it_has_everything_stored_again(
    generations: tuple[int, int], again: bool
) -> None:
    async def live() -> None:
        group = Group()
        work = new_work(group, Settings(), str, time, nothing_found)
        topic = work.sink.producer = Batches(group.sent)  # type: ignore[assignment]
        held = work.holder.held[0] = take_hold(None, {}, POLICY, new_partition)
        records = [record for records in SOURCE.records.values() for record in records]
        stored = []
        for generation, some in zip(generations, (records[:-1], records[-1:]), strict=True):
            group.consumer_generation_id = generation
            await work.holder.take_over({0})
            before = len(topic.stored)
            feed(held.partition, some)
            await work.checkpointer.checkpoint()
            stored.append(sum(len(value or b"") for _, _, value in topic.stored[before:]))
        assert (stored[1] > stored[0] * 2 / 3) is again

    asyncio.run(live())


@pytest.mark.parametrize(("rebalances", "generation"), [(8, 4), (7, 5)])
def test_a_recovery_interrupted_by_a_rebalance_is_not_used_as_the_state(
    rebalances: int, generation: int
) -> None:
    """A worker that was suspended in the middle of a recovery goes on with it when it wakes."""

    async def live() -> None:
        app = create_app(Settings())
        taken = []

        async def recovered(numbers: set[int]) -> None:
            taken.append(numbers)

        app.tables["checkpoint"].on_recovered = recovered
        app.rebalancing_count, app.consumer_generation_id = 7, 4
        recovery = app.tables.recovery
        recovery.app.assignor.assigned_standbys = recovery.app.assignor.assigned_actives = set  # type: ignore[method-assign]
        await recovery.on_rebalance(set(), set(), set(), 4)
        app.rebalancing_count, app.consumer_generation_id = rebalances, generation
        with pytest.raises(RebalanceAgain):
            await recovery.on_recovery_completed(4)
        assert not taken

    asyncio.run(live())


class Connection:
    """A connection of the Kafka client.

    `_last_action` is when a response last arrived on it.
    """

    def __init__(self, last_action: float) -> None:
        self._last_action = last_action


def test_the_last_answer_of_a_broker_outlives_the_connection_it_came_on() -> None:
    connections: list[Connection] = []
    answers = Answers(lambda: connections)
    assert answers.last() is None
    connections[:] = [Connection(10.0), Connection(12.5)]
    assert answers.last() == 12.5
    connections[:] = [Connection(11.0)]
    assert answers.last() == 12.5
    answers.record(12.0)
    assert answers.last() == 12.5
    answers.record(13.0)
    assert answers.last() == 13.0


def test_a_worker_without_clients_does_not_claim_that_a_broker_answered() -> None:
    async def live() -> None:
        assert create_app(Settings()).work.stall_watch.broker_answered_at() is None

    asyncio.run(live())
