"""Parts of boards: colours, words, queries, panels and the grid. Each board has its own module.

A colour never stands alone: each threshold and state also has a word. The colours are those of
Okabe and Ito (2008), which people with any common form of colour blindness can tell apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, GREY = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#8C8C8C",
)
"""Okabe-Ito without yellow, which cannot be read on white, and a grey for series to compare with."""

DATASOURCE = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")
NO_DATA = "No data: check the facility and the worker (see Pipeline health)"

Panel: TypeAlias = (
    bargauge.Panel | stat.Panel | statetimeline.Panel | table.Panel | text.Panel | timeseries.Panel
)
Query: TypeAlias = prometheus.Dataquery
Steps: TypeAlias = Sequence[tuple[float | None, str, str]]
"""The value at which a step begins (None: no lower bound), its colour and its word."""

MORE = 0.001
"""Added to a limit: Grafana colours values from a step on, but a value at a limit does not exceed it."""

STATES: Steps = ((None, GREEN, "normal"), (1, ORANGE, "elevated"), (2, VERMILION, "overloaded"))
STATES_SOURCE = "The levels, hold and cool-down of the overload states are set in policy.overload."

LOAD_AN_HOUR: Steps = (
    (None, GREEN, "recommended"),
    (6, SKY, "manageable"),
    (12 + MORE, ORANGE, "over-demanding"),
    (60 + MORE, VERMILION, "unacceptable"),
)
LOAD_SOURCE = (
    "EEMUA-191 bands for one operating position (here: one clinician on duty): under 6 alarms an "
    "hour is recommended, up to 12 manageable, up to 60 over-demanding, more is unacceptable."
)
RATE_10M: Steps = (
    (None, GREEN, "acceptable"),
    (1 + MORE, SKY, "manageable"),
    (2 + MORE, ORANGE, "too many"),
    (10 + MORE, VERMILION, "flood"),
)
RATE_SOURCE = (
    "ISA-18.2-2016, for one operating position (here: one clinician on duty): about 1 alarm in "
    "10 min is very likely acceptable, and about 2 are the most that is manageable. A flood "
    "begins above 10 and ends below 5."
)
PROTECTED: Steps = (
    (None, VERMILION, "hardly any"),
    (0.05, ORANGE, "little"),
    (0.25, GREEN, "enough"),
)
PROTECTED_SOURCE = (
    "Protected time is the share of duty in stretches of 5 min or more without a new alarm. "
    "Under 25 % is elevated, under 5 % overloaded (policy.overload; our own, as no limit is "
    "published)."
)
BEDS: Steps = ((None, GREEN, "within the limit"), (8 + MORE, ORANGE, "too many"))
BEDS_SOURCE = (
    "With more than 8 beds per nurse by day, harm becomes likelier on any ward (NICE SG1, 2014). "
    "Most units need a lower limit of their own."
)

SOME: Steps = ((None, GREEN, "none"), (1, VERMILION, "some"))
SOME_ELEVATED: Steps = ((None, GREEN, "none"), (1, ORANGE, "some"))
AGE: Steps = (
    (None, GREEN, "current"),
    (60 + MORE, ORANGE, "behind"),
    (600 + MORE, VERMILION, "old"),
)
AGE_SOURCE = (
    "Time since the latest accepted alarm event. It also grows in a quiet hospital; Pipeline "
    "health shows which it is. Above 60 s the worker may be behind (see its /ready). Above 10 "
    "min, new events may be rejected as late (policy.allowed_lateness)."
)


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


def thresholds(steps: Steps) -> Builder[models.ThresholdsConfig]:
    found = [models.Threshold(value=value, color=colour) for value, colour, _ in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(found)


def words(steps: Steps) -> list[models.ValueMapping]:
    """Maps every value to the word of its step.

    Steps 0, 1, 2, ... map exactly these values.
    """
    states = [0 if value is None else value for value, *_ in steps] == list(range(len(steps)))
    results = [
        models.ValueMappingResult(text=word, color=colour, index=place)
        for place, (_, colour, word) in enumerate(steps)
    ]
    if states:
        return [
            models.ValueMap(options={str(place): result for place, result in enumerate(results)})
        ]
    begins = [value for value, *_ in steps]
    ends = [*begins[1:], None]
    ranges = [
        models.RangeMap(
            options=models.DashboardRangeMapOptions(from_val=begin, to=end, result=result)
        )
        for begin, end, result in zip(begins, ends, results, strict=True)
    ]
    return [*reversed(ranges)]  # Grafana takes the first that fits, and both ends belong to a range


def _legible(source: str, steps: Steps) -> str:
    """A panel's description: its meaning, and then the meaning of its colours."""
    if len(steps) < 2:
        return source
    levels = [f"{word} {_beginning(value)}" for value, _, word in steps[1:]]
    return f"{source} Colours: {steps[0][2]}, {', '.join(levels)}."


def _beginning(value: float | None) -> str:
    """In words.

    >>> _beginning(12 + MORE), _beginning(0.05)
    ('above 12', 'from 0.05')
    """
    assert value is not None, "only the first step begins with the least"
    below = round(value - MORE, 6)
    return f"above {below:g}" if below == int(below) else f"from {value:g}"


def _legend() -> common.VizLegendOptions:
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
    say: bool = False,
    graph: bool = False,
) -> stat.Panel:
    """One large number. `say`: show the word of its step instead."""
    panel = (
        stat.Panel()
        .title(title)
        .description(_legible(about, steps))
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
    if say:
        panel = panel.mappings(words(steps))
    if decimals is not None:
        panel = panel.decimals(decimals)
    return panel


def named(title: str, about: str, asked: Query, empty: str = NO_DATA) -> stat.Panel:
    """The name of a series, in large type, without its value."""
    return figure(title, about, asked, empty=empty).text_mode(shapes.BigValueTextMode.NAME)


def curves(
    title: str,
    about: str,
    *queries: Query,
    unit: str = "none",
    colours: Mapping[str, str],
    steps: Steps = (),
    empty: str = NO_DATA,
    stacked: bool = False,
    dashed: Sequence[str] = (),
    right: Mapping[str, str] | None = None,
    most: float | None = None,
) -> timeseries.Panel:
    """Lines over time. `colours`: the colour of each series, by name. `steps`: horizontal lines to
    compare with. `right`: units of the series on the right axis, by name.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(_legible(about, steps))
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
        .legend(_legend())
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
    if steps:
        style = common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(thresholds(steps)).thresholds_style(style)
    for name, colour in colours.items():
        found = [_property("color", {"mode": "fixed", "fixedColor": colour})]
        if name in dashed:
            found += [
                _property("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
                _property("custom.fillOpacity", 0),
            ]
        if right is not None and name in right:
            found += [
                _property("custom.axisPlacement", "right"),
                _property("unit", right[name]),
                _property("custom.fillOpacity", 0),
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
        .description(_legible(about, steps))
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
        .legend(_legend())
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
        .description(_legible(about, steps))
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


_LABELS = (
    "facility",
    "unit",
    "clinician",
    "measure",
    "device_type",
    "source",
    "code",
    "topic",
    "outcome",
    "alertname",
    "severity",
    "tier",
)
"""All labels of the tables' queries; a table shows those for which it has a column."""


class Column:
    """A column of a table: an `expression` or a `label`. `steps` colour it, `say` shows their
    words. `called`: display names of a label's values. `empty`: the text of a cell without a value.
    """

    def __init__(
        self,
        name: str,
        expression: str = "",
        unit: str = "none",
        *,
        steps: Steps = (),
        say: bool = False,
        decimals: int | None = None,
        label: str = "",
        called: Mapping[str, str] | None = None,
        empty: str = "-",
        link: tuple[str, str] | None = None,
        width: int | None = None,
    ) -> None:
        self.name = name
        self.expression = expression
        self.label = label
        self._width = width
        found = [
            _property("noValue", empty),
            _property("custom.minWidth", 70),
            _property("custom.wrapHeaderText", True),
        ]
        if not label:
            found.append(_property("unit", unit))
        if steps:
            found += [
                _property(
                    "thresholds",
                    {
                        "mode": "absolute",
                        "steps": [{"value": value, "color": colour} for value, colour, _ in steps],
                    },
                ),
                _property("color", {"mode": "thresholds"}),
                _property("custom.cellOptions", {"type": "color-text"}),
            ]
        if say:
            found.append(_property("mappings", words(steps)))
        if decimals is not None:
            found.append(_property("decimals", decimals))
        if called is not None:
            texts = {
                value: models.ValueMappingResult(text=text, index=place)
                for place, (value, text) in enumerate(called.items())
            }
            found.append(_property("mappings", [models.ValueMap(options=texts)]))
        if link is not None:
            found.append(
                _property("links", [{"title": link[0], "url": link[1], "targetBlank": False}])
            )
        if width is not None:
            found.append(_property("custom.width", width))
        self.properties = found


def grid(
    title: str,
    about: str,
    *columns: Column,
    sort: Sequence[str] = (),
    descending: bool = True,
    empty: str = NO_DATA,
) -> table.Panel:
    """A row for each set of labels, joined over the columns' queries. `sort`: the columns that order
    the rows.
    """
    named = {}
    panel = (
        table.Panel()
        .title(title)
        .description(about)
        .datasource(DATASOURCE)
        .unit("none")
        .no_value(empty)
        .show_header(True)
        .cell_height(shapes.TableCellHeight.SM)
    )
    refs = iter("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    measured = [one for one in columns if one.expression]
    for column in measured:
        ref = next(refs)
        named[column.name] = f"Value #{ref}" if len(measured) > 1 else "Value"
        panel = panel.with_target(cells(column.expression, ref))
    named |= {column.name: column.label for column in columns if column.label}
    panel = panel.with_transformation(_transformation("merge", {}))
    shown = [named[column.name] for column in columns]
    panel = panel.with_transformation(
        _transformation(
            "organize",
            {
                "indexByName": {field: place for place, field in enumerate(shown)},
                "renameByName": {field: name for name, field in named.items()},
                "excludeByName": dict.fromkeys(
                    ["Time", *(label for label in _LABELS if label not in shown)], True
                ),
            },
        )
    )
    if sort:
        panel = panel.sort_by(
            [common.TableSortByFieldState().display_name(name).desc(descending) for name in sort]
        )
    for column in columns:
        if column.properties:
            panel = panel.override_by_name(column.name, column.properties)
    return panel


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


def _property(name: str, value: object) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(id_val=name, value=value)


def _transformation(name: str, options: object) -> models.DataTransformerConfig:
    return models.DataTransformerConfig(id_val=name, options=options)
