"""The status against the oracle, at any order of facts: trends of alarms, standing overload states
with their reasons, and the beds that a colleague could take.
"""

from __future__ import annotations

from dataclasses import replace
from math import isclose, isnan

from hypothesis import given
from hypothesis import strategies as st

from analyzer import TREND_HOURS, TREND_MINUTES, Engine, Policy, Status
from analyzer.model.policy import HOUR, MINUTE
from tests.harness.engines import POLICY, Stored, feed, restore, store
from tests.harness.hospitals import NINE, Hospital, storm, troubled
from tests.harness.policies import POLICIES, staffed, uneven
from tests.harness.strategies import deliveries, nows, wards
from tests.oracle import overload as oracle_overload
from tests.oracle import reference as oracle
from tests.oracle.overload import StandingState


@given(st.data())
def test_trends_have_the_counts_of_the_oracle_and_end_in_the_windows(data: st.DataObject) -> None:
    facts = data.draw(wards())
    now = data.draw(nows(facts))
    engine = Engine(POLICY)
    feed(engine, data.draw(deliveries(facts)))
    engine.advance(now)
    alarms = [one for one in oracle.episodes(facts, now, POLICY).values() if one.is_alarm]
    found = engine.status().trends
    assert {unit for _, unit in found} == {
        one.unit for one in alarms if one.start > now - TREND_HOURS * HOUR
    }
    for (facility, unit), trend in found.items():
        starts = [one.start for one in alarms if one.unit == unit]
        for steps, step, counts in (
            (TREND_MINUTES, MINUTE, trend.minutes),
            (TREND_HOURS, HOUR, trend.hours),
        ):
            ends = [now - (steps - 1 - index) * step for index in range(steps)]
            assert counts == [sum(end - step < start <= end for start in starts) for end in ends]
        units = engine.measure().units
        rows = [
            row
            for row, key in enumerate(zip(units.facility, units.unit, strict=True))
            if key == (facility, unit)
        ]
        # There is no row for a unit that was quiet for longer than all windows.
        counted = units.alarms[rows].sum(axis=(0, -1)).tolist()
        assert dict(zip(POLICY.windows, counted, strict=True)) == {
            "10m": sum(trend.minutes[-10:]),
            "1h": sum(trend.minutes[-60:]),
            "2h": sum(trend.hours[-2:]),
            "12h": sum(trend.hours[-12:]),
        }


def assert_standing(status: Status, states: dict[tuple[str, str], StandingState]) -> None:
    standing = {("unit", name): one for (_, name), one in status.units.items()}
    standing |= {("clinician", name): one for (_, name), one in status.clinicians.items()}
    assert standing.keys() == states.keys()
    for subject, one in standing.items():
        other = states[subject]
        assert (one.since, one.rise.at) == (other.since, other.risen_at), subject
        assert one.quiet_since == other.quiet_since, subject
        for found, expected in ((one.holding, other.holding), (one.leaving, other.leaving)):
            assert [(why.measure, *why[2:]) for why in found] == [
                (why[0], *why[2:]) for why in expected
            ], subject
            assert all(
                isclose(why.value, reason[1], rel_tol=1e-12)
                or (isnan(why.value) and isnan(reason[1]))
                for why, reason in zip(found, expected, strict=True)
            ), subject
        assert (None if one.relief is None else tuple(one.relief)) == other.relief, subject


@given(st.data())
def test_standing_states_follow_from_the_changes_of_the_oracle_and_relief_is_as_of_now(
    data: st.DataObject,
) -> None:
    policy, facts = data.draw(st.sampled_from(POLICIES)), data.draw(staffed() | uneven())
    now = data.draw(nows(facts))
    engine = Engine(policy)
    feed(engine, data.draw(deliveries(facts)))
    engine.advance(now)
    expected = oracle_overload.standing(facts, now, policy)
    assert_standing(engine.status(), expected)
    again = restore(store(engine, Stored()), {}, policy)
    again.advance(now)
    assert_standing(again.status(), expected)


def test_a_state_has_reasons_to_hold_until_it_cools_down() -> None:
    hospital = Hospital()
    hospital.assign("ann", "1", "2")
    hospital.assign("bob", "3")
    hospital.alarm(NINE - HOUR)
    storm(hospital, NINE, minutes=10, every=40 * 1000)
    hospital.run(NINE + 12 * MINUTE)
    status = hospital.engine.status()
    ann = status.clinicians["H", "ann"]
    assert (ann.since, [(why.measure, why.value, why.limit) for why in ann.holding]) == (
        NINE + 9 * MINUTE,
        [("alarms_10m", 11.0, 4.0)],
    )
    assert (
        ann.relief is None
    )  # all alarms are of one bed: moving it to bob would only move the load
    assert status.known_since == {"H": NINE - HOUR}
    hospital.run(NINE + 20 * MINUTE)
    assert hospital.engine.status().clinicians["H", "ann"].holding == ()
    hospital.run(NINE + 2 * HOUR)
    assert hospital.engine.status().clinicians == {}


def test_before_the_first_alarm_nothing_is_known() -> None:
    engine = Engine(Policy())
    assert engine.status() == Status({}, {}, {}, {}, {}, {})
    hospital = Hospital()
    hospital.assign("ann", "1")
    hospital.run(NINE)
    found = hospital.engine.status()
    assert set(found.groups) == {("H", "ICU")}  # the roster is known
    assert replace(found, groups={}) == Status({"H": NINE}, {}, {}, {}, {}, {})


def test_reliefs_of_a_snapshot_are_not_worked_out_again() -> None:
    """A page asks for both at one moment; the rule is costly in a large hospital."""
    engine = troubled().engine
    snapshot = engine.snapshot()
    assert engine.status(beside=snapshot) == engine.status()
    assert engine.status().reliefs[("H", "ICU")] is not None
    nobody = replace(snapshot, reliefs=dict.fromkeys(snapshot.reliefs))
    assert engine.status(beside=nobody).reliefs[("H", "ICU")] is None
