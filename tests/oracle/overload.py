"""The oracle for overload states: tick by tick, from the bare list of facts of one facility. Slow,
and without memory.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from analyzer.model.facts import Assignment, Fact
from analyzer.model.policy import HOUR, MINUTE, Level, Policy
from tests.oracle import reference as naive
from tests.oracle.reference import (
    Episode,
    Metrics,
    _in_force,
    _known,
    _winning_assignments,
    episodes,
)

TEN_MINUTES = 10 * MINUTE


@dataclass(frozen=True)
class Turned:
    """A change of state, as far as numbers go: `clinician` None for units."""

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

    def protected(self, who: str, at: int) -> tuple[int, int]:
        if (who, at) not in self._stretches:
            self._stretches[who, at] = _protected(self, who, self.of(who), at)
        return self._stretches[who, at]

    def of(self, clinician: str) -> _Own:
        if clinician not in self._own:
            self._own[clinician] = _Own(
                [alarm for alarm in self.alarms if clinician in alarm.clinicians]
            )
        return self._own[clinician]


class _Own:
    """The alarms of one clinician or unit, by start, so that those of an hour can be cut out."""

    def __init__(self, alarms: list[Episode]) -> None:
        self.alarms = sorted(alarms, key=lambda alarm: alarm.start)
        self.starts = [alarm.start for alarm in self.alarms]

    def begun(self, since: int, until: int) -> list[Episode]:
        """Those that start in (since, until]."""
        return self.alarms[bisect_right(self.starts, since) : bisect_right(self.starts, until)]

    def unanswered(self, at: int) -> float:
        return float(
            len(
                [
                    alarm
                    for alarm in self.alarms[: bisect_right(self.starts, at)]
                    if _unanswered(alarm, at)
                ]
            )
        )


def metrics(facts: Sequence[Fact], now: int, policy: Policy) -> Metrics:
    """`naive.metrics` and the overload states beside it."""
    found = naive.metrics(facts, now, policy)
    turned = changes(facts, now, policy)
    last = {
        ("unit", one.unit) if one.clinician is None else ("clinician", one.clinician): one.after
        for one in turned
    }
    order = ["normal", "elevated", "overloaded"]
    rise = {
        one.unit: one
        for one in turned
        if one.clinician is None and order.index(one.after) > order.index(one.before)
    }
    for (name, labels), _ in list(found.items()):
        if name in ("alarm_fatigue_clinician_beds", "alarm_fatigue_unit_beds"):
            level = name.split("_")[2]
            state = last.get((level, dict(labels)[level]), "normal")
            found[f"alarm_fatigue_{level}_overload_state", labels] = float(order.index(state))
            if level == "unit" and state != "normal":
                for measure, figure, _, limit in rise[dict(labels)["unit"]].reasons:
                    found["alarm_fatigue_unit_overload_reason", labels | {("measure", measure)}] = (
                        figure
                    )
                    found["alarm_fatigue_unit_overload_limit", labels | {("measure", measure)}] = (
                        limit
                    )
    return found


def changes(facts: Sequence[Fact], now: int, policy: Policy) -> list[Turned]:
    """Every change up to `now`, by time; `states` are those that it leads to."""
    known = _known(facts, now)
    every = policy.overload.every
    existing = list(episodes(known, now, policy).values())
    if not existing:
        return []
    alarms = [episode for episode in existing if episode.is_alarm]
    facility = _Facility(alarms, _winning_assignments(known), policy)
    first = min(-(-episode.start // every) for episode in existing)
    name = known[0].facility
    clinicians = {one.clinician for one in facility.assignments} | {
        c for episode in alarms for c in episode.clinicians
    }
    units = {one.unit for one in facility.assignments} | {episode.unit for episode in alarms}
    found = []
    for is_unit, who in [(False, one) for one in sorted(clinicians)] + [
        (True, one) for one in sorted(units)
    ]:
        found += _changes_of(facility, name, is_unit, who, range(first, now // every + 1))
    return sorted(
        found, key=lambda one: (one.at, one.clinician is None, one.clinician or "", one.unit)
    )


@dataclass(frozen=True)
class Stands:
    """A state that is not normal, as it stands at `now`."""

    since: int
    rose: int
    holding: tuple[tuple[str, float, str, float], ...]
    relief: tuple[object, ...] | None


def standing(facts: Sequence[Fact], now: int, policy: Policy) -> dict[tuple[str, str], Stands]:
    """By ("unit" or "clinician", name).

    Figures are those of the last tick, the suggestion is of now.
    """
    known, order = _known(facts, now), ["normal", "elevated", "overloaded"]
    of: dict[tuple[str, str], list[Turned]] = {}
    for one in changes(facts, now, policy):
        of.setdefault(
            ("unit", one.unit) if one.clinician is None else ("clinician", one.clinician), []
        ).append(one)
    alarms = [episode for episode in episodes(known, now, policy).values() if episode.is_alarm]
    facility, tick = (
        _Facility(alarms, _winning_assignments(known), policy),
        now // policy.overload.every * policy.overload.every,
    )
    recent, found = [a for a in alarms if now - HOUR < a.start <= now], {}
    for (level, who), turned in of.items():
        if turned[-1].after == "normal":
            continue
        own = _Own(
            [a for a in alarms if (a.unit == who if level == "unit" else who in a.clinicians)]
        )
        figures = (
            _of_unit(facility, who, own, tick)
            if level == "unit"
            else _of_clinician(facility, who, own, tick)
        )
        unit = who if level == "unit" else _unit_at(facility, who, now)
        levels, asked = (
            policy.overload.levels(known[0].facility, unit),
            order[order.index(turned[-1].after) :],
        )
        if turned[-1].after == "overloaded":
            asked = ["overloaded"]
        holding = []
        for measure, figure in figures.items():
            beyond = [
                one
                for one in asked
                if _beyond(measure, figure, getattr(levels[measure], one), "leave")
            ]
            holding += (
                [(measure, figure, beyond[0], getattr(levels[measure], beyond[0]).leave)]
                if beyond
                else []
            )
        rose = max(one.at for one in turned if order.index(one.after) > order.index(one.before))
        giver = None if level == "unit" else who
        relief = _relief(facility, unit, giver, now, recent, levels["beds"].elevated)
        found[level, who] = Stands(turned[-1].at, rose, tuple(holding), relief)
    return found


def _changes_of(
    facility: _Facility, name: str, is_unit: bool, who: str, ticks: range
) -> list[Turned]:
    policy = facility.policy.overload
    hold, cool_down = policy.hold // policy.every, policy.cool_down // policy.every
    own = _Own([a for a in facility.alarms if (a.unit == who if is_unit else who in a.clinicians)])
    history: list[dict[str, bool]] = []
    state, found, drivers = "normal", [], set[str]()
    for tick in ticks:
        at = tick * policy.every
        figures = (
            _of_unit(facility, who, own, at) if is_unit else _of_clinician(facility, who, own, at)
        )
        unit = who if is_unit else _unit_at(facility, who, at)
        levels = policy.levels(name, unit)
        beyond = {
            (one, edge): [
                m for m in figures if _beyond(m, figures[m], getattr(levels[m], one), edge)
            ]
            for one in ("elevated", "overloaded")
            for edge in ("enter", "leave")
        }
        history.append(
            {
                "enter elevated": bool(
                    beyond["elevated", "enter"] or beyond["overloaded", "enter"]
                ),
                "enter overloaded": bool(beyond["overloaded", "enter"]),
                "stay elevated": bool(beyond["elevated", "leave"] or beyond["overloaded", "leave"]),
                "stay overloaded": bool(beyond["overloaded", "leave"]),
            }
        )

        def held(what: str) -> bool:
            return len(history) > hold and all(one[what] for one in history[-hold - 1 :])

        def cool(what: str) -> bool:
            return not any(one[what] for one in history[-cool_down - 1 :])

        before = state
        if held("enter overloaded") or (before == "overloaded" and not cool("stay overloaded")):
            state = "overloaded"
        elif (before == "normal" and held("enter elevated")) or (
            before != "normal" and not cool("stay elevated")
        ):
            state = "elevated"
        else:
            state = "normal"
        if state == before:
            continue
        order = ["normal", "elevated", "overloaded"]
        rising = order.index(state) > order.index(before)
        reasons = []
        for measure, figure in figures.items():
            if math.isnan(figure):
                continue
            levels_of = [(one, getattr(levels[measure], one)) for one in ("overloaded", "elevated")]
            if rising:
                above = [
                    (measure, figure, one, level.enter)
                    for one, level in levels_of
                    if _beyond(measure, figure, level, "enter")
                ]
                reasons += above[:1]
            elif measure in drivers:
                within = [
                    (measure, figure, one, level.leave)
                    for one, level in levels_of
                    if level is not None
                ]
                if state == "elevated":
                    within = [one for one in within if one[2] == "overloaded"]
                reasons += within[:1]
        if rising:
            drivers = {one[0] for one in reasons}
        recent = [a for a in facility.alarms if at - HOUR < a.start <= at]
        types = Counter((a.device_type, a.source, a.code) for a in own.begun(at - HOUR, at))
        ranked = sorted(types.items(), key=lambda item: (-item[1], item[0]))[:3]
        relief = (
            _relief(facility, unit, None if is_unit else who, at, recent, levels["beds"].elevated)
            if rising
            else None
        )
        found.append(
            Turned(
                at,
                unit,
                None if is_unit else who,
                before,
                state,
                tuple(reasons),
                tuple(ranked),
                relief,
            )
        )
    return found


def _beyond(measure: str, figure: float, level: Level | None, edge: str) -> bool:
    if level is None or math.isnan(figure):
        return False
    limit = getattr(level, edge)
    return figure < limit if measure == "protected_1h" else figure > limit


def _of_clinician(facility: _Facility, who: str, own: _Own, at: int) -> dict[str, float]:
    free, duty = facility.protected(who, at)
    beds = {(one.unit, one.bed) for one in facility.by_clinician.get(who, ()) if _in_force(one, at)}
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
    """Those of the average clinician on duty there; of nobody, as if there were one."""
    here = [one for one in facility.by_unit.get(unit, ()) if _in_force(one, at)]
    staff = {one.clinician for one in here}
    people = max(len(staff), 1)
    stretches = [facility.protected(who, at) for who in staff]
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
    """It sounds, and nobody has responded."""
    if alarm.start > at or (alarm.end is not None and alarm.end <= at):
        return False
    return alarm.first_response is None or max(alarm.first_response, alarm.start) > at


def _protected(facility: _Facility, who: str, own: _Own, at: int) -> tuple[int, int]:
    """Of the hour up to `at`: ms of duty in pieces of 5 min or more between alarms, and ms of duty."""
    duty = _union(
        [
            (max(one.start, at - HOUR), at if one.end is None else min(one.end, at))
            for one in facility.by_clinician.get(who, ())
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


def _unit_at(facility: _Facility, who: str, at: int) -> str:
    begun = [
        one
        for one in facility.by_clinician.get(who, ())
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
    """Every bed of the giver with every colleague who has room, tried."""
    here = [one for one in facility.assignments if one.unit == unit and _in_force(one, at)]
    beds: dict[str, set[str]] = {}
    for one in here:
        beds.setdefault(one.clinician, set()).add(one.bed)

    def load(who: str) -> int:
        return len([alarm for alarm in recent if who in alarm.clinicians])

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
                told = (
                    bed,
                    giver,
                    (load(giver), left),
                    taker,
                    (load(taker), taken),
                    len(beds[taker]) + 1,
                )
                options.append(
                    ((max(left, taken), left + taken, len(beds[taker]), bed, taker), told)
                )
    return min(options)[1] if options else None
