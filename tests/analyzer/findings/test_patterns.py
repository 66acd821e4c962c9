"""The verdict, remedy and owner of each pattern, worked out by hand at its bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer import Fact, Finding, Policy, Share
from analyzer.model.facts import AlarmEvent, Response
from analyzer.model.policy import HOUR, MINUTE, SECOND
from streams.files.findings import sentence
from tests.harness.findings import NOW, alarms, finding_of, found_by


def test_twenty_short_alarms_call_for_a_delay_and_nineteen_say_nothing() -> None:
    found = finding_of(alarms("A", 20, 4_200))
    assert (found.verdict, found.remedy, found.owner) == ("fleeting", "delay", "biomed")
    assert found.delay == (5 * SECOND, 20, 0)
    assert found.nonactionable == Share(20, 20)
    few = finding_of(alarms("A", 19, 4_200))
    assert (few.verdict, few.remedy, few.owner) == ("too_few", "none", None)
    assert few.shown_by("fleeting") == Share(19, 19)


def test_a_bed_has_most_of_the_alarms_if_the_lower_bound_of_its_share_is_above_half() -> None:
    def of_two_beds(here: int, there: int) -> Finding:
        elsewhere = alarms("B", there, SECOND, code="A", bed="2", after=MINUTE)
        return finding_of(alarms("A", here, SECOND, bed="1") + elsewhere)

    assert of_two_beds(15, 5).at_one_bed
    assert not of_two_beds(14, 6).at_one_bed


def test_a_delay_is_never_longer_than_what_is_fleeting() -> None:
    found = finding_of(
        alarms("A", 10, 10 * SECOND)
        + alarms("B", 10, 40 * SECOND, code="A", verdict="non_actionable", after=MINUTE)
    )
    assert found.verdict == "fleeting"
    assert found.delay == (15 * SECOND, 10, 0)


def test_a_remedy_that_would_fall_upon_needed_alarms_is_not_proposed() -> None:
    """Of 40 alarms equally short, 20 were non-actionable and 20 actionable."""
    useless = alarms("A", 20, 10 * SECOND)
    needed = alarms("B", 20, 10 * SECOND, code="A", verdict="actionable", after=MINUTE)
    assert finding_of(useless + needed).verdict == "mixed"
    assert finding_of(useless + needed[:6]).verdict == "fleeting"
    found = finding_of(useless[:10] + needed)
    assert (found.verdict, found.nonactionable) == ("needed", Share(5, 25))


def test_a_short_technical_alarm_is_advised_a_sensor_change_not_a_delay() -> None:
    found = finding_of(alarms("A", 20, SECOND, kind="technical"))
    assert (found.verdict, found.remedy, found.drivers) == (
        "technical",
        "sensor",
        ("technical", "fleeting"),
    )


def test_a_third_alarm_within_a_minute_chatters() -> None:
    found = finding_of(alarms("A", 20, 16 * SECOND, every=30 * SECOND, verdict="non_actionable"))
    assert (found.verdict, found.remedy, found.shown_by("chattering")) == (
        "chattering",
        "deadband",
        Share(18, 20),
    )
    slower = finding_of(
        alarms("A", 20, 16 * SECOND, every=30 * SECOND + 1, verdict="non_actionable")
    )
    assert (slower.verdict, slower.shown_by("chattering")) == ("mixed", Share(0, 20))


@pytest.mark.parametrize(
    ("value", "limit", "hugs"),
    [(85.5, 90.0, True), (85.4, 90.0, False), (126.0, 120.0, True), (-0.1, 0.0, False)],
)
def test_readings_within_a_twentieth_of_the_limit_hug_it(
    value: float, limit: float, hugs: bool
) -> None:
    found = finding_of(alarms("A", 20, MINUTE, verdict="non_actionable", value=value, limit=limit))
    assert found.verdict == ("hugging" if hugs else "mixed")
    assert found.hugging_distance == (pytest.approx(0.05) if hugs else None)


@pytest.mark.parametrize(
    ("after", "together"), [(5 * SECOND, True), (-5 * SECOND, True), (5 * SECOND + 1, False)]
)
def test_of_two_types_that_begin_together_the_lesser_gives_way(after: int, together: bool) -> None:
    facts = alarms("A", 20, MINUTE, verdict="non_actionable") + alarms(
        "B", 20, MINUTE, after=after, priority="low", verdict="non_actionable"
    )
    lesser, greater = finding_of(facts, "B"), finding_of(facts, "A")
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
    assert finding_of(elsewhere, "B").met_with is None


def test_the_other_type_is_the_one_met_most_often_then_the_first_by_name() -> None:
    """Two alarms of A, at 0 and 4 s; both meet C, and the second alone meets B."""
    facts = (
        alarms("A", 2, 1, every=4 * SECOND)
        + alarms("C", 1, 1, after=1)
        + alarms("B", 1, 1, after=8 * SECOND)
    )
    assert finding_of(facts).met_with == ("monitor", "", "C")
    facts = alarms("A", 2, 1, every=MINUTE) + alarms("C", 1, 1) + alarms("B", 1, 1, after=MINUTE)
    assert finding_of(facts).met_with == ("monitor", "", "B")


def shifted(facts: list[Fact], by: int) -> list[Fact]:
    return [replace(fact, at=fact.at + by) for fact in facts]


def test_a_window_begins_amid_a_chatter_and_between_two_that_begin_together() -> None:
    """After 8 h: at which the second of three is 10 s old; and the first of two types begins."""
    found = finding_of(shifted(alarms("A", 3, SECOND, every=20 * SECOND), -4 * HOUR - 30 * SECOND))
    assert (found.alarms.count, found.shown_by("chattering")) == (1, Share(1, 1))
    pair = shifted(alarms("A", 1, SECOND) + alarms("B", 1, SECOND, after=SECOND), -4 * HOUR)
    assert (finding_of(pair, "B").alarms, finding_of(pair, "B").met_with) == (Share(1, 1), None)


def test_equal_codes_of_different_sources_do_not_chatter_together() -> None:
    facts = [
        replace(fact, source="S" if fact.alarm_id == "A1" else "")
        for fact in alarms("A", 3, SECOND, every=20 * SECOND)
        if isinstance(fact, AlarmEvent)
    ]
    [unit] = found_by([*facts], NOW, Policy(), 12 * HOUR)
    assert [one.shown_by("chattering").count for one in unit.findings] == [0, 0]


def test_alarms_open_for_an_hour_are_standing_and_for_a_day_stale() -> None:
    standing = alarms("A", 20, HOUR + 1, verdict="non_actionable")
    assert finding_of(standing).verdict == "standing"
    assert finding_of(alarms("A", 20, HOUR, verdict="non_actionable")).verdict == "mixed"
    stale = finding_of(alarms("A", 1, None, at=NOW - 24 * HOUR - 1))
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
    # no response at all in the unit: perhaps responses are not recorded
    assert finding_of(facts).verdict == "needed"
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
    found = finding_of(facts + late)
    assert (found.verdict, found.remedy, found.owner) == (
        "unanswered",
        "staffing",
        "unit leadership",
    )
    assert found.shown_by("unanswered") == Share(20, 20)
    # one response shows that responses are recorded; the others had none
    assert finding_of(facts + late[:1]).shown_by("unanswered") == Share(20, 20)
    prompt = [replace(fact, at=fact.at - 1) for fact in late if isinstance(fact, Response)]
    assert finding_of([*facts, *prompt]).verdict == "needed"


def test_an_alarm_of_high_priority_is_not_to_be_delayed_without_a_clinical_review() -> None:
    assert finding_of(alarms("A", 20, SECOND)).clinical is False
    found = finding_of(alarms("A", 20, SECOND, priority="high"))
    assert (found.remedy, found.clinical) == ("delay", True)
    assert "not advised without a clinical review" in sentence(found, "12h", Policy())
    assert finding_of(alarms("A", 20, SECOND, priority="high", kind="technical")).clinical is False
