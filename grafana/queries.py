"""Queries: PromQL as targets of a panel, from the data source that the board's user chose."""

from __future__ import annotations

from typing import TypeAlias

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")
Query: TypeAlias = prometheus.Dataquery


def query(
    expression: str, legend: str = "", ref: str = "A", instant: bool = False, interval: str = ""
) -> Query:
    """A range query. `instant`: the current value of each series, as a table. `interval`: the
    smallest step.
    """
    one = (
        prometheus.Dataquery().datasource(DATASOURCE).expr(" ".join(expression.split())).ref_id(ref)
    )
    one = one.instant() if instant else one.range()
    if legend:
        one = one.legend_format(legend)
    if interval:
        one = one.interval(interval)
    return one


def of_now(expression: str, ref: str = "A", legend: str = "") -> Query:
    return query(expression, legend, ref, instant=True)


def cells(expression: str, ref: str) -> Query:
    """A column of a table: `Value #REF`, next to one column for each label."""
    return of_now(expression, ref).format(PromQueryFormat.TABLE)


def hours(expression: str, ref: str) -> Query:
    """A column of a table with a row for each whole hour of the time shown."""
    return query(expression, ref=ref, interval="1h").format(PromQueryFormat.TABLE)


def histogram(expression: str) -> Query:
    """The buckets of a histogram over time, by `le`, in steps of at least 30 min."""
    return query(expression, "{{le}}", interval="30m").format(PromQueryFormat.HEATMAP)
