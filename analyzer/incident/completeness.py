"""Completeness: which channels were recorded around a moment, where they have gaps, and which
figures are therefore not available.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, log

from analyzer.incident.facts import Facts
from analyzer.incident.question import Question
from analyzer.model.policy import HOUR, MINUTE, Policy

LEAST_GAP = 10 * MINUTE
"""A shorter silence (ms) is not a gap (our own: the 10-minute interval of ISA-18.2)."""
UNLIKELY = 1e-6
"""A silence is a gap if its probability at the usual rate of alarms is below this (our own; it is
small because alarms come in bursts, and the probability assumes independent events).
"""
UNLIKELY_AFTER_WARNING = 0.02
"""The same for a device whose last alarm was about its power, which explains the silence (our own).
"""
_POWER = re.compile("BATT|POWER", re.IGNORECASE)
HORIZON = Policy().horizon
"""After this time (ms) an alarm id may be reused."""
_LATEST = 8
_LEAST_EVENTS = 2
_USUAL = 24 * HOUR
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of fact. `gaps`: [from, to) within the window (ms)."""

    recorded: bool
    gaps: Spans
    not_assessable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dark:
    """A device that stopped sending: its bed, since when (ms), and its last alarm."""

    bed: str
    since: int
    last_alarm: str


@dataclass(frozen=True, slots=True)
class Completeness:
    alarms: Channel
    assignments: Channel
    responses: Channel
    dark: tuple[Dark, ...]
    of_bed: bool
    """Whether the bed in question, if there is one, ever sent an alarm."""
    outside: Spans = ()
    """The gaps before the recording began, after it ended, or in which too few alarms are usual to
    know whether the feed worked. They are no evidence of a fault of the feed.
    """
    why_outside: str = ""

    def is_seen(self, moment: int) -> bool:
        """Whether the alarm feed worked at a moment."""
        return self.alarms.recorded and not any(
            begin <= moment <= end for begin, end in self.alarms.gaps
        )

    def is_nothing_seen(self, question: Question) -> bool:
        """Whether the recording covers no part of the window."""
        return union_of(self.outside, question.begin, question.at) >= question.window

    @property
    def minutes_unseen(self) -> float:
        return sum(end - begin for begin, end in self.alarms.gaps) / MINUTE

    @property
    def gaps_of_feed(self) -> Spans:
        """The gaps without the time outside of the recording."""
        return tuple(
            part for begin, end in self.alarms.gaps for part in _uncovered(self.outside, begin, end)
        )

    @property
    def minutes_of_feed_gaps(self) -> float:
        return sum(end - begin for begin, end in self.gaps_of_feed) / MINUTE


def completeness(
    facts: Facts,
    question: Question,
    policy: Policy,
    finished_only: bool = False,
    goes_on: bool = False,
) -> Completeness:
    """Find what was recorded in the unit's facility up to the moment of the question.

    `finished_only`: the facts lack alarms that had not ended. `goes_on`: the recording continued
    after these facts.
    """
    alarms, roster, responses = facts.alarms, facts.assignments, facts.responses
    unit, begin, at = question.unit, question.begin, question.at
    own = [row for row, name in enumerate(alarms["unit"]) if name == unit]
    times = [alarms["at"][row] for row in own]
    gaps = _merged(silences(alarms["at"], begin, at), silences(times, begin, at))
    outside, why = _outside(facts, times, gaps, question, goes_on) if times else ((), "")
    gaps = _merged(gaps, outside)
    last = dict(zip(roster["assignment_id"], range(len(roster["at"])), strict=True))
    staffed = [
        (start, at + 1 if end is None else end)
        for start, end, name in (
            (roster["start"][row], roster["end"][row], roster["unit"][row]) for row in last.values()
        )
        if name == unit and start <= at and (end is None or end > begin)
    ]
    of_bed = question.bed is None or any(alarms["bed"][row] == question.bed for row in own)
    known = {alarms["alarm_id"][row] for row in own}
    beds = {alarms["bed"][row] for row in own}
    answered = [
        when
        for when, alarm, bed, action in zip(
            responses["at"],
            responses["alarm_id"],
            responses["bed"],
            responses["action"],
            strict=True,
        )
        if when > at - policy.cover and (alarm in known or (alarm is None and bed in beds))
    ]
    return Completeness(
        Channel(
            bool(times),
            gaps if times else ((begin, at),),
            _told(
                not times,
                "alarm load",
                "floods",
                "overload states",
                "signal lost",
                "silenced alarms",
            )
            + _told(bool(times) and bool(gaps), "alarm load during the gaps of the feed")
            + _told(not of_bed, f"bed {question.bed}, of which no alarm was recorded")
            + _told(finished_only, "alarms that had not ended when the archive was written"),
        ),
        Channel(
            bool(staffed),
            _uncovered(staffed, begin, at),
            _told(
                not staffed,
                "load per clinician",
                "protected time",
                "staffing",
                "who had room",
                "moving a bed",
            ),
        ),
        Channel(
            bool(answered),
            (),
            _told(
                not answered,
                "response times",
                "alarms without a response",
                "which alarms needed somebody",
                "silenced alarms",
                "escalation",
            ),
        ),
        tuple(_dark(facts, question, gaps)),
        of_bed,
        outside,
        why,
    )


def _outside(
    facts: Facts, times: Sequence[int], gaps: Spans, question: Question, goes_on: bool
) -> tuple[Spans, str]:
    """The parts of the window in which the alarms of a unit, at `times`, cannot show whether the
    feed worked, and why.
    """
    begin, at = question.begin, question.at
    first = facts.alarms["at"][0]
    latest = max(table["at"][-1] for table in facts.tables.values() if table["at"])
    usual = sum(at - _USUAL - HOUR < one for one in times)
    if first >= at:
        return ((begin, at),), "the records begin with the moment in question"
    if usual < _LEAST_EVENTS:
        few = "no alarm" if not usual else "too few alarms"
        return ((begin, at),), f"{few} of the unit in the day before"
    found, why = [], []
    if first > begin:
        found.append((begin, first))
        why.append(f"the records begin {(first - begin) / MINUTE:.0f} min after the window does")
    if not goes_on and at - latest >= LEAST_GAP and gaps and gaps[-1][1] >= at:
        ends = max(begin, min(latest, at), gaps[-1][0] if latest - gaps[-1][0] < LEAST_GAP else 0)
        found.append((ends, at))
        why.append(
            f"the records end {(at - latest) / MINUTE:.0f} min before the moment in question"
        )
    return tuple(found), "; ".join(why)


def silences(times: Sequence[int], begin: int, end: int) -> Spans:
    """Silences between events at `times` (ascending) that are too long for their usual rate,
    clipped to [begin, end).
    """
    before = [one for one in times if end - _USUAL - HOUR < one <= end]
    if len(before) < 2:
        return ()
    # The rate excludes long silences; otherwise a long silence would itself lower the usual rate.
    steps = [later - earlier for earlier, later in pairwise(before)]
    active = sum(step for step in steps if step < 2 * HOUR) or sum(steps)
    # Events of one alarm come together, so events within a minute count once.
    rate = max(1, sum(step >= MINUTE for step in steps)) / max(active, 1)
    least = max(LEAST_GAP, -log(UNLIKELY) / rate)
    marks = [*before, end]
    return tuple(
        (max(earlier, begin), min(later, end))
        for earlier, later in pairwise(marks)
        if later - earlier >= least and later > begin and earlier < end
    )


def _dark(facts: Facts, question: Question, gaps: Spans) -> list[Dark]:
    """Devices that stopped sending while the feed continued.

    Patients leave and beds stand empty. So for a whole unit, a device counts only if its last alarm
    was about its power.
    """
    alarms = facts.alarms
    begun: dict[tuple[str, str], dict[str, int]] = {}
    last: dict[tuple[str, str], int] = {}
    codes: dict[str, str] = {}
    for at, unit, bed, device, code, alarm in zip(
        *(alarms[name] for name in ("at", "unit", "bed", "device_id", "code", "alarm_id")),
        strict=True,
    ):
        if unit == question.unit and question.bed in (None, bed):
            of_device = begun.setdefault((bed, device), {})
            if alarm in of_device and at - of_device[alarm] > HORIZON:
                del of_device[alarm]  # the id is reused for another alarm
            begun.setdefault((bed, device), {}).setdefault(alarm, at)
            last[bed, device], codes[alarm] = at, code
    found = []
    for (bed, device), starts in sorted(begun.items()):
        since, alarm = last[bed, device], list(starts)[-1]
        warned = _POWER.search(codes[alarm]) is not None
        if (question.bed is None and not warned) or since <= question.at - _USUAL:
            continue
        silent = question.at - since - union_of(gaps, since, question.at)
        times = list(starts.values())
        of_bed = question.bed is not None
        if silent >= max(LEAST_GAP, _longest_likely(times, warned and of_bed)):
            found.append(Dark(bed, since, alarm))
    return found


def _longest_likely(times: Sequence[int], warned: bool) -> float:
    """How long a device may be silent before it counts as fallen silent (ms).

    It depends on the usual rate of alarms, or on the latest rate if that is lower, because another
    patient may lie in the bed. After an alarm about its power, a shorter silence is enough.
    """
    usual = [one for one in times if one > times[-1] - _USUAL]
    if len(usual) < _LATEST:
        return inf
    latest = usual[-_LATEST:]
    step = max((some[-1] - some[0]) / (len(some) - 1) for some in (usual, latest))
    longest = max(later - earlier for earlier, later in pairwise(usual))
    likely = -log(UNLIKELY_AFTER_WARNING if warned else UNLIKELY) * step
    return max(likely, longest if warned else 2 * longest)


def union_of(spans: Sequence[tuple[int, int]], begin: int, end: int) -> int:
    """The total length (ms) of a union of intervals, clipped to [begin, end)."""
    total, last = 0, begin
    for start, stop in sorted(spans):
        start, stop = max(start, last), min(stop, end)
        if stop > start:
            total += stop - start
            last = stop
    return total


def _merged(*several: Spans) -> Spans:
    found: list[tuple[int, int]] = []
    for start, stop in sorted(one for spans in several for one in spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return tuple(found)


def _uncovered(spans: Sequence[tuple[int, int]], begin: int, end: int) -> Spans:
    """The parts of [begin, end) that no span covers."""
    found, last = [], begin
    for start, stop in sorted(spans):
        if start > last:
            found.append((last, min(start, end)))
        last = max(last, stop)
    if last < end:
        found.append((last, end))
    return tuple(one for one in found if one[1] > one[0])


def _told(when: bool, *what: str) -> tuple[str, ...]:
    return what if when else ()
