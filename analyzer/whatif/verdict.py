"""Verdict: what a setting spares and what it costs, by class, and how certain the cost is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analyzer.arrays import Numbers
from analyzer.model.episodes import PRIORITIES
from analyzer.pipeline.classes import ACTIONABLE, NON_ACTIONABLE, PENDING, UNKNOWN
from analyzer.stats import CONFIDENCE, Risk
from analyzer.whatif.episode_table import Recorded
from analyzer.whatif.levers import LEVERS, SOUNDS, Fates, count_by_class

HIGH = PRIORITIES.index("high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The alarms of a scope under a setting, by outcome. Counts by class follow `CLASSES`."""

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
    high_priority_late: int
    """How many high-priority alarms would sound, but only after the delay."""
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
    recorded: Recorded, rows: Numbers, found: Fates, confidence: float = CONFIDENCE
) -> Verdict:
    """The verdict on a setting, from the fates (`levers.fates`) of `rows`."""
    klass, rank, sounds = recorded.klass[rows], recorded.rank[rows], found.sounds
    before, after = count_by_class(klass), count_by_class(klass[sounds])
    lasted = np.minimum(recorded.end[rows], recorded.span[1]) - recorded.start[rows]
    still = np.maximum(lasted - np.maximum(found.late_by, 0), 0)[sounds]
    return Verdict(
        before=before,
        after=after,
        late=count_by_class(klass[sounds & (found.late_by >= 0)]),
        by_lever={
            lever: int((found.fate == number).sum())
            for number, lever in enumerate(LEVERS, SOUNDS + 1)
        },
        not_evaluable=found.not_evaluable,
        at_limit=found.at_limit,
        lost=loss(recorded, rows, found, confidence),
        among_removed=_among_removed(recorded, rows[~sounds], confidence),
        high_priority=int((rank == HIGH).sum()),
        high_priority_removed=int((rank[~sounds] == HIGH).sum()),
        high_priority_late=int(((rank == HIGH) & sounds & (found.late_by >= 0)).sum()),
        sounding=(int(lasted.sum()), int(still.sum())),
    )


def loss(recorded: Recorded, rows: Numbers, found: Fates, confidence: float = CONFIDENCE) -> Risk:
    """The actionable alarms of `rows` that would not have sounded."""
    needed = recorded.klass[rows] == ACTIONABLE
    if not found.moved:
        return Risk.none(int(needed.sum()), confidence)
    clusters = recorded.of(rows[needed]).clusters
    return Risk.among(~found.sounds[needed], clusters, confidence)


def _among_removed(recorded: Recorded, removed: Numbers, confidence: float) -> Risk:
    klass = recorded.klass[removed]
    known = removed[(klass == ACTIONABLE) | (klass == NON_ACTIONABLE)]
    return Risk.among(recorded.klass[known] == ACTIONABLE, recorded.of(known).clusters, confidence)
