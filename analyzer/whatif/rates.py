"""Rates: alarms a day of a group of beds, and the ratio of two rates with an interval that is
calibrated.

Two things make counts of days less certain than their number suggests, and each is measured where
it shows. A patient stays for days and has a rate of alarms of his own: beds are independent of each
other, so what the ratio changes by when one bed is left out shows how much hangs on few patients
(the delete-one jackknife: Tukey 1958; Cameron & Miller, J Human Resources 2015, on clusters). What
all beds share, such as a full unit or a hot week, shows in the sum of the beds from day to day,
with the correlation of neighbouring days taken into account (`analyzer.stats.serial`). The part of
that daily variation that single beds explain isn't counted twice. `python -m bench calibration`
prints how often the intervals cover the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, hypot, log, sqrt

import numpy as np

from analyzer.arrays import Flags, Floats
from analyzer.model.policy import HOUR
from analyzer.stats import normal_reach, student
from analyzer.stats.serial import (
    BEFOREHAND,
    CORRELATIONS,
    Stretches,
    errors,
    log_likelihoods,
    reach,
    squares,
)
from analyzer.whatif.episode_table import Recorded

DAY = 24 * HOUR
LEAST_DAYS = 3
"""The least days on each side: fewer do not show how a rate varies (our own)."""
LEAST_BEDS = 5
"""The least beds that show how patients differ; from fewer, only the days are judged (our own)."""
SHARED_AT_ONCE = 1.5
"""How strongly daily variation that single beds do not explain is attributed to causes that all
beds share (our own, by the measured coverage).
"""
OTHERS_COUNT_AS = 3
"""How many units' worth of evidence all other units give on the correlation of days, at most: it
may differ between units (our own).
"""
SHORT, OF_PATIENTS = 14, 0.5
"""With few beds and fewer days than `SHORT`, the effect of single patients cannot be distinguished
from chance. The correlation of neighbouring days is then taken to be at least `OF_PATIENTS`, as
patients who stay for 3 to 7 days cause it (our own, by the measured coverage).
"""
WIDER = 1.15
"""How much wider the part of the interval is that the days account for, if one side has fewer days
than `SHORT` (our own, by the measured coverage): its scale follows from few days that may be alike.
"""
FEW = 30
"""With fewer alarms than this, days may look alike by chance; the interval is then at least that
of a Poisson process (our own choice).
"""
STEADIEST = 0.5
"""The least variance that many alarms can have, relative to a Poisson process (our own): nothing in
a unit is steadier than chance.
"""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of rates with its confidence interval; None where it cannot be computed."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def differs(self) -> bool:
        """Whether the interval excludes 1, which is no change."""
        return (self.low is not None and self.low > 1) or (self.high is not None and self.high < 1)


UNKNOWN = Ratio(None, None, None)


@dataclass(frozen=True, slots=True)
class Rates:
    """Alarms by bed and day, in two stretches of days."""

    stretches: Stretches
    counts: Floats
    """(bed, day); beds without alarms are left out."""

    @property
    def halves(self) -> tuple[Floats, Floats]:
        before = self.stretches.before
        return self.counts[:, :before], self.counts[:, before:]

    @property
    def a_day(self) -> tuple[float, float]:
        """Alarms a day in each stretch."""
        first, second = (
            float((half @ weights).sum())
            for half, weights in zip(self.halves, self.stretches.weights(), strict=True)
        )
        return first, second

    @property
    def means(self) -> tuple[float, float]:
        """Like `a_day`, but zero alarms count as half an alarm."""
        first, second = (
            max(one, 0.5 / half.shape[1]) for one, half in zip(self.a_day, self.halves, strict=True)
        )
        return first, second

    @property
    def log_ratio(self) -> float:
        first, second = self.means
        return log(second / first)

    @property
    def relative(self) -> Floats:
        """(bed, day): the share of each count in the mean of its stretch."""
        return np.concatenate(
            [half / mean for half, mean in zip(self.halves, self.means, strict=True)], axis=1
        )

    def between_beds(self) -> tuple[float, int] | None:
        """The variance of `log_ratio` by the jackknife over beds, and its degrees of freedom; None
        under `LEAST_BEDS`.
        """
        beds = len(self.counts)
        if beds < LEAST_BEDS:
            return None
        logs = []
        for half, weights, mean in zip(
            self.halves, self.stretches.weights(), self.means, strict=True
        ):
            least = 0.5 / len(weights)
            logs.append(np.log(np.maximum(mean - half @ weights, least)))
        away = logs[1] - logs[0] - self.log_ratio
        return float((beds - 1) / beds * (away @ away)), beds - 1

    @property
    def poisson(self) -> float:
        """The variance of `log_ratio` if alarms came independently of each other."""
        return sum(1 / max(float(half.sum()), 0.5) for half in self.halves)


def rates(recorded: Recorded, which: Flags, at: int, stretches: Stretches) -> Rates:
    """The rates of the alarms `which`. Days count from `at` (ms); earlier days are negative."""
    first, last = stretches.days[0], stretches.days[-1]
    day = (recorded.start - at) // DAY
    rows = np.flatnonzero(which & (day >= first) & (day <= last))
    beds, bed = np.unique(recorded.bed[rows], return_inverse=True)
    width = last - first + 1
    cells = np.bincount(bed * width + day[rows] - first, minlength=len(beds) * width)
    kept = np.array(stretches.days) - first
    counts: Floats = cells.reshape(len(beds), width)[:, kept].astype(np.float64)
    return Rates(stretches, counts[counts.any(axis=1)])


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of the whole recording about the correlation of neighbouring days."""

    weights: Floats
    """By `CORRELATIONS`."""

    @classmethod
    def of(cls, own: Rates, others: Sequence[Rates]) -> Evidence:
        """From the days of the changed alarms, and of each unit beside them.

        The rates may go farther back than what is compared.
        """
        return cls._of(own, own.relative.sum(axis=0), [one.relative.sum(axis=0) for one in others])

    @classmethod
    def beyond(cls, own: Rates, others: Sequence[Rates]) -> Evidence:
        """Like `of`, for the difference of each unit from all others."""
        series = [one.relative.sum(axis=0) for one in (own, *others)]
        sums = [one.counts.sum(axis=0) for one in (own, *others)]
        apart = []
        for place, mine in enumerate(series):
            rest = np.zeros(len(mine))
            for number, one in enumerate(sums):
                rest += 0 if number == place else one
            apart.append(mine - Rates(own.stretches, rest[None]).relative[0])
        # With one other unit, both differences are the same.
        return cls._of(own, apart[0], apart[1:] if len(others) > 1 else [])

    @classmethod
    def _of(cls, own: Rates, mine: Floats, theirs: list[Floats]) -> Evidence:
        found = log_likelihoods(own.stretches, mine)
        if theirs:
            counts_as = min(1.0, OTHERS_COUNT_AS / len(theirs))
            found = found + counts_as * np.sum(
                [log_likelihoods(own.stretches, one) for one in theirs], axis=0
            )
        weights = BEFOREHAND * np.exp(found - found.max())
        return cls(weights / weights.sum())


def ratio(ours: Rates, others: Rates | None, evidence: Evidence, confidence: float) -> Ratio:
    """The rate after relative to before, and relative to that of `others` if these are given.

    `UNKNOWN` if there were no alarms before.
    """
    groups = [ours] if others is None else [ours, others]
    if not all(one.halves[0].any() for one in groups):
        return UNKNOWN
    middle, sign, series = 0.0, 1, np.zeros(len(ours.stretches.days))
    alone, between, poisson = np.zeros(len(CORRELATIONS)), [], 0.0
    for one in groups:
        middle += sign * one.log_ratio
        series += sign * one.relative.sum(axis=0)
        alone += squares(one.stretches, one.relative).sum(axis=1)
        between.append(one.between_beds())
        poisson += one.poisson
        sign = -1
    found, freedom = errors(ours.stretches, series)
    patients, weights = 0.0, evidence.weights
    short = min(half.shape[1] for half in ours.halves) < SHORT
    if short:
        found = WIDER * found
    if short and not all(between):
        weights = BEFOREHAND * (CORRELATIONS >= OF_PATIENTS)
    if all(between):
        together = squares(ours.stretches, series[None])[:, 0]
        # Whitening would magnify the chance variation of each bed, so both are taken as they are.
        explained = (alone / np.maximum(together, 1e-12))[CORRELATIONS == 0]
        found = found * np.sqrt(np.clip(SHARED_AT_ONCE * (1 - explained), 0, 1))
        patients = _of_beds([one for one in between if one is not None], confidence)
    away = hypot(patients, reach(weights, found, freedom, confidence))
    few = min(float(half.sum()) for one in groups for half in one.halves) < FEW
    least = poisson if few or not all(between) else poisson * STEADIEST
    away = max(away, normal_reach(confidence) * sqrt(least))
    return Ratio(exp(middle), exp(middle - away), exp(middle + away))


def _of_beds(between: list[tuple[float, int]], confidence: float) -> float:
    """How far the ratio is uncertain by the choice of beds (degrees of freedom: Satterthwaite,
    Biometrics Bulletin 1946).
    """
    variance = sum(one for one, _ in between)
    if not variance:
        return 0.0
    freedom = variance**2 / sum(one**2 / free for one, free in between)
    return student(freedom, (1 + confidence) / 2) * sqrt(variance)
