"""Policy: every clinical and operational figure that decides a number, in one frozen, validated object.

Durations are integer milliseconds. Impossible settings raise `ValueError` at construction, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

DEFAULT_WINDOWS = {"10m": 10 * MINUTE, "1h": HOUR, "2h": 2 * HOUR, "12h": 12 * HOUR}
"""10 min is the interval of ISA-18.2 rates; 2 h the exposure of Bonafide 2015; 12 h a shift."""

JUDGING = frozenset({"action_window", "fleeting", "cover"})
"""The settings that decide what an episode was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsPolicy:
    """When a pattern may be said to drive an alarm type (`analyzer.findings`). Shares are fractions of 1."""

    min_classified: int = 20
    """With fewer classified alarms of a type, too few to say. At 20 a Wilson interval still spans up to 40 points: enough to tell
    87 % non-actionable (Bonafide 2015) from half, and too little to tell much more (our own)."""
    driving_share: float = 0.2
    """A pattern drives a type if the lower bound of its share among the type's non-actionable alarms is no less (our own)."""
    sparing_share: float = 0.5
    """... and of the pattern's alarms at least this share (lower bound) needed nobody: a remedy must not fall upon alarms that are
    needed (our own)."""
    duplicate_within: int = 5 * SECOND
    """Alarms of two types that begin this close at one bed tell one event twice (our own)."""
    hugging: float = 0.05
    """A reading this close to its limit, as a share of the limit, is one that another limit would not have told (our own; Welch 2011
    moved an SpO2 limit by 2 %, 90 to 88, and lost 63 % of its alarms)."""
    standing: int = HOUR
    """An alarm of which nobody was in need for longer than this is a state, not an event (our own)."""
    stale: int = 24 * HOUR
    """ISA-18.2-2016: an alarm active for more than 24 h."""
    slow_answer: int = 10 * MINUTE
    """An alarm that was needed and had no response for longer than this was answered late (our own; half the responses of Bonafide
    2017 took more than 10.4 min)."""

    def __post_init__(self) -> None:
        for name in ("min_classified", "duplicate_within", "standing", "stale", "slow_answer"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected zero or more")
        for name in ("driving_share", "sparing_share", "hugging"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected a share between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How facts become numbers."""

    windows: dict[str, int] = field(default_factory=lambda: dict(DEFAULT_WINDOWS))
    action_window: int = 5 * MINUTE
    """After an alarm's end, an intervention or consultation still counts as its answer (Goerges 2009, Anesth Analg)."""
    fleeting: int = 15 * SECOND
    """An unanswered alarm shorter than this is non-actionable (a 14 s delay removes half of them: Goerges 2009)."""
    cover: int = 12 * HOUR
    """A unit without any response for this long has no human channel, so its alarms are `unknown` (a shift; our own)."""
    min_classified: int = 5
    """Below this many classified alarms a ratio says nothing, and is absent (our own)."""
    allowed_lateness: int = 10 * MINUTE
    """Alarms and responses this far behind their topic's watermark are still accepted."""
    max_ahead: int = 2 * MINUTE
    """A device clock may lead the Kafka record's timestamp by this much."""
    horizon: int = 26 * HOUR
    """Facts older than this are dropped, save what belongs to open alarms and to assignments in force."""
    top_types: int = 10
    """Alarm types exported per unit and window (ISA-18.2 reviews the ten most frequent)."""
    findings: FindingsPolicy = FindingsPolicy()

    def __post_init__(self) -> None:
        if not self.windows:
            raise ValueError("windows: expected at least one window")
        for name, length in self.windows.items():
            if length <= 0:
                raise ValueError(f"windows: expected {name} to be longer than zero")
        for name in ("action_window", "fleeting", "cover", "min_classified", "allowed_lateness", "max_ahead", "top_types"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected zero or more")
        least = max(self.windows.values()) + self.cover + self.allowed_lateness + self.action_window
        if self.horizon < least:
            raise ValueError(
                f"horizon: expected at least {least / HOUR:g} h (longest window + cover + allowed_lateness + action_window), "
                "else facts would be dropped that a window still needs"
            )
