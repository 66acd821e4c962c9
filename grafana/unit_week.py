"""Week: the section of the board Unit about hours, weekdays and days."""

from __future__ import annotations

from grafana import heatmaps, promql
from grafana.frame import Board
from grafana.hospital_history import PER_BED
from grafana.limits import BLUE
from grafana.panels import curves
from grafana.promql import UNIT as HERE
from grafana.queries import query


def add_to(one: Board) -> None:
    one.heading("Hours, weekdays and days")
    one.beside(
        (
            9,
            heatmaps.week(
                "Alarms by weekday and hour",
                "Alarms that started in each hour, on average of four weeks; as known at the end "
                "of the hour. Compare with the unit's rounds, admissions and shift changes.",
                promql.in_hour_from(HERE),
            ),
        ),
        (
            12,
            curves(
                "Alarms per bed and day",
                f"One bar for each day of two weeks, from midnight. {PER_BED}",
                query(promql.per_bed_and_day(HERE, later=24), "alarms per bed", interval="1d"),
                colours={"alarms per bed": BLUE},
                bars=True,
                empty="Less than a whole day is known",
            ).time_from("14d"),
        ),
        (
            13,
            heatmaps.spread(
                "Time to the first response",
                "How many alarms had their first response within which time, in steps of at least "
                "30 min: a row for each range of times, up to the number at its left. Alarms "
                "without a response are left out.",
                promql.responses(HERE),
                empty="No response to any alarm in this time, or no response feed",
            ),
        ),
    )
