"""Snapshot: a copy of what burdens are counted from, and the counting.

The engine takes a snapshot between two slices of records, and another thread may count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from math import fsum
from typing import Any

import numpy as np

from analyzer.arrays import Codes, Flags, Floats, Indices, Levels, Numbers, integers
from analyzer.columns.numbered import Numbered
from analyzer.columns.segments import Axis
from analyzer.columns.statics import AlarmType
from analyzer.model.episodes import PRIORITIES
from analyzer.model.facts import Assignment
from analyzer.model.overload import NORMAL, STATES, Reason, Relief
from analyzer.model.policy import EXPOSURE, HOUR, MEASURES, STALE, STANDING, Policy
from analyzer.model.policy import Levels as StateLevels
from analyzer.pipeline.classes import CLASSES, NON_ACTIONABLE
from analyzer.pipeline.response_times import ResponseTimes
from analyzer.pipeline.roster import Team, pairs
from analyzer.pipeline.state import State
from analyzer.stats.spread import gini
from analyzer.times import OPEN
from analyzer.windows.bands import exposure_band, load_band
from analyzer.windows.burden import ALARM_PRIORITIES, Burdens, ClinicianBurdens, UnitBurdens
from analyzer.windows.chatter import chattering, earlier_twins
from analyzer.windows.duty import hours_on_duty, protected, stretches
from analyzer.windows.flood import flood_ratio
from analyzer.windows.frequent import most_frequent
from analyzer.windows.lengths import counts, covered_length, most_at_one
from analyzer.windows.overlap import overlapping
from analyzer.windows.posts import Posts

_ALARM_COLUMNS = [
    "start",
    "end",
    "rank",
    "klass",
    "unit",
    "bed",
    "type",
    "team",
    "signal",
    "twins",
    "waits",
]
"""The fields of a snapshot with one row per alarm."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that burdens are counted from. It shares nothing with the engine, which goes on changing.

    The arrays from `start` to `waits` have one row per alarm. Their times (ms) are relative to the
    event time of the alarm's facility, so starts are at most 0.
    """

    policy: Policy
    now: Numbers
    """By facility: its event time."""
    facilities: list[str]
    """Names by number, as in the next three lists."""
    clinicians: list[tuple[int, str]]
    """(facility, clinician)."""
    units: list[tuple[int, str]]
    """(facility, unit)."""
    types: list[AlarmType]
    teams: list[Team]
    """By number: the clinicians to whom an alarm is attributed."""
    roster: list[tuple[int, Assignment]]
    """(facility, assignment)."""
    response_times: ResponseTimes
    clinician_states: dict[int, int]
    """The overload states of clinicians that are not normal."""
    unit_states: dict[int, int]
    """The overload states of units that are not normal."""
    unit_reasons: dict[int, tuple[Reason, ...]]
    """Why the states of these units last rose."""
    unit_since: dict[int, int]
    """Since when (ms) these states hold."""
    unit_present: Mapping[int, tuple[Reason, ...]]
    """The reasons why these states last, with present values, by number of the unit."""
    reliefs: Mapping[tuple[int, str], Relief | None]
    """By (facility, unit), for units in need of it: see `Status.reliefs`."""
    start: Numbers
    end: Numbers
    """Later than any time if the alarm is open."""
    rank: Levels
    klass: Levels
    unit: Codes
    bed: Codes
    """The bed, numbered within the partition."""
    type: Codes
    team: Codes
    signal: Codes
    twins: Codes
    """The result of `chatter.earlier_twins`."""
    waits: Numbers
    """When the alarm stops waiting: at its end or its first response, whichever is earlier."""

    @classmethod
    def of(
        cls,
        state: State,
        reliefs: Mapping[tuple[int, str], Relief | None],
        present: Mapping[int, tuple[Reason, ...]],
    ) -> Snapshot:
        """A snapshot of the state; takes a few milliseconds. `present`: as `unit_present`."""
        table, statics, policy = state.table, state.statics, state.policy
        now = state.times.now[: len(state.facilities.by_number)].copy()
        rows = table.alarms()
        rows = rows[table.end[rows] > (now - policy.lookback)[table.facility[rows]]]
        static, moments = table.static[rows], now[table.facility[rows]]
        signal, start, end = (
            statics.signal[static],
            table.start[rows] - moments,
            table.end[rows] - moments,
        )
        return cls(
            policy=policy,
            now=now,
            facilities=list(state.facilities.by_number),
            clinicians=list(state.teams.clinicians.by_number),
            units=list(statics.units.by_number),
            types=list(statics.types.by_number),
            teams=list(state.teams.all),
            roster=state.roster.valid(),
            response_times=state.response_times.copy(),
            clinician_states=state.overload.states(of_units=False),
            unit_states=state.overload.states(of_units=True),
            unit_reasons=state.overload.unit_reasons(),
            unit_since={
                number: since
                for (is_unit, number), since, _ in state.overload.standing()
                if is_unit
            },
            unit_present=present,
            reliefs=reliefs,
            start=start,
            end=end,
            rank=table.rank[rows],
            klass=table.klass[rows],
            unit=statics.unit[static],
            bed=statics.bed[static],
            type=statics.type[static],
            team=table.team[rows],
            signal=signal,
            twins=earlier_twins(signal, start, end, lambda chosen: table.ids(rows[chosen])),
            waits=np.minimum(end, table.first_response[rows] - moments),
        )

    def only(self, facility: str) -> Snapshot:
        """The part of the snapshot that is about one facility."""
        number = self.facilities.index(facility)
        of_unit = np.array([of for of, _ in self.units], dtype=np.int64)
        mine = np.flatnonzero(of_unit[self.unit] == number)
        response_times = self.response_times.copy()
        response_times.drop(np.flatnonzero(of_unit != number).tolist())
        roster = [one for one in self.roster if one[0] == number]
        return replace(
            self,
            roster=roster,
            response_times=response_times,
            **{name: getattr(self, name)[mine] for name in _ALARM_COLUMNS},
        )

    def measure(self) -> Burdens:
        """Count all burdens in every window of the policy."""
        known: Numbered[tuple[int, str]] = Numbered()
        known.renew(list(self.clinicians))
        posts = Posts.of(self.roster, self.now, self.policy.horizon, known)
        which, who = self._pairs()
        windows = tuple(self.policy.windows.values())
        alarms = counts(
            self.start[which],
            who,
            self.rank[which] - 1,
            len(known.by_number),
            len(ALARM_PRIORITIES),
            windows,
        )
        clinicians = self._clinicians(posts, known, which, who, alarms)
        units = self._units(posts.in_force, known, alarms.sum(axis=2))
        return Burdens(
            windows=tuple(self.policy.windows),
            clinicians=clinicians,
            units=units,
            response_times=self._response_times(),
        )

    def _pairs(self) -> tuple[Indices, Indices]:
        """The (alarm, clinician) pairs of attribution, ordered by clinician, then start. Starts
        before the lookback are in no particular order.
        """
        which, who = pairs(self.teams, self.team)
        back = self.policy.lookback
        order = np.argsort(Axis(-back, 0).at(who, np.maximum(self.start, -back)[which]))
        return which[order], who[order]

    def _clinicians(
        self,
        posts: Posts,
        known: Numbered[tuple[int, str]],
        which: Indices,
        who: Indices,
        alarms: Numbers,
    ) -> ClinicianBurdens:
        windows = tuple(self.policy.windows.values())
        beds: dict[int, set[tuple[str, str]]] = {}
        acuities: dict[int, list[float]] = {}
        for facility, one in posts.in_force:
            number = known[facility, one.clinician]
            beds.setdefault(number, set()).add((one.unit, one.bed))
            acuities.setdefault(number, []).append(1.0 if one.acuity is None else one.acuity)
        groups = len(known.by_number)
        start, end, klass = self.start[which], np.minimum(self.end[which], 0), self.klass[which]
        classified = counts(start, who, klass, groups, len(CLASSES), windows)
        sounding = covered_length(start, end, who, groups, windows)
        shown = np.flatnonzero(alarms.any(axis=(1, 2))).tolist()
        shown = self._ordered(dict.fromkeys([*shown, *beds]), known.by_number)
        duty = stretches(posts.begin, posts.end, posts.who)
        flooded = flood_ratio(np.maximum(start, -self.policy.lookback), who, groups, windows)
        overlaps = overlapping(start, self.waits[which], who, groups, windows)
        in_an_hour = np.bincount(who[start > -HOUR], minlength=groups)[shown]
        exposure = np.bincount(
            who[(start > -EXPOSURE) & (klass == NON_ACTIONABLE)], minlength=groups
        )[shown]
        return ClinicianBurdens(
            facility=[self.facilities[known.by_number[number][0]] for number in shown],
            unit=[posts.unit.get(number, "") for number in shown],
            clinician=[known.by_number[number][1] for number in shown],
            alarms=alarms[shown],
            classified=classified[shown],
            alarm_milliseconds=sounding[shown],
            beds=integers(len(beds.get(number, ())) for number in shown),
            acuity=_sums(acuities, shown),
            protected_ratio=protected(duty, start, who, groups, windows)[shown],
            flood_ratio=flooded[shown],
            overlapping=overlaps[shown],
            load_band=load_band(in_an_hour),
            exposure=exposure,
            exposure_band=exposure_band(exposure),
            shift_hours=hours_on_duty(posts.begin, posts.end, posts.who, groups)[shown],
            overload=integers(self.clinician_states.get(number, NORMAL) for number in shown),
        )

    def _ordered(self, numbers: Iterable[int], names: list[tuple[int, str]]) -> list[int]:
        """The numbers of (facility, name) in order of the facility's id, then name."""
        return sorted(
            numbers, key=lambda number: (self.facilities[names[number][0]], names[number][1])
        )

    def _units(
        self,
        in_force: list[tuple[int, Assignment]],
        people: Numbered[tuple[int, str]],
        load: Numbers,
    ) -> UnitBurdens:
        """`load` (clinicians, windows): attributed alarms."""
        windows = tuple(self.policy.windows.values())
        known: Numbered[tuple[int, str]] = Numbered()
        known.renew(list(self.units))
        clinicians: dict[int, set[int]] = {}
        beds: dict[int, set[str]] = {}
        acuities: dict[int, list[float]] = {}
        for facility, one in in_force:
            number = known[facility, one.unit]
            clinicians.setdefault(number, set()).add(people[facility, one.clinician])
            beds.setdefault(number, set()).add(one.bed)
            acuities.setdefault(number, []).append(1.0 if one.acuity is None else one.acuity)
        groups = len(known.by_number)
        alarms = counts(
            self.start, self.unit, self.rank - 1, groups, len(ALARM_PRIORITIES), windows
        )
        classified = counts(self.start, self.unit, self.klass, groups, len(CLASSES), windows)
        unassigned = self._counted(self.team == 0, groups)
        sounding, standing, stale = (
            np.bincount(self.unit[(self.end > OPEN // 2) & (self.start < -age)], minlength=groups)
            for age in (-1, STANDING, STALE)
        )
        chatters = self._counted(
            chattering(self.signal, self.start, self.end, self.twins, max(windows)), groups
        )
        fleeting = self._counted(self.end - self.start < self.policy.fleeting, groups)
        types, type_classes = most_frequent(
            self.start, self.unit, self.type, self.klass, self.types, windows, self.policy.top_types
        )
        shown = np.flatnonzero(alarms.any(axis=(1, 2)) | (sounding > 0)).tolist()
        shown = self._ordered(dict.fromkeys([*shown, *beds]), known.by_number)
        none: list[list[Any]] = [[] for _ in windows]
        return UnitBurdens(
            facility=[self.facilities[known.by_number[number][0]] for number in shown],
            unit=[known.by_number[number][1] for number in shown],
            alarms=alarms[shown],
            classified=classified[shown],
            busiest_bed=most_at_one(self.start, self.bed, self.unit, groups, windows)[shown],
            unassigned=unassigned[shown],
            open_alarms=sounding[shown].astype(np.int64),
            clinicians=integers(len(clinicians.get(number, ())) for number in shown),
            beds=integers(len(beds.get(number, ())) for number in shown),
            types=[types.get(number, none) for number in shown],
            type_classes=[type_classes.get(number, none) for number in shown],
            stale_alarms=stale[shown],
            standing_alarms=standing[shown],
            chattering=chatters[shown],
            fleeting=fleeting[shown],
            acuity=_sums(acuities, shown),
            load_spread=self._spread(clinicians, load, groups)[shown],
            overload=integers(self.unit_states.get(number, NORMAL) for number in shown),
            overload_reasons=self._reasons(shown),
            overload_since=np.array([self.unit_since.get(number, np.nan) for number in shown]),
            overload_present=self._present(shown),
            policy_limits=(limits := self._limits([known.by_number[number] for number in shown])),
            cool_down=np.full(len(shown), float(self.policy.overload.cool_down)),
            beds_limit=limits[:, MEASURES.index("beds"), 0, 0],
            relief=self._relief([known.by_number[number] for number in shown]),
        )

    def _reasons(self, units: list[int]) -> Floats:
        """(units, `MEASURES`, 2): as `UnitBurdens.overload_reasons`."""
        found = np.full((len(units), len(MEASURES), 2), np.nan)
        for row, number in enumerate(units):
            for reason in self.unit_reasons.get(number, ()):
                found[row, MEASURES.index(reason.measure)] = reason.value, reason.limit
        return found

    def _relief(self, units: list[tuple[int, str]]) -> Floats:
        """(units, 3): as `UnitBurdens.relief`."""
        found = np.full((len(units), 3), np.nan)
        for row, unit in enumerate(units):
            if unit in self.reliefs:
                move = self.reliefs[unit]
                found[row, 0] = move is not None
                if move is not None:
                    found[row, 1:] = move.spared, move.taker_alarms[1]
        return found

    def _present(self, units: list[int]) -> Floats:
        """(units, `MEASURES`): as `UnitBurdens.overload_present`."""
        found = np.full((len(units), len(MEASURES)), np.nan)
        for row, number in enumerate(units):
            for reason in self.unit_present.get(number, ()):
                found[row, MEASURES.index(reason.measure)] = reason.value
        return found

    def _limits(self, units: list[tuple[int, str]]) -> Floats:
        """(units, `MEASURES`, states, edges): as `UnitBurdens.policy_limits`."""
        policy = self.policy.overload
        found = np.full((len(units), len(MEASURES), len(STATES) - 1, 2), np.nan)
        if not policy.units:  # as in most hospitals: all units have the same limits
            found[:] = _limits_of(policy.levels("", ""))
            return found
        for row, (facility, unit) in enumerate(units):
            found[row] = _limits_of(policy.levels(self.facilities[facility], unit))
        return found

    def _counted(self, chosen: Flags, groups: int) -> Numbers:
        """(groups, windows): how many of the chosen alarms each unit has in each window."""
        rows, windows = np.flatnonzero(chosen), tuple(self.policy.windows.values())
        return counts(
            self.start[rows], self.unit[rows], np.zeros(1, dtype=np.int8), groups, 1, windows
        )[:, :, 0]

    def _spread(self, clinicians: dict[int, set[int]], load: Numbers, groups: int) -> Floats:
        """(groups, windows): the spread of the load over the clinicians of each unit."""
        unit = np.repeat(
            np.array([*clinicians], dtype=np.int64), [len(one) for one in clinicians.values()]
        )
        people = np.array([*chain.from_iterable(clinicians.values())], dtype=np.int64)
        return np.column_stack(
            [gini(load[people, window], unit, groups) for window in range(load.shape[1])]
        )

    def _response_times(self) -> list[tuple[str, str, str, list[int], float]]:
        return sorted(
            (
                self.facilities[self.units[unit][0]],
                self.units[unit][1],
                PRIORITIES[rank],
                cumulative,
                total,
            )
            for unit, rank, cumulative, total in self.response_times.histograms()
        )


def _limits_of(levels: Mapping[str, StateLevels]) -> list[list[list[float]]]:
    """By measure, state above normal, and edge; NaN where there is none."""
    return [
        [
            [np.nan, np.nan] if level is None else [level.enter, level.leave]
            for level in (getattr(levels[measure], state) for state in STATES[1:])
        ]
        for measure in MEASURES
    ]


def _sums(values: dict[int, list[float]], numbers: Iterable[int]) -> Floats:
    """The sum of the values of each number; `fsum`, so that it does not depend on their order."""
    return np.array([fsum(values.get(number, ())) for number in numbers])
