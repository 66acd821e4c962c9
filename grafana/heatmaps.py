"""Heat maps: hours of the week, and histograms over time."""

from __future__ import annotations

from grafana_foundation_sdk.builders import heatmap, table
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale

from grafana.limits import PURPLE, SHADES
from grafana.panels import NO_DATA, SECONDS, override
from grafana.queries import DATASOURCE, histogram, hours

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKS = "28d"
_CELLS = "Value #A"
_ROWS, _COLUMNS = "Value #B", "Value #C"  # hours, weekdays
_CORNER = f"{_ROWS}\\{_COLUMNS}"


def week(title: str, about: str, expression: str, empty: str = NO_DATA) -> table.Panel:
    """A row for each hour and a column for each weekday: the average over four weeks. As a board of
    1200 pixels has no room for 24 columns, which Grafana makes at least 50 pixels wide.

    `expression`: a value for the hour that begins at the time of the query. Days and hours are in
    the time zone of the board.
    """
    moment = "vector(time() * 1000)"
    panel = (
        table.Panel()
        .title(title)
        .description(f"{about} The darker a cell, the more alarms.")
        .datasource(DATASOURCE)
        .unit("none")
        .decimals(0)
        .no_value(empty)
        .show_header(True)
        .cell_height(shapes.TableCellHeight.SM)
        .time_from(_WEEKS)
        .max_data_points(2000)  # more than the hours of four weeks, so that none is skipped
        .targets([hours(expression, "A"), hours(moment, "B"), hours(moment, "C")])
    )
    for name, options in _steps():
        panel = panel.with_transformation(
            models.DataTransformerConfig(id_val=name, options=options)
        )
    shades = [
        override("color", {"mode": "thresholds"}),
        override(
            "thresholds",
            {
                "mode": "percentage",
                "steps": [
                    {"value": 100 * place / len(SHADES) if place else None, "color": shade}
                    for place, shade in enumerate(SHADES)
                ],
            },
        ),
        override("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
        override("custom.align", "center"),
        override("custom.minWidth", 50),
    ]
    panel = panel.override_by_regexp(f"/^({'|'.join(DAYS)})$/", shades)
    return panel.override_by_name("Hour", [override("custom.width", 56)])


def _steps() -> list[tuple[str, object]]:
    """From hours, one after the other, to the matrix."""
    whole = {"destinationType": "time"}
    mean = {"operation": "aggregate", "aggregations": ["mean"]}
    key = {"operation": "groupby", "aggregations": []}
    names = {_CORNER: "Hour"} | {str(number): day for number, day in enumerate(DAYS, 1)}
    return [
        ("merge", {}),
        (
            "convertFieldType",
            {"conversions": [{"targetField": one, **whole} for one in (_ROWS, _COLUMNS)]},
        ),
        ("formatTime", {"timeField": _ROWS, "outputFormat": "HH"}),
        ("formatTime", {"timeField": _COLUMNS, "outputFormat": "E"}),
        ("groupBy", {"fields": {_CELLS: mean, _ROWS: key, _COLUMNS: key}}),
        (
            "groupingToMatrix",
            {"rowField": _ROWS, "columnField": _COLUMNS, "valueField": f"{_CELLS} (mean)"},
        ),
        ("sortBy", {"fields": {}, "sort": [{"field": _CORNER}]}),
        (
            "organize",
            {
                "indexByName": {name: place for place, name in enumerate(names)},
                "renameByName": names,
            },
        ),
    ]


def spread(title: str, about: str, expression: str, empty: str = NO_DATA) -> heatmap.Panel:
    """A histogram over time: the stronger a cell's colour, the more observations.

    `expression`: the increase of each bucket, by `le` in seconds.
    """
    return (
        heatmap.Panel()
        .title(title)
        .description(about)
        .datasource(DATASOURCE)
        .unit("none")
        .no_value(empty)
        .calculate(False)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(HeatmapColorMode.SCHEME)
            .scheme("Blues")
            .scale(HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(32)
            .reverse(False)
        )
        .y_axis(heatmap.YAxisConfig().unit(SECONDS).axis_placement(shapes.AxisPlacement.LEFT))
        .cell_values(heatmap.CellValues().unit("none").decimals(0))
        .filter_values(heatmap.FilterValueRange().le(0.01))
        .cell_gap(1)
        .exemplars_color(PURPLE)
        .tooltip(heatmap.HeatmapTooltip().mode(shapes.TooltipDisplayMode.SINGLE))
        .hide_legend()
        .targets([histogram(expression)])
    )
