"""Burden: the alarm load of the clinicians and units of a partition, as columns.

Each facility is measured at its own event time. Windows end then, and a window of length W holds
what started less than W before.
"""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.arrays import Floats, Indices, Numbers
from analyzer.columns.statics import AlarmType
from analyzer.model.episodes import PRIORITIES

ALARM_PRIORITIES = PRIORITIES[1:]
"""The priorities of alarms, in order of rank. The priority before them, `info`, is no alarm."""


@dataclass(frozen=True, slots=True)
class ClinicianBurdens:
    """One row per clinician, ordered by facility and clinician (ids before pseudonyms).

    Shapes are given with C clinicians and W windows. NaN: not enough is known.
    """

    facility: list[str]
    unit: list[str]
    """The unit of the assignment that began last; empty if none is known."""
    clinician: list[str]
    alarms: Numbers
    """(C, W, `ALARM_PRIORITIES`): alarms attributed to the clinician."""
    classified: Numbers
    """(C, W, `CLASSES`): the same alarms by class."""
    alarm_milliseconds: Numbers
    """(C, W): time in which at least one of the alarms sounded (ms)."""
    beds: Numbers
    """(C,): beds assigned now."""
    acuity: Floats
    """(C,): sum over the assignments now; an assignment without acuity counts as 1."""
    protected_ratio: Floats
    """(C, W): share of time on duty in long stretches without a new alarm (`duty.protected`)."""
    flood_ratio: Floats
    """(C, W): share of the window in flood (`flood`)."""
    overlapping: Numbers
    """(C, W): alarms that began while another one waited for a response (`overlap`)."""
    load_band: Indices
    """(C,): index in `bands.LOAD_BANDS`, by the alarms of the last hour."""
    exposure: Numbers
    """(C,): non-actionable alarms of the last `EXPOSURE`, without technical ones."""
    exposure_band: Indices
    """(C,): index in `bands.EXPOSURE_BANDS`."""
    shift_hours: Floats
    """(C,): hours since the present duty began (`duty.hours_on_duty`); NaN off duty."""
    overload: Numbers
    """(C,): index in `overload.machine.STATES`."""


@dataclass(frozen=True, slots=True)
class UnitBurdens:
    """One row per unit, ordered by facility and unit. An episode counts once, however many
    clinicians it is attributed to.

    Shapes are given with U units and W windows. NaN: not enough is known.
    """

    facility: list[str]
    unit: list[str]
    alarms: Numbers
    """(U, W, `ALARM_PRIORITIES`)."""
    classified: Numbers
    """(U, W, `CLASSES`): the same alarms by class."""
    unassigned: Numbers
    """(U, W): alarms attributed to no clinician."""
    open_alarms: Numbers
    """(U,): alarms that have not ended."""
    clinicians: Numbers
    """(U,): clinicians on duty now."""
    beds: Numbers
    """(U,): beds that are assigned now."""
    types: list[list[list[tuple[AlarmType, int]]]]
    """By row and window: the most frequent alarm types and their counts, most frequent first, ties
    by name.
    """
    type_classes: list[list[list[list[int]]]]
    """By row and window: the counts of the same types by `CLASSES`."""
    stale_alarms: Numbers
    """(U,): alarms that have been open for more than `STALE`."""
    standing_alarms: Numbers
    """(U,): alarms that have been open for more than `STANDING`, including stale ones."""
    chattering: Numbers
    """(U, W): alarms of signals that came and went repeatedly (`chatter`)."""
    fleeting: Numbers
    """(U, W): alarms shorter than the policy's `fleeting`, of any class, answered or not."""
    acuity: Floats
    """(U,): sum over the assignments now. A bed that two clinicians share counts twice."""
    load_spread: Floats
    """(U, W): Gini coefficient of the alarms attributed to each clinician on duty now (`spread`);
    NaN with fewer than two clinicians, or without alarms.
    """
    overload: Numbers
    """(U,): index in `overload.machine.STATES`."""
    overload_reasons: Floats
    """(U, `MEASURES`, 2): the figures and limits by which the state last rose; NaN for measures
    that were no reason, and in the normal state.
    """
    beds_limit: Floats
    """(U,): beds per clinician beyond which the policy sets `elevated`; NaN where it has no such
    limit.
    """


@dataclass(frozen=True, slots=True)
class Burdens:
    """The burdens of a partition."""

    windows: tuple[str, ...]
    """The names of the windows, in the order of the arrays' window axis."""
    clinicians: ClinicianBurdens
    units: UnitBurdens
    response_times: list[tuple[str, str, str, list[int], float]]
    """(facility, unit, priority, cumulative counts by bucket with +Inf last, sum in seconds), in
    order.
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
            (state.overload.states(of_units=False), state.overload.states(of_units=True)),
            state.overload.unit_reasons(),
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
