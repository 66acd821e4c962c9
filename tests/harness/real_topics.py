"""Records and raw batches for the topics of a real broker, and what a worker has read of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from analyzer import Topic
from streams.dev.broker import Broker
from streams.kafka.state_version import checkpoint_topic
from tests.harness.batches import sealed
from tests.harness.devices import LOW_ALARM
from tests.harness.workers import WorkerProcess, events, eventually, read

AT = 1_767_225_600_000  # 2026-01-01
CHECKPOINTS = checkpoint_topic("alarm-fatigue")
KEY = b"H01"


def fact(topic: Topic, number: int) -> bytes:
    fields: dict[str, Any] = {"event_id": f"{topic}-{number}", "facility": "H01", "at": AT + number}
    fields |= {
        "alarms": {
            "alarm_id": f"a{number}",
            "phase": "start",
            **LOW_ALARM,
        },
        "assignments": {
            "assignment_id": f"s{number}",
            "unit": "ICU",
            "bed": "1",
            "clinician": "ann",
            "from": AT - 1000,
        },
        "responses": {"action": "attend", "bed": "1"},
        "labels": {"alarm_id": f"a{number}", "verdict": "actionable"},
    }[topic]
    return json.dumps(fields).encode()


Client = Callable[..., Any]


def produce(
    broker: Broker, work: Callable[[AIOKafkaProducer], Awaitable[None]], **settings: Any
) -> None:
    """Run `work` with a producer."""

    async def run() -> None:
        client = AIOKafkaProducer(
            bootstrap_servers=broker.address,
            max_request_size=64 << 20,
            transaction_timeout_ms=300_000,
            **settings,
        )
        await client.start()
        try:
            await work(client)
        finally:
            await client.stop()

    asyncio.run(run())


async def send(client: AIOKafkaProducer, numbers: Iterable[int], topic: Topic = "alarms") -> None:
    for sent in [
        await client.send(topic, fact(topic, number), KEY, timestamp_ms=AT + number)
        for number in numbers
    ]:
        await sent


class RawBatch(BatchBuilder):
    """A batch of given bytes, for the producer to send unchanged."""

    def __init__(self, raw: bytes, records: int) -> None:
        super().__init__(1 << 30, 0)
        self.raw, self._relative_offset, self._closed = raw, records, True

    def _build(self) -> bytes:
        return self.raw

    def record_count(self) -> int:
        return self._relative_offset


def send_raw(broker: Broker, *batches: bytes, topic: str = "alarms") -> None:
    async def work(client: AIOKafkaProducer) -> None:
        for raw in batches:
            await (await client.send_batch(RawBatch(raw, 1), topic, partition=0))

    produce(broker, work)


def stamped(raw: bytes, stamp: int) -> bytes:
    """The batch with this time for its first record; the others keep their distances."""
    earlier = int.from_bytes(raw[35:43], "big") - int.from_bytes(raw[27:35], "big")
    times = b"".join(one.to_bytes(8, "big", signed=True) for one in (stamp, stamp + earlier))
    return sealed(bytearray(raw[:27] + times + raw[43:]))


def wait_for(worker: WorkerProcess, accepted: int, topic: Topic = "alarms") -> None:
    """Wait until `accepted` records are accepted, none waits, and the worker is ready."""

    def taken_in() -> bool:
        return (
            events(worker.numbers).get((topic, "accepted")) == accepted
            and lag(worker) == 0
            and worker.ready
        )

    eventually(taken_in, f"{accepted} {topic} are accepted")


def lag(worker: WorkerProcess, name: str = "alarm_fatigue_consumer_lag_records") -> float:
    return sum(value for (metric, _), value in worker.numbers.items() if metric == name)


def unreadable(worker: WorkerProcess) -> dict[str, float]:
    name = "alarm_fatigue_unreadable_batches_total"
    return {
        dict(labels)["topic"]: value
        for (metric, labels), value in worker.numbers.items()
        if metric == name and value
    }


def wait_until_stored(broker: Broker, worker: WorkerProcess) -> None:
    before = len(read(broker, CHECKPOINTS))
    produce(broker, lambda client: send(client, [0], "labels"))  # something changes
    eventually(
        lambda: len(read(broker, CHECKPOINTS)) > before and lag(worker) == 0, "the state is stored"
    )


def restart(worker: WorkerProcess) -> None:
    assert worker.stop() == 0
    worker.start().wait_until_ready()
