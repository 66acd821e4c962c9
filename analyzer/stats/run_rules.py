"""Run rules: which points of a run chart are hardly chance.

A run chart shows a measure over time next to the median of its usual level. The rules are those for
Shewhart's charts (Provost & Murray, The Health Care Data Guide, 2011: a point beyond the limits,
eight on one side, six in one direction) and, for the usual level itself, too few runs (Swed &
Eisenhart, Ann Math Stat 1943; Perla, Provost & Murray, BMJ Qual Saf 2011). They take points for
independent of each other. It knows numbers, not days or alarms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import comb
from typing import Literal, NamedTuple

import numpy as np

from analyzer.arrays import Floats

SHIFT = 8
"""Points in a row on one side of the median; points on it are passed over (Provost & Murray)."""
TREND = 6
"""Points in a row that all rise or all fall; equal ones are passed over (Provost & Murray)."""
SIGMAS = 3.0
"""How far the limits lie from the centre (Shewhart 1931)."""
TO_SIGMA = 1.128
"""The mean distance of two neighbouring points, in standard deviations (Shewhart; the constant d2
of individuals charts).
"""
FEW = 0.025
"""The probability, below which there are too few runs (the lower 2.5 % of Swed & Eisenhart)."""
LEAST_RUNS = 10
"""The fewest points off the median whose runs are counted (Perla, Provost & Murray)."""

Rule = Literal["astronomical", "shift", "trend", "too_few_runs"]


class Signal(NamedTuple):
    """A rule that fired, and the places of its first and last point."""

    rule: Rule
    first: int
    last: int
    points: int
    upwards: bool
    """Whether the points lie high or rise."""


@dataclass(frozen=True, slots=True)
class RunChart:
    """The lines of a chart and what its points say."""

    median: float
    low: float
    high: float
    """The limits beyond which a point is astronomical; `low` is at least 0."""
    signals: list[Signal]


def run_chart(values: Floats, baseline: int) -> RunChart:
    """The chart of non-negative `values`, the first `baseline` of which show the usual level;
    without values, all lines are 0.

    >>> chart = run_chart(np.array([9.0, 11, 10, 9, 11, 10, 40]), 6)
    >>> chart.median, [(one.rule, one.first) for one in chart.signals]
    (10.0, [('astronomical', 6)])
    """
    if not baseline:
        return RunChart(0.0, 0.0, 0.0, [])
    usual = values[:baseline]
    median = float(np.median(usual))
    apart = float(np.abs(np.diff(usual)).mean()) if baseline > 1 else 0.0
    reach = SIGMAS * apart / TO_SIGMA
    low, high = max(median - reach, 0.0), median + reach
    signals = [
        Signal("astronomical", place, place, 1, bool(value > median))
        for place, value in enumerate(values.tolist())
        if baseline > 1 and not low <= value <= high
    ]
    signals += _shifts(values - median)
    signals += _trends(values)
    signals += _too_few_runs(usual - median)
    return RunChart(median, low, high, signals)


def _shifts(away: Floats) -> Iterator[Signal]:
    places = np.flatnonzero(away)
    for first, last in _alike(np.sign(away[places])):
        if last - first + 1 >= SHIFT:
            yield Signal(
                "shift",
                int(places[first]),
                int(places[last]),
                last - first + 1,
                bool(away[places[first]] > 0),
            )


def _trends(values: Floats) -> Iterator[Signal]:
    places = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
    steps = np.sign(np.diff(values[places]))
    for first, last in _alike(steps):
        points = last - first + 2
        if points >= TREND:
            yield Signal(
                "trend", int(places[first]), int(places[last + 1]), points, bool(steps[first] > 0)
            )


def _too_few_runs(away: Floats) -> Iterator[Signal]:
    places = np.flatnonzero(away)
    if len(places) < LEAST_RUNS:
        return
    above = away[places] > 0
    high = int(above.sum())
    if not 0 < high < len(places):
        return
    runs = len(list(_alike(np.sign(away[places]))))
    if probability_of_runs(runs, high, len(places) - high) <= FEW:
        yield Signal("too_few_runs", int(places[0]), int(places[-1]), runs, False)


def probability_of_runs(runs: int, above: int, below: int) -> float:
    """The probability of `runs` or fewer runs in random order (Swed & Eisenhart 1943).

    >>> round(probability_of_runs(6, 10, 10), 3)
    0.019
    """
    ways = 0
    for count in range(2, runs + 1):
        half = count // 2
        if count % 2:
            ways += comb(above - 1, half) * comb(below - 1, half - 1)
            ways += comb(above - 1, half - 1) * comb(below - 1, half)
        else:
            ways += 2 * comb(above - 1, half - 1) * comb(below - 1, half - 1)
    return ways / comb(above + below, above)


def _alike(signs: Floats) -> Iterator[tuple[int, int]]:
    """The first and last place of each run of equal values."""
    if not len(signs):
        return
    begins = np.concatenate([[0], np.flatnonzero(np.diff(signs)) + 1, [len(signs)]]).tolist()
    for first, after in pairwise(begins):
        yield first, after - 1
