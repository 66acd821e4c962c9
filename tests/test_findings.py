"""Findings against their naive reference, and what each of them must and must not say."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from analyzer import PATTERNS, Engine, Fact, FindingsPolicy, Policy, Share, UnitFindings
from analyzer.facts import AlarmEvent, Kind, Label, Priority, Verdict
from analyzer.policy import HOUR, MINUTE, SECOND
from tests import naive_findings as naive
from tests.strategies import BASE, FACILITY, deliveries, nows, wards
from tests.test_engine import feed

LENIENT = FindingsPolicy(min_classified=2, driving_share=0.1, sparing_share=0.3, slow_answer=MINUTE, hugging=0.06)
POLICIES = st.builds(
    lambda findings: Policy(horizon=10 * 24 * HOUR, findings=findings),
    st.sampled_from((
        FindingsPolicy(), LENIENT, replace(LENIENT, min_classified=0, driving_share=0.0, sparing_share=0.0),
        replace(LENIENT, duplicate_within=0, stale=3 * HOUR, standing=0, slow_answer=0, hugging=0.0),
        replace(LENIENT, duplicate_within=2 * HOUR, stale=0, min_classified=5),
    )),
)  # fmt: skip

TYPES: tuple[tuple[str, str, Kind], ...] = (
    ("SpO2", "LO", "physiological"), ("SpO2", "DESAT", "physiological"), ("HR", "HI", "physiological"), ("ECG", "LEADS_OFF", "technical"),
)  # fmt: skip
_CROWDED = st.tuples(
    st.sampled_from(
        (0, 0, 1, 5 * SECOND - 1, 5 * SECOND, 5 * SECOND + 1, 20 * SECOND, 30 * SECOND, 30 * SECOND + 1, MINUTE)
    ),  # after the last
    st.sampled_from((0, 0, 1, 5 * SECOND, 15 * SECOND - 1, 15 * SECOND, 30 * SECOND, MINUTE, None)),  # duration
    st.sampled_from((0, 0, 0, 1, 1, 2, 3)),  # type
    st.sampled_from(("1", "1", "1", "2")),  # bed
    st.sampled_from(("mon-1", "mon-1", "mon-1", "mon-2")),
    st.sampled_from(("low", "medium", "medium", "high")),
    st.sampled_from((None, "non_actionable", "non_actionable", "non_actionable", "actionable")),
    st.sampled_from(((None, None), (86.0, 90.0), (84.6, 90.0), (126.0, 120.0), (1.0, 0.0), (-94.5, -90.0))),
)


@st.composite
def crowds(draw: st.DrawFn) -> list[Fact]:
    """Alarms on each other's heels at two beds, most of them judged; ids in an order that is not that of time."""
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
            facts.append(replace(event, event_id=f"{alarm_id}e", phase="end", at=start + lasts, value=None, limit=None))
        if verdict is not None:
            facts.append(Label(event_id=f"l{number}", facility=FACILITY, alarm_id=alarm_id, verdict=cast("Verdict", verdict), at=start))
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
            assert {name: (seen.alarms, seen.load, seen.actionable) for name, seen in zip(PATTERNS, one.patterns, strict=True)} == (
                other.patterns
            )
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
    now, window = data.draw(nows(facts, policy)), data.draw(st.sampled_from(list(policy.windows.values())))
    assert_same(found_by(data.draw(deliveries(facts)), now, policy, window), naive.findings(facts, now, policy, window))


@given(crowds(), POLICIES, st.sampled_from((0, 1, MINUTE, 5 * MINUTE, 10 * MINUTE, 11 * MINUTE, HOUR)), st.sampled_from(("10m", "1h")))
def test_crowded_beds_give_the_naive_findings(facts: list[Fact], policy: Policy, wait: int, window: str) -> None:
    now = max(fact.at for fact in facts) + wait
    length = policy.windows[window]
    assert_same(found_by(facts, now, policy, length), naive.findings(facts, now, policy, length))
