"""The oracle for loads: what one clinician or unit has to answer at a moment, from the bare list of
facts of one facility.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from analyzer.model.facts import Assignment, Fact
from analyzer.model.policy import HOUR, MINUTE, Level, Levels, Policy
from tests.oracle.episodes import Episode, episodes, in_force, winning_assignments

TEN_MINUTES = 10 * MINUTE


ORDER = ["normal", "elevated", "overloaded"]


@dataclass
class Facility:
    """The facts of a facility, indexed by clinician and unit."""

    name: str
    alarms: list[Episode]
    assignments: list[Assignment]
    policy: Policy
    _own: dict[str, Own] = field(default_factory=dict)
    _stretches: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    by_clinician: dict[str, list[Assignment]] = field(default_factory=dict)
    by_unit: dict[str, list[Assignment]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.assignments:
            self.by_clinician.setdefault(one.clinician, []).append(one)
            self.by_unit.setdefault(one.unit, []).append(one)

    def protected(self, clinician: str, at: int) -> tuple[int, int]:
        """As `protected`, remembered."""
        if (clinician, at) not in self._stretches:
            self._stretches[clinician, at] = protected(self, clinician, self.of(clinician), at)
        return self._stretches[clinician, at]

    def of(self, clinician: str) -> Own:
        if clinician not in self._own:
            self._own[clinician] = Own(
                [alarm for alarm in self.alarms if clinician in alarm.clinicians]
            )
        return self._own[clinician]


class Own:
    """The alarms of one clinician or unit, by start."""

    def __init__(self, alarms: list[Episode]) -> None:
        self.alarms = sorted(alarms, key=lambda alarm: alarm.start)
        self.starts = [alarm.start for alarm in self.alarms]

    def begun(self, since: int, until: int) -> list[Episode]:
        """The alarms that start in (since, until]."""
        return self.alarms[bisect_right(self.starts, since) : bisect_right(self.starts, until)]

    def unanswered(self, at: int) -> float:
        started = self.alarms[: bisect_right(self.starts, at)]
        return float(sum(_unanswered(alarm, at) for alarm in started))


def facility_of(known: Sequence[Fact], now: int, policy: Policy) -> Facility:
    alarms = [episode for episode in episodes(known, now, policy).values() if episode.is_alarm]
    name = known[0].facility if known else ""
    return Facility(name, alarms, winning_assignments(known), policy)


def crossed(values: dict[str, float], levels: dict[str, Levels]) -> dict[str, bool]:
    """Whether any measure is beyond a limit of elevated (or of overloaded), or of overloaded."""
    found = {}
    for edge in ("enter", "leave"):
        elevated, overloaded = (
            any(is_beyond(m, values[m], getattr(levels[m], state), edge) for m in values)
            for state in ("elevated", "overloaded")
        )
        found[f"{edge} elevated"] = elevated or overloaded
        found[f"{edge} overloaded"] = overloaded
    return found


def is_beyond(measure: str, value: float, level: Level | None, edge: str) -> bool:
    if level is None or math.isnan(value):
        return False
    limit = getattr(level, edge)
    return value < limit if measure == "protected_1h" else value > limit


def of_clinician(facility: Facility, clinician: str, own: Own, at: int) -> dict[str, float]:
    free, duty = facility.protected(clinician, at)
    assigned = facility.by_clinician.get(clinician, ())
    beds = {(one.unit, one.bed) for one in assigned if in_force(one, at)}
    return {
        "alarms_10m": float(len(own.begun(at - TEN_MINUTES, at))),
        "alarms_1h": float(len(own.begun(at - HOUR, at))),
        "protected_1h": free / duty
        if duty >= max(facility.policy.overload.protected_duty, 1)
        else math.nan,
        "unanswered": own.unanswered(at),
        "beds": float(len(beds)),
    }


def of_unit(facility: Facility, unit: str, own: Own, at: int) -> dict[str, float]:
    """Averages per clinician on duty; with no one on duty, divided by one."""
    here = [one for one in facility.by_unit.get(unit, ()) if in_force(one, at)]
    staff = {one.clinician for one in here}
    people = max(len(staff), 1)
    stretches = [facility.protected(clinician, at) for clinician in staff]
    stretches = [
        (free, duty) for free, duty in stretches if duty >= facility.policy.overload.protected_duty
    ]
    duty = sum(duty for _, duty in stretches)
    return {
        "alarms_10m": len(own.begun(at - TEN_MINUTES, at)) / people,
        "alarms_1h": len(own.begun(at - HOUR, at)) / people,
        "protected_1h": sum(free for free, _ in stretches) / duty if duty > 0 else math.nan,
        "unanswered": own.unanswered(at) / people,
        "beds": len({one.bed for one in here}) / people,
    }


def _unanswered(alarm: Episode, at: int) -> bool:
    """Whether the alarm sounds, and had no response yet."""
    if alarm.start > at or (alarm.end is not None and alarm.end <= at):
        return False
    return alarm.first_response is None or max(alarm.first_response, alarm.start) > at


def protected(facility: Facility, clinician: str, own: Own, at: int) -> tuple[int, int]:
    """The duty in the hour up to `at`: ms in pieces of at least 5 min between alarms, and total."""
    duty = _union(
        [
            (max(one.start, at - HOUR), at if one.end is None else min(one.end, at))
            for one in facility.by_clinician.get(clinician, ())
        ]
    )
    starts = [alarm.start for alarm in own.begun(at - HOUR, at)]
    free = 0
    for begin, end in duty:
        cuts = [begin, *(start for start in starts if begin < start < end), end]
        free += sum(
            after - before for before, after in pairwise(cuts) if after - before >= 5 * MINUTE
        )
    return free, sum(end - begin for begin, end in duty)


def _union(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(one for one in intervals if one[1] > one[0]):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((begin, end))
    return merged


def unit_at(facility: Facility, clinician: str, at: int) -> str:
    """The unit of the assignment that began last; "" if there is none within the horizon."""
    begun = [
        one
        for one in facility.by_clinician.get(clinician, ())
        if one.start <= at and (one.end is None or one.end > at - facility.policy.horizon)
    ]
    return min(begun, key=lambda one: (-one.start, one.unit)).unit if begun else ""
