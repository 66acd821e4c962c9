"""Trends: alarms simulated from readings, under any limit, delay and deadband.

Unlike finished alarms, readings also show what a more sensitive setting would have added. A reading
beyond the limit (below a low one, above a high one) begins an alarm. A reading back within it by at
least the deadband, or a gap, ends it. It sounds once it has lasted longer than the delay. Times are
in ms since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from analyzer.arrays import Codes, Flags, Floats, Numbers, integers
from analyzer.columns.numbered import Numbered
from analyzer.model.policy import SECOND
from analyzer.pipeline.classes import ACTIONABLE
from analyzer.stats import Risk
from analyzer.times import OPEN
from analyzer.whatif.episode_table import Recorded

Side = Literal["low", "high"]

GAP = 10 * SECOND
"""Readings further apart than this have a gap between them (our own; monitors store numerics every
1 to 5 s).
"""
REACH = 10 * SECOND
"""A simulated and a recorded alarm match if they overlap or are no further apart than this, because
of the clocks and averaging of monitors (our own).
"""
FAITHFUL = 0.9
"""The least share of recorded alarms that the rule in force must reproduce (our own)."""


@dataclass(frozen=True, slots=True)
class Trend:
    """The readings of one source, ordered by bed and time, without NaN.

    `beds` are (facility, unit, bed).
    """

    beds: list[tuple[str, str, str]]
    bed: Codes
    at: Numbers
    value: Floats

    @classmethod
    def of(
        cls,
        facility: Sequence[str],
        unit: Sequence[str],
        bed: Sequence[str],
        at: Sequence[int],
        value: Sequence[Any],
    ) -> Trend:
        """From columns in any order, as `numbered`."""
        beds: Numbered[tuple[str, str, str]] = Numbered()
        number = np.array(
            list(map(beds.__getitem__, zip(facility, unit, bed, strict=True))), dtype=np.int32
        )
        return cls.numbered(beds.by_number, number, integers(at), np.array(value, np.float64))

    @classmethod
    def numbered(
        cls,
        beds: list[tuple[str, str, str]],
        number: Codes,
        when: Numbers,
        values: Floats,
    ) -> Trend:
        """From columns in any order, `number` being the place of each reading's bed in `beds`. Of
        readings of a bed at the same time, the last one counts.
        """
        order = np.lexsort((when, number))
        order = order[~np.isnan(values[order])]
        number, when, values = number[order], when[order], values[order]
        last = np.ones(len(order), dtype=np.bool_)
        last[:-1] = (number[1:] != number[:-1]) | (when[1:] != when[:-1])
        return cls(beds, number[last], when[last], values[last])

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a monitor alarms. Durations are in ms, `deadband` is in the unit of the limit."""

    side: Side
    limit: float
    delay: int = 0
    deadband: float = 0.0

    def __post_init__(self) -> None:
        if not (
            np.isfinite(self.limit)
            and np.isfinite(self.deadband)
            and self.deadband >= 0
            and self.delay >= 0
        ):
            raise ValueError(
                "limit, delay, deadband: expected finite numbers, the last two zero or more"
            )


@dataclass(frozen=True, slots=True)
class Drawn:
    """Alarms that sound, ordered by bed and time: from `start` + delay (`sounds`) to `end`."""

    bed: Codes
    start: Numbers
    sounds: Numbers
    end: Numbers

    def __len__(self) -> int:
        return len(self.start)


def draw(trend: Trend, rule: Rule) -> Drawn:
    """The alarms that `rule` would have raised."""
    sign = 1.0 if rule.side == "high" else -1.0
    # the difference of huge values overflows to infinity, which is beyond as well
    with np.errstate(over="ignore"):
        beyond = sign * trend.value - sign * rule.limit
    fresh = np.ones(len(trend), dtype=np.bool_)  # no reading before
    fresh[1:] = (trend.bed[1:] != trend.bed[:-1]) | (trend.at[1:] - trend.at[:-1] > GAP)
    # A latch: set beyond the limit, reset once back by the deadband, unchanged in between. After a
    # gap it starts as reset.
    decides = (beyond > 0) | (beyond <= -rule.deadband) | fresh
    latest = np.maximum.accumulate(np.where(decides, np.arange(len(trend)), 0))
    on = beyond[latest] > 0
    begins = on & (fresh | ~np.concatenate([[False], on[:-1]]))
    ends = on & np.concatenate([fresh[1:] | ~on[1:], [True]])[: len(trend)]
    first, last = np.flatnonzero(begins), np.flatnonzero(ends)
    # An alarm ends at the reading that resets it, or else at the last one before the gap.
    following = np.minimum(last + 1, max(len(trend) - 1, 0))
    ended = np.where(
        (last + 1 < len(trend)) & ~fresh[following], trend.at[following], trend.at[last]
    )
    long = ended - trend.at[first] > rule.delay
    first, ended = first[long], ended[long]
    return Drawn(trend.bed[first], trend.at[first], trend.at[first] + rule.delay, ended)


@dataclass(frozen=True, slots=True)
class Matched:
    """By recorded alarm: whether a simulated one matches it, and how much later (ms, at least 0)
    that one sounds.
    """

    reproduced: Flags
    late: Numbers


def match(drawn: Drawn, trend: Trend, alarms: Recorded) -> tuple[Matched, Flags]:
    """Match recorded alarms with simulated ones of the same bed.

    Also returns which recorded alarms have readings in the trend.
    """
    numbers = {bed: number for number, bed in enumerate(trend.beds)}
    names = _beds(alarms)
    bed = (
        np.array([numbers.get(name, -1) for name in names], dtype=np.int64)[alarms.bed]
        if len(alarms)
        else np.empty(0, dtype=np.int64)
    )
    reproduced, covered = (np.zeros(len(alarms), dtype=np.bool_) for _ in range(2))
    late = np.zeros(len(alarms), dtype=np.int64)
    for number in np.unique(bed[bed >= 0]).tolist():
        rows = np.flatnonzero(bed == number)
        start, end = alarms.start[rows] - REACH, np.minimum(alarms.end[rows], OPEN - REACH) + REACH
        readings = trend.at[slice(*np.searchsorted(trend.bed, (number, number + 1)))]
        covered[rows] = np.searchsorted(readings, alarms.end[rows], side="right") > np.searchsorted(
            readings, alarms.start[rows]
        )
        of = slice(*np.searchsorted(drawn.bed, (number, number + 1)))
        sounds, ends = drawn.sounds[of], drawn.end[of]
        index = np.searchsorted(ends, start)  # the first that had not ended before
        some = index < len(ends)
        some[some] = sounds[index[some]] <= end[some]
        reproduced[rows] = some
        late[rows[some]] = np.maximum(sounds[index[some]] - alarms.start[rows[some]], 0)
    return Matched(reproduced & covered, late), covered


@dataclass(frozen=True, slots=True)
class Replayed:
    """Recorded alarms against those drawn under the rule in force and under another one."""

    alarms: int
    covered: int
    """Recorded alarms with readings."""
    in_force: int
    """How many of these the rule in force reproduces."""
    tried: int
    """How many of these the other rule reproduces."""
    actionable: int
    """How many of these are actionable."""
    lost: Risk
    """Actionable alarms that the rule in force reproduces and the other rule does not."""
    late: int
    """Actionable alarms that sound later under the other rule."""
    most_late: int
    """By how much at most (ms)."""


def faithful(reproduced: int, covered: int) -> bool:
    """Whether the rule in force reproduces enough of the `covered` alarms to be the real one."""
    return reproduced >= FAITHFUL * covered


def compare_rules(
    in_force: Drawn, tried: Drawn, trend: Trend, recorded: Recorded, moved: bool = True
) -> Replayed:
    """The recorded alarms that the other rule loses or delays. `moved`: the rules differ."""
    before, covered = match(in_force, trend, recorded)
    after, _ = match(tried, trend, recorded)
    actionable = (recorded.klass == ACTIONABLE) & covered
    # An alarm that the rule in force does not reproduce says nothing about the other rule.
    needed = actionable & before.reproduced
    late = (after.late - before.late)[needed & after.reproduced]
    return Replayed(
        alarms=len(recorded),
        covered=int(covered.sum()),
        in_force=int(before.reproduced.sum()),
        tried=int(after.reproduced.sum()),
        actionable=int(actionable.sum()),
        lost=Risk.among(~after.reproduced[needed], recorded.clusters[needed])
        if moved
        else Risk.none(int(needed.sum())),
        late=int((late > 0).sum()),
        most_late=int(late.max(initial=0)),
    )


def _beds(alarms: Recorded) -> list[tuple[str, str, str]]:
    return [
        (alarms.facilities[alarms.units[unit][0]], alarms.units[unit][1], bed)
        for unit, bed in alarms.beds
    ]
