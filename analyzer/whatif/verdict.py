"""Verdict: what a setting spares and what it costs, by class, and how certain the cost is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analyzer.arrays import Numbers
from analyzer.model.episodes import PRIORITIES
from analyzer.pipeline.classes import ACTIONABLE, NON_ACTIONABLE, PENDING, UNKNOWN
from analyzer.stats.bounds import upper_bound
from analyzer.whatif.episode_table import Recorded
from analyzer.whatif.levers import LEVERS, SOUNDS, Fates, Setting, count_by_class

CONFIDENCE = 0.95
"""The default confidence of bounds, one-sided."""
HIGH = PRIORITIES.index("high")


@dataclass(frozen=True, slots=True)
class Risk:
    """How many of some alarms are lost, with the upper bound of the true share."""

    count: int
    of: int
    confidence: float = CONFIDENCE

    @property
    def upper(self) -> float | None:
        """One-sided, exact for independent alarms (Clopper and Pearson 1934). None: no alarms."""
        return upper_bound(self.count, self.of, self.confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of the alarms of a scope under a setting. Counts by class are by `CLASSES`."""

    before: Numbers
    after: Numbers
    late: Numbers
    """Alarms that would sound, but only after the delay."""
    by_lever: Mapping[str, int]
    """How many alarms each lever silences."""
    not_evaluable: int
    at_limit: int
    """Both as in `Fates`."""
    lost: Risk
    """The actionable alarms that would not have sounded."""
    among_removed: Risk
    """The actionable ones of the removed alarms that were classified as actionable or not."""
    high_priority: int
    high_priority_removed: int
    sounding: tuple[int, int]
    """For how long (ms) the alarms sounded, and would have sounded, added up."""

    @property
    def alarms(self) -> int:
        return int(self.before.sum())

    @property
    def removed(self) -> Numbers:
        return self.before - self.after

    @property
    def unknown(self) -> int:
        """Alarms whose class is unknown or not yet decided."""
        return int(self.before[[PENDING, UNKNOWN]].sum())

    @property
    def unknown_removed(self) -> int:
        return int(self.removed[[PENDING, UNKNOWN]].sum())


def judge(
    recorded: Recorded,
    rows: Numbers,
    setting: Setting,
    found: Fates,
    confidence: float = CONFIDENCE,
) -> Verdict:
    """The verdict on a setting, from the fates (`levers.fates`) of `rows`."""
    klass, rank = recorded.klass[rows], recorded.rank[rows]
    before, after = count_by_class(klass), count_by_class(klass[found.sounds])
    removed = before - after
    lost = int(removed[ACTIONABLE])
    lasted = np.minimum(recorded.end[rows], recorded.span[1]) - recorded.start[rows]
    still = np.maximum(lasted[found.sounds] - (setting.delay or 0), 0)
    return Verdict(
        before=before,
        after=after,
        late=after if setting.delay is not None else after * 0,
        by_lever={
            lever: int((found.fate == number).sum())
            for number, lever in enumerate(LEVERS, SOUNDS + 1)
        },
        not_evaluable=found.not_evaluable,
        at_limit=found.at_limit,
        lost=Risk(lost, int(before[ACTIONABLE]), confidence),
        among_removed=Risk(lost, int(removed[[ACTIONABLE, NON_ACTIONABLE]].sum()), confidence),
        high_priority=int((rank == HIGH).sum()),
        high_priority_removed=int((rank[~found.sounds] == HIGH).sum()),
        sounding=(int(lasted.sum()), int(still.sum())),
    )
