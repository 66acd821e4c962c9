"""Pareto: the most frequent first, each with its share of all, and the shares added up."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, table, trend
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models

from grafana.limits import BLUE, ORANGE
from grafana.panels import NO_DATA, legend, override
from grafana.queries import DATASOURCE, cells
from grafana.tables import transformation

_MOST = 15
_COUNT, _SHARE = "Value #A", "Value #B"
_NAMES = {
    "Rank": "Rank",
    "name": "Type",
    "device_type": "Device",
    _COUNT: "Alarms",
    _SHARE: "Share",
    "Sum": "Added up",
}


def curve(title: str, about: str, count: str, share: str, empty: str = NO_DATA) -> trend.Panel:
    """Bars of the counts by rank, and the curve of the shares added up (right axis)."""
    panel = (
        trend.Panel()
        .title(title)
        .description(about)
        .datasource(DATASOURCE)
        .unit("none")
        .decimals(0)
        .min(0)
        .no_value(empty)
        .x_field("Rank")
        .legend(legend())
        .tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI))
        .targets([cells(count, "A"), cells(share, "B")])
    )
    for one in _steps(hidden=("name", "device_type", _SHARE)):
        panel = panel.with_transformation(one)
    panel = panel.override_by_name(
        "Alarms",
        [
            override("custom.drawStyle", "bars"),
            override("custom.fillOpacity", 80),
            override("custom.lineWidth", 0),
            override("color", {"mode": "fixed", "fixedColor": BLUE}),
        ],
    )
    return panel.override_by_name(
        "Added up",
        [
            override("custom.drawStyle", "line"),
            override("custom.lineWidth", 2),
            override("custom.showPoints", "always"),
            override("custom.axisPlacement", "right"),
            override("color", {"mode": "fixed", "fixedColor": ORANGE}),
            override("unit", "percentunit"),
            override("max", 1),
        ],
    )


def ranks(title: str, about: str, count: str, share: str, empty: str = NO_DATA) -> table.Panel:
    """The same as a table, with names."""
    panel = (
        table.Panel()
        .title(title)
        .description(about)
        .datasource(DATASOURCE)
        .unit("none")
        .no_value(empty)
        .show_header(True)
        .cell_height(shapes.TableCellHeight.SM)
        .targets([cells(count, "A"), cells(share, "B")])
    )
    for one in _steps():
        panel = panel.with_transformation(one)
    for name, width in (("Rank", 60), ("Device", 115)):
        panel = panel.override_by_name(name, [override("custom.width", width)])
    bar = [
        override("custom.cellOptions", {"type": "gauge", "mode": "basic"}),
        override("color", {"mode": "fixed", "fixedColor": BLUE}),
        override("min", 0),
        override("custom.width", 100),
    ]
    panel = panel.override_by_name("Alarms", bar)
    for name in ("Share", "Added up"):
        shown = [override("unit", "percentunit"), override("decimals", 0)]
        panel = panel.override_by_name(name, [*shown, override("custom.width", 75)])
    return panel


def _steps(hidden: tuple[str, ...] = ()) -> list[models.DataTransformerConfig]:
    left_out = ("Time", "source", "code", "Row", *hidden)
    shown = [field for field in _NAMES if field not in hidden]
    return [
        transformation("merge", {}),
        transformation("sortBy", {"fields": {}, "sort": [{"field": _COUNT, "desc": True}]}),
        transformation(
            "calculateField",
            {
                "mode": "cumulativeFunctions",
                "cumulative": {"field": _SHARE, "reducer": "sum"},
                "alias": "Sum",
            },
        ),
        transformation("calculateField", {"mode": "index", "alias": "Row"}),
        transformation(
            "calculateField",
            {
                "mode": "binary",
                "binary": {
                    "left": {"matcher": {"id": "byName", "options": "Row"}},
                    "operator": "+",
                    "right": {"fixed": "1"},
                },
                "alias": "Rank",
            },
        ),
        transformation("limit", {"limitField": str(_MOST)}),
        transformation(
            "organize",
            {
                "indexByName": {field: index for index, field in enumerate(shown)},
                "renameByName": {field: _NAMES[field] for field in shown},
                "excludeByName": dict.fromkeys(left_out, True),
            },
        ),
    ]
