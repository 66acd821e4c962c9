"""Conditions: the figures of the unit and of each clinician on duty, minute by minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan

from analyzer.incident.completeness import Completeness
from analyzer.incident.facts import Facts
from analyzer.incident.question import Question
from analyzer.model.policy import Policy
from analyzer.pipeline.classes import SCOPES, nonactionable_ratios
from analyzer.windows.burden import ALARM_PRIORITIES, Burdens

Figures = Mapping[str, float | None]
"""By name: that of the metric without its prefix, with the window. None: not assessable."""


@dataclass(frozen=True, slots=True)
class Minute:
    """The figures of the unit and of each clinician on duty at `at` (ms since 1970)."""

    at: int
    unit: Figures
    clinicians: Mapping[str, Figures]


def conditions(
    facts: Facts, question: Question, policy: Policy, known: Completeness
) -> list[Minute]:
    """One entry for each minute of the window. `facts`: those of the facility."""
    engine = facts.engine(policy)
    found = []
    for moment in question.minutes:
        engine.advance(moment)
        found.append(_minute(engine.measure(), moment, facts, question, policy, known))
    return found


def _minute(
    burdens: Burdens,
    moment: int,
    facts: Facts,
    question: Question,
    policy: Policy,
    known: Completeness,
) -> Minute:
    seen, answers = known.is_seen(moment), known.responses.recorded
    unit: dict[str, float | None] = {}
    units = burdens.units
    for row, name in enumerate(units.unit):
        if (units.facility[row], name) != (question.facility, question.unit):
            continue
        staffed = known.assignments.recorded
        for number, window in enumerate(burdens.windows):
            for rank, priority in enumerate(ALARM_PRIORITIES):
                count = int(units.alarms[row, number, rank])
                unit[f"alarms_{priority}_{window}"] = count if seen else None
            unit[f"alarms_{window}"] = int(units.alarms[row, number].sum()) if seen else None
            ratios = nonactionable_ratios(units.classified[row, number], policy.min_classified)
            for scope, ratio in zip(SCOPES, ratios.tolist(), strict=True):
                unit[f"nonactionable_ratio_{scope}_{window}"] = _known(ratio, seen and answers)
            unit[f"unassigned_alarms_{window}"] = (
                int(units.unassigned[row, number]) if seen and staffed else None
            )
            unit[f"chattering_alarms_{window}"] = (
                int(units.chattering[row, number]) if seen else None
            )
        unit["open_alarms"] = int(units.open_alarms[row]) if seen else None
        unit["stale_alarms"] = int(units.stale_alarms[row]) if seen else None
        unit["clinicians"] = int(units.clinicians[row]) if staffed else None
        unit["beds"] = int(units.beds[row]) if staffed else None
        unit["overload_state"] = int(units.overload[row]) if seen and staffed else None
    on_duty = clinicians_on_duty(facts, question.unit, moment)
    people = burdens.clinicians
    found: dict[str, Figures] = {}
    for row, name in enumerate(people.clinician):
        if people.facility[row] != question.facility or name not in on_duty:
            continue
        own: dict[str, float | None] = {}
        for number, window in enumerate(burdens.windows):
            own[f"alarms_{window}"] = int(people.alarms[row, number].sum()) if seen else None
            own[f"alarm_seconds_{window}"] = _known(
                int(people.alarm_milliseconds[row, number]) / 1000, seen
            )
            own[f"protected_ratio_{window}"] = _known(
                float(people.protected_ratio[row, number]), seen
            )
            own[f"flood_ratio_{window}"] = _known(float(people.flood_ratio[row, number]), seen)
            ratios = nonactionable_ratios(people.classified[row, number], policy.min_classified)
            for scope, ratio in zip(SCOPES, ratios.tolist(), strict=True):
                own[f"nonactionable_ratio_{scope}_{window}"] = _known(ratio, seen and answers)
        own["beds"] = int(people.beds[row])
        own["acuity"] = _known(float(people.acuity[row]), True)
        own["overload_state"] = int(people.overload[row]) if seen else None
        found[name] = own
    return Minute(moment, unit, dict(sorted(found.items())))


def clinicians_on_duty(facts: Facts, unit: str, moment: int) -> dict[str, list[str]]:
    """The beds of the unit that each clinician has at a moment, by the last record of each
    assignment.
    """
    found: dict[str, list[str]] = {}
    for start, end, clinician, bed in last_assignments(facts, unit, moment):
        if start <= moment and (end is None or moment < end):
            found.setdefault(clinician, []).append(bed)
    return {name: sorted(set(beds)) for name, beds in sorted(found.items())}


def last_assignments(facts: Facts, unit: str, until: int) -> list[tuple[int, int | None, str, str]]:
    """Start, end, clinician and bed of the unit's assignments, as recorded up to `until` (ms)."""
    roster = facts.assignments
    last: dict[str, int] = {}
    for row, (assignment, at) in enumerate(zip(roster["assignment_id"], roster["at"], strict=True)):
        if at <= until:  # facts are ordered by time and id: the last one counts
            last[assignment] = row
    return [
        (roster["start"][row], roster["end"][row], roster["clinician"][row], roster["bed"][row])
        for row in last.values()
        if roster["unit"][row] == unit
    ]


def _known(value: float, assessable: bool) -> float | None:
    return None if isnan(value) or not assessable else value
