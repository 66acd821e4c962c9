"""Conditions: the figures of the unit and of each clinician on duty, minute by minute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

from analyzer.arrays import Numbers
from analyzer.incident.completeness import Completeness
from analyzer.incident.facts import Facts, PlainEngine
from analyzer.incident.question import Question
from analyzer.model.policy import Policy
from analyzer.pipeline.classes import SCOPES, nonactionable_ratios
from analyzer.windows.burden import ALARM_PRIORITIES, Burdens

Figures = Mapping[str, float | None]
"""Figures by name: the metric without its prefix, with the window. None: not assessable."""


Extras = Callable[[str, int, int, int], Figures]


@dataclass(frozen=True, slots=True)
class Minute:
    """The figures of the unit and of each clinician on duty at `at` (ms since 1970)."""

    at: int
    unit: Figures
    clinicians: Mapping[str, Figures]


def conditions(
    facts: Facts,
    question: Question,
    policy: Policy,
    known: Completeness,
    of_clinicians: Extras,
    held_since: int | None = None,
) -> list[Minute]:
    """One entry for each minute of the window. `facts`: the facts of the facility.

    `of_clinicians` adds figures of a clinician at a minute, from their state and number of beds.
    `held_since` (ms): windows that begin earlier have no figures.
    """
    engine, duty = PlainEngine(policy), _Duty(facts, question.unit)
    found, taken = [], -1
    for moment in question.minutes:
        facts.feed(engine, taken, moment)
        engine.advance(moment)
        taken = moment
        on_duty, burdens = duty.at(moment), engine.measure_people()
        whole = {
            window: held_since is None or moment - length >= held_since
            for window, length in policy.windows.items()
        }
        found.append(
            _minute(burdens, moment, on_duty, question, policy, known, of_clinicians, whole)
        )
    return found


class _Duty:
    """The clinicians on duty in a unit, as recorded up to each moment. Moments must ascend."""

    def __init__(self, facts: Facts, unit: str) -> None:
        roster = facts.assignments
        names = ("at", "assignment_id", "start", "end", "clinician", "unit")
        self._records = list(zip(*(roster[name] for name in names), strict=True))
        self._unit, self._next = unit, 0
        self._last: dict[str, tuple[int, int | None, str, str]] = {}

    def at(self, moment: int) -> set[str]:
        while self._next < len(self._records) and self._records[self._next][0] <= moment:
            _, assignment, *rest = self._records[self._next]
            self._last[assignment] = tuple(rest)
            self._next += 1
        return {
            clinician
            for start, end, clinician, unit in self._last.values()
            if unit == self._unit and start <= moment and (end is None or moment < end)
        }


def _minute(
    burdens: Burdens,
    moment: int,
    on_duty: set[str],
    question: Question,
    policy: Policy,
    known: Completeness,
    of_clinicians: Extras,
    whole: Mapping[str, bool],
) -> Minute:
    is_there, answers = known.is_seen(moment), known.responses.recorded
    staffed = known.assignments.recorded
    seen = [is_there and whole[window] for window in burdens.windows]
    unit: dict[str, float | None] = {}
    units = burdens.units
    for row, name in enumerate(units.unit):
        if (units.facility[row], name) != (question.facility, question.unit):
            continue
        counts, ratios = units.alarms[row].tolist(), _ratios(units.classified[row], policy)
        unassigned, chattering = units.unassigned[row].tolist(), units.chattering[row].tolist()
        for number, window in enumerate(burdens.windows):
            for rank, priority in enumerate(ALARM_PRIORITIES):
                count = counts[number][rank]
                unit[f"alarms_{priority}_{window}"] = count if seen[number] else None
            unit[f"alarms_{window}"] = sum(counts[number]) if seen[number] else None
            for scope, ratio in zip(SCOPES, ratios[number], strict=True):
                unit[f"nonactionable_ratio_{scope}_{window}"] = _known(
                    ratio, seen[number] and answers
                )
            unit[f"unassigned_alarms_{window}"] = (
                unassigned[number] if seen[number] and staffed else None
            )
            unit[f"chattering_alarms_{window}"] = chattering[number] if seen[number] else None
        unit["open_alarms"] = int(units.open_alarms[row]) if is_there else None
        unit["stale_alarms"] = int(units.stale_alarms[row]) if is_there else None
        unit["clinicians"] = int(units.clinicians[row]) if staffed else None
        unit["beds"] = int(units.beds[row]) if staffed else None
        unit["overload_state"] = int(units.overload[row]) if is_there and staffed else None
    people = burdens.clinicians
    alarms, milliseconds = people.alarms.sum(axis=2).tolist(), people.alarm_milliseconds.tolist()
    protected, flood = people.protected_ratio.tolist(), people.flood_ratio.tolist()
    of_people = _ratios(people.classified, policy)
    found: dict[str, Figures] = {}
    for row, name in enumerate(people.clinician):
        if people.facility[row] != question.facility or name not in on_duty:
            continue
        own: dict[str, float | None] = {}
        for number, window in enumerate(burdens.windows):
            is_seen = seen[number]
            own[f"alarms_{window}"] = alarms[row][number] if is_seen else None
            own[f"alarm_seconds_{window}"] = _known(milliseconds[row][number] / 1000, is_seen)
            own[f"protected_ratio_{window}"] = _known(protected[row][number], is_seen)
            own[f"flood_ratio_{window}"] = _known(flood[row][number], is_seen)
            for scope, ratio in zip(SCOPES, of_people[row][number], strict=True):
                own[f"nonactionable_ratio_{scope}_{window}"] = _known(ratio, is_seen and answers)
        own["beds"] = int(people.beds[row])
        own["acuity"] = _known(float(people.acuity[row]), True)
        state, beds = int(people.overload[row]), int(people.beds[row])
        own["overload_state"] = state if is_there else None
        own |= of_clinicians(name, moment, state, beds)
        found[name] = own
    return Minute(moment, unit, dict(sorted(found.items())))


def _ratios(classified: Numbers, policy: Policy) -> list[Any]:
    """`nonactionable_ratios` as nested lists, which are faster to read one by one than arrays."""
    found: list[Any] = nonactionable_ratios(classified, policy.min_classified).tolist()
    return found


def clinicians_on_duty(facts: Facts, unit: str, moment: int) -> dict[str, list[str]]:
    """The beds of the unit that each clinician has at a moment, from the last record of each
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
