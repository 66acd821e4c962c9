"""The oracle's admission of records, by hand.

Times are seconds after an arbitrary moment T, unless said otherwise.
"""

from __future__ import annotations

from analyzer.model.facts import Fact, Topic
from tests.harness.facts import POLICY, H, duty, event, ms, response, verdict
from tests.oracle.reference import admission


def _deliver(topic: Topic, *records: tuple[Fact, float]) -> list[str]:
    return list(admission([(topic, fact, ms(timestamp)) for fact, timestamp in records], POLICY))


def test_admission_of_alarms_and_responses() -> None:
    """Allowed lateness 600 s, 120 s ahead; the watermark moves with accepted records alone."""
    first = event("a", "start", 0)
    assert _deliver(
        "alarms",
        (first, 0),
        (first, 0),
        (event("a", "end", 1120), 1000),
        (event("b", "start", 5120.001), 5000),
        (event("b", "start", 520), 1120),
        (event("b", "start", 519.999), 1120),
        (first, -9999),  # a duplicate before it is late or ahead
        (event("a", "update", 0, event_id=first.event_id), 1120),
    ) == [
        "accepted",
        "duplicate",
        "accepted",
        "future",
        "accepted",
        "late",
        "duplicate",
        "duplicate",
    ]
    assert _deliver(
        "responses", (response(1000, bed="1"), 1000), (response(399, bed="1"), 1000)
    ) == ["accepted", "late"]


def test_facts_older_than_the_horizon_by_their_timestamp_are_late_without_a_watermark() -> None:
    """Horizon 26 h. Assignments and labels may be charted late."""
    old, edge = event("a", "start", 0), event("b", "start", 0.001)
    assert _deliver(
        "alarms", (old, 26 * H + 0.001), (old, 26 * H + 0.001), (edge, 26 * H + 0.001)
    ) == ["late", "late", "accepted"]
    assert _deliver(
        "responses", (response(0, bed="1"), 26 * H + 0.001), (response(0, bed="1"), 26 * H)
    ) == ["late", "accepted"]
    assert _deliver("labels", (verdict("a", 0, "actionable"), 100 * H)) == ["accepted"]
    assert _deliver("assignments", (duty("ann", 0), 100 * H)) == ["accepted"]


def test_admission_past_the_horizon() -> None:
    """Horizon 26 h; at a watermark of exactly 26 h a record of 0 is still remembered, 1 ms later it
    is not.
    """
    old = verdict("a", 0, "actionable")
    before, same_age = verdict("a", -0.001, "actionable"), verdict("a", 0, "actionable")
    edge, after = verdict("b", 26 * H, "actionable"), verdict("b", 26 * H + 0.001, "actionable")
    assert _deliver(
        "labels", *[(label, 30 * H) for label in (old, edge, old, before, same_age, after, old)]
    ) == [
        "accepted",
        "accepted",
        "duplicate",
        "late",
        "accepted",
        "accepted",
        "late",
    ]

    unending, over, until_now = (
        duty("ann", 0),
        duty("ann", 0, 27 * H),
        duty("ann", 0, 27 * H + 0.001),
    )
    latest = duty("bob", 27 * H)
    assert _deliver(
        "assignments",
        *[(fact, 30 * H) for fact in (latest, unending, unending, over, until_now, until_now)],
    ) == [
        "accepted",
        "accepted",
        "accepted",
        "late",
        "accepted",
        "accepted",
    ]

    replaced = duty("ann", 0, assignment_id="x", at=ms(1))
    winner = duty("bob", 0, assignment_id="x", at=ms(2))
    ended = duty("cyd", 0, 28 * H)
    later = duty("dee", 28 * H)
    order = (replaced, winner, ended, latest, winner, ended, replaced, later, ended)
    assert _deliver("assignments", *[(fact, 30 * H) for fact in order]) == [
        "accepted",
        "accepted",
        "accepted",
        "accepted",
        "accepted",
        "accepted",
        "accepted",
        "accepted",
        "late",
    ]


def test_each_topic_has_its_own_watermark_and_its_own_event_ids() -> None:
    alarm_event = event("a", "start", 10_000, event_id="same")
    records: list[tuple[Topic, Fact, int]] = [
        ("alarms", alarm_event, ms(10_000)),
        ("responses", response(0, bed="1", event_id="same"), ms(10_000)),
        ("labels", verdict("a", 0, "actionable", event_id="same"), ms(10_000)),
    ]
    assert admission(records, POLICY) == ["accepted"] * 3
