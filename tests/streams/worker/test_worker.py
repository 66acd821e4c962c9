"""Workers over both brokers show the numbers of `replay` and of the naive reading, whoever is
stopped, killed, suspended or joins.

Time passes by the event clock, so /metrics is a function of the records sent. Nothing here sleeps
and hopes.
"""

from __future__ import annotations

import json
import random
import signal
from functools import cache
from itertools import pairwise
from math import isclose
from pathlib import Path
from typing import Any

import pytest

from analyzer import AlarmEvent, Fact, Policy
from analyzer.model.policy import HOUR
from streams.dev.broker import ApacheKafka, Broker
from streams.simulator import Ward
from tests.harness.wards import no_errors, small_ward, wait_until_taken_in
from tests.harness.workers import (
    Delivery,
    Numbers,
    WorkerProcess,
    burdens,
    ends,
    events,
    eventually,
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
        # Whether facts that arrived later changed a state depends on the order of arrival. A replay
        # has all facts at once and corrects nothing.
        for name in ("corrected_at", "corrected_by", "corrects"):
            del one[name]
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
    states = [json.loads(line) for line in out.read_text().splitlines()]
    for one in states:
        assert (one.pop("corrected_at"), one.pop("corrected_by"), one.pop("corrects")) == (
            None,
            [],
            None,
        )
    return {(one["facility"], one["unit"], one["clinician"], one["at"]): one for one in states}


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


@pytest.fixture(scope="module")
def days() -> Delivery:
    return Delivery.of(
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


def test_catching_up_over_days_no_alarm_is_finished_before_its_responses_are_read(
    broker: Broker, days: Delivery, tmp_path: Path
) -> None:
    """All four topics are full of days when the worker starts; an alarm past the horizon is final
    for ever.
    """
    delivery = days
    send(broker, delivery.messages)
    with WorkerProcess(broker, tmp_path) as worker:
        wait_until_taken_in([worker.wait_until_ready()], len(delivery.messages))
        assert_numbers(worker.numbers, naive_numbers(delivery))
        assert worker.stop() == 0
    assert latest_episodes(broker) == replayed_episodes(delivery, tmp_path)
