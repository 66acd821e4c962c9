"""Week: the section of the board Unit about hours, weekdays and days."""

from __future__ import annotations

from grafana import days, heatmaps, promql
from grafana.frame import Board
from grafana.promql import UNIT as HERE


def add_to(one: Board) -> None:
    one.heading("Hours, weekdays and days")
    one.beside(
        (
            9,
            heatmaps.week(
                "Alarms by weekday and hour",
                "Alarms that started in each hour, averaged over four weeks; as known at the end "
                "of the hour. Compare with the unit's rounds, admissions and shift changes.",
                promql.in_hour_from(HERE),
            ),
        ),
        (
            12,
            days.per_bed(HERE),
        ),
        (
            13,
            days.first_responses(HERE),
        ),
    )
