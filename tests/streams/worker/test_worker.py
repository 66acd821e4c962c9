"""The worker over both brokers: the numbers of `replay` and of the naive reading, whatever is
poisoned, killed or rebalanced.

Time passes by the event clock, so what /metrics shows is a function of what was sent. Nothing here
sleeps and hopes.
"""

from __future__ import annotations

import hmac
import json
import random
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from hashlib import sha256
from itertools import pairwise
from math import isclose
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition

from analyzer import TOPICS, AlarmEvent, Fact, Policy
from analyzer.model.policy import HOUR
from streams.dev.broker import ApacheKafka, Broker, EmbeddedBroker
from streams.kafka.topics import DAY, Topics
from streams.settings import load
from streams.simulator import Ward
from tests.harness.brokers import new_apache_kafka
from tests.harness.needs import need
from tests.harness.wards import (
    AT,
    BASE,
    SabotagedWorker,
    alarm,
    hours,
    told,
    unit_alarms,
    wait_until_taken_in,
)
from tests.harness.workers import (
    Delivery,
    Message,
    Numbers,
    WorkerProcess,
    burdens,
    ends,
    events,
    eventually,
    new_topics,
    read,
    read_by_generation,
    run,
    send,
    union,
)
from tests.oracle import overload as naive_overload

POLICY = Policy()
WARD = Ward(
    seed=11,
    duration=15 * HOUR,
    facilities=4,
    units=2,
    beds=2,
    alarms_per_bed_day=110,
    storms=3.0,
    chattering_sensors=1,
    duplicates=0.03,
    late=0.03,
    late_beyond=0.02,
    late_charting=0.4,
    adjudicated=0.5,
)


@pytest.fixture(params=["embedded", "apache"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A broker with the service's topics, all empty."""
    if request.param == "embedded":
        request.getfixturevalue("embedded_broker")  # tells what is missing
        with EmbeddedBroker() as own:
            new_topics(own)
            yield own
    else:
        shared: Broker = request.getfixturevalue("apache_kafka")
        new_topics(shared)
        yield shared


@cache
def ward() -> Delivery:
    return Delivery.of(WARD)


@cache
def naive_numbers(delivery: Delivery) -> Numbers:
    """Each facility at its own watermark."""
    found: Numbers = {}
    for facts in by_facility(delivery).values():
        watermark = max((fact.at for fact in facts if isinstance(fact, AlarmEvent)), default=None)
        if watermark is not None:
            found |= naive_overload.metrics(facts, watermark, POLICY)
    return found


def by_facility(delivery: Delivery) -> dict[str, list[Fact]]:
    found: dict[str, list[Fact]] = {}
    for fact in delivery.accepted():
        found.setdefault(fact.facility, []).append(fact)
    return found


def assert_numbers(found: Numbers, expected: Numbers) -> None:
    found = burdens(found)
    assert found.keys() == expected.keys()
    assert [
        key for key, value in expected.items() if not isclose(found[key], value, rel_tol=1e-12)
    ] == []


# --- numbers


def test_workers_show_the_numbers_of_replay_and_of_the_naive_reading(
    broker: Broker, tmp_path: Path
) -> None:
    """Through Kafka, at one worker, at two that share, and at the one that is left."""
    delivery = ward()
    assert len(delivery.messages) > 4000
    send(broker, delivery.messages)
    replayed = run("replay", *delivery.write_accepted(tmp_path), "--pseudonyms", "off").numbers
    with (
        WorkerProcess(broker, tmp_path, "first") as first,
        WorkerProcess(broker, tmp_path, "second") as second,
    ):
        wait_until_shared(first, second)
        wait_until_taken_in([first, second], len(delivery.messages))
        shared = union([first, second])
        assert burdens(shared) == burdens(replayed)
        assert_numbers(shared, naive_numbers(delivery))
        assert events(shared) == delivery.counts()
        assert {outcome for _, outcome in events(shared)} == {"accepted", "duplicate", "late"}

        assert first.stop() == 0
        wait_until_alone(second)
        assert burdens(second.numbers) == burdens(replayed)
        assert events(second.numbers) == delivery.counts()
        assert second.stop() == 0
        assert no_errors(first, second)


def wait_until_alone(worker: WorkerProcess) -> None:
    eventually(lambda: worker.ready and worker.held == {0, 1, 2, 3}, "one worker holds everything")


def wait_until_shared(one: WorkerProcess, other: WorkerProcess) -> None:
    def shared() -> bool:
        held = [one.held, other.held]
        return (
            one.ready
            and other.ready
            and all(held)
            and held[0].isdisjoint(held[1])
            and held[0] | held[1] == {0, 1, 2, 3}
        )

    eventually(shared, "two workers share the partitions")


def no_errors(*workers: WorkerProcess) -> bool:
    """Beside those of Kafka's client, which knows no other word for a coordinator that is not there
    yet.
    """
    said = [word for one in workers for word in one.words if word["level"] in ("error", "critical")]
    return [word for word in said if not word["logger"].startswith("aiokafka")] == []


# --- poison


def poison() -> list[tuple[Message, str, str]]:
    """Records that must be rejected, with their reasons and details."""
    key = b"H01"
    nested = b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    duty = {
        "event_id": "s",
        "assignment_id": "s",
        "facility": "H01",
        "unit": "ICU",
        "bed": "1",
        "clinician": "ann",
        "from": AT,
        "at": AT,
    }
    misrouted = ("misrouted", "key: expected the record's facility, by which partitions are chosen")
    a_time = "expected an RFC 3339 time with an offset, or integer milliseconds since 1970"
    behind = (
        "at: expected no more than the allowed lateness behind the topic's watermark, "
        "nor the horizon before the record's timestamp"
    )
    acuity = json.dumps(duty | {"acuity": -1}).encode()
    return [
        (Message("alarms", key, b"\xff\xfe", AT), "malformed", "value: expected UTF-8"),
        (Message("alarms", key, b"no json", AT), "malformed", "value: expected JSON"),
        (Message("alarms", key, b"", AT), "malformed", "value: expected JSON"),
        (Message("alarms", key, b"[1, 2]", AT), "malformed", "value: expected a JSON object"),
        (Message("responses", key, nested, AT), "malformed", "value: expected JSON"),
        (
            Message("alarms", key, None, AT),
            "malformed",
            "value: expected a JSON object, found none",
        ),
        (
            Message("labels", b"H02", None, AT),
            "malformed",
            "value: expected a JSON object, found none",
        ),
        (
            Message("alarms", key, b"x" * (5 << 20), AT),
            "malformed",
            "value: expected at most 1048576 bytes",
        ),
        (
            Message("alarms", key, alarm(1, label="Mrs Q" * (1 << 20)), AT),
            "malformed",
            "value: expected at most 1048576 bytes",
        ),
        (
            Message("alarms", key, alarm(1, phase="begin"), AT),
            "malformed",
            "phase: expected one of start, update, end",
        ),
        (
            Message("alarms", key, alarm(1, bed=""), AT),
            "malformed",
            "bed: expected 1 to 128 characters",
        ),
        (
            Message("alarms", key, alarm(1, bed="Mrs Q" * 30), AT),
            "malformed",
            "bed: expected 1 to 128 characters",
        ),
        (
            Message("alarms", key, alarm(1, value="Mrs Q"), AT),
            "malformed",
            "value: expected a number",
        ),
        (Message("alarms", key, alarm(1, at="at noon"), AT), "malformed", f"at: {a_time}"),
        (
            Message("assignments", key, acuity, AT),
            "malformed",
            "acuity: expected a number from 0 to 1,000",
        ),
        (Message("responses", key, b"{}", AT), "malformed", "event_id: required, but missing"),
        (
            Message("labels", key, json.dumps(BASE).encode(), AT),
            "malformed",
            "verdict: required, but missing",
        ),
        (Message("alarms", b"H02", alarm(1), AT), *misrouted),
        (Message("alarms", None, alarm(1), AT, 1), *misrouted),
        (Message("alarms", b"\xff", alarm(1), AT), *misrouted),
        (
            Message("alarms", key, alarm(1), AT - 120_001),
            "future",
            "at: expected no more than max_ahead after the record's timestamp",
        ),
        (Message("alarms", key, alarm(1, at=AT - 600_001), AT), "late", behind),
    ]


def test_poison_of_every_kind_is_set_aside_and_stops_nothing(
    broker: Broker, tmp_path: Path
) -> None:
    bad = poison()
    good = [
        Message("alarms", b"H01", alarm(100 + number, at=AT + number), AT)
        for number in range(len(bad) + 1)
    ]
    messages = [
        good[0],
        *(
            message
            for pair in zip((message for message, _, _ in bad), good[1:], strict=True)
            for message in pair
        ),
    ]
    send(broker, messages)
    with WorkerProcess(broker, tmp_path) as worker:
        worker.wait_until_ready()
        wait_until_taken_in([worker], len(messages))
        counts = {
            key: float(len([1 for message, reason, _ in bad if (message.topic, reason) == key]))
            for key in {(m.topic, r) for m, r, _ in bad}
        }
        assert events(worker.numbers) == counts | {("alarms", "accepted"): len(good)}
        assert worker.numbers[unit_alarms("H01", "ICU")] == len(good)
        assert worker.stop() == 0
        assert no_errors(worker)
    rejected = read(broker, "rejected")
    sources = {
        (one.topic, one.partition, one.offset): one
        for topic in TOPICS
        for one in read(broker, topic)
    }
    assert len(rejected) == len(bad)
    told = []
    for one in rejected:
        headers = {name: value.decode() for name, value in one.headers}
        assert headers.keys() == {"reason", "detail", "topic", "partition", "offset"}
        source = sources[headers["topic"], int(headers["partition"]), int(headers["offset"])]
        assert (one.key, one.value) == (source.key, source.value)
        told.append(
            (
                headers["topic"],
                sha256(one.value or b"").hexdigest(),
                one.key,
                headers["reason"],
                headers["detail"],
            )
        )
    expected = [
        (message.topic, sha256(message.value or b"").hexdigest(), message.key, reason, detail)
        for message, reason, detail in bad
    ]
    assert sorted(told, key=repr) == sorted(expected, key=repr)


def test_with_one_partition_any_key_will_do(
    tmp_path: Path, embedded_broker: EmbeddedBroker
) -> None:
    with EmbeddedBroker() as broker:
        new_topics(broker, partitions=1)
        send(
            broker,
            [
                Message("alarms", key, alarm(number), AT)
                for number, key in enumerate([None, b"", b"H02", b"\xff", b"H01"])
            ],
        )
        with WorkerProcess(broker, tmp_path) as worker:
            worker.wait_until_ready()
            wait_until_taken_in([worker], 5)
            assert events(worker.numbers) == {("alarms", "accepted"): 5}


# --- ends and beginnings


def small_ward(seed: int) -> Delivery:
    return Delivery.of(
        Ward(
            seed=seed,
            duration=6 * HOUR,
            facilities=4,
            units=1,
            beds=3,
            alarms_per_bed_day=200,
            storms=4.0,
            duplicates=0.03,
            late=0.03,
            late_beyond=0.02,
            late_charting=0.4,
            adjudicated=0.5,
        )
    )


def test_sigterm_drains_and_the_next_worker_goes_on_from_there(
    broker: Broker, tmp_path: Path
) -> None:
    delivery = small_ward(21)
    half = len(delivery.messages) // 2
    # only the drain stores anything
    with WorkerProcess(broker, tmp_path, checkpoint_interval="1h") as worker:
        worker.wait_until_ready()
        send(broker, delivery.messages[:half])
        wait_until_taken_in([worker], half)
        before = worker.numbers
        assert worker.stop() == 0
        # the embedded broker tells where the last batch begins, not where a partition ends
        if isinstance(broker, ApacheKafka):
            assert ends(broker, group="alarm-fatigue") == ends(broker)
        assert worker.words[-1]["event"] == "drained"

        worker.start().wait_until_ready()
        after = worker.numbers
        assert burdens(after) == burdens(before)
        assert events(after) == events(before)
        # Nothing was read again: delays are observed as records are accepted.
        assert not [key for key in after if key[0] == "alarm_fatigue_event_delay_seconds_count"]

        send(broker, delivery.messages[half:])
        wait_until_taken_in([worker], len(delivery.messages))
        assert_numbers(worker.numbers, naive_numbers(delivery))
        assert events(worker.numbers) == delivery.counts()
        assert worker.stop() == 0
        assert no_errors(worker)


def latest_episodes(broker: Broker) -> dict[tuple[str, str], dict[str, Any]]:
    """What a consumer holds that keeps the latest version of each episode."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for record in read_by_generation(broker, "episodes"):
        one = json.loads(record.value)
        assert record.key == one["facility"].encode()
        found[one["facility"], one["alarm_id"]] = one
    return found


def replayed_episodes(delivery: Delivery, folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    out = folder / "episodes.jsonl"
    assert (
        run(
            "replay", *delivery.write_accepted(folder), "--pseudonyms", "off", "--episodes", out
        ).status
        == 0
    )
    return {
        (one["facility"], one["alarm_id"]): one
        for one in map(json.loads, out.read_text().splitlines())
    }


def latest_states(broker: Broker) -> dict[tuple[str, ...], dict[str, Any]]:
    """The changes of overload states that somebody holds who keeps the last word on each subject
    and moment.
    """
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for record in read_by_generation(broker, "overload"):
        one = json.loads(record.value)
        assert record.key == one["facility"].encode()
        key = one["facility"], one["unit"], one["clinician"], one["at"]
        if one["withdrawn"]:
            found.pop(key, None)
        else:
            found[key] = one
    return found


def replayed_states(delivery: Delivery, folder: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    out = folder / "overload.jsonl"
    assert (
        run(
            "replay", *delivery.write_accepted(folder), "--pseudonyms", "off", "--overload", out
        ).status
        == 0
    )
    return {
        (one["facility"], one["unit"], one["clinician"], one["at"]): one
        for one in map(json.loads, out.read_text().splitlines())
    }


def test_sigkill_at_any_point_changes_no_number_no_count_no_episode_and_no_overload(
    broker: Broker, tmp_path: Path
) -> None:
    delivery, dice = small_ward(22), random.Random(5)
    cuts = [0, *sorted(dice.sample(range(1, len(delivery.messages)), 3)), len(delivery.messages)]
    with WorkerProcess(broker, tmp_path, checkpoint_interval="250ms") as worker:
        for begin, end in pairwise(cuts):
            send(broker, delivery.messages[begin:end])
            # In the middle of this slice, or of storing it; in the first lives, not even everything
            # before is stored.
            wait_until_taken_in([worker], dice.randint(begin, end))
            if end < len(delivery.messages):
                worker.kill()
                worker.start()
        wait_until_taken_in([worker], len(delivery.messages))
        assert_numbers(worker.numbers, naive_numbers(delivery))
        assert events(worker.numbers) == delivery.counts()
        assert worker.stop() == 0
    assert latest_episodes(broker) == replayed_episodes(delivery, tmp_path)
    states = replayed_states(delivery, tmp_path)
    assert {"normal", "elevated", "overloaded"} == {one["to"] for one in states.values()}
    assert latest_states(broker) == states
    rejected = {tuple(record.headers) for record in read(broker, "rejected")}
    assert len(rejected) == sum(
        count for (_, outcome), count in delivery.counts().items() if outcome == "late"
    )


def test_a_worker_that_joins_and_leaves_midstream_changes_nothing(
    broker: Broker, tmp_path: Path
) -> None:
    delivery = small_ward(23)
    third = len(delivery.messages) // 3
    with (
        WorkerProcess(broker, tmp_path, "stays") as stays,
        WorkerProcess(broker, tmp_path, "guest") as guest,
    ):
        guest.stop()
        stays.wait_until_ready()
        send(broker, delivery.messages[:third])
        guest.start()  # while the first third is under way
        wait_until_shared(stays, guest)
        send(broker, delivery.messages[third : 2 * third])
        wait_until_taken_in([stays, guest], 2 * third)
        send(broker, delivery.messages[2 * third :])
        assert guest.stop() == 0  # with records on their way
        wait_until_alone(stays)
        wait_until_taken_in([stays], len(delivery.messages))
        assert_numbers(stays.numbers, naive_numbers(delivery))
        assert events(stays.numbers) == delivery.counts()
        assert stays.stop() == 0
        assert no_errors(stays, guest)
    assert latest_episodes(broker) == replayed_episodes(delivery, tmp_path)


# the embedded one tells Faust a wrong end of the changelog on return
@pytest.mark.parametrize("broker", ["apache"], indirect=True)
def test_a_worker_that_slept_through_losing_its_partitions_harms_nothing(
    broker: Broker, tmp_path: Path
) -> None:
    """As after a suspended machine: it wakes with old state, and with a checkpoint it was about to
    store.
    """
    delivery = small_ward(24)
    third = len(delivery.messages) // 3
    with (
        WorkerProcess(broker, tmp_path, "sleeper") as sleeper,
        WorkerProcess(broker, tmp_path, "other") as other,
    ):
        other.stop()
        sleeper.wait_until_ready()
        send(broker, delivery.messages[:third])
        wait_until_taken_in([sleeper], third)
        sleeper.signal(signal.SIGSTOP)
        send(broker, delivery.messages[third : 2 * third])
        other.start()
        wait_until_alone(other)
        wait_until_taken_in([other], 2 * third)
        sleeper.signal(signal.SIGCONT)
        send(broker, delivery.messages[2 * third :])
        wait_until_shared(sleeper, other)
        wait_until_taken_in([sleeper, other], len(delivery.messages))
        assert_numbers(union([sleeper, other]), naive_numbers(delivery))
        assert sleeper.stop() == 0
        wait_until_alone(other)
        assert_numbers(other.numbers, naive_numbers(delivery))
        assert events(other.numbers) == delivery.counts()
        assert other.stop() == 0


# the embedded one again: it misplaces the end when partitions return
@pytest.mark.parametrize("broker", ["apache"], indirect=True)
def test_quiet_workers_come_and_go_without_loss(broker: Broker, tmp_path: Path) -> None:
    """Partitions change hands several times while there is nothing to store."""
    delivery = small_ward(25)
    send(broker, delivery.messages)
    with (
        WorkerProcess(broker, tmp_path, "stays") as stays,
        WorkerProcess(broker, tmp_path, "guest") as guest,
    ):
        for _ in range(2):
            guest.stop()
            wait_until_alone(stays)
            wait_until_taken_in([stays], len(delivery.messages))
            assert_numbers(stays.numbers, naive_numbers(delivery))
            guest.start()
            wait_until_shared(stays, guest)
            assert_numbers(union([stays, guest]), naive_numbers(delivery))
        assert events(union([stays, guest])) == delivery.counts()
        assert no_errors(stays, guest)


def test_catching_up_over_days_no_alarm_is_finished_before_its_responses_are_read(
    broker: Broker, tmp_path: Path
) -> None:
    """All four topics are full of days when the worker starts; an alarm past the horizon is final
    for ever.
    """
    delivery = Delivery.of(
        Ward(
            seed=26,
            duration=80 * HOUR,
            facilities=3,
            units=1,
            beds=2,
            alarms_per_bed_day=100,
            late_charting=0.2,
            adjudicated=0.5,
        )
    )
    send(broker, delivery.messages)
    with WorkerProcess(broker, tmp_path) as worker:
        wait_until_taken_in([worker.wait_until_ready()], len(delivery.messages))
        assert_numbers(worker.numbers, naive_numbers(delivery))
        assert worker.stop() == 0
    assert latest_episodes(broker) == replayed_episodes(delivery, tmp_path)


# --- topics that change under the worker
# -------------------------------------------------------------------------------


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


# --- standing still

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


# --- pages, logs and names


@pytest.fixture
def own_broker(embedded_broker: EmbeddedBroker) -> Iterator[EmbeddedBroker]:
    """For tests of what no broker has a say in."""
    with EmbeddedBroker() as broker:
        new_topics(broker)
        yield broker


def test_pages_tell_health_at_once_and_readiness_once_partitions_are_held(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    with WorkerProcess(own_broker, tmp_path) as worker:
        assert eventually(
            lambda: worker.get("/healthz")[0] and worker.get("/healthz"), "the pages are there"
        ) == (200, "ok\n")
        answers = [
            eventually(lambda: worker.get("/ready")[0] and worker.get("/ready"), "an answer")
        ]
        while answers[-1][0] != 200:
            answers.append(worker.get("/ready"))
        assert {status for status, _ in answers[:-1]} <= {503}
        assert answers[-1] == (200, "ready\n")
        assert len(answers) > 1
        assert worker.get("/nothing")[0] == 404
        assert worker.held == {0, 1, 2, 3}


def test_findings_are_those_of_the_same_facts_in_files(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    delivery = small_ward(3)
    send(own_broker, delivery.messages)
    with WorkerProcess(own_broker, tmp_path) as worker:
        worker.wait_until_ready()
        wait_until_taken_in([worker], len(delivery.messages))
        status, text = worker.get("/api/v1/findings?window=2h&top=5")
        replayed = run(
            "findings", *delivery.write_accepted(tmp_path), "--window", "2h", "--top", "5", "--json"
        )
        assert (status, text) == (200, replayed.out.decode())
        assert len(json.loads(text)["units"]) > 1
        said = run(
            "findings",
            "--worker",
            f"http://127.0.0.1:{worker.port}",
            "--window",
            "2h",
            "--top",
            "5",
        )
        assert (
            said.out
            == run(
                "findings", *delivery.write_accepted(tmp_path), "--window", "2h", "--top", "5"
            ).out
        )
        refused = run("findings", "--worker", f"http://127.0.0.1:{worker.port}/", "--window", "3h")
        assert (refused.status, refused.err.partition(": window: ")[2]) == (
            1,
            "expected one of 10m, 1h, 2h, 12h\n",
        )


def test_the_page_and_its_interface_show_what_metrics_show_to_whoever_has_the_token(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    delivery = small_ward(3)
    send(own_broker, delivery.messages)
    token = tmp_path / "token"
    token.write_text("a-token-of-this-test-0123456789\n")
    with WorkerProcess(own_broker, tmp_path, pseudonyms=True) as worker:
        worker.wait_until_ready()
        wait_until_taken_in([worker], len(delivery.messages))
        numbers = worker.numbers

        def told() -> dict[tuple[str, str], float]:
            units = json.loads(worker.get("/api/v1/units")[1])["units"]
            return {(one["facility"], one["unit"]): one["alarms"]["12h"]["all"] for one in units}

        expected: dict[tuple[str, str], float] = {}
        for (name, labels), value in numbers.items():
            of = dict(labels)
            if name == "alarm_fatigue_unit_alarms" and of["window"] == "12h":
                expected[of["facility"], of["unit"]] = (
                    expected.get((of["facility"], of["unit"]), 0) + value
                )
        eventually(lambda: told() == expected, "the interface says what the metrics say")
        assert len(expected) > 1
        assert worker.get("/")[1].startswith("<!doctype html>")
        assert worker.get("/graph")[0] == worker.get("/router/")[0] == 404
        assert worker.stop() == 0
        web = {"port": worker.port, "token_file": str(token)}
    with WorkerProcess(own_broker, tmp_path, name="guarded", web=web) as worker:
        worker.port = web["port"]
        worker.wait_until_ready()  # which asks without one
        assert [worker.get(path)[0] for path in ("/", "/metrics", "/api/v1/units", "/healthz")] == [
            401,
            401,
            401,
            200,
        ]
        assert token.read_text().strip() not in worker.log.read_text()


def test_metrics_come_as_text_and_as_openmetrics(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    send(own_broker, [Message("alarms", b"H01", alarm(1), AT)])
    with WorkerProcess(own_broker, tmp_path) as worker:
        worker.wait_until_ready()
        wait_until_taken_in([worker], 1)
        _, text = worker.get("/metrics")
        _, openmetrics = worker.get("/metrics", "application/openmetrics-text; version=1.0.0")
        assert openmetrics.endswith("# EOF\n")
        assert "# EOF" not in text
        assert (
            'alarm_fatigue_unit_alarms{facility="H01",priority="high",unit="ICU",window="12h"} 1.0'
            in text
        )
        assert "\nalarm_fatigue_build_info{" in text
        checked = subprocess.run(
            [need("promtool"), "check", "metrics"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_every_line_of_the_log_is_a_json_object_that_says_when_what_and_how_bad(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    with WorkerProcess(own_broker, tmp_path, log_level="debug") as worker:
        worker.wait_until_ready()
        assert worker.stop() == 0
        assert all(
            {"event", "level", "logger", "timestamp"} <= word.keys() for word in worker.words
        )
        said = [word["event"] for word in worker.words if word["logger"] == "alarm_fatigue"]
        assert [
            word for word in said if word in ("worker starting", "partitions held", "drained")
        ] == [
            "worker starting",
            "partitions held",
            "drained",
        ]


MARK = "zzmark"


def test_no_identifying_word_leaves_the_worker_but_in_the_records_it_must_pass_on(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """Canaries in every field that names or describes somebody; pseudonyms as the contract makes
    them.
    """
    key = tmp_path / "key"
    key.write_text("the key of this test\n")
    clinician = f"{MARK}-clinician"
    canary = {
        "bed": f"{MARK}-bed",
        "device_id": f"{MARK}-device",
        "label": f"{MARK} label",
        "recipients": [clinician, f"{MARK}-recipient"],
    }
    duty = {
        "event_id": f"{MARK}-s",
        "assignment_id": f"{MARK}-s",
        "facility": "H01",
        "unit": "ICU",
        "bed": f"{MARK}-bed",
        "clinician": clinician,
        "from": AT,
        "at": AT,
        "role": f"{MARK}-role",
    }
    said = {
        "event_id": f"{MARK}-r",
        "facility": "H01",
        "at": AT + 500,
        "action": "attend",
        "bed": f"{MARK}-bed",
        "clinician": clinician,
    }
    label = {
        "event_id": "l",
        "facility": "H01",
        "alarm_id": f"{MARK}-a",
        "verdict": "actionable",
        "at": AT + 2000,
        "reviewer": MARK,
        "reason": MARK,
    }
    bad = [
        alarm(9, bed=MARK * 100),
        alarm(9, kind=MARK),
        alarm(9, at=MARK),
        MARK.encode(),
        json.dumps([MARK]).encode(),
    ]
    messages = [
        Message("assignments", b"H01", json.dumps(duty).encode(), AT),
        Message(
            "alarms", b"H01", alarm(1, alarm_id=f"{MARK}-a", event_id=f"{MARK}-1", **canary), AT
        ),
        Message("responses", b"H01", json.dumps(said).encode(), AT),
        Message(
            "alarms",
            b"H01",
            alarm(
                2, alarm_id=f"{MARK}-a", event_id=f"{MARK}-2", phase="end", at=AT + 1000, **canary
            ),
            AT,
        ),
        Message("labels", b"H01", json.dumps(label).encode(), AT),
        *(Message("alarms", b"H01", value, AT) for value in bad),
        Message("alarms", MARK.encode(), alarm(1), AT),
        # time for the first to become final
        Message("alarms", b"H01", alarm(3, at=AT + 600_000), AT + 600_000),
    ]
    send(own_broker, messages)
    with WorkerProcess(
        own_broker, tmp_path, pseudonyms=True, pseudonym_key_file=str(key), log_level="debug"
    ) as worker:
        worker.wait_until_ready()
        wait_until_taken_in([worker], len(messages))
        shown = "".join(
            worker.get("/metrics", accept)[1] for accept in ("", "application/openmetrics-text")
        )
        pages = [
            worker.get(f"/api/v1/{page}")
            for page in ("units", "clinicians?facility=H01&unit=ICU", "findings")
        ]
        assert worker.stop() == 0
    pseudonyms = {
        name: hmac.new(b"the key of this test", name.encode(), "sha256").hexdigest()[:16]
        for name in (clinician, f"{MARK}-recipient")
    }
    assert set(re.findall(r'clinician="([^"]+)"', shown)) == set(pseudonyms.values())
    assert MARK not in shown
    assert [(status, MARK in text) for status, text in pages] == [(200, False)] * 3
    assert pseudonyms[clinician] in pages[1][1]
    assert MARK not in worker.log.read_text()
    rejected = read(own_broker, "rejected")
    assert len(rejected) == len(bad) + 1
    assert not [
        value for record in rejected for _, value in record.headers if MARK.encode() in value
    ]
    [episode] = [json.loads(record.value) for record in read(own_broker, "episodes")]
    assert (episode["alarm_id"], episode["clinicians"]) == (
        f"{MARK}-a",
        sorted(pseudonyms.values()),
    )
    assert clinician not in json.dumps(episode)


# --- what cannot start


def test_a_taken_port_is_one_line(
    own_broker: EmbeddedBroker, embedded_broker: EmbeddedBroker
) -> None:
    done = run("worker", "--broker", own_broker.address, "--port", str(embedded_broker.port))
    assert (done.status, done.out) == (1, b"")
    [line] = done.err.splitlines()
    assert line.startswith(
        f"error: cannot serve on 127.0.0.1:{embedded_broker.port}: Address already in use"
    )


def test_missing_topics_are_one_line_that_says_how_to_make_them(
    own_broker: EmbeddedBroker, embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    (tmp_path / "alarms.jsonl").write_bytes(alarm(1))
    with EmbeddedBroker() as empty:
        done = run("worker", "--broker", empty.address)
        assert (done.status, done.err) == (
            1,
            "error: topic alarms: missing (and 7 more); run: alarm-fatigue topics --broker "
            f"{empty.address}\n",
        )
        done = run("publish", "--broker", empty.address, "--alarms", tmp_path / "alarms.jsonl")
        assert (done.status, done.err) == (
            1,
            f"error: alarms: missing; run alarm-fatigue topics --broker {empty.address}\n",
        )
