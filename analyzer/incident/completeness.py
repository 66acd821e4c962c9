"""Completeness: which channels were recorded around a moment, where they have gaps, and what cannot
be told because of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

from analyzer.incident.facts import Facts
from analyzer.incident.question import Question
from analyzer.model.policy import HOUR, MINUTE, Policy

LEAST_GAP = 10 * MINUTE
"""A shorter silence is no gap (our own: an ISA-18.2 interval)."""
UNLIKELY = 1e-6
"""A silence is a gap if so long a one is less likely than this at the usual rate (our own; alarms
come in bursts, so a rate promises less than that of independent events).
"""
_USUAL = 24 * HOUR
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of fact. `gaps`: [from, to) within the window (ms)."""

    recorded: bool
    gaps: Spans
    not_assessable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Completeness:
    alarms: Channel
    assignments: Channel
    responses: Channel
    dark_beds: tuple[tuple[str, int], ...]
    """Beds that fell silent though they had alarms before, and since when (ms)."""

    def is_seen(self, moment: int) -> bool:
        """Whether the alarm feed was there at a moment."""
        return self.alarms.recorded and not any(
            begin <= moment < end for begin, end in self.alarms.gaps
        )

    @property
    def seconds_unseen(self) -> float:
        return sum(end - begin for begin, end in self.alarms.gaps) / 1000


def completeness(
    facts: Facts, question: Question, policy: Policy, finished_only: bool = False
) -> Completeness:
    """What is recorded of the unit's facility up to the moment of the question.

    `finished_only`: alarms that had not ended are not among the facts.
    """
    alarms, roster, responses = facts.alarms, facts.assignments, facts.responses
    unit, begin, at = question.unit, question.begin, question.at
    own = [row for row, name in enumerate(alarms["unit"]) if name == unit]
    times = [alarms["at"][row] for row in own]
    gaps = _merged(silences(alarms["at"], begin, at), silences(times, begin, at))
    staffed = [
        (start, at + 1 if end is None else end)
        for start, end, name in zip(roster["start"], roster["end"], roster["unit"], strict=True)
        if name == unit and start <= at and (end is None or end > begin)
    ]
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
    )


def silences(times: Sequence[int], begin: int, end: int) -> Spans:
    """Silences of the events at `times` (ascending) that are too long for their usual rate,
    clipped to [begin, end).
    """
    before = [one for one in times if end - _USUAL - HOUR < one <= end]
    if len(before) < 2:
        return ()
    # The rate of the time in which it sent: a long silence does not make itself usual.
    steps = [later - earlier for earlier, later in pairwise(before)]
    active = sum(step for step in steps if step < 2 * HOUR) or sum(steps)
    rate = len(steps) / max(active, 1)
    least = max(LEAST_GAP, -log(UNLIKELY) / rate)
    marks = [*before, end]
    return tuple(
        (max(earlier, begin), min(later, end))
        for earlier, later in pairwise(marks)
        if later - earlier >= least and later > begin and earlier < end
    )


def _dark(facts: Facts, question: Question, gaps: Spans) -> list[tuple[str, int]]:
    """Beds that fell silent while the feed went on."""
    alarms = facts.alarms
    by_bed: dict[str, list[int]] = {}
    for at, unit, bed in zip(alarms["at"], alarms["unit"], alarms["bed"], strict=True):
        if unit == question.unit and question.bed in (None, bed):
            by_bed.setdefault(bed, []).append(at)
    found = []
    for bed, times in sorted(by_bed.items()):
        silent = silences(times, question.begin, question.at)
        if silent and silent[-1][1] == question.at and times[-1] < question.at:
            unseen = union_of([*gaps], times[-1], question.at)
            if question.at - times[-1] - unseen >= LEAST_GAP:
                found.append((bed, times[-1]))
    return found


def union_of(spans: Sequence[tuple[int, int]], begin: int, end: int) -> int:
    """The length of a union of intervals, clipped to [begin, end)."""
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
