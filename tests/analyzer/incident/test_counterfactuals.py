"""Counterfactuals, recounted by brute force over the changed list of facts."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import Fact, Policy
from analyzer.incident import Counterfactual, Question
from analyzer.incident.completeness import completeness
from analyzer.incident.counterfactuals import counterfactuals
from analyzer.incident.figures import History
from analyzer.incident.levers import DELAYS
from analyzer.model.policy import HOUR, MINUTE, SECOND
from tests.harness.incidents import AT, alarm, assignment, facts_of, response
from tests.oracle import incident as oracle

POLICY = Policy()
BEGIN = AT - HOUR
RECOUNTED = ("delay", "limit", "hold_off", "move_bed", "add_clinician", "mend_device")
STAFF = {"ann": ("1", "2", "3"), "ben": ("4", "5"), "cay": ("6",)}


def busy_ward(seed: int, busy: str = "11222334455566", handover: int | None = None) -> list[Fact]:
    """Three clinicians, and many alarms of `busy` beds in the last 100 min; at `handover` (ms)
    three others take over, of whom one has four beds.
    """
    dice = random.Random(seed)
    found: list[Fact] = []
    for clinician, beds in STAFF.items():
        to = {} if handover is None else {"end": handover}
        found += [assignment(f"a{bed}", clinician, bed, AT - 3 * HOUR, **to) for bed in beds]
    if handover is not None and handover <= AT:
        later = zip("123456", ("dan", "dan", "dan", "dan", "eve", "fay"), strict=True)
        found += [assignment(f"b{bed}", who, bed, handover) for bed, who in later]
    for number in range(dice.randint(80, 150)):
        bed = dice.choice(busy)
        technical = dice.random() < 0.4
        fields: dict[str, Any] = {
            "bed": bed,
            "priority": dice.choice(("low", "medium", "medium", "high")),
            "value": 90 - dice.choice((1.0, 2.0, 3.0, 6.0)),
        }
        if technical:
            fields |= {"kind": "technical", "code": "MDC_EVT_LEADS_OFF", "value": None}
            fields |= {"source": "MDC_ECG_HEART_RATE", "limit": None}
        start = AT - round(dice.betavariate(2, 1) * 100 * MINUTE) // SECOND * SECOND
        found += alarm(f"x{number}", start, dice.choice((3, 8, 12, 18, 25, 40, 90)), **fields)
        if dice.random() < 0.5:
            action = dice.choice(("attend", "intervene", "acknowledge"))
            after = min(start + dice.randint(10, 120) * SECOND, AT)
            found.append(response(f"r{number}", after, action, alarm_id=f"x{number}"))
    return [one for one in found if one.at <= AT]


def tried(facts: list[Fact], window: int = HOUR) -> list[Counterfactual]:
    question = Question(at=AT, facility="H", unit="ICU", window=window)
    own = facts_of(facts).of_facility("H", AT)
    known = completeness(own, question, POLICY)
    return counterfactuals(History.of(own, question, POLICY), known)


def recounted(facts: list[Fact], one: Counterfactual, begin: int = BEGIN) -> str:
    return oracle.verdict(facts, one.lever, one.dose, one.condition, begin, AT, POLICY)


@pytest.mark.parametrize("busy", ["11222334455566", "1"])
@pytest.mark.parametrize("seed", range(6))
def test_each_verdict_is_that_of_a_recount(seed: int, busy: str) -> None:
    facts = busy_ward(seed, busy)
    found = [one for one in tried(facts) if one.lever in RECOUNTED and "and" not in one.dose]
    found = [one for one in found if one.dose.get("clinicians", 1) == 1]
    assert found
    for one in found:
        assert one.verdict == recounted(facts, one), (one.lever, one.dose)


@pytest.mark.slow
@settings(max_examples=max(1, settings.default.max_examples // 20))
@given(
    seed=st.integers(0, 10**6),
    busy=st.sampled_from(["11222334455566", "1", "456", "123"]),
    window=st.sampled_from([20 * MINUTE, HOUR, 2 * HOUR]),
    ago=st.one_of(st.none(), st.integers(5, 100)),
)
def test_each_verdict_is_that_of_a_recount_across_shifts_and_windows(
    seed: int, busy: str, window: int, ago: int | None
) -> None:
    facts = busy_ward(seed, busy, None if ago is None else AT - ago * MINUTE)
    found = [one for one in tried(facts, window) if one.lever in RECOUNTED]
    for one in found:
        if "and" in one.dose or one.dose.get("clinicians", 1) != 1:
            continue
        assert one.verdict == recounted(facts, one, AT - window), (one.lever, one.dose)


def test_a_delay_and_a_hold_off_of_one_dose_are_two_changes() -> None:
    facts = busy_ward(103, "1")
    found = [one for one in tried(facts, 20 * MINUTE) if one.lever in ("delay", "hold_off")]
    assert {one.lever for one in found} == {"delay", "hold_off"}
    for one in found:
        assert one.verdict == recounted(facts, one, AT - 20 * MINUTE), (one.lever, one.dose)


def test_a_bed_changes_hands_in_the_shift_of_the_condition() -> None:
    """The window began in the shift before."""
    facts = busy_ward(3, "1234", AT - 70 * MINUTE)
    found = [one for one in tried(facts, 100 * MINUTE) if one.lever == "move_bed"]
    found = [one for one in found if one.dose["from"] == "dan"]
    assert found
    assert {one.verdict for one in found} <= {"prevented", "delayed", "moved"}


def test_all_levers_and_most_verdicts_occur_in_the_recount() -> None:
    found = [one for seed in range(6) for one in tried(busy_ward(seed))]
    found += [one for seed in range(2) for one in tried(busy_ward(seed, "1"))]
    assert set(RECOUNTED) <= {one.lever for one in found}
    assert {"prevented", "delayed", "moved", "unchanged"} <= {one.verdict for one in found}


@pytest.mark.parametrize("seed", range(4))
def test_no_smaller_delay_of_any_type_prevents_what_the_told_one_prevents(seed: int) -> None:
    facts = busy_ward(seed)
    for one in tried(facts):
        if (one.lever, one.verdict) != ("delay", "prevented") or "and" in one.dose:
            continue
        for type_ in ("MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO", "MDC_ECG_HEART_RATE/MDC_EVT_LEADS_OFF"):
            for delay in DELAYS:
                if delay // SECOND < one.dose["seconds"]:
                    dose = {"type": f"monitor/{type_}", "seconds": delay // SECOND}
                    asked = (facts, "delay", dose, one.condition, BEGIN, AT, POLICY)
                    assert oracle.verdict(*asked) != "prevented"


def two_causes() -> list[Fact]:
    """A quarter of an hour in which one clinician has many short alarms of one bed, and as many
    long ones of two others.
    """
    found: list[Fact] = []
    for clinician, beds in STAFF.items():
        found += [assignment(f"a{bed}", clinician, bed, AT - 3 * HOUR) for bed in beds]
    leads = {"code": "MDC_EVT_LEADS_OFF", "source": "MDC_ECG_HEART_RATE", "kind": "technical"}
    begin = AT - 20 * MINUTE
    for number in range(18):
        found += alarm(f"s{number}", begin + number * 50 * SECOND, 4, bed="1", **leads)
        bed = "23"[number % 2]
        found += alarm(f"l{number}", begin + (number * 50 + 20) * SECOND, 35, bed=bed)
    return found


def test_two_changes_together_are_told_only_if_none_alone_suffices() -> None:
    facts = two_causes()
    found = [one for one in tried(facts) if one.condition["clinician"] == "ann"]
    [both] = [one for one in found if one.verdict == "prevented"]
    assert both.dose["and"]["lever"] in ("delay", "mend_device")
    second = {name: value for name, value in both.dose["and"].items() if name != "lever"}
    asked = (BEGIN, AT, POLICY)
    first, _ = oracle.changed(facts, both.dose["and"]["lever"], second, *asked)
    told = (both.condition, *asked)
    assert oracle.verdict(facts, both.lever, both.dose, *told, already=first) == "prevented"
    assert oracle.verdict(facts, both.lever, both.dose, *told) != "prevented"
    assert oracle.verdict(facts, both.dose["and"]["lever"], second, *told) != "prevented"
    alone = [one for one in found if "and" not in one.dose]
    assert "prevented" not in {one.verdict for one in alone}


def test_no_setting_of_alarms_prevents_a_state_that_beds_alone_make() -> None:
    facts: list[Fact] = [assignment(f"a{n}", "ann", f"{n}", AT - 50 * MINUTE) for n in range(9)]
    for number in range(40):  # every alarm is shorter than the longest delay
        facts += alarm(f"x{number}", AT - number * 15 * MINUTE - 7 * MINUTE, 10, bed="0")
    found = [one for one in tried(facts) if one.lever in ("delay", "hold_off", "limit")]
    assert {one.condition["at"] for one in found} == {AT - 48 * MINUTE}
    assert {(one.lever, one.verdict) for one in found if one.lever == "delay"} == {
        ("delay", "unchanged")
    }
    assert "prevented" not in {one.verdict for one in found}
