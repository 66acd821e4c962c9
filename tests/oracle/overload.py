"""The oracle for overload states: it evaluates tick after tick, from the bare list of facts of one
facility. Slow, and without state between calls.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from analyzer.model.facts import Assignment, Fact
from analyzer.model.policy import HOUR, MINUTE, Level, Levels, Policy
from tests.oracle import reference as naive
from tests.oracle.episodes import Episode, episodes, facts_known_at, in_force, winning_assignments
from tests.oracle.samples import Metrics

TEN_MINUTES = 10 * MINUTE


ORDER = ["normal", "elevated", "overloaded"]


@dataclass(frozen=True)
class StateChange:
    """A change of state: `analyzer.Change` in plain tuples; `clinician` is None for units."""

    at: int
    unit: str
    clinician: str | None
    before: str
    after: str
    reasons: tuple[tuple[str, float, str, float], ...]
    top_types: tuple[tuple[tuple[str, str, str], int], ...]
    relief: tuple[object, ...] | None


@dataclass
class _Facility:
    """The facts of a facility, indexed by clinician and unit."""

    alarms: list[Episode]
    assignments: list[Assignment]
    policy: Policy
    _own: dict[str, _Own] = field(default_factory=dict)
    _stretches: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    by_clinician: dict[str, list[Assignment]] = field(default_factory=dict)
    by_unit: dict[str, list[Assignment]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.assignments:
            self.by_clinician.setdefault(one.clinician, []).append(one)
            self.by_unit.setdefault(one.unit, []).append(one)

    def protected(self, clinician: str, at: int) -> tuple[int, int]:
        """As `_protected`, remembered."""
        if (clinician, at) not in self._stretches:
            self._stretches[clinician, at] = _protected(self, clinician, self.of(clinician), at)
        return self._stretches[clinician, at]

    def of(self, clinician: str) -> _Own:
        if clinician not in self._own:
            self._own[clinician] = _Own(
                [alarm for alarm in self.alarms if clinician in alarm.clinicians]
            )
        return self._own[clinician]


class _Own:
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


def metrics(facts: Sequence[Fact], now: int, policy: Policy) -> Metrics:
    """The metrics of the oracle, with the overload states added."""
    found = naive.metrics(facts, now, policy)
    known = changes(facts, now, policy)
    last = {_subject(one): one.after for one in known}
    rise = {one.unit: one for one in known if one.clinician is None and _rises(one)}
    for (name, labels), _ in list(found.items()):
        if name in ("alarm_fatigue_clinician_beds", "alarm_fatigue_unit_beds"):
            level = name.split("_")[2]
            state = last.get((level, dict(labels)[level]), "normal")
            found[f"alarm_fatigue_{level}_overload_state", labels] = float(ORDER.index(state))
            if level == "unit" and state != "normal":
                for measure, value, _, limit in rise[dict(labels)["unit"]].reasons:
                    own = labels | {("measure", measure)}
                    found["alarm_fatigue_unit_overload_reason", own] = value
                    found["alarm_fatigue_unit_overload_limit", own] = limit
    return found


def _subject(one: StateChange) -> tuple[str, str]:
    return ("unit", one.unit) if one.clinician is None else ("clinician", one.clinician)


def _rises(one: StateChange) -> bool:
    return ORDER.index(one.after) > ORDER.index(one.before)


def changes(facts: Sequence[Fact], now: int, policy: Policy) -> list[StateChange]:
    """All changes up to `now`, by time."""
    known = facts_known_at(facts, now)
    every = policy.overload.every
    existing = list(episodes(known, now, policy).values())
    if not existing:
        return []
    alarms = [episode for episode in existing if episode.is_alarm]
    facility = _Facility(alarms, winning_assignments(known), policy)
    first = min(-(-episode.start // every) for episode in existing)
    name = known[0].facility
    clinicians = {one.clinician for one in facility.assignments} | {
        c for episode in alarms for c in episode.clinicians
    }
    units = {one.unit for one in facility.assignments} | {episode.unit for episode in alarms}
    found = []
    ticks = range(first, now // every + 1)
    for is_unit, names in ((False, clinicians), (True, units)):
        for subject in sorted(names):
            found += _changes_of(facility, name, is_unit, subject, ticks)
    return sorted(
        found, key=lambda one: (one.at, one.clinician is None, one.clinician or "", one.unit)
    )


@dataclass(frozen=True)
class StandingState:
    """A state that is not normal at `now`."""

    since: int
    risen_at: int
    holding: tuple[tuple[str, float, str, float], ...]
    relief: tuple[object, ...] | None


def standing(
    facts: Sequence[Fact], now: int, policy: Policy
) -> dict[tuple[str, str], StandingState]:
    """The standing states by ("unit" or "clinician", name).

    `holding` has the values of the last tick, `relief` is as of now.
    """
    known = facts_known_at(facts, now)
    by_subject: dict[tuple[str, str], list[StateChange]] = {}
    for one in changes(facts, now, policy):
        by_subject.setdefault(_subject(one), []).append(one)
    alarms = [episode for episode in episodes(known, now, policy).values() if episode.is_alarm]
    facility = _Facility(alarms, winning_assignments(known), policy)
    tick = now // policy.overload.every * policy.overload.every
    recent, found = [a for a in alarms if now - HOUR < a.start <= now], {}
    for (level, name), own_changes in by_subject.items():
        state = own_changes[-1].after
        if state == "normal":
            continue
        if level == "unit":
            own, unit, giver = _Own([a for a in alarms if a.unit == name]), name, None
            values = _of_unit(facility, name, own, tick)
        else:
            own, giver = _Own([a for a in alarms if name in a.clinicians]), name
            unit = _unit_at(facility, name, now)
            values = _of_clinician(facility, name, own, tick)
        levels = policy.overload.levels(known[0].facility, unit)
        candidates = ["overloaded"] if state == "overloaded" else ["elevated", "overloaded"]
        holding = []
        for measure, value in values.items():
            beyond = [
                one
                for one in candidates
                if _beyond(measure, value, getattr(levels[measure], one), "leave")
            ]
            if beyond:
                limit = getattr(levels[measure], beyond[0]).leave
                holding.append((measure, value, beyond[0], limit))
        risen_at = max(one.at for one in own_changes if _rises(one))
        relief = _relief(facility, unit, giver, now, recent, levels["beds"].elevated)
        found[level, name] = StandingState(own_changes[-1].at, risen_at, tuple(holding), relief)
    return found


def _changes_of(
    facility: _Facility, name: str, is_unit: bool, subject: str, ticks: range
) -> list[StateChange]:
    """The changes of one clinician or unit of the facility called `name`."""
    policy = facility.policy.overload
    hold, cool_down = policy.hold // policy.every, policy.cool_down // policy.every
    own = _Own(
        [a for a in facility.alarms if (a.unit == subject if is_unit else subject in a.clinicians)]
    )
    history: list[dict[str, bool]] = []
    state, found, drivers = "normal", [], set[str]()
    for tick in ticks:
        at = tick * policy.every
        unit = subject if is_unit else _unit_at(facility, subject, at)
        values = (_of_unit if is_unit else _of_clinician)(facility, subject, own, at)
        levels = policy.levels(name, unit)
        history.append(_crossed(values, levels))

        def held(limit: str) -> bool:
            return len(history) > hold and all(one[limit] for one in history[-hold - 1 :])

        def cool(limit: str) -> bool:
            return not any(one[limit] for one in history[-cool_down - 1 :])

        before = state
        if held("enter overloaded") or (before == "overloaded" and not cool("leave overloaded")):
            state = "overloaded"
        elif (before == "normal" and held("enter elevated")) or (
            before != "normal" and not cool("leave elevated")
        ):
            state = "elevated"
        else:
            state = "normal"
        if state == before:
            continue
        rising = ORDER.index(state) > ORDER.index(before)
        reasons = _reasons(values, levels, state, rising, drivers)
        if rising:
            drivers = {one[0] for one in reasons}
        types = Counter((a.device_type, a.source, a.code) for a in own.begun(at - HOUR, at))
        ranked = sorted(types.items(), key=lambda item: (-item[1], item[0]))[:3]
        relief = None
        if rising:
            recent = [a for a in facility.alarms if at - HOUR < a.start <= at]
            giver = None if is_unit else subject
            relief = _relief(facility, unit, giver, at, recent, levels["beds"].elevated)
        found.append(
            StateChange(
                at=at,
                unit=unit,
                clinician=None if is_unit else subject,
                before=before,
                after=state,
                reasons=tuple(reasons),
                top_types=tuple(ranked),
                relief=relief,
            )
        )
    return found


def _crossed(values: dict[str, float], levels: dict[str, Levels]) -> dict[str, bool]:
    """Whether any measure is beyond a limit of elevated (or of overloaded), or of overloaded."""
    found = {}
    for edge in ("enter", "leave"):
        elevated, overloaded = (
            any(_beyond(m, values[m], getattr(levels[m], state), edge) for m in values)
            for state in ("elevated", "overloaded")
        )
        found[f"{edge} elevated"] = elevated or overloaded
        found[f"{edge} overloaded"] = overloaded
    return found


def _reasons(
    values: dict[str, float],
    levels: dict[str, Levels],
    state: str,
    rising: bool,
    drivers: set[str],
) -> list[tuple[str, float, str, float]]:
    """Rising: the limits crossed. Falling: the limits that `drivers`, which raised the state, are
    within again.
    """
    found: list[tuple[str, float, str, float]] = []
    for measure, value in values.items():
        if math.isnan(value):
            continue
        both = [(one, getattr(levels[measure], one)) for one in ("overloaded", "elevated")]
        if rising:
            above = [
                (measure, value, one, level.enter)
                for one, level in both
                if _beyond(measure, value, level, "enter")
            ]
            found += above[:1]
        elif measure in drivers:
            within = [
                (measure, value, one, level.leave)
                for one, level in both
                if level is not None and (one == "overloaded" or state == "normal")
            ]
            found += within[:1]
    return found


def _beyond(measure: str, value: float, level: Level | None, edge: str) -> bool:
    if level is None or math.isnan(value):
        return False
    limit = getattr(level, edge)
    return value < limit if measure == "protected_1h" else value > limit


def _of_clinician(facility: _Facility, clinician: str, own: _Own, at: int) -> dict[str, float]:
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


def _of_unit(facility: _Facility, unit: str, own: _Own, at: int) -> dict[str, float]:
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


def _protected(facility: _Facility, clinician: str, own: _Own, at: int) -> tuple[int, int]:
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


def _unit_at(facility: _Facility, clinician: str, at: int) -> str:
    """The unit of the assignment that began last; "" if there is none within the horizon."""
    begun = [
        one
        for one in facility.by_clinician.get(clinician, ())
        if one.start <= at and (one.end is None or one.end > at - facility.policy.horizon)
    ]
    return min(begun, key=lambda one: (-one.start, one.unit)).unit if begun else ""


def _relief(
    facility: _Facility,
    unit: str,
    giver: str | None,
    at: int,
    recent: list[Episode],
    limit: Level | None,
) -> tuple[object, ...] | None:
    """The best move: tries every bed of the giver with every colleague who may take a bed."""
    here = [one for one in facility.assignments if one.unit == unit and in_force(one, at)]
    beds: dict[str, set[str]] = {}
    for one in here:
        beds.setdefault(one.clinician, set()).add(one.bed)

    def load(clinician: str) -> int:
        return sum(clinician in alarm.clinicians for alarm in recent)

    if len(beds) < 2:
        return None
    if giver is None:
        giver = min(beds, key=lambda one: (-load(one), one))
    options = []
    for bed in beds.get(giver, ()):
        at_bed = [
            alarm
            for alarm in recent
            if (alarm.unit, alarm.bed) == (unit, bed) and giver in alarm.clinicians
        ]
        for taker in set(beds) - {giver}:
            if bed in beds[taker] or (limit is not None and len(beds[taker]) + 1 > limit.enter):
                continue
            left = load(giver) - len(at_bed)
            taken = load(taker) + len([alarm for alarm in at_bed if taker not in alarm.clinicians])
            if max(left, taken) < load(giver):
                move = (
                    bed,
                    giver,
                    (load(giver), left),
                    taker,
                    (load(taker), taken),
                    len(beds[taker]) + 1,
                )
                rank = (max(left, taken), left + taken, len(beds[taker]), bed, taker)
                options.append((rank, move))
    return min(options)[1] if options else None
