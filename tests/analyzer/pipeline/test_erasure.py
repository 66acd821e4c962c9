"""A forgotten clinician: nothing of the state names them, and the rest is as the oracle says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from analyzer import TOPICS, Engine, Fact, Policy, Topic
from analyzer.model.facts import AlarmEvent, Assignment, Label, Response
from tests.harness.engines import TOPIC_OF, feed, numbers, restore, store
from tests.harness.facts import alarm, duty, ms, response, sample
from tests.harness.overloads import Changes, assert_changes, assert_states, consume
from tests.harness.policies import POLICIES, staffed
from tests.harness.strategies import deliveries, nows
from tests.oracle import overload as oracle_overload
from tests.oracle.control import named_in, without_clinician


def spelled(fact: Fact, clinician: str, name: str) -> Fact:
    """The fact with another id of the clinician, which stands in nothing else."""

    def of(one: str | None) -> str | None:
        return name if one == clinician else one

    match fact:
        case Assignment():
            return replace(fact, clinician=of(fact.clinician) or "")
        case AlarmEvent():
            named = None if fact.recipients is None else tuple(of(one) for one in fact.recipients)
            return replace(fact, recipients=named)  # type: ignore[arg-type]  # of str is str
        case Response():
            return replace(fact, clinician=of(fact.clinician))
        case Label():
            return fact


def erase(engine: Engine, clinician: str, topics: Sequence[Topic]) -> None:
    [facility] = engine.facilities
    for topic in topics:
        engine.control(topic, "forget_clinician", facility, 0, clinician)


@given(st.data())
def test_no_stored_value_names_a_forgotten_clinician_and_states_are_those_of_the_facts_left(
    data: st.DataObject,
) -> None:
    policy, facts = data.draw(st.sampled_from(POLICIES)), data.draw(staffed())
    person = data.draw(st.sampled_from(named_in(facts)))
    facts, name = [spelled(one, person, "Zzyzx-Quux") for one in facts], "Zzyzx-Quux"
    now = data.draw(nows(facts))
    engine = Engine(policy)
    feed(engine, data.draw(deliveries(facts)))
    engine.advance(now)
    before: Changes = {}
    if data.draw(st.booleans()):
        consume(before, engine.emit_changes())
    erase(engine, name, data.draw(st.permutations(TOPICS)))
    finished = engine.advance(now)
    records = engine.emit_changes()

    left = [
        fact
        for topic in TOPICS
        for fact in without_clinician([one for one in facts if TOPIC_OF[type(one)] == topic], name)
    ]
    stored = store(engine, {})
    assert not [key for key, content in stored.items() if name.encode() in content]
    assert not any(name in record.clinicians for record in finished)
    assert not any(name in repr(one) for one in records)
    assert sum(engine.holdings(facts[0].facility, name)) == 0
    shown = {key: one for key, one in before.items() if key[1] != name}
    consume(shown, records)
    for one in (engine, restore(stored, {}, policy)):
        one.advance(now)
        assert_states(one, oracle_overload.changes(left, now, policy))
    assert_changes(shown, oracle_overload.changes(left, now, policy))


def test_alarms_of_a_forgotten_clinician_count_on_for_the_unit_and_are_unassigned() -> None:
    engine = Engine(Policy())
    facts = [
        duty("ann", -10),
        *alarm("a", 0, 20),
        *alarm("b", 30, 50, recipients=("ann", "bob")),
        response(40, alarm_id="b", clinician="ann"),
    ]
    feed(engine, facts)
    first = engine.advance(ms(4000))
    assert [record.clinicians for record in first] == [("ann",), ("ann", "bob")]
    assert engine.holdings("F", "ann") == (2, 1, 0, 0, 1)
    erase(engine, "ann", TOPICS)
    again = engine.advance(ms(4000))
    assert [record.clinicians for record in again] == [(), ("bob",)]
    assert [record.first_response for record in again] == [None, ms(40)]
    found = numbers(engine, Policy())
    assert sample(found, "unit_unassigned_alarms", unit="icu", window="2h") == 1
    assert sample(found, "unit_alarms", unit="icu", window="2h", priority="medium") == 2
    assert engine.holdings("F", "ann") == (0, 0, 0, 0, 0)
    assert engine.measure().clinicians.clinician == ["bob"]
    feed(engine, [duty("ann", 100)])
    engine.advance(ms(4001))
    assert engine.holdings("F", "ann").assignments == 1, "what comes later counts as usual"
