"""Overload states against the oracle: the same changes, reasons and suggestions at any order of
facts.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import AlarmEvent, Assignment, Engine, Fact, Policy
from analyzer.model.policy import HOUR, MINUTE
from analyzer.overload import tracker
from analyzer.overload.measures import Loads, Ticks, measure
from analyzer.pipeline.state import State
from tests.harness.engines import Stored, feed, later, restore, store
from tests.harness.overloads import Changes, assert_changes, assert_states, consume
from tests.harness.policies import POLICIES, PROMPT, SENSITIVE, staffed, uneven
from tests.harness.strategies import deliveries, nows
from tests.harness.ward_values import BASE
from tests.oracle import overload as oracle_overload

policies = st.sampled_from(POLICIES)


@given(st.data())
def test_any_order_and_any_duplicates_give_the_changes_of_the_oracle(data: st.DataObject) -> None:
    engine = advanced_to_now(data, data.draw(policies), data.draw(staffed() | uneven()))
    assert engine.emit_changes() == []


def advanced_to_now(data: st.DataObject, policy: Policy, facts: list[Fact]) -> Engine:
    """An engine with all facts, advanced to its `now` in one step; it emits the changes of
    the oracle.
    """
    now = data.draw(nows(facts))
    engine, changes = Engine(policy), Changes()
    feed(engine, data.draw(deliveries(facts)))
    engine.advance(now)
    consume(changes, engine.emit_changes())
    expected = oracle_overload.changes(facts, now, policy)
    assert_changes(changes, expected)
    assert_states(engine, expected)
    return engine


@settings(max_examples=2 * settings.default.max_examples)
@given(st.data())
@pytest.mark.slow
def test_after_every_step_of_a_live_run_the_changes_are_those_of_the_facts_so_far(
    data: st.DataObject,
) -> None:
    """Late facts have ticks evaluated again; changes emitted too early are retracted or
    replaced.
    """
    policy, facts = data.draw(policies), data.draw(staffed() | uneven())
    steps = sorted(data.draw(st.lists(nows(facts), min_size=2, max_size=5)))
    cuts = sorted(
        data.draw(
            st.lists(st.integers(0, len(facts)), min_size=len(steps) - 1, max_size=len(steps) - 1)
        )
    )
    order = data.draw(st.permutations(facts))
    engine, changes = Engine(policy), Changes()
    for now, begin, end in zip(steps, [0, *cuts], [*cuts, len(facts)], strict=True):
        feed(engine, order[begin:end])
        engine.advance(now)
        if data.draw(st.booleans()):
            consume(changes, engine.emit_changes())
            expected = oracle_overload.changes(order[:end], now, policy)
            assert_changes(changes, expected)
            assert_states(engine, expected)


@given(st.data())
def test_eviction_changes_no_state(data: st.DataObject) -> None:
    """Emitted changes stay. After more than the horizon of quiet, and after eviction, the states go
    on as if all facts were still held.
    """
    overload = data.draw(st.sampled_from([SENSITIVE, PROMPT]))
    policy = Policy(overload=overload)
    apart = data.draw(st.sampled_from([30, 45])) * HOUR
    first, second = (
        data.draw(staffed() | uneven()),
        [later(fact, apart) for fact in data.draw(staffed())],
    )
    engine, changes = Engine(policy), Changes()
    for fact in sorted(first, key=lambda fact: fact.at) + sorted(second, key=lambda fact: fact.at):
        feed(engine, [fact])
        engine.advance(fact.at)
        if data.draw(st.booleans()):
            consume(changes, engine.emit_changes())
    consume(changes, engine.emit_changes())
    now = max(fact.at for fact in first + second)
    expected = oracle_overload.changes(first + second, now, policy)
    assert_changes(changes, expected)
    assert_states(engine, expected)


@given(st.data())
def test_a_crash_anywhere_loses_no_change(data: st.DataObject) -> None:
    """The state goes back to the last checkpoint; changes emitted before it stay emitted."""
    policy, facts = data.draw(policies), data.draw(staffed() | uneven())
    now = data.draw(nows(facts))
    order = data.draw(deliveries(facts))
    plan = data.draw(
        st.lists(
            st.sampled_from(["go on", "advance", "checkpoint", "crash"]),
            min_size=len(order),
            max_size=len(order),
        )
    )
    engine, changes, stored, safe, position = Engine(policy), Changes(), Stored(), 0, 0
    steps = iter(plan)
    while position < len(order):
        feed(engine, order[position : position + 1])
        position += 1
        match next(steps, "go on"):
            case "advance":
                engine.advance(min(now, order[position - 1].at))
            case "checkpoint":
                consume(changes, engine.emit_changes())
                stored, safe = store(engine, stored), position
            case "crash":
                engine, position = restore(stored, {}, policy), safe
    engine.advance(now)
    consume(changes, engine.emit_changes())
    assert_changes(changes, oracle_overload.changes(facts, now, policy))


# -- facts far apart

DAY = 24 * HOUR
PATIENT = [Policy(horizon=90 * DAY, overload=one) for one in (SENSITIVE, PROMPT)]


@st.composite
def far_apart(draw: st.DrawFn) -> list[Fact]:
    """Several wards with days without facts between them; alarms may go on sounding meanwhile, and
    assignments stay in force or end.
    """
    facts = draw(staffed())
    for _ in range(draw(st.integers(1, 2))):
        apart = draw(st.sampled_from([DAY, 2 * DAY, 2 * DAY + 7 * MINUTE, 4 * DAY]))
        facts = draw(staffed()) + [later(fact, apart) for fact in facts]
    return facts


@settings(max_examples=settings.default.max_examples * 6 // 10)
@given(st.data())
@pytest.mark.slow
def test_stretches_without_facts_change_nothing(data: st.DataObject) -> None:
    policy = data.draw(
        st.sampled_from([*POLICIES, *(Policy(overload=one) for one in (SENSITIVE, PROMPT))])
    )
    advanced_to_now(data, policy, data.draw(far_apart()))


@settings(max_examples=settings.default.max_examples * 6 // 10)
@given(st.data())
def test_late_facts_in_a_stretch_without_facts_give_the_changes_of_the_oracle(
    data: st.DataObject,
) -> None:
    """Steps of days: changes emitted within a stretch whose facts are gone are retracted."""
    policy, facts = data.draw(st.sampled_from(PATIENT)), data.draw(far_apart())
    steps = sorted(data.draw(st.lists(nows(facts), min_size=2, max_size=4)))
    cuts = sorted(
        data.draw(
            st.lists(st.integers(0, len(facts)), min_size=len(steps) - 1, max_size=len(steps) - 1)
        )
    )
    order = data.draw(st.permutations(facts))
    engine, changes = Engine(policy), Changes()
    for now, begin, end in zip(steps, [0, *cuts], [*cuts, len(facts)], strict=True):
        feed(engine, order[begin:end])
        engine.advance(now)
        consume(changes, engine.emit_changes())
    expected = oracle_overload.changes(facts, steps[-1], policy)
    assert_changes(changes, expected)
    assert_states(engine, expected)


def test_a_hundred_years_between_two_alarms_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alarms that never end, the first of an unset clock in 2000, the last one in 2100."""
    counts: list[int] = []

    def counted(state: State, ticks: Ticks, *more: list[int]) -> tuple[Loads, Loads]:
        counts.append(ticks.count)
        return measure(state, ticks, *more)

    monkeypatch.setattr(tracker, "measure", counted)
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
    # With the fourth alarm, in 2100, more than three are unanswered; that has to hold for 2 min.
    assert engine.emit_changes() == []
    engine.advance(last + 10 * MINUTE)
    assert {(one.change.at - last, one.change.after) for one in engine.emit_changes()} == {
        (2 * MINUTE + 1, "elevated")
    }
    assert sum(counts) < 1000
