"""Measures: what a unit's alarms and roster add up to, by day and hour of a span.

Nothing in a result is about one person. Sums over clinicians are of days on which at least
`fewest` were on duty (see `analyzer.history.groups`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer import CLASSES
from analyzer.history import FEWEST, Load, Spans, chatters, inside, large_days, load, overlap, union
from analyzer.model import PRIORITIES
from analyzer.times import NEVER, OPEN
from streams.report.reading import STATES, Alarms, Roster
from streams.report.span import Grid

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEAST_KNOWN = 5
"""With fewer alarms in the denominator there is no ratio (docs/semantics.md)."""


@dataclass(frozen=True, slots=True)
class Responses:
    """First responses on shown days: seconds, the day, the hour (-1: none) and the priority."""

    seconds: Floats
    day: Numbers
    hour: Numbers
    rank: npt.NDArray[np.int8]
    alarms: Numbers
    """(rank, day): alarms on shown days, with or without a response."""
    shown: Flags
    """The days on which at least `fewest` clinicians are known, or none at all."""


@dataclass(frozen=True, slots=True)
class People:
    """The roster of a unit by day and hour, and the load; sums over all clinicians."""

    large: Flags
    """By day: whether at least `fewest` clinicians were on duty."""
    any_roster: Flags
    """By day: whether anyone was on duty."""
    load: Load
    elevated: Floats
    """ms on duty in this state, by day."""
    overloaded: Floats
    duty_by_hour: Floats
    """ms on duty, by hour of the grid."""
    acuity_by_hour: Floats
    """Acuity x ms of assigned beds, by hour; and the ms of beds whose acuity is known."""
    acuity_known: Floats
    hours_by_day: Floats
    """Whole hours on duty, and those with more than 30 alarms."""
    busy_by_day: Floats
    staffed: Floats
    """ms with anyone on duty, by day."""
    presence: tuple[Numbers, Numbers]
    """Of each clinician and hour on duty: the hour, the number of the clinician. Not published."""
    names: tuple[str, ...]
    """Of the clinicians, by number. Not published."""


@dataclass(frozen=True, slots=True)
class UnitDays:
    """A unit's figures, by day of a `Grid` unless said."""

    name: str
    beds: tuple[str, ...]
    seen: Flags
    """Whether the archive holds anything of the unit on the day; the other days are missing."""
    alarms: Numbers
    """(bed, rank, class, day)"""
    rostered: Numbers
    """Of these, the ones that began while their bed was in the roster."""
    bed_time: Floats
    """(bed, day): ms in the roster."""
    bed_time_by_hour: Floats
    by_hour: Numbers
    rostered_by_hour: Numbers
    types: list[tuple[str, str, str]]
    by_type: Numbers
    """(type, day)"""
    type_classes: Numbers
    """(type, class)"""
    chattering: Numbers
    fleeting: Numbers
    stale: Numbers
    unit_states: dict[str, Floats]
    """ms in each state but normal, of the unit as a whole."""
    people: People
    responses: Responses
    fewest: int
    """The fewest clinicians in any group that figures about people are of."""


@dataclass(frozen=True, slots=True)
class Both:
    """The same unit in the span and in the span before it; None: nothing of it then."""

    now: UnitDays
    grid: Grid
    before: UnitDays | None
    before_grid: Grid


def measured(
    alarms: Alarms,
    roster: Roster,
    states: list[dict[str, Any]],
    seen: list[int],
    name: str,
    grid: Grid,
    limits: tuple[int, int],
    fewest: int = FEWEST,
) -> UnitDays:
    """Of one unit; `limits`: fleeting under, stale over (ms)."""
    code = alarms.units.index(name) if name in alarms.units else -2
    rows = np.flatnonzero(alarms.unit == code)
    mine = [place for place, one in enumerate(roster.unit) if one == name]
    known = np.flatnonzero(np.bincount(alarms.bed[rows])).tolist()
    beds = sorted({alarms.beds[one] for one in known} | {roster.bed[one] for one in mine})
    place = {bed: number for number, bed in enumerate(beds)}
    table = np.array([place.get(one, -1) for one in alarms.beds] or [0], np.int64)
    start, end = alarms.start[rows], alarms.end[rows]
    chatter = chatters(alarms.signal[rows], start, end, grid.begin)
    within = (start >= grid.begin) & (start < grid.end)
    chosen = rows[within]
    start, end, chatter = start[within], end[within], chatter[within]
    bed = table[alarms.bed[chosen]]
    rank, klass = alarms.rank[chosen].astype(np.int64), alarms.klass[chosen].astype(np.int64)
    kind = alarms.type[chosen].astype(np.int64)
    day, hour = grid.day_of(start), grid.hour_of(start)
    days, hours = len(grid.dates), len(grid.hours) - 1

    bed_of = np.array([place[roster.bed[one]] for one in mine], np.int64)
    spans = Spans(roster.begin[mine], roster.end[mine], bed_of)
    occupied = union(spans)
    on_roster = inside(start, bed, occupied)

    def tally(which: Flags | None, shape: tuple[int, ...], *axes: Numbers) -> Numbers:
        keys = np.ravel_multi_index(axes, shape) if len(axes[0]) else axes[0]
        keys = keys if which is None else keys[which]
        size = int(np.prod(shape))
        return np.bincount(keys, minlength=size).reshape(shape)

    def hourly(which: Flags) -> Numbers:
        return np.bincount(hour[which & (hour >= 0)], minlength=hours)

    everything = np.ones(len(start), np.bool_)
    last = np.where(end >= OPEN, start, end)
    seen_days = np.zeros(days, np.bool_)
    places = grid.day_of(np.clip(np.array(seen, np.int64), grid.begin, grid.end - 1))
    seen_days[places] = True
    people, large_now = _people(alarms, roster, mine, states, name, grid, rows, fewest)
    answered = alarms.answered[chosen]
    counts = large_now[day] if len(day) else np.zeros(0, np.bool_)
    has = counts & (answered < NEVER)
    ranks, classes = len(PRIORITIES), len(CLASSES)
    return UnitDays(
        name,
        tuple(beds),
        seen_days,
        tally(None, (len(beds), ranks, classes, days), bed, rank, klass, day),
        tally(on_roster, (len(beds), ranks, classes, days), bed, rank, klass, day),
        np.stack([occupied.of(occupied.who == one).in_bins(grid.edges) for one in range(len(beds))])
        if beds
        else np.zeros((0, days)),
        occupied.in_bins(grid.hours) if hours > 0 else np.zeros(0),
        hourly(everything),
        hourly(on_roster),
        alarms.types,
        tally(None, (len(alarms.types), days), kind, day),
        tally(None, (len(alarms.types), classes), kind, klass),
        tally(chatter, (days,), day),
        tally(last - start < limits[0], (days,), day) if len(day) else np.zeros(days, np.int64),
        tally(last - start > limits[1], (days,), day) if len(day) else np.zeros(days, np.int64),
        {
            one: _state_spans(states, name, None, one, grid).in_bins(grid.edges)
            for one in STATES[1:]
        },
        people,
        Responses(
            np.maximum(answered[has] - start[has], 0) / 1000,
            day[has],
            hour[has],
            alarms.rank[chosen][has],
            tally(counts, (ranks, days), rank, day),
            large_now,
        ),
        fewest,
    )


def _people(
    alarms: Alarms,
    roster: Roster,
    mine: list[int],
    states: list[dict[str, Any]],
    name: str,
    grid: Grid,
    rows: Numbers,
    fewest: int,
) -> tuple[People, Flags]:
    """The people of a unit, and on which days its response times may be shown: with at least
    `fewest` clinicians, or where the archive knows none at all.
    """
    days = len(grid.dates)
    names = sorted({roster.clinician[one] for one in mine} | set(alarms.clinicians))
    number = {one: place for place, one in enumerate(names)}
    who = np.array([number[roster.clinician[one]] for one in mine], np.int64)
    spans = Spans(roster.begin[mine], roster.end[mine], who)
    duty = union(spans)
    in_unit = np.zeros(len(alarms), np.bool_)
    in_unit[rows] = True
    kept = in_unit[alarms.row]
    table = np.array([number[one] for one in alarms.clinicians] or [0], np.int64)
    attributed, start = table[alarms.who[kept]], alarms.start[alarms.row[kept]]
    order = np.lexsort((start, attributed))
    attributed, start = attributed[order], start[order]
    summed = load(duty, start, attributed, grid.edges, grid.hours, len(names))
    duty_days, on_duty = _presence(duty, grid.edges)
    large = large_days(on_duty, duty_days, days, fewest) & grid.whole & grid.named
    inside_span = (start >= grid.begin) & (start < grid.end)
    known_day = np.concatenate([duty_days, grid.day_of(start[inside_span])])
    known_who = np.concatenate([on_duty, attributed[inside_span]])
    nobody = np.bincount(known_day, minlength=days) == 0
    shown = ((large_days(known_who, known_day, days, fewest) & grid.named) | nobody) & grid.whole
    acuity = roster.acuity[mine]
    has = ~np.isnan(acuity)
    hours, present = _presence(duty, grid.hours)
    in_state = [_clinician_states(states, name, number, duty, one, grid) for one in STATES[1:]]
    return (
        People(
            large,
            np.bincount(duty_days, minlength=days) > 0,
            summed,
            in_state[0],
            in_state[1],
            duty.in_bins(grid.hours),
            _weighted(spans.of(has), acuity[has], grid.hours),
            spans.of(has).in_bins(grid.hours),
            np.bincount(grid.day, weights=summed.hours, minlength=days).astype(float),
            np.bincount(grid.day, weights=summed.busy_hours, minlength=days).astype(float),
            union(duty._replace(who=np.zeros(len(duty.who), np.int64))).in_bins(grid.edges),
            (hours, present),
            tuple(names),
        ),
        shown,
    )


def _presence(duty: Spans, edges: Numbers) -> tuple[Numbers, Numbers]:
    """Each bin and person that meet."""
    bins: list[int] = []
    who: list[int] = []
    first = np.searchsorted(edges, duty.begin, side="right") - 1
    last = np.searchsorted(edges, duty.end, side="left") - 1
    for low, high, one in zip(first.tolist(), last.tolist(), duty.who.tolist(), strict=True):
        some = range(max(low, 0), min(high, len(edges) - 2) + 1)
        bins += some
        who += [one] * len(some)
    return np.array(bins, np.int64), np.array(who, np.int64)


def _weighted(spans: Spans, weight: Floats, edges: Numbers) -> Floats:
    """As `Spans.in_bins`, each span counting as its weight."""
    found = np.zeros(len(edges) - 1)
    for one in np.unique(weight).tolist():
        found += one * spans.of(weight == one).in_bins(edges)
    return found


def _state_spans(
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


def _clinician_states(
    states: list[dict[str, Any]],
    unit: str,
    number: dict[str, int],
    duty: Spans,
    state: str,
    grid: Grid,
) -> Floats:
    """ms on duty in a state, by day: a state lasts no longer than the duty."""
    found = []
    changes: dict[str, list[dict[str, Any]]] = {}
    for one in states:
        if one["unit"] == unit and one["clinician"] in number:
            changes.setdefault(one["clinician"], []).append(one)
    for name, some in changes.items():
        spans = _state_spans(some, unit, name, state, grid)
        found.append(Spans(spans.begin, spans.end, np.full(len(spans.begin), number[name])))
    if not found:
        return np.zeros(len(grid.dates))
    together = Spans(*(np.concatenate(column) for column in zip(*found, strict=True)))
    return overlap(union(together), duty).in_bins(grid.edges)
