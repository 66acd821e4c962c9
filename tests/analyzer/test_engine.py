"""The engine against the naive reference: any order, duplicates, late charting, crashes and the
horizon give the same numbers.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import OPEN, OUTCOMES, AlarmEvent, Engine, EpisodeRecord, Fact, Policy
from analyzer.model.facts import FACT_TYPES, values_of
from tests.harness.engines import (
    POLICY,
    TOPIC_OF,
    WARDS,
    Numbers,
    Stored,
    assert_same,
    by_id,
    feed,
    later,
    numbers,
    restore,
    store,
)
from tests.harness.strategies import deliveries, nows, wards
from tests.harness.ward_values import BASE, FACILITY
from tests.oracle import reference as naive

FORGETFUL = Policy()
"""With the default horizon: for tests that deliver nothing that lies behind it."""


def final_records(facts: list[Fact], now: int) -> dict[str, naive.Episode]:
    return {
        alarm_id: one for alarm_id, one in naive.episodes(facts, now, POLICY).items() if one.final
    }


def assert_records(found: list[EpisodeRecord], expected: dict[str, naive.Episode]) -> None:
    assert [record.alarm_id for record in found] == [
        one.alarm_id for one in sorted(expected.values(), key=lambda e: (e.end, e.alarm_id))
    ]
    for record in found:
        one = expected[record.alarm_id]
        for field in EpisodeRecord.__slots__:
            match field:
                case "facility":
                    continue
                case "class_":
                    assert record.class_ == one.klass
                case "clinicians":
                    assert set(record.clinicians) == one.clinicians
                case _:
                    assert getattr(record, field) == getattr(one, field), field


def test_finished_episodes_are_ordered_by_facility_end_and_alarm_id() -> None:
    episodes = [
        (facility, end, id_)
        for facility in ("H2", "H1")
        for end in (9000, 7000, 8000)
        for id_ in ("b", "é", "a", "c")
    ]
    engine = Engine(POLICY)
    columns: dict[str, Any] = {
        "alarm_id": [f"{id_}{end}" for _, end, id_ in episodes] * 2,
        "facility": [facility for facility, _, _ in episodes] * 2,
        "phase": ["start"] * len(episodes) + ["end"] * len(episodes),
        "at": [1000] * len(episodes) + [end for _, end, _ in episodes],
        "event_id": [str(number) for number in range(2 * len(episodes))],
    }
    usual = {
        "unit": "U",
        "bed": "1",
        "device_id": "d",
        "device_type": "m",
        "code": "c",
        "kind": "physiological",
        "priority": "low",
        "source": "",
    }
    given_ = tuple(
        columns.get(name, [usual.get(name)] * 2 * len(episodes))
        for name in FACT_TYPES["alarms"].__slots__
    )
    engine.take("alarms", given_, None)
    found = [
        (record.facility, record.end, record.alarm_id) for record in engine.advance(POLICY.horizon)
    ]
    assert found == sorted((facility, end, f"{id_}{end}") for facility, end, id_ in episodes)


@given(st.data())
def test_any_order_and_any_duplicates_give_the_naive_numbers(data: st.DataObject) -> None:
    facts = data.draw(WARDS)
    now = data.draw(nows(facts))
    engine = Engine(POLICY)
    feed(engine, data.draw(deliveries(facts)))
    records = list(engine.advance(now))
    assert_same(numbers(engine), naive.metrics(facts, now, POLICY))
    assert_records(records, final_records(facts, now))


@given(st.data())
def test_every_step_of_a_live_run_shows_the_naive_numbers_of_what_came_so_far(
    data: st.DataObject,
) -> None:
    """Facts and time advance independently: a late fact re-attributes and reclassifies the alarms
    held.
    """
    facts = data.draw(WARDS)
    steps = sorted(data.draw(st.lists(nows(facts), min_size=2, max_size=5)))
    cuts = sorted(
        data.draw(
            st.lists(st.integers(0, len(facts)), min_size=len(steps) - 1, max_size=len(steps) - 1)
        )
    )
    order = data.draw(st.permutations(facts))
    engine, published = Engine(POLICY), {}
    for now, begin, end in zip(steps, [0, *cuts], [*cuts, len(facts)], strict=True):
        feed(engine, order[begin:end])
        published |= by_id(engine.advance(now))
        so_far = order[:end]
        assert_same(numbers(engine), naive.metrics(so_far, now, POLICY))
        # What a consumer of `episodes` holds, keeping the latest version of each, is the truth of
        # this moment.
        assert_records(
            sorted(published.values(), key=lambda r: (r.end, r.alarm_id)),
            final_records(so_far, now),
        )


@given(st.data())
def test_a_crash_anywhere_changes_no_number_and_no_count(data: st.DataObject) -> None:
    """State goes back to the last checkpoint; what came after it is delivered once more. Episodes
    are sent once they are stored.
    """
    facts = data.draw(WARDS)
    order = data.draw(deliveries(facts))
    now = data.draw(nows(facts))
    plan = data.draw(
        st.lists(
            st.sampled_from(["go on", "advance", "checkpoint", "crash"]),
            min_size=len(order),
            max_size=len(order),
        )
    )

    straight = Engine(POLICY)
    feed(straight, order)

    engine = Engine(POLICY)
    published: dict[str, EpisodeRecord] = {}
    to_send: dict[str, EpisodeRecord] = {}
    stored: Stored = {}
    tally: dict[Any, int] = {}
    safe = place = 0
    crashes = iter(plan)
    while place < len(order):
        feed(engine, order[place : place + 1])
        place += 1
        match next(crashes, "go on"):
            case "advance":
                to_send |= by_id(engine.advance(min(now, order[place - 1].at)))
            case "checkpoint":
                stored, tally, safe = store(engine, stored), dict(engine.outcome_counts), place
                published |= to_send
                to_send = {}
            case "crash":
                engine, place, to_send = restore(stored, tally), safe, {}
    published |= to_send | by_id(engine.advance(now))
    assert_same(numbers(engine), naive.metrics(facts, now, POLICY))
    assert engine.outcome_counts == straight.outcome_counts
    assert published == by_id(straight.advance(now))


@given(st.data())
def test_the_horizon_forgets_only_what_no_number_needs(data: st.DataObject) -> None:
    """After more than the horizon of quiet, old alarms still open and assignments in force keep
    counting.
    """
    days = data.draw(st.sampled_from([30, 45, 80])) * 3_600_000
    first, second = data.draw(WARDS), [later(fact, days) for fact in data.draw(WARDS)]
    engine = Engine(FORGETFUL)
    feed(engine, first)
    engine.advance(max(fact.at for fact in first))
    for fact in sorted(second, key=lambda fact: fact.at):
        feed(engine, [fact])
        engine.advance(fact.at)
    now = max(fact.at for fact in first + second)
    assert_same(
        numbers(engine, FORGETFUL),
        without_old_response_times(
            engine, naive.metrics(first + second, now, FORGETFUL), first + second, now
        ),
    )


def without_old_response_times(
    engine: Engine, expected: Numbers, facts: list[Fact], now: int
) -> Numbers:
    """Response times are counters: an observation made stays made, so here only their presence can
    be asked of the engine.
    """
    histogram = {
        key: value
        for key, value in numbers(engine, FORGETFUL).items()
        if key[0].startswith("alarm_fatigue_response_seconds")
    }
    assert histogram.keys() == {
        key for key in expected if key[0].startswith("alarm_fatigue_response_seconds")
    }
    return {key: histogram.get(key, value) for key, value in expected.items()}


@given(st.data())
def test_memory_is_bounded_by_the_horizon(data: st.DataObject) -> None:
    facts = data.draw(WARDS)
    engine = Engine(FORGETFUL)
    feed(engine, facts)
    end = max(fact.at for fact in facts)
    engine.advance(end)
    probe = next(fact for fact in facts if TOPIC_OF[type(fact)] == "alarms")
    still_open = {
        one.alarm_id for one in naive.episodes(facts, end, FORGETFUL).values() if one.open
    }
    long_after = end + 3 * FORGETFUL.horizon
    feed(engine, [replace(probe, event_id="probe", alarm_id="probe", at=long_after, phase="start")])
    engine.advance(long_after)
    assert engine.held == len(still_open) + 1


@settings(max_examples=2 * settings.default.max_examples)
@given(st.data())
def test_admission_judges_like_the_naive_reading(data: st.DataObject) -> None:
    facts = data.draw(WARDS)
    order = data.draw(deliveries(facts))
    delays = data.draw(
        st.lists(
            st.sampled_from([0, -120_000, -120_001, 86_400_000, 93_600_000, 93_600_001]),
            min_size=len(order),
            max_size=len(order),
        )
    )
    shifts = data.draw(
        st.lists(st.sampled_from([0, 0, 0, 26, 27, 60]), min_size=len(order), max_size=len(order))
    )
    moved = {
        fact.event_id: fact.at + 3_600_000 * shift
        for fact, shift in zip(order, shifts, strict=True)
    }
    records = [
        (TOPIC_OF[type(fact)], replace(fact, at=moved[fact.event_id]), moved[fact.event_id] + delay)
        for fact, delay in zip(order, delays, strict=True)
    ]
    engine = Engine(FORGETFUL)
    assert [engine.apply(*record) for record in records] == naive.admission(records, FORGETFUL)


@given(st.data())
def test_a_slice_of_many_hospitals_is_judged_as_one_fact_after_the_other(
    data: st.DataObject,
) -> None:
    """Also where a hospital's first facts are from the future, and leave it without a watermark."""
    facts = data.draw(wards())
    topic = TOPIC_OF[type(facts[0])]
    facts = [fact for fact in facts if TOPIC_OF[type(fact)] == topic]
    hospitals = data.draw(
        st.lists(st.sampled_from("ABCDEFGH"), min_size=len(facts), max_size=len(facts))
    )
    delays = data.draw(
        st.lists(
            st.sampled_from([0, 0, -86_400_000, 86_400_000, 93_600_001]),
            min_size=len(facts),
            max_size=len(facts),
        )
    )
    facts = [
        replace(fact, facility=hospital) for fact, hospital in zip(facts, hospitals, strict=True)
    ]
    stamps = [fact.at + delay for fact, delay in zip(facts, delays, strict=True)]
    one_by_one = Engine(FORGETFUL)
    outcomes = [
        one_by_one.apply(topic, fact, stamp) for fact, stamp in zip(facts, stamps, strict=True)
    ]
    columns = tuple(zip(*map(values_of, facts), strict=True))
    assert [OUTCOMES[one] for one in Engine(FORGETFUL).take(topic, columns, stamps)] == outcomes


def test_open_sorts_after_every_time() -> None:
    assert max(POLICY.windows.values()) + 253_402_300_799_999 < OPEN


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_a_reading_on_the_other_side_counts_once_the_onset_turns_out_to_lie_there(
    order: tuple[int, ...],
) -> None:
    """Which side of its limit an alarm guards is known from its onset, which may come last."""
    event = AlarmEvent(
        event_id="-",
        alarm_id="a",
        phase="start",
        at=BASE,
        facility=FACILITY,
        unit="ICU",
        bed="1",
        device_id="m",
        device_type="monitor",
        code="LO",
        kind="physiological",
        priority="high",
        limit=90.0,
    )
    facts = [
        replace(event, event_id="1", value=85.0),
        replace(event, event_id="2", phase="update", at=BASE + 1000, value=95.0),
        replace(event, event_id="3", phase="end", at=BASE + 2000, value=80.0),
    ]
    engine = Engine(POLICY)
    for number in order:
        feed(engine, [facts[number]])
        engine.advance(None)
    [record] = engine.advance(BASE + 2000 + POLICY.action_window)
    assert (record.value, record.limit) == (80.0, 90.0)
