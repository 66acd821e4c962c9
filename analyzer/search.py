"""Search: every setting of a grid at once, the ones worth a choice, and the one that keeps a stated promise.

What settings have in common is worked out once: a limit decides which alarms are left, and a delay or a hold-off is a threshold on one
figure of each of these (how long it lasted, how long its signal had been quiet), so that one histogram answers for all of its values.
The counts are those of `whatif.fates`, setting by setting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import numpy.typing as npt

from analyzer.bounds import least_needed, upper_bound
from analyzer.classes import ACTIONABLE, CLASSES
from analyzer.ids import Numbers
from analyzer.recorded import Recorded
from analyzer.whatif import Setting, Signals, below_limit, check, sides, tally

_TABLE = 1 << 22  # ms: thresholds up to an hour and ten minutes are looked up, later ones searched for


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Values of each lever, None: not moved. The settings are all combinations, in order."""

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
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Searched:
    """What each setting of a grid does to the same alarms; arrays by setting."""

    settings: list[Setting]
    before: Numbers
    """By `CLASSES`."""
    removed: Numbers
    """(settings, `CLASSES`)."""
    silenced: Numbers
    """For how long (ms) alarms would not have sounded that did: those removed, and the delays of the others."""
    sounding: int
    """For how long (ms) they did, added up."""

    @property
    def lost(self) -> Numbers:
        """Actionable alarms that would not have sounded."""
        return np.asarray(self.removed[:, ACTIONABLE])

    @property
    def spared(self) -> Numbers:
        """All others: non-actionable and technical ones, and those of which nobody knows."""
        spared: Numbers = self.removed.sum(axis=1) - self.lost
        return spared

    @property
    def late(self) -> Numbers:
        """Actionable alarms that would have sounded late."""
        delayed = np.array([setting.delay is not None for setting in self.settings])
        return np.asarray(np.where(delayed, self.before[ACTIONABLE] - self.lost, 0))

    def pareto(self) -> Numbers:
        """The settings of which none else spares as many and loses as few, by alarms lost; of equals, the first of the grid."""
        order = np.lexsort((np.arange(len(self.settings)), -self.spared, self.lost))
        spared = self.spared[order]
        most = np.maximum.accumulate(np.concatenate([[-1], spared[:-1]]))
        return np.asarray(order[spared > most])


def search(alarms: Recorded, grid: Grid, progress: Callable[[int], object] = lambda _: None) -> Searched:
    """Count for every setting. `progress` is called with how many are done. Raises `Refused` for the first limit that cannot be judged."""
    for limit in grid.limits:
        check(alarms, Setting(limit=limit))
    longest = max((holdoff for holdoff in grid.holdoffs if holdoff is not None), default=None)
    _, last = alarms.span
    signals = None if longest is None else Signals(alarms, longest)
    order = slice(None) if signals is None else signals.order
    lasts, klass = (alarms.end - alarms.start)[order], alarms.klass[order].astype(np.int64)
    sounded = (np.minimum(alarms.end, last) - alarms.start)[order]
    removed, silenced = [], []
    done = 0
    for limit in grid.limits:
        left = np.ones(len(alarms), dtype=np.bool_) if limit is None else ~below_limit(alarms, limit)[order]
        # Without a hold-off, one pass answers for all delays; with one, what had been quiet depends on which alarms a delay leaves.
        by_delay = _Thresholds(grid.delays, lasts[left], klass[left], sounded[left])
        gone = tally(klass[~left]), int(sounded[~left].sum())
        for place, delay in enumerate(grid.delays):
            some = left if delay is None else left & (lasts > delay)
            too_short = by_delay.within[place] + gone[0], by_delay.length[place] + gone[1]
            late = 0 if delay is None else delay
            if signals is None:
                counts, lengths = np.zeros((1, len(CLASSES)), dtype=np.int64), np.zeros(1, dtype=np.int64)
            else:
                quiet = _Thresholds(grid.holdoffs, signals.gaps(some), klass[some], sounded[some] - late)
                counts, lengths = quiet.within, quiet.length
            sounding = int(some.sum()) - counts.sum(axis=1)
            removed.append(counts + too_short[0])
            # An open alarm may sound for less than its delay, as far as it was recorded: it is taken to be silent for all of it.
            silenced.append(lengths + counts.sum(axis=1) * late + sounding * late + too_short[1])
            progress(done := done + len(grid.holdoffs))
    return Searched(
        grid.settings(), tally(alarms.klass), np.concatenate(removed), np.concatenate(silenced), int(sounded.sum())
    )  # fmt: skip


class _Thresholds:
    """How many entries lie within each threshold (None: none do), by class, and how long they are."""

    def __init__(self, thresholds: Sequence[int | None], values: Numbers, klass: Numbers, length: Numbers) -> None:
        given = sorted({one for one in thresholds if one is not None})
        self.within = np.zeros((len(thresholds), len(CLASSES)), dtype=np.int64)
        self.length = np.zeros(len(thresholds), dtype=np.int64)
        if not given:
            return
        near = values <= given[-1]
        values, klass, length = values[near], klass[near], length[near]
        if given[-1] < _TABLE:
            table = np.searchsorted(given, np.arange(given[-1] + 1)).astype(np.int64)
            place = table[np.maximum(values, 0)]
        else:
            place = np.searchsorted(given, values)
        counts = np.bincount(place * len(CLASSES) + klass, minlength=len(given) * len(CLASSES)).reshape(-1, len(CLASSES)).cumsum(axis=0)
        lengths = np.bincount(place, weights=length, minlength=len(given)).astype(np.int64).cumsum()
        for number, one in enumerate(thresholds):
            if one is not None:
                self.within[number], self.length[number] = counts[given.index(one)], lengths[given.index(one)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What may be lost: at most this share of the actionable alarms at this confidence; and by how much others may be late (ms)."""

    lost: float = 0.01
    confidence: float = 0.95
    late: int | None = None

    def __post_init__(self) -> None:
        for name in ("lost", "confidence"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name}: expected a share between 0 and 1")


@dataclass(frozen=True, slots=True)
class Choice:
    """The setting that spares most within a tolerance, or why there is none."""

    place: int | None
    reason: str = field(default="")


def recommend(searched: Searched, tolerance: Tolerance) -> Choice:
    """Of those whose upper bound keeps the promise, the one that spares most; of equals, the one that loses fewest, then the first."""
    needed = int(searched.before[ACTIONABLE])
    if not searched.before.sum():
        return Choice(None, "there are no alarms of that scope")
    least = least_needed(tolerance.lost, tolerance.confidence)
    if needed < least:
        return Choice(
            None,
            f"{needed} alarms are known to have been actionable; at least {least} are needed, with none of them lost, to promise at most "
            f"{100 * tolerance.lost:g} % at {100 * tolerance.confidence:g} % confidence",
        )
    late_by = np.array([setting.delay or 0 for setting in searched.settings])
    allowed = np.ones(len(late_by), dtype=np.bool_) if tolerance.late is None else (late_by <= tolerance.late) | (searched.late == 0)
    bounds = {lost: upper_bound(lost, needed, tolerance.confidence) for lost in set(searched.lost.tolist())}
    kept = np.array([(bounds[lost] or 0.0) <= tolerance.lost for lost in searched.lost.tolist()])
    some = np.flatnonzero(allowed & kept & (searched.spared > 0))
    if not len(some):
        return Choice(None, "no setting of the grid spares anything within the tolerance")
    best = np.lexsort((some, searched.lost[some], -searched.spared[some]))[0]
    return Choice(int(some[best]))


def split(alarms: Recorded, share: float) -> tuple[Numbers, Numbers]:
    """Rows of the first `share` of the time, to choose on, and of the rest, to test the choice on."""
    begin, last = alarms.span
    moment = begin + share * (last - begin)
    return np.flatnonzero(alarms.start < moment), np.flatnonzero(alarms.start >= moment)


def limits_worth_trying(alarms: Recorded, count: int) -> tuple[float, ...]:
    """Less sensitive limits between the one in force and where a tenth of the alarms would be left, evenly by alarms; none where limits
    on both sides were in force, or no readings are known."""
    low, high = sides(alarms)
    if bool(low.any()) == bool(high.any()):
        return ()
    which, sign = (low, -1) if low.any() else (high, 1)
    own = float((sign * alarms.limit[which]).max())
    beyond: npt.NDArray[np.float64] = np.sort(sign * alarms.value[which])
    found = {float(f"{sign * one:.3g}") for one in np.quantile(beyond, np.linspace(0, 0.9, count + 1)[1:]) if one > own}
    return tuple(sorted((one for one in found if sign * one > own), reverse=sign < 0))
