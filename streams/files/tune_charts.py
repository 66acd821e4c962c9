"""The plots of a tuning report, as self-contained SVG.

The colours are Okabe and Ito's. Shape or name always distinguishes what a colour does.
"""

from __future__ import annotations

from typing import Any

from streams.extras import install

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"
_CONFIG = {
    "font": "system-ui, sans-serif",
    "background": "white",
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
    "legend": {"labelFontSize": 12, "orient": "top", "title": None, "symbolSize": 120},
    "view": {"stroke": None},
}


class NoCharts(Exception):
    """The library that draws the plots is not installed. The message is one line."""


def svg(spec: dict[str, Any]) -> str:
    """The drawing of a Vega-Lite specification. Raises `NoCharts`."""
    try:
        import vl_convert
    except ImportError:
        raise NoCharts(f"needs the extra report; run: {install('report')}") from None
    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": _CONFIG} | spec
    drawn: str = vl_convert.vegalite_to_svg(whole, vl_version="5.20")
    return drawn


def pareto(search: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The Pareto-optimal settings: alarms spared against actionable alarms lost.

    `names` are the settings in words. The recommended one is highlighted.
    """
    best = search["best"] and search["best"]["setting"]
    points = [
        {
            "spared": one["spared"],
            "lost": one["lost"]["count"],
            "upper": round((one["lost"]["upper"] or 0) * one["lost"]["of"], 2),
            "name": name,
            "kind": "recommended" if one["setting"] == best else "others that keep the tolerance",
        }
        for one, name in zip(search["pareto"], names, strict=True)
    ]
    if best is not None and all(one["setting"] != best for one in search["pareto"]):
        one = search["best"]
        points.append(
            {
                "spared": one["spared"],
                "lost": one["lost"]["count"],
                "upper": one["lost"]["upper"] * one["lost"]["of"],
                "name": "recommended",
                "kind": "recommended",
            }
        )
    x = {
        "field": "spared",
        "type": "quantitative",
        "title": "alarms silenced that are not known to have been needed",
    }
    y = {
        "field": "lost",
        "type": "quantitative",
        "title": "needed alarms hidden; line: to the upper bound",
    }
    kind = {
        "field": "kind",
        "type": "nominal",
        "scale": {
            "domain": ["recommended", "others that keep the tolerance"],
            "range": [ORANGE, BLUE],
        },
    }
    layers = [
        {
            "mark": {"type": "rule", "color": GREY, "opacity": 0.5},
            "encoding": {"x": x, "y": y, "y2": {"field": "upper"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70},
            "encoding": {
                "x": x,
                "y": y,
                "color": kind,
                "shape": kind
                | {"scale": {"domain": kind["scale"]["domain"], "range": ["diamond", "circle"]}},  # type: ignore[index]
            },
        },
        {
            "transform": [{"filter": "datum.kind == 'recommended'"}],
            "mark": {"type": "text", "align": "left", "dx": 10, "dy": 4, "fontSize": 12},
            "encoding": {"x": x, "y": y, "text": {"field": "name"}},
        },
    ]
    return {"width": 640, "height": 320, "data": {"values": points}, "layer": layers}


def timeline(rows: list[dict[str, Any]], over: str, title: str) -> dict[str, Any]:
    """Alarms before and after, by the field `over` of each row.

    A row that is not `whole` is pale and marked.
    """
    points = [
        {
            "over": row[over] if row.get("whole", True) else f"{row[over]} *",
            "alarms": row[key],
            "which": key,
            "whole": row.get("whole", True),
        }
        for row in rows
        for key in ("before", "after")
    ]
    which = {
        "field": "which",
        "type": "nominal",
        "sort": None,
        "scale": {"domain": ["before", "after"], "range": [GREY, BLUE]},
    }
    encoding = {
        "x": {
            "field": "over",
            "type": "ordinal",
            "title": title,
            "axis": {"labelAngle": 0, "labelOverlap": True},
        },
        "xOffset": which | {"scale": {"domain": ["before", "after"]}},
        "y": {"field": "alarms", "type": "quantitative", "title": "alarms"},
        "color": which,
        "opacity": {"condition": {"test": "datum.whole", "value": 1}, "value": 0.45},
    }
    return {
        "width": 640,
        "height": 200,
        "data": {"values": points},
        "mark": "bar",
        "encoding": encoding,
    }
