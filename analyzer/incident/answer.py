"""The answer of an analysis. It is immutable, and does not depend on the order of the facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from analyzer.incident.baseline import Baseline
from analyzer.incident.completeness import Completeness
from analyzer.incident.conditions import Minute
from analyzer.incident.question import Question
from analyzer.stats.shares import Share

Kind = Literal[
    "silenced",
    "signal_lost",
    "feed_gap",
    "staffing",
    "overload",
    "flood",
    "unanswered",
    "protected_time",
    "response_time",
    "standing",
    "recent_change",
]
Lever = Literal[
    "move_bed",
    "add_clinician",
    "ratio",
    "limit",
    "delay",
    "hold_off",
    "priority",
    "mend_device",
    "escalate",
]
Verdict = Literal["prevented", "delayed", "moved", "unchanged", "not_assessable", "refused"]
VERDICTS: tuple[Verdict, ...] = (
    "prevented",
    "delayed",
    "moved",
    "unchanged",
    "not_assessable",
    "refused",
)
"""Verdicts, the best first."""
Confidence = Literal["high", "moderate", "low"]
Strength = Literal["stronger", "intermediate", "weaker"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the timeline: `at` and `until` in ms, and the ids of its records.

    `until`: when it ended; None if it lasted beyond the moment in question, or is a point in time.
    `bed`, `clinician`: whom it concerns; both None: the unit.
    """

    at: int
    kind: str
    text: str
    ids: tuple[str, ...]
    bed: str | None = None
    clinician: str | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Factor:
    """A condition that was examined. `limit` is that of the policy, if it has one.

    `counterfactuals`: the indexes of those for this condition. `confidence`: how sure the
    comparison with comparable hours, or the evidence of the records, is; None if nothing can be
    said.
    """

    kind: Kind
    statement: str
    value: float | None
    limit: float | None
    baseline: Baseline | None
    counterfactuals: tuple[int, ...] = ()
    confidence: Confidence | None = None


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """The effect that one change would have had on one condition.

    `dose`: the change in the lever's own terms. `condition`: kind, subject and time.
    `hidden_actionable`: how many actionable alarms the change would have suppressed.
    """

    lever: Lever
    dose: Mapping[str, Any]
    condition: Mapping[str, Any]
    verdict: Verdict
    hidden_actionable: int
    detail: str


@dataclass(frozen=True, slots=True)
class Measure:
    """The measure with which `compare` can later show whether an action worked."""

    numerator: str
    denominator: str
    threshold: str
    review_after_days: int


@dataclass(frozen=True, slots=True)
class Action:
    """A change of the system; `owner` is a role, `factors` are indexes."""

    change: str
    owner: str
    strength: Strength
    factors: tuple[int, ...]
    measure: Measure
    effect: str
    """Its effect in this window, and its cost."""
    counterfactual: int | None = None
    """The index of the counterfactual on which it is based."""


@dataclass(frozen=True, slots=True)
class OwnAlarm:
    """An alarm type that sounded in the window, and its history at the bed before (of the unit, if
    no bed is in question).

    `limit`: the limit in force, from the last alarm. `raised`, `answered`: how many there were in
    the `days` before, and how many of them had a response. `non_actionable`: the share among the
    classified ones. Alarm feeds do not contain delays.
    """

    type: tuple[str, str, str]
    name: str
    in_window: int
    limit: float | None
    days: int
    at_bed: Past
    on_unit: Past


@dataclass(frozen=True, slots=True)
class Past:
    raised: int
    answered: int | None
    """None: no responses were recorded."""
    non_actionable: Share


@dataclass(frozen=True, slots=True)
class BedHour:
    """A bed of the unit in the window: how many alarms sounded, how many of them were answered and
    silenced (None: no responses were recorded), and the longest technical alarm.
    """

    bed: str
    alarms: int
    answered: int | None
    silenced: int | None
    signal_lost_minutes: float


@dataclass(frozen=True, slots=True)
class Incident:
    """The analysis of a moment. It is input to a review, never its verdict."""

    question: Question
    summary: str
    completeness: Completeness
    timeline: tuple[Entry, ...]
    conditions: tuple[Minute, ...]
    factors: tuple[Factor, ...]
    not_factors: tuple[Factor, ...]
    counterfactuals: tuple[Counterfactual, ...]
    actions: tuple[Action, ...]
    own_alarms: tuple[OwnAlarm, ...]
    beds: tuple[BedHour, ...]
    policy: str
    """The fingerprint of the policy."""
