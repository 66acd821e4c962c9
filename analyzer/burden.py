"""Burden: what one facility's alarms weigh on its clinicians and units, at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
import numpy.typing as npt

from analyzer.classes import CLASSES
from analyzer.columns import Bytes, Columns, Numbered, Rows, pairs
from analyzer.episodes import OPEN, PRIORITIES
from analyzer.facts import Assignment
from analyzer.histogram import ResponseTimes
from analyzer.policy import Policy
from analyzer.roster import Roster, holds
from analyzer.windows import Ints, counts, covered_length

ALARM_PRIORITIES = PRIORITIES[1:]
"""Those that are alarms, by rank."""

AlarmType = tuple[str, str, str]
"""device_type, source, code."""


@dataclass(frozen=True, slots=True)
class ClinicianBurden:
    """One clinician at `now`. Arrays are indexed by window, then by `ALARM_PRIORITIES` or `CLASSES`."""

    clinician: str
    unit: str
    alarms: Ints
    classified: Ints
    alarm_milliseconds: Ints
    beds: int
    acuity: float


@dataclass(frozen=True, slots=True)
class UnitBurden:
    """One unit at `now`; an episode counts once, however many clinicians share it."""

    unit: str
    alarms: Ints
    classified: Ints
    unassigned: Ints
    open_alarms: int
    clinicians: int
    beds: int
    types: list[list[tuple[AlarmType, int]]]
    """Per window, the most frequent alarm types with their counts, most frequent first, ties by name."""


@dataclass(frozen=True, slots=True)
class Burden:
    """All of a facility: ordered by clinician and by unit. `windows` names the windows in the arrays' order."""

    facility: str
    now: int
    windows: tuple[str, ...]
    clinicians: list[ClinicianBurden]
    units: list[UnitBurden]
    response_times: list[tuple[str, str, list[int], float]]


@dataclass(frozen=True, slots=True)
class ClinicianBurdens:
    """One row a clinician, ordered by (facility, clinician id)."""

    facility: list[str]
    unit: list[str]
    clinician: list[str]
    alarms: Ints
    """(rows, windows, `ALARM_PRIORITIES`)"""
    classified: Ints
    """(rows, windows, `CLASSES`)"""
    alarm_milliseconds: Ints
    """(rows, windows)"""
    beds: Ints
    acuity: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class UnitBurdens:
    """One row a unit, ordered by (facility, unit)."""

    facility: list[str]
    unit: list[str]
    alarms: Ints
    """(rows, windows, `ALARM_PRIORITIES`)"""
    classified: Ints
    """(rows, windows, `CLASSES`)"""
    unassigned: Ints
    """(rows, windows)"""
    open_alarms: Ints
    clinicians: Ints
    beds: Ints
    types: list[list[list[tuple[AlarmType, int]]]]
    """Per row and window: the most frequent alarm types with their counts, most frequent first, ties by name."""


@dataclass(frozen=True, slots=True)
class Burdens:
    """All facilities of a partition, in columns. `windows` names the windows in the arrays' order."""

    windows: tuple[str, ...]
    clinicians: ClinicianBurdens
    units: UnitBurdens
    response_times: list[tuple[str, str, str, list[int], float]]
    """(facility, unit, priority, cumulative counts with +Inf last, sum in seconds), ordered by facility and unit."""


def measure(
    facility: str, now: int, rows: Rows, classes: Bytes, columns: Columns, roster: Roster, response_times: ResponseTimes, policy: Policy
) -> Burden:
    """Count `rows` (the facility's alarms, with their `classes` at `now`) in every window."""
    in_force = [one for one in roster.valid() if holds(one, now)]
    windows = tuple(policy.windows.values())
    return Burden(
        facility=facility,
        now=now,
        windows=tuple(policy.windows),
        clinicians=_clinicians(now, rows, classes, columns, roster, in_force, windows, policy),
        units=_units(now, rows, classes, columns, in_force, windows, policy),
        response_times=response_times.histograms(),
    )


def _clinicians(
    now: int,
    rows: Rows,
    classes: Bytes,
    columns: Columns,
    roster: Roster,
    in_force: list[Assignment],
    windows: Sequence[int],
    policy: Policy,
) -> list[ClinicianBurden]:
    names: Numbered[str] = Numbered()
    which, who = pairs(columns.teams.things, rows, names)
    for one in in_force:
        names.number(one.clinician)
    start, end = rows.start[which], np.minimum(rows.end[which], now)
    alarms = counts(start, who, rows.rank[which] - 1, len(names), len(ALARM_PRIORITIES), now, windows)
    classified = counts(start, who, classes[which], len(names), len(CLASSES), now, windows)
    sounding = covered_length(start, end, who, len(names), now, windows)
    beds: dict[str, set[tuple[str, str]]] = {}
    acuity: dict[str, list[float]] = {}
    for one in in_force:
        beds.setdefault(one.clinician, set()).add((one.unit, one.bed))
        acuity.setdefault(one.clinician, []).append(1.0 if one.acuity is None else one.acuity)
    units = _units_of_clinicians(now, roster, policy)
    return [
        ClinicianBurden(
            name, units.get(name, ""), alarms[number], classified[number], sounding[number],
            len(beds.get(name, ())), fsum(acuity.get(name, ())),  # fsum: the same in whatever order they arrived
        )
        for name, number in sorted((name, number) for number, name in enumerate(names.things))
        if name in beds or alarms[number].any()
    ]  # fmt: skip


def _units_of_clinicians(now: int, roster: Roster, policy: Policy) -> dict[str, str]:
    """Of each clinician: the unit of the assignment begun last (then the least unit), within the horizon."""
    latest: dict[str, tuple[int, str]] = {}
    for one in roster.valid():
        if one.start <= now and (one.end is None or one.end > now - policy.horizon):
            known = latest.get(one.clinician)
            if known is None or one.start > known[0] or (one.start == known[0] and one.unit < known[1]):
                latest[one.clinician] = one.start, one.unit
    return {clinician: unit for clinician, (_, unit) in latest.items()}


def _units(
    now: int, rows: Rows, classes: Bytes, columns: Columns, in_force: list[Assignment], windows: Sequence[int], policy: Policy
) -> list[UnitBurden]:
    names = columns.units
    for one in in_force:
        names.number(one.unit)
    groups = len(names)
    alarms = counts(rows.start, rows.unit, rows.rank - 1, groups, len(ALARM_PRIORITIES), now, windows)
    classified = counts(rows.start, rows.unit, classes, groups, len(CLASSES), now, windows)
    nobody = np.array([not team for team in columns.teams.things], dtype=np.int8)
    unassigned = counts(rows.start, rows.unit, nobody[rows.team], groups, 2, now, windows)[:, :, 1]
    sounding = np.bincount(rows.unit[rows.end == OPEN], minlength=groups)
    types = _types(now, rows, columns, windows, policy)
    clinicians: dict[str, set[str]] = {}
    beds: dict[str, set[str]] = {}
    for one in in_force:
        clinicians.setdefault(one.unit, set()).add(one.clinician)
        beds.setdefault(one.unit, set()).add(one.bed)
    return [
        UnitBurden(
            name, alarms[number], classified[number], unassigned[number], int(sounding[number]),
            len(clinicians.get(name, ())), len(beds.get(name, ())), types.get(number, [[] for _ in windows]),
        )
        for name, number in sorted((name, number) for number, name in enumerate(names.things))
        if name in beds or alarms[number].any() or sounding[number]
    ]  # fmt: skip


def _types(now: int, rows: Rows, columns: Columns, windows: Sequence[int], policy: Policy) -> dict[int, list[list[tuple[AlarmType, int]]]]:
    """By unit number: per window, its most frequent alarm types."""
    result: dict[int, list[list[tuple[AlarmType, int]]]] = {}
    names, key = columns.types.things, rows.unit.astype(np.int64) * max(len(columns.types), 1) + rows.type
    for place, length in enumerate(windows):
        present, count = np.unique(key[rows.start > now - length], return_counts=True)
        by_unit: dict[int, list[tuple[AlarmType, int]]] = {}
        for unit_and_type, n in zip(present.tolist(), count.tolist(), strict=True):
            unit, type_ = divmod(unit_and_type, len(names))
            by_unit.setdefault(unit, []).append((names[type_], n))
        for unit, found in by_unit.items():
            found.sort(key=lambda one: (-one[1], one[0]))
            result.setdefault(unit, [[] for _ in windows])[place] = found[: policy.top_types]
    return result
