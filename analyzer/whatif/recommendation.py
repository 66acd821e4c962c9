"""Recommendation: the setting that spares most within a tolerance, tested on other alarms.

A setting is chosen on the first part of the recorded time. Chance favours the setting that looks
best there, so the tolerance is tested on the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from analyzer.arrays import Numbers
from analyzer.pipeline.classes import ACTIONABLE
from analyzer.stats.bounds import least_needed, upper_bound
from analyzer.whatif.episode_table import Recorded
from analyzer.whatif.grid import Grid, Searched, search
from analyzer.whatif.levers import Setting, count_by_class, fates
from analyzer.whatif.verdict import CONFIDENCE, Risk

TRAIN = 0.6
"""The share of the recorded time that a setting is chosen on (our own)."""

Promise = Literal["kept", "open", "broken"]
"""Whether alarms that a setting was not chosen on confirm a tolerance, leave it open (too few of
them were actionable), or contradict it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What may be lost: at most this share of the actionable alarms, at this confidence; and how
    late (ms) the others may sound.
    """

    lost: float = 0.01
    confidence: float = CONFIDENCE
    late: int | None = None

    def __post_init__(self) -> None:
        for name in ("lost", "confidence"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name}: expected a share between 0 and 1")


@dataclass(frozen=True, slots=True)
class Choice:
    """The index of the setting that spares most within a tolerance, or why there is none."""

    index: int | None
    reason: str = field(default="")


def recommend(searched: Searched, tolerance: Tolerance) -> Choice:
    """The setting that spares most, of those whose upper bound of lost alarms is tolerated.

    Of equals, the one that loses fewest, then the first.
    """
    needed = int(searched.before[ACTIONABLE])
    if not searched.before.sum():
        return Choice(None, "there are no alarms of that scope")
    least = least_needed(tolerance.lost, tolerance.confidence)
    if needed < least:
        return Choice(
            None,
            f"{needed} alarms are known to have been actionable; at least {least} are needed, with "
            f"none of them lost, to promise at most {100 * tolerance.lost:g} % "
            f"at {100 * tolerance.confidence:g} % confidence",
        )
    late_by = np.array([setting.delay or 0 for setting in searched.settings])
    allowed = (
        np.ones(len(late_by), dtype=np.bool_)
        if tolerance.late is None
        else (late_by <= tolerance.late) | (searched.late == 0)
    )
    bounds = {
        lost: upper_bound(lost, needed, tolerance.confidence)
        for lost in set(searched.lost.tolist())
    }
    kept = np.array([(bounds[lost] or 0.0) <= tolerance.lost for lost in searched.lost.tolist()])
    some = np.flatnonzero(allowed & kept & (searched.spared > 0))
    if not len(some):
        return Choice(None, "no setting of the grid spares anything within the tolerance")
    best = np.lexsort((some, searched.lost[some], -searched.spared[some]))[0]
    return Choice(int(some[best]))


def split(alarms: Recorded, share: float) -> tuple[Numbers, Numbers]:
    """The rows of the first `share` of the time, to choose by, and of the rest, to test by."""
    begin, last = alarms.span
    moment = begin + share * (last - begin)
    return np.flatnonzero(alarms.start < moment), np.flatnonzero(alarms.start >= moment)


def promise(lost: Risk, tolerated: float) -> Promise:
    """Whether at most the share `tolerated` of the actionable alarms is lost."""
    if lost.upper is not None and lost.upper <= tolerated:
        return "kept"
    return "broken" if lost.of and lost.count / lost.of > tolerated else "open"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A chosen setting on alarms that it was not chosen on. Counts are by `CLASSES`."""

    before: Numbers
    removed: Numbers
    lost: Risk
    promise: Promise

    @classmethod
    def of(cls, alarms: Recorded, setting: Setting, tolerance: Tolerance) -> HeldOut:
        """Raises `Refused`."""
        found = fates(alarms, np.arange(len(alarms)), setting)
        before, removed = count_by_class(alarms.klass), count_by_class(alarms.klass[~found.sounds])
        lost = Risk(int(removed[ACTIONABLE]), int(before[ACTIONABLE]), tolerance.confidence)
        return cls(before, removed, lost, promise(lost, tolerance.lost))


@dataclass(frozen=True, slots=True)
class Trial:
    """A search on the first part of the recorded time, its choice, and the test on the rest."""

    searched: Searched
    choice: Choice
    until: int
    """Where the first part ends (ms since 1970)."""
    held_out: HeldOut | None
    """None if nothing is recommended."""

    @property
    def best(self) -> Setting | None:
        return None if self.choice.index is None else self.searched.settings[self.choice.index]


def try_settings(
    alarms: Recorded,
    grid: Grid,
    tolerance: Tolerance,
    train: float = TRAIN,
    progress: Callable[[int], object] = lambda _: None,
) -> Trial:
    """Choose a setting on the share `train` of the recorded time, and test it on the rest.

    `progress` is called with the number of settings done. Raises `Refused`.
    """
    first, rest = split(alarms, train)
    searched = search(alarms.of(first), grid, progress)
    choice = recommend(searched, tolerance)
    begin, last = alarms.span
    best = None if choice.index is None else searched.settings[choice.index]
    return Trial(
        searched,
        choice,
        round(begin + train * (last - begin)),
        None if best is None else HeldOut.of(alarms.of(rest), best, tolerance),
    )
