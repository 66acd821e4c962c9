"""Findings against their naive reference, what each must and must not say, and how files and a
worker show them.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, replace
from itertools import chain, zip_longest
from math import isclose
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import (
    FACT_TYPES,
    PATTERNS,
    Engine,
    Evidence,
    Fact,
    Finding,
    FindingsPolicy,
    Policy,
    Share,
    UnitFindings,
)
from analyzer.model.facts import AlarmEvent, Kind, Label, Priority, Response, Verdict
from analyzer.model.policy import HOUR, MINUTE, SECOND
from streams.files.findings import sentence
from streams.http.finder import Finder, Query
from streams.http.web import add_findings
from streams.settings import load
from tests.harness.engines import feed, restore, store
from tests.harness.exposition import FakeWorker, Pages
from tests.harness.strategies import BASE, FACILITY, deliveries, nows, wards
from tests.harness.workers import run
from tests.oracle import findings as naive

LENIENT = FindingsPolicy(
    min_classified=2, driving_share=0.1, sparing_share=0.3, slow_answer=MINUTE, hugging=0.06
)
POLICIES = st.builds(
    lambda findings: Policy(horizon=10 * 24 * HOUR, findings=findings),
    st.sampled_from(
        (
            FindingsPolicy(),
            LENIENT,
            replace(LENIENT, min_classified=0, driving_share=0.0, sparing_share=0.0),
            replace(
                LENIENT, duplicate_within=0, stale=3 * HOUR, standing=0, slow_answer=0, hugging=0.0
            ),
            replace(LENIENT, duplicate_within=2 * HOUR, stale=0, min_classified=5),
        )
    ),
)

TYPES: tuple[tuple[str, str, Kind], ...] = (
    ("SpO2", "LO", "physiological"),
    ("SpO2", "DESAT", "physiological"),
    ("HR", "HI", "physiological"),
    ("ECG", "LEADS_OFF", "technical"),
    ("ABP", "HI", "physiological"),
)
_CROWDED = st.tuples(
    st.sampled_from(
        (
            0,
            0,
            1,
            5 * SECOND - 1,
            5 * SECOND,
            5 * SECOND + 1,
            20 * SECOND,
            30 * SECOND,
            30 * SECOND + 1,
            MINUTE,
        )
    ),  # after the last
    # duration
    st.sampled_from((0, 0, 1, 5 * SECOND, 15 * SECOND - 1, 15 * SECOND, 30 * SECOND, MINUTE, None)),
    st.sampled_from((0, 0, 0, 1, 1, 2, 2, 4, 4, 3)),  # type
    st.sampled_from(("1", "1", "1", "2")),  # bed
    st.sampled_from(("mon-1", "mon-1", "mon-1", "mon-2")),
    st.sampled_from(("low", "medium", "medium", "high")),
    st.sampled_from((None, "non_actionable", "non_actionable", "non_actionable", "actionable")),
    st.sampled_from(
        ((None, None), (86.0, 90.0), (84.6, 90.0), (126.0, 120.0), (1.0, 0.0), (-94.5, -90.0))
    ),
)


@st.composite
def crowds(draw: st.DrawFn) -> list[Fact]:
    """Alarms on each other's heels at two beds, most of them judged; ids in an order that is not
    that of time.
    """
    facts: list[Fact] = []
    start = BASE
    for number, (gap, lasts, type_, bed, device, priority, verdict, (value, limit)) in enumerate(
        draw(st.lists(_CROWDED, min_size=3, max_size=25))
    ):
        start += gap
        source, code, kind = TYPES[type_]
        alarm_id = f"a{(number * 7) % 26:02d}"
        ward = {
            "facility": FACILITY,
            "unit": "icu",
            "bed": bed,
            "device_id": device,
            "device_type": "monitor",
            "source": source,
            "code": code,
        }
        event = AlarmEvent(
            event_id=f"{alarm_id}s",
            alarm_id=alarm_id,
            phase="start",
            at=start,
            kind=kind,
            priority=cast("Priority", priority),
            value=value,
            limit=limit,
            **ward,
        )
        facts.append(event)
        if lasts is not None:
            facts.append(
                replace(
                    event,
                    event_id=f"{alarm_id}e",
                    phase="end",
                    at=start + lasts,
                    value=None,
                    limit=None,
                )
            )
        if verdict is not None:
            facts.append(
                Label(
                    event_id=f"l{number}",
                    facility=FACILITY,
                    alarm_id=alarm_id,
                    verdict=cast("Verdict", verdict),
                    at=start,
                )
            )
    return facts


def found_by(facts: list[Fact], now: int, policy: Policy, window: int) -> list[UnitFindings]:
    engine = Engine(policy)
    feed(engine, facts)
    engine.advance(now)
    return engine.evidence(window).findings()


def assert_same(found: list[UnitFindings], expected: dict[str, list[naive.Finding]]) -> None:
    assert [one.unit for one in found] == list(expected)
    for unit in found:
        theirs = expected[unit.unit]
        assert unit.types == len(theirs)
        assert [one.type for one in unit.findings] == [one.type for one in theirs]
        for one, other in zip(unit.findings, theirs, strict=True):
            assert one.alarms == Share(other.alarms, other.unit_alarms)
            assert one.load == Share(other.load, other.unit_load)
            assert one.busiest_bed == Share(other.busiest_bed, other.alarms)
            assert {
                name: (seen.alarms, seen.load, seen.actionable)
                for name, seen in zip(PATTERNS, one.patterns, strict=True)
            } == (other.patterns)
            assert (None if one.delay is None else tuple(one.delay)) == other.delay
            for name in (
                "classes",
                "priority",
                "sounding",
                "beds",
                "stale",
                "met_with",
                "gives_way",
                "hugging_distance",
                "drivers",
                "verdict",
            ):
                assert getattr(one, name) == getattr(other, name), name


@given(st.data())
def test_any_order_and_any_duplicates_give_the_naive_findings(data: st.DataObject) -> None:
    facts, policy = data.draw(wards()), data.draw(POLICIES)
    now, window = (
        data.draw(nows(facts, policy)),
        data.draw(st.sampled_from(list(policy.windows.values()))),
    )
    assert_same(
        found_by(data.draw(deliveries(facts)), now, policy, window),
        naive.findings(facts, now, policy, window),
    )


@settings(max_examples=300)
@given(crowds(), POLICIES, st.data())
def test_crowded_beds_give_the_naive_findings(
    facts: list[Fact], policy: Policy, data: st.DataObject
) -> None:
    """At the end of it all or later, or when the window begins in the middle of it."""
    window = data.draw(st.sampled_from((MINUTE, 10 * MINUTE, HOUR)))
    last = max(fact.at for fact in facts)
    later = st.sampled_from((0, 1, 5 * MINUTE, 10 * MINUTE, 11 * MINUTE)).map(
        lambda wait: last + wait
    )
    amidst = st.tuples(
        st.sampled_from(sorted(fact.at for fact in facts)), st.sampled_from((-1, 0))
    ).map(lambda one: sum(one) + window)
    now = max(last, data.draw(st.one_of(later, amidst)))
    assert_same(found_by(facts, now, policy, window), naive.findings(facts, now, policy, window))


@given(st.data())
def test_a_restored_state_gives_the_same_findings(data: st.DataObject) -> None:
    facts, policy = data.draw(st.one_of(wards(), crowds())), data.draw(POLICIES)
    now = data.draw(nows(facts, policy))
    engine = Engine(policy)
    feed(engine, facts)
    engine.advance(now)
    again = restore(store(engine, {}), {}, policy)
    again.advance(now)
    assert again.evidence(HOUR).findings() == engine.evidence(HOUR).findings()


@given(crowds(), crowds(), POLICIES)
def test_facilities_have_nothing_to_do_with_each_other(
    ours: list[Fact], theirs: list[Fact], policy: Policy
) -> None:
    """Each at its own watermark; units, beds, devices and alarms are called alike."""
    theirs = [replace(fact, facility="A", at=fact.at + 7 * MINUTE) for fact in theirs]
    engine = Engine(policy)
    feed(engine, [fact for pair in zip_longest(ours, theirs) for fact in pair if fact is not None])
    engine.advance(None)
    found = engine.evidence(10 * MINUTE).findings()
    for facility, facts in ((FACILITY, ours), ("A", theirs)):
        now = max(fact.at for fact in facts if isinstance(fact, AlarmEvent))
        assert_same(
            [unit for unit in found if unit.facility == facility],
            naive.findings(facts, now, policy, 10 * MINUTE),
        )
        assert {unit.at for unit in found if unit.facility == facility} <= {now}
    assert [unit.facility for unit in found] == sorted(unit.facility for unit in found)


# --- worked out by hand

NOON = 1_772_366_400_000  # 2026-03-01T12:00:00Z
NOW = NOON + 8 * HOUR


def alarms(
    name: str, count: int, lasts: int | None, every: int = 5 * MINUTE, after: int = 0, **fields: Any
) -> list[Fact]:
    """`count` alarms from noon on; each began `every` after the one before and `after` the full
    minute.
    """
    verdict = fields.pop("verdict", None)
    facts: list[Fact] = []
    for number in range(count):
        usual: dict[str, Any] = {
            "event_id": f"{name}{number}s",
            "alarm_id": f"{name}{number}",
            "phase": "start",
            "at": NOON + number * every + after,
            "facility": "F",
            "unit": "icu",
            "bed": "1",
            "device_id": "m1",
            "device_type": "monitor",
            "source": "",
            "code": name,
            "kind": "physiological",
            "priority": "medium",
        }
        event = AlarmEvent(**(usual | fields))
        facts.append(event)
        if lasts is not None:
            facts.append(
                replace(
                    event,
                    event_id=f"{name}{number}e",
                    phase="end",
                    at=event.at + lasts,
                    value=None,
                    limit=None,
                )
            )
        if verdict is not None:
            facts.append(
                Label(
                    event_id=f"{name}{number}l",
                    facility="F",
                    alarm_id=event.alarm_id,
                    verdict=verdict,
                    at=event.at,
                )
            )
    return facts


def one(facts: list[Fact], code: str = "A", policy: Policy | None = None) -> Finding:
    [unit] = found_by(facts, NOW, policy or Policy(), 12 * HOUR)
    [found] = [one for one in unit.findings if one.type[2] == code]
    return found


def test_twenty_short_alarms_call_for_a_delay_and_nineteen_say_nothing() -> None:
    found = one(alarms("A", 20, 4_200))
    assert (found.verdict, found.remedy, found.owner) == ("fleeting", "delay", "biomed")
    assert found.delay == (5 * SECOND, 20, 0)
    assert found.nonactionable == Share(20, 20)
    few = one(alarms("A", 19, 4_200))
    assert (few.verdict, few.remedy, few.owner) == ("too_few", "none", None)
    assert few.shown_by("fleeting") == Share(19, 19)


def test_a_bed_has_most_of_the_alarms_if_the_lower_bound_of_its_share_is_above_half() -> None:
    def of_two_beds(here: int, there: int) -> Finding:
        elsewhere = alarms("B", there, SECOND, code="A", bed="2", after=MINUTE)
        return one(alarms("A", here, SECOND, bed="1") + elsewhere)

    assert of_two_beds(15, 5).at_one_bed
    assert not of_two_beds(14, 6).at_one_bed


def test_a_delay_is_never_longer_than_what_is_fleeting() -> None:
    found = one(
        alarms("A", 10, 10 * SECOND)
        + alarms("B", 10, 40 * SECOND, code="A", verdict="non_actionable", after=MINUTE)
    )
    assert found.verdict == "fleeting"
    assert found.delay == (15 * SECOND, 10, 0)


def test_a_remedy_that_would_fall_upon_needed_alarms_is_not_proposed() -> None:
    """20 short ones of 40 needed nobody, and 20 as short ones were needed."""
    useless = alarms("A", 20, 10 * SECOND)
    needed = alarms("B", 20, 10 * SECOND, code="A", verdict="actionable", after=MINUTE)
    assert one(useless + needed).verdict == "mixed"
    assert one(useless + needed[:6]).verdict == "fleeting"
    found = one(useless[:10] + needed)
    assert (found.verdict, found.nonactionable) == ("needed", Share(5, 25))


def test_what_is_technical_calls_for_another_sensor_even_if_it_is_short() -> None:
    found = one(alarms("A", 20, SECOND, kind="technical"))
    assert (found.verdict, found.remedy, found.drivers) == (
        "technical",
        "sensor",
        ("technical", "fleeting"),
    )


def test_the_third_within_a_minute_chatters() -> None:
    found = one(alarms("A", 20, 16 * SECOND, every=30 * SECOND, verdict="non_actionable"))
    assert (found.verdict, found.remedy, found.shown_by("chattering")) == (
        "chattering",
        "deadband",
        Share(18, 20),
    )
    slower = one(alarms("A", 20, 16 * SECOND, every=30 * SECOND + 1, verdict="non_actionable"))
    assert (slower.verdict, slower.shown_by("chattering")) == ("mixed", Share(0, 20))


@pytest.mark.parametrize(
    ("value", "limit", "hugs"),
    [(85.5, 90.0, True), (85.4, 90.0, False), (126.0, 120.0, True), (-0.1, 0.0, False)],
)
def test_readings_within_a_twentieth_of_the_limit_hug_it(
    value: float, limit: float, hugs: bool
) -> None:
    found = one(alarms("A", 20, MINUTE, verdict="non_actionable", value=value, limit=limit))
    assert found.verdict == ("hugging" if hugs else "mixed")
    assert found.hugging_distance == (pytest.approx(0.05) if hugs else None)


@pytest.mark.parametrize(
    ("after", "together"), [(5 * SECOND, True), (-5 * SECOND, True), (5 * SECOND + 1, False)]
)
def test_of_two_types_that_begin_together_the_lesser_gives_way(after: int, together: bool) -> None:
    facts = alarms("A", 20, MINUTE, verdict="non_actionable") + alarms(
        "B", 20, MINUTE, after=after, priority="low", verdict="non_actionable"
    )
    lesser, greater = one(facts, "B"), one(facts, "A")
    assert (lesser.verdict, lesser.gives_way) == (
        ("duplicate", True) if together else ("mixed", False)
    )
    assert (greater.verdict, greater.gives_way) == ("mixed", False)
    assert lesser.met_with == (("monitor", "", "A") if together else None)
    assert greater.shown_by("duplicate") == Share(20 if together else 0, 20)
    elsewhere = [
        replace(fact, bed="2") if isinstance(fact, AlarmEvent) and fact.code == "B" else fact
        for fact in facts
    ]
    assert one(elsewhere, "B").met_with is None


def test_the_other_type_is_the_one_met_most_often_then_the_first_by_name() -> None:
    """Two alarms of A, at 0 and 4 s; both meet C, and the second alone meets B."""
    facts = (
        alarms("A", 2, 1, every=4 * SECOND)
        + alarms("C", 1, 1, after=1)
        + alarms("B", 1, 1, after=8 * SECOND)
    )
    assert one(facts).met_with == ("monitor", "", "C")
    facts = alarms("A", 2, 1, every=MINUTE) + alarms("C", 1, 1) + alarms("B", 1, 1, after=MINUTE)
    assert one(facts).met_with == ("monitor", "", "B")


def shifted(facts: list[Fact], by: int) -> list[Fact]:
    return [replace(fact, at=fact.at + by) for fact in facts]


def test_a_window_begins_amid_a_chatter_and_between_two_that_begin_together() -> None:
    """After 8 h: at which the second of three is 10 s old; and the first of two types begins."""
    found = one(shifted(alarms("A", 3, SECOND, every=20 * SECOND), -4 * HOUR - 30 * SECOND))
    assert (found.alarms.count, found.shown_by("chattering")) == (1, Share(1, 1))
    pair = shifted(alarms("A", 1, SECOND) + alarms("B", 1, SECOND, after=SECOND), -4 * HOUR)
    assert (one(pair, "B").alarms, one(pair, "B").met_with) == (Share(1, 1), None)


def test_codes_alike_of_other_sources_are_no_chatter_together() -> None:
    facts = [
        replace(fact, source="S" if fact.alarm_id == "A1" else "")
        for fact in alarms("A", 3, SECOND, every=20 * SECOND)
        if isinstance(fact, AlarmEvent)
    ]
    [unit] = found_by([*facts], NOW, Policy(), 12 * HOUR)
    assert [one.shown_by("chattering").count for one in unit.findings] == [0, 0]


def test_what_stands_for_more_than_an_hour_and_what_is_stale() -> None:
    standing = alarms("A", 20, HOUR + 1, verdict="non_actionable")
    assert one(standing).verdict == "standing"
    assert one(alarms("A", 20, HOUR, verdict="non_actionable")).verdict == "mixed"
    stale = one(alarms("A", 1, None, at=NOW - 24 * HOUR - 1))
    assert (stale.verdict, stale.remedy, stale.stale, stale.alarms.count, stale.priority) == (
        "stale",
        "release",
        1,
        0,
        None,
    )
    assert found_by(alarms("A", 1, None, at=NOW - 24 * HOUR), NOW, Policy(), 12 * HOUR) == []


def test_needed_alarms_that_are_answered_late_are_a_matter_of_staffing() -> None:
    facts = alarms("A", 20, 11 * MINUTE, verdict="actionable")
    # nobody of the unit responds to anything: that may be the records' fault
    assert one(facts).verdict == "needed"
    late: list[Fact] = [
        Response(
            event_id=f"r{fact.alarm_id}",
            facility="F",
            at=fact.at + 10 * MINUTE + 1,
            action="attend",
            alarm_id=fact.alarm_id,
        )
        for fact in facts
        if isinstance(fact, AlarmEvent) and fact.phase == "start"
    ]
    found = one(facts + late)
    assert (found.verdict, found.remedy, found.owner) == (
        "unanswered",
        "staffing",
        "unit leadership",
    )
    assert found.shown_by("unanswered") == Share(20, 20)
    # somebody responds, and to the others nobody did
    assert one(facts + late[:1]).shown_by("unanswered") == Share(20, 20)
    prompt = [replace(fact, at=fact.at - 1) for fact in late if isinstance(fact, Response)]
    assert one([*facts, *prompt]).verdict == "needed"


def test_an_alarm_of_high_priority_is_not_to_be_delayed_without_a_clinical_review() -> None:
    assert one(alarms("A", 20, SECOND)).clinical is False
    found = one(alarms("A", 20, SECOND, priority="high"))
    assert (found.remedy, found.clinical) == ("delay", True)
    assert "needs a clinical review first" in sentence(found, "12h", Policy())
    assert one(alarms("A", 20, SECOND, priority="high", kind="technical")).clinical is False


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_those_published(count: int, of: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17:857, table I, method 3."""
    share = Share(count, of)
    assert (round(share.low or 0, 4), round(share.high or 0, 4)) == (low, high)


@given(st.integers(0, 60).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_intervals_are_the_roots_of_wilsons_equation(share: tuple[int, int]) -> None:
    count, of = share
    found = Share(count, of)
    if of == 0:
        assert (found.value, found.low, found.high) == (None, None, None)
    else:
        low, high = naive.interval(count, of)
        assert isclose(found.low or 0, low, abs_tol=1e-7)
        assert isclose(found.high or 0, high, abs_tol=1e-7)


def test_figures_are_settings_and_impossible_ones_are_refused(tmp_path: Path) -> None:
    assert load().policy == Policy()
    config = tmp_path / "config.yaml"
    config.write_text("policy: {findings: {min_classified: 19, hugging: 0.02, standing: 2h}}")
    assert load(config).policy.findings == FindingsPolicy(
        min_classified=19, hugging=0.02, standing=2 * HOUR
    )
    done = run(
        "findings",
        *write(tmp_path, alarms("A", 19, 4_200)),
        "--config",
        config,
        "--at",
        str(NOW),
        "--json",
    )
    assert json.loads(done.out)["units"][0]["findings"][0]["verdict"] == "fleeting"
    config.write_text("policy: {findings: {hugging: 1.5}}")
    done = run("findings", *write(tmp_path, alarms("A", 19, 4_200)), "--config", config)
    assert (done.status, done.err) == (
        1,
        "error: policy.findings: hugging: expected a share between 0 and 1\n",
    )


# --- files, and the words for it

TINY = Path(__file__).parents[2] / "data" / "tiny"


def write(folder: Path, facts: list[Fact]) -> list[str]:
    """Files of facts, as arguments."""
    arguments = []
    for topic, type_ in FACT_TYPES.items():
        lines = [json.dumps(asdict(fact)) + "\n" for fact in facts if isinstance(fact, type_)]
        if lines:
            (folder / f"{topic}.jsonl").write_text("".join(lines))
            arguments += [f"--{topic}", str(folder / f"{topic}.jsonl")]
    return arguments


def test_findings_of_files_are_sentences_by_unit(tmp_path: Path) -> None:
    facts = (
        alarms("A", 20, 4_200, source="S", bed="2")
        + alarms("B", 12, MINUTE)
        + alarms("C", 1, SECOND, unit="nicu")
    )
    done = run("findings", *write(tmp_path, facts), "--at", str(NOW))
    assert done.status == 0
    assert done.out.decode().splitlines() == [
        "F icu, 12 h until 2026-03-01T20:00:00Z: 32 alarms of 2 types, "
        "20 non-actionable or technical",
        "  1. A of S (monitor): 20 alarms in 12 h, 62 % of the unit's, all at one bed; "
        "100 % (84-100 %) of 20 classified alarms were non-actionable; "
        "100 % (84-100 %) of these ended within 15 s -> an annunciation delay of 5 s: "
        "it would have removed 20 of 20, and none of the 0 actionable ones; owner: biomed",
        "  2. B (monitor): 12 alarms in 12 h, 38 % of the unit's, all at one bed, 12 unknown; "
        "too few classified alarms (0 of 20 needed) -> no change",
        "",
        "F nicu, 12 h until 2026-03-01T20:00:00Z: 1 alarm of 1 type, 1 non-actionable or technical",
        "  1. C (monitor): 1 alarm in 12 h, 100 % of the unit's, all at one bed; "
        "100 % (21-100 %) of 1 classified alarms were non-actionable; "
        "too few classified alarms (1 of 20 needed) -> no change",
    ]
    chosen = (
        run("findings", *write(tmp_path, facts), "--at", str(NOW), "--unit", "icu", "--top", "1")
        .out.decode()
        .splitlines()
    )
    assert len(chosen) == 3
    assert chosen[-1] == "  (1 type more)"
    assert run("findings", *write(tmp_path, facts), "--facility", "G").out == b"no alarms\n"
    assert (
        run("findings", *write(tmp_path, facts), "--window", "10m", "--at", str(NOW)).out
        == b"no alarms\n"
    )


@given(st.data())
def test_every_finding_has_a_sentence_that_names_its_owner(data: st.DataObject) -> None:
    facts, policy = data.draw(crowds()), data.draw(POLICIES)
    for unit in found_by(facts, max(fact.at for fact in facts) + 5 * MINUTE, policy, HOUR):
        for found in unit.findings:
            said = sentence(found, "1h", policy)
            assert said.startswith(f"{found.type[2]} of {found.type[1]} (monitor): ")
            assert said.endswith(f"; owner: {found.owner}" if found.owner else " -> no change")


def test_json_is_the_same_bytes_in_whatever_order_the_lines_stand_and_names_nobody(
    tmp_path: Path,
) -> None:
    arguments = [f"--{topic}" for topic in ("alarms", "assignments", "responses")]
    paths = [TINY / f"{name.removeprefix('--')}.jsonl" for name in arguments]
    done = run("findings", "--json", *chain(*zip(arguments, paths, strict=True)))
    backwards = []
    for name, path in zip(arguments, paths, strict=True):
        (tmp_path / path.name).write_text(
            "".join(line + "\n" for line in path.read_text().splitlines()[::-1])
        )
        backwards += [name, str(tmp_path / path.name)]
    assert run("findings", "--json", *backwards).out == done.out
    [line] = done.out.splitlines()
    found = json.loads(line)
    assert [
        (unit["facility"], unit["unit"], unit["alarms"], unit["load"], unit["types"])
        for unit in found["units"]
    ] == [("H1", "ICU", 4, 2, 3)]
    assert [one["code"] for one in found["units"][0]["findings"]] == [
        "MDC_EVT_HI",
        "MDC_EVT_LEADS_OFF",
        "MDC_EVT_LO",
    ]
    hidden = {
        json.loads(line).get(name)
        for path in paths
        for line in path.read_text().splitlines()
        for name in ("clinician", "bed", "device_id", "label", "alarm_id", "event_id")
    } - {None}
    assert len(hidden) > 10
    assert [
        word for word in hidden if f'"{word}"' in line.decode() or f" {word} " in line.decode()
    ] == []


def test_the_bundled_example_is_too_small_to_say_anything() -> None:
    found = json.loads(
        run(
            "findings",
            "--json",
            "--alarms",
            TINY / "alarms.jsonl",
            "--responses",
            TINY / "responses.jsonl",
        ).out
    )
    assert {one["verdict"] for unit in found["units"] for one in unit["findings"]} == {"too_few"}


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        ([], 2, "expected --alarms FILE, or --worker URL"),
        (["--alarms", "nowhere.jsonl"], 1, "nowhere.jsonl: no such file"),
        (
            ["--alarms", str(TINY / "alarms.jsonl"), "--window", "3h"],
            2,
            "--window: expected one of 10m, 1h, 2h, 12h",
        ),
        (
            ["--worker", "http://127.0.0.1:1", "--alarms", "-"],
            2,
            "--worker: cannot be combined with files, --at, --strict or --config",
        ),
        (
            ["--worker", "file:///etc/passwd"],
            2,
            "--worker: expected an address such as http://127.0.0.1:9464",
        ),
        (
            ["--worker", "http://127.0.0.1:1"],
            1,
            "http://127.0.0.1:1/api/v1/findings: [Errno 111] Connection refused",
        ),
    ],
)
def test_every_error_is_one_line(arguments: list[str], status: int, error: str) -> None:
    done = run("findings", *arguments)
    assert (done.status, done.out, done.err) == (status, b"", f"error: {error}\n")


def test_strict_ends_with_3_where_a_line_was_malformed() -> None:
    stdin = (TINY / "alarms.jsonl").read_bytes()
    clean, bad = (
        run("findings", "--alarms", "-", stdin=stdin),
        run("findings", "--alarms", "-", "--strict", stdin=stdin + b"{}"),
    )
    assert (bad.status, bad.out) == (3, clean.out)
    assert bad.err == "malformed: <stdin>:11: event_id: required, but missing\n"


# --- a worker's page


class Counting(Engine):
    """Counts how often it is asked."""

    asked = 0

    def evidence(self, window: int) -> Evidence:
        self.asked += 1
        return super().evidence(window)


def holding(*facts: Fact) -> tuple[FakeWorker, Counting]:
    engine, worker = Counting(Policy()), FakeWorker()
    feed(engine, list(facts))
    engine.advance(NOW)
    worker.hold(engine)  # type: ignore[arg-type]  # any engine will do
    return worker, engine


FACTS = (
    alarms("A", 20, 4_200)
    + alarms("B", 12, MINUTE)
    + alarms("C", 1, SECOND, unit="nicu", facility="E")
)


async def fetch(worker: FakeWorker, *queries: str) -> list[tuple[int, bytes]]:
    pages = Pages()
    add_findings(pages, worker, Finder(worker, Policy(), reuse=0))
    runner = web.AppRunner(pages.web)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    answers = []
    async with aiohttp.ClientSession() as session:
        for query in queries:
            async with session.get(
                f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1/findings{query}"
            ) as answer:
                assert answer.headers["Content-Type"].startswith("application/json")
                answers.append((answer.status, await answer.read()))
    await runner.cleanup()
    return answers


def test_a_worker_answers_what_files_do(tmp_path: Path) -> None:
    worker, _ = holding(*FACTS)
    queries = {
        "": [],
        "?window=2h&top=1": ["--window", "2h", "--top", "1"],
        "?facility=F&unit=icu": ["--facility", "F", "--unit", "icu"],
    }
    answers = asyncio.run(fetch(worker, *queries))
    for (status, body), more in zip(answers, queries.values(), strict=True):
        assert (status, body) == (
            200,
            run("findings", "--json", *write(tmp_path, FACTS), "--at", str(NOW), *more).out,
        )
    assert [unit["facility"] for unit in json.loads(answers[0][1])["units"]] == ["E", "F"]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("top=0", "top: expected a whole number from 1 to 50"),
        ("top=51", "top: expected a whole number from 1 to 50"),
        ("top=%C2%B2", "top: expected a whole number from 1 to 50"),
        ("window=3h", "window: expected one of 10m, 1h, 2h, 12h"),
        ("clinician=ann", "expected no parameters but window, facility, unit and top"),
    ],
)
def test_a_query_that_cannot_be_answered_is_told_so(query: str, error: str) -> None:
    worker, engine = holding(*FACTS)
    assert asyncio.run(fetch(worker, f"?{query}")) == [
        (400, json.dumps({"error": error}, separators=(",", ":")).encode() + b"\n")
    ]
    assert engine.asked == 0


def test_a_worker_without_its_state_says_so() -> None:
    worker, _ = holding(*FACTS)
    worker.recovered = False
    [(status, body)] = asyncio.run(fetch(worker, ""))
    assert (status, json.loads(body)) == (
        503,
        {"error": "waiting for partitions or their state"},
    )


def test_findings_are_worked_out_once_for_a_state_and_again_for_another() -> None:
    worker, engine = holding(*FACTS)

    async def ask() -> None:
        finder = Finder(worker, Policy(), reuse=0)
        first = await finder.find(Query("12h"))
        assert await finder.find(Query("12h")) == first
        await asyncio.gather(*(finder.find(Query("12h", top=top)) for top in range(1, 9)))
        assert engine.asked == 1
        await finder.find(Query("1h"))
        assert engine.asked == 2
        engine.advance(NOW + HOUR)
        assert await finder.find(Query("12h")) != first
        assert engine.asked == 3

    asyncio.run(ask())


def test_by_the_wall_clock_young_findings_are_given_again() -> None:
    worker, engine = holding(*FACTS)
    now = 0.0

    async def ask() -> int:
        engine.advance(NOW + int(now * 1000))
        await finder.find(Query("12h"))
        return engine.asked

    async def asks() -> list[int]:
        nonlocal now
        counts = []
        for now in (0.0, 5.0, 9.9, 10.0, 12.0):  # noqa: B007  # the finder looks at it
            counts.append(await ask())
        return counts

    finder = Finder(worker, Policy(), reuse=10.0, clock=lambda: now)
    assert asyncio.run(asks()) == [1, 1, 1, 2, 2]
