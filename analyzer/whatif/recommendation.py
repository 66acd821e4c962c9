"""Recommendation: the setting that spares most within a tolerance, tested on other alarms.

A setting is chosen on the first part of the recorded time. Chance favours the setting that looks
best there, so the tolerance is tested on the rest. What breaks it there is not recommended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from analyzer.arrays import Numbers
from analyzer.model.policy import FindingsPolicy
from analyzer.pipeline.classes import ACTIONABLE
from analyzer.stats import CONFIDENCE, Promise, Risk, upper_bound
from analyzer.stats.bounds import least_needed
from analyzer.whatif.episode_table import Recorded
from analyzer.whatif.grid import Grid, Searched, search
from analyzer.whatif.levers import Fates, Setting, count_by_class, fates
from analyzer.whatif.verdict import loss

TRAIN = 0.6
"""The share of the recorded time that a setting is chosen on (our own)."""
TOLERATED = FindingsPolicy().tolerance
"""The default: records do not contain the policy that they were made with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """The largest share of the actionable alarms that may be lost, at this confidence, and how late
    (ms) the others may sound.
    """

    lost: float = TOLERATED
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


def kept(searched: Searched, tolerance: Tolerance) -> Numbers:
    """The indices of the settings that keep a tolerance and spare anything."""
    promise = {
        lost: searched.risk(index, tolerance.confidence).promise(tolerance.lost)
        for lost, index in zip(*np.unique(searched.lost, return_index=True), strict=True)
    }
    within = np.array([promise[lost] == "kept" for lost in searched.lost], dtype=np.bool_)
    if tolerance.late is not None:
        late_by = np.array([setting.delay or 0 for setting in searched.settings])
        within &= (late_by <= tolerance.late) | (searched.late == 0)
    return np.flatnonzero(within & (searched.spared > 0))


def recommend(searched: Searched, tolerance: Tolerance) -> Choice:
    """The setting that spares most, of those whose upper bound of lost alarms is tolerated.

    Of equals, the one that loses fewest, then the first.
    """
    needed = int(searched.before[ACTIONABLE])
    if not searched.before.sum():
        return Choice(None, "there are no alarms of that scope")
    least = least_needed(tolerance.lost, tolerance.confidence)
    if searched.effective < least:
        best = upper_bound(0, searched.effective, tolerance.confidence)
        reach = "" if best is None else f", so that at best {100 * best:.3g} % can be promised"
        return Choice(
            None,
            f"{needed} alarms are known to have been needed; they tell as much as "
            f"{searched.effective:.0f} independent ones (those of one bed and day are alike)"
            f"{reach}; to promise {100 * tolerance.lost:g} % takes at least {least}, with none of "
            "them hidden",
        )
    some = kept(searched, tolerance)
    if not len(some):
        return Choice(None, "no setting of the grid spares anything within the tolerance")
    best = np.lexsort((some, searched.lost[some], -searched.spared[some]))[0]
    return Choice(int(some[best]))


def split(alarms: Recorded, moment: float) -> tuple[Numbers, Numbers]:
    """The rows before `moment` (ms), to choose by, and the rest, to test by."""
    return np.flatnonzero(alarms.start < moment), np.flatnonzero(alarms.start >= moment)


def split_at(alarms: Recorded, share: float) -> float:
    """Where the first `share` of the recorded time ends (ms)."""
    begin, last = alarms.span
    return begin + share * (last - begin)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A chosen setting on alarms that it was not chosen on. Counts are by `CLASSES`."""

    before: Numbers
    removed: Numbers
    lost: Risk
    promise: Promise

    @classmethod
    def of(cls, alarms: Recorded, found: Fates, tolerance: Tolerance) -> HeldOut:
        before, removed = count_by_class(alarms.klass), count_by_class(alarms.klass[~found.sounds])
        lost = loss(alarms, np.arange(len(alarms)), found, tolerance.confidence)
        return cls(before, removed, lost, lost.promise(tolerance.lost))

    @property
    def reason(self) -> str:
        """Why a setting that breaks the tolerance here is not recommended."""
        return (
            f"what keeps the tolerance on the first part hides {self.lost.count} of "
            f"{self.lost.of} needed alarms on the rest, which is beyond it"
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """A search on the first part of the recorded time, its choice, and the test on the rest."""

    searched: Searched
    choice: Choice
    until: int
    """Where the first part ends (ms since 1970)."""
    held_out: HeldOut | None
    """None if no setting keeps the tolerance on the first part."""

    @property
    def index(self) -> int | None:
        """The recommended setting. None: nothing keeps the tolerance on both parts."""
        broken = self.held_out is not None and self.held_out.promise == "broken"
        return None if broken else self.choice.index

    @property
    def best(self) -> Setting | None:
        return None if self.index is None else self.searched.settings[self.index]

    @property
    def reason(self) -> str:
        """Why nothing is recommended; empty if something is."""
        if self.held_out is not None and self.held_out.promise == "broken":
            return self.held_out.reason
        return self.choice.reason


def try_settings(
    alarms: Recorded,
    grid: Grid,
    tolerance: Tolerance,
    until: float,
    progress: Callable[[int], object] = lambda _: None,
) -> Trial:
    """Choose a setting on the alarms before `until` (ms), and test it on the rest.

    `progress` is called with the number of settings done. Raises `Refused`.
    """
    first, rest = split(alarms, until)
    searched = search(alarms.of(first), grid, progress)
    choice, held_out = recommend(searched, tolerance), None
    if choice.index is not None:
        others = alarms.of(rest)
        found = fates(others, np.arange(len(others)), searched.settings[choice.index])
        held_out = HeldOut.of(others, found, tolerance)
    return Trial(searched, choice, round(until), held_out)
