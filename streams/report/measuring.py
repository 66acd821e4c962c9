"""Measures: what a unit's alarms and roster add up to, by day and hour of a span.

Nothing in a result is about one person. Sums over clinicians are of hours behind which at least
`fewest` of them stand (see `streams.report.groups`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer import CLASSES
from analyzer.history import FEWEST, Spans, chatters, inside, overlap, union
from analyzer.model import PRIORITIES
from analyzer.times import NEVER, OPEN
from streams.report.people import People, people_of
from streams.report.reading import Alarms, Roster
from streams.report.span import HOUR, Grid

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEAST_KNOWN = 5
"""With fewer alarms in the denominator there is no ratio (docs/semantics.md)."""
_DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Responses:
    """First responses to alarms that started in shown hours: seconds, day, hour and priority."""

    seconds: Floats
    day: Numbers
    hour: Numbers
    rank: npt.NDArray[np.int8]
    alarms: Numbers
    """(rank, day): alarms of shown hours, with or without a response, on days with any response: a
    feed that is cut off is no unanswered alarm.
    """


@dataclass(frozen=True, slots=True)
class UnitDays:
    """A unit's figures, by day of a `Grid` unless said."""

    name: str
    beds: tuple[str, ...]
    seen: Flags
    """Whether the archive holds anything of the unit that counts; the other days are missing."""
    cut: Flags
    """Which of these are cut by the span and left out, as too few clinicians stand behind them."""
    present: Floats
    """How many days each is: less than one where it is cut, and without its silences."""
    silent: Flags
    """By hour: whether the archive holds nothing of it, although it should."""
    responded: Flags
    """Whether any response to an alarm of the day is recorded."""
    shown: Flags
    """By hour: whether enough clinicians stand behind it, or none that is known."""
    alarms: Numbers
    """(bed, rank, class, day)"""
    rostered: Numbers
    """How many of these began while their bed was in the roster."""
    bed_time: Floats
    """(bed, day): ms in the roster, without silences."""
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
    seen: Numbers,
    silences: Spans,
    name: str,
    grid: Grid,
    limits: tuple[int, int],
    fewest: int = FEWEST,
) -> UnitDays:
    """The days of one unit. `seen`: the quarters of an hour with an episode; `limits`: fleeting
    under, stale over (ms).
    """
    code = alarms.units.index(name) if name in alarms.units else -2
    rows = np.flatnonzero(alarms.unit == code)
    mine = [place for place, one in enumerate(roster.unit) if one == name]
    people, groups = people_of(alarms, roster, mine, states, name, grid, rows, fewest)
    known = np.flatnonzero(np.bincount(alarms.bed[rows])).tolist()
    beds = sorted({alarms.beds[one] for one in known} | {roster.bed[one] for one in mine})
    place = {bed: number for number, bed in enumerate(beds)}
    table = np.array([place.get(one, -1) for one in alarms.beds] or [0], np.int64)
    start, end = alarms.start[rows], alarms.end[rows]
    chatter = chatters(alarms.signal[rows], start, end, grid.begin)
    within = (start >= grid.begin) & (start < grid.end)
    within[within] = ~groups.cut[grid.day_of(start[within])]
    chosen = rows[within]
    start, end, chatter = start[within], end[within], chatter[within]
    bed = table[alarms.bed[chosen]]
    rank, klass = alarms.rank[chosen].astype(np.int64), alarms.klass[chosen].astype(np.int64)
    kind = alarms.type[chosen].astype(np.int64)
    day, hour = grid.day_of(start), grid.hour_of(start)
    days, hours = len(grid.dates), len(grid.hours) - 1

    silent = silences.in_bins(grid.hours) == np.diff(grid.hours)
    silences = Spans(grid.hours[:-1][silent], grid.hours[1:][silent], np.zeros(silent.sum(), int))
    quiet = silences.in_bins(grid.edges)
    seen_days = np.zeros(days, np.bool_)
    seen_days[grid.day_of(np.clip(seen, grid.begin, grid.end - 1))] = True
    shown = groups.shown & ~silent & seen_days[grid.day]
    bed_of = np.array([place[roster.bed[one]] for one in mine], np.int64)
    occupied = union(Spans(roster.begin[mine], roster.end[mine], bed_of))
    on_roster = inside(start, bed, occupied)
    missed = overlap(
        occupied,
        Spans(
            np.tile(silences.begin, len(beds)),
            np.tile(silences.end, len(beds)),
            np.repeat(np.arange(len(beds)), len(silences.begin)),
        ),
    )

    def tally(which: Flags | None, shape: tuple[int, ...], *axes: Numbers) -> Numbers:
        keys = np.ravel_multi_index(axes, shape) if len(axes[0]) else axes[0]
        keys = keys if which is None else keys[which]
        size = int(np.prod(shape))
        return np.bincount(keys, minlength=size).reshape(shape)

    def hourly(which: Flags) -> Numbers:
        return np.bincount(hour[which & (hour >= 0)], minlength=hours)

    everything = np.ones(len(start), np.bool_)
    last = np.where(end >= OPEN, start, end)
    counts = hour >= 0
    counts[counts] = shown[hour[counts]]
    answered = alarms.answered[chosen]
    has = counts & (answered < NEVER)
    responded = np.zeros(days, np.bool_)
    responded[day[answered < NEVER]] = True
    ranks, classes = len(PRIORITIES), len(CLASSES)
    return UnitDays(
        name,
        tuple(beds),
        seen_days & ~groups.cut,
        seen_days & groups.cut,
        np.where(grid.whole, 1.0, np.diff(grid.edges) / _DAY) * (1 - quiet / np.diff(grid.edges)),
        silent | ~seen_days[grid.day],
        responded,
        shown,
        tally(None, (len(beds), ranks, classes, days), bed, rank, klass, day),
        tally(on_roster, (len(beds), ranks, classes, days), bed, rank, klass, day),
        np.stack(
            [
                occupied.of(occupied.who == one).in_bins(grid.edges)
                - missed.of(missed.who == one).in_bins(grid.edges)
                for one in range(len(beds))
            ]
        )
        if beds
        else np.zeros((0, days)),
        occupied.in_bins(grid.hours),
        hourly(everything),
        hourly(on_roster),
        alarms.types,
        tally(None, (len(alarms.types), days), kind, day),
        tally(None, (len(alarms.types), classes), kind, klass),
        tally(chatter, (days,), day),
        tally(last - start < limits[0], (days,), day) if len(day) else np.zeros(days, np.int64),
        tally(last - start > limits[1], (days,), day) if len(day) else np.zeros(days, np.int64),
        people.of(groups, shown, grid),
        Responses(
            np.maximum(answered[has] - start[has], 0) / 1000,
            day[has],
            hour[has],
            alarms.rank[chosen][has],
            tally(counts & responded[day], (ranks, days), rank, day),
        ),
        fewest,
    )
