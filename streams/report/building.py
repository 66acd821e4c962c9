"""Building: one hospital's report from the archive, as one frozen structure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analyzer import Policy, UnitFindings
from analyzer.history import FEWEST
from streams.archive import Archive
from streams.formats.calendars import Calendar
from streams.report.changes import (
    Counted,
    Made,
    Outcome,
    counted,
    in_reach,
    joined_counts,
    outcome,
)
from streams.report.figures import Figure, figures
from streams.report.fixing import to_fix
from streams.report.joining import joined
from streams.report.measuring import Both, UnitDays, measured
from streams.report.patterns import (
    Heat,
    Shifts,
    Staffing,
    TypeRow,
    heat,
    shifts,
    staffing,
    top_types,
)
from streams.report.reading import (
    QUARTER,
    read_alarms,
    read_naming,
    read_roster,
    read_seen,
    read_states,
)
from streams.report.silences import silences
from streams.report.span import Grid

BLOCK = 31
"""Days whose alarms are in memory at once: a month. Findings are about the last ones."""
TO_FIX = 5
"""How many findings a unit gets: what a committee can decide on in one meeting (our own)."""


class ReportError(Exception):
    """There is nothing to report on: one line."""


@dataclass(frozen=True, slots=True)
class Section:
    """The report on one unit, or on the hospital (`unit` is None)."""

    unit: str | None
    alarms: int
    beds: int
    silent_days: tuple[str, ...]
    """Days of which the archive holds nothing of it: not counted as quiet."""
    silent_before: int
    """How many days of the span before it is nothing of."""
    responded: bool
    """Whether any response is recorded."""
    silent_hours: int
    """Hours of units on the other days of which it holds nothing, against their usual rate."""
    cut_days: tuple[str, ...]
    """Days that the span cuts and that are left out, as too few clinicians stand behind them."""
    figures: tuple[Figure, ...]
    heat: Heat
    types: tuple[TypeRow, ...]
    types_in_all: int
    shifts: Shifts
    staffing: Staffing


@dataclass(frozen=True, slots=True)
class Hospital:
    """The report on one hospital."""

    facility: str
    calendar: Calendar
    grid: Grid
    before: Grid
    has_before: bool
    sections: tuple[Section, ...]
    """The hospital first, unless there is one unit; then the units by name."""
    to_fix: tuple[UnitFindings, ...]
    changes: tuple[Outcome, ...]
    fewest: int
    """The fewest clinicians in any group that figures about people are of."""


@dataclass(frozen=True, slots=True)
class _Read:
    grid: Grid
    units: dict[str, UnitDays]
    seen: npt.NDArray[np.bool_]
    findings: list[UnitFindings]
    counts: list[Counted]


def report_on(
    archive: Archive,
    facility: str,
    begin: int,
    end: int,
    calendar: Calendar,
    policy: Policy,
    unit: str | None = None,
    made: Iterable[Made] = (),
    fewest: int = FEWEST,
    block: int = BLOCK,
) -> Hospital:
    """The report on the span from `begin` to `end` (ms since 1970, not included), with the span
    before. `fewest`: the smallest number of clinicians for figures about people; `block`: the
    number of days read at once.

    Raises `ReportError` if the archive holds nothing of the span, and
    `polars.exceptions.PolarsError` or `OSError` if a file cannot be read.
    """
    earlier = Grid.of(begin, end, calendar).before(calendar)
    period, keys = read_naming(archive, facility, earlier.begin, end)
    grid = Grid.of(begin, end, calendar, period, keys)
    earlier = grid.before(calendar)
    known = [
        one
        for one in in_reach(made, earlier.begin, end)
        if one.facility in (None, facility) and (unit is None or one.unit in (None, unit))
    ]
    now = _read(
        archive, facility, grid.blocks(calendar, block), grid, policy, unit, known, fewest, True
    )
    if not now.units:
        place = facility if unit is None else f"unit {unit} of {facility}"
        raise ReportError(f"the archive holds no alarms of {place} in this span")
    blocks = earlier.blocks(calendar, block)
    before = _read(archive, facility, blocks, earlier, policy, unit, known, fewest, False)
    units = [
        Both(one, now.grid, before.units.get(name), before.grid)
        for name, one in sorted(now.units.items())
    ]
    count = len(calendar.shifts)
    sections = [_section(one.now.name, [one], count) for one in units]
    if len(units) > 1:
        sections.insert(0, _section(None, units, count))
    return Hospital(
        facility,
        calendar,
        now.grid,
        before.grid,
        bool(before.units),
        tuple(sections),
        tuple(now.findings),
        tuple(
            outcome(
                one,
                [
                    (before.grid, before.counts[place], before.seen),
                    (now.grid, now.counts[place], now.seen),
                ],
            )
            for place, one in enumerate(known)
        ),
        fewest,
    )


def _read(
    archive: Archive,
    facility: str,
    blocks: Sequence[Grid],
    grid: Grid,
    policy: Policy,
    unit: str | None,
    made: Sequence[Made],
    fewest: int,
    now: bool,
) -> _Read:
    """One block of days at a time, so that the alarms of only one are in memory."""
    states = read_states(archive, facility, grid.begin, grid.end, unit)
    seen = read_seen(archive, facility, grid.begin, grid.end, unit)
    limits = policy.fleeting, policy.findings.stale
    parts: dict[str, list[UnitDays]] = {name: [] for name in seen}
    counts: list[list[Counted]] = [[] for _ in made]
    findings: list[UnitFindings] = []
    gaps = {name: silences(moments, grid) for name, moments in seen.items()}
    for one in blocks:
        last = now and one is blocks[-1]
        alarms = read_alarms(archive, facility, one.begin, one.end, unit, readings=last)
        roster = read_roster(archive, facility, one.begin, one.end, unit)
        for name, moments in seen.items():
            here = moments[(moments > one.begin - QUARTER) & (moments < one.end)]
            parts[name].append(
                measured(alarms, roster, states, here, gaps[name], name, one, limits, fewest)
            )
        for place, each in enumerate(made):
            counts[place].append(counted(each, facility, alarms, one))
        if last:
            of = {name: parts[name][-1] for name in alarms.units if name in seen}
            findings = to_fix(alarms, facility, one, policy, of, TO_FIX)
    units = {name: joined(some, blocks) for name, some in parts.items()}
    some = [one.seen for one in units.values()]
    return _Read(
        grid,
        units,
        np.any(some, axis=0) if some else np.zeros(len(grid.dates), np.bool_),
        findings,
        [joined_counts(some) for some in counts],
    )


def _silent_before(units: Sequence[Both]) -> int:
    known = [one.before.seen | one.before.cut for one in units if one.before is not None]
    return int((~np.any(known, axis=0)).sum()) if known else 0


def _section(unit: str | None, units: Sequence[Both], count: int) -> Section:
    rows, every = top_types(units)
    seen, cut = (
        np.any([getattr(one.now, name) for one in units], axis=0) for name in ("seen", "cut")
    )
    dates = np.array([one.isoformat() for one in units[0].grid.dates])
    return Section(
        unit,
        sum(int(one.now.alarms.sum()) for one in units),
        sum(len(one.now.beds) for one in units),
        tuple(dates[~seen & ~cut].tolist()),
        _silent_before(units),
        any(bool(one.now.responded.any()) for one in units),
        sum(int((one.now.silent & one.now.seen[one.grid.day]).sum()) for one in units),
        tuple(dates[cut].tolist()),
        tuple(figures(units)),
        heat(units),
        tuple(rows),
        every,
        shifts(units, count),
        staffing(units),
    )
