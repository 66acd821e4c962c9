"""A worker that makes no progress, or fails half way, ends; one whose broker is silent waits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.dev.broker import Broker
from tests.harness.brokers import new_apache_kafka
from tests.harness.wards import (
    SabotagedWorker,
    alarm,
    hours,
    told,
    unit_alarms,
    wait_until_taken_in,
)
from tests.harness.workers import WorkerProcess, ends, events, eventually, new_topics, read, send

NOTHING_HANDED_ON = """
class Consumer(transport.Consumer):
    async def _next_slice(self, active, timeout):
        if self.app.work.standing().taken_in:
            await asyncio.Event().wait()
        return await super()._next_slice(active, timeout)
transport.Transport.Consumer = Consumer
"""
NOTHING_FETCHED = """
class Thread(transport.ConsumerThread):
    async def _fetch_slices(self, wanted, timeout, epoch):
        found = await super()._fetch_slices(wanted, timeout, epoch)
        if found[0]:
            self._consumer.pause(*self._consumer.assignment())
        return found
transport.ConsumerThread = Thread
"""
FAILS_HALF_WAY = """
from streams.partitions.partition import Partition
take_slice = Partition.take_slice
def failing(self, one, now=None):
    if not self.next_offsets.get(one.topic):
        return take_slice(self, one, now)
    if len(one) > 1:
        take_slice(self, one.cut(len(one) // 2)[0])
    raise RuntimeError("half way")
Partition.take_slice = failing
"""
NO_STATE = """
class Thread(transport.ConsumerThread):
    async def highwaters(self, *partitions):
        await asyncio.Event().wait()
transport.ConsumerThread = Thread
"""
NO_TICK = """
from streams.worker import app, checkpointer, reader
app.TICK_SECONDS = 3600.0
checkpointer.EPISODES_LIMIT = 20
reader.ADVANCE_RECORDS = 1
"""


@pytest.mark.parametrize("broker", ["apache"], indirect=True)
@pytest.mark.parametrize(
    ("sabotage", "what", "taken_in"),
    [
        (NOTHING_HANDED_ON, "records wait, and none is taken in", True),
        (NOTHING_FETCHED, "no fetch is answered", True),
        (NO_STATE, "partitions or their state have not come", False),
    ],
)
def test_a_worker_that_silently_stands_still_says_so_and_ends(
    broker: Broker, tmp_path: Path, sabotage: str, what: str, taken_in: bool
) -> None:
    worker = SabotagedWorker(broker, tmp_path, stall_timeout="3s")
    worker.sabotage = sabotage
    with worker:
        send(broker, hours(0, 1))
        if taken_in:
            wait_until_taken_in([worker.wait_until_ready()], 1)
            send(broker, hours(1, 30))
        status = worker.wait(60)
        *words, last = worker.log.read_text().splitlines()
        [word] = [
            word for word in map(json.loads, words) if str(word["event"]).startswith("no progress")
        ]
        assert word["level"] == "error"
        assert word["event"] == f"no progress, ending to be restarted: {what}"
        assert word["seconds"] == 3
        assert (word["partitions"], word["records_taken_in"]) == (
            ([0, 1, 2, 3], 1) if taken_in else ([], 0)
        )
        assert (word["records_waiting"] > 0) == (sabotage is NOTHING_HANDED_ON)
        assert status == 1
        assert last == f"error: stopped by a failure: no progress for 3 s: {what}"
    with WorkerProcess(broker, tmp_path, "next") as successor:
        wait_until_taken_in([successor], 31 if taken_in else 1)


def test_after_a_failure_within_a_slice_nothing_is_stored_or_committed_and_the_worker_ends(
    broker: Broker, tmp_path: Path
) -> None:
    worker = SabotagedWorker(broker, tmp_path, checkpoint_interval="100ms")
    worker.sabotage = FAILS_HALF_WAY
    place = ("alarms", 2)  # H01's
    with worker:
        send(broker, hours(0, 1))
        wait_until_taken_in([worker.wait_until_ready()], 1)
        eventually(
            lambda: ends(broker, ["alarms"], group="alarm-fatigue")[place] == 1,
            "the first is stored",
        )
        send(broker, hours(1, 30))
        assert worker.wait(60) == 1
        *words, last = worker.log.read_text().splitlines()
        [word] = [
            word
            for word in map(json.loads, words)
            if str(word["event"]).startswith("the engine failed")
        ]
        assert (word["level"], word["topic"], word["partition"], word["error"]) == (
            "error",
            *place,
            "RuntimeError",
        )
        assert last == "error: stopped by a failure: half way"
        assert [word for word in map(json.loads, words) if word["event"] == "drained"] == []
    assert ends(broker, ["alarms"], group="alarm-fatigue")[place] == 1
    with WorkerProcess(broker, tmp_path, "next") as successor:
        wait_until_taken_in([successor], 31)
        assert events(successor.numbers) == {("alarms", "accepted"): 31}


def test_a_checkpoint_that_is_due_waits_neither_for_a_tick_nor_for_its_interval(
    broker: Broker, tmp_path: Path
) -> None:
    starts = hours(0, 60)
    stops = [
        one._replace(value=alarm(number, phase="end", event_id=f"s{number}", at=one.stamp))
        for number, one in enumerate(starts)
    ]
    worker = SabotagedWorker(broker, tmp_path, clock="event", checkpoint_interval="1h")
    worker.sabotage = NO_TICK
    with worker:
        worker.wait_until_ready()
        send(broker, [one for pair in zip(starts, stops, strict=True) for one in pair])
        eventually(lambda: len(read(broker, "episodes")) >= 20, "episodes are sent")


def test_a_broker_that_does_not_answer_is_waited_for(tmp_path: Path) -> None:
    """Ending would not help, and would lose what is not stored yet."""
    with new_apache_kafka() as broker:
        new_topics(broker)
        with WorkerProcess(broker, tmp_path, stall_timeout="2s") as worker:
            send(broker, hours(0, 5))
            wait_until_taken_in([worker.wait_until_ready()], 5)
            broker.pause()
            eventually(
                lambda: told(worker, "the broker does not answer"),
                "the broker's silence is noticed",
            )
            assert worker.get("/healthz")[0] == 200
            broker.resume()
            send(broker, hours(5, 5))
            wait_until_taken_in([worker], 10)
            assert told(worker, "no progress") == []
            assert worker.numbers[unit_alarms("H01", "ICU")] == 10
            assert worker.stop() == 0
