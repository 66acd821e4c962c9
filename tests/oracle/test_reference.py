"""The oracle is itself held to the contract: small wards, with every expected number worked out by
hand.

Times are seconds after an arbitrary moment T, unless said otherwise; windows are 10 min and 1 h.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.model.facts import Fact, Topic
from analyzer.model.policy import HOUR, MINUTE, Policy
from tests.harness.facts import alarm, duty, event, ms, response, sample, verdict
from tests.harness.strategies import deliveries, nows, wards
from tests.oracle.episodes import Episode, episodes
from tests.oracle.reference import admission, metrics

H = 3600
# action window 300 s, fleeting 15 s, cover 12 h, min_classified 5
POLICY = Policy(windows={"10m": 10 * MINUTE, "1h": HOUR})


def one(facts: list[Fact], now: float) -> Episode:
    """The only episode, or the one called `a`."""
    return episodes(facts, ms(now), POLICY)["a"]


def named(
    found: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str
) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    return {key for key in found if key[0].startswith(f"alarm_fatigue_{name}")}


@pytest.mark.parametrize(
    ("events", "start", "end"),
    [
        ([("start", 10), ("end", 30)], 10, 30),
        ([("update", 5), ("start", 10), ("end", 30)], 5, 30),
        ([("start", 10), ("end", 50), ("end", 30)], 10, 30),
        ([("end", 5), ("start", 10)], 10, None),
        ([("end", 5), ("start", 10), ("end", 40)], 10, 40),
        ([("end", 10), ("start", 10)], 10, 10),
        ([("start", 10), ("update", 20)], 10, None),
        ([("update", 10)], 10, None),
        ([("start", 10), ("end", 101)], 10, None),  # the end is after now
        ([("end", 10)], None, None),
        ([("start", 101)], None, None),
    ],
)
def test_an_episode_spans_from_its_first_start_or_update_to_the_first_end_after(
    events: Any, start: int | None, end: int | None
) -> None:
    found = episodes([event("a", phase, at) for phase, at in events], ms(100), POLICY)
    if start is None:
        assert found == {}
    else:
        assert (found["a"].start, found["a"].end) == (ms(start), None if end is None else ms(end))
        assert found["a"].open is (end is None)


def test_static_fields_come_from_the_earliest_opening_and_priority_from_any_event() -> None:
    facts: list[Fact] = [
        # before the start, yet its priority counts
        event("a", "end", 5, event_id="0", unit="nicu", bed="9", priority="high"),
        event("a", "update", 10, event_id="2", bed="2", code="HI"),
        event("a", "start", 10, event_id="1", bed="3", code="LO", priority="low", label="text"),
    ]
    found = one(facts, 100)
    assert (found.unit, found.bed, found.code, found.label, found.priority) == (
        "icu",
        "3",
        "LO",
        "text",
        "high",
    )


# One alarm sounds from 0 to 60 in icu/1, so that its action window closes at X = 360; `now` = 360
# unless given.
INTERVENE = {"alarm_id": "a", "action": "intervene"}
COVER_OF_ICU = {"alarm_id": "elsewhere", "unit": "icu"}  # no response to this alarm


@pytest.mark.parametrize(
    ("more", "now", "klass", "basis", "final"),
    [
        ([], 359.999, "pending", None, False),
        ([], 360, "unknown", None, True),
        # 1: label; also while pending, and whatever else was done
        (
            [verdict("a", 100, "non_actionable"), response(10, **INTERVENE)],
            100,
            "non_actionable",
            "label",
            False,
        ),
        ([verdict("a", 101, "non_actionable")], 100, "pending", None, False),
        (
            [verdict("a", 90, "non_actionable"), verdict("a", 80, "actionable")],
            360,
            "non_actionable",
            "label",
            True,
        ),
        (
            [
                verdict("a", 9, "actionable", event_id="2"),
                verdict("a", 9, "non_actionable", event_id="1"),
            ],
            360,
            "actionable",
            "label",
            True,
        ),
        (
            [
                verdict("a", 9, "non_actionable", event_id="1"),
                verdict("a", 9, "actionable", event_id="2"),
            ],
            360,
            "actionable",
            "label",
            True,
        ),
        # 3: intervention or consultation, closed at both ends, by alarm_id as by bed
        ([response(360, **INTERVENE)], 360, "actionable", "response", True),
        ([response(0, bed="1", action="consult")], 60, "actionable", "response", False),
        ([response(-0.001, **INTERVENE)], 360, "non_actionable", "no_intervention", True),
        # nor is it within the cover, which ends at X
        ([response(360.001, **INTERVENE)], 400, "unknown", None, True),
        # alarm_id goes before bed
        ([response(10, alarm_id="b", bed="1", action="intervene")], 360, "unknown", None, True),
        ([response(10, bed="1", unit="nicu", action="intervene")], 360, "unknown", None, True),
        (
            [response(10, bed="2", unit="icu", action="intervene")],
            360,
            "non_actionable",
            "no_intervention",
            True,
        ),
        # 6: cover, closed at both ends
        ([response(360 - 12 * H, **COVER_OF_ICU)], 360, "non_actionable", "no_intervention", True),
        ([response(360 - 12 * H - 0.001, **COVER_OF_ICU)], 360, "unknown", None, True),
        ([response(360, **COVER_OF_ICU)], 360, "non_actionable", "no_intervention", True),
        ([response(360.001, **COVER_OF_ICU)], 400, "unknown", None, True),
        (
            [response(10, **COVER_OF_ICU, action="adjust_limits")],
            360,
            "non_actionable",
            "no_intervention",
            True,
        ),
        *(
            # cannot say that nobody intervened
            ([response(10, **COVER_OF_ICU, action=action)], 360, "unknown", None, True)
            for action in ("acknowledge", "silence", "pause", "escalate", "decline")
        ),
        ([response(10, alarm_id="a", action="acknowledge")], 360, "unknown", None, True),
        # no unit, no such episode: from nowhere
        ([response(10, alarm_id="elsewhere")], 360, "unknown", None, True),
        # its own unit goes before its episode's
        ([response(10, alarm_id="a", unit="nicu")], 360, "unknown", None, True),
        (
            [*alarm("b", 0, 1, bed="2", kind="advisory"), response(10, alarm_id="b")],
            360,
            "non_actionable",
            "no_intervention",
            True,
        ),
    ],
)
def test_the_class_of_a_minute_long_alarm(
    more: list[Fact], now: float, klass: str, basis: str | None, final: bool
) -> None:
    found = one([*alarm("a", 0, 60), *more], now)
    assert (found.klass, found.basis, found.final) == (klass, basis, final)


@pytest.mark.parametrize(
    ("facts", "klass", "basis"),
    [
        (alarm("a", 0, 14.999), "non_actionable", "fleeting"),
        (alarm("a", 0, 15), "unknown", None),
        # answered, though late: not fleeting
        ([*alarm("a", 0, 10), response(900, alarm_id="a")], "unknown", None),
        ([*alarm("a", 0, 10), response(310, bed="1")], "non_actionable", "no_intervention"),
        # belongs to nothing
        ([*alarm("a", 0, 10), response(311, bed="1")], "non_actionable", "fleeting"),
        ([*alarm("a", 0, 10, kind="technical"), response(5, **INTERVENE)], "technical", "kind"),
        (alarm("a", 0, kind="technical"), "technical", "kind"),
        (alarm("a", 0), "pending", None),
        ([*alarm("a", 0), response(900, bed="1", action="consult")], "actionable", "response"),
    ],
)
def test_the_class_at_1000_s_of_fleeting_technical_and_open_alarms(
    facts: list[Fact], klass: str, basis: str | None
) -> None:
    found = one(facts, 1000)
    assert (found.klass, found.basis, found.final) == (klass, basis, not found.open)


def test_clinicians_are_those_assigned_to_the_very_bed_at_the_start_and_the_recipients() -> None:
    """All around a start at 100."""
    facts: list[Fact] = [
        *alarm("a", 100),
        event("a", "update", 110, recipients=("rec",)),
        duty("from-closed", 100, 200),
        duty("to-open", 0, 100),
        duty("unending", 0),
        duty("other-unit", 0, unit="nicu"),
        duty("other-bed", 0, bed="2"),
        duty("void", 100, 100),
        duty("charted-late", 0, at=ms(500)),
        duty("charted-later", 0, at=ms(501)),
        duty("wrong", 0, assignment_id="c", at=ms(5), event_id="c1"),
        duty("right", 0, assignment_id="c", at=ms(5), event_id="c2"),
        duty("cancelled", 0, assignment_id="v", at=ms(5)),
        duty("cancelled", 0, 0, assignment_id="v", at=ms(6)),
    ]
    assert one(facts, 500).clinicians == {"from-closed", "unending", "rec", "charted-late", "right"}


def test_windows_are_open_at_the_left_and_closed_at_the_right() -> None:
    """Now = 3600: 10 min is (3000, 3600], 1 h is (0, 3600]."""
    starts = {
        "at-1h": 0,
        "in-1h": 0.001,
        "at-10m": 3000,
        "in-10m": 3000.001,
        "now": 3600,
        "ahead": 3600.001,
    }
    facts = [
        fact for name, start in starts.items() for fact in alarm(name, start, recipients=("ann",))
    ]
    found = metrics(facts, ms(3600), POLICY)
    for name, labels in (
        ("clinician_alarms", {"clinician": "ann", "unit": ""}),
        ("unit_alarms", {"unit": "icu"}),
    ):
        assert sample(found, name, window="10m", priority="medium", **labels) == 2
        assert sample(found, name, window="1h", priority="medium", **labels) == 4
        assert sample(found, name, window="1h", priority="high", **labels) == 0
    assert (
        sample(
            found,
            "clinician_classified_alarms",
            clinician="ann",
            unit="",
            window="1h",
            klass="pending",
        )
        == 4
    )
    assert sample(found, "unit_open_alarms", unit="icu") == 5
    assert len(named(found, "clinician_alarms")) == 2 * 3
    assert len(named(found, "clinician_classified_alarms")) == 2 * 5


def test_alarm_seconds_are_the_union_clipped_to_the_window() -> None:
    """Now = 7200; 1 h begins at 3600, 10 min at 6600.

    3000 ====== 3700        100 s of it in 1 h, though it started before
           3650 ==== 3800   another 100
                4000 = 4010   10
                        6500 ====> now   700, of which 600 in 10 min
    """
    facts = [
        *alarm("p", 3000, 3700),
        *alarm("q", 3650, 3800),
        *alarm("r", 4000, 4010),
        *alarm("s", 6500),
        duty("ann", 0),
    ]
    facts += alarm("heartbeat", 5000, 5500, priority="info")
    found = metrics(facts, ms(7200), POLICY)
    assert sample(found, "clinician_alarm_seconds", clinician="ann", unit="icu", window="1h") == 910
    assert (
        sample(found, "clinician_alarm_seconds", clinician="ann", unit="icu", window="10m") == 600
    )


def test_beds_acuity_and_unit_follow_the_roster() -> None:
    """Now = 1000.

    Bed 1 exists in both units, and is twice ann's in icu; the latest `from` <= now is 500, in both
    units.
    """
    facts: list[Fact] = [
        duty("ann", 500, unit="nicu", acuity=0.5),
        duty("ann", 500, acuity=2.0),
        duty("ann", 100, acuity=None),
        duty("ann", 0, 1000, bed="7"),  # just over
        duty("ann", 1000.001, bed="8", unit="aaa", at=ms(0)),  # just not begun
        duty("bob", 0),
        duty("cyd", 0, 400, unit="nicu", bed="3"),
        duty("cyd", 700, 700, unit="void"),
        duty("cyd", 700, 600, unit="void"),
        *alarm("a", 900, unit="or", recipients=("cyd", "dee")),
    ]
    found = metrics(facts, ms(1000), POLICY)
    assert sample(found, "clinician_beds", clinician="ann", unit="icu") == 2
    assert sample(found, "clinician_acuity", clinician="ann", unit="icu") == 3.5
    # over, but still where she belongs
    assert sample(found, "clinician_beds", clinician="cyd", unit="nicu") == 0
    assert sample(found, "clinician_acuity", clinician="dee", unit="") == 0
    assert sample(found, "unit_clinicians", unit="icu") == 2
    assert sample(found, "unit_beds", unit="icu") == 1
    assert sample(found, "unit_beds", unit="or") == 0
    assert sample(found, "unit_beds", unit="aaa") is None

    # cyd and dee leave with the alarm's start; the open alarm keeps its unit
    hour_later = metrics(facts, ms(900 + H), POLICY)
    assert {
        value
        for key in named(hour_later, "clinician_beds")
        for name, value in key[1]
        if name == "clinician"
    } == {"ann", "bob"}
    assert sample(hour_later, "unit_open_alarms", unit="or") == 1
    assert sample(hour_later, "unit_alarms", unit="or", window="1h", priority="medium") == 0


def test_a_clinician_without_assignment_within_the_horizon_has_no_unit() -> None:
    """Horizon 26 h after `to` = 100: at that very moment the assignment is forgotten."""
    facts: list[Fact] = [duty("ann", 0, 100), *alarm("a", 26 * H, recipients=("ann",))]
    assert (
        sample(
            metrics(facts, ms(26 * H + 99.999), POLICY),
            "clinician_beds",
            clinician="ann",
            unit="icu",
        )
        == 0
    )
    assert (
        sample(metrics(facts, ms(26 * H + 100), POLICY), "clinician_beds", clinician="ann", unit="")
        == 0
    )


def test_the_ratio_is_absent_below_the_minimum() -> None:
    """Non-actionable 2, actionable 1, technical 1 or 2: 3 clinical ones are never enough, 4 in all
    are not, 5 are.
    """
    facts = [fact for name in "abc" for fact in alarm(name, 0, 1)]  # fleeting, or as labelled
    facts += [
        verdict("c", 5, "actionable"),
        *alarm("t1", 0, kind="technical"),
        *alarm("pending", 600),
    ]
    four = metrics(facts, ms(1000), POLICY)
    assert named(four, "unit_nonactionable_ratio") == set()

    five = metrics([*facts, *alarm("t2", 0, kind="technical")], ms(1000), POLICY)
    assert sample(five, "unit_nonactionable_ratio", unit="icu", window="1h", scope="all") == 4 / 5
    assert len(named(five, "unit_nonactionable_ratio")) == 1
    counts = {
        k: sample(five, "unit_classified_alarms", unit="icu", window="1h", klass=k)
        for k in ("actionable", "pending", "unknown")
    }
    assert counts == {"actionable": 1, "pending": 1, "unknown": 0}

    low = Policy(windows={"1h": HOUR}, min_classified=3)
    assert (
        sample(
            metrics(facts, ms(1000), low),
            "unit_nonactionable_ratio",
            unit="icu",
            window="1h",
            scope="clinical",
        )
        == 2 / 3
    )
    none = Policy(windows={"1h": HOUR}, min_classified=0)
    assert named(metrics(alarm("p", 0), ms(1), none), "unit_nonactionable_ratio") == set()


def test_a_shared_alarm_counts_once_in_its_unit_and_types_are_ranked() -> None:
    """Counts by type: LO 2, then HI and AX 1 each; of two types exported, the tie goes to the
    lesser name.
    """
    facts: list[Fact] = [
        duty("ann", 0),
        duty("bob", 0),
        *alarm("a", 10),
        *alarm("b", 20, bed="2"),
        *alarm("c", 30, code="HI"),
        *alarm("d", 40, code="AX"),
        *alarm("e", 50, priority="info"),
        *alarm("f", 50, kind="advisory"),
    ]
    found = metrics(facts, ms(100), Policy(windows={"10m": 10 * MINUTE}, top_types=2))
    assert sample(found, "unit_alarms", unit="icu", window="10m", priority="medium") == 4
    assert sample(found, "unit_unassigned_alarms", unit="icu", window="10m") == 1
    assert (
        sample(
            found, "clinician_alarms", unit="icu", clinician="bob", window="10m", priority="medium"
        )
        == 3
    )
    codes = {
        dict(labels)["code"]: found[name, labels]
        for name, labels in named(found, "unit_type_alarms")
    }
    assert codes == {"LO": 2, "AX": 1}


def test_a_facility_of_heartbeats_has_no_metrics() -> None:
    facts = [
        *alarm("a", 0, 10, priority="info", recipients=("ann",)),
        *alarm("b", 0, kind="advisory"),
        response(1, alarm_id="b"),
    ]
    assert set(episodes(facts, ms(900), POLICY)) == {"a", "b"}
    assert metrics(facts, ms(900), POLICY) == {}
    assert metrics([], ms(900), POLICY) == {}


def test_response_seconds_count_the_first_response_to_each_final_alarm() -> None:
    """Delays 0 (before the start), 5, 5.001 and 2000 s; `slow` is answered by name, long after its
    end. `p` is not final.
    """
    facts: list[Fact] = [
        *alarm("early", 0, 60),
        response(-30, alarm_id="early"),
        *alarm("quick", 0, 60, bed="2"),
        response(60, bed="2"),
        response(5, bed="2"),
        *alarm("brisk", 0, 60, bed="3"),
        response(5.001, bed="3", action="decline"),
        *alarm("slow", 0, 60, bed="4"),
        response(2000, alarm_id="slow"),
        *alarm("ignored", 0, 60, bed="5"),
        *alarm("open", 0, bed="6"),
        response(1, bed="6"),
        *alarm("urgent", 0, 60, bed="7", priority="high"),
        response(15, bed="7"),
        *alarm("p", 0, 1700.001, bed="8"),
        response(1, bed="8"),
    ]
    found = metrics(facts, ms(2000), POLICY)
    medium = {"unit": "icu", "priority": "medium"}
    at_most = {
        "5.0": 2,
        "15.0": 3,
        "30.0": 3,
        "60.0": 3,
        "120.0": 3,
        "300.0": 3,
        "600.0": 3,
        "1800.0": 3,
        "+Inf": 4,
    }
    assert {
        le: sample(found, "response_seconds_bucket", le=le, **medium) for le in at_most
    } == at_most
    assert sample(found, "response_seconds_sum", **medium) == 2010.001
    assert sample(found, "response_seconds_count", **medium) == 4
    assert sample(found, "response_seconds_bucket", unit="icu", priority="high", le="5.0") == 0
    assert sample(found, "response_seconds_bucket", unit="icu", priority="high", le="15.0") == 1
    assert len(named(found, "response_seconds")) == 2 * (9 + 2)


@pytest.mark.parametrize(
    ("readings", "extreme"),
    [
        ([("start", None, None)], (None, None)),
        # low; a borrowed limit
        ([("start", 80, 90), ("update", 70, None), ("end", 95, 90)], (70, 90)),
        # high: 5 beyond, then -10, then 2
        ([("start", 95, 90), ("update", 80, 90), ("update", 99, 97)], (95, 90)),
        # on its limit gives no direction
        ([("start", 90, 90), ("update", 85, 90), ("update", 99, 90)], (85, 90)),
        ([("start", 90, 90), ("update", 95, 90), ("update", 80, 90)], (95, 90)),
        ([("end", 95, 90), ("start", 85, 90), ("update", 80, 90)], (80, 90)),  # nor does an end
        ([("start", 95, 90), ("update", 97, 92), ("update", 97, None)], (97, 90)),  # 5, 5 and 7
        # as far beyond: the greater value when high
        ([("start", 95, 90), ("update", 97, 92)], (97, 92)),
        ([("start", 85, 90), ("update", 80, 85)], (80, 85)),  # the lesser when low
        ([("start", None, 90), ("end", 80, 95)], (80, 95)),  # only the end has both: no direction
        ([("start", 90, 90), ("end", 80, 95)], (80, 95)),
        # as far: the earliest
        ([("end", 80, 95), ("start", None, None), ("end", 110, 95)], (80, 95)),
        (
            [("start", None, None), ("update", 70, None), ("update", 60, None), ("end", None, 90)],
            (70, 90),
        ),
    ],
)
def test_the_value_is_the_reading_furthest_beyond_its_limit(
    readings: Any, extreme: tuple[float | None, float | None]
) -> None:
    """Readings at 0, 1, 2, ... s."""
    facts: list[Fact] = [
        event("a", phase, at, value=value, limit=limit)
        for at, (phase, value, limit) in enumerate(readings)
    ]
    found = one(facts, 100)
    assert (found.value, found.limit) == extreme


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


def test_alarms_and_responses_older_than_the_horizon_by_their_own_timestamp_are_late_without_a_watermark() -> (
    None
):
    """Horizon 26 h. Assignments and labels are charted whenever people come to it."""
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


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_the_answer_depends_on_the_set_of_facts_alone(data: st.DataObject) -> None:
    facts = data.draw(wards())
    now = data.draw(nows(facts))
    again = list(dict.fromkeys(data.draw(deliveries(facts))))
    assert len(again) == len(facts)
    assert metrics(again, now, Policy()) == metrics(facts, now, Policy())
    assert episodes(again, now, Policy()) == episodes(facts, now, Policy())
