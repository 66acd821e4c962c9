"""The drawings of a report, as SVG that takes the colours of the page around it."""

from __future__ import annotations

from html import escape
from math import isnan

from streams.report.patterns import Heat
from streams.report.span import WEEKDAYS

_CELL, _ROW, _LEFT, _TOP = 34, 24, 44, 22


def heat_map(found: Heat) -> str:
    """Mean alarms of an hour, by weekday and hour: the number stands in each cell."""
    mean = found.mean
    most = max((float(one) for one in mean.flat if not isnan(one)), default=0.0) or 1.0
    width, height = _LEFT + 24 * _CELL, _TOP + 7 * _ROW
    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Alarms by weekday and hour" '
        'class="heat" xmlns="http://www.w3.org/2000/svg">'
    ]
    for hour in range(24):
        x = _LEFT + hour * _CELL + _CELL / 2
        parts.append(f'<text x="{x:g}" y="14" class="tick">{hour:02}</text>')
    for day, name in enumerate(WEEKDAYS):
        y = _TOP + day * _ROW
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 16}" class="side">{escape(name)}</text>')
        for hour in range(24):
            value, x = float(mean[day, hour]), _LEFT + hour * _CELL
            if isnan(value):
                parts.append(
                    f'<text x="{x + _CELL / 2:g}" y="{y + 16}" class="tick">&ndash;</text>'
                )
                continue
            text = f"{value:.0f}" if value >= 10 else f"{value:.1f}"
            parts.append(
                f'<rect x="{x}" y="{y}" width="{_CELL - 1}" height="{_ROW - 1}" '
                f'fill-opacity="{0.05 + 0.65 * value / most:.2f}"/>'
                f'<text x="{x + _CELL / 2:g}" y="{y + 16}" class="tick">{text}</text>'
            )
    return "".join(parts) + "</svg>"


def bar(share: float, most: float) -> str:
    """A bar as long as a share is of the greatest one."""
    width = 80 * share / most if most else 0
    return (
        '<svg viewBox="0 0 80 10" width="80" height="10" class="bar" aria-hidden="true" '
        f'xmlns="http://www.w3.org/2000/svg"><rect width="{width:.1f}" height="10"/></svg>'
    )
