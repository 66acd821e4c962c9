"""The answer: immutable, the same for the same facts in any order."""

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
"""The best first."""
Confidence = Literal["high", "moderate", "low"]
Strength = Literal["stronger", "intermediate", "weaker"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the timeline: `at` and `until` in ms, and the ids of the records it rests on.

    `until`: of what lasted, None if it still did at the moment in question or does not last.
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
    """A condition that was looked at. `limit` is that of the policy, where it has one.

    `counterfactuals` are indexes of those that concern it. `confidence` is that of a figure among
    its comparable hours, or of what records show; None where nothing can be said.
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
    """What one change would have done to one condition.

    `dose` holds the change in the lever's own terms. `condition`: kind, subject and time.
    `hidden_actionable`: alarms of class actionable that the change would have hidden.
    """

    lever: Lever
    dose: Mapping[str, Any]
    condition: Mapping[str, Any]
    verdict: Verdict
    hidden_actionable: int
    detail: str


@dataclass(frozen=True, slots=True)
class Measure:
    """How `compare` can tell later whether an action worked."""

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
    """What it would have done here, and what it would have cost."""
    counterfactual: int | None = None
    """The index of the counterfactual that it rests on."""


@dataclass(frozen=True, slots=True)
class OwnAlarm:
    """An alarm type that sounded in the window, and its history at the bed (the unit, if no bed is
    in question) before: `limit` in force as the last alarm showed it.

    `raised`, `answered`: how many in the `days` before, and how many had a response.
    `non_actionable`: among those known to have needed somebody or not. No feed tells a delay.
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
    """A bed of the unit in the window: alarms that sounded, how many of them were answered, and
    silenced (None: no responses were recorded), and the longest technical alarm.
    """

    bed: str
    alarms: int
    answered: int | None
    silenced: int | None
    signal_lost_minutes: float


@dataclass(frozen=True, slots=True)
class Incident:
    """What the facts say about a moment. It is input to a review, never its verdict."""

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
