"""Topics that are recreated, or whose records are deleted, under a worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition

from streams.dev.broker import Broker
from streams.kafka.topics import DAY, Topics
from streams.settings import load
from tests.harness.wards import hours, told, unit_alarms, wait_until_taken_in
from tests.harness.workers import WorkerProcess, ends, events, eventually, send


def make_anew(broker: Broker, topic: str) -> None:
    """Delete a topic, and create it with nothing in it."""
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        admin.delete_topics([topic])
        eventually(lambda: topic not in admin.list_topics(), "the topic is deleted")
    finally:
        admin.close()
    with Topics(load(broker=broker.address)) as topics:
        topics.create([replace(plan, retention=36_500 * DAY) for plan in topics.missing()])
        eventually(lambda: not topics.missing(), "the topic is there")


# the embedded one does not say that an offset is out of range
@pytest.mark.parametrize("broker", ["apache"], indirect=True)
@pytest.mark.parametrize("meanwhile", ["stopped", "running"])
def test_a_topic_made_anew_is_noticed_and_read_from_its_beginning_with_the_state_kept(
    broker: Broker, tmp_path: Path, meanwhile: str
) -> None:
    send(broker, hours(0, 60))
    with WorkerProcess(broker, tmp_path) as worker:
        wait_until_taken_in([worker.wait_until_ready()], 60)
        if meanwhile == "stopped":
            assert worker.stop() == 0
        make_anew(broker, "alarms")
        send(broker, hours(55, 15))  # the first five again
        if meanwhile == "stopped":
            worker.start().wait_until_ready()
        wait_until_taken_in([worker], 75)
        assert events(worker.numbers) == {("alarms", "accepted"): 70, ("alarms", "duplicate"): 5}
        assert worker.numbers[unit_alarms("H01", "ICU")] == 70
        [notice] = told(worker, "the topic ends before the expected offset")
        assert (notice["level"], notice["topic"], notice["expected"], notice["going_on_at"]) == (
            "warning",
            "alarms",
            60,
            0,
        )
        assert worker.stop() == 0
        assert ends(broker, ["alarms"], group="alarm-fatigue") == ends(broker, ["alarms"])
        worker.start().wait_until_ready()  # it is said once
        assert events(worker.numbers) == {("alarms", "accepted"): 70, ("alarms", "duplicate"): 5}
        assert len(told(worker, "the topic ends before the expected offset")) == 1


@pytest.mark.parametrize("broker", ["apache"], indirect=True)  # the embedded one deletes no records
def test_records_that_are_gone_before_they_were_read_are_counted_in_a_warning_and_the_work_goes_on(
    broker: Broker, tmp_path: Path
) -> None:
    send(broker, hours(0, 10))
    with WorkerProcess(broker, tmp_path) as worker:
        wait_until_taken_in([worker.wait_until_ready()], 10)
        assert worker.stop() == 0
        send(broker, hours(10, 7))
        [place] = [place for place, end in ends(broker, ["alarms"]).items() if end]
        admin = KafkaAdminClient(bootstrap_servers=broker.address)
        admin.delete_records({TopicPartition(*place): 17})
        admin.close()
        send(broker, hours(17, 3))
        worker.start().wait_until_ready()
        wait_until_taken_in([worker], 13)
        [notice] = told(worker, "records were deleted before they were read")
        assert (notice["level"], notice["lost"], notice["expected"], notice["going_on_at"]) == (
            "warning",
            7,
            10,
            17,
        )
        assert worker.numbers[unit_alarms("H01", "ICU")] == 13
