"""Effects: the burden of alarms on those who answer them, over any length of time, before and after
a change.

The functions of the live gauges (`windows.flood`, `windows.duty`, `windows.lengths`) are applied
once to the whole time. The results are pooled over all clinicians, and never name a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analyzer.arrays import Flags, Numbers
from analyzer.columns.segments import Axis
from analyzer.model.facts import Assignment
from analyzer.model.policy import FLOOD_INTERVAL, HOUR
from analyzer.pipeline.roster import pairs
from analyzer.whatif.episode_table import Recorded
from analyzer.whatif.levers import Fates
from analyzer.windows.duty import protected, stretches
from analyzer.windows.flood import BEGINS_ABOVE, flood_ratio
from analyzer.windows.lengths import covered_length

HEAVY_HOUR = 30
"""More alarms than this in an hour are over-demanding (EEMUA-191: one in 2 min)."""

Duty = tuple[Numbers, Numbers, Numbers]
"""The result of `duty.stretches`: begin, end (ms since 1970) and number in `Recorded.clinicians`,
disjoint and sorted.
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """The burden of all clinicians together. Durations are in ms; NaN: no hours of duty."""

    alarms: int
    """Attributed alarms: one of two clinicians counts for both."""
    duty: int
    sounding: int
    """The time in which any alarm of theirs sounded."""
    flood: int
    """In a flood (ISA-18.2)."""
    protected: int
    """On duty, in alarm-free stretches of 5 min or more."""
    busy_intervals: int
    """10-minute intervals with more than 10 alarms, of `intervals`."""
    intervals: int
    heavy_hours: int
    """Hours with more than `HEAVY_HOUR` alarms, of `hours`."""
    hours: int
    per_hour: tuple[float, float, float]
    """Alarms per hour of duty: median, ninth decile and maximum."""


def duty_by_alarms(recorded: Recorded) -> Duty:
    """A substitute for a roster: each clinician is on duty in the clock hours with an alarm of
    theirs.
    """
    which, who = pairs(recorded.teams, recorded.team)
    hours = int(recorded.start.max(initial=0)) // HOUR + 1
    found = np.unique(who * hours + recorded.start[which] // HOUR)
    begin = found % hours * HOUR
    return stretches(begin, begin + HOUR, found // hours)


def duty_by_roster(recorded: Recorded, assignments: Iterable[Assignment]) -> Duty:
    """When the clinicians who had alarms were on duty, by the latest record of each assignment and
    within the recorded time.
    """
    latest: dict[tuple[str, str], Assignment] = {}
    for one in assignments:
        key = one.facility, one.assignment_id
        if key not in latest or latest[key].order < one.order:
            latest[key] = one
    known = {
        (recorded.facilities[facility], name): number
        for number, (facility, name) in enumerate(recorded.clinicians)
    }
    begin, last = recorded.span
    spans = [
        (
            max(one.start, begin),
            last if one.end is None else min(one.end, last),
            known[one.facility, one.clinician],
        )
        for one in latest.values()
        if (one.facility, one.clinician) in known
    ]
    starts, ends, who = (
        np.array([one for one in spans if one[0] < one[1]], dtype=np.int64).reshape(-1, 3).T
    )
    return stretches(starts, ends, who)


def workload(recorded: Recorded, sounds: Flags, start: Numbers, duty: Duty) -> Workload:
    """The burden of the alarms that sound, each from `start` (ms) on, in the hours of `duty`."""
    begin, last = recorded.span
    if len(duty[0]):
        begin, last = min(begin, int(duty[0].min())), max(last, int(duty[1].max()))
    now, length, people = last + 1, last + 2 - begin, len(recorded.clinicians)
    rows = np.flatnonzero(sounds)
    which, who = pairs(recorded.teams, recorded.team[rows])
    begins, ends = (
        np.minimum(start[rows], last)[which] - now,
        np.minimum(recorded.end[rows], last)[which] - now,
    )
    order = np.argsort(who * (length + 1) + begins + length, kind="stable")
    begins, ends, who = begins[order], np.maximum(ends, begins)[order], who[order]
    relative = duty[0] - now, duty[1] - now, duty[2]
    on_duty = np.bincount(duty[2], weights=duty[1] - duty[0], minlength=people)
    free = np.nan_to_num(protected(relative, begins, who, people, (length,))[:, 0]) * on_duty
    flooded = flood_ratio(begins, who, people, (length,))[:, 0] * length
    intervals, busy = _counted(duty, who, begins + now, FLOOD_INTERVAL)
    hours, per_hour = _counted(duty, who, begins + now, HOUR)
    return Workload(
        alarms=len(who),
        duty=int((duty[1] - duty[0]).sum()),
        sounding=int(covered_length(begins, ends, who, people, (length,)).sum()),
        flood=round(flooded.sum()),
        protected=round(free.sum()),
        busy_intervals=int((busy > BEGINS_ABOVE).sum()),
        intervals=intervals,
        heavy_hours=int((per_hour > HEAVY_HOUR).sum()),
        hours=hours,
        per_hour=_spread(per_hour, hours),
    )


def workload_before_after(
    recorded: Recorded, rows: Numbers, found: Fates, duty: Duty
) -> tuple[Workload, Workload]:
    """The burden of all recorded alarms, as they were, and with the fates of `rows`."""
    everything = np.ones(len(recorded), dtype=np.bool_)
    sounds, start = everything.copy(), recorded.start.copy()
    sounds[rows] = found.sounds
    start[rows] = np.minimum(start[rows] + np.maximum(found.late_by, 0), recorded.end[rows])
    before = workload(recorded, everything, recorded.start, duty)
    return before, workload(recorded, sounds, start, duty)


def _counted(duty: Duty, who: Numbers, start: Numbers, interval: int) -> tuple[int, Numbers]:
    """The number of clock intervals with duty, and the alarms in each of them that has any."""
    first, beyond = duty[0] // interval, -(-duty[1] // interval)
    least, most = (
        int(first.min(initial=0)),
        int(max(beyond.max(initial=0), (start // interval).max(initial=0) + 1)),
    )
    axis = Axis(least, most)
    # Runs of slots instead of slots, as one stray alarm may stretch a duty over many years.
    begin, end, _ = stretches(axis.at(duty[2], first), axis.at(duty[2], beyond), duty[2])
    keys, counts = np.unique(axis.at(who, start // interval), return_counts=True)
    run = np.searchsorted(begin, keys, side="right") - 1
    inside = (run >= 0) & (keys < np.append(end, 0)[run])
    return int((end - begin).sum()), counts[inside]


def _spread(counts: Numbers, hours: int) -> tuple[float, float, float]:
    """Median, ninth decile and maximum of `counts`, padded with zeros to `hours`."""
    if not hours:
        return np.nan, np.nan, np.nan
    ordered = np.sort(counts)
    silent = hours - len(ordered)

    def at(share: float) -> float:
        index = max(int(np.ceil(share * hours)) - 1, 0) - silent
        return float(ordered[index]) if index >= 0 else 0.0

    return at(0.5), at(0.9), at(1.0)
