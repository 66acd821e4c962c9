"""The committed dashboards, as tests ask them: panels, and every query with its variables filled
in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DASHBOARDS = Path(__file__).parents[2] / "grafana" / "dashboards"
UIDS = [
    f"alarm-fatigue-{name}"
    for name in ("clinician", "history", "hospital", "pipeline", "types", "unit")
]

BUILT_IN = {"__rate_interval": "5m", "__interval": "1m", "__range": "12h"}
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")


@dataclass(frozen=True)
class Asked:
    """One query.

    `place`: a panel's title, or what else asks; `series`: the name under which its answer is shown.
    """

    board: str
    place: str
    series: str
    expression: str
    instant: bool

    def __str__(self) -> str:
        return f"{self.board.removeprefix('alarm-fatigue-')}: {self.place}: {self.series}"

    def filled(self, **variables: str) -> str:
        return filled(self.expression, BUILT_IN | variables)


@cache
def board(uid: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DASHBOARDS / f"{uid}.json").read_text())
    return found


def panels(uid: str) -> list[dict[str, Any]]:
    """All but the rows, with those of closed rows."""
    everything = board(uid)["panels"]
    within = [each for one in everything if one["type"] == "row" for each in one.get("panels", ())]
    return [one for one in everything if one["type"] != "row"] + within


def queried(uid: str) -> list[dict[str, Any]]:
    """The panels that show data."""
    return [one for one in panels(uid) if one["type"] != "text"]


def panel(uid: str, title: str) -> dict[str, Any]:
    [found] = [one for one in panels(uid) if one["title"] == title]
    return found


def transformation(panel: Mapping[str, Any], name: str) -> dict[str, Any]:
    [found] = [one["options"] for one in panel["transformations"] if one["id"] == name]
    return dict(found)


def values(found: Any, key: str) -> Iterator[Any]:
    """All values of this key at any depth."""
    if isinstance(found, dict):
        if key in found:
            yield found[key]
        for one in found.values():
            yield from values(one, key)
    elif isinstance(found, list):
        for one in found:
            yield from values(one, key)


def asked(uid: str) -> Iterator[Asked]:
    """Every query of panels, variables and annotations."""
    for one in queried(uid):
        for target in one["targets"]:
            yield Asked(uid, one["title"], _series(one, target), target["expr"], target["instant"])
    for variable in board(uid)["templating"]["list"]:
        if variable["type"] == "query":
            found = _LABEL_VALUES.fullmatch(variable["query"]["query"])
            assert found, variable
            yield Asked(
                uid, "variable", variable["name"], f"count by ({found[2]}) ({found[1]})", True
            )
    for mark in marks(uid):
        yield Asked(uid, "annotation", mark["name"], mark["target"]["expr"], False)


def marks(uid: str, source: str = "prometheus") -> list[dict[str, Any]]:
    """Annotations from Prometheus, or from Grafana's own store."""
    everything = board(uid)["annotations"]["list"]
    return [one for one in everything if one["datasource"]["type"] == source]


def _series(panel: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    if panel["type"] in ("table", "trend"):
        value = f"Value #{target['refId']}" if len(panel["targets"]) > 1 else "Value"
        return str(transformation(panel, "organize")["renameByName"].get(value, value))
    return str(target.get("legendFormat", panel["title"]))


def the_query(uid: str, place: str, series: str | None = None) -> Asked:
    [found] = [one for one in asked(uid) if one.place == place and series in (None, one.series)]
    return found


def filled(text: str, variables: Mapping[str, str]) -> str:
    """Variables replaced as Grafana does, `$name` and `${name}`; unknown ones stay.

    >>> filled('up{unit=~"$unit", job="${job}"}[$__range]', {"unit": ".*", "job": "a"})
    'up{unit=~".*", job="a"}[$__range]'
    """
    return re.sub(
        r"\$(?:\{(\w+)\}|(\w+))", lambda found: variables.get(found[1] or found[2], found[0]), text
    )
