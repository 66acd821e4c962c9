"""Derive: many alarms of a bed at once give what one by one gives."""

from __future__ import annotations

import random

from analyzer import Engine, Fact, Policy
from tests.harness.engines import assert_same, feed, numbers
from tests.harness.facts import alarm, response
from tests.oracle import reference as naive

ACTIONS = ("acknowledge", "attend", "intervene", "consult", "silence")


def busy_beds() -> list[Fact]:
    """Three beds with alarms and responses; those of one bed name no unit."""
    dice = random.Random(8)
    facts: list[Fact] = []
    for number in range(900):
        start, bed = dice.randrange(3 * 3600), str(number % 3)
        length = dice.choice([0, 5, 40, 600, None])
        end = None if length is None else start + length
        facts += alarm(f"a{number}", start, end, bed=bed)
        if dice.random() < 0.1:
            action = dice.choice(ACTIONS)
            at = start + dice.randrange(400)
            facts.append(response(at, event_id=f"n{number}", alarm_id=f"a{number}", action=action))
    for number in range(60):
        bed = str(number % 3)
        unit = None if bed == "2" else "icu"
        action = dice.choice(ACTIONS)
        at = dice.randrange(3 * 3600)
        facts.append(response(at, event_id=f"b{number}", bed=bed, unit=unit, action=action))
    dice.shuffle(facts)
    return facts


def test_many_alarms_of_a_bed_have_the_responses_that_one_by_one_gives() -> None:
    facts = busy_beds()
    now = max(fact.at for fact in facts) + 3600_000
    at_once, one_by_one = Engine(Policy()), Engine(Policy())
    feed(at_once, facts)
    records = list(at_once.advance(now))
    told = {}
    for begin in range(0, len(facts), 100):
        feed(one_by_one, facts[begin : begin + 100])
        told |= {one.alarm_id: one for one in one_by_one.advance(now)}
    assert {one.alarm_id: one for one in records} == told
    assert_same(numbers(at_once), numbers(one_by_one))
    expected = naive.episodes(facts, now, Policy())
    assert {one.alarm_id: (one.class_, one.first_response) for one in records} == {
        key: (one.klass, one.first_response) for key, one in expected.items() if one.final
    }
    assert sum(one.basis == "response" for one in records) > 20
