"""Drawings of an incident: conditions by the minute, and a figure among its comparable hours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from streams.formats.texts import printable

_WIDTH, _LEFT, _HIGH = 960, 150, 90
_STRIP = 260
CURVES = (
    ("alarms_10m", "alarms in 10 min"),
    ("alarms_1h", "alarms in 1 h"),
    ("protected_ratio_1h", "share of the last hour without interruptions"),
    ("beds", "beds"),
)
"""The figures of clinicians that are drawn, minute by minute."""


def curves(found: dict[str, Any], show: Callable[[int], str]) -> str:
    """For each figure a panel with a curve for each clinician; the busiest is drawn bold."""
    minutes = found["conditions"]
    if not minutes:
        return ""
    people = sorted({one["clinician"] for minute in minutes for one in minute["clinicians"]})
    busiest = _busiest(minutes, people)
    panels = []
    for number, (name, words) in enumerate(CURVES):
        series = {who: _series(minutes, who, name) for who in people}
        top = max((value for some in series.values() for _, value in some), default=0.0)
        panels.append(
            f'<g transform="translate(0 {number * (_HIGH + 26)})">'
            + _panel(series, busiest, words, top, minutes[0]["at"], minutes[-1]["at"])
            + "</g>"
        )
    height = len(CURVES) * (_HIGH + 26) + 16
    first, last = show(minutes[0]["at"]), show(minutes[-1]["at"])
    axis = (
        f'<text class="tick" x="{_LEFT}" y="{height - 2}">{escape(first)}</text>'
        f'<text class="tick" x="{_WIDTH - 10}" y="{height - 2}" text-anchor="end">'
        f"{escape(last)}</text>"
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Figures of each clinician by '
        f'the minute; the table below has the same figures">{"".join(panels)}{axis}</svg>'
    )


def strip(usual: dict[str, Any], value: float, limit: float | None) -> str:
    """The comparable hours as dots on a line, the median, the limit, and the hour in question."""
    values = [*usual["values"], value] + ([] if limit is None else [limit])
    low, high = float(min(0.0, *values)), float(max(values) or 1.0)

    def x(one: float) -> float:
        return round(8.0 + (one - low) / ((high - low) or 1) * (_STRIP - 16), 1)

    dots = "".join(f'<circle class="dot" cx="{x(one)}" cy="16" r="3"/>' for one in usual["values"])
    bound = "" if limit is None else f'<path class="limit" d="M{x(limit)} 4V28"/>'
    label = f"{value:g} here; median {usual['median']:g} of {usual['n']} comparable hours" + (
        "" if limit is None else f"; limit {limit:g}"
    )
    return (
        f'<svg class="strip" viewBox="0 0 {_STRIP} 32" width="{_STRIP}" height="32" role="img" '
        f'aria-label="{escape(label)}"><path class="lane" d="M8 16H{_STRIP - 8}"/>{dots}{bound}'
        f'<path class="median" d="M{x(usual["median"])} 8V24"/>'
        f'<path class="here" d="M{x(value)} 9l6 7-6 7-6-7z"/></svg>'
    )


def _busiest(minutes: Sequence[dict[str, Any]], people: Sequence[str]) -> str | None:
    peaks = {
        who: max((value for _, value in _series(minutes, who, "alarms_1h")), default=-1.0)
        for who in people
    }
    return max(peaks, key=lambda who: (peaks[who], who), default=None)


def _series(minutes: Sequence[dict[str, Any]], who: str, name: str) -> list[tuple[int, float]]:
    return [
        (minute["at"], float(one[name]))
        for minute in minutes
        for one in minute["clinicians"]
        if one["clinician"] == who and one.get(name) is not None
    ]


def _panel(
    series: dict[str, list[tuple[int, float]]],
    busiest: str | None,
    words: str,
    top: float,
    begin: int,
    end: int,
) -> str:
    scale = top or 1.0

    def point(at: int, value: float) -> str:
        x = _LEFT + (at - begin) / max(end - begin, 1) * (_WIDTH - _LEFT - 10)
        return f"{x:.1f} {_HIGH - value / scale * (_HIGH - 8):.1f}"

    drawn = []
    for who, values in sorted(series.items(), key=lambda one: one[0] == busiest):
        path, previous = "", None
        for at, value in values:
            gap = previous is None or at > previous + 60_000
            path += ("M" if gap else "L") + point(at, value)
            previous = at
        if path:
            kind = "curve bold" if who == busiest else "curve"
            drawn.append(
                f'<path class="{kind}" d="{path}"><title>{escape(printable(who))}</title></path>'
            )
    return (
        f'<text class="tick" x="{_LEFT}" y="-4">{escape(words)}</text>'
        f'<path class="lane" d="M{_LEFT} {_HIGH}H{_WIDTH - 10}"/>'
        f'<text class="tick" x="{_LEFT - 8}" y="14" text-anchor="end">{top:g}</text>'
        f'<text class="tick" x="{_LEFT - 8}" y="{_HIGH}" text-anchor="end">0</text>{"".join(drawn)}'
    )
