"""Differences: how far a ratio lies from that of the span before, and how sure that is.

A ratio, such as alarms a bed and day, is a sum over days divided by another sum. What one day adds
to the error of the ratio is linear in first order (the linearisation of Taylor; Woodruff, JASA
1971). So the errors of the days are a series, and `analyzer.stats.serial` says how far the means of
two such series differ by chance if neighbouring days are alike. Beds hold patients who differ and
stay for days: where the sums are known by bed, the jackknife over beds is added (Cameron & Miller,
J Human Resources 2015). Both together are wider than needed where single patients make the days
vary; never narrower.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, isfinite, sqrt

import numpy as np

from analyzer.arrays import Floats
from analyzer.stats import student
from analyzer.stats.serial import Stretches, errors, log_likelihoods, reach

LEAST_DAYS = 3
"""The fewest days of each span that show how days vary (our own)."""
LEAST_BEDS = 5
"""The fewest beds that show how patients differ (our own)."""


@dataclass(frozen=True, slots=True)
class Daily:
    """A ratio by day: `above` / `below`, each of shape (groups, days); a group is a bed, or all.

    `days` are the numbers of the days, in order; days without `below` are left out.
    """

    days: tuple[int, ...]
    above: Floats
    below: Floats

    @classmethod
    def of(cls, days: tuple[int, ...], above: Floats, below: Floats) -> Daily:
        """From sums by day, or by group and day."""
        above, below = np.atleast_2d(above), np.atleast_2d(below)
        kept = np.flatnonzero(below.sum(axis=0) > 0)
        numbers = tuple(days[place] for place in kept.tolist())
        return cls(numbers, above[:, kept].astype(np.float64), below[:, kept].astype(np.float64))

    @property
    def value(self) -> float | None:
        whole = float(self.below.sum())
        return float(self.above.sum()) / whole if whole else None

    def influence(self) -> Floats:
        """The contribution of each day to the error of the value, times the number of days."""
        assert self.value is not None
        left: Floats = (self.above - self.value * self.below).sum(axis=0)
        return left / float(self.below.sum(axis=0).mean())


@dataclass(frozen=True, slots=True)
class Change:
    """A difference with its confidence interval."""

    value: float
    low: float | None
    high: float | None

    @property
    def sure(self) -> bool:
        """Whether the interval excludes no difference."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def change(before: Daily, now: Daily, confidence: float = 0.95) -> Change | None:
    """The ratio `now` less the one before; None if one of them is unknown.

    There is no interval with fewer than `LEAST_DAYS` days on a side. Days of both series are
    counted alike, the later ones being greater.
    """
    first, second = before.value, now.value
    if first is None or second is None:
        return None
    difference = second - first
    if min(len(before.days), len(now.days)) < LEAST_DAYS:
        return Change(difference, None, None)
    stretches = Stretches((*before.days, *now.days), len(before.days))
    series = np.concatenate([before.influence(), now.influence()])
    found, freedom = errors(stretches, series)
    likely = log_likelihoods(stretches, series)
    weights = np.exp(likely - likely.max())
    away = reach(weights, found, freedom, confidence)
    away = hypot(away, _of_groups(before, now, confidence))
    if not isfinite(away) or not away:
        return Change(difference, None, None)
    return Change(difference, difference - away, difference + away)


def _of_groups(before: Daily, now: Daily, confidence: float) -> float:
    groups = len(now.below)
    if groups < LEAST_BEDS or len(before.below) != groups:
        return 0.0
    sums = [one.sum(axis=1) for one in (before.above, before.below, now.above, now.below)]
    some = (sums[1] > 0) | (sums[3] > 0)
    left = [one.sum() - one[some] for one in sums]
    if int(some.sum()) < LEAST_BEDS or not (left[1].min() > 0 and left[3].min() > 0):
        return 0.0
    values = left[2] / left[3] - left[0] / left[1]
    count = len(values)
    variance = (count - 1) / count * float(((values - values.mean()) ** 2).sum())
    return student(count - 1, (1 + confidence) / 2) * sqrt(variance)
