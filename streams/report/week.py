"""The week: a unit's last seven local days in the archive, beside the seven before them.

The page of a worker shows it. A day is shown only if enough clinicians stand behind each of its
hours, or none that is known, as everywhere on the page (`streams.http.privacy`).

    python -m streams.report.week < QUESTION.json

answers in a process of its own, so that a worker is not slowed down by its files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from analyzer import CLASSES
from streams.archive import Archive, ArchiveError, cause
from streams.formats.calendars import Calendar
from streams.report.measuring import LEAST_KNOWN, UnitDays, measured
from streams.report.people import state_spans
from streams.report.reading import (
    read_alarms,
    read_naming,
    read_roster,
    read_seen,
    read_states,
)
from streams.report.silences import silences
from streams.report.span import HOUR, Grid

Floats = npt.NDArray[np.float64]

DAYS = 7
POLITE = 10
"""How much the process steps back behind others, such as the worker (`os.nice`)."""
SILENT, BROKEN, SMALL = "silent", "broken", "small"
"""Why a day is left out: the archive holds nothing of it; nothing of some of its hours, although so
long a silence is implausible; too few clinicians stand behind it.
"""
BROKEN_HOURS = 2
"""A day with more silent hours than these is left out (our own, as for days in `compare`)."""


class Question(msgspec.Struct, frozen=True):
    """A question on standard input: about which unit, and up to when (ms since 1970)."""

    archive: str
    facility: str
    unit: str
    now: int
    time_zone: str
    least: int
    """The smallest group whose figures are shown; 1: every figure is."""


@dataclass(frozen=True, slots=True)
class Day:
    """One local day, from `begin` to `end` (ms since 1970). Figures are None if it is left out."""

    date: str
    begin: int
    end: int
    left_out: str | None
    alarms: int | None = None
    clinician_hours: float | None = None
    """Hours of duty of all clinicians together; None: no roster is known."""
    alarms_at_rostered_beds: int | None = None
    non_actionable: int | None = None
    classified: int | None = None
    """Clinical alarms of known class."""
    clinical: int | None = None
    overloaded_hours: float | None = None
    """The hours in which the unit was overloaded. None: the archive has no overload changes of the
    facility.
    """


def week(archive: Archive, asked: Question) -> list[Day]:
    """Fourteen days up to the last local midnight, the oldest first; empty if the archive holds
    nothing of the unit in them.

    Raises `polars.exceptions.PolarsError` or `OSError` if a file cannot be read.
    """
    calendar = Calendar(ZoneInfo(asked.time_zone), (time(),))
    today = Grid.of(asked.now, asked.now + 1, calendar).dates[0]
    end = Grid.midnight(today, calendar)
    where = asked.facility, Grid.midnight(today, calendar, -2 * DAYS), end
    grid = Grid.of(*where[1:], calendar, *read_naming(archive, *where))
    seen = read_seen(archive, *where, asked.unit).get(asked.unit)
    if seen is None:
        return []
    alarms = read_alarms(archive, *where, asked.unit, readings=False)
    roster = read_roster(archive, *where, asked.unit)
    states = read_states(archive, *where, asked.unit)
    gaps = silences(seen, grid)
    of = measured(alarms, roster, states, seen, gaps, asked.unit, grid, (0, 0), asked.least)
    small = np.zeros(len(grid.dates), np.bool_)
    small[grid.day[~of.shown & ~of.silent]] = True
    overloaded = None
    if archive.days("overload", asked.facility):
        overloaded = state_spans(states, asked.unit, None, "overloaded", grid).in_bins(grid.edges)
    hours = np.bincount(grid.day, weights=of.people.duty_by_hour, minlength=len(grid.dates))
    duty: Floats = hours.astype(np.float64)
    return [_day(of, grid, place, small, duty, overloaded) for place in range(len(grid.dates))]


def _day(
    of: UnitDays,
    grid: Grid,
    place: int,
    small: npt.NDArray[np.bool_],
    duty_by_day: Floats,
    overloaded: Floats | None,
) -> Day:
    edges = grid.edges.tolist()
    about = grid.dates[place].isoformat(), edges[place], edges[place + 1]
    if not of.seen[place]:
        return Day(*about, SILENT)
    if of.silent[grid.day == place].sum() > BROKEN_HOURS:
        return Day(*about, BROKEN)
    if small[place]:
        return Day(*about, SMALL)
    by_class = of.alarms[..., place].sum(axis=(0, 1))
    duty = float(duty_by_day[place]) / HOUR
    classes = {name: int(by_class[number]) for number, name in enumerate(CLASSES)}
    known = classes["actionable"] + classes["non_actionable"]
    return Day(
        *about,
        None,
        int(by_class.sum()),
        round(duty, 2) if duty else None,
        int(of.rostered[..., place].sum()),
        classes["non_actionable"],
        known,
        known + classes["unknown"] + classes["pending"],
        None if overloaded is None else round(float(overloaded[place]) / HOUR, 2),
    )


# -- words


def says(days: Sequence[Day]) -> dict[str, str]:
    """One sentence each on load, non-actionable alarms and hours overloaded: the last seven days
    beside the seven before, as means of the days that are shown.
    """
    now, before = (
        [one for one in some if one.left_out is None] for some in (days[DAYS:], days[:DAYS])
    )
    if not now:
        return {}
    return {
        "load": _load(now, before),
        "nonactionable": _needed(now, before),
        "overloaded": _overloaded(now, before),
    }


def _load(now: Sequence[Day], before: Sequence[Day]) -> str:
    rate, was = _mean(now, "alarms"), _mean(before, "alarms")
    text = f"{rate:,.0f} alarms a day"
    if was is None:
        text += "; nothing is shown of the 7 days before"
    elif rate is not None and was:
        share = round(100 * (rate - was) / was)
        text += f", {abs(share)} % {'more' if share > 0 else 'fewer'} than" if share else ", as"
        text += f" in the 7 days before ({was:,.0f})"
    each, then = _each(now), _each(before)
    if each is not None:
        text += f"; {each:.1f} an hour for a clinician on duty"
        text += f" ({then:.1f} before)" if then is not None else ""
    return text


def _each(days: Sequence[Day]) -> float | None:
    staffed = [one for one in days if one.clinician_hours is not None]
    hours = sum(one.clinician_hours or 0.0 for one in staffed)
    return sum(one.alarms_at_rostered_beds or 0 for one in staffed) / hours if hours else None


def _needed(now: Sequence[Day], before: Sequence[Day]) -> str:
    share, was = _share(now), _share(before)
    clinical, known = (
        sum(getattr(one, name) for one in now) for name in ("clinical", "classified")
    )
    if share is None:
        return f"not known: of {clinical:,} clinical alarms, {known:,} are of known class"
    text = f"{100 * share:.0f} % of clinical alarms of known class"
    text += "" if was is None else f", {100 * was:.0f} % in the 7 days before"
    if known < clinical:
        text += f"; {clinical - known:,} of {clinical:,} are of unknown class, and not counted"
    return text


def _share(days: Sequence[Day]) -> float | None:
    known = sum(one.classified or 0 for one in days)
    return sum(one.non_actionable or 0 for one in days) / known if known >= LEAST_KNOWN else None


def _overloaded(now: Sequence[Day], before: Sequence[Day]) -> str:
    hours, was = _mean(now, "overloaded_hours"), _mean(before, "overloaded_hours")
    if hours is None:
        return "not known: the archive has no overload changes of this facility"
    text = f"{_hours(hours)} a day"
    return text if was is None else f"{text}, {_hours(was)} in the 7 days before"


def _hours(value: float) -> str:
    """
    >>> _hours(1.25), _hours(0.75), _hours(0.0)
    ('1.2 h', '45 min', '0 min')
    """
    return f"{value:.1f} h" if value >= 1 else f"{60 * value:.0f} min"


def _mean(days: Sequence[Day], name: str) -> float | None:
    values = [value for one in days if (value := getattr(one, name)) is not None]
    return sum(values) / len(values) if values else None


def main() -> None:
    """Answer one question: {"days", "says"}, or {"error": one line}."""
    os.nice(POLITE)
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    try:
        days = week(Archive(asked.archive), asked)
        answer: dict[str, Any] = {"days": days, "says": says(days)}
    except ArchiveError as error:
        answer = {"error": str(error)}
    except (OSError, pl.exceptions.PolarsError) as error:
        answer = {"error": f"{asked.archive}: cannot be read: {cause(error)}"}
    sys.stdout.buffer.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    main()
