"""The states of an incident: those of the full engine, and with a change those of an engine that
takes the changed facts.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from analyzer import AlarmEvent, Assignment, Change, Engine, Fact, Policy
from analyzer.incident import Facts
from analyzer.incident.facts import PlainEngine
from analyzer.incident.levers import delayed
from analyzer.model.policy import HOUR, MINUTE, SECOND
from analyzer.overload.variation import Variation
from tests.harness.engines import feed
from tests.harness.incidents import AT, alarm, assignment, facts_of, response
from tests.harness.policies import POLICIES, SENSITIVE, staffed, uneven
from tests.harness.strategies import nows
from tests.harness.ward_values import FACILITY

policies = st.sampled_from(POLICIES)


def wards() -> st.SearchStrategy[list[Fact]]:
    return staffed() | uneven()


def emitted(engine: Engine) -> list[Change]:
    return [one.change for one in engine.emit_changes() if not one.retracted]


def unexplained(changes: list[Change]) -> list[Change]:
    return [replace(one, top_types=(), relief=None) for one in changes]


def plain(facts: Facts, now: int, policy: Policy) -> PlainEngine:
    engine = facts.engine(policy)
    engine.advance(now)
    return engine


@given(st.data())
def test_a_plain_engine_has_the_changes_and_states_of_an_engine(data: st.DataObject) -> None:
    policy, facts = data.draw(policies), data.draw(wards())
    now = data.draw(nows(facts))
    steps = sorted([*data.draw(st.lists(nows(facts), max_size=3)), now])
    full, bare = Engine(policy, evicts=False), PlainEngine(policy)
    for engine in (full, bare):
        feed(engine, facts)
        for step in steps:
            engine.advance(step)
            engine.evaluate()
    assert emitted(bare) == unexplained(emitted(full))
    one, other = bare.measure_people().clinicians, full.measure().clinicians
    assert one.clinician == other.clinician
    assert one.overload.tolist() == other.overload.tolist()


@given(st.data())
def test_a_variation_has_the_changes_of_an_engine_that_takes_the_changed_facts(
    data: st.DataObject,
) -> None:
    """Some alarms are left out, others delayed, and assignments given to others."""
    policy = data.draw(policies)
    drawn = data.draw(wards())
    now = data.draw(nows(drawn))
    facts = facts_of(drawn).of_facility(FACILITY, now)
    engine = plain(facts, now, policy)
    delay = data.draw(st.sampled_from([0, SECOND, 30 * SECOND, 5 * MINUTE]))
    # as the levers do: an alarm that is not longer than its delay is left out
    alarms = list(engine.alarms(FACILITY))
    chosen = [one for one in alarms if data.draw(st.booleans())]
    short = [one.alarm_id for one in chosen if one.end - one.start <= delay]
    late = {one.alarm_id: one.start + delay for one in chosen if one.alarm_id not in short}
    gone = sorted({*short, *(one.alarm_id for one in alarms if data.draw(st.booleans()))})
    late = {name: at for name, at in late.items() if name not in gone}
    if not facts.restated().isdisjoint(late) or not engine.can_delay(FACILITY, list(late)):
        late = {}
    takers = st.sampled_from([None, "ann", "bob", "somebody new"])
    moved = [
        fact if taker is None else replace(fact, clinician=taker)
        for fact in drawn
        if isinstance(fact, Assignment)
        for taker in [data.draw(takers)]
    ]
    others = [fact for fact in drawn if not isinstance(fact, Assignment)]
    changed = facts_of(
        replace(fact, at=max(fact.at, late.get(fact.alarm_id, fact.at)))
        if isinstance(fact, AlarmEvent)
        else fact
        for fact in [*moved, *others]
        if not (isinstance(fact, AlarmEvent) and fact.alarm_id in gone)
    ).of_facility(FACILITY, now)
    roster = tuple(changed.assignments.values()) if moved else None
    variation = Variation(FACILITY, gone, list(late), delay, roster)
    expected = emitted(plain(changed, now, policy))
    assert engine.changes_with(variation) == expected
    # and the engine itself is as before
    assert emitted(engine) == emitted(plain(facts, now, policy))


def test_a_response_before_the_delayed_start_no_longer_answers_the_alarm() -> None:
    policy = Policy(overload=SENSITIVE)
    drawn: list[Fact] = [
        assignment("a", "ann", "1", AT - HOUR),
        *alarm("x", AT - HOUR, 50 * 60),
        response("r", AT - HOUR + 10 * SECOND, bed="1"),
    ]
    facts = facts_of(drawn)
    engine = plain(facts, AT, policy)
    variation = Variation("H", delayed=["x"], delay=30 * SECOND)
    found = engine.changes_with(variation)
    waits = [why for one in found for why in one.reasons if why.measure == "unanswered"]
    before = [why for one in emitted(engine) for why in one.reasons if why.measure == "unanswered"]
    assert waits
    assert not before
    [record] = engine.alarms("H")
    assert found == emitted(plain(delayed(facts, [record], 30 * SECOND), AT, policy))
