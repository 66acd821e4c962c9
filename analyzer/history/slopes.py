"""Slopes: how a measure of a unit's hours moves with its staffing, at the same hour of the day.

It is an association of hours that differ in more than staffing, so its interval is about chance
alone. Hours are compared with others of the same kind only (fixed effects), such as Mondays to
Fridays at 14:00: nights have other staffing and other alarms. The interval is by the jackknife over
blocks of neighbouring days (Künsch, Ann Stat 1989), as hours and days are alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from analyzer.arrays import Flags, Floats, Integers
from analyzer.stats import student

BLOCKS = 10
"""About how many blocks of days are left out in turn (our own)."""
LEAST_BLOCKS = 6
LEAST_HOURS = 48
"""Fewer hours say nothing about how staffing varies (our own)."""


@dataclass(frozen=True, slots=True)
class Slope:
    """By how much `y` changes for one more of `x`, with a 95 % interval."""

    value: float
    low: float
    high: float
    hours: int
    x_low: float
    x_high: float
    """Within which nine in ten hours lie: beyond it, the slope says nothing."""
    y_low: float
    y_high: float
    """The mean of `y`, moved along the slope to these."""

    @property
    def sure(self) -> bool:
        return not self.low <= 0 <= self.high


def slope(x: Floats, y: Floats, weight: Floats, kind: Integers, day: Integers) -> Slope | None:
    """The slope of `y` over `x`, by hours; `weight` is the weight of each hour. None: there are too
    few hours, or `x` hardly varies within its kinds.
    """
    kept: Flags = (weight > 0) & np.isfinite(x) & np.isfinite(y)
    x, y, weight, kind, day = x[kept], y[kept], weight[kept], kind[kept], day[kept]
    days = np.unique(day)
    length = max(1, -(-len(days) // BLOCKS))
    block = np.searchsorted(days, day) // length
    blocks = int(block.max(initial=-1)) + 1
    if len(x) < LEAST_HOURS or blocks < LEAST_BLOCKS:
        return None
    whole = _fitted(x, y, weight, kind)
    others = [
        _fitted(*(one[block != some] for one in (x, y, weight, kind))) for some in range(blocks)
    ]
    known = [one for one in others if one is not None]
    if whole is None or len(known) < len(others):
        return None
    values = np.array(known)
    variance = (blocks - 1) / blocks * float(((values - values.mean()) ** 2).sum())
    away = student(blocks - 1, 0.975) * sqrt(variance)
    low, high = (float(one) for one in np.quantile(x, [0.05, 0.95]))
    middle_x, middle_y = (float((one * weight).sum() / weight.sum()) for one in (x, y))
    return Slope(
        whole,
        whole - away,
        whole + away,
        len(x),
        low,
        high,
        middle_y + whole * (low - middle_x),
        middle_y + whole * (high - middle_x),
    )


def _fitted(x: Floats, y: Floats, weight: Floats, kind: Integers) -> float | None:
    totals = np.bincount(kind, weights=weight)
    share = np.maximum(totals, 1e-12)
    apart_x = x - (np.bincount(kind, weights=weight * x) / share)[kind]
    apart_y = y - (np.bincount(kind, weights=weight * y) / share)[kind]
    spread = float((weight * apart_x * apart_x).sum())
    if spread < 1e-4 * float(weight.sum()):
        return None
    return float((weight * apart_x * apart_y).sum()) / spread
