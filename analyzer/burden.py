"""Burden: what the alarms of a partition weigh on its clinicians and units, each facility at its own moment."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.admission import NOTHING_YET
from analyzer.classes import CLASSES
from analyzer.episodes import PRIORITIES
from analyzer.facts import Assignment
from analyzer.histogram import ResponseTimes
from analyzer.ids import Numbers
from analyzer.names import AlarmType, Numbered
from analyzer.overload import NORMAL
from analyzer.policy import Policy
from analyzer.roster import Team, holds, pairs
from analyzer.state import State
from analyzer.table import OPEN
from analyzer.windows import counts, covered_length

ALARM_PRIORITIES = PRIORITIES[1:]
"""Those that are alarms, by rank."""


@dataclass(frozen=True, slots=True)
class ClinicianBurdens:
    """One row a clinician, ordered by facility and clinician (raw ids). Axes: rows, windows, `ALARM_PRIORITIES` or `CLASSES`."""

    facility: list[str]
    unit: list[str]
    clinician: list[str]
    alarms: Numbers
    classified: Numbers
    alarm_milliseconds: Numbers
    beds: Numbers
    acuity: npt.NDArray[np.float64]
    overload: Numbers
    """Indices in `STATES`."""


@dataclass(frozen=True, slots=True)
class UnitBurdens:
    """One row a unit, ordered by facility and unit; an episode counts once, however many clinicians share it. Axes as above."""

    facility: list[str]
    unit: list[str]
    alarms: Numbers
    classified: Numbers
    unassigned: Numbers
    open_alarms: Numbers
    clinicians: Numbers
    beds: Numbers
    overload: Numbers
    types: list[list[list[tuple[AlarmType, int]]]]
    """By row and window, the most frequent alarm types with their counts, most frequent first, ties by name."""


@dataclass(frozen=True, slots=True)
class Burdens:
    """All of a partition. `windows` names the windows in the arrays' order."""

    windows: tuple[str, ...]
    clinicians: ClinicianBurdens
    units: UnitBurdens
    response_times: list[tuple[str, str, str, list[int], float]]
    """(facility, unit, priority, cumulative counts with +Inf last, sum in seconds), ordered."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What burdens are counted from, as of one moment; shares nothing with the engine that goes on changing.

    Times of alarms are relative to their facility's now (ms, so at most 0); `end` of an open alarm is later than any moment.
    """

    policy: Policy
    now: Numbers
    facilities: list[str]
    clinicians: list[tuple[int, str]]
    units: list[tuple[int, str]]
    types: list[AlarmType]
    teams: list[Team]
    roster: list[tuple[int, Assignment]]
    response_times: ResponseTimes
    overload: tuple[dict[int, int], dict[int, int]]
    """States of clinicians and of units by number, but for those that are normal."""
    start: Numbers
    end: Numbers
    rank: npt.NDArray[np.int8]
    klass: npt.NDArray[np.int8]
    unit: npt.NDArray[np.int32]
    type: npt.NDArray[np.int32]
    team: npt.NDArray[np.int32]

    @classmethod
    def of(cls, state: State) -> Snapshot:
        """Take one; a few milliseconds."""
        table, statics, policy = state.table, state.statics, state.policy
        now = state.times.now[: len(state.facilities)].copy()
        rows = table.alarms()
        rows = rows[table.end[rows] > (now - max(policy.windows.values()))[table.facility[rows]]]
        static, moments = table.static[rows], now[table.facility[rows]]
        return cls(
            policy, now, list(state.facilities.things), list(state.teams.clinicians.things), list(statics.units.things),
            list(statics.types.things), list(state.teams.all), state.roster.valid(), state.response_times.copy(),
            (state.watch.states(of_units=False), state.watch.states(of_units=True)),
            table.start[rows] - moments, table.end[rows] - moments, table.rank[rows], table.klass[rows], statics.unit[static],
            statics.type[static], table.team[rows],
        )  # fmt: skip

    def measure(self) -> Burdens:
        """Count in every window."""
        in_force = [
            (facility, one) for facility, one in self.roster if self.now[facility] != NOTHING_YET and holds(one, self.now[facility])
        ]
        return Burdens(tuple(self.policy.windows), self._clinicians(in_force), self._units(in_force), self._response_times())

    def _clinicians(self, in_force: list[tuple[int, Assignment]]) -> ClinicianBurdens:
        windows = tuple(self.policy.windows.values())
        known: Numbered[tuple[int, str]] = Numbered()
        known.renew(self.clinicians)
        beds: dict[int, set[tuple[str, str]]] = {}
        acuities: dict[int, list[float]] = {}
        for facility, one in in_force:
            number = known[facility, one.clinician]
            beds.setdefault(number, set()).add((one.unit, one.bed))
            acuities.setdefault(number, []).append(1.0 if one.acuity is None else one.acuity)
        which, who = pairs(self.teams, self.team)
        groups = len(known.things)
        start, end = self.start[which], np.minimum(self.end[which], 0)
        alarms = counts(start, who, self.rank[which] - 1, groups, len(ALARM_PRIORITIES), windows)
        classified = counts(start, who, self.klass[which], groups, len(CLASSES), windows)
        sounding = covered_length(start, end, who, groups, windows)
        shown = np.flatnonzero(alarms.any(axis=(1, 2))).tolist()
        shown = self._ordered(dict.fromkeys([*shown, *beds]), known.things)
        of_unit = self._units_of_clinicians()
        return ClinicianBurdens(
            [self.facilities[known.things[number][0]] for number in shown],
            [of_unit.get(known.things[number], "") for number in shown],
            [known.things[number][1] for number in shown],
            alarms[shown], classified[shown], sounding[shown],
            np.array([len(beds.get(number, ())) for number in shown], dtype=np.int64),
            np.array([fsum(acuities.get(number, ())) for number in shown]),  # fsum: the same in whatever order they arrived
            np.array([self.overload[0].get(number, NORMAL) for number in shown], dtype=np.int64),
        )  # fmt: skip

    def _ordered(self, numbers: Any, things: list[tuple[int, str]]) -> list[int]:
        return sorted(numbers, key=lambda number: (self.facilities[things[number][0]], things[number][1]))

    def _units_of_clinicians(self) -> dict[tuple[int, str], str]:
        """Of each clinician: the unit of the assignment begun last (then the least unit), within the horizon."""
        latest: dict[tuple[int, str], tuple[int, str]] = {}
        now, horizon = self.now.tolist(), self.policy.horizon
        for facility, one in self.roster:
            if one.start <= now[facility] and (one.end is None or one.end > now[facility] - horizon):
                known = latest.get((facility, one.clinician))
                if known is None or one.start > known[0] or (one.start == known[0] and one.unit < known[1]):
                    latest[facility, one.clinician] = one.start, one.unit
        return {clinician: unit for clinician, (_, unit) in latest.items()}

    def _units(self, in_force: list[tuple[int, Assignment]]) -> UnitBurdens:
        windows = tuple(self.policy.windows.values())
        known: Numbered[tuple[int, str]] = Numbered()
        known.renew(self.units)
        clinicians: dict[int, set[str]] = {}
        beds: dict[int, set[str]] = {}
        for facility, one in in_force:
            number = known[facility, one.unit]
            clinicians.setdefault(number, set()).add(one.clinician)
            beds.setdefault(number, set()).add(one.bed)
        groups = len(known.things)
        alarms = counts(self.start, self.unit, self.rank - 1, groups, len(ALARM_PRIORITIES), windows)
        classified = counts(self.start, self.unit, self.klass, groups, len(CLASSES), windows)
        unassigned = counts(self.start, self.unit, (self.team == 0).astype(np.int8), groups, 2, windows)[:, :, 1]
        sounding = np.bincount(self.unit[self.end > OPEN // 2], minlength=groups)
        types = self._types(windows)
        shown = np.flatnonzero(alarms.any(axis=(1, 2)) | (sounding > 0)).tolist()
        shown = self._ordered(dict.fromkeys([*shown, *beds]), known.things)
        return UnitBurdens(
            [self.facilities[known.things[number][0]] for number in shown],
            [known.things[number][1] for number in shown],
            alarms[shown], classified[shown], unassigned[shown], sounding[shown].astype(np.int64),
            np.array([len(clinicians.get(number, ())) for number in shown], dtype=np.int64),
            np.array([len(beds.get(number, ())) for number in shown], dtype=np.int64),
            np.array([self.overload[1].get(number, NORMAL) for number in shown], dtype=np.int64),
            [types.get(number, [[] for _ in windows]) for number in shown],
        )  # fmt: skip

    def _types(self, windows: tuple[int, ...]) -> dict[int, list[list[tuple[AlarmType, int]]]]:
        """By unit number: per window, its most frequent alarm types."""
        result: dict[int, list[list[tuple[AlarmType, int]]]] = {}
        names = self.types
        key = self.unit.astype(np.int64) * max(len(names), 1) + self.type
        for place, length in enumerate(windows):
            present, count = np.unique(key[self.start > -length], return_counts=True)
            by_unit: dict[int, list[tuple[AlarmType, int]]] = {}
            for unit_and_type, n in zip(present.tolist(), count.tolist(), strict=True):
                unit, type_ = divmod(unit_and_type, len(names))
                by_unit.setdefault(unit, []).append((names[type_], n))
            for unit, found in by_unit.items():
                found.sort(key=lambda one: (-one[1], one[0]))
                result.setdefault(unit, [[] for _ in windows])[place] = found[: self.policy.top_types]
        return result

    def _response_times(self) -> list[tuple[str, str, str, list[int], float]]:
        return sorted(
            (self.facilities[self.units[unit][0]], self.units[unit][1], PRIORITIES[rank], cumulative, total)
            for unit, rank, cumulative, total in self.response_times.histograms()
        )
