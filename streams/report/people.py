"""People: the roster of a unit and the load of those on duty, as sums over all of them.

Names are used only for counting. No result contains one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.history import Load, Spans, load, overlap, union
from streams.report.groups import Groups, groups
from streams.report.reading import STATES, Alarms, Roster
from streams.report.span import Grid

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class People:
    """Sums over all clinicians. Those by day are over the hours that are `large`, except the two of
    the unit and `staffed`, which are over all with enough clinicians.
    """

    anybody: Flags
    """By hour: whether anyone was on duty."""
    enough: Flags
    """By hour: whether its figures are about enough clinicians."""
    large: Flags
    """By hour: the same, and each of these clinicians had one name."""
    duty: Floats
    """By day (ms), as are the next fields."""
    flood: Floats
    protected: Floats
    hours: Floats
    """Whole hours on duty, and those of them with more than 30 alarms."""
    busy_hours: Floats
    elevated: Floats
    """ms on duty in this state."""
    overloaded: Floats
    unit_elevated: Floats
    """ms of the unit as a whole in this state."""
    unit_overloaded: Floats
    staffed: Floats
    """ms with anyone on duty."""
    duty_by_hour: Floats
    acuity_by_hour: Floats
    """Acuity x ms of assigned beds, by hour; and the ms of beds whose acuity is known."""
    acuity_known: Floats


@dataclass(frozen=True, slots=True)
class Roll:
    """The results of `people_of` by hour, before it is known which hours are shown."""

    load: Load
    states: dict[str, Floats]
    unit_states: dict[str, Floats]
    staffed: Floats
    acuity: Floats
    acuity_known: Floats

    def of(self, groups: Groups, shown: Flags, grid: Grid) -> People:
        """The sums over the hours that are `shown` and have enough clinicians."""
        enough = shown & groups.enough
        large = enough & ~groups.renamed

        def by_day(values: npt.NDArray[Any], which: Flags) -> Floats:
            weights = np.asarray(values[which], np.float64)
            found = np.bincount(grid.day[which], weights=weights, minlength=len(grid.dates))
            return found.astype(np.float64)

        return People(
            self.staffed > 0,
            enough,
            large,
            by_day(self.load.duty, large),
            by_day(self.load.flood, large),
            by_day(self.load.protected, large),
            by_day(self.load.hours, large),
            by_day(self.load.busy_hours, large),
            by_day(self.states["elevated"], large),
            by_day(self.states["overloaded"], large),
            by_day(self.unit_states["elevated"], enough),
            by_day(self.unit_states["overloaded"], enough),
            by_day(self.staffed, enough),
            self.load.duty,
            self.acuity,
            self.acuity_known,
        )


def people_of(
    alarms: Alarms,
    roster: Roster,
    mine: list[int],
    states: list[dict[str, Any]],
    name: str,
    grid: Grid,
    rows: Numbers,
    fewest: int,
) -> tuple[Roll, Groups]:
    """Figures of the unit `name`. `mine`: its assignments; `rows`: its alarms."""
    names = sorted({roster.clinician[one] for one in mine} | set(alarms.clinicians))
    number = {one: place for place, one in enumerate(names)}
    who = np.array([number[roster.clinician[one]] for one in mine], np.int64)
    spans = Spans(roster.begin[mine], roster.end[mine], who)
    duty = union(spans)
    in_unit = np.zeros(len(alarms), np.bool_)
    in_unit[rows] = True
    kept = np.flatnonzero(in_unit[alarms.row])
    table = np.array([number[one] for one in alarms.clinicians] or [0], np.int64)
    attributed, row = table[alarms.who[kept]], alarms.row[kept]
    # By clinician, then start: the alarms are in order of start. numpy sorts 16 bits by radix.
    short = attributed.astype(np.uint16) if len(names) <= 1 << 16 else attributed
    order = np.argsort(short, kind="stable")
    attributed, start = attributed[order], alarms.start[row[order]]
    behind = groups(duty, roster.since[mine], spans, start, attributed, len(names), grid, fewest)
    edges = grid.hours
    acuity = roster.acuity[mine]
    has = ~np.isnan(acuity)
    return (
        Roll(
            load(duty, start, attributed, edges, len(names)),
            {one: _states_on_duty(states, name, number, duty, one, grid) for one in STATES[1:]},
            {one: state_spans(states, name, None, one, grid).in_bins(edges) for one in STATES[1:]},
            union(duty._replace(who=np.zeros(len(duty.who), np.int64))).in_bins(edges),
            _weighted(spans.of(has), acuity[has], edges),
            spans.of(has).in_bins(edges),
        ),
        behind,
    )


def _weighted(spans: Spans, weight: Floats, edges: Numbers) -> Floats:
    """Like `Spans.in_bins`, but each span has a weight."""
    found = np.zeros(len(edges) - 1)
    for one in np.unique(weight).tolist():
        found += one * spans.of(weight == one).in_bins(edges)
    return found


def state_spans(
    states: list[dict[str, Any]], unit: str, clinician: str | None, state: str, grid: Grid
) -> Spans:
    begin, end = [], []
    current, since = None, grid.begin
    for one in states:
        if one["unit"] != unit or one["clinician"] != clinician:
            continue
        at = int(one["at"])
        if (one["from"] if current is None else current) == state:
            begin.append(since)
            end.append(at)
        current, since = one["to"], at
    if current == state:
        begin.append(since)
        end.append(grid.end)
    times = np.array(begin, np.int64), np.array(end, np.int64)
    return Spans(*times, np.zeros(len(begin), np.int64)).within(grid.begin, grid.end)


def _states_on_duty(
    states: list[dict[str, Any]],
    unit: str,
    number: dict[str, int],
    duty: Spans,
    state: str,
    grid: Grid,
) -> Floats:
    """ms on duty in a state, by hour: a state lasts no longer than the duty."""
    found = []
    changes: dict[str, list[dict[str, Any]]] = {}
    for one in states:
        if one["unit"] == unit and one["clinician"] in number:
            changes.setdefault(one["clinician"], []).append(one)
    for name, some in changes.items():
        spans = state_spans(some, unit, name, state, grid)
        found.append(Spans(spans.begin, spans.end, np.full(len(spans.begin), number[name])))
    if not found:
        return np.zeros(len(grid.hours) - 1)
    together = Spans(*(np.concatenate(column) for column in zip(*found, strict=True)))
    return overlap(union(together), duty).in_bins(grid.hours)
