"""Policy: every clinical and operational figure that decides a number, in one frozen, validated
object.

Durations are integer milliseconds. Impossible settings raise `ValueError` at construction, with the
reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from math import inf
from typing import Annotated, TypeAlias, get_args

from analyzer.model.facts import Action

Milliseconds: TypeAlias = Annotated[int, "ms"]
"""A duration; settings spell it as `15s`."""

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

DEFAULT_WINDOWS = {"10m": 10 * MINUTE, "1h": HOUR, "2h": 2 * HOUR, "12h": 12 * HOUR}
"""10 min is the interval of ISA-18.2 rates; 2 h the exposure of Bonafide 2015; 12 h a shift."""

FLOOD_INTERVAL = 10 * MINUTE
"""Floods are detected by the alarms of this interval (ISA-18.2-2016)."""
FLOOD_RUN_IN = HOUR
"""The flood state is evaluated from this long before a window, so that it is known at its start
(our own).
"""
EXPOSURE = 2 * HOUR
"""The exposure of Bonafide 2015, whatever the windows are."""

STANDING = HOUR
"""An alarm that lasts longer than an hour is standing: a state rather than an event (our own)."""
STALE = 24 * HOUR
"""An alarm open for longer is stale (ISA-18.2-2016: fewer than five on any day, with plans)."""

JUDGING = frozenset({"action_window", "fleeting", "cover", "cover_by"})
"""The settings that decide the class of an episode."""


@dataclass(frozen=True, slots=True)
class Level:
    """Entered beyond `enter`, left at `leave` or on its quiet side; what lies between changes
    nothing (hysteresis).
    """

    enter: float
    leave: float


@dataclass(frozen=True, slots=True)
class Levels:
    """The limits of one measure for the states `elevated` and `overloaded`. None: the measure never
    leads to that state.
    """

    elevated: Level | None = None
    overloaded: Level | None = None


MEASURES = ("alarms_10m", "alarms_1h", "protected_1h", "unanswered", "beds")
"""The measures from which the overload state follows."""
LESS_IS_WORSE = frozenset({"protected_1h"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OverloadPolicy:
    """When somebody's load, or a unit's, is elevated or overloaded.

    A unit's measures are those of its average clinician on duty.
    """

    every: Milliseconds = MINUTE
    """How often the state is evaluated, at whole multiples of this since the epoch."""
    hold: Milliseconds = 2 * MINUTE
    """A state is entered once a measure has been beyond its enter level for this long without a
    break (our own: one burst is not a state).
    """
    cool_down: Milliseconds = 10 * MINUTE
    """A state is left once no measure has been beyond its leave level for this long (an ISA-18.2
    interval).
    """
    alarms_10m: Levels = Levels(overloaded=Level(10, 4))
    """Alarms in the last 10 min: a flood begins above 10 and ends below 5 (ISA-18.2)."""
    alarms_1h: Levels = Levels(Level(30, 24), Level(60, 48))
    """Alarms in the last hour: more than one in 2 min is over-demanding, more than one a minute
    unacceptable (EEMUA-191). The levels to leave are four fifths of that (our own).
    """
    protected_1h: Levels = Levels(Level(0.25, 0.4), Level(0.05, 0.15))
    """Share of the last hour's duty in stretches of 5 min or more without a new alarm (our own: no
    published limit was found).
    """
    unanswered: Levels = Levels(Level(3, 1), Level(6, 3))
    """Alarms that are sounding without a response (our own: a person can attend to few at once)."""
    beds: Levels = Levels(elevated=Level(8, 8))
    """Beds per clinician: with more than 8 by day, harm becomes likelier on any ward (NICE SG1,
    2014). Most units need a lower limit: set it in `units` (California's Title 22 has 2 in
    intensive care, 4 in emergency and telemetry, 5 in surgery).
    """
    protected_duty: Milliseconds = 30 * MINUTE
    """With less duty than this in the last hour, `protected_1h` is not evaluated (our own)."""
    units: Mapping[str, Mapping[str, Levels]] = field(default_factory=dict)
    """Levels of single units, by `unit` or `facility/unit` (which takes precedence), then by
    measure.
    """

    def __post_init__(self) -> None:
        for name in ("every", "hold", "cool_down", "protected_duty"):
            if getattr(self, name) < 0:
                raise ValueError(f"overload.{name}: expected zero or more")
        if self.every <= 0 or (10 * MINUTE) % self.every:
            raise ValueError("overload.every: expected a divisor of 10 min")
        for name in ("hold", "cool_down"):
            if getattr(self, name) % self.every:
                raise ValueError(f"overload.{name}: expected a multiple of overload.every")
        for where, levels in (
            ("", self.levels("", "")),
            *((f"units.{unit}.", of) for unit, of in self.units.items()),
        ):
            for measure, one in levels.items():
                if measure not in MEASURES:
                    raise ValueError(
                        f"overload.{where}{measure}: expected one of {', '.join(MEASURES)}"
                    )
                _check_levels(
                    f"overload.{where}{measure}", one, -1 if measure in LESS_IS_WORSE else 1
                )

    def levels(self, facility: str, unit: str) -> dict[str, Levels]:
        """The levels that hold in a unit, by measure."""
        everywhere = {measure: getattr(self, measure) for measure in MEASURES}
        return (
            everywhere
            | dict(self.units.get(unit, {}))
            | dict(self.units.get(f"{facility}/{unit}", {}))
        )


def _check_levels(name: str, levels: Levels, sign: int) -> None:
    most, expected = (1.0, "a share between 0 and 1") if sign < 0 else (inf, "zero or more")
    for state in ("elevated", "overloaded"):
        level: Level | None = getattr(levels, state)
        # a percentage, or a sign too many, would hold a state for ever
        if level is not None and not (0 <= level.enter <= most and 0 <= level.leave <= most):
            raise ValueError(f"{name}.{state}: expected {expected}")
        if level is not None and sign * level.leave > sign * level.enter:
            raise ValueError(
                f"{name}.{state}: expected leave on the quiet side of enter, or equal to it"
            )
    if (
        levels.elevated is not None
        and levels.overloaded is not None
        and sign * levels.overloaded.enter < sign * levels.elevated.enter
    ):
        raise ValueError(f"{name}: expected overloaded to be entered no earlier than elevated")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliefPolicy:
    """When moving a bed to a colleague is worth advising (`analyzer.overload.relief`).

    That the colleague stays within all limits of `OverloadPolicy` is no setting: it always holds.
    """

    least_alarms: int = 3
    """The giver is spared at least this many alarms an hour (our own: every handover is a risk of
    its own, and one or two alarms are not worth it).
    """
    least_share: float = 0.2
    """If the giver does not come back within all limits, the move spares at least this share of the
    giver's alarms of the last hour (our own).
    """
    beds_above_usual: int = 1
    """The colleague has at most this many beds more than is usual on the unit now (our own)."""

    def __post_init__(self) -> None:
        if self.least_alarms < 1:
            raise ValueError("least_alarms: expected at least 1")
        if not 0 <= self.least_share <= 1:
            raise ValueError("least_share: expected a share between 0 and 1")
        if self.beds_above_usual < 0:
            raise ValueError("beds_above_usual: expected zero or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsPolicy:
    """When a pattern counts as the cause of most alarms of a type (`analyzer.findings.findings`).

    Shares are fractions of 1.
    """

    min_classified: int = 20
    """A type with fewer classified alarms is reported as "too few". With 20, a Wilson
    interval still spans up to 40 percentage points: enough to distinguish 87 % non-actionable
    (Bonafide 2015) from half, and not much more (our own).
    """
    driving_share: float = 0.2
    """A pattern drives a type if the lower bound of its share of the type's non-actionable alarms
    is at least this (our own).
    """
    sparing_share: float = 0.5
    """A pattern also needs a non-actionable share (lower bound) of at least this: a remedy must not
    affect alarms that are needed (our own).
    """
    duplicate_within: Milliseconds = 5 * SECOND
    """Alarms of two types that begin this close together at one bed report one event twice (our
    own).
    """
    hugging: float = 0.05
    """How close a reading is to its limit, as a share of the limit, if a slightly different limit
    would not have raised the alarm (our own; in Welch 2011 an SpO2 limit of 88 instead of 90, 2 %
    lower, removed 63 % of the alarms).
    """
    standing: Milliseconds = STANDING
    """A non-actionable alarm that lasts longer than this is a state, not an event (our own)."""
    stale: Milliseconds = STALE
    """ISA-18.2-2016: an alarm active for more than 24 h."""
    slow_answer: Milliseconds = 10 * MINUTE
    """An actionable alarm without a response for longer than this was answered late (our own; half
    the responses in Bonafide 2017 took more than 10.4 min).
    """
    tolerance: float = 0.01
    """A change is advised if at most this share of the actionable alarms is hidden by it, at 95 %
    confidence (our own; `tune` has the same default).
    """

    def __post_init__(self) -> None:
        for name in ("min_classified", "duplicate_within", "standing", "stale", "slow_answer"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected zero or more")
        for name in ("driving_share", "sparing_share", "hugging", "tolerance"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected a share between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How facts become numbers."""

    windows: dict[str, Milliseconds] = field(default_factory=lambda: dict(DEFAULT_WINDOWS))
    """Lengths of the sliding windows. 10 min is the interval of ISA-18.2 rates, 2 h the exposure of
    Bonafide 2015, and 12 h a shift.
    """
    action_window: Milliseconds = 5 * MINUTE
    """How long after an alarm's end an intervention or consultation still counts as a response to
    it (Görges 2009, Anesth Analg).
    """
    fleeting: Milliseconds = 15 * SECOND
    """An unanswered alarm shorter than this is non-actionable (a 14 s delay removes half of them:
    Görges 2009).
    """
    cover: Milliseconds = 12 * HOUR
    """A unit without evidence for this long that interventions are recorded is not covered: its
    alarms are `unknown` (a shift; our own).
    """
    cover_by: tuple[str, ...] = ("adjust_limits", "attend", "consult", "intervene")
    """The actions that make a unit covered: those that only a channel for interventions can report
    (our own). A feed that can only acknowledge, silence or pause cannot show whether anybody
    intervened.
    """
    min_classified: int = 5
    """With fewer classified alarms than this, a ratio is absent (our own)."""
    allowed_lateness: Milliseconds = 10 * MINUTE
    """How far behind the watermark of its topic an alarm or response may be and still be accepted
    (our own).
    """
    max_ahead: Milliseconds = 2 * MINUTE
    """How far a record's time may be ahead of its Kafka timestamp (our own)."""
    horizon: Milliseconds = 26 * HOUR
    """Facts older than this are dropped, except those of open alarms and of assignments in force.
    """
    top_types: int = 10
    """Most frequent alarm types exported for each unit and window (ISA-18.2 reviews the ten most
    frequent).
    """
    max_open_alarms: int = 50_000
    """Open alarms of a facility that are older than the horizon and kept; of more, the most recent
    are.

    Our own: 50 for each bed of a hospital of 1,000 beds, where ISA-18.2 allows fewer than five
    stale alarms in all. Younger open alarms are always kept.
    """
    overload: OverloadPolicy = field(default_factory=OverloadPolicy)
    relief: ReliefPolicy = ReliefPolicy()
    findings: FindingsPolicy = FindingsPolicy()

    @property
    def lookback(self) -> int:
        """How long before now an alarm may have ended and still count in some window (ms)."""
        return max(max(self.windows.values()) + FLOOD_RUN_IN + FLOOD_INTERVAL, EXPOSURE)

    @property
    def fingerprint(self) -> str:
        """A hash of the settings, equal for equal policies on every worker and after a restart.

        >>> Policy().fingerprint == Policy(min_classified=5).fingerprint
        True
        >>> Policy().fingerprint == Policy(min_classified=6).fingerprint
        False
        """
        return blake2b(json.dumps(asdict(self), sort_keys=True).encode(), digest_size=4).hexdigest()

    def __post_init__(self) -> None:
        if not self.windows:
            raise ValueError("windows: expected at least one window")
        for name, length in self.windows.items():
            if length <= 0:
                raise ValueError(f"windows: expected {name} to be longer than zero")
        for name in (
            "action_window",
            "fleeting",
            "cover",
            "min_classified",
            "allowed_lateness",
            "max_ahead",
            "top_types",
            "max_open_alarms",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected zero or more")
        unknown = set(self.cover_by) - set(get_args(Action))
        if unknown:
            raise ValueError(f"cover_by: expected some of {', '.join(get_args(Action))}")
        least = max(self.windows.values()) + self.cover + self.allowed_lateness + self.action_window
        if self.horizon < least:
            raise ValueError(
                f"horizon: expected at least {least / HOUR:g} h (longest window + cover + "
                "allowed_lateness + action_window), else facts would be dropped that a window "
                "still needs"
            )
        if self.horizon < self.lookback:
            raise ValueError(
                f"horizon: expected at least {self.lookback / HOUR:g} h (longest window + 70 min, "
                "and 2 h), else alarms would be dropped that tell floods and exposure"
            )
