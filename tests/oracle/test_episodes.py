"""The oracle's episodes on small wards: span, fields, class, clinicians and readings, by hand.

Times are seconds after an arbitrary moment T, unless said otherwise.
"""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.model.facts import Fact
from tests.harness.facts import POLICY, H, alarm, duty, event, ms, response, verdict
from tests.oracle.episodes import Episode, episodes


def episode_a(facts: list[Fact], now: float) -> Episode:
    """The episode of the alarm_id `a`."""
    return episodes(facts, ms(now), POLICY)["a"]


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
    found = episode_a(facts, 100)
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
        # 1: label; also while pending, and with any response
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
            # does not prove that no one intervened
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
    found = episode_a([*alarm("a", 0, 60), *more], now)
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
    found = episode_a(facts, 1000)
    assert (found.klass, found.basis, found.final) == (klass, basis, not found.open)


def test_clinicians_of_an_alarm_are_those_assigned_to_its_bed_at_the_start_and_its_recipients() -> (
    None
):
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
    assert episode_a(facts, 500).clinicians == {
        "from-closed",
        "unending",
        "rec",
        "charted-late",
        "right",
    }


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
    found = episode_a(facts, 100)
    assert (found.value, found.limit) == extreme
