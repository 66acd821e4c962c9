"""The batch consumer without a broker: fetches, seeks and rebalances in any order; and the insides
of Faust and aiokafka that it rests on.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import aiokafka.conn
import aiokafka.consumer.fetcher as fetcher
import faust.app.base
import faust.tables.manager
import faust.tables.recovery
import faust.transport.consumer
import faust.transport.drivers.aiokafka as driver
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.fetched import FetchedRecords
from streams.kafka.security import Connection
from streams.kafka.slices import PAUSED_FETCH_SECONDS, Place, Reach, Slice
from streams.kafka.state_version import checkpoint_topic
from streams.kafka.transport import BUSY_FETCH_MS, IDLE_FETCH_MS, SLICES_IN_HAND
from streams.settings import load
from streams.worker.app import create_app
from tests.harness.slices import piece


class FakeThread:
    """The client's thread over logs in memory.

    What it is asked for happens some turns later, and is answered some turns after that.
    """

    def __init__(self, logs: dict[TP, list[int]], delays: Iterator[int]) -> None:
        self.logs, self.delays = logs, delays
        self.positions: dict[TP, int] = {}
        self.epoch = -1
        self.timeouts: list[float] = []

    async def fetch_slices(
        self, wanted: set[TP], timeout: float, epoch: int
    ) -> tuple[list[Slice], dict[Place, Reach]]:
        self.timeouts.append(timeout)
        await self.turns()
        slices = []
        for tp in sorted(wanted) if epoch == self.epoch else ():
            begin = self.positions[tp]
            if times := self.logs[tp][begin : begin + 3]:
                part = piece(tp.topic, times, begin, tp.partition)
                slices.append(replace(part, epoch=epoch))
                self.positions[tp] = part.next_offset
        reached = {
            Place(*tp): Reach(position, len(self.logs[tp]))
            for tp, position in self.positions.items()
        }
        await self.turns()
        return slices, reached

    async def seek_sources(self, offsets: dict[TP, int], epoch: int) -> None:
        await self.turns()
        self.positions.update(offsets)
        self.epoch = epoch
        await self.turns()

    async def turns(self) -> None:
        for _ in range(next(self.delays)):
            await asyncio.sleep(0)

    def assignment(self) -> set[TP]:
        return set(self.logs)


class Agent:
    """What Faust and `Work` do around a consumer: fetch, deliver, take in, and go back to what is
    stored.
    """

    def __init__(self, logs: dict[TP, list[int]], delays: Iterator[int]) -> None:
        self.app = create_app(load(partitions=2))
        self.consumer: Any = self.app.consumer
        self.consumer._thread = FakeThread(logs, delays)
        self.app.work = self  # type: ignore[assignment]
        self.places = set(logs)
        self.state: dict[TP, int] = dict.fromkeys(logs, 0)
        self.stored = dict(self.state)
        self.taken: dict[TP, list[int]] = {tp: [] for tp in logs}
        self.queue: list[Slice] = []

    def expected_offsets(self) -> dict[TP, int]:
        return dict(self.state)

    async def fetch(self) -> None:
        for (one,) in (await self.consumer._getmany(self.places, 0.001)).values():
            self.queue.append(one)

    async def take(self) -> None:
        if self.queue:
            one = self.queue.pop(0)
            if self.consumer.is_current(one):
                place = TP(*one.place)
                assert one.begin == self.state[place]
                del self.taken[place][one.begin :]
                self.taken[place] += [int(value or b"") for value in one.values]
                self.state[place] = one.next_offset
            self.consumer.finished(one)

    async def store(self) -> None:
        self.stored = dict(self.state)

    async def rebalance(self) -> None:
        await self.consumer.perform_seek()

    async def restore(self) -> None:
        """Others, or we ourselves, begin where the stored state ends; what was delivered before may
        still be on its way.
        """
        self.state = dict(self.stored)
        await self.consumer.perform_seek()


STEPS = st.lists(
    st.sampled_from(
        ["fetch", "fetch", "fetch", "take", "take", "store", "rebalance", "restore", "turn"]
    ),
    max_size=60,
)


@given(
    STEPS,
    st.lists(st.integers(0, 4), min_size=1),
    st.lists(st.integers(0, 12), min_size=4, max_size=4),
)
def test_whatever_is_interrupted_every_record_is_taken_in_once_and_in_order(
    steps: list[str], delays: list[int], lengths: list[int]
) -> None:
    """Fetches, seeks and restores in any interleaving: rebalances while slices are fetched,
    buffered and half worked off.
    """

    async def check() -> None:
        places = [TP("alarms", 0), TP("responses", 0), TP("alarms", 1), TP("labels", 1)]
        logs = {tp: list(range(length)) for tp, length in zip(places, lengths, strict=True)}
        agent = Agent(logs, itertools.cycle(delays))
        await agent.rebalance()
        fetching: asyncio.Task[None] | None = None
        for step in steps:
            if step == "turn":
                await asyncio.sleep(0)
            elif step != "fetch":
                await getattr(agent, step)()
            elif fetching is None or fetching.done():  # Faust fetches one at a time
                fetching = asyncio.ensure_future(agent.fetch())
        if fetching is not None:
            await fetching
        for _ in range(40):
            await agent.fetch()
            await agent.take()
        assert agent.taken == logs

    asyncio.run(check())


def test_a_slow_agent_stops_the_fetching_until_it_has_worked_off_a_slice() -> None:
    async def check() -> None:
        agent = Agent({TP("alarms", 0): list(range(100))}, itertools.repeat(0))
        await agent.rebalance()
        for _ in range(20):
            await agent.fetch()
        assert len(agent.queue) == SLICES_IN_HAND
        fetched_by_then = agent.consumer._thread.positions[TP("alarms", 0)]
        assert fetched_by_then <= 3 * (SLICES_IN_HAND + 1)
        waiting = asyncio.ensure_future(agent.consumer._getmany(agent.places, 60))
        await asyncio.sleep(0)
        assert not waiting.done()
        await agent.take()
        assert len(await waiting) == 1
        await agent.rebalance()  # what is in hand is void, and holds up nobody
        agent.queue.clear()
        await agent.fetch()
        assert len(agent.queue) == 1

    asyncio.run(check())


def test_while_partitions_are_paused_a_fetch_ends_soon_after_they_resume() -> None:
    """The client may hold their records already, and then no news ends a fetch."""

    async def check() -> None:
        agent = Agent({TP("alarms", 0): [1, 2]}, itertools.repeat(0))
        await agent.rebalance()
        agent.consumer.backlog.paused = frozenset({0})
        assert await agent.consumer._getmany(agent.places, 60.0) == {}
        assert agent.consumer._thread.timeouts == [PAUSED_FETCH_SECONDS]
        agent.consumer.backlog.paused = frozenset()
        assert len(await agent.consumer._getmany(agent.places, 60.0)) == 1
        assert agent.consumer._thread.timeouts[1:] == [60.0]

    asyncio.run(check())


def test_nothing_is_handed_on_before_a_rebalance_has_ended() -> None:
    """Its end empties Faust's buffers, after the seek."""

    async def check() -> None:
        agent = Agent({TP("alarms", 0): [1, 2]}, itertools.repeat(0))
        agent.app.rebalancing = True
        await agent.rebalance()
        await agent.fetch()
        assert agent.queue == []
        agent.app.rebalancing = False
        await agent.fetch()
        assert len(agent.queue) == 1

    asyncio.run(check())


def test_a_fetch_waits_for_news_unless_something_is_being_read_meanwhile() -> None:
    app = create_app(load(partitions=2))
    thread: Any = app.consumer._new_consumer_thread()  # type: ignore[attr-defined]
    source, changelog = TP("alarms", 0), TP(checkpoint_topic("alarm-fatigue"), 0)
    thread._expected = {source: 0}
    waits = [
        thread._fetch_wait_ms(waiting)
        for waiting in ({}, {source: 1}, {changelog: 1}, {source: 1, changelog: 1})
    ]
    assert waits == [IDLE_FETCH_MS, BUSY_FETCH_MS, IDLE_FETCH_MS, BUSY_FETCH_MS]
    app.in_recovery = True
    assert thread._fetch_wait_ms({}) == thread._fetch_wait_ms({changelog: 1}) == BUSY_FETCH_MS


def test_changelog_records_stay_records() -> None:
    app = create_app(load(partitions=2))
    consumer: Any = app.consumer
    asked = []

    class Thread(FakeThread):
        async def getmany(self, active: set[TP], timeout: float) -> dict[TP, list[str]]:
            asked.append(active)
            return {tp: ["record"] for tp in active}

    changelog = TP(checkpoint_topic("alarm-fatigue"), 0)
    consumer._thread = Thread({}, itertools.repeat(0))
    assert asyncio.run(consumer._getmany({changelog, TP("alarms", 0)}, 1.0)) == {
        changelog: ["record"]
    }
    assert asyncio.run(consumer._getmany(set(), 1.0)) == {}
    # nothing wanted is nothing asked for: the client would take it for everything
    assert asked == [{changelog}]


PINNED = {
    # What `streams.kafka.transport`, `streams.kafka.producer` and `streams.partitions.store`
    # override, mirror, or call by a private name, or rest on.
    driver.AIOKafkaConsumerThread.on_start: "38b4e8bd1e10",
    driver.AIOKafkaConsumerThread._fetch_records: "39a2c6c79fc1",
    driver.AIOKafkaConsumerThread._create_worker_consumer: "c2701bfc3e6f",
    driver.Consumer._to_message: "7c24f6511b2f",
    driver.Producer.on_start: "219c9a7a785d",
    faust.transport.consumer.Consumer.getmany: "4b168d84882a",
    faust.transport.consumer.Consumer._wait_next_records: "6218e1969a63",
    faust.transport.consumer.Consumer._drain_messages: "44a2500309e8",
    faust.transport.consumer.Consumer.perform_seek: "0e8c130ff4b0",
    faust.transport.consumer.Consumer.on_partitions_revoked: "d04b7ae72c6f",
    faust.transport.consumer.Consumer.on_buffer_full: "c8961679e0bc",
    faust.transport.consumer.Consumer.on_buffer_drop: "4b57e8a418d5",
    faust.transport.consumer.Consumer.ack: "5fcf41cf4515",
    faust.tables.recovery.Recovery._restart_recovery.fun: "6bd8a8558a2d",
    faust.tables.recovery.Recovery.on_recovery_completed: "6ef567acf072",
    faust.tables.recovery.Recovery.on_rebalance: "aa4d997a1795",
    faust.tables.manager.TableManager._update_channels: "88e3941facc9",
    faust.tables.manager.TableManager.on_start: "365dd25fbc0e",
    faust.app.base.App._on_partitions_revoked: "d5c895bbe57d",
    faust.app.base.App._on_partitions_assigned: "de932b7927db",
    FetchedRecords.__base__: "94aa0da0dbec",
    fetcher.FetchResult: "d7db13f06de8",
    fetcher.Fetcher.fetched_records: "be4348896b9b",
    fetcher.Fetcher._fetch_requests_routine: "2a8ec5932644",
    fetcher.Fetcher._get_actions_per_node: "1dab2cf937d1",
    fetcher.Fetcher._proc_fetch_request: "59bf948fff47",
    fetcher.Fetcher._create_fetch_waiter: "61d840568746",
    aiokafka.conn.create_conn: "673276cbddb4",
    Connection.__base__: "ac26ab36fe7c",
    driver.credentials_to_aiokafka_auth: "364c9c9c6852",
    driver.Transport._create_topic: "5e1966c11a52",
    AIOKafkaProducer._partition: "e45fa9c539d4",
    AIOKafkaProducer.send_batch: "bf42b0f0c5c0",
    BatchBuilder.append: "657d76f55157",
    fetcher.Fetcher.seek_to: "f0ba6aba6c22",
}


@pytest.mark.parametrize("what", PINNED, ids=lambda what: f"{what.__module__}.{what.__qualname__}")
def test_the_insides_that_the_transport_rests_on_are_those_it_was_written_for(what: Any) -> None:
    found = hashlib.sha256(inspect.getsource(what).encode()).hexdigest()[:12]
    name = f"{what.__module__}.{what.__qualname__}"
    assert found == PINNED[what], (
        f"{name} has changed: read it, and streams/kafka/transport.py with it; then write "
        f"{found} here"
    )
