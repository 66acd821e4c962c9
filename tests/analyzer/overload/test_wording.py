"""What people read about an overload state: since when, why, until when, and what was corrected."""

from __future__ import annotations

from analyzer.model import HOUR, MINUTE, SECOND, Level, Levels, OverloadPolicy
from analyzer.model.overload import Correction
from analyzer.overload import limits_in_words, standing_in_words
from analyzer.overload.status import Standing
from tests.harness.hospitals import NINE, Hospital, storm

POLICY = OverloadPolicy(alarms_1h=Levels(), protected_1h=Levels())
"""Alarms in 10 min only, and beds."""


def clock(at: int) -> str:
    minutes = (at - NINE) // MINUTE + 9 * 60
    return f"{minutes // 60:02}:{minutes % 60:02}"


def says(hospital: Hospital, policy: OverloadPolicy = POLICY) -> str:
    status = hospital.engine.status()
    return words("overloaded", status.clinicians["H", "ann"], hospital.now, policy)


def words(state: str, standing: Standing, now: int, policy: OverloadPolicy = POLICY) -> str:
    return standing_in_words(state, standing, False, policy.cool_down, clock, now)


def stormy(policy: OverloadPolicy = POLICY) -> Hospital:
    hospital = Hospital(policy)
    hospital.assign("ann", "1", "2")
    hospital.alarm(NINE - HOUR)
    storm(hospital, NINE, minutes=10, every=40 * SECOND)
    return hospital


def test_a_state_says_both_limits_and_the_value_at_the_last_tick() -> None:
    hospital = stormy()
    hospital.run(NINE + 14 * MINUTE)
    assert says(hospital) == (
        "overloaded since 09:09 (14 alarms in 10 min, limit 10); "
        "stays so until 4 or fewer for 10 min; 8 at 09:14"
    )


def test_a_state_that_cools_down_says_when_it_ends() -> None:
    hospital = stormy()
    hospital.run(NINE + 19 * MINUTE)
    assert says(hospital) == (
        "overloaded since 09:09 (14 alarms in 10 min, limit 10); "
        "back within its limits since 09:17 (at 09:19: 1 alarm in 10 min, 4 or fewer), "
        "ends at 09:27 if that lasts"
    )
    hospital.run(NINE + 26 * MINUTE)
    assert "ends at 09:27" in says(hospital)
    [change] = [one for one in hospital.run(NINE + 27 * MINUTE) if one.clinician == "ann"]
    assert (change.after, clock(change.at)) == ("normal", "09:27")


def test_limits_of_several_measures_are_all_named() -> None:
    policy = OverloadPolicy(
        alarms_1h=Levels(overloaded=Level(14, 12)),
        protected_1h=Levels(),
    )
    hospital = stormy(policy)
    hospital.run(NINE + 13 * MINUTE)
    assert says(hospital, policy) == (
        "overloaded since 09:09 (14 alarms in 10 min, limit 10); stays so until "
        "4 or fewer alarms in 10 min (10 at 09:13) and 12 or fewer alarms in 1 h (15 at 09:13), "
        "for 10 min"
    )


def test_measures_back_within_their_limits_are_no_reason() -> None:
    policy = OverloadPolicy(
        alarms_1h=Levels(overloaded=Level(14, 12)),
        protected_1h=Levels(),
    )
    hospital = stormy(policy)
    hospital.run(NINE + 25 * MINUTE)
    assert says(hospital, policy) == (
        "overloaded since 09:09 (14 alarms in 10 min, limit 10); "
        "stays so until 12 or fewer alarms in 1 h for 10 min; 15 at 09:25"
    )


def test_a_state_that_fell_says_what_it_was_before() -> None:
    policy = OverloadPolicy(
        alarms_10m=Levels(elevated=Level(3, 1), overloaded=Level(10, 4)),
        alarms_1h=Levels(),
        protected_1h=Levels(),
    )
    hospital = stormy(policy)
    storm(hospital, NINE + 10 * MINUTE, minutes=20, every=4 * MINUTE)
    hospital.run(NINE + 30 * MINUTE)
    found = hospital.engine.status().clinicians["H", "ann"]
    assert words("elevated", found, NINE + 30 * MINUTE, policy) == (
        "elevated since 09:29, overloaded from 09:09 (14 alarms in 10 min, limit 10); "
        "stays so until 1 or fewer for 10 min; 2 at 09:30"
    )


def test_a_state_changed_by_late_charting_says_so() -> None:
    hospital = Hospital(POLICY)
    hospital.assign("bob", "3")
    storm(hospital, NINE, minutes=10, every=40 * SECOND)
    hospital.run_live(NINE + 12 * MINUTE)
    assert ("H", "ann") not in hospital.engine.status().clinicians
    hospital.assign("ann", "1", "2")
    hospital.run(NINE + 12 * MINUTE)
    assert says(hospital) == (
        "overloaded since 09:09 (14 alarms in 10 min, limit 10); "
        "stays so until 4 or fewer for 10 min; 11 at 09:12; "
        "corrected at 09:12: assignments were charted late"
    )


def test_alarms_that_arrive_within_seconds_correct_nothing() -> None:
    hospital = Hospital(POLICY)
    hospital.assign("ann", "1", "2")
    for number in range(15):
        at = NINE + number * 40 * SECOND
        hospital.engine.advance(at + 30 * SECOND)
        hospital.engine.emit_changes()
        hospital.alarm(at)
    hospital.run(NINE + 12 * MINUTE)
    assert "corrected" not in says(hospital)


def test_a_correction_names_the_record_emitted_before() -> None:
    hospital = Hospital(POLICY)
    hospital.assign("ann", "1", "2")
    storm(hospital, NINE, minutes=10, every=40 * SECOND)
    hospital.run(NINE + 14 * MINUTE)
    hospital.assign("bob", "1", start=NINE + 9 * MINUTE + 10 * SECOND)  # a second one at her bed
    hospital.alarm(NINE + 20 * SECOND, bed="2")
    hospital.engine.advance(NINE + 14 * MINUTE)
    records = [one for one in hospital.engine.emit_changes() if one.change.clinician == "ann"]
    at, by = NINE + 14 * MINUTE, ("alarms", "assignments")
    assert [(clock(one.change.at), one.retracted, one.correction) for one in records] == [
        ("09:09", True, Correction(at, by, None)),
        ("09:08", False, Correction(at, by, ("normal", "overloaded", NINE + 9 * MINUTE))),
    ]


def test_a_withdrawn_change_says_when_and_why() -> None:
    hospital = Hospital(POLICY)
    hospital.assign("ann", "1", assignment="a1")
    storm(hospital, NINE, minutes=10, every=40 * SECOND)
    hospital.run(NINE + 14 * MINUTE)
    hospital.assign("ann", "1", end=NINE, assignment="a1", recorded=NINE)
    hospital.engine.advance(NINE + 14 * MINUTE)
    records = [one for one in hospital.engine.emit_changes() if one.change.clinician == "ann"]
    assert [(one.retracted, one.correction) for one in records] == [
        (True, Correction(NINE + 14 * MINUTE, ("assignments",), None))
    ]


def test_the_legend_is_that_of_the_policy() -> None:
    own = OverloadPolicy(units={"ICU": {"alarms_10m": Levels(overloaded=Level(7, 3))}})
    assert limits_in_words(own.levels("H", "ICU"), "overloaded") == [
        "more than 7 alarms in 10 min (until 3 or fewer)",
        "more than 60 alarms in 1 h (until 48 or fewer)",
        "less than 5 % of the last hour on duty undisturbed (until 15 % or more)",
        "more than 6 alarms without a response (until 3 or fewer)",
    ]
