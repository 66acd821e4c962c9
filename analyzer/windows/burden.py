"""Burden: what the alarms of a partition weigh on its clinicians and units, each facility at its
own moment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from math import fsum
from typing import Any

import numpy as np

from analyzer.arrays import Codes, Flags, Floats, Indices, Levels, Numbers
from analyzer.columns.numbered import Numbered
from analyzer.columns.segments import Axis
from analyzer.columns.statics import AlarmType
from analyzer.model.episodes import PRIORITIES
from analyzer.model.facts import Assignment
from analyzer.model.policy import EXPOSURE, HOUR, MEASURES, STALE, STANDING, Policy
from analyzer.overload.machine import NORMAL, Reason
from analyzer.pipeline.classes import CLASSES, NON_ACTIONABLE
from analyzer.pipeline.response_times import ResponseTimes
from analyzer.pipeline.roster import Team, pairs
from analyzer.pipeline.state import State
from analyzer.stats.spread import gini
from analyzer.times import OPEN
from analyzer.windows.bands import exposure_band, load_band
from analyzer.windows.chatter import chattering, earlier_twins
from analyzer.windows.duty import hours_on_duty, protected, stretches
from analyzer.windows.flood import flood_ratio
from analyzer.windows.frequent import most_frequent
from analyzer.windows.lengths import counts, covered_length
from analyzer.windows.overlap import overlapping
from analyzer.windows.posts import Posts

ALARM_PRIORITIES = PRIORITIES[1:]
"""Those that are alarms, by rank."""


@dataclass(frozen=True, slots=True)
class ClinicianBurdens:
    """One row a clinician, ordered by facility and clinician (raw ids). Axes: rows, windows,
    `ALARM_PRIORITIES` or `CLASSES`.

    NaN: too little is known to say.
    """

    facility: list[str]
    unit: list[str]
    clinician: list[str]
    alarms: Numbers
    classified: Numbers
    alarm_milliseconds: Numbers
    beds: Numbers
    acuity: Floats
    protected_ratio: Floats
    """Share of the duty in the window in stretches without a new alarm (`duty`)."""
    flood_ratio: Floats
    """Share of the window in flood (`flood`)."""
    overlapping: Numbers
    """Alarms that began while another one waited (`overlap`)."""
    load_band: Indices
    """Places in `bands.LOAD_BANDS`, by the alarms of the last hour."""
    exposure: Numbers
    """Alarms of the last `EXPOSURE` whose class is non-actionable; technical ones are another
    class, and left out.
    """
    exposure_band: Indices
    """Places in `bands.EXPOSURE_BANDS`."""
    shift_hours: Floats
    """Since the present stretch of duty began (`duty`); NaN off duty."""
    overload: Numbers
    """Places in `overload.STATES`."""


@dataclass(frozen=True, slots=True)
class UnitBurdens:
    """One row a unit, ordered by facility and unit; an episode counts once, however many clinicians
    share it. Axes as above.
    """

    facility: list[str]
    unit: list[str]
    alarms: Numbers
    classified: Numbers
    unassigned: Numbers
    open_alarms: Numbers
    clinicians: Numbers
    beds: Numbers
    types: list[list[list[tuple[AlarmType, int]]]]
    """By row and window, the most frequent alarm types with their counts, most frequent first, ties
    by name.
    """
    type_classes: list[list[list[list[int]]]]
    """The same types' alarms by `CLASSES`."""
    stale_alarms: Numbers
    """Open for more than `STALE`."""
    standing_alarms: Numbers
    """Open for more than `STANDING`, stale ones among them."""
    chattering: Numbers
    """Alarms of signals that came and went (`chatter`)."""
    fleeting: Numbers
    """Alarms that ended sooner than the policy's `fleeting`, answered or not, of any class."""
    acuity: Floats
    """Of all assignments now, summed: a bed that two share counts for each."""
    load_spread: Floats
    """Gini's coefficient of all alarms attributed to those on duty in the unit now (`spread`); NaN
    under two, or without alarms.
    """
    overload: Numbers
    """Places in `overload.STATES`."""
    overload_reasons: Floats
    """(rows, `MEASURES`, 2): figure and limit of what the state last rose by; NaN for other
    measures, and in the normal state.
    """
    beds_limit: Floats
    """Beds per clinician beyond which the policy calls for `elevated`; NaN where it never does."""


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
    """What burdens are counted from, as of one moment; shares nothing with the engine that goes on
    changing.

    Times of alarms are relative to their facility's now (ms, so at most 0); `end` of an open alarm
    is later than any moment.
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
    overload_reasons: dict[int, tuple[Reason, ...]]
    """By number of the same units: why the state last rose."""
    start: Numbers
    end: Numbers
    rank: Levels
    klass: Levels
    unit: Codes
    type: Codes
    team: Codes
    signal: Codes
    twins: Codes
    waits: Numbers
    """Until when it calls: its end, or the first response."""

    @classmethod
    def of(cls, state: State) -> Snapshot:
        """Take one; a few milliseconds."""
        table, statics, policy = state.table, state.statics, state.policy
        now = state.times.now[: len(state.facilities.things)].copy()
        rows = table.alarms()
        rows = rows[table.end[rows] > (now - policy.lookback)[table.facility[rows]]]
        static, moments = table.static[rows], now[table.facility[rows]]
        signal, start, end = (
            statics.signal[static],
            table.start[rows] - moments,
            table.end[rows] - moments,
        )
        return cls(
            policy,
            now,
            list(state.facilities.things),
            list(state.teams.clinicians.things),
            list(statics.units.things),
            list(statics.types.things),
            list(state.teams.all),
            state.roster.valid(),
            state.response_times.copy(),
            (state.watch.states(of_units=False), state.watch.states(of_units=True)),
            state.watch.unit_reasons(),
            start,
            end,
            table.rank[rows],
            table.klass[rows],
            statics.unit[static],
            statics.type[static],
            table.team[rows],
            signal,
            earlier_twins(signal, start, end, lambda chosen: table.ids(rows[chosen])),
            np.minimum(end, table.first_response[rows] - moments),
        )

    def only(self, facility: str) -> Snapshot:
        """The part of it that is about one facility."""
        number = self.facilities.index(facility)
        of_unit = np.array([of for of, _ in self.units], dtype=np.int64)
        mine = np.flatnonzero(of_unit[self.unit] == number)
        columns = (
            "start",
            "end",
            "rank",
            "klass",
            "unit",
            "type",
            "team",
            "signal",
            "twins",
            "waits",
        )
        response_times = self.response_times.copy()
        response_times.drop(np.flatnonzero(of_unit != number).tolist())
        roster = [one for one in self.roster if one[0] == number]
        return replace(
            self,
            roster=roster,
            response_times=response_times,
            **{name: getattr(self, name)[mine] for name in columns},
        )

    def measure(self) -> Burdens:
        """Count in every window."""
        known: Numbered[tuple[int, str]] = Numbered()
        known.renew(list(self.clinicians))
        posts = Posts.of(self.roster, self.now, self.policy.horizon, known)
        which, who = self._pairs()
        windows = tuple(self.policy.windows.values())
        alarms = counts(
            self.start[which],
            who,
            self.rank[which] - 1,
            len(known.things),
            len(ALARM_PRIORITIES),
            windows,
        )
        clinicians = self._clinicians(posts, known, which, who, alarms)
        units = self._units(posts.in_force, known, alarms.sum(axis=2))
        return Burdens(tuple(self.policy.windows), clinicians, units, self._response_times())

    def _pairs(self) -> tuple[Indices, Indices]:
        """Attribution as from `pairs`, ordered by clinician, then start (those before the lookback
        in no order).
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
        groups = len(known.things)
        start, end, klass = self.start[which], np.minimum(self.end[which], 0), self.klass[which]
        classified = counts(start, who, klass, groups, len(CLASSES), windows)
        sounding = covered_length(start, end, who, groups, windows)
        shown = np.flatnonzero(alarms.any(axis=(1, 2))).tolist()
        shown = self._ordered(dict.fromkeys([*shown, *beds]), known.things)
        duty = stretches(posts.begin, posts.end, posts.who)
        flooded = flood_ratio(np.maximum(start, -self.policy.lookback), who, groups, windows)
        overlaps = overlapping(start, self.waits[which], who, groups, windows)
        in_an_hour = np.bincount(who[start > -HOUR], minlength=groups)[shown]
        exposure = np.bincount(
            who[(start > -EXPOSURE) & (klass == NON_ACTIONABLE)], minlength=groups
        )[shown]
        return ClinicianBurdens(
            [self.facilities[known.things[number][0]] for number in shown],
            [posts.unit.get(number, "") for number in shown],
            [known.things[number][1] for number in shown],
            alarms[shown],
            classified[shown],
            sounding[shown],
            np.array([len(beds.get(number, ())) for number in shown], dtype=np.int64),
            # fsum: the same in whatever order they arrived
            np.array([fsum(acuities.get(number, ())) for number in shown]),
            protected(duty, start, who, groups, windows)[shown],
            flooded[shown],
            overlaps[shown],
            load_band(in_an_hour),
            exposure,
            exposure_band(exposure),
            hours_on_duty(posts.begin, posts.end, posts.who, groups)[shown],
            np.array([self.overload[0].get(number, NORMAL) for number in shown], dtype=np.int64),
        )

    def _ordered(self, numbers: Any, things: list[tuple[int, str]]) -> list[int]:
        return sorted(
            numbers, key=lambda number: (self.facilities[things[number][0]], things[number][1])
        )

    def _units(
        self,
        in_force: list[tuple[int, Assignment]],
        people: Numbered[tuple[int, str]],
        load: Numbers,
    ) -> UnitBurdens:
        """`load`: attributed alarms, by clinician and window."""
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
        groups = len(known.things)
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
        shown = self._ordered(dict.fromkeys([*shown, *beds]), known.things)
        none: list[list[Any]] = [[] for _ in windows]
        return UnitBurdens(
            [self.facilities[known.things[number][0]] for number in shown],
            [known.things[number][1] for number in shown],
            alarms[shown],
            classified[shown],
            unassigned[shown],
            sounding[shown].astype(np.int64),
            np.array([len(clinicians.get(number, ())) for number in shown], dtype=np.int64),
            np.array([len(beds.get(number, ())) for number in shown], dtype=np.int64),
            [types.get(number, none) for number in shown],
            [type_classes.get(number, none) for number in shown],
            stale[shown],
            standing[shown],
            chatters[shown],
            fleeting[shown],
            np.array([fsum(acuities.get(number, ())) for number in shown]),
            self._spread(clinicians, load, groups)[shown],
            np.array([self.overload[1].get(number, NORMAL) for number in shown], dtype=np.int64),
            self._reasons(shown),
            np.array([self._beds_limit(*known.things[number]) for number in shown]),
        )

    def _reasons(self, units: list[int]) -> Floats:
        found = np.full((len(units), len(MEASURES), 2), np.nan)
        for row, number in enumerate(units):
            for reason in self.overload_reasons.get(number, ()):
                found[row, MEASURES.index(reason.measure)] = reason.value, reason.limit
        return found

    def _beds_limit(self, facility: int, unit: str) -> float:
        level = self.policy.overload.levels(self.facilities[facility], unit)["beds"].elevated
        return np.nan if level is None else level.enter

    def _counted(self, chosen: Flags, groups: int) -> Numbers:
        """Alarms of each unit and window among the chosen."""
        rows, windows = np.flatnonzero(chosen), tuple(self.policy.windows.values())
        return counts(
            self.start[rows], self.unit[rows], np.zeros(1, dtype=np.int8), groups, 1, windows
        )[:, :, 0]

    def _spread(self, clinicians: dict[int, set[int]], load: Numbers, groups: int) -> Floats:
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
