"""Panels: figures, curves, strips, bars and notes, in the style that all boards share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import TypeAlias

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    stat,
    statetimeline,
    table,
    text,
    timeseries,
    trend,
)
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.text import TextMode

from grafana.limits import BLUE, Line, Steps, described, thresholds, words
from grafana.queries import DATASOURCE, Query, query

NO_WORKER = "Prometheus scrapes no worker (job alarm-fatigue)"
NO_PARTITION = "No worker holds a partition"
NO_DATA = "No data: check the facility and the worker (see Pipeline health)"

MINUTES, SECONDS, HOURS = "suffix:min", "suffix:s", "suffix:h"
"""Units of axes. Grafana's own units of time put the marks of an axis at times such as 8.33 min."""

DATE = "time:ddd D MMM HH:mm"
"""A date in the time zone of the board, without the year: "Thu 26 Nov 15:05"."""

Panel: TypeAlias = (
    bargauge.Panel
    | heatmap.Panel
    | stat.Panel
    | statetimeline.Panel
    | table.Panel
    | text.Panel
    | timeseries.Panel
    | trend.Panel
)


def legend() -> common.VizLegendOptions:
    """Below the graph, without figures."""
    below = (
        common.VizLegendOptions()
        .display_mode(shapes.LegendDisplayMode.LIST)
        .placement(shapes.LegendPlacement.BOTTOM)
    )
    return below.show_legend(True).calcs([])


def figure(
    title: str,
    about: str,
    *queries: Query,
    unit: str = "none",
    steps: Steps = ((None, BLUE, ""),),
    empty: str = NO_DATA,
    decimals: int | None = None,
    as_word: bool = False,
    graph: bool = False,
) -> stat.Panel:
    """One large number. `as_word`: show the word of its step instead."""
    panel = (
        stat.Panel()
        .title(title)
        .description(described(about, steps))
        .datasource(DATASOURCE)
        .unit(unit)
        .no_value(empty)
        .thresholds(thresholds(steps))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
        .color_mode(shapes.BigValueColorMode.VALUE)
        .graph_mode(shapes.BigValueGraphMode.AREA if graph else shapes.BigValueGraphMode.NONE)
        .justify_mode(shapes.BigValueJustifyMode.AUTO)
        .text_mode(
            shapes.BigValueTextMode.VALUE
            if len(queries) == 1
            else shapes.BigValueTextMode.VALUE_AND_NAME
        )
        .orientation(shapes.VizOrientation.AUTO)
        .targets([*queries])
    )
    if len(queries) > 1:
        panel = panel.text(common.VizTextDisplayOptions().title_size(12).value_size(28))
    if as_word:
        panel = panel.mappings(words(steps))
    if decimals is not None:
        panel = panel.decimals(decimals)
    return panel


def named(title: str, about: str, target: Query, empty: str = NO_DATA) -> stat.Panel:
    """The name of a series, in large type, without its value."""
    return figure(title, about, target, empty=empty).text_mode(shapes.BigValueTextMode.NAME)


def curves(
    title: str,
    about: str,
    *queries: Query,
    unit: str = "none",
    colours: Mapping[str, str],
    lines: Sequence[Line] = (),
    empty: str = NO_DATA,
    stacked: bool = False,
    bars: bool = False,
    dashed: Sequence[str] = (),
    right: Mapping[str, str] | None = None,
    most: float | None = None,
) -> timeseries.Panel:
    """Lines over time. `colours`: the colour of each series, by name. `lines`: limits to compare
    with, drawn dashed or dotted and named in the legend. `bars`: a bar for each step. `right`:
    units of the series on the right axis, by name.
    """
    refs = ascii_uppercase[len(queries) :]
    queries = (
        *queries,
        *(query(one.expression, one.name, ref) for ref, one in zip(refs, lines, strict=False)),
    )
    limits = {one.name: one.colour for one in lines}
    dotted = {one.name for one in lines if one.dotted}
    colours = {**colours, **limits}
    dashed = [*dashed, *limits]
    panel = (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(DATASOURCE)
        .unit(unit)
        .no_value(empty)
        .min(0)
        .line_width(2)
        .fill_opacity(60 if stacked else 8)
        .show_points(shapes.VisibilityMode.NEVER)
        .span_nulls(False)
        .line_interpolation(
            shapes.LineInterpolation.STEP_AFTER if stacked else shapes.LineInterpolation.LINEAR
        )
        .legend(legend())
        .tooltip(
            common.VizTooltipOptions()
            .mode(shapes.TooltipDisplayMode.MULTI)
            .sort(shapes.SortOrder.NONE)
        )
        .targets([*queries])
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A"))
    if most is not None:
        panel = panel.max(most)
    if bars:
        panel = panel.draw_style(shapes.GraphDrawStyle.BARS).fill_opacity(80).line_width(0)
    for name, colour in colours.items():
        found = [override("color", {"mode": "fixed", "fixedColor": colour})]
        if name in dashed:
            found += [
                override("custom.drawStyle", "line"),
                override(
                    "custom.lineStyle",
                    {"fill": "dash", "dash": [2, 5] if name in dotted else [8, 6]},
                ),
                override("custom.lineWidth", 1 if name in limits and name not in dotted else 2),
                override("custom.fillOpacity", 0),
            ]
        if right is not None and name in right:
            found += [
                override("custom.axisPlacement", "right"),
                override("unit", right[name]),
                override("custom.fillOpacity", 0),
            ]
        panel = panel.override_by_name(name, found)
    return panel


def strips(
    title: str, about: str, *queries: Query, steps: Steps, unit: str = "none", empty: str = NO_DATA
) -> statetimeline.Panel:
    """A strip over time for each series, in the colour and word of its step."""
    return (
        statetimeline.Panel()
        .title(title)
        .description(described(about, steps))
        .datasource(DATASOURCE)
        .unit(unit)
        .no_value(empty)
        .thresholds(thresholds(steps))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .mappings(words(steps))
        .show_value(shapes.VisibilityMode.AUTO)
        .merge_values(True)
        .row_height(0.85)
        .fill_opacity(85)
        .line_width(0)
        .legend(legend())
        .tooltip(
            common.VizTooltipOptions()
            .mode(shapes.TooltipDisplayMode.SINGLE)
            .sort(shapes.SortOrder.NONE)
        )
        .targets([*queries])
    )


def bars(
    title: str,
    about: str,
    *queries: Query,
    unit: str = "none",
    steps: Steps = ((None, BLUE, ""),),
    empty: str = NO_DATA,
    most: float | None = None,
    above: bool = False,
) -> bargauge.Panel:
    """A bar for each series, in the order of the query.

    `above`: names above the bars instead of at their left.
    """
    panel = (
        bargauge.Panel()
        .title(title)
        .description(described(about, steps))
        .datasource(DATASOURCE)
        .unit(unit)
        .no_value(empty)
        .min(0)
        .thresholds(thresholds(steps))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .display_mode(shapes.BarGaugeDisplayMode.BASIC)
        .value_mode(shapes.BarGaugeValueMode.TEXT)
        .orientation(shapes.VizOrientation.HORIZONTAL)
        .name_placement(
            shapes.BarGaugeNamePlacement.TOP if above else shapes.BarGaugeNamePlacement.LEFT
        )
        .show_unfilled(False)
        .text(common.VizTextDisplayOptions().title_size(12).value_size(14))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
        .targets([*queries])
    )
    return panel if most is None else panel.max(most)


def note(title: str, markdown: str) -> text.Panel:
    """A text panel."""
    return (
        text.Panel()
        .title(title)
        .description("How to use what this board shows.")
        .transparent(True)
        .mode(TextMode.MARKDOWN)
        .content(markdown)
    )


def override(name: str, value: object) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(id_val=name, value=value)
