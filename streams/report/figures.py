"""Figures: every number of a report, with what it counts, what it leaves out and how it differs
from the span before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analyzer import CLASSES
from analyzer.history import Change, Daily, change
from analyzer.model import PRIORITIES
from streams.report.gaps import (
    hidden_hours,
    outside_roster,
    small_hours,
    unknown,
    unsure_hours,
    why,
)
from streams.report.measuring import LEAST_KNOWN, Both, UnitDays
from streams.report.span import HOUR, Grid

Floats = npt.NDArray[np.float64]

DAY = 24 * HOUR
KINDS = ("actionable", "non_actionable", "technical", "unknown")
QUANTILES = {"median": 0.5, "nine_in_ten": 0.9}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of a unit, or of the hospital.

    `value` is `above` / `below` times `scale`, or a quantile of `below` times; None where it is
    unknown or withheld, and `why` says which. `definition` is an anchor in docs/semantics.md.
    """

    key: str
    value: float | None
    above: float | None
    below: float | None
    n: str
    """The unit of `above` and `below`, such as alarms or bed-days."""
    before: float | None
    change: Change | None
    why: str | None
    missing: str | None
    definition: str
    target: str | None = None


Sums = Callable[[UnitDays], tuple[Floats, Floats]]


def figures(units: Sequence[Both]) -> Iterator[Figure]:
    """All figures of some units together, in the order of the page."""
    for rank in (3, 2, 1):
        yield _ratio(
            f"alarms_per_bed_day.{PRIORITIES[rank]}",
            units,
            _of_rank(rank),
            "alarms at beds in the roster / bed-days",
            "units",
            scale=DAY,
            missing=outside_roster(units),
            by_bed=True,
        )
    yield _ratio(
        "alarms_per_bed_day.all",
        units,
        lambda one: (one.rostered.sum(axis=(1, 2)).astype(float), _known(one.bed_time, one)),
        "alarms at beds in the roster / bed-days",
        "units",
        scale=DAY,
        missing=outside_roster(units),
        by_bed=True,
    )
    for kind in KINDS:
        yield _ratio(
            f"alarms_per_bed_day.{kind}",
            units,
            _of_class(kind),
            "alarms at beds in the roster / bed-days",
            "the-non-actionable-ratio",
            scale=DAY,
            missing=outside_roster(units),
            by_bed=True,
        )
    yield _ratio(
        "nonactionable_ratio",
        units,
        lambda one: (_class(one, "non_actionable"), _class(one, "non_actionable", "actionable")),
        "non-actionable / clinical alarms of known class",
        "the-non-actionable-ratio",
        least=LEAST_KNOWN,
        missing=unknown(units),
        by_bed=True,
    )
    yield _ratio(
        "coverage",
        units,
        lambda one: (
            _class(one, "non_actionable", "actionable"),
            _class(one, "non_actionable", "actionable", "unknown", "pending"),
        ),
        "clinical alarms of known class / all clinical alarms",
        "the-non-actionable-ratio",
        by_bed=True,
    )
    for rank in (3, 2, 1):
        yield from _responses(units, rank)
        yield _ratio(
            f"answered.{PRIORITIES[rank]}",
            units,
            _answered(rank),
            "alarms with a response / alarms, in hours with at least "
            f"{units[0].now.fewest} clinicians, on days with any response",
            "response-times",
            missing=hidden_hours(units),
        )
    for key, part, anchor, target in (
        ("flood_share", "flood", "floods", "under 1 % (ISA-18.2)"),
        ("protected_share", "protected", "alarm-time-and-protected-time", None),
    ):
        yield _ratio(
            key,
            units,
            _of_duty(part),
            "hours of this kind / hours of duty, of all clinicians together",
            anchor,
            shown_in=HOUR,
            missing=unsure_hours(units),
            target=target,
        )
    yield _ratio(
        "hours_over_30",
        units,
        lambda one: (one.people.busy_hours, one.people.hours),
        "such hours / whole hours of duty, of all clinicians together",
        "overload",
        missing=unsure_hours(units),
        target="under 1 % (ISA-18.2, EEMUA-191)",
    )
    for state in ("elevated", "overloaded"):
        yield _ratio(
            f"clinician_{state}",
            units,
            _of_duty(state),
            "hours of this kind / hours of duty, of all clinicians together",
            "overload",
            shown_in=HOUR,
            missing=unsure_hours(units),
        )
        yield _ratio(
            f"unit_{state}",
            units,
            _unit_state(state),
            "hours in this state / hours with clinicians on duty",
            "overload",
            shown_in=HOUR,
            missing=small_hours(units),
        )
    for key, target in (
        ("chattering", "none (ISA-18.2)"),
        ("fleeting", "none (ISA-18.2)"),
        ("stale", "fewer than 5 on any day (ISA-18.2)"),
    ):
        yield _ratio(
            key,
            units,
            _counted(key),
            "such alarms / alarms",
            "units",
            target=target,
            missing="alarms that have not ended are not in the archive" if key == "stale" else None,
        )


# -- ratios


def _ratio(
    key: str,
    units: Sequence[Both],
    sums: Sums,
    n: str,
    anchor: str,
    *,
    scale: float = 1.0,
    shown_in: float = 1.0,
    least: float = 0.0,
    missing: str | None = None,
    by_bed: bool = False,
    target: str | None = None,
) -> Figure:
    now, before = _both(units, sums, by_bed)
    above, below = float(now.above.sum()), float(now.below.sum())
    value = now.value if below >= max(least, 1e-9) else None
    found = None
    was = before.value if float(before.below.sum()) >= max(least, 1e-9) else None
    if value is not None and was is not None:
        found = change(before, now)
    return Figure(
        key=key,
        value=None if value is None else value * scale,
        above=above / shown_in if scale == 1.0 else above,
        below=below / (shown_in if scale == 1.0 else scale),
        n=n,
        before=None if was is None else was * scale,
        change=None if found is None else _scaled(found, scale),
        why=None if value is not None else why(units, key),
        missing=missing,
        definition=anchor,
        target=target,
    )


def _both(units: Sequence[Both], sums: Sums, by_bed: bool) -> tuple[Daily, Daily]:
    """The sums of all units, now and before; by bed, each bed is a row of both."""
    now = [(one.now, one.grid) for one in units]
    before = [(one.before, one.before_grid) for one in units if one.before is not None]
    labels = (
        sorted({(unit.name, bed) for unit, _ in (*now, *before) for bed in unit.beds})
        if by_bed
        else []
    )
    place = {label: number for number, label in enumerate(labels)}
    first, second = (_daily(some, sums, place) for some in (now, before))
    return first, second


def _daily(
    units: Sequence[tuple[UnitDays, Grid]], sums: Sums, place: dict[tuple[str, str], int]
) -> Daily:
    if not units:
        return Daily((), np.zeros((1, 0)), np.zeros((1, 0)))
    shape = max(len(place), 1), len(units[0][1].dates)
    above, below = np.zeros(shape), np.zeros(shape)
    for unit, _ in units:
        rows = [place[unit.name, bed] for bed in unit.beds] if place else [0]
        for whole, part in zip((above, below), sums(unit), strict=True):
            if place:
                whole[rows] += part
            else:
                whole[0] += np.atleast_2d(part).sum(axis=0)
    return Daily.of(units[0][1].days, above, below)


def _scaled(found: Change, scale: float) -> Change:
    low = None if found.low is None else found.low * scale
    high = None if found.high is None else found.high * scale
    return Change(found.value * scale, low, high)


def _known(times: Floats, one: UnitDays) -> Floats:
    """Times of the days of which the archive holds anything; a silent feed is no quiet day."""
    found: Floats = np.where(one.seen, times, 0.0)
    return found


def _of_rank(rank: int) -> Sums:
    return lambda one: (
        one.rostered[:, rank].sum(axis=1).astype(float),
        _known(one.bed_time, one),
    )


def _of_class(kind: str) -> Sums:
    kinds = ("unknown", "pending") if kind == "unknown" else (kind,)
    places = [CLASSES.index(one) for one in kinds]
    return lambda one: (
        one.rostered[:, :, places].sum(axis=(1, 2)).astype(float),
        _known(one.bed_time, one),
    )


def _class(one: UnitDays, *kinds: str) -> Floats:
    """(bed, day)"""
    by_class = one.alarms.sum(axis=1)
    found: Floats = by_class[:, [CLASSES.index(kind) for kind in kinds]].sum(axis=1).astype(float)
    return found


def _of_duty(part: str) -> Sums:
    return lambda one: (getattr(one.people, part), one.people.duty)


def _unit_state(state: str) -> Sums:
    """The state of a unit is the average of its clinicians: of one, it would be that person's."""
    return lambda one: (getattr(one.people, f"unit_{state}"), one.people.staffed)


def _counted(key: str) -> Sums:
    return lambda one: (
        getattr(one, key).astype(float),
        one.alarms.sum(axis=(0, 1, 2)).astype(float),
    )


def _answered(rank: int) -> Sums:
    def sums(one: UnitDays) -> tuple[Floats, Floats]:
        mine = one.responses.rank == rank
        days = one.alarms.shape[-1]
        return (
            np.bincount(one.responses.day[mine], minlength=days).astype(float),
            one.responses.alarms[rank].astype(float),
        )

    return sums


# -- response times


def _responses(units: Sequence[Both], rank: int) -> Iterator[Figure]:
    """One figure for each of `QUANTILES`."""
    now = _quantiles([(one.now, one.grid) for one in units], rank)
    before = _quantiles(
        [(one.before, one.before_grid) for one in units if one.before is not None], rank
    )
    count = sum(int((one.now.responses.rank == rank).sum()) for one in units)
    for name in QUANTILES:
        yield _response(units, rank, name, now.get(name), before.get(name), count)


def _response(
    units: Sequence[Both],
    rank: int,
    name: str,
    now: tuple[float, Daily] | None,
    before: tuple[float, Daily] | None,
    count: int,
) -> Figure:
    found = None
    if now is not None and before is not None:
        found = change(before[1], now[1])
        if found is not None:  # the series are errors around zero
            away = None if found.high is None else found.high - found.value
            middle = now[0] - before[0]
            found = (
                Change(middle, None, None)
                if away is None
                else Change(middle, middle - away, middle + away)
            )
    return Figure(
        key=f"response_{name}.{PRIORITIES[rank]}",
        value=None if now is None else now[0],
        above=None,
        below=float(count),
        n="alarms with a response",
        before=None if before is None else before[0],
        change=found,
        why=None if now is not None else why(units, "response"),
        missing=hidden_hours(units),
        definition="response-times",
    )


def _quantiles(units: Sequence[tuple[UnitDays, Grid]], rank: int) -> dict[str, tuple[float, Daily]]:
    """The `QUANTILES`, and the error of each by day as a ratio (Woodruff 1952): how far the share
    of responses below it lies from its own share, by the density around it. Empty where there are
    too few responses.
    """
    if not units:
        return {}
    chosen = [one.responses.rank == rank for one, _ in units]
    seconds, day = (
        np.concatenate([column[which] for column, which in zip(columns, chosen, strict=True)])
        for columns in zip(
            *((one.responses.seconds, one.responses.day) for one, _ in units), strict=True
        )
    )
    if len(seconds) < max(LEAST_KNOWN, units[0][0].fewest):
        return {}
    days = units[0][1].days
    count = np.bincount(day, minlength=len(days)).astype(float)
    around = [
        (share - reach, share, share + reach)
        for share in QUANTILES.values()
        for reach in [min(0.05, 1 - share)]
    ]
    places = np.quantile(seconds, np.array(around)).tolist()
    found = {}
    for (name, share), (low, value, high) in zip(QUANTILES.items(), places, strict=True):
        density = 2 * min(0.05, 1 - share) / (high - low) if high > low else 0.0
        under = np.bincount(day[seconds <= value], minlength=len(days)).astype(float)
        errors = (share * count - under) / density if density else np.zeros(len(days))
        found[name] = value, Daily.of(days, errors, count)
    return found


def by_key(some: Iterable[Figure]) -> dict[str, Figure]:
    return {one.key: one for one in some}
