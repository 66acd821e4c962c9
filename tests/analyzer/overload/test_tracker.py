"""Overload states against the naive reference: the same changes, reasons and suggestions, whatever
came when.
"""

from __future__ import annotations

from math import isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import AlarmEvent, Assignment, Change, ChangeRecord, Engine, Fact, Policy
from analyzer.model.policy import HOUR, MINUTE
from analyzer.overload import tracker as watch
from analyzer.overload.measures import Loads, Ticks, measure
from analyzer.pipeline.state import State
from tests.harness.engines import Stored, feed, later, restore, store
from tests.harness.policies import POLICIES, PROMPT, TOUCHY, staffed
from tests.harness.strategies import BASE, deliveries, nows
from tests.oracle import overload as naive_overload
from tests.oracle.overload import Turned

policies = st.sampled_from(POLICIES)


Heard = dict[tuple[int, str | None, str], Change]


def listen(heard: Heard, said: list[ChangeRecord]) -> None:
    """What somebody holds who keeps the latest record of each subject and moment."""
    for one in said:
        key = (one.change.at, one.change.clinician, one.change.unit)
        if one.retracted:
            del heard[key]
        else:
            heard[key] = one.change


def assert_heard(heard: Heard, expected: list[Turned]) -> None:
    found = sorted(
        heard.values(),
        key=lambda one: (one.at, one.clinician is None, one.clinician or "", one.unit),
    )
    assert [(one.at, one.unit, one.clinician, one.before, one.after) for one in found] == [
        (one.at, one.unit, one.clinician, one.before, one.after) for one in expected
    ]
    for one, other in zip(found, expected, strict=True):
        assert [(why.measure, why.state, why.limit) for why in one.reasons] == [
            (why[0], *why[2:]) for why in other.reasons
        ], one
        assert all(
            isclose(why.value, reason[1], rel_tol=1e-12)
            for why, reason in zip(one.reasons, other.reasons, strict=True)
        ), one
        assert one.top_types == other.top_types
        assert (None if one.relief is None else tuple(one.relief)) == other.relief, one


def states(engine: Engine) -> dict[tuple[str, str], int]:
    burdens = engine.measure()
    of_clinicians = zip(
        burdens.clinicians.clinician, burdens.clinicians.overload.tolist(), strict=True
    )
    of_units = zip(burdens.units.unit, burdens.units.overload.tolist(), strict=True)
    return {("clinician", name): state for name, state in of_clinicians} | {
        ("unit", name): state for name, state in of_units
    }


def assert_states(engine: Engine, expected: list[Turned]) -> None:
    """What is exported is what the last change led to."""
    last = {
        ("unit", one.unit) if one.clinician is None else ("clinician", one.clinician): one.after
        for one in expected
    }
    for subject, state in states(engine).items():
        assert ["normal", "elevated", "overloaded"][state] == last.get(subject, "normal"), subject


@given(st.data())
def test_any_order_and_any_duplicates_give_the_naive_changes(data: st.DataObject) -> None:
    engine = brought_to_now(data, data.draw(policies), data.draw(staffed()))
    assert engine.emit_changes() == []


def brought_to_now(data: st.DataObject, policy: Policy, facts: list[Fact]) -> Engine:
    """An engine with all facts, brought to its now in one step; what it announces is what the naive
    reading finds.
    """
    now = data.draw(nows(facts))
    engine, heard = Engine(policy), Heard()
    feed(engine, data.draw(deliveries(facts)))
    engine.advance(now)
    listen(heard, engine.emit_changes())
    expected = naive_overload.changes(facts, now, policy)
    assert_heard(heard, expected)
    assert_states(engine, expected)
    return engine


@settings(max_examples=200)
@given(st.data())
def test_every_step_of_a_live_run_ends_in_the_naive_changes_of_what_came_so_far(
    data: st.DataObject,
) -> None:
    """Late facts have ticks looked at again; what was announced too early is withdrawn or replaced."""
    policy, facts = data.draw(policies), data.draw(staffed())
    steps = sorted(data.draw(st.lists(nows(facts), min_size=2, max_size=5)))
    cuts = sorted(
        data.draw(
            st.lists(st.integers(0, len(facts)), min_size=len(steps) - 1, max_size=len(steps) - 1)
        )
    )
    order = data.draw(st.permutations(facts))
    engine, heard = Engine(policy), Heard()
    for now, begin, end in zip(steps, [0, *cuts], [*cuts, len(facts)], strict=True):
        feed(engine, order[begin:end])
        engine.advance(now)
        if data.draw(st.booleans()):
            listen(heard, engine.emit_changes())
            expected = naive_overload.changes(order[:end], now, policy)
            assert_heard(heard, expected)
            assert_states(engine, expected)


@given(st.data())
def test_the_horizon_takes_nothing_that_a_state_rests_on(data: st.DataObject) -> None:
    """What was said stays said; after more than the horizon of quiet, and of forgetting, the states
    go on as if all were remembered.
    """
    overload = data.draw(st.sampled_from([TOUCHY, PROMPT]))
    policy = Policy(overload=overload)
    apart = data.draw(st.sampled_from([30, 45])) * HOUR
    first, second = data.draw(staffed()), [later(fact, apart) for fact in data.draw(staffed())]
    engine, heard = Engine(policy), Heard()
    for fact in sorted(first, key=lambda fact: fact.at) + sorted(second, key=lambda fact: fact.at):
        feed(engine, [fact])
        engine.advance(fact.at)
        if data.draw(st.booleans()):
            listen(heard, engine.emit_changes())
    listen(heard, engine.emit_changes())
    now = max(fact.at for fact in first + second)
    expected = naive_overload.changes(first + second, now, policy)
    assert_heard(heard, expected)
    assert_states(engine, expected)


@given(st.data())
def test_a_crash_anywhere_loses_no_change(data: st.DataObject) -> None:
    """State goes back to the last checkpoint, and what was announced with it is announced."""
    policy, facts = data.draw(policies), data.draw(staffed())
    now = data.draw(nows(facts))
    order = data.draw(deliveries(facts))
    plan = data.draw(
        st.lists(
            st.sampled_from(["go on", "advance", "checkpoint", "crash"]),
            min_size=len(order),
            max_size=len(order),
        )
    )
    engine, heard, stored, safe, place = Engine(policy), Heard(), Stored(), 0, 0
    steps = iter(plan)
    while place < len(order):
        feed(engine, order[place : place + 1])
        place += 1
        match next(steps, "go on"):
            case "advance":
                engine.advance(min(now, order[place - 1].at))
            case "checkpoint":
                listen(heard, engine.emit_changes())
                stored, safe = store(engine, stored), place
            case "crash":
                engine, place = restore(stored, {}, policy), safe
    engine.advance(now)
    listen(heard, engine.emit_changes())
    assert_heard(heard, naive_overload.changes(facts, now, policy))


# --- facts far apart
# ---------------------------------------------------------------------------------------------------

DAY = 24 * HOUR
PATIENT = [Policy(horizon=90 * DAY, overload=one) for one in (TOUCHY, PROMPT)]


@st.composite
def far_apart(draw: st.DrawFn) -> list[Fact]:
    """Wards with days without a fact between them, in which alarms may sound on, and assignments
    stay in force or end.
    """
    facts = draw(staffed())
    for _ in range(draw(st.integers(1, 2))):
        apart = draw(st.sampled_from([DAY, 2 * DAY, 2 * DAY + 7 * MINUTE, 4 * DAY]))
        facts = draw(staffed()) + [later(fact, apart) for fact in facts]
    return facts


@settings(max_examples=60)
@given(st.data())
def test_stretches_without_facts_change_nothing(data: st.DataObject) -> None:
    policy = data.draw(
        st.sampled_from([*POLICIES, *(Policy(overload=one) for one in (TOUCHY, PROMPT))])
    )
    brought_to_now(data, policy, data.draw(far_apart()))


@settings(max_examples=60)
@given(st.data())
def test_facts_that_come_late_to_a_stretch_without_facts_change_what_they_must(
    data: st.DataObject,
) -> None:
    """Steps of days; what was announced in a stretch that holds no fact any more is withdrawn."""
    policy, facts = data.draw(st.sampled_from(PATIENT)), data.draw(far_apart())
    steps = sorted(data.draw(st.lists(nows(facts), min_size=2, max_size=4)))
    cuts = sorted(
        data.draw(
            st.lists(st.integers(0, len(facts)), min_size=len(steps) - 1, max_size=len(steps) - 1)
        )
    )
    order = data.draw(st.permutations(facts))
    engine, heard = Engine(policy), Heard()
    for now, begin, end in zip(steps, [0, *cuts], [*cuts, len(facts)], strict=True):
        feed(engine, order[begin:end])
        engine.advance(now)
        listen(heard, engine.emit_changes())
    expected = naive_overload.changes(facts, steps[-1], policy)
    assert_heard(heard, expected)
    assert_states(engine, expected)


def test_a_hundred_years_between_two_alarms_are_not_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An alarm of an unset clock in 2000, never ended; a bed assigned ever since; an alarm of 2100."""
    seen: list[int] = []

    def counted(state: State, ticks: Ticks, *more: list[int]) -> tuple[Loads, Loads]:
        seen.append(ticks.count)
        return measure(state, ticks, *more)

    monkeypatch.setattr(watch, "measure", counted)
    engine, first, last = Engine(Policy()), 946_684_800_000, 4_133_980_799_999
    engine.apply(
        "assignments",
        Assignment(
            event_id="s",
            assignment_id="s",
            facility="H",
            unit="ICU",
            bed="1",
            clinician="ann",
            start=first,
            at=first,
        ),
        None,
    )
    for number, at in enumerate((first, BASE, BASE + HOUR, last)):
        engine.apply(
            "alarms",
            AlarmEvent(
                event_id=f"e{number}",
                alarm_id=f"a{number}",
                phase="start",
                at=at,
                facility="H",
                unit="ICU",
                bed="1",
                device_id="m1",
                device_type="monitor",
                code="MDC_EVT_LO",
                kind="physiological",
                priority="high",
            ),
            None,
        )
    engine.advance(None)
    # None of them ends: with the fourth, in 2100, more than three sound unanswered, which has to
    # hold for 2 min.
    assert engine.emit_changes() == []
    engine.advance(last + 10 * MINUTE)
    assert {(one.change.at - last, one.change.after) for one in engine.emit_changes()} == {
        (2 * MINUTE + 1, "elevated")
    }
    assert sum(seen) < 1000
