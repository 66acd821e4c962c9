"""Overload: the states of clinicians and units, and what a change of state reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # the columns need numpy, which the settings do not
    from analyzer.columns.statics import AlarmType


STATES = ("normal", "elevated", "overloaded")
NORMAL, ELEVATED, OVERLOADED = range(len(STATES))


class Reason(NamedTuple):
    """A measure, its value, and the limit of `state` that the value is beyond.

    When a state is left, it is the limit that the value is no longer beyond.
    """

    measure: str
    value: float
    state: str
    limit: float
    """The one of the next two that decides: `enter` when the state rises, else `leave`."""
    enter: float
    """Beyond this, `state` is entered."""
    leave: float
    """Here and on the quiet side of it, `state` is left."""


class Relief(NamedTuple):
    """A suggestion: `giver` hands `bed` to `taker`, who is on duty in the same unit.

    Alarm counts are those of the last hour, (before, after) the move. The taker's after
    the move include all alarms of the bed in that hour, whichever clinician had the bed.
    """

    bed: str
    giver: str
    giver_alarms: tuple[int, int]
    taker: str
    taker_alarms: tuple[int, int]
    taker_beds: int
    """How many beds the taker has after the move, in any unit."""

    @property
    def spared(self) -> int:
        """How many alarms an hour the giver is spared."""
        return self.giver_alarms[0] - self.giver_alarms[1]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the state of a clinician, or of a unit (`clinician` is None), at `at` (ms).

    Clinicians are named by their raw ids.
    """

    facility: str
    unit: str
    clinician: str | None
    at: int
    before: str
    after: str
    reasons: tuple[Reason, ...]
    top_types: tuple[tuple[AlarmType, int], ...]
    """The alarm types with most alarms in the last hour, with their counts."""
    relief: Relief | None
    """None if the state falls, or if no move may be advised."""

    def advises(self, clinician: str) -> bool:
        """Whether it suggests that the clinician hands over or takes a bed."""
        return self.relief is not None and clinician in (self.relief.giver, self.relief.taker)


@dataclass(frozen=True, slots=True)
class Correction:
    """A note that a change of state was found, or retracted, later than its event time.

    It depends on the order in which the facts arrived. No number is computed from it.
    """

    at: int
    """The facility's time when it was found (ms)."""
    by: tuple[str, ...]
    """The topics with facts that had come late, sorted."""
    replaces: tuple[str, str, int] | None
    """The change reported before in its place: states before and after, and time (ms). None: none
    was reported.
    """


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """A change to emit, or the retraction of a change that was emitted and no longer holds."""

    change: Change
    retracted: bool = False
    correction: Correction | None = None
    """None: it was found when its time came."""
