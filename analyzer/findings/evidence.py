"""Evidence: the alarms that findings are computed from, as of one time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

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
from analyzer.findings.forgotten import Forgotten
from analyzer.findings.patterns import Meetings, distance, quartile
from analyzer.model.episodes import PRIORITIES
from analyzer.model.policy import HOUR, SECOND, Policy
from analyzer.pipeline.classes import ACTIONABLE, CLASSES, NON_ACTIONABLE, TECHNICAL
from analyzer.pipeline.state import State
from analyzer.stats.risk import effective_size
from analyzer.stats.shares import Share
from analyzer.times import OPEN
from analyzer.windows.chatter import SPAN, chattering
from analyzer.windows.frequent import compact

DAY = 24 * HOUR
_COLUMNS = (
    "start",
    "end",
    "rank",
    "klass",
    "static",
    "unit",
    "type",
    "bed",
    "technical",
    "value",
    "limit",
    "answered",
    "covered",
    "signal",
    "twins",
)
"""The fields of `Evidence` with one entry for each alarm."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A copy of the alarms of a partition that findings rest on.

    There is one entry for each alarm that started in the window (now - `window`, now], or in the
    minute before (it may be the first of a chatter), or that is stale. Times are in ms relative to
    the `now` of the facility, so at most 0. The `end` of an open alarm is later than any time.
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
    bed: Codes
    technical: Flags
    value: Floats
    limit: Floats
    answered: Numbers
    """The first response; without one, later than any time."""
    covered: Flags
    """The result of `forgotten.covered`."""
    signal: Codes
    twins: Codes
    """See `windows.chatter`."""

    @classmethod
    def of(cls, state: State, window: int, forgotten: Forgotten | None = None) -> Evidence:
        """Copy it from the state, and from what is `forgotten`. Without the latter, it takes a few
        milliseconds.
        """
        if forgotten is not None:
            return cls._chosen(state, window, forgotten.columns(state), None)
        table = state.table
        rows = table.alarms()
        since = state.times.now[table.facility[rows]] - window - SPAN
        recent = (table.start[rows] >= since) | (table.end[rows] > since)
        return cls._chosen(state, window, Forgotten().described(state, rows[recent]), None)

    @classmethod
    def since(
        cls, state: State, moment: int | None, forgotten: Forgotten | None = None
    ) -> list[Evidence]:
        """By facility, the evidence from `moment` (ms; None: from its first alarm) to its `now`."""
        known = (Forgotten() if forgotten is None else forgotten).columns(state)
        found = []
        for number in np.unique(known["facility"]).tolist():
            mine = known["facility"] == number
            first = int(known["start"][mine].min())
            window = int(state.times.now[number]) - (first - 1 if moment is None else moment)
            if window > 0:
                found.append(cls._chosen(state, window, known, mine))
        return found

    @classmethod
    def _chosen(
        cls, state: State, window: int, known: dict[str, Any], mine: Flags | None
    ) -> Evidence:
        """`known`: as `Forgotten.columns`; `mine`: which of them to look at; None: all."""
        statics, policy = state.statics, state.policy
        now = state.times.now[: len(state.facilities.by_number)].copy()
        moments = now[known["facility"]]
        start, end = known["start"] - moments, known["end"] - moments
        stale = (end > -window) & (np.minimum(end, 0) - start > policy.findings.stale)
        chosen = (start >= -window - SPAN) | stale
        if mine is not None:
            chosen &= mine
        static = known["static"][chosen]
        return cls(
            policy=policy,
            window=window,
            now=now,
            facilities=list(state.facilities.by_number),
            units=list(statics.units.by_number),
            types=list(statics.types.by_number),
            statics=list(statics.by_number),
            start=start[chosen],
            end=end[chosen],
            rank=known["rank"][chosen],
            klass=known["klass"][chosen],
            static=static,
            unit=statics.unit[static],
            type=statics.type[static],
            bed=statics.bed[static],
            technical=statics.technical[static],
            value=known["value"][chosen],
            limit=known["limit"][chosen],
            answered=(known["first_response"] - moments)[chosen],
            covered=known["covered"][chosen],
            signal=statics.signal[static],
            twins=known["twins"][chosen],
        )

    def only(self, facility: str) -> Evidence:
        """The evidence of one facility."""
        number = self.facilities.index(facility)
        mine = np.flatnonzero(
            np.array([of for of, _ in self.units], dtype=np.int64)[self.unit] == number
        )
        return replace(self, **{name: getattr(self, name)[mine] for name in _COLUMNS})

    def findings(self, top: int | None = None, most_units: int | None = None) -> list[UnitFindings]:
        """The `top` alarm types (None: all) of each unit that has any, by facility and unit.

        Of more units than `most_units`, those with most load, then with most alarms, then by name.
        """
        types, stale = len(self.types), self._stale()
        inside = self.start > -self.window
        if not len(self.start):
            return []
        of = self.unit.astype(np.int64) * types + self.type
        keys, group = compact(of, len(self.units) * types)
        counted = _Counted(self, keys, group, inside)
        of_stale = np.bincount(group[stale], minlength=len(keys))
        found: dict[int, list[int]] = {}
        for index in np.flatnonzero((counted.alarms > 0) | (of_stale > 0)).tolist():
            found.setdefault(int(keys[index]) // types, []).append(index)
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
            indices = found[unit]
            indices.sort(
                key=lambda index: (
                    -counted.load[index],
                    -counted.alarms[index],
                    self.types[int(keys[index]) % types],
                )
            )
            alarms, load = int(counted.alarms[indices].sum()), int(counted.load[indices].sum())
            findings = [
                counted.finding(index, alarms, load, int(of_stale[index]))
                for index in indices[:top]
            ]
            result.append(
                UnitFindings(
                    self.facilities[facility],
                    name,
                    int(self.now[facility]),
                    int(self.now[facility]) - self.window,
                    alarms,
                    load,
                    int(counted.technical[indices].sum()),
                    len(indices),
                    findings,
                )
            )
        return result

    def _stale(self) -> Flags:
        return (self.end > -self.window) & (
            np.minimum(self.end, 0) - self.start > self.policy.findings.stale
        )

    def patterns(self) -> Iterator[Flags]:
        """Which alarms show each of `PATTERNS`. For `duplicate`, which depends on the whole type,
        it yields none.
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
    """All counts by group, which is a unit and an alarm type.

    `keys` are unit * types + type of each group, `group` the group of each entry, and `inside`
    which entries started in the window.
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
        self.technical = count(inside & (klass == TECHNICAL))
        self._effective = self._effective_sizes(group, needed)
        lasted = np.minimum(evidence.end, 0) - evidence.start
        self._sounding = np.bincount(
            group[inside], weights=lasted[inside], minlength=groups
        ).astype(np.int64)
        self._count_beds(group[inside], evidence.bed[inside])
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

    def _effective_sizes(self, group: Numbers, needed: Flags) -> list[float]:
        """The effective sample size of each group: how many independent alarms would tell as much
        as its actionable ones.
        """
        evidence = self._evidence
        of = np.array([facility for facility, _ in evidence.units], dtype=np.int64)
        moments = evidence.start[needed] + evidence.now[of[evidence.unit[needed]]]
        found = [0.0] * len(self._keys)
        if not len(moments):
            return found
        day = moments // DAY - int(moments.min()) // DAY
        beds, days = int(evidence.bed.max()) + 1, int(day.max()) + 1
        keys = (group[needed] * beds + evidence.bed[needed]) * days + day
        clusters, sizes = np.unique(keys, return_counts=True)
        begins = np.searchsorted(clusters // (beds * days), np.arange(len(self._keys) + 1)).tolist()
        for index, (begin, end) in enumerate(pairwise(begins)):
            if end > begin:
                found[index] = effective_size(sizes[begin:end])
        return found

    def _count_beds(self, group: Numbers, bed: Codes) -> None:
        groups, beds = len(self._keys), int(bed.max(initial=0)) + 1
        pairs, alarms = np.unique(group * beds + bed, return_counts=True)
        self._beds = np.bincount(pairs // beds, minlength=groups)
        self._busiest = np.zeros(groups, dtype=np.int64)
        np.maximum.at(self._busiest, pairs // beds, alarms)

    def _duplicates(self, group: Numbers, inside: Flags, useless: Flags) -> Flags:
        """Which alarms coincide with the type that their own most often coincides with.

        Also sets which of two such types gives way.
        """
        evidence, keys, groups = self._evidence, self._keys, len(self._keys)
        types, names = len(evidence.types), evidence.types
        within = np.flatnonzero(inside)
        meetings = Meetings(
            evidence.start[within],
            evidence.bed[within],
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
        for weight in (self.load, self.needed, self._rank):  # the last takes precedence
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

    def finding(self, index: int, unit_alarms: int, unit_load: int, stale: int) -> Finding:
        evidence = self._evidence
        alarms, load, met_with = (
            int(self.alarms[index]),
            int(self.load[index]),
            int(self._met[index]),
        )
        classes = tuple(self._classes[index].tolist())
        counts = self._patterns[:, index].tolist()
        patterns = tuple(Seen(*counts[begin : begin + 3]) for begin in range(0, len(counts), 3))
        gives_way = bool(self._gives_way[index])
        delay = (
            Delay(int(self._delay[index]), *self._spared[:, index].tolist())
            if self._has_delay[index]
            else None
        )
        driving = drivers(classes, patterns, gives_way, evidence.policy.findings)
        return Finding(
            type=evidence.types[int(self._keys[index]) % len(evidence.types)],
            alarms=Share(alarms, unit_alarms),
            classes=classes,
            load=Share(load, unit_load),
            priority=PRIORITIES[int(self._rank[index])] if alarms else None,
            sounding=int(self._sounding[index]),
            beds=int(self._beds[index]),
            busiest_bed=Share(int(self._busiest[index]), alarms),
            stale=stale,
            patterns=patterns,
            met_with=evidence.types[met_with] if met_with >= 0 else None,
            gives_way=gives_way,
            delay=delay,
            hugging_distance=float(self._distance[index]) if self._has_distance[index] else None,
            drivers=driving,
            verdict=verdict(classes, patterns, driving, stale, evidence.policy.findings),
            effective=self._effective[index],
            tolerance=evidence.policy.findings.tolerance,
        )
