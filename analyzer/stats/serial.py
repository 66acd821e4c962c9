"""Serial: how far the rates of two stretches of days lie apart by chance, if days depend on each
other.

A patient who stays for days, or a full unit, makes neighbouring days alike. Then days bear less
evidence than their number suggests. Here, the days within a stretch follow an autoregressive
process of order one: the correlation of two days is that of neighbours to the power of their
distance. What a
given correlation implies for the difference of two means is exact (generalised least squares; the
likelihood is the restricted one of Patterson & Thompson, Biometrika 1971). The correlation itself
is not known from few days, so it is averaged over, weighted by its likelihood and `BEFOREHAND` (a
uniform prior on means and on the log of the scale; Zellner & Tiao, JASA 1964). It knows days and
numbers, not alarms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import pi, sqrt

import numpy as np

from analyzer.arrays import Floats

WEEK = 7
CORRELATIONS: Floats = np.append(np.round(np.arange(-0.3, 0.95, 0.1), 1), 0.95)
"""The correlations of neighbouring days that are weighed. Slightly negative ones are among them
because an estimate from days that are independent scatters around zero.
"""
BEFOREHAND: Floats = np.append(np.ones(len(CORRELATIONS) - 1), 3.0)
"""How likely each is beforehand, relative to the others. The last one stands for all above it: few
days cannot tell them from a step (our own, by the measured coverage).
"""


@dataclass(frozen=True, slots=True)
class Stretches:
    """A series of days in two stretches.

    `days` are the numbers of the days in order; a day that is missing is left out. The first
    `before` of them make the first stretch.
    """

    days: tuple[int, ...]
    before: int

    @property
    def balanced(self) -> bool:
        """Whether each day of the week stands in both stretches."""
        kept = np.array(self.days) % WEEK
        return all(
            len(np.unique(one)) == WEEK for one in (kept[: self.before], kept[self.before :])
        )

    def weights(self) -> tuple[Floats, Floats]:
        """How much each day counts in the mean of its stretch; each sums to 1.

        If both stretches have all days of the week, these count alike, so that a stretch with one
        more weekend is no different from one with one less.
        """
        kept = np.array(self.days) % WEEK
        halves = kept[: self.before], kept[self.before :]
        if not self.balanced:
            first, second = (np.full(len(one), 1 / len(one)) for one in halves)
        else:
            first, second = (1 / (WEEK * np.bincount(one, minlength=WEEK)[one]) for one in halves)
        return first, second


@dataclass(frozen=True, slots=True)
class _Design:
    """The terms that depend only on which days are compared, for each of `CORRELATIONS`."""

    whitened: Floats
    """(correlation, freedom, day): turns a series into independent residuals of one variance."""
    log_determinants: Floats
    variances: Floats
    """The variance of the difference of the means, in units of the variance of one day."""


@lru_cache(maxsize=64)
def _design(stretches: Stretches) -> _Design:
    days = np.array(stretches.days)
    second = np.arange(len(days)) >= stretches.before
    columns = [~second, second]
    if stretches.balanced and len(days) > 2 * WEEK - 1:
        columns += [(days % WEEK == one) * 1.0 - (days % WEEK == 0) for one in range(1, WEEK)]
    known = np.stack(columns, axis=1).astype(np.float64)
    free = np.linalg.svd(known.T)[2][known.shape[1] :]
    first, last = stretches.weights()
    contrast = np.concatenate([-first, last])
    apart = np.abs(np.subtract.outer(days, days))
    whitened, determinants, variances = [], [], []
    for one in CORRELATIONS.tolist():
        alike = np.sign(one) ** (apart % 2) * abs(one) ** apart if one else np.eye(len(days))
        root = np.linalg.cholesky(free @ alike @ free.T)
        whitened.append(np.linalg.solve(root, free))
        determinants.append(2 * float(np.log(np.diag(root)).sum()))
        variances.append(float(contrast @ alike @ contrast))
    return _Design(np.array(whitened), np.array(determinants), np.array(variances))


def squares(stretches: Stretches, series: Floats) -> Floats:
    """(correlation, series): the sum of squares that levels and days of the week leave of each row
    of `series`, (series, day), under each of `CORRELATIONS`.
    """
    found: Floats = ((_design(stretches).whitened @ series.T) ** 2).sum(axis=1)
    return found


def log_likelihoods(stretches: Stretches, series: Floats) -> Floats:
    """The log-likelihood of each of `CORRELATIONS`, up to a constant, with levels and scale
    integrated out.
    """
    design = _design(stretches)
    freedom = design.whitened.shape[1]
    left = squares(stretches, series[None])[:, 0]
    if not freedom or not left.min() > 1e-12:
        return np.zeros(len(CORRELATIONS))
    found: Floats = -0.5 * design.log_determinants - 0.5 * freedom * np.log(left)
    return found


def errors(stretches: Stretches, series: Floats) -> tuple[Floats, int]:
    """The standard error of the difference of the means (second less first) under each of
    `CORRELATIONS`, and its degrees of freedom.
    """
    design = _design(stretches)
    freedom = design.whitened.shape[1]
    left = squares(stretches, series[None])[:, 0]
    return np.sqrt(left / freedom * design.variances), freedom


def outside(distances: Floats, freedom: int) -> Floats:
    """The share of Student's t distribution farther from 0 than `distances` (Abramowitz & Stegun,
    26.7.3 and 26.7.4).

    >>> outside(np.array([2.776, 0.0]), 4).round(4).tolist()
    [0.05, 1.0]
    """
    angle = np.arctan(distances / sqrt(freedom))
    squared = np.cos(angle) ** 2
    term = np.ones_like(angle)
    total = np.zeros_like(angle)
    for step in range(freedom // 2):
        total = total + term
        odd = 2 * step + 1 + freedom % 2
        term = term * squared * (odd / (odd + 1))
    inside = np.sin(angle) * total
    if freedom % 2:
        inside = 2 / pi * (angle + np.cos(angle) * inside)
    return 1 - inside


def reach(weights: Floats, found: Floats, freedom: int, confidence: float) -> float:
    """How far from 0 an error lies with probability `confidence`, if its distribution is a mixture
    of Student's with the standard errors `found`, weighted by `weights`.
    """
    keep = (weights > 1e-9) & (found > 1e-9)
    if not keep.any():
        return 0.0
    weights, found = weights[keep] / weights.sum(), found[keep]
    low, high = 0.0, float(found.max())

    def share(at: float) -> float:
        return float(weights @ outside(at / found, freedom))

    while share(high) > 1 - confidence:
        low, high = high, 2 * high
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if share(middle) > 1 - confidence else (low, middle)
    return high
