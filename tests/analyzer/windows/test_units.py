"""The figures of a unit, with every expected number computed by hand."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer import Engine
from analyzer.model.facts import Fact
from tests.harness.engines import feed, numbers
from tests.harness.facts import alarm, duty, event, ms, response, sample, verdict
from tests.harness.workloads import POLICY, H, M, shown


def test_fleeting_alarms_are_short_whatever_became_of_them() -> None:
    """Under 15 s."""
    facts = [
        *alarm("a", 0.001, 15),
        *alarm("b", 0, 15),
        *alarm("c", 0.002, 5, kind="technical"),
        *alarm("d", 8),
        *alarm("e", 9, 9),
        response(1, alarm_id="a"),
        verdict("e", 9, "actionable"),
    ]
    assert sample(shown(facts, 10 * M), "unit_fleeting_alarms", unit="icu", window="1h") == 3


def test_open_alarms_stand_after_an_hour_and_are_stale_after_a_day() -> None:
    facts = [
        *alarm("a", 0),
        *alarm("b", 1),
        *alarm("c", 23 * H),
        *alarm("d", 23 * H + 0.001),
        *alarm("x", 0, priority="info"),
    ]
    now = shown(facts, 24 * H)
    assert sample(now, "unit_standing_alarms", unit="icu") == 2
    assert sample(now, "unit_stale_alarms", unit="icu") == 0
    later = shown(facts, 24 * H + 0.001)
    assert sample(later, "unit_standing_alarms", unit="icu") == 3
    assert sample(later, "unit_stale_alarms", unit="icu") == 1
    ended = shown([*facts, event("a", "end", 24 * H)], 24 * H + 1.001)
    assert sample(ended, "unit_stale_alarms", unit="icu") == 1


def test_a_stale_alarm_is_kept_past_the_horizon() -> None:
    engine = Engine(POLICY)
    feed(engine, alarm("a", 0))
    engine.advance(ms(0))
    feed(engine, alarm("b", 100 * H, 100 * H + 1))
    engine.advance(ms(100 * H + 1))
    feed(engine, alarm("c", 200 * H))
    engine.advance(ms(200 * H))
    found: Any = numbers(engine, POLICY)
    assert sample(found, "unit_stale_alarms", unit="icu") == 1
    assert sample(found, "unit_open_alarms", unit="icu") == 2


def test_staffing_figures_divide_by_those_on_duty_now() -> None:
    """ann has beds 1 and 2, bob has bed 2 as well; cyd has left. Alarms: ann 3, bob 1, and one
    at an unassigned bed.
    """
    facts: list[Fact] = [
        duty("ann", 0, acuity=2.0),
        duty("ann", 0, bed="2", acuity=0.5),
        duty("bob", 0, bed="2", acuity=None),
        duty("cyd", 0, 60, bed="3"),
        *alarm("a", 1),
        *alarm("b", 2),
        *alarm("c", 3, bed="2"),
        *alarm("d", 4, bed="7", priority="high"),
    ]
    found = shown(facts, 10 * M)
    assert sample(found, "unit_beds_per_clinician", unit="icu") == 1
    assert sample(found, "unit_acuity_per_clinician", unit="icu") == 1.75
    assert sample(found, "unit_alarms_per_bed", unit="icu", window="1h") == 2
    assert sample(found, "unit_load_spread", unit="icu", window="1h") == 0.25  # (3 - 1) / (2 * 4)
    assert sample(found, "unit_priority_share", unit="icu", window="1h", priority="high") == 0.25
    assert sample(found, "unit_priority_share", unit="icu", window="1h", priority="low") == 0


def test_without_anybody_or_any_alarm_there_is_nothing_to_divide() -> None:
    nobody = shown(alarm("a", 1), 10 * M)
    for name in ("unit_beds_per_clinician", "unit_acuity_per_clinician"):
        assert sample(nobody, name, unit="icu") is None
    assert sample(nobody, "unit_alarms_per_bed", unit="icu", window="1h") is None
    quiet = shown([duty("ann", 0), duty("bob", 0)], 10 * M)
    assert sample(quiet, "unit_load_spread", unit="icu", window="1h") is None
    assert sample(quiet, "unit_priority_share", unit="icu", window="1h", priority="low") is None
    assert sample(quiet, "unit_alarms_per_bed", unit="icu", window="1h") == 0
    alone = shown([duty("ann", 0), *alarm("a", 1)], 10 * M)
    assert sample(alone, "unit_load_spread", unit="icu", window="1h") is None


def test_a_type_s_share_and_its_ratio() -> None:
    """Six SpO2 alarms: four fleeting, one actionable, one technical; and four of another type."""
    facts = [fact for number in range(5) for fact in alarm(f"f{number}", number, number + 1)]
    facts += [verdict("f4", 9, "actionable"), *alarm("t", 7, kind="technical")]
    facts += [
        fact for number in range(4) for fact in alarm(f"o{number}", number, number + 1, code="HI")
    ]
    found = shown(facts, 10 * M)
    of_type = {"unit": "icu", "window": "1h", "device_type": "monitor", "source": "", "code": "LO"}
    assert sample(found, "unit_type_share", **of_type) == 0.6
    assert sample(found, "unit_type_nonactionable_ratio", **of_type, scope="all") == pytest.approx(
        5 / 6
    )
    assert sample(found, "unit_type_nonactionable_ratio", **of_type, scope="clinical") == 4 / 5
    # four are too few for a ratio
    assert (
        sample(found, "unit_type_nonactionable_ratio", **(of_type | {"code": "HI"}), scope="all")
        is None
    )
