"""Plot: the scaling charts in one SVG, written directly so that equal figures give equal bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 900, 640
_PANEL = (450, 310)
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 36, 44, 48
# Okabe-Ito, which colour-blind people can tell apart; each line also has its name.
COLOURS = ("#0072B2", "#D55E00")


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over a logarithmic x-axis and a y-axis from zero. `lines`: name to (x, y) points."""

    title: str
    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]]


def draw(sections: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Write the charts of the sections that were measured."""
    path.write_text(svg(charts(sections)))


def charts(sections: Mapping[str, Mapping[str, Any]]) -> list[Chart]:
    found = []
    for name in ("facilities", "clinicians"):
        if name in sections:
            points = [(point[name], point["rate"]) for point in sections[name]["points"]]
            found.append(
                Chart(f"Throughput against {name}", name, "events/s", {"one worker": points})
            )
    if "workers" in sections:
        rates = sections["workers"]["rates"]
        points = [(float(number), middle(of)) for number, of in rates.items()]
        found.append(
            Chart("Throughput against workers", "workers", "events/s", {"together": points})
        )
    if "recovery" in sections:
        points = sections["recovery"]["points"]
        lines = {
            name: [(one["held"], one[key]) for one in points]
            for name, key in (("/ready", "ready_seconds"), ("correct numbers", "correct_seconds"))
        }
        found.append(Chart("After SIGKILL: time from restart", "alarms held", "seconds", lines))
    return found


def middle(values: Sequence[float]) -> float:
    """The lower median, so that the result is one of the measured values."""
    return sorted(values)[(len(values) - 1) // 2]


def svg(drawn: Sequence[Chart]) -> str:
    """
    >>> svg([Chart("Speed", "cars", "km/h", {"red": [(1, 50), (10, 100)]})]).count("<circle")
    2
    """
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for number, chart in enumerate(drawn):
        row, column = divmod(number, 2)
        parts.append(f'<g transform="translate({column * _PANEL[0]} {row * _PANEL[1]})">')
        parts += _panel(chart)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _panel(chart: Chart) -> list[str]:
    width, height = _PANEL[0] - _LEFT - _RIGHT, _PANEL[1] - _TOP - _BOTTOM
    points = [point for line in chart.lines.values() for point in line]
    low, high = log10(min(x for x, _ in points)), log10(max(x for x, _ in points))
    span = high - low or 1.0
    top, step = _scale(max(y for _, y in points))

    def across(x: float) -> float:
        return round(_LEFT + (log10(x) - low) / span * width, 1)

    def up(y: float) -> float:
        return round(_TOP + height * (1 - y / top), 1)

    parts = [
        f'<text x="{_LEFT}" y="24" font-size="14" font-weight="bold">{escape(chart.title)}</text>'
    ]
    for number in range(round(top / step) + 1):
        y = number * step
        parts.append(
            f'<line x1="{_LEFT}" x2="{_LEFT + width}" y1="{up(y)}" y2="{up(y)}" stroke="#ddd"/>'
        )
        parts.append(f'<text x="{_LEFT - 6}" y="{up(y) + 4}" text-anchor="end">{y:,.10g}</text>')
    ticks = sorted({x for x, _ in points})
    parts += [
        f'<text x="{across(x)}" y="{_TOP + height + 18}" text-anchor="middle">{x:,.10g}</text>'
        for x in ticks
    ]
    parts.append(
        f'<text x="{_LEFT + width / 2}" y="{_TOP + height + 38}" text-anchor="middle">'
        f"{escape(chart.x)}</text>"
    )
    parts.append(
        f'<text x="14" y="{_TOP + height / 2}" text-anchor="middle"'
        f' transform="rotate(-90 14 {_TOP + height / 2})">{chart.y}</text>'
    )
    for number, (name, line) in enumerate(chart.lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{across(x)},{up(y)}" for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{across(x)}" cy="{up(y)}" r="3.5" fill="{colour}"/>' for x, y in line
        ]
        parts.append(
            f'<text x="{_LEFT + 8}" y="{_TOP + height - 10 - 16 * number}" fill="{colour}">'
            f"{escape(name)}</text>"
        )
    return parts


def _scale(largest: float) -> tuple[float, float]:
    """The end of an axis that begins at zero, and its tick step: 1, 2 or 5 times a power of ten.

    >>> _scale(90_000), _scale(3.2)
    ((100000.0, 20000.0), (4.0, 1.0))
    """
    rough = (largest or 1.0) / 5
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return ceil(largest / step) * step or step, step
