"""Bounded work: a record costs no more where one alarm, bed or assignment has had very many before
it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from analyzer import Engine, Fact, Policy
from analyzer.model.policy import HOUR
from analyzer.pipeline.roster import MOST_RECIPIENTS
from streams.formats.sinks import encode_episodes
from tests.harness.engines import Stored, assert_same, by_id, feed, numbers, restore, store
from tests.harness.facts import alarm, duty, event, ms, response, verdict
from tests.oracle import reference as naive

SLICE = 50
LONG = Policy(horizon=100 * HOUR)


def fed(facts: list[Fact], policy: Policy = LONG) -> Engine:
    """Slice by slice, with time as far as it has come."""
    engine, now = Engine(policy), 0
    for begin in range(0, len(facts), SLICE):
        some = facts[begin : begin + SLICE]
        feed(engine, some)
        now = max(now, *(fact.at for fact in some))
        engine.advance(now)
    return engine


def stored_bytes(engine: Engine, kind: str) -> int:
    return sum(
        len(msgspec.msgpack.encode(engine.dump(key)))
        for key in engine.changed_shards()
        if key[0] == kind
    )


NOTHING_MORE: dict[str, Callable[[int], list[Fact]]] = {
    "ends after the end": lambda count: [
        *alarm("a", 0),
        *(event("a", "end", 10 + at) for at in range(count)),
    ],
    "ends after the end, latest first": lambda count: [
        *alarm("a", 0),
        *(event("a", "end", count + 10 - at) for at in range(count)),
    ],
    "updates": lambda count: [
        event("a", "update", at, value=80 + at % 3, limit=90) for at in range(count)
    ],
    "updates, latest first": lambda count: [
        event("a", "update", count - at) for at in range(count)
    ],
    "updates at one time": lambda count: [event("a", "update", 0) for _ in range(count)],
}


@pytest.mark.parametrize("pattern", NOTHING_MORE)
def test_events_that_can_no_longer_matter_are_not_held(pattern: str) -> None:
    few, many = (
        stored_bytes(fed(NOTHING_MORE[pattern](count)), "episodes") for count in (200, 800)
    )
    assert many <= few + 8  # larger numbers take a few bytes more


def test_equal_answers_are_stored_once() -> None:
    for fields in ({"alarm_id": "a"}, {"bed": "1"}):
        few, many = (
            fed([*alarm("a", 0), *(response(5, **fields) for _ in range(count))])
            for count in (100, 400)
        )
        for kind in ("episodes", "responses"):
            assert stored_bytes(many, kind) == stored_bytes(few, kind)


TOLD_AGAIN: dict[str, Callable[[int], list[Fact]]] = {
    "ends without a start, then one": lambda count: [
        *(event("a", "end", at) for at in range(count)),
        event("a", "start", count - 3),
    ],
    "ends before the start": lambda count: [
        event("a", "start", count),
        *(event("a", "end", count - at) for at in range(count)),
    ],
    "the start comes nearer": lambda count: [
        fact
        for at in range(count)
        for fact in (event("a", "end", count - at), event("a", "start", 2 * count - 2 * at))
    ],
    "responses to an alarm": lambda count: [
        *alarm("a", 0, 60),
        *(response(at, alarm_id="a") for at in range(count)),
    ],
    "responses to a bed": lambda count: [
        *alarm("a", 0),
        *(response(count - at, bed="1") for at in range(count)),
    ],
    "the alarm comes and goes around responses": lambda count: [
        fact
        for at in range(count)
        for fact in (
            response(at, bed="1"),
            event("a", "update", count - at, unit="icu"),
            event("a", "end", 3 * count - at),
        )
    ],
    "the alarm changes its unit": lambda count: [
        fact
        for at in range(count)
        for fact in (
            response(at, bed="1"),
            response(at, alarm_id="a"),
            event("a", "update", count - at, unit=("icu", "nicu")[at % 2]),
        )
    ],
    "labels, latest first": lambda count: [
        *alarm("a", 0),
        *(verdict("a", count - at, "actionable") for at in range(count)),
    ],
    "records of one assignment": lambda count: [
        *alarm("a", 5),
        *(duty("ann", 0, 10 + at % 7 - 3, assignment_id="d", at=ms(at)) for at in range(count)),
    ],
    "assignments and alarms by turns": lambda count: [
        fact
        for at in range(count)
        for fact in (
            duty(f"n{at % 9}", at * 7 % count, at * 7 % count + 9),
            *alarm(f"a{at}", at, at + 3),
        )
    ],
    "unknown alarms, then cover": lambda count: [
        *(fact for at in range(count) for fact in alarm(f"a{at}", at * 400, at * 400 + 60)),
        *(response(at * 400 + 100, bed="9", unit="icu") for at in range(0, count, 3)),
    ],
}


@pytest.mark.parametrize("pattern", TOLD_AGAIN)
def test_much_of_one_thing_gives_the_naive_numbers(pattern: str) -> None:
    """Also where only what differs from before is worked out; and after a restart."""
    facts = TOLD_AGAIN[pattern](90)
    now = max(fact.at for fact in facts) + 5 * 60_000
    engine = fed(facts)
    engine = restore(store(engine, Stored()), engine.outcome_counts, LONG)
    engine.advance(now)
    assert_same(numbers(engine, LONG), naive.metrics(facts, now, LONG))


def test_pending_facts_are_copied_a_logarithmic_number_of_times() -> None:
    """Responses ahead of the alarms' watermark wait, and are looked at with every step."""
    engine = Engine(LONG)
    feed(engine, alarm("a", 0))
    for at in range(300):
        feed(engine, [response(100 + at, alarm_id="a")])
        engine.advance(None)
    waiting = engine._state.pending._batches["responses"]
    lengths = [len(batch) for batch in waiting]
    assert sum(lengths) == 300
    assert len(lengths) <= 9
    assert all(before >= 2 * after for before, after in pairwise(lengths))


@pytest.mark.parametrize("order", [1, -1, 11])
def test_of_an_alarms_recipients_the_least_ids_count(order: int) -> None:
    count = 700
    facts: list[Fact] = [
        *alarm("a", 0, 60),
        *(
            event("a", "update", 1, recipients=(f"c{number * order % count:03}",))
            for number in range(count)
        ),
    ]
    engine = fed(facts)
    [record] = engine.advance(ms(60) + LONG.action_window)
    assert record.clinicians == tuple(f"c{number:03}" for number in range(MOST_RECIPIENTS))
    assert engine.recipients_dropped == count - MOST_RECIPIENTS
    teams = engine._state.teams
    assert max(map(len, teams.all)) == MOST_RECIPIENTS
    assert len(teams.all) <= 2 * (count // SLICE + 2)  # no team for every record
    again = restore(store(engine, Stored()), engine.outcome_counts, LONG)
    assert again.recipients_dropped == engine.recipients_dropped


def test_coverage_under_another_policy_is_computed_from_the_stored_state() -> None:
    """Forty alarms that were only acknowledged: unknown, until a policy takes that for cover."""
    facts = [
        fact
        for at in range(40)
        for fact in [
            *alarm(f"a{at}", at, at + 60),
            response(at + 20, alarm_id=f"a{at}", action="acknowledge"),
        ]
    ]
    engine, now = Engine(Policy()), ms(1000)
    feed(engine, facts)
    assert {(one.class_, one.basis) for one in engine.advance(now)} == {("unknown", None)}
    assert not [key for key in numbers(engine) if "ratio" in key[0] and "nonactionable" in key[0]]
    stored = {key: msgspec.msgpack.decode(value) for key, value in store(engine, Stored()).items()}
    generous = Policy(cover_by=("acknowledge", "attend"))
    judged = by_id(Engine.load(generous, stored, {}, reclassify=True).advance(now))
    assert {(one.class_, one.basis) for one in judged.values()} == {
        ("non_actionable", "no_intervention")
    }
    assert len(judged) == 40


def test_one_word_of_attendance_gives_cover() -> None:
    engine = Engine(Policy())
    feed(
        engine,
        [
            *alarm("a", 0, 60),
            response(20, alarm_id="a", action="acknowledge"),
            response(30, bed="7", unit="icu", action="attend"),
        ],
    )
    [record] = engine.advance(ms(1000))
    assert (record.class_, record.basis) == ("non_actionable", "no_intervention")


@pytest.mark.parametrize(
    "readings",
    [
        [(1.7e308, -1.7e308), (1.6e308, -1.7e308)],
        [(-1.7e308, 1.7e308), (-1.7976931348623157e308, 1.7e308)],
        [(1.7e308, 1.6e308), (-1.7e308, 1.7e308), (1.7976931348623157e308, None)],
        [(None, 1.7e308), (-1.7e308, None)],
    ],
)
def test_the_greatest_floats_are_readings_like_others(readings: Any) -> None:
    facts: list[Fact] = [
        event("a", "start", at, value=value, limit=limit)
        for at, (value, limit) in enumerate(readings)
    ]
    facts.append(event("a", "end", 60))
    engine = Engine(Policy())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        feed(engine, facts)
        finished = engine.advance(ms(1000))
        engine.evidence(12 * HOUR).findings()
        engine.measure()
    [record], [expected] = finished, naive.episodes(facts, ms(1000), Policy()).values()
    assert (record.value, record.limit) == (expected.value, expected.limit)
    assert record.value is not None
    assert math.isfinite(record.value)
    [line] = encode_episodes(finished, str)
    assert msgspec.json.decode(line)["value"] == record.value


def measured(facts: list[Fact], now: float, name: str, **labels: str) -> float:
    engine = Engine(Policy())
    feed(engine, facts)
    engine.advance(ms(now))
    found = {
        key[1]: value for key, value in numbers(engine).items() if key[0] == f"alarm_fatigue_{name}"
    }
    return sum(value for key, value in found.items() if labels.items() <= dict(key).items())


def test_a_feed_without_ends_is_counted_and_stays_open() -> None:
    facts = [
        fact
        for number in range(60)
        for fact in [*alarm(f"a{number}", number), response(number + 5, alarm_id=f"a{number}")]
    ]
    assert measured(facts, 6000, "unit_alarms", window="12h") == 60
    assert (
        measured(facts, 6000, "unit_classified_alarms", window="12h", **{"class": "pending"}) == 60
    )
    assert measured(facts, 6000, "unit_open_alarms") == 60


def test_a_second_export_with_the_same_event_ids_is_dropped_as_repeated() -> None:
    days = [
        [
            event(f"day-{day}-{number}", "start", day * 86_400 + number, event_id=str(number))
            for number in range(5)
        ]
        for day in range(2)
    ]
    engine = Engine(Policy())
    feed(engine, [*days[0], *days[1]])
    assert engine.outcome_counts == {("alarms", "accepted"): 5, ("alarms", "duplicate"): 5}


def test_an_assignment_that_ends_before_it_begins_assigns_nobody() -> None:
    night = duty("ann", 22 * 3600, 6 * 3600)
    facts: list[Fact] = [
        night,
        *(fact for number in range(12) for fact in alarm(f"a{number}", 23 * 3600 + number)),
    ]
    assert measured(facts, 23 * 3600 + 60, "unit_unassigned_alarms", window="12h") == 12
    assert measured(facts, 23 * 3600 + 60, "clinician_beds") == 0
