"""Control records: resetting or forgetting a facility equals the oracle, under any folding, crash
or duplicate.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from analyzer import TOPICS, Engine, Fact, Policy, Topic
from analyzer.model.policy import HOUR, MINUTE
from analyzer.pipeline.compaction import compact
from tests.harness.engines import (
    POLICY,
    TOPIC_OF,
    WARDS,
    Stored,
    assert_same,
    feed,
    numbers,
    restore,
    store,
)
from tests.harness.facts import alarm, event, ms, response, verdict
from tests.harness.reuse import SHORT, in_time, reused
from tests.harness.strategies import nows
from tests.harness.workers import run
from tests.oracle import reference as naive
from tests.oracle.control import Control, Stamped, facts_after, live, named_in

Record = tuple[Topic, Fact | Control]


def take(engine: Engine, records: list[Record], facility: str) -> None:
    for topic, record in records:
        if isinstance(record, Control):
            engine.control(topic, record.command, facility, record.at or 0, record.clinician)
        else:
            engine.apply(topic, record, None)


def expected(records: list[Record], policy: Policy = POLICY) -> list[Fact]:
    return [
        fact
        for topic in TOPICS
        for fact in facts_after([one for of, one in records if of == topic], policy)
    ]


@st.composite
def logs(draw: st.DrawFn) -> tuple[str, list[Record]]:
    """One facility's records in any order, with control records and duplicates among them."""
    facts = draw(WARDS)
    order = draw(st.permutations(facts + draw(st.lists(st.sampled_from(facts), max_size=4))))
    records: list[Record] = [(TOPIC_OF[type(fact)], fact) for fact in order]
    moments = st.sampled_from(sorted({fact.at for fact in facts})) | st.none()
    people = st.sampled_from(named_in(facts))
    for _ in range(draw(st.integers(1, 3))):
        topic, moment = draw(st.sampled_from(TOPICS)), draw(moments)
        person = draw(st.none() | people)
        records.insert(draw(st.integers(0, len(records))), (topic, Control(moment, person)))
    return facts[0].facility, records


@given(st.data())
def test_control_records_give_the_naive_numbers_whether_facts_were_folded_or_not(
    data: st.DataObject,
) -> None:
    facility, records = data.draw(logs())
    now = data.draw(nows([one for _, one in records if not isinstance(one, Control)]))
    engine = Engine(POLICY)
    for record in records:
        take(engine, [record], facility)
        if data.draw(st.booleans()):
            engine.advance(now)
            engine.evaluate()
    engine.advance(now)
    facts = expected(records)
    assert_same(numbers(engine), naive.metrics(facts, now, POLICY))


@given(st.data())
def test_a_crash_anywhere_changes_nothing(data: st.DataObject) -> None:
    facility, records = data.draw(logs())
    now = data.draw(nows([one for _, one in records if not isinstance(one, Control)]))
    plan = data.draw(
        st.lists(
            st.sampled_from(["go on", "advance", "checkpoint", "crash"]),
            min_size=len(records),
            max_size=len(records),
        )
    )
    engine, stored, tally, safe, place = Engine(POLICY), Stored(), {}, 0, 0
    steps = iter(plan)
    while place < len(records):
        take(engine, records[place : place + 1], facility)
        place += 1
        match next(steps, "go on"):
            case "advance":
                engine.advance(now)
            case "checkpoint":
                stored, tally, safe = store(engine, stored), dict(engine.outcome_counts), place
            case "crash":
                engine, place = restore(stored, tally), safe
    engine.advance(now)
    assert_same(numbers(engine), naive.metrics(expected(records), now, POLICY))


AHEAD = 58 * MINUTE
SLACK = replace(SHORT, horizon=SHORT.horizon + HOUR + 10 * MINUTE)
"""Forgets late enough that a watermark `AHEAD` loses nothing that a number needs."""


@st.composite
def live_logs(draw: st.DrawFn) -> list[Stamped]:
    """A ward that reuses alarm ids; some records are ahead of their Kafka timestamps."""
    records: list[Stamped] = [
        (TOPIC_OF[type(fact)], fact, fact.at) for fact in in_time(draw, draw(reused()))
    ]
    people = st.sampled_from(named_in(one for _, one, _ in records))
    for number in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(records) - 1))
        topic, fact, stamp = records[place]
        if isinstance(fact, Control):
            continue
        at = stamp + AHEAD
        wrong = replace(fact, event_id=f"wrong-{number}", at=at)
        if draw(st.booleans()) and hasattr(fact, "alarm_id"):
            wrong = replace(wrong, alarm_id="other")  # type: ignore[call-arg]  # not of assignments
        records.insert(place + 1, (topic, wrong, at))
        follows = draw(st.integers(place + 2, min(place + 8, len(records))))
        command = Control(
            draw(st.sampled_from([stamp, stamp, stamp + MINUTE, None])), draw(st.none() | people)
        )
        for of in draw(st.sampled_from([(topic,), TOPICS])):
            records.insert(follows, (of, command, stamp))
    return records


def deliver(engine: Engine, record: Stamped, facility: str) -> str | None:
    topic, one, stamp = record
    if isinstance(one, Control):
        engine.control(topic, one.command, facility, one.at or 0, one.clinician)
        return None
    return engine.apply(topic, one, stamp)


@given(st.data())
def test_a_worker_at_any_pace_equals_the_naive_reading_of_commands(data: st.DataObject) -> None:
    """Alarm ids are used again, names are renumbered, state is stored, and a crash has records read
    again.
    """
    records = data.draw(live_logs())
    facility = next(one.facility for _, one, _ in records if not isinstance(one, Control))
    now = max(one.at for _, one, _ in records if not isinstance(one, Control))
    steps = ["go on", "advance", "compact", "checkpoint", "crash"]
    plan = iter(
        data.draw(
            st.lists(st.sampled_from(steps), min_size=len(records), max_size=2 * len(records))
        )
    )
    engine, stored, tally, safe, place = Engine(SLACK), Stored(), {}, 0, 0
    outcomes: dict[int, Any] = {}
    while place < len(records):
        outcomes[place] = deliver(engine, records[place], facility)
        place += 1
        match next(plan, "go on"):
            case "advance":
                engine.advance(now)
                engine.evaluate()
            case "compact":
                compact(engine._state, at_once=True)
            case "checkpoint":
                stored, tally, safe = store(engine, stored), dict(engine.outcome_counts), place
            case "crash":
                engine, place = restore(stored, tally, SLACK), safe
    engine.advance(now)
    facts, expected_outcomes = live(records, SLACK)
    assert [
        outcomes[number] for number in range(len(records)) if outcomes[number]
    ] == expected_outcomes
    found, wanted = numbers(engine, SLACK), naive.metrics(facts, now, SLACK)
    counters = "alarm_fatigue_response_seconds"  # they outlast the horizon
    assert_same(
        *(
            {key: value for key, value in some.items() if not key[0].startswith(counters)}
            for some in (found, wanted)
        )
    )


def test_after_a_reset_alarms_are_admitted_from_the_greatest_time_that_remains() -> None:
    """One record 58 min ahead, by its own record timestamp too: what follows is late until the
    reset.
    """
    engine = Engine(Policy())

    def sent(name: str, at: float, stamped: float) -> str:
        return engine.apply("alarms", event(name, "start", at, event_id=name), ms(stamped))

    assert sent("before", 0, 0) == "accepted"
    assert sent("wrong", 3480, 3480) == "accepted"
    assert sent("normal", 10, 10) == "late"
    engine.control("alarms", "reset", "F", ms(20))
    assert engine.watermarks() == {"F": ms(0)}
    assert sent("normal", 21, 21) == "accepted"
    assert sent("before", 0, 22) == "duplicate"
    assert sent("wrong", 23, 23) == "accepted", "the id of a forgotten record is free again"
    assert sent("old", -580, 24) == "late"
    engine.advance(ms(60))
    assert engine.held == 3


def test_a_reset_forgets_every_episode_of_an_alarm_id_and_keeps_what_people_said_of_it() -> None:
    """Of an id used twice one event is ahead.

    Its responses and label belong to the episode that comes next.
    """
    first, second, at = alarm("a", 0, 6500), alarm("a", 100_150, 100_160), 100_200
    said = [
        response(100_155, alarm_id="a", action="intervene"),
        response(100_157, alarm_id="a"),
        verdict("a", 100_170, "non_actionable"),
    ]
    ahead = event("a", "update", at + 3480)
    again = alarm("a", 100_190, 100_195)
    engine = Engine(Policy())
    feed(engine, [*first, *second, *said])
    engine.advance(ms(at))
    assert engine.held == 2
    feed(engine, [ahead])
    engine.control("alarms", "reset", "F", ms(at))
    engine.advance(ms(at))
    assert engine.held == 1
    assert engine.measure().units.unit == []
    feed(engine, again)
    now = ms(at + 3600)
    [record] = engine.advance(now)
    assert (record.start, record.first_response) == (ms(100_190), ms(100_155))
    assert (record.class_, record.basis) == ("non_actionable", "label")
    assert_same(numbers(engine, Policy()), naive.metrics([*said, *again], now, Policy()))


def test_by_the_event_clock_time_goes_back_with_the_watermark() -> None:
    engine = Engine(Policy())
    for fact in [*alarm("a", 0, 60), *alarm("b", 50, 70), event("wrong", "start", 90_000)]:
        engine.apply("alarms", fact, None)
    engine.advance(None)
    assert engine.measure().units.unit == ["icu"]
    # the wrong one alone is in the windows
    assert engine.measure().units.alarms.sum() == len(Policy().windows)
    engine.control("alarms", "reset", "F", ms(100))
    engine.advance(None)
    assert engine.status().now == {"F": ms(70)}
    assert engine.measure().units.alarms.sum() == 2 * len(Policy().windows)


def test_a_forgotten_facility_leaves_nothing_behind_and_its_number_goes_to_the_next() -> None:
    engine = Engine(Policy())
    for fact in [*alarm("a", 0, 60), *alarm("b", 0, facility="G"), response(1, bed="1")]:
        engine.apply(TOPIC_OF[type(fact)], fact, None)
    engine.advance(ms(1000))
    names = engine.names
    for topic in TOPICS:
        engine.control(topic, "forget", "F", 0)
    engine.advance(ms(1001))
    assert engine.latest_times() == {"G": ms(0)}
    assert engine.measure().units.facility == ["G"]
    assert engine.measure().response_times == []
    assert engine.names < names
    stored = store(engine, {})
    assert not [
        key for key, content in stored.items() if b"e0000" in content and key[0] == "ids-responses"
    ]
    engine.apply("alarms", event("new", "start", 2000, facility="H"), None)
    again = restore(store(engine, stored), engine.outcome_counts)
    for one in (engine, again):
        one.advance(ms(3000))
        assert one.watermarks() == {"G": ms(0), "H": ms(2000)}
        assert one.measure().units.facility == ["G", "H"]


def test_a_control_record_of_an_unknown_facility_does_nothing() -> None:
    engine = Engine(Policy())
    engine.control("alarms", "forget", "F", 0)
    assert engine.latest_times() == {}
    assert engine.controls == {"forget": 1}


def test_replay_obeys_commands_in_their_place(tmp_path: Path) -> None:
    def line(name: str, at: float) -> str:
        fields = {
            field: value
            for field, value in asdict(event(name, "start", at, event_id=name)).items()
            if value is not None
        }
        return json.dumps(fields)

    command = json.dumps({"control": "reset", "facility": "F", "event_id": "c", "at": ms(10)})
    alarms = tmp_path / "alarms.jsonl"
    alarms.write_text(
        "\n".join([line("a", 0), line("wrong", 3480), command, line("b", 20), "{"]) + "\n"
    )
    done = run("replay", "--alarms", alarms, "--format", "json")
    assert done.status == 0
    assert done.err == f"malformed: {alarms}:5: value: expected JSON\n"
    found = {one["name"]: one["samples"] for one in json.loads(done.out)["metrics"]}
    assert [one["value"] for one in found["alarm_fatigue_unit_open_alarms"]] == [2]
    assert [one["value"] for one in found["alarm_fatigue_watermark_timestamp_seconds"]] == [
        ms(20) / 1000
    ]


def test_responses_at_a_bed_show_coverage_after_a_restart_whatever_names_of_beds_came_before() -> (
    None
):
    """A response at a bed without alarms numbers its name, which is forgotten with the response."""
    policy = Policy()
    engine = Engine(policy)
    engine.apply("responses", response(-30 * 3600, bed="2"), None)
    engine.advance(ms(-29 * 3600))
    for fact in (*alarm("a", 0, 20), *alarm("b", 30, 50)):
        engine.apply("alarms", fact, None)
    engine.advance(None)
    engine.apply("responses", response(10, bed="1"), None)
    engine.advance(ms(1000))
    before = numbers(engine, policy)
    again = restore(store(engine, {}), {}, policy)
    again.advance(ms(1000))
    compact(again._state, at_once=True)
    assert numbers(again, policy) == before
