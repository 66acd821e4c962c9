"""Search: what every setting of a grid does to the same alarms, and the Pareto-optimal ones.

A limit is a threshold on the extreme reading, and a delay on the duration, so one histogram serves
all pairs of them. A hold-off is a threshold on how long the signal had been quiet; that is computed
for the alarms that each pair leaves. The counts equal those of `levers.fates` for each setting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from analyzer.arrays import Floats, Numbers
from analyzer.pipeline.classes import ACTIONABLE, CLASSES
from analyzer.stats import Risk
from analyzer.stats.risk import effective_size
from analyzer.whatif.episode_table import Recorded
from analyzer.whatif.levers import (
    LONGEST,
    Setting,
    Signals,
    below_limit,
    check,
    count_by_class,
    sides,
)

# ms: up to 70 min, thresholds are looked up in a table; longer ones are searched for
_TABLE = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The values of each lever, None: not moved. The settings are all combinations, in order."""

    limits: tuple[float | None, ...] = (None,)
    delays: tuple[int | None, ...] = (None,)
    holdoffs: tuple[int | None, ...] = (None,)

    def __post_init__(self) -> None:
        for name in ("limits", "delays", "holdoffs"):
            if not getattr(self, name):
                raise ValueError(f"{name}: expected at least one")

    def __len__(self) -> int:
        return len(self.limits) * len(self.delays) * len(self.holdoffs)

    def settings(self) -> list[Setting]:
        return [
            Setting(limit=limit, delay=delay, holdoff=holdoff)
            for limit, delay, holdoff in product(self.limits, self.delays, self.holdoffs)
        ]


@dataclass(frozen=True, slots=True)
class Searched:
    """The effect of each setting of a grid on the same alarms. Arrays: one entry per setting."""

    settings: list[Setting]
    before: Numbers
    """By `CLASSES`."""
    removed: Numbers
    """(settings, `CLASSES`)."""
    silenced: Numbers
    """For how long (ms) alarms would no longer have sounded: those removed, and the delays of the
    others.
    """
    effective: float
    """How many independent alarms are as informative as the actionable ones: see `stats.risk`."""

    @property
    def lost(self) -> Numbers:
        """Actionable alarms that would not have sounded."""
        return np.asarray(self.removed[:, ACTIONABLE])

    @property
    def spared(self) -> Numbers:
        """All other alarms that would not have sounded, those of unknown class included."""
        spared: Numbers = self.removed.sum(axis=1) - self.lost
        return spared

    @property
    def late(self) -> Numbers:
        """Actionable alarms that would have sounded late."""
        delayed = np.array([setting.delay is not None for setting in self.settings])
        return np.asarray(np.where(delayed, self.before[ACTIONABLE] - self.lost, 0))

    def risk(self, index: int, confidence: float) -> Risk:
        """The actionable alarms that a setting loses, with their bound."""
        if not self.settings[index].moves:
            return Risk.none(int(self.before[ACTIONABLE]), confidence)
        return Risk(int(self.lost[index]), int(self.before[ACTIONABLE]), self.effective, confidence)

    def pareto(self) -> Numbers:
        """The Pareto-optimal settings (spared against lost), by lost; of equals, the first."""
        order = np.lexsort((np.arange(len(self.settings)), -self.spared, self.lost))
        spared = self.spared[order]
        most = np.maximum.accumulate(np.concatenate([[-1], spared[:-1]]))
        return np.asarray(order[spared > most])


def search(
    alarms: Recorded, grid: Grid, progress: Callable[[int], object] = lambda _: None
) -> Searched:
    """Evaluate every setting.

    `progress` is called with the number of settings done. Raises `Refused` for the first limit that
    is too sensitive.
    """
    for limit in grid.limits:
        check(alarms, Setting(limit=limit))
    before, sounded = (
        count_by_class(alarms.klass),
        np.minimum(alarms.end, alarms.span[1]) - alarms.start,
    )
    left, length = _plane(alarms, sounded, grid)
    # (limits, delays, hold-offs, ...): what still sounds, and for how long if it were not late.
    left, length = (
        np.repeat(left[:, :, None], len(grid.holdoffs), axis=2),
        np.repeat(length[:, :, None], len(grid.holdoffs), axis=2),
    )
    if grid.holdoffs != (None,):
        _hold_off(alarms, sounded, grid, left, length, progress)
    late = np.array([delay or 0 for delay in grid.delays])[None, :, None]
    # An open alarm may sound for less than its delay, as far as it was recorded: it is taken to be
    # silent for all of it.
    silenced = int(sounded.sum()) - length + late * left.sum(axis=3)
    progress(len(grid))
    return Searched(
        settings=grid.settings(),
        before=before,
        removed=before - left.reshape(-1, len(CLASSES)),
        silenced=silenced.reshape(-1),
        effective=effective_size(
            np.unique(alarms.clusters[alarms.klass == ACTIONABLE], return_counts=True)[1]
        ),
    )


def _plane(alarms: Recorded, sounded: Numbers, grid: Grid) -> tuple[Numbers, Numbers]:
    """The alarms that sound under each limit and delay: their number (limits, delays, `CLASSES`),
    and how long they sound (limits, delays; ms).
    """
    limits, delays = (
        np.array(sorted({one for one in some if one is not None}))
        for some in (grid.limits, grid.delays)
    )
    low, high = sides(alarms)
    # `reach` counts limits: those at or below the reading silence a low alarm; those below the
    # reading let a high alarm sound. Other alarms sound under all limits.
    reach = np.zeros(len(alarms), dtype=np.int64)
    reach[low], reach[high] = (
        np.searchsorted(limits, alarms.value[low], side="right"),
        np.searchsorted(limits, alarms.value[high]),
    )
    outlasts = _exceeded(delays, alarms.end - alarms.start)
    shape = (3, len(limits) + 1, len(delays) + 1, len(CLASSES))
    cell = ((low + 2 * high).astype(np.int64) * shape[1] + reach) * shape[2] + outlasts
    size = shape[0] * shape[1] * shape[2]
    counts = np.bincount(cell * shape[3] + alarms.klass, minlength=size * shape[3]).reshape(shape)
    lengths = np.bincount(cell, weights=sounded, minlength=size).astype(np.int64).reshape(shape[:3])

    def sounding(by: Numbers) -> Numbers:
        """Sums of a histogram over the alarms that each limit and delay leaves; the last entry of
        each axis is for None.
        """
        over_delay = np.concatenate(
            [
                np.flip(np.flip(by, axis=2).cumsum(axis=2), axis=2)[:, :, 1:],
                by.sum(axis=2, keepdims=True),
            ],
            axis=2,
        )
        other, below, above = over_delay
        by_limit = (
            other.sum(axis=0)
            + below.cumsum(axis=0)[:-1]
            + np.flip(np.flip(above, axis=0).cumsum(axis=0), axis=0)[1:]
        )
        return np.concatenate([by_limit, over_delay.sum(axis=(0, 1))[None]])

    rows = [
        len(limits) if one is None else int(np.searchsorted(limits, one)) for one in grid.limits
    ]
    columns = [
        len(delays) if one is None else int(np.searchsorted(delays, one)) for one in grid.delays
    ]
    return sounding(counts)[rows][:, columns], sounding(lengths)[rows][:, columns]


def _exceeded(thresholds: Numbers, values: Numbers) -> Numbers:
    """How many of the thresholds (ms, ascending) each value exceeds."""
    if not len(thresholds):
        return np.zeros(len(values), dtype=np.int64)
    if thresholds[-1] >= _TABLE:
        return np.searchsorted(thresholds, values)
    table = np.searchsorted(thresholds, np.arange(thresholds[-1] + 2))
    return np.asarray(table[np.clip(values, 0, thresholds[-1] + 1)])


def _hold_off(
    alarms: Recorded,
    sounded: Numbers,
    grid: Grid,
    left: Numbers,
    length: Numbers,
    progress: Callable[[int], object],
) -> None:
    """Subtract what hold-offs silence from `left` and `length`, for each limit and delay."""
    holdoffs = np.array(sorted({one for one in grid.holdoffs if one is not None}))
    signals = Signals(alarms, int(holdoffs[-1]))
    chosen = [
        (index, int(np.searchsorted(holdoffs, one)))
        for index, one in enumerate(grid.holdoffs)
        if one is not None
    ]
    shortest_first = sorted(
        range(len(grid.delays)),
        key=lambda index: -1 if grid.delays[index] is None else grid.delays[index] or 0,
    )
    lasts = np.minimum(alarms.end - alarms.start, LONGEST + 1).astype(np.int32)
    done = 0
    for row, limit in enumerate(grid.limits):
        rest = signals if limit is None else signals.of(~below_limit(alarms, limit)[signals.order])
        remaining = lasts[rest.order]
        for column in shortest_first:
            delay = grid.delays[column]
            if delay is not None:
                longer = remaining > delay
                rest, remaining = rest.of(longer), remaining[longer]
            near, quiet = rest.near()
            klass, index = alarms.klass[near].astype(np.int64), np.searchsorted(holdoffs, quiet)
            size = len(holdoffs) + 1
            counts = (
                np.bincount(index * len(CLASSES) + klass, minlength=size * len(CLASSES))
                .reshape(size, -1)
                .cumsum(axis=0)
            )
            lengths = (
                np.bincount(index, weights=sounded[near], minlength=size).astype(np.int64).cumsum()
            )
            for number, at in chosen:
                left[row, column, number] -= counts[at]
                length[row, column, number] -= lengths[at]
            progress(done := done + len(grid.holdoffs))


def limits_worth_trying(alarms: Recorded, count: int) -> tuple[float, ...]:
    """`count` limits from the one in force to the one that leaves a tenth of the alarms, at even
    quantiles. None if there are low and high alarms, or no readings.
    """
    low, high = sides(alarms)
    if bool(low.any()) == bool(high.any()):
        return ()
    which, sign = (low, -1) if low.any() else (high, 1)
    own = float((sign * alarms.limit[which]).max())
    beyond: Floats = np.sort(sign * alarms.value[which])
    found = {
        float(f"{sign * one:.3g}")
        for one in np.quantile(beyond, np.linspace(0, 0.9, count + 1)[1:])
        if one > own
    }
    return tuple(sorted((one for one in found if sign * one > own), reverse=sign < 0))
