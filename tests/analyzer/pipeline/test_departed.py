"""Names and facilities are released: memory depends on what is held, not on what was ever named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import Engine, Fact, Policy
from analyzer.model.facts import values_of
from analyzer.pipeline.compaction import SPARE, compact
from tests.harness.engines import POLICY, WARDS, Stored, assert_same, feed, numbers, restore, store
from tests.harness.facts import alarm, duty, event, ms, response
from tests.harness.strategies import nows
from tests.oracle import reference as naive

LATER = 27 * 3600 + 1
"""Seconds: the horizon and the margin."""


@given(st.data())
def test_compaction_of_names_changes_no_number(data: st.DataObject) -> None:
    facts = data.draw(WARDS)
    steps = sorted(data.draw(st.lists(nows(facts), min_size=2, max_size=4)))
    order = data.draw(st.permutations(facts))
    engine, plain, stored = Engine(POLICY), Engine(POLICY), Stored()
    for step, now in enumerate(steps):
        part = order[step * len(order) // len(steps) : (step + 1) * len(order) // len(steps)]
        feed(engine, part)
        feed(plain, part)
        assert list(engine.advance(now)) == list(plain.advance(now))
        assert compact(engine._state, at_once=True)
        # withdrawals come in any order
        assert sorted(map(repr, engine.emit_changes())) == sorted(map(repr, plain.emit_changes()))
        if data.draw(st.booleans()):
            stored = store(engine, stored)
            engine = restore(stored, engine.outcome_counts)
            engine.advance(now)
    assert_same(numbers(engine), naive.metrics(facts, steps[-1], POLICY))


def test_an_evicted_alarm_of_unknown_class_is_not_reclassified() -> None:
    """No static is left when the sweep goes over the alarms whose class was unknown."""
    engine = Engine(Policy())
    feed(engine, [*alarm("a", 0, 60), event("b", "end", 0, facility="G")])
    [record] = engine.advance(ms(1000))
    assert record.class_ == "unknown"
    engine.control("alarms", "forget", "F", 0)
    assert compact(engine._state, at_once=True)
    feed(engine, [event("c", "end", 2 * 3600, facility="G")])
    engine.advance(ms(2 * 3600))
    assert engine.facilities == ["G"]
    assert engine.held == 2


@pytest.mark.slow
def test_a_feed_with_new_names_for_every_alarm_reaches_a_steady_memory() -> None:
    """Each of 19,200 alarms over four days has a unit, bed, device, code, label and clinician of
    its own.
    """
    engine, most = Engine(Policy()), []
    stored: Stored = {}
    for hour in range(96):
        events: list[Fact] = []
        responses: list[Fact] = []
        for number in range(200):
            name, at = f"{hour}-{number}", hour * 3600 + number * 18
            names: dict[str, Any] = {
                "unit": f"u{name}",
                "bed": f"b{name}",
                "device_id": f"d{name}",
                "code": f"c{name}",
                "label": name,
            }
            events += alarm(name, at, at + 5, **names, recipients=(f"n{name}",))
            responses.append(response(at + 5, unit=f"u{name}", bed=f"b{name}"))
        engine.take("alarms", tuple(zip(*map(values_of, events), strict=True)), None)
        engine.take("responses", tuple(zip(*map(values_of, responses), strict=True)), None)
        engine.advance(ms((hour + 1) * 3600))
        stored = store(engine, stored)
        most.append(engine.names)
    per_alarm = 9  # unit, position, bed, type, static, signal, clinician, team and label
    bound = per_alarm * (2 * 200 * 27 + SPARE + 200)
    assert max(most) <= bound < per_alarm * 200 * 96
    again = restore(stored, engine.outcome_counts, Policy())
    again.advance(ms(96 * 3600))
    assert again.names <= engine.names
    assert_same(numbers(again, Policy()), numbers(engine, Policy()))


def test_a_facility_that_fell_silent_is_forgotten_by_the_wall_clock() -> None:
    engine = Engine(Policy())
    feed(
        engine,
        [
            *alarm("a", 0, 60),
            *alarm("b", 0, 60, facility="G"),
            event("c", "start", LATER, facility="G"),
        ],
    )
    engine.advance(ms(LATER - 2))
    assert engine.drop_departed(ms(LATER - 2)) == []
    assert engine.latest_times() == {"F": ms(60), "G": ms(LATER)}
    engine.advance(ms(LATER + 60))
    assert engine.drop_departed(ms(LATER + 60)) == ["F"]
    assert engine.latest_times() == engine.watermarks() == {"G": ms(LATER)}
    assert b"\xa1F" not in store(engine, {})["head", 0]
    assert engine.held == 1
    assert engine.drop_departed(ms(LATER + 61)) == []


def test_open_alarms_older_than_the_horizon_are_kept_up_to_the_cap_latest_first() -> None:
    engine = Engine(Policy(max_open_alarms=3))
    for number in range(5):
        feed(engine, [event(f"open{number}", "start", number)])
    feed(engine, [event("other", "start", 0, facility="G")])
    engine.advance(ms(100))
    assert engine.held == 6
    for facility in ("F", "G"):
        feed(engine, [event(f"new-{facility}", "start", 30 * 3600, facility=facility)])
    engine.advance(ms(30 * 3600))
    assert engine.forgotten_open == 2
    assert engine.held == 3 + 1 + 2
    burdens = engine.measure()
    by_facility = zip(burdens.units.facility, burdens.units.open_alarms.tolist(), strict=True)
    assert dict(by_facility) == {"F": 4, "G": 2}
    assert burdens.units.stale_alarms.sum() == 4
    feed(engine, [event("open4", "end", 30 * 3600 + 1), event("open0", "end", 30 * 3600 + 1)])
    engine.advance(ms(30 * 3600 + 2))
    assert engine.measure().units.open_alarms.sum() == 5


@pytest.mark.parametrize("kept", [event("open", "start", 0), duty("ann", 0)])
def test_open_alarms_and_assignments_in_force_keep_their_facility_and_nothing_else_of_it(
    kept: Any,
) -> None:
    engine = Engine(Policy())
    feed(engine, [kept, *alarm("a", 0, 60), response(10, bed="1"), duty("bob", -60, 60)])
    engine.advance(ms(2 * LATER))
    assert engine.drop_departed(ms(2 * LATER)) == []
    assert engine.held == (1 if kept.event_id.startswith("e") else 0)
    assert set(engine.latest_times()) == {"F"}
    burdens = engine.measure()
    assert burdens.units.unit == ["icu"]
    assert burdens.units.open_alarms.tolist() == [engine.held]
    late = replace(
        kept,
        event_id="again",
        at=ms(2 * LATER),
        **({"phase": "end"} if engine.held else {"end": ms(2 * LATER)}),
    )
    feed(engine, [late])
    engine.advance(ms(4 * LATER))
    assert engine.drop_departed(ms(4 * LATER)) == ["F"]
    assert engine.held == 0


def test_forgetting_a_facility_does_not_change_which_facts_are_admitted_later() -> None:
    for forgets in (False, True):
        engine = Engine(Policy())
        assert engine.apply("alarms", event("a", "start", 0, event_id="x"), ms(0)) == "accepted"
        engine.apply("alarms", event("a", "end", 30, event_id="y"), ms(30))
        engine.advance(ms(LATER + 60))
        assert bool(engine.drop_departed(ms(LATER + 60)) if forgets else []) is forgets
        stamp = LATER + 30  # a producer's clock that lags a little
        assert (
            engine.apply("alarms", event("b", "start", stamp - 25 * 3600), ms(stamp)) == "accepted"
        )
        assert (
            engine.apply("alarms", event("c", "start", stamp - 25 * 3600 - 601), ms(stamp))
            == "late"
        )


def test_thousands_of_facilities_of_one_alarm_each_are_given_back() -> None:
    engine, most = Engine(Policy()), 0
    for hour in range(80):
        for number in range(50):
            at = hour * 3600 + number
            feed(
                engine, alarm("a", at, at + 1, facility=f"{hour}-{number}", unit=f"{hour}-{number}")
            )
        engine.advance(ms((hour + 1) * 3600))
        engine.drop_departed(ms((hour + 1) * 3600))
        most = max(most, len(engine.latest_times()))
    assert most <= 50 * 28
    assert len(engine._state.facilities.by_number) <= 50 * 29


def test_facilities_of_which_nothing_was_ever_accepted_are_given_back_once_they_are_many() -> None:
    engine = Engine(Policy())
    feed(engine, alarm("a", 0, 60))
    engine.advance(ms(60))
    for number in range(SPARE + 1):
        late = event("x", "start", 0, facility=f"junk-{number}")
        assert engine.apply("alarms", late, ms(LATER)) == "late"
        if number == SPARE - 1:
            assert engine.drop_departed(ms(120)) == []
    assert len(engine.drop_departed(ms(120))) == SPARE + 1
    assert engine.facilities == ["F"]
    engine.advance(ms(180))
    feed(engine, [event("b", "start", 200, facility="G")])
    engine.advance(ms(240))
    assert len(engine._state.facilities.by_number) <= SPARE + 2
    assert engine.measure().units.facility == ["F", "G"]
