"""The batch transport without a broker: slices, their order, what a fetch is made into, sending,
and the watch over it all.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import aiokafka.consumer.fetcher as fetcher
import faust.app.base
import faust.tables.manager
import faust.tables.recovery
import faust.transport.consumer
import faust.transport.drivers.aiokafka as driver
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    CorruptRecordException,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
    UnknownError,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from analyzer import TOPICS, Topic
from streams.kafka import producer as sending
from streams.kafka.fetched import FetchedRecords
from streams.kafka.outgoing import Outgoing
from streams.kafka.probe import host_and_port
from streams.kafka.producer import BatchProducer, Refused
from streams.kafka.slices import (
    AHEAD_MS,
    FAR_AHEAD_MS,
    FEW_RECORDS,
    PATIENCE_SECONDS,
    Backlog,
    Place,
    Reach,
    Slice,
)
from streams.kafka.topics import checkpoint_topic
from streams.kafka.transport import BUSY_FETCH_MS, IDLE_FETCH_MS, SLICES_IN_HAND
from streams.partitions.progress import StallDetector, Standing
from streams.settings import load
from streams.worker.app import create_app

MINUTE = 60_000


def piece(topic: Topic, times: Sequence[int], begin: int = 0, partition: int = 0) -> Slice:
    """A slice without gaps, of records that tell their own offsets."""
    offsets = list(range(begin, begin + len(times)))
    return Slice(
        topic,
        partition,
        offsets,
        list(times),
        [None] * len(times),
        [b"%d" % one for one in offsets],
        begin,
        begin + len(times),
    )


# --- slices


@given(st.lists(st.integers(0, 5), min_size=2, max_size=20), st.data())
def test_the_parts_of_a_slice_join_without_gap_and_are_the_whole(
    gaps: list[int], data: st.DataObject
) -> None:
    offsets = list(itertools.accumulate(1 + gap for gap in gaps))
    whole = Slice(
        "alarms",
        3,
        offsets,
        offsets[:],
        [None] * len(offsets),
        [b""] * len(offsets),
        0,
        offsets[-1] + 4,
        7,
        True,
    )
    head, tail = whole.cut(data.draw(st.integers(1, len(offsets) - 1)))
    assert (head.begin, head.next_offset, tail.next_offset) == (
        whole.begin,
        tail.begin,
        whole.next_offset,
    )
    assert head.offsets[-1] < head.next_offset <= tail.offsets[0]
    assert (head.offsets + tail.offsets, head.timestamps + tail.timestamps) == (
        whole.offsets,
        whole.timestamps,
    )
    assert (head.moved, tail.moved, head.epoch, tail.epoch) == (True, False, 7, 7)


# --- side by side in time


class Reader:
    """Reads logs of one partition through a `Backlog`, some records a fetch; `slow` topics are
    fetched only every so many times.
    """

    def __init__(
        self, logs: dict[Topic, list[int]], fetch: int = 50, slow: dict[Topic, int] | None = None
    ) -> None:
        self.logs, self.fetch, self.slow = logs, fetch, slow or {}
        self.backlog = Backlog()
        self.positions: dict[Topic, int] = dict.fromkeys(logs, 0)
        self.taken: list[Slice] = []
        self.rounds = 0

    def fetch_once(self) -> None:
        self.rounds += 1
        places: list[tuple[Topic, int]] = [(topic, 0) for topic in self.logs]
        wanted = self.backlog.wanted(places)
        slices = []
        for topic, log in self.logs.items():
            if (topic, 0) in wanted and self.rounds % self.slow.get(topic, 1) == 0:
                begin = self.positions[topic]
                if times := log[begin : begin + self.fetch]:
                    slices.append(piece(topic, times, begin))
                    self.positions[topic] += len(times)
        self.backlog.add(
            slices,
            {
                Place(topic, 0): Reach(self.positions[topic], len(log))
                for topic, log in self.logs.items()
            },
        )

    def run(self, now: float = 0.0) -> None:
        idle = 0
        while idle < 20:
            self.fetch_once()
            one = self.backlog.take(now)
            idle = 0 if one else idle + 1
            if one:
                self.taken.append(one)


Logs = st.fixed_dictionaries(
    {topic: st.lists(st.integers(0, 600 * MINUTE), max_size=120).map(sorted) for topic in TOPICS},
)


@given(Logs, st.integers(1, 50), st.dictionaries(st.sampled_from(TOPICS), st.integers(1, 7)))
def test_topics_are_read_side_by_side_whole_and_in_order_however_they_are_fetched(
    logs: dict[Topic, list[int]], fetch: int, slow: dict[Topic, int]
) -> None:
    reader = Reader(logs, fetch, slow)
    reader.run()
    read: dict[Topic, list[int]] = {topic: [] for topic in logs}
    for one in reader.taken:
        assert one.begin == len(read[one.topic])
        read[one.topic] += one.timestamps
        for other, log in logs.items():
            left = log[len(read[other]) :]
            assert (
                other == one.topic
                or not left
                or one.timestamps[-1]
                <= left[0] + (FAR_AHEAD_MS if len(one) <= FEW_RECORDS else AHEAD_MS)
            )
    assert read == logs


def test_an_idle_topic_holds_up_nobody() -> None:
    reader = Reader(
        {"alarms": list(range(0, 300 * MINUTE, MINUTE)), "responses": [], "labels": [5 * MINUTE]},
        fetch=300,
    )
    reader.run()
    assert [(one.topic, len(one)) for one in reader.taken] == [
        ("alarms", 66),
        ("labels", 1),
        ("alarms", 234),
    ]


def test_a_topic_that_never_comes_is_waited_for_with_patience_and_then_no_more_until_it_does() -> (
    None
):
    reader = Reader(
        {"alarms": [0, 20 * MINUTE, 40 * MINUTE], "responses": [1]}, slow={"responses": 10_000}
    )
    reader.fetch_once()
    assert reader.backlog.take(100.0) is None
    assert reader.backlog.take(100.0 + PATIENCE_SECONDS - 1) is None
    first = reader.backlog.take(100.0 + PATIENCE_SECONDS)
    assert first is not None
    assert (first.topic, len(first)) == ("alarms", 3)
    reader.slow.clear()
    reader.logs["alarms"].append(60 * MINUTE)
    reader.fetch_once()
    assert [
        one and one.topic for one in (reader.backlog.take(120.0), reader.backlog.take(120.0))
    ] == ["responses", "alarms"]


def test_what_is_not_known_to_be_at_its_end_is_waited_for() -> None:
    backlog = Backlog()
    backlog.add(
        [piece("alarms", [1, 2])],
        {Place("alarms", 0): Reach(2, 2), Place("labels", 0): Reach(0, None)},
    )
    assert backlog.take(0.0) is None
    backlog.add([], {Place("labels", 0): Reach(0, 0)})
    one = backlog.take(0.0)
    assert one is not None
    assert one.topic == "alarms"


def test_gaps_alone_wait_for_nobody() -> None:
    backlog = Backlog()
    gap = Slice("labels", 0, [], [], [], [], 4, 9)
    backlog.add(
        [gap, piece("alarms", [1])],
        {Place("alarms", 0): Reach(1, 9), Place("labels", 0): Reach(9, 9)},
    )
    assert backlog.take(0.0) is gap
    assert backlog.oldest() == {("alarms", 0): 1}


def test_partitions_take_turns() -> None:
    backlog = Backlog()
    for number in range(3):
        backlog.add(
            [piece("alarms", [number], partition=number)], {Place("alarms", number): Reach(1, 1)}
        )
    taken = [backlog.take(0.0) for _ in range(2)]
    backlog.add([piece("alarms", [9], begin=1, partition=0)], {})
    taken += [backlog.take(0.0) for _ in range(3)]
    assert [one and one.partition for one in taken] == [0, 1, 2, 0, None]


def test_no_more_than_one_slice_of_a_place_waits() -> None:
    backlog = Backlog()
    places: list[tuple[Topic, int]] = [("alarms", 0), ("labels", 0), ("alarms", 1)]
    assert backlog.wanted(places) == set(places)
    backlog.add([piece("alarms", [1])], {})
    assert backlog.wanted(places) == {("labels", 0), ("alarms", 1)}
    backlog.clear()
    assert backlog.wanted(places) == set(places)


# --- the consumer over a client that is not there
# ----------------------------------------------------------------------


class FakeThread:
    """The client's thread over logs in memory.

    What it is asked for happens some turns later, and is answered some turns after that.
    """

    def __init__(self, logs: dict[TP, list[int]], delays: Iterator[int]) -> None:
        self.logs, self.delays = logs, delays
        self.positions: dict[TP, int] = {}
        self.epoch = -1

    async def fetch_slices(
        self, wanted: set[TP], timeout: float, epoch: int
    ) -> tuple[list[Slice], dict[Place, Reach]]:
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


# --- sending


class FakeClient:
    """An aiokafka producer that delivers when told to."""

    def __init__(self, batch_bytes: int = 200) -> None:
        self.batch_bytes = batch_bytes
        self.sent: list[
            tuple[str, int, list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]], int]]]
        ] = []
        self.deliveries: list[asyncio.Future[None]] = []
        self.client = self
        self.asked = 0

    async def _wait_on_metadata(self, topic: str) -> None:
        pass

    def _partition(
        self,
        topic: str,
        partition: None,
        key: Any,
        value: None,
        serialized_key: bytes | None,
        serialized_value: None,
    ) -> int:
        self.asked += 1
        return sum(serialized_key or b"") % 3

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self.batch_bytes, 0)

    async def send_batch(
        self, batch: BatchBuilder, topic: str, *, partition: int
    ) -> asyncio.Future[None]:
        [stored] = [MemoryRecords(bytes(batch._build())).next_batch()]
        self.sent.append(
            (
                topic,
                partition,
                [(one.key, one.value, list(one.headers), one.timestamp) for one in stored],
            )
        )
        self.deliveries.append(asyncio.get_running_loop().create_future())
        return self.deliveries[-1]


def outgoing(number: int, key: bytes | None, topic: str = "episodes", size: int = 20) -> Outgoing:
    return Outgoing(topic, key, b"%d" % number + b"." * size, [("id", b"%d" % number)])


def test_records_are_packed_by_topic_and_partition_in_order_with_key_headers_and_time() -> None:
    async def check() -> None:
        client = FakeClient()
        producer = BatchProducer(client)
        records = [
            outgoing(
                number, [b"a", b"b", b"d", None][number % 4], ["episodes", "rejected"][number % 2]
            )
            for number in range(12)
        ]
        await producer.send(records)
        seen: list[tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]] = []
        for topic, partition, content in client.sent:
            for key, value, headers, stamp in content:
                assert partition == sum(key or b"") % 3
                assert stamp > 1_600_000_000_000
                seen.append((topic, key, value, headers))
        assert sorted(seen, key=repr) == sorted(
            [(one.topic, one.key, one.value, one.headers) for one in records], key=repr
        )
        for key in (b"a", b"b", b"d"):
            assert [one[2] for one in seen if one[1] == key] == [
                one.value for one in records if one.key == key
            ]
        assert client.asked == 3 + 3  # once a key and topic; without a key each time

    asyncio.run(check())


def test_a_record_longer_than_a_batch_travels_alone() -> None:
    async def check() -> None:
        client = FakeClient()
        await BatchProducer(client).send(
            [outgoing(1, b"a"), outgoing(2, b"a", size=5000), outgoing(3, b"a")]
        )
        assert [len(content) for _, _, content in client.sent] == [1, 1, 1]
        assert len(client.sent[1][2][0][1] or b"") == 5001

    asyncio.run(check())


async def deliver(
    client: FakeClient, until: asyncio.Future[None], refuse: Callable[[bytes], KafkaError | None]
) -> list[bytes]:
    """Answer every batch as `refuse` says of its records, the first complaint counting; what was
    stored, in order.
    """
    stored: list[bytes] = []
    while not until.done():
        await asyncio.sleep(0)
        for (_, _, content), delivery in list(zip(client.sent, client.deliveries, strict=True)):
            if delivery.done():
                continue
            values = [value or b"" for _, value, _, _ in content]
            error = next((found for value in values if (found := refuse(value))), None)
            if error is None:
                stored += values
                delivery.set_result(None)
            else:
                delivery.set_exception(error)
    until.result()
    return stored


def values(numbers: Iterable[int]) -> list[bytes]:
    return [outgoing(number, None).value or b"" for number in numbers]


def test_delivered_waits_for_every_batch() -> None:
    async def check() -> None:
        client = FakeClient()
        producer = BatchProducer(client)
        await producer.delivered()
        await producer.send([outgoing(number, b"a") for number in range(12)])
        waiting = asyncio.ensure_future(producer.delivered())
        for one in client.deliveries[:-1]:
            one.set_result(None)
        await asyncio.sleep(0)
        assert not waiting.done()
        client.deliveries[-1].set_result(None)
        await waiting

    asyncio.run(check())


async def _all(producer: BatchProducer, records: list[Outgoing]) -> None:
    await producer.send(records)
    await producer.delivered()


@pytest.mark.parametrize(
    "error", [MessageSizeTooLargeError(), CorruptRecordException(), UnknownError()]
)
def test_of_a_batch_that_is_refused_all_but_the_bad_record_is_delivered_in_order(
    error: KafkaError,
) -> None:
    async def check() -> None:
        client = FakeClient(batch_bytes=400)
        producer = BatchProducer(client)
        sending = asyncio.ensure_future(
            _all(producer, [outgoing(number, b"a") for number in range(30)])
        )
        bad = values([3])[0]
        stored = await deliver(client, sending, lambda value: error if value == bad else None)
        assert producer.undeliverable == {"episodes": 1}
        good = values(one for one in range(30) if one != 3)
        last = {value: place for place, value in enumerate(stored)}
        # what is sent again comes in order
        assert sorted(last, key=lambda value: last[value]) == good

    asyncio.run(check())


def test_a_broker_that_is_away_costs_nothing_and_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "RETRY_SECONDS", 0.0)

    async def check() -> None:
        client = FakeClient(batch_bytes=70)
        producer = BatchProducer(client)
        task = asyncio.ensure_future(
            _all(producer, [outgoing(number, b"a") for number in range(100)])
        )
        failures = itertools.chain(
            [None, None, KafkaConnectionError(), RequestTimedOutError(), KafkaTimeoutError()],
            itertools.repeat(None),
        )
        stored = await deliver(client, task, lambda _value: next(failures))
        assert not producer.undeliverable
        last = {value: place for place, value in enumerate(stored)}
        assert sorted(last, key=lambda value: last[value]) == values(range(100))

    asyncio.run(check())


def test_a_topic_that_nobody_may_write_to_is_passed_over_as_a_whole() -> None:
    async def check() -> None:
        client = FakeClient()
        producer = BatchProducer(client)
        task = asyncio.ensure_future(
            _all(producer, [outgoing(number, b"a") for number in range(9)])
        )
        stored = await deliver(
            client, task, lambda _value: TopicAuthorizationFailedError("episodes")
        )
        assert stored == []
        assert producer.undeliverable == {"episodes": 9}
        assert len(client.sent) <= 9

    asyncio.run(check())


def test_a_client_that_can_send_no_more_is_an_error_of_every_checkpoint() -> None:
    async def check() -> None:
        client = FakeClient()
        producer = BatchProducer(client)
        for _ in range(2):
            task = asyncio.ensure_future(_all(producer, [outgoing(1, b"a")]))
            with pytest.raises(ProducerClosed):
                await deliver(client, task, lambda _value: ProducerClosed())
        assert not producer.undeliverable

    asyncio.run(check())


def test_records_of_a_checkpoint_are_stored_or_refused_in_one_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "RETRY_SECONDS", 0.0)

    async def check() -> None:
        client = FakeClient()
        producer = BatchProducer(client)
        errors = itertools.chain([KafkaConnectionError()], itertools.repeat(None))
        task = asyncio.ensure_future(producer.store(("state", 2), [(b"k", b"one"), (b"l", None)]))
        assert (await deliver(client, task, lambda _value: next(errors)))[-2:] == [b"one", b""]
        assert {(topic, partition) for topic, partition, _ in client.sent} == {("state", 2)}
        task = asyncio.ensure_future(producer.store(("state", 2), [(b"k", b"one")]))
        with pytest.raises(Refused, match="state: MessageSizeTooLargeError"):
            await deliver(client, task, lambda _value: MessageSizeTooLargeError())

    asyncio.run(check())


def test_the_sender_waits_when_too_much_is_on_its_way() -> None:
    async def check() -> None:
        client = FakeClient(batch_bytes=70)
        producer = BatchProducer(client)
        sender = asyncio.ensure_future(
            producer.send([outgoing(number, b"a") for number in range(100)])
        )
        for _ in range(500):
            await asyncio.sleep(0)
        assert len(client.sent) == sending.BATCHES_IN_FLIGHT
        while not sender.done():
            for one in client.deliveries:
                if not one.done():
                    one.set_result(None)
            assert (
                len([one for one in client.deliveries if not one.done()])
                <= sending.BATCHES_IN_FLIGHT
            )
            await asyncio.sleep(0)
        assert sum(len(content) for _, _, content in client.sent) == 100

    asyncio.run(check())


# --- progress

WELL = Standing(settled=True, restored=0, partitions=4, waiting=0, taken_in=10, answered=1.0)


def judged(*seen: tuple[float, Standing]) -> list[str | None]:
    watch = StallDetector(limit=60.0)
    return [watch.check(one, now) for now, one in seen]


def changed(**fields: Any) -> Standing:
    values = {name: getattr(WELL, name) for name in WELL.__slots__}
    return Standing(**(values | fields))


def test_a_worker_that_moves_or_has_nothing_to_do_is_left_alone() -> None:
    answered = [(float(second), changed(answered=second)) for second in range(0, 300, 30)]
    busy = [(300.0 + second, changed(waiting=5, taken_in=second)) for second in range(0, 300, 30)]
    restoring = [
        (600.0 + second, changed(settled=False, restored=second)) for second in range(0, 300, 30)
    ]
    spare = [(900.0 + second, changed(partitions=0, answered=None)) for second in range(0, 300, 30)]
    assert judged(*answered, *busy, *restoring, *spare) == [None] * 40


@pytest.mark.parametrize(
    ("still", "told"),
    [
        (changed(waiting=3), "records wait, and none is taken in"),
        (WELL, "no fetch is answered"),
        (changed(settled=False), "partitions or their state have not come"),
    ],
)
def test_a_worker_that_stands_still_is_told_from_the_limit_on_and_not_before(
    still: Standing, told: str
) -> None:
    assert judged((0.0, still), (60.0, still), (60.1, still)) == [None, None, told]


def test_each_kind_of_standing_still_is_counted_from_its_own_beginning() -> None:
    seen = [
        (0.0, changed(settled=False)),
        (50.0, changed(waiting=1)),
        (100.0, changed(waiting=1)),
        (111.0, changed(waiting=1)),
    ]
    assert judged(*seen) == [None, None, None, "records wait, and none is taken in"]


def test_what_the_broker_is_to_blame_for_is_forgiven() -> None:
    watch = StallDetector(limit=60.0)
    assert [watch.check(WELL, now) for now in (0.0, 61.0)] == [None, "no fetch is answered"]
    watch.reset()
    assert [watch.check(WELL, now) for now in (62.0, 122.0, 123.0)] == [
        None,
        None,
        "no fetch is answered",
    ]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("kafka-1:19092", ("kafka-1", 19092)),
        (" kafka ", ("kafka", 9092)),
        ("[::1]:9093", ("::1", 9093)),
        ("[::1]", ("::1", 9092)),
    ],
)
def test_the_broker_is_asked_at_its_bootstrap_address(address: str, place: tuple[str, int]) -> None:
    assert host_and_port(address) == place


# --- pins

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
