"""The batch producer without a broker: packing, order, refusals, retries and back-pressure."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from aiokafka.errors import (
    CorruptRecordException,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    ProducerClosed,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
    UnknownError,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from streams.kafka import producer as sending
from streams.kafka.outgoing import Outgoing
from streams.kafka.producer import BatchProducer, Refused


class FakeClient:
    """An aiokafka producer that delivers when told to."""

    def __init__(self, batch_bytes: int = 200) -> None:
        self.batch_bytes = batch_bytes
        self.sent: list[
            tuple[str, int, list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]], int]]]
        ] = []
        self.deliveries: list[asyncio.Future[None]] = []
        self.client = self.cluster = self
        self.asked = 0
        self.missing: set[str] = set()
        self.answers = True

    async def _wait_on_metadata(self, topic: str) -> None:
        pass

    async def force_metadata_update(self) -> bool:
        return self.answers

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return None if topic in self.missing else {0, 1, 2}

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


def test_delivered_returns_after_the_last_batch_is_confirmed() -> None:
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
def test_all_but_the_bad_record_of_a_refused_batch_are_delivered_in_order(
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


def test_an_absent_broker_loses_no_record_and_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize(("missing", "answers"), [(True, True), (True, False), (False, True)])
def test_a_topic_that_was_deleted_is_skipped_at_once_and_an_absent_leader_is_waited_for(
    missing: bool, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "RETRY_SECONDS", 0.0)

    async def check() -> None:
        client = FakeClient()
        client.missing = {"episodes"} if missing else set()
        client.answers = answers
        producer = BatchProducer(client)
        task = asyncio.ensure_future(_all(producer, [outgoing(1, b"a")]))
        errors = itertools.chain([NotLeaderForPartitionError()], itertools.repeat(None))
        stored = await deliver(client, task, lambda _value: next(errors))
        gone = missing and answers
        assert stored == ([] if gone else values([1]))
        assert producer.undeliverable == ({"episodes": 1} if gone else {})

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


def test_a_checkpoint_is_stored_or_refused_with_one_error(
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
