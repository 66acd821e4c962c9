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

FLOOD_INTERVAL = 10 * MINUTE
"""Floods are told by the alarms of as long (ISA-18.2-2016)."""
FLOOD_RUN_IN = HOUR
"""So long before each window the state of flood is followed, for what holds when the window begins (our own)."""
EXPOSURE = 2 * HOUR
"""The exposure of Bonafide 2015, whatever the windows are."""

JUDGING = frozenset({"action_window", "fleeting", "cover"})
"""The settings that decide what an episode was."""


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

    @property
    def lookback(self) -> int:
        """How long before now an alarm may have ended, and still count somewhere."""
        return max(max(self.windows.values()) + FLOOD_RUN_IN + FLOOD_INTERVAL, EXPOSURE)

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
        if self.horizon < self.lookback:
            raise ValueError(
                f"horizon: expected at least {self.lookback / HOUR:g} h (longest window + 70 min, and 2 h), "
                "else alarms would be dropped that tell floods and exposure"
            )
