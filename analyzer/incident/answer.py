"""The answer: immutable, the same for the same facts in any order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from analyzer.incident.baseline import Baseline
from analyzer.incident.completeness import Completeness
from analyzer.incident.conditions import Minute
from analyzer.incident.question import Question

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
Strength = Literal["stronger", "intermediate", "weaker"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the timeline: `at` in ms, and the ids of the records it rests on."""

    at: int
    kind: str
    text: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Factor:
    """A condition that was looked at. `limit` is that of the policy, where it has one.

    `counterfactuals` are indexes of those that concern it.
    """

    kind: Kind
    statement: str
    value: float | None
    limit: float | None
    baseline: Baseline | None
    counterfactuals: tuple[int, ...] = ()


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
    policy: str
    """The fingerprint of the policy."""
