"""Days: the panels of days and responses that the boards of a hospital and of a unit share."""

from __future__ import annotations

from grafana_foundation_sdk.builders import heatmap, timeseries

from grafana import heatmaps, promql
from grafana.limits import BLUE
from grafana.panels import curves
from grafana.queries import query

PER_BED = (
    "Alarms of 24 h (two windows of 12 h), divided by the average number of assigned beds. Drew "
    "2014: 187 audible alarms per bed and day in five ICUs."
)


def per_bed(where: str) -> timeseries.Panel:
    """Alarms per bed and day. `where`: the label matchers of the board's units."""
    return curves(
        "Alarms per bed and day",
        f"One bar per day of the last two weeks, from midnight. {PER_BED}",
        query(promql.per_bed_and_day(where, later=24), "alarms per bed", interval="1d"),
        colours={"alarms per bed": BLUE},
        bars=True,
        empty="Less than a whole day is known",
    ).time_from("14d")


def first_responses(where: str) -> heatmap.Panel:
    """Times to the first response, as a heat map."""
    return heatmaps.spread(
        "Time to the first response",
        "Number of alarms by time to the first response, in steps of at least 30 min. Each row is "
        "a range of response times, up to the number at its left. Alarms without a response are "
        "left out.",
        promql.responses(where),
        empty="No response to any alarm in this time, or no response feed",
    )
