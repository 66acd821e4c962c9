"""Evidence: what findings are worked out from, as of one moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from analyzer.arrays import Codes, Flags, Floats, Levels, Numbers
from analyzer.columns.statics import AlarmType, Static
from analyzer.findings.findings import (
    PATTERNS,
    Delay,
    Finding,
    Seen,
    UnitFindings,
    drivers,
    verdict,
)
from analyzer.findings.patterns import Meetings, distance, quartile
from analyzer.model.episodes import PRIORITIES
from analyzer.model.policy import SECOND, Policy
from analyzer.pipeline.classes import ACTIONABLE, CLASSES, NON_ACTIONABLE, TECHNICAL
from analyzer.pipeline.state import State
from analyzer.stats.shares import Share
from analyzer.times import NEVER, OPEN
from analyzer.windows.chatter import SPAN, chattering, earlier_twins

_COLUMNS = (
    "start",
    "end",
    "rank",
    "klass",
    "static",
    "unit",
    "type",
    "place",
    "technical",
    "value",
    "limit",
    "answered",
    "covered",
    "signal",
    "twins",
)
"""The fields of `Evidence` that have one entry an alarm."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The alarms of a partition that its findings rest on; shares nothing with the engine that goes
    on changing.

    One entry an alarm, that started in the window (now - `window`, now], in the minute before (for
    it may be the first of a chatter), or is stale. Times are relative to the facility's now (ms, so
    at most 0); `end` of an open alarm is later than any moment.
    """

    policy: Policy
    window: int
    now: Numbers
    facilities: list[str]
    units: list[tuple[int, str]]
    types: list[AlarmType]
    statics: list[Static]
    start: Numbers
    end: Numbers
    rank: Levels
    klass: Levels
    static: Codes
    unit: Codes
    type: Codes
    place: Codes
    technical: Flags
    value: Floats
    limit: Floats
    answered: Numbers
    """When first responded to; later than any moment: never."""
    covered: Flags
    """Whether somebody of the unit responded to anything; asked only for alarms that were needed
    and had no response.
    """
    signal: Codes
    twins: Codes
    """As in `chatter`."""

    @classmethod
    def of(cls, state: State, window: int) -> Evidence:
        """Take it; a few milliseconds."""
        table, statics, policy = state.table, state.statics, state.policy
        now = state.times.now[: len(state.facilities.by_number)].copy()
        rows = table.alarms()
        moments = now[table.facility[rows]]
        start, end = table.start[rows] - moments, table.end[rows] - moments
        stale = (end > -window) & (np.minimum(end, 0) - start > policy.findings.stale)
        chosen = (start >= -window - SPAN) | stale
        rows, start, end = rows[chosen], start[chosen], end[chosen]
        static, klass, answered = table.static[rows], table.klass[rows], table.first_response[rows]
        covered = np.zeros(len(rows), dtype=np.bool_)
        final = end <= -policy.action_window
        for place in np.flatnonzero((klass == ACTIONABLE) & (answered == NEVER) & final).tolist():
            closing = int(table.end[rows[place]]) + policy.action_window
            covered[place] = state.cover.covered(
                int(statics.unit[static[place]]), closing, policy.cover
            )
        signal = statics.signal[static]
        return cls(
            policy,
            window,
            now,
            list(state.facilities.by_number),
            list(statics.units.by_number),
            list(statics.types.by_number),
            list(statics.by_number),
            start,
            end,
            table.rank[rows],
            klass,
            static,
            statics.unit[static],
            statics.type[static],
            statics.place[static],
            statics.technical[static],
            table.value[rows],
            table.limit[rows],
            answered - now[table.facility[rows]],
            covered,
            signal,
            earlier_twins(signal, start, end, lambda some: table.ids(rows[some])),
        )

    def only(self, facility: str) -> Evidence:
        """The part of it that is about one facility."""
        number = self.facilities.index(facility)
        mine = np.flatnonzero(
            np.array([of for of, _ in self.units], dtype=np.int64)[self.unit] == number
        )
        return replace(self, **{name: getattr(self, name)[mine] for name in _COLUMNS})

    def findings(self, top: int | None = None, most_units: int | None = None) -> list[UnitFindings]:
        """By facility and unit, the `top` alarm types (None: all) of each unit that has any.

        Of more units than `most_units`, those with the greatest load, then with most alarms, then
        by name.
        """
        types, stale = len(self.types), self._stale()
        inside = self.start > -self.window
        if not len(self.start):
            return []
        keys, group = np.unique(self.unit.astype(np.int64) * types + self.type, return_inverse=True)
        counted = _Counted(self, keys, group, inside)
        of_stale = np.bincount(group[stale], minlength=len(keys))
        found: dict[int, list[int]] = {}
        for place in np.flatnonzero((counted.alarms > 0) | (of_stale > 0)).tolist():
            found.setdefault(int(keys[place]) // types, []).append(place)
        by_name = sorted(
            found, key=lambda unit: (self.facilities[self.units[unit][0]], self.units[unit][1])
        )
        if most_units is not None and len(by_name) > most_units:
            busiest = sorted(
                by_name,
                key=lambda unit: (
                    -counted.load[found[unit]].sum(),
                    -counted.alarms[found[unit]].sum(),
                ),
            )
            kept = set(busiest[:most_units])
            by_name = [unit for unit in by_name if unit in kept]
        result = []
        for unit in by_name:
            facility, name = self.units[unit]
            places = found[unit]
            places.sort(
                key=lambda place: (
                    -counted.load[place],
                    -counted.alarms[place],
                    self.types[int(keys[place]) % types],
                )
            )
            alarms, load = int(counted.alarms[places].sum()), int(counted.load[places].sum())
            findings = [
                counted.finding(place, alarms, load, int(of_stale[place])) for place in places[:top]
            ]
            result.append(
                UnitFindings(
                    self.facilities[facility],
                    name,
                    int(self.now[facility]),
                    alarms,
                    load,
                    len(places),
                    findings,
                )
            )
        return result

    def _stale(self) -> Flags:
        return (self.end > -self.window) & (
            np.minimum(self.end, 0) - self.start > self.policy.findings.stale
        )

    def patterns(self) -> Iterator[Flags]:
        """Which alarms show each of `PATTERNS`, but for `duplicate`, which depends on the whole
        type: none.
        """
        policy = self.policy.findings
        yield self.technical
        yield np.zeros(len(self.start), dtype=np.bool_)
        yield chattering(self.signal, self.start, self.end, self.twins, self.window)
        with np.errstate(invalid="ignore", over="ignore"):
            yield np.abs(self.value - self.limit) <= policy.hugging * np.abs(self.limit)
        yield self.end - self.start < self.policy.fleeting
        yield np.minimum(self.end, 0) - self.start > policy.standing
        late = np.where(
            self.answered > OPEN // 2, self.covered, self.answered - self.start > policy.slow_answer
        )
        yield late & (self.klass == ACTIONABLE)


class _Counted:
    """Everything counted by group, a unit and an alarm type: `keys` tell which, `group` the group
    of every entry.
    """

    def __init__(self, evidence: Evidence, keys: Numbers, group: Numbers, inside: Flags) -> None:
        self._evidence, self._keys, groups = evidence, keys, len(keys)
        klass = evidence.klass
        useless = inside & ((klass == NON_ACTIONABLE) | (klass == TECHNICAL))
        needed = inside & (klass == ACTIONABLE)

        def count(which: Flags) -> Numbers:
            return np.bincount(group[which], minlength=groups)

        self.alarms, self.load, self.needed = count(inside), count(useless), count(needed)
        self._classes = np.bincount(
            group[inside] * len(CLASSES) + klass[inside], minlength=groups * len(CLASSES)
        ).reshape(groups, -1)
        lasted = np.minimum(evidence.end, 0) - evidence.start
        self._sounding = np.bincount(
            group[inside], weights=lasted[inside], minlength=groups
        ).astype(np.int64)
        self._count_beds(group[inside], evidence.place[inside])
        shown = list(evidence.patterns())
        shown[PATTERNS.index("duplicate")] = self._duplicates(group, inside, useless)
        self._patterns = np.stack(
            [count(one & which) for one in shown for which in (inside, useless, needed)]
        )
        self._weigh_delays(group, lasted, useless, needed)
        hugs = shown[PATTERNS.index("hugging")] & useless
        far = distance(evidence.value[hugs], evidence.limit[hugs])
        known = ~np.isnan(far)
        self._distance = quartile(far[known], group[hugs][known], groups)
        self._has_distance = np.bincount(group[hugs][known], minlength=groups) > 0

    def _count_beds(self, group: Numbers, place: Codes) -> None:
        groups, places = len(self._keys), int(place.max(initial=0)) + 1
        pairs, alarms = np.unique(group * places + place, return_counts=True)
        self._beds = np.bincount(pairs // places, minlength=groups)
        self._busiest = np.zeros(groups, dtype=np.int64)
        np.maximum.at(self._busiest, pairs // places, alarms)

    def _duplicates(self, group: Numbers, inside: Flags, useless: Flags) -> Flags:
        """Which alarms met with the other type that their own meets most often, and which of the
        two gives way.
        """
        evidence, keys, groups = self._evidence, self._keys, len(self._keys)
        types, names = len(evidence.types), evidence.types
        within = np.flatnonzero(inside)
        meetings = Meetings(
            evidence.start[within],
            evidence.place[within],
            evidence.type[within],
            types,
            evidence.policy.findings.duplicate_within,
        )
        name_rank = np.empty(types, dtype=np.int64)
        name_rank[sorted(range(types), key=names.__getitem__)] = np.arange(types)
        self._met = meetings.most_met(useless[within], group[within], groups, name_rank)
        found = np.zeros(len(group), dtype=np.bool_)
        found[within] = meetings.with_type(self._met[group[within]])
        self._rank = np.zeros(groups, dtype=np.int64)
        np.maximum.at(self._rank, group[within], evidence.rank[within])
        one = np.flatnonzero(self._met >= 0)
        other = np.searchsorted(keys, keys[one] // types * types + self._met[one])
        gives_way = name_rank[keys[one] % types] > name_rank[self._met[one]]
        for weight in (self.load, self.needed, self._rank):  # the last outweighs those before
            gives_way = np.where(
                weight[one] == weight[other], gives_way, weight[one] < weight[other]
            )
        self._gives_way = np.zeros(groups, dtype=np.bool_)
        self._gives_way[one] = gives_way
        return found

    def _weigh_delays(self, group: Numbers, lasted: Numbers, useless: Flags, needed: Flags) -> None:
        evidence, groups = self._evidence, len(self._keys)
        over = evidence.end <= 0
        ended = useless & over
        self._has_delay = np.bincount(group[ended], minlength=groups) > 0
        whole = -(-quartile(lasted[ended], group[ended], groups) // SECOND) * SECOND
        self._delay = np.minimum(np.maximum(whole, SECOND), evidence.policy.fleeting)
        spared = over & (lasted <= self._delay[group])
        self._spared = np.stack(
            [np.bincount(group[spared & which], minlength=groups) for which in (useless, needed)]
        )

    def finding(self, place: int, unit_alarms: int, unit_load: int, stale: int) -> Finding:
        evidence = self._evidence
        alarms, load, met_with = (
            int(self.alarms[place]),
            int(self.load[place]),
            int(self._met[place]),
        )
        classes = tuple(self._classes[place].tolist())
        counts = self._patterns[:, place].tolist()
        patterns = tuple(Seen(*counts[begin : begin + 3]) for begin in range(0, len(counts), 3))
        gives_way = bool(self._gives_way[place])
        delay = (
            Delay(int(self._delay[place]), *self._spared[:, place].tolist())
            if self._has_delay[place]
            else None
        )
        driving = drivers(classes, patterns, gives_way, evidence.policy.findings)
        return Finding(
            evidence.types[int(self._keys[place]) % len(evidence.types)],
            Share(alarms, unit_alarms),
            classes,
            Share(load, unit_load),
            PRIORITIES[int(self._rank[place])] if alarms else None,
            int(self._sounding[place]),
            int(self._beds[place]),
            Share(int(self._busiest[place]), alarms),
            stale,
            patterns,
            evidence.types[met_with] if met_with >= 0 else None,
            gives_way,
            delay,
            float(self._distance[place]) if self._has_distance[place] else None,
            driving,
            verdict(classes, patterns, driving, stale, evidence.policy.findings),
        )
