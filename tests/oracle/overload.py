"""The oracle for overload states: it evaluates tick after tick, from the bare list of facts of one
facility. Slow, and without state between calls.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from analyzer.model.facts import Fact
from analyzer.model.policy import HOUR, Levels, Policy
from tests.oracle import reference as naive
from tests.oracle.episodes import episodes, facts_known_at, in_force
from tests.oracle.leaving import OneReason, left_at, trailing
from tests.oracle.loads import (
    ORDER,
    Facility,
    Own,
    crossed,
    facility_of,
    is_beyond,
    of_clinician,
    of_unit,
    unit_at,
)
from tests.oracle.relief import relief_at
from tests.oracle.samples import Metrics


@dataclass(frozen=True)
class StateChange:
    """A change of state: `analyzer.Change` in plain tuples; `clinician` is None for units."""

    at: int
    unit: str
    clinician: str | None
    before: str
    after: str
    reasons: tuple[OneReason, ...]
    top_types: tuple[tuple[tuple[str, str, str], int], ...]
    relief: tuple[object, ...] | None


def metrics(facts: Sequence[Fact], now: int, policy: Policy) -> Metrics:
    """The metrics of the oracle, with the overload states added."""
    found = naive.metrics(facts, now, policy)
    known = changes(facts, now, policy)
    facility = facility_of(facts_known_at(facts, now), now, policy)
    last = {_subject(one): one.after for one in known}
    rise = {one.unit: one for one in known if one.clinician is None and _rises(one)}
    present = standing(facts, now, policy)
    for (name, labels), _ in list(found.items()):
        if name in ("alarm_fatigue_clinician_beds", "alarm_fatigue_unit_beds"):
            level = name.split("_")[2]
            state = last.get((level, dict(labels)[level]), "normal")
            found[f"alarm_fatigue_{level}_overload_state", labels] = float(ORDER.index(state))
            if level == "unit" and state != "normal":
                for measure, value, _, limit, *_ in rise[dict(labels)["unit"]].reasons:
                    own = labels | {("measure", measure)}
                    found["alarm_fatigue_unit_overload_reason", own] = value
                    found["alarm_fatigue_unit_overload_limit", own] = limit
                one = present["unit", dict(labels)["unit"]]
                since = "alarm_fatigue_unit_overload_since_timestamp_seconds"
                found[since, labels] = one.since / 1000
                for measure, value, *_ in one.leaving:
                    if not math.isnan(value):
                        own = labels | {("measure", measure)}
                        found["alarm_fatigue_unit_overload_present", own] = value
            if level == "unit":
                found |= _relief_metrics(facility, dict(labels)["unit"], labels, now, state, last)
    return found


def _relief_metrics(
    facility: Facility,
    unit: str,
    labels: frozenset[tuple[str, str]],
    now: int,
    state: str,
    last: dict[tuple[str, str], str],
) -> Metrics:
    """Absent where neither the unit nor anybody on duty is strained."""

    def state_of(clinician: str) -> str:
        return last.get(("clinician", clinician), "normal")

    on_duty = {one.clinician for one in facility.by_unit.get(unit, ()) if in_force(one, now)}
    if state == "normal" and all(state_of(one) == "normal" for one in on_duty):
        return {}
    move = relief_at(facility, unit, None, now, state_of)
    if move is None:
        return {("alarm_fatigue_unit_relief_available", labels): 0.0}
    _, _, (before, after), _, (_, taken), _ = move
    return {
        ("alarm_fatigue_unit_relief_available", labels): 1.0,
        ("alarm_fatigue_unit_relief_alarms", labels): float(before - after),
        ("alarm_fatigue_unit_relief_taker_alarms", labels): float(taken),
    }


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
    facility, name = facility_of(known, now, policy), known[0].facility
    alarms = facility.alarms
    first = min(-(-episode.start // every) for episode in existing)
    clinicians = {one.clinician for one in facility.assignments} | {
        c for episode in alarms for c in episode.clinicians
    }
    units = {one.unit for one in facility.assignments} | {episode.unit for episode in alarms}
    found = []
    ticks = range(first, now // every + 1)
    for is_unit, names in ((False, clinicians), (True, units)):
        for subject in sorted(names):
            found += _changes_of(facility, name, is_unit, subject, ticks)

    def state_at(at: int) -> Callable[[str], str]:
        past = sorted((one for one in found if one.at <= at), key=lambda one: one.at)
        last = {one.clinician: one.after for one in past if one.clinician is not None}
        return lambda clinician: last.get(clinician, "normal")

    with_relief = [
        replace(one, relief=relief_at(facility, one.unit, one.clinician, one.at, state_at(one.at)))
        if _rises(one)
        else one
        for one in found
    ]
    return sorted(
        with_relief, key=lambda one: (one.at, one.clinician is None, one.clinician or "", one.unit)
    )


@dataclass(frozen=True)
class StandingState:
    """A state that is not normal at `now`."""

    since: int
    risen_at: int
    holding: tuple[OneReason, ...]
    leaving: tuple[OneReason, ...]
    """What raised the state or holds it, with the quietest limit to leave."""
    quiet_since: int | None
    """Since which tick no measure has been beyond a limit to leave."""
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
    facility = facility_of(known, now, policy)
    alarms = facility.alarms
    tick = now // policy.overload.every * policy.overload.every
    found = {}

    def state_of(clinician: str) -> str:
        own = by_subject.get(("clinician", clinician))
        return "normal" if own is None else own[-1].after

    for (kind, name), own_changes in by_subject.items():
        state = own_changes[-1].after
        if state == "normal":
            continue
        if kind == "unit":
            own, unit, giver = Own([a for a in alarms if a.unit == name]), name, None
            values = of_unit(facility, name, own, tick)
        else:
            own, giver = Own([a for a in alarms if name in a.clinicians]), name
            unit = unit_at(facility, name, now)
            values = of_clinician(facility, name, own, tick)
        levels = policy.overload.levels(known[0].facility, unit)
        candidates = ["overloaded"] if state == "overloaded" else ["elevated", "overloaded"]
        holding = []
        for measure, value in values.items():
            beyond = [
                one
                for one in candidates
                if is_beyond(measure, value, getattr(levels[measure], one), "leave")
            ]
            if beyond:
                level = getattr(levels[measure], beyond[0])
                holding.append((measure, value, beyond[0], level.leave, level.enter, level.leave))
        rise = max((one for one in own_changes if _rises(one)), key=lambda one: one.at)
        concerned = {one[0] for one in rise.reasons} | {one[0] for one in holding}
        leaving = left_at(values, levels, candidates, concerned)
        of_subject = of_unit if kind == "unit" else of_clinician
        quiet = []
        for at in range(tick, tick - policy.overload.cool_down - 1, -policy.overload.every):
            there = name if kind == "unit" else unit_at(facility, name, at)
            in_force_then = policy.overload.levels(known[0].facility, there)
            beyond_then = crossed(of_subject(facility, name, own, at), in_force_then)
            quiet.append((at, not beyond_then[f"leave {state}"]))
        relief = relief_at(facility, unit, giver, now, state_of)
        found[kind, name] = StandingState(
            since=own_changes[-1].at,
            risen_at=rise.at,
            holding=tuple(holding),
            leaving=tuple(leaving),
            quiet_since=trailing(quiet),
            relief=relief,
        )
    return found


def state_at(found: Sequence[StateChange], unit: str, at: int) -> str:
    """The state of a unit at a time, from the changes of its facility by time."""
    own = [one for one in found if one.clinician is None and one.unit == unit and one.at <= at]
    return own[-1].after if own else "normal"


def _changes_of(
    facility: Facility, name: str, is_unit: bool, subject: str, ticks: range
) -> list[StateChange]:
    """The changes of one clinician or unit of the facility called `name`."""
    policy = facility.policy.overload
    hold, cool_down = policy.hold // policy.every, policy.cool_down // policy.every
    own = Own(
        [a for a in facility.alarms if (a.unit == subject if is_unit else subject in a.clinicians)]
    )
    history: list[dict[str, bool]] = []
    state, found, drivers = "normal", [], set[str]()
    for tick in ticks:
        at = tick * policy.every
        unit = subject if is_unit else unit_at(facility, subject, at)
        values = (of_unit if is_unit else of_clinician)(facility, subject, own, at)
        levels = policy.levels(name, unit)
        history.append(crossed(values, levels))

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
        found.append(
            StateChange(
                at=at,
                unit=unit,
                clinician=None if is_unit else subject,
                before=before,
                after=state,
                reasons=tuple(reasons),
                top_types=tuple(ranked),
                relief=None,  # it needs the states of all clinicians: see `changes`
            )
        )
    return found


def _reasons(
    values: dict[str, float],
    levels: dict[str, Levels],
    state: str,
    rising: bool,
    drivers: set[str],
) -> list[OneReason]:
    """Rising: the limits crossed. Falling: the limits that `drivers`, which raised the state, are
    within again.
    """
    found: list[OneReason] = []
    for measure, value in values.items():
        if math.isnan(value):
            continue
        both = [(one, getattr(levels[measure], one)) for one in ("overloaded", "elevated")]
        if rising:
            above = [
                (measure, value, one, level.enter, level.enter, level.leave)
                for one, level in both
                if is_beyond(measure, value, level, "enter")
            ]
            found += above[:1]
        elif measure in drivers:
            within = [
                (measure, value, one, level.leave, level.enter, level.leave)
                for one, level in both
                if level is not None and (one == "overloaded" or state == "normal")
            ]
            found += within[:1]
    return found
