"""The question: which moment of which unit is analysed, and how far back."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.model.policy import DEFAULT_WINDOWS, HOUR, MINUTE

LONGEST = 24 * HOUR
"""The longest window of an incident (our own: beyond a day, `report` is the tool)."""
BASELINE_DAYS = 14
"""Days before the window that are searched for comparable hours (our own: two weeks have each
weekday twice).
"""
BASELINE = (BASELINE_DAYS + 2) * 24 * HOUR
"""How far back facts are needed (ms)."""
RUN_IN = DEFAULT_WINDOWS["12h"] + 2 * HOUR
"""Facts from this long before the window count, so that each figure is right at its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Times are in ms since 1970. `bed` None: the whole unit. `offset`: local time minus UTC (ms).

    Raises `ValueError`.
    """

    at: int
    facility: str
    unit: str
    bed: str | None = None
    window: int = HOUR
    offset: int = 0

    def __post_init__(self) -> None:
        if not MINUTE <= self.window <= LONGEST:
            raise ValueError(f"window: expected 1 min to {LONGEST // HOUR} h")

    @property
    def begin(self) -> int:
        return self.at - self.window

    @property
    def minutes(self) -> list[int]:
        """The whole minutes in (begin, at]."""
        return list(range((self.begin // MINUTE + 1) * MINUTE, self.at + 1, MINUTE))
