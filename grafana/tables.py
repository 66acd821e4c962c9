"""Tables: rows by label, with the columns of several queries side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models

from grafana.limits import BLUE, Steps, words
from grafana.panels import NO_DATA, override
from grafana.queries import DATASOURCE, cells

_LABELS = (
    "facility",
    "unit",
    "clinician",
    "measure",
    "device_type",
    "source",
    "code",
    "name",
    "topic",
    "outcome",
    "alertname",
    "severity",
    "tier",
    "role",
    "shift",
)
"""All labels of the tables' queries; a table shows those for which it has a column."""


class Column:
    """A column of a table: an `expression` or a `label`.

    `steps` colour the values; `as_word` shows the word of a step instead of its value. `called`
    maps values of a label to display names. `empty` is the text of a cell without a value. `links`
    are titles and addresses; those that leave the boards open in a new tab. `bar` draws a bar.
    """

    def __init__(
        self,
        name: str,
        expression: str = "",
        unit: str = "none",
        *,
        steps: Steps = (),
        as_word: bool = False,
        decimals: int | None = None,
        label: str = "",
        called: Mapping[str, str] | None = None,
        empty: str = "-",
        links: Sequence[tuple[str, str]] = (),
        width: int | None = None,
        bar: bool = False,
    ) -> None:
        self.name = name
        self.expression = expression
        self.label = label
        self._width = width
        found = [
            override("noValue", empty),
            override("custom.minWidth", 70),
            override("custom.wrapHeaderText", True),
        ]
        if not label:
            found.append(override("unit", unit))
        if steps:
            found += [
                override(
                    "thresholds",
                    {
                        "mode": "absolute",
                        "steps": [{"value": value, "color": colour} for value, colour, _ in steps],
                    },
                ),
                override("color", {"mode": "thresholds"}),
                override("custom.cellOptions", {"type": "color-text"}),
            ]
        if bar:
            found += [
                override("custom.cellOptions", {"type": "gauge", "mode": "basic"}),
                override("color", {"mode": "fixed", "fixedColor": BLUE}),
                override("min", 0),
            ]
        if as_word:
            found.append(override("mappings", words(steps)))
        if decimals is not None:
            found.append(override("decimals", decimals))
        if called is not None:
            texts = {
                value: models.ValueMappingResult(text=text, index=index)
                for index, (value, text) in enumerate(called.items())
            }
            found.append(override("mappings", [models.ValueMap(options=texts)]))
        if links:
            found.append(
                override(
                    "links",
                    [
                        {"title": title, "url": url, "targetBlank": not url.startswith("/d/")}
                        for title, url in links
                    ],
                )
            )
        if width is not None:
            found.append(override("custom.width", width))
        self.properties = found


def grid(
    title: str,
    about: str,
    *columns: Column,
    sort: Sequence[str] = (),
    descending: bool = True,
    empty: str = NO_DATA,
) -> table.Panel:
    """A row for each set of labels, joined over the columns' queries.

    `sort`: the columns that order the rows.
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
    panel = panel.with_transformation(transformation("merge", {}))
    shown = [named[column.name] for column in columns]
    panel = panel.with_transformation(
        transformation(
            "organize",
            {
                "indexByName": {field: index for index, field in enumerate(shown)},
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


def transformation(name: str, options: object) -> models.DataTransformerConfig:
    return models.DataTransformerConfig(id_val=name, options=options)
