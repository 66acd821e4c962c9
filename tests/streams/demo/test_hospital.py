"""The simulated hospital of the demo: what it shows within its first minutes."""

from __future__ import annotations

import pytest

from analyzer.model.policy import HOUR, MINUTE
from streams.demo.hospital import AGO, HISTORY, hospital, present_hospital
from streams.simulator import simulate
from streams.simulator.output import messages
from streams.simulator.ward import DAY


def test_the_hospital_of_the_pages_has_come_to_the_present_in_a_storm() -> None:
    now = 20_000 * DAY + 3 * HOUR
    ward, begins = present_hospital(seed=1, now=now)
    assert (begins, ward.start) == (now, now - HISTORY)
    assert isinstance(ward.storms, tuple)
    [storm] = ward.storms
    assert storm.start < now < storm.start + storm.duration
    assert storm.unit == "MICU"


@pytest.mark.parametrize("minutes", range(0, 24 * 60, 97))
def test_the_storm_of_the_pages_has_exceeded_the_limit_for_long_enough(minutes: int) -> None:
    now = 20_000 * DAY + minutes * MINUTE
    ward, _ = present_hospital(seed=1, now=now)
    decisive = now - 3 * MINUTE  # the state follows after two minutes, at a whole minute
    alarms = set()
    for record in simulate(ward):
        if record.due > now:
            break
        value = record.value
        if (
            record.topic == "alarms"
            and value["unit"] == "MICU"
            and value["phase"] == "start"
            and decisive - 10 * MINUTE < int(str(value["at"])) <= decisive
        ):
            alarms.add(value["alarm_id"])
    nurses = 9 // 3
    assert len(alarms) > 10 * nurses


@pytest.mark.parametrize("hours", [0, 5.9, 18.4, 18.6, 23.9])
def test_the_simulated_days_lie_in_the_past_and_within_what_topics_keep(hours: float) -> None:
    now = 20_000 * DAY + int(hours * HOUR)
    ward, begins = hospital(seed=1, now=now)
    assert ward.start == begins - HISTORY
    assert now - AGO - DAY <= begins <= now - AGO
    assert now - ward.start < 6 * DAY
    assert ward.start + ward.duration == now
    assert begins % DAY == 18.5 * HOUR


def test_half_a_day_goes_at_once_and_no_event_comes_from_the_future() -> None:
    now = 20_000 * DAY
    ward, begins = hospital(seed=1, now=now)
    at_once = paced = 0
    for record, message in zip(
        simulate(ward), messages(simulate(ward), history_until=begins), strict=True
    ):
        if record.due > begins + HOUR:
            break
        assert message.timestamp == record.due
        assert message.due == (record.due if record.due >= begins else None)
        if record.topic == "alarms":
            assert int(str(record.value["at"])) <= record.due
        at_once, paced = at_once + (message.due is None), paced + (message.due is not None)
    assert at_once > 10_000
    assert paced > 500


def test_the_first_night_is_short_of_staff_somewhere_and_a_storm_comes_soon() -> None:
    ward, begins = hospital(seed=1, now=20_000 * DAY)
    night = begins + HOUR
    held = [
        record.value
        for record in simulate(ward)
        if record.topic == "assignments"
        and record.due < night
        and record.value["role"] == "nurse"
        and record.value["from"] == begins + HOUR // 2
    ]
    crews = {
        unit.name: {value["clinician"] for value in held if value["unit"] == unit.name}
        for unit in ward.layout
    }
    assert min(map(len, crews.values())) < max(map(len, crews.values()))
    assert isinstance(ward.storms, tuple)
    assert begins < ward.storms[0].start <= begins + 15 * MINUTE
