"""Proposal: the best setting of each alarm type, joined so that the tolerance is kept as a whole.

Technical types are not tuned: their alarms are avoidable at the source, and a delay would hide the
fault.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analyzer.arrays import Flags
from analyzer.columns.statics import AlarmType
from analyzer.stats import Risk
from analyzer.whatif.breakdown import types_by_load
from analyzer.whatif.episode_table import Recorded
from analyzer.whatif.grid import Grid
from analyzer.whatif.levers import Fates, Scope, Setting, fates
from analyzer.whatif.recommendation import HeldOut, Tolerance, Trial, split, try_settings
from analyzer.whatif.verdict import HIGH, loss


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeTrial:
    """One alarm type and its search."""

    type: AlarmType
    alarms: int
    technical: int
    """How many of these are technical."""
    high: int
    """How many of these have high priority."""
    trial: Trial | None
    """None: all its alarms are technical, or of high priority and left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The setting of one type in a proposal."""

    type: AlarmType
    setting: Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Settings of several types that keep the tolerance together, or why there are none."""

    parts: tuple[Part, ...]
    lost: Risk
    """On the first part of the recorded time."""
    held_out: HeldOut | None
    reason: str


def try_each_type(
    alarms: Recorded,
    most: int,
    grid_of: Callable[[Recorded], Grid],
    tolerance: Tolerance,
    until: float,
    include_high: bool = False,
    progress: Callable[[int], object] = lambda _: None,
) -> list[TypeTrial]:
    """A search for each of the `most` types with the highest load, in that order.

    `grid_of` gives the settings to try on the alarms of a type. `progress` is called with the
    number of types done. Raises `Refused`.
    """
    found = []
    for done, (number, _) in enumerate(types_by_load(alarms)[:most], 1):
        of_type = alarms.of(np.flatnonzero(alarms.type == number))
        tuned = of_type.of(np.flatnonzero(tunable(of_type, include_high)))
        trial = try_settings(tuned, grid_of(tuned), tolerance, until) if len(tuned) else None
        found.append(
            TypeTrial(
                type=alarms.types[number],
                alarms=len(of_type),
                technical=int(of_type.technical.sum()),
                high=int((of_type.rank == HIGH).sum()),
                trial=trial,
            )
        )
        progress(done)
    return found


def tunable(alarms: Recorded, include_high: bool) -> Flags:
    """Which alarms settings are searched for: clinical ones, without those of high priority, which
    call for an immediate response (IEC 60601-1-8), unless asked for.
    """
    return np.asarray(~alarms.technical & (include_high | (alarms.rank < HIGH)))


def propose(
    alarms: Recorded, tried: Sequence[TypeTrial], tolerance: Tolerance, until: float
) -> Proposal:
    """Join the best setting of each type. While the tolerance is not kept as a whole, on the
    alarms before `until` (ms), or is broken on the rest, the part that loses most for each alarm
    that it spares is left out.

    `alarms` are those that settings may apply to.
    """
    first, rest = (alarms.of(some) for some in split(alarms, until))
    every = np.arange(len(first))
    best = [(one.type, one.trial) for one in tried if one.trial is not None and one.trial.best]
    best.sort(key=lambda one: _price(one[1]))
    while best:
        parts = tuple(Part(type=of, setting=trial.best) for of, trial in best if trial.best)
        lost = loss(first, every, joined(first, parts), tolerance.confidence)
        if lost.promise(tolerance.lost) == "kept":
            held_out = HeldOut.of(rest, joined(rest, parts), tolerance)
            if held_out.promise != "broken":
                return Proposal(parts=parts, lost=lost, held_out=held_out, reason="")
        best.pop()
    unchanged = loss(first, every, joined(first, ()), tolerance.confidence)
    return Proposal(parts=(), lost=unchanged, held_out=None, reason=_why_nothing(tried))


def joined(alarms: Recorded, parts: Sequence[Part], include_high: bool = True) -> Fates:
    """The fates of `alarms` if each part applies to the tunable alarms of its type. Raises
    `Refused`.
    """
    whole = fates(alarms, np.arange(len(alarms)), Setting())
    applies = tunable(alarms, include_high)
    unknown = at_limit = 0
    for part in parts:
        rows = Scope(type=part.type).rows(alarms)
        rows = rows[applies[rows]]
        found = fates(alarms, rows, part.setting)
        whole.fate[rows], whole.late_by[rows] = found.fate, found.late_by
        unknown, at_limit = unknown + found.not_evaluable, at_limit + found.at_limit
    return Fates(whole.fate, unknown, at_limit, whole.late_by, bool(parts))


def _price(trial: Trial) -> float:
    assert trial.index is not None
    return float(trial.searched.lost[trial.index] / trial.searched.spared[trial.index])


def _why_nothing(tried: Sequence[TypeTrial]) -> str:
    reasons = [one.trial.reason for one in tried if one.trial is not None]
    if not tried:
        return "there are no alarms of that scope"
    if not reasons:
        return "all alarms are technical, or of high priority and left out"
    if len(reasons) == 1:
        return reasons[0] or "nothing keeps the tolerance"
    return "no type has a setting that keeps the tolerance; each type has its reason"
