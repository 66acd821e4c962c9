"""The run chart of a comparison, as a specification for `streams.files.tune_charts.svg`.

What is special about a day is told by shape and name as well as by colour.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from streams.files.tune_charts import BLUE, GREY, ORANGE

DAY = 86_400_000
_SHOWN = {
    "plain": ("day", BLUE, "circle"),
    "signal": ("day of a signal", ORANGE, "diamond"),
    "part": ("part of a day", GREY, "square"),
    "missing": ("missing day", GREY, "cross"),
}


def run_chart(found: dict[str, Any]) -> dict[str, Any]:
    """Alarms of each day, the median before the change and the limits, and the change."""
    days, chart, place = found["daily"], found["run_chart"], ZoneInfo(found["time_zone"])

    def local(at: int) -> int:
        """The wall clock's time at `at`, as if it were UTC, which the axis shows."""
        away = datetime.fromtimestamp(at / 1000, place).utcoffset()
        return at + round((away or timedelta()).total_seconds() * 1000)

    signalled = [
        (one["from"], one["to"]) for one in chart["signals"] if one["rule"] != "too_few_runs"
    ]
    points: list[dict[str, Any]] = []
    piece = 0
    for day in days:
        kind = day["kind"] if day["kind"] in ("part", "missing") else "plain"
        if kind == "plain" and any(first <= day["from"] <= last for first, last in signalled):
            kind = "signal"
        whole = kind in ("plain", "signal")
        piece += not whole  # the line breaks where days are missing
        points.append(
            {
                "day": local(day["from"]) + DAY // 2,
                "alarms": day["alarms"],
                "kind": _SHOWN[kind][0],
                "whole": whole,
                "piece": piece,
            }
        )
    left, right = local(days[0]["from"]), local(days[-1]["from"]) + DAY
    x = {
        "field": "day",
        "type": "temporal",
        "scale": {"type": "utc", "domain": [left, right]},
        "axis": {"format": "%-d %b", "labelOverlap": True, "grid": False, "tickCount": 10},
        "title": f"day ({place}), from the hour of the change",
    }
    y = {
        "field": "alarms",
        "type": "quantitative",
        "title": "alarms a day",
        "scale": {"domainMin": 0, "nice": True},
    }
    present = {one["kind"] for one in points}
    shown = [one for one in _SHOWN.values() if one[0] in present]
    named = {"field": "kind", "type": "nominal", "legend": {"columnPadding": 24}}
    color = named | {
        "scale": {"domain": [one[0] for one in shown], "range": [one[1] for one in shown]}
    }
    shape = named | {
        "scale": {"domain": [one[0] for one in shown], "range": [one[2] for one in shown]}
    }
    lines = [
        {"y": chart["median"], "name": f"median {chart['median']:g}"},
    ]
    if chart["high"] > chart["median"]:
        lines.append({"y": chart["high"], "name": f"upper limit {chart['high']:.0f}"})
    if 0 < chart["low"] < chart["median"]:
        lines.append({"y": chart["low"], "name": f"lower limit {chart['low']:.0f}"})
    end = {"datum": right}
    layers: list[dict[str, Any]] = [
        _level(lines[:1], [1, 0]),
        _level(lines[1:], [4, 4]),
        {
            "data": {"values": lines},
            "mark": {"type": "text", "align": "left", "dx": 5, "fontSize": 11, "color": "#444"},
            "encoding": {
                "x": end | {"type": "temporal", "scale": x["scale"]},
                "y": {"field": "y", "type": "quantitative"},
                "text": {"field": "name"},
            },
        },
        {
            "data": {"values": [{"at": local(found["at"])}]},
            "mark": {"type": "rule", "color": ORANGE, "strokeWidth": 2},
            "encoding": {"x": x | {"field": "at"}},
        },
        {
            "data": {"values": [{"at": local(found["at"])}]},
            "mark": {
                "type": "text",
                "align": "left",
                "dx": 5,
                "y": 8,
                "fontSize": 12,
                "color": ORANGE,
                "text": "change",
            },
            "encoding": {"x": x | {"field": "at"}},
        },
        {
            "transform": [{"filter": "datum.whole"}],
            "mark": {"type": "line", "color": BLUE, "strokeWidth": 1, "opacity": 0.6},
            "encoding": {"x": x, "y": y, "detail": {"field": "piece"}},
        },
        {
            "mark": {"type": "point", "size": 60, "filled": True, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": color, "shape": shape},
        },
    ]
    # room for the names of the lines, which are measured too short
    room = {"left": 5, "top": 5, "bottom": 5, "right": 45}
    return {
        "width": 560,
        "height": 260,
        "padding": room,
        "data": {"values": points},
        "layer": layers,
    }


def _level(lines: list[dict[str, Any]], dash: list[int]) -> dict[str, Any]:
    return {
        "data": {"values": lines},
        "mark": {"type": "rule", "color": "#444", "strokeDash": dash},
        "encoding": {"y": {"field": "y", "type": "quantitative"}},
    }
