"""History: units over weeks and months, from the hourly totals that rules record.

Every rate is a sum of hours divided by a sum of hours, so it is right for several units and days.
The totals leave out hours of fewer clinicians than `privacy.smallest_group`
(deploy/prometheus/rules/history.yml).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from grafana_foundation_sdk.builders import stat, table, text, timeseries

from grafana import heatmaps
from grafana.frame import HISTORY, TO_UNIT, Board, facility, unit
from grafana.limits import BLUE, CLASSES, PRIORITIES, word
from grafana.marks import CHANGE_RECORDS, CHANGED_IN_HOUR
from grafana.panels import curves, figure, note
from grafana.promql import UNITS as HERE
from grafana.queries import of_now, query
from grafana.tables import Column, grid

EMPTY = "No hour of this time is known, or too few clinicians were on duty"
_HOURS = (
    "Counts full hours only, and only those with enough clinicians on duty (privacy) or with none "
    "on record."
)
_SHOWN = "unit:alarm_fatigue_shown:hour"


class Rate(Protocol):
    """The query of a rate over a span, by some labels."""

    def __call__(self, span: str, offset: str = "", by: str = "") -> str: ...


def total(name: str, span: str, offset: str = "", more: str = "", level: str = "unit") -> str:
    """A total of hours, by unit and shift."""
    return f"sum_over_time({level}:alarm_fatigue_{name}:hour{{{HERE}{more}}}[{span}]{offset})"


def rate(above: str, below: str, scale: str = "", by: str = "") -> str:
    """A sum of totals divided by another one; absent where the latter is zero."""
    of = f" by ({by}) " if by else " "
    return f"{scale}sum{of}({above}) / (sum{of}({below}) > 0)"


def per_bed(span: str, offset: str = "", by: str = "") -> str:
    """Alarms per bed and day."""
    above, below = (total(name, span, offset) for name in ("assigned_alarms", "beds"))
    return rate(above, below, "24 * ", by)


def nonactionable(span: str, offset: str = "", by: str = "") -> str:
    """Of clinical alarms of known class."""
    above, below = (
        total("alarms", span, offset, f', class=~"{classes}"', "unit_class")
        for classes in ("non_actionable", "non_actionable|actionable")
    )
    return rate(above, below, by=by)


def overloaded(span: str, offset: str = "", by: str = "") -> str:
    """The share of the units' hours."""
    above, below = (total(name, span, offset) for name in ("overloaded", "shown"))
    return rate(above, below, by=by)


def responded(span: str, offset: str = "", by: str = "") -> str:
    """The mean time to the first response (s)."""
    above, below = (total(name, span, offset) for name in ("response_time", "responses"))
    return rate(above, below, by=by)


_NUMBERS = (
    (
        "Alarms per bed and day",
        per_bed,
        "none",
        "Alarms at assigned beds, divided by the time for which beds were assigned. Drew 2014: 187 "
        "audible alarms per bed and day in five ICUs.",
    ),
    (
        "Non-actionable share",
        nonactionable,
        "percentunit",
        "Of the clinical alarms of known class. Technical alarms are left out: they are avoidable "
        "at the source. As known at the end of each hour.",
    ),
    (
        "Hours overloaded",
        overloaded,
        "percentunit",
        "The share of the units' hours in which the unit was overloaded. A state describes "
        "assignments, not people.",
    ),
    (
        "Mean time to respond",
        responded,
        "s",
        "From the start of an alarm to its first response of any kind. Alarms without a response "
        "are left out. A few slow responses move a mean: the report of the archive has medians.",
    ),
)


def board() -> Board:
    one = Board(
        HISTORY,
        "History",
        "Units over weeks and months: the trend, the worst hours, and day compared with night. It "
        "is drawn from hourly totals, which Prometheus can keep for years.",
        [facility(several=True, of=_SHOWN), unit(several=True, of=_SHOWN)],
        [CHANGED_IN_HOUR, CHANGE_RECORDS],
        since="now-28d",
        refresh="5m",
    )
    one.line(4, *((6, _compared(*each)) for each in _NUMBERS))
    one.heading("Day by day")
    one.line(8, *((8, _daily(*each)) for each in _NUMBERS[:3]))
    one.beside(
        (
            9,
            heatmaps.week(
                "Alarms by weekday and hour",
                f"Alarms that started in each hour, averaged over four weeks. {_HOURS}",
                # The total of an hour is written in the first minute after it.
                f"sum(unit:alarm_fatigue_alarms:hour{{{HERE}}} offset -61m)",
                EMPTY,
            ),
        ),
        (12, _stacked("Alarms a day, by priority", "priority", PRIORITIES)),
        (13, _stacked("Alarms a day, by class", "class", CLASSES)),
    )
    one.heading("Day and night")
    one.line(10, (24, _shifts()))
    one.line(5, (24, _note()))
    return one


def _compared(title: str, of: Rate, shown: str, about: str) -> stat.Panel:
    return figure(
        title,
        f"{about} In the time range shown, and in the period of equal length before it. {_HOURS}",
        of_now(of("$__range"), "A", "this time"),
        of_now(of("$__range", " offset $__range"), "B", "before"),
        unit=shown,
        empty=EMPTY,
        decimals=0 if shown == "s" else 1,
    )


def _daily(title: str, of: Rate, shown: str, about: str) -> timeseries.Panel:
    return curves(
        f"{title}, by day",
        f"{about} One bar per day, for the 24 h that end at its time. {_HOURS}",
        query(of("1d"), "by day", interval="1d"),
        unit=shown,
        colours={"by day": BLUE},
        bars=True,
        empty=EMPTY,
    )


def _stacked(title: str, label: str, colours: Mapping[str, str]) -> timeseries.Panel:
    about = "The unit's board explains the classes. As known at the end of each hour. "
    queries = []
    for ref, name in zip("ABCDE", colours, strict=False):
        of = total("alarms", "1d", more=f', {label}="{name}"', level=f"unit_{label}")
        queries.append(query(f"sum({of})", word(name), ref, interval="1d"))
    return curves(
        title,
        f"{about if label == 'class' else ''}One bar per day, for the 24 h that end at its time. "
        f"{_HOURS}",
        *queries,
        colours={word(name): colour for name, colour in colours.items()},
        stacked=True,
        bars=True,
        empty=EMPTY,
    )


def _shifts() -> table.Panel:
    by = "facility, unit, shift"

    def of(above: str, below: str) -> str:
        return rate(total(above, "$__range"), total(below, "$__range"), by=by)

    return grid(
        "Day and night",
        f"Each unit by day and by night shift, in the time shown. An hour belongs to the shift in "
        f"force in its middle (`calendar`). {_HOURS}",
        Column("Facility", label="facility", width=90),
        Column("Unit", label="unit", links=[("The unit's board", TO_UNIT)], width=110),
        Column("Shift", label="shift", width=70),
        Column("Hours", f"sum by ({by}) ({total('shown', '$__range')})", decimals=0),
        Column("Clinicians on duty", of("clinicians", "shown"), decimals=1),
        Column("Beds each", of("beds", "clinicians"), decimals=1),
        Column("Alarms an hour each", of("assigned_alarms", "clinicians"), decimals=1),
        Column("Alarms per bed and day", per_bed("$__range", by=by), decimals=0),
        Column("Non-actionable", nonactionable("$__range", by=by), "percentunit", decimals=0),
        Column("Elevated", of("elevated", "shown"), "percentunit", decimals=1),
        Column("Overloaded", overloaded("$__range", by=by), "percentunit", decimals=1),
        Column("Mean response", responded("$__range", by=by), "s", decimals=0),
        sort=("Facility", "Unit", "Shift"),
        descending=False,
        empty=EMPTY,
    )


def _note() -> text.Panel:
    return note(
        "How to read it",
        "Each rate is a sum over whole hours divided by another sum, so busy hours have more "
        "weight.\n\n"
        "**Left out:** hours with fewer clinicians on duty than `privacy.smallest_group` (5 unless "
        "set), and hours in which Prometheus was not running. So a unit with a small night shift "
        "shows no nights, and the first and last bar can be incomplete days.\n\n"
        "A difference between day and night has no single cause: patients, tasks and staffing "
        "differ, too. `alarm-fatigue report` gives intervals, and names these causes.",
    )
