"""Levers: what recorded alarms would have done under other settings of their devices.

A finished alarm shows how long its condition lasted and how far it went. So it shows what a *less*
sensitive setting would have done. Alarms that a more sensitive one would have added were not
recorded. Levers act in the order in which a monitor applies them:

limit     The reading must be beyond another limit.
delay     The condition must last longer than this before the alarm sounds, and it sounds that much
          later (annunciation delay).
beside    The alarm does not sound if one of another type begins at the same bed within 5 s, and
          sounds.
hold-off  The alarm does not sound again within this time after the last one of its signal ended
          (re-alarm hold-off; a deadband does this to a signal that hovers around its limit). One
          that returns in time prolongs the alarm, so a chain of them sounds once.
priority  The alarm has a lower priority. Below the one that is sent to clinicians, it sounds at the
          bed only.

Nothing here says whether a setting is safe: it counts.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np

from analyzer.arrays import Codes, Flags, Integers, Levels, Numbers
from analyzer.columns.segments import Axis
from analyzer.columns.statics import AlarmType
from analyzer.findings.patterns import Meetings
from analyzer.model.episodes import PRIORITIES
from analyzer.model.facts import Priority
from analyzer.model.policy import HOUR, SECOND, FindingsPolicy
from analyzer.pipeline.classes import CLASSES
from analyzer.whatif.episode_table import Recorded

BESIDE_WITHIN = FindingsPolicy().duplicate_within
"""The default: alarms of two types that begin this close together at one bed report one event twice
(our own).
"""

LONGEST = 7 * 24 * HOUR
"""The longest delay or hold-off (our own)."""

LEVERS = ("limit", "delay", "beside", "holdoff", "priority")
SOUNDS = 0
BY_LIMIT, BY_DELAY, BY_BESIDE, BY_HOLDOFF, BY_PRIORITY = range(1, len(LEVERS) + 1)
"""The fate of an alarm: it sounds, or a lever silences it. The first one in `LEVERS` counts."""


class Refused(ValueError):
    """A setting that recorded alarms cannot evaluate. It names the lever and the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The alarms that a setting applies to. None: of any value."""

    facility: str | None = None
    unit: str | None = None
    type: AlarmType | None = None
    priority: Priority | None = None

    def rows(self, recorded: Recorded) -> Numbers:
        """The rows in scope, ascending."""
        chosen = np.ones(len(recorded), dtype=np.bool_)
        if self.facility is not None:
            chosen &= np.array(
                [name == self.facility for name in recorded.facilities], dtype=np.bool_
            )[recorded.facility]
        if self.unit is not None:
            chosen &= np.array([name == self.unit for _, name in recorded.units], dtype=np.bool_)[
                recorded.unit
            ]
        if self.type is not None:
            chosen &= np.array([name == self.type for name in recorded.types], dtype=np.bool_)[
                recorded.type
            ]
        if self.priority is not None:
            chosen &= recorded.rank == PRIORITIES.index(self.priority)
        return np.flatnonzero(chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A candidate: the value of each lever, None if it is not moved. Durations are in ms."""

    limit: float | None = None
    delay: int | None = None
    beside: AlarmType | None = None
    holdoff: int | None = None
    priority: Priority | None = None
    sent_from: Priority = "low"
    """The least priority that is sent to clinicians. Lower ones, and `info`, sound at the bed only.
    """

    def __post_init__(self) -> None:
        for name in ("delay", "holdoff"):
            if (length := getattr(self, name)) is not None and not 0 <= length <= LONGEST:
                raise ValueError(f"{name}: expected 0 to {LONGEST // SECOND} s")
        if self.limit is not None and not np.isfinite(self.limit):
            raise ValueError("limit: expected a finite number")

    @property
    def moves(self) -> bool:
        """Whether it moves any lever."""
        return self != Setting(sent_from=self.sent_from)


@dataclass(frozen=True, slots=True)
class Fates:
    """The fates of alarms under a setting, one each, and how many could not be evaluated."""

    fate: Levels
    not_evaluable: int
    """Non-technical alarms without a reading or a limit, if a limit was moved: taken to sound."""
    at_limit: int
    """Alarms whose extreme reading is the limit itself, so their side is unknown: taken to sound.
    """
    late_by: Numbers
    """By how much (ms) each alarm would sound later, if it sounds; -1: no delay applies to it."""
    moved: bool
    """Whether any lever was moved."""

    @property
    def sounds(self) -> Flags:
        return np.equal(self.fate, SOUNDS)


def check(alarms: Recorded, setting: Setting) -> None:
    """Raises `Refused` if the limit of the setting is more sensitive than one in force."""
    if setting.limit is None:
        return
    low, high = sides(alarms)
    for side, which, extreme in (("low", low, np.min), ("high", high, np.max)):
        if which.any():
            own = float(extreme(alarms.limit[which]))
            if (setting.limit > own) if side == "low" else (setting.limit < own):
                raise Refused(
                    f"limit: {setting.limit:g} is more sensitive than {own:g}, which was in force "
                    f"for {side} alarms among those chosen: what it would have added was not "
                    "recorded. Expected a less sensitive one, or the readings themselves "
                    "(tune trend)"
                )


@dataclass(frozen=True, slots=True)
class Room:
    """How far a limit can be moved: from the least sensitive one in force (`present`) to the most
    extreme reading (`furthest`), where no alarm sounds.
    """

    present: float
    furthest: float


def room(alarms: Recorded) -> Room | None:
    """The room of a limit. None: no alarm has one, or there are low and high alarms among them."""
    low, high = sides(alarms)
    if low.any() == high.any():
        return None
    which, extreme = (low, np.min) if low.any() else (high, np.max)
    return Room(float(extreme(alarms.limit[which])), float(extreme(alarms.value[which])))


def sides(alarms: Recorded) -> tuple[Flags, Flags]:
    """Which alarms are low alarms, with a reading below their limit, and which are high alarms."""
    with np.errstate(invalid="ignore"):
        return (alarms.value < alarms.limit) & ~alarms.technical, (
            alarms.value > alarms.limit
        ) & ~alarms.technical


def fates(recorded: Recorded, rows: Numbers, setting: Setting) -> Fates:
    """The fates of `rows` if the setting applies to them and all other alarms stay as they were.

    Raises `Refused`.
    """
    alarms = recorded.of(rows)
    check(alarms, setting)
    fate = np.zeros(len(alarms), dtype=np.int8)
    unknown = at_limit = 0
    if setting.limit is not None:
        silent = below_limit(alarms, setting.limit)
        fate[silent] = BY_LIMIT
        clinical = ~alarms.technical
        known = ~np.isnan(alarms.value) & ~np.isnan(alarms.limit)
        unknown, at_limit = (
            int((clinical & ~known).sum()),
            int((clinical & (alarms.value == alarms.limit)).sum()),
        )
    if setting.delay is not None:
        fate[(fate == SOUNDS) & (alarms.end - alarms.start <= setting.delay)] = BY_DELAY
    if setting.beside is not None:
        fate[_beside(recorded, rows, fate == SOUNDS, setting.beside)] = BY_BESIDE
    if setting.holdoff is not None:
        signals = Signals(alarms, setting.holdoff)
        near, _ = signals.of(fate[signals.order] == SOUNDS).near()
        fate[near] = BY_HOLDOFF
    if setting.priority is not None:
        lowered = np.minimum(alarms.rank, PRIORITIES.index(setting.priority))
        least = max(PRIORITIES.index(setting.sent_from), 1)
        fate[(fate == SOUNDS) & (lowered < least) & (alarms.rank >= least)] = BY_PRIORITY
    late_by = np.full(len(alarms), -1 if setting.delay is None else setting.delay, dtype=np.int64)
    return Fates(fate, unknown, at_limit, late_by, setting.moves)


def below_limit(alarms: Recorded, limit: float) -> Flags:
    """Which alarms would not have been beyond another, less sensitive limit."""
    low, high = sides(alarms)
    with np.errstate(invalid="ignore"):
        return (low & (alarms.value >= limit)) | (high & (alarms.value <= limit))


def _beside(recorded: Recorded, rows: Numbers, sounds: Flags, other: AlarmType) -> Flags:
    """Which of `rows` sound and begin together with an alarm of `other` that sounds, too."""
    if other not in recorded.types:
        return np.zeros(len(rows), dtype=np.bool_)
    number = recorded.types.index(other)
    there = recorded.type == number
    there[rows[~sounds]] = False
    ours = rows[sounds]
    ours = ours[recorded.type[ours] != number]
    some = np.concatenate([ours, np.flatnonzero(there)])
    met = Meetings(
        recorded.start[some],
        recorded.bed[some],
        recorded.type[some],
        len(recorded.types),
        BESIDE_WITHIN,
    )
    beside = np.zeros(len(recorded), dtype=np.bool_)
    beside[some] = met.with_type(np.where(recorded.type[some] == number, -1, number))
    return beside[rows]


class Signals:
    """Alarms by signal and time, on one axis on which signals are further apart than any hold-off.

    Of several that began at once, an actionable one comes first, then the higher priority, then the
    longer one, so that the order of rows decides nothing.
    """

    def __init__(self, alarms: Recorded, longest: int) -> None:
        """`longest`: the longest hold-off (ms) that will be evaluated."""
        begin, last = alarms.span
        offsets = Axis(begin, last + longest).offsets(alarms.signal)
        key = offsets + alarms.start
        order = np.argsort(key)
        alike = key[order[1:]] == key[order[:-1]]
        tied = (
            np.flatnonzero(np.concatenate([alike, [False]]) | np.concatenate([[False], alike]))
            if len(order)
            else order
        )
        rows = order[tied]
        order[tied] = rows[
            np.lexsort(
                (
                    -alarms.end[rows],
                    -alarms.rank[rows].astype(np.int64),
                    alarms.klass[rows],
                    key[rows],
                )
            )
        ]
        self.order = order.astype(np.int32)
        self._longest = longest
        self._begun, self._over = key[order], (offsets + np.minimum(alarms.end, last))[order]

    def of(self, which: Flags) -> Signals:
        """The alarms that sound, given as a mask in this order."""
        some = copy(self)
        some.order, some._begun, some._over = (
            self.order[which],
            self._begun[which],
            self._over[which],
        )
        return some

    def near(self) -> tuple[Codes, Numbers]:
        """The alarms that began within the longest hold-off after the last one of their signal
        ended, and how long after that (ms; 0 or less: before it ended).
        """
        quiet = self._begun[1:] - np.maximum.accumulate(self._over)[:-1]
        near = np.flatnonzero(quiet <= self._longest)
        return self.order[near + 1], quiet[near]


def count_by_class(klass: Integers) -> Numbers:
    """The number of alarms by class, in the order of `CLASSES`."""
    return np.bincount(klass, minlength=len(CLASSES))
