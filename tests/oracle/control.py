"""The oracle of control records: admission and facts of one facility.

A record is a fact with its Kafka timestamp (None: complete history), or a `Control`. Topics are
independent of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.model.facts import AlarmEvent, Assignment, Fact, Label, Response, Topic
from analyzer.model.policy import Policy
from tests.oracle.admission import Outcome, judged


@dataclass(frozen=True)
class Control:
    """`reset` with a moment (ms), `forget` without."""

    at: int | None = None


@dataclass(frozen=True)
class Seen:
    """What a topic remembers of a fact that it accepted."""

    event_id: str
    at: int


def facts_after(records: Sequence[Fact | Control], policy: Policy) -> list[Fact]:
    """The facts of one topic's history, without duplicates and what was reset or forgotten."""
    seen: list[Seen] = []
    facts: list[Fact] = []
    for record in records:
        if isinstance(record, Control):
            moment = -(1 << 60) if record.at is None else record.at
            if any(one.at > moment for one in seen):
                watermark = max(one.at for one in seen)
                seen = [one for one in seen if watermark - policy.horizon <= one.at <= moment]
                facts = without_ahead(facts, moment)
        elif record.event_id not in {one.event_id for one in seen}:
            seen.append(Seen(record.event_id, record.at))
            facts.append(record)
    return facts


def without_ahead(facts: list[Fact], moment: int) -> list[Fact]:
    """Facts of one topic without those ahead of a moment, and without the others about the same
    thing.
    """
    ahead = {_about(fact) for fact in facts if fact.at > moment}
    return [fact for fact in facts if _about(fact) not in ahead]


def _about(fact: Fact) -> str:
    """The key by which records merge; each response and label has its own."""
    match fact:
        case AlarmEvent():
            return fact.alarm_id
        case Assignment():
            return fact.assignment_id
        case Response() | Label():
            return fact.event_id


Stamped = tuple[Topic, Fact | Control, int]
"""A record of a topic with its Kafka timestamp (ms)."""


def live(records: Sequence[Stamped], policy: Policy) -> tuple[list[Fact], list[Outcome]]:
    """The accepted facts of live records, and the outcome of each fact in order of delivery."""
    seen: dict[Topic, list[Fact]] = {}
    counted: dict[Topic, list[Fact]] = {}
    outcomes: list[Outcome] = []
    for topic, record, stamp in records:
        known, facts = seen.setdefault(topic, []), counted.setdefault(topic, [])
        if isinstance(record, Control):
            moment = -(1 << 60) if record.at is None else record.at
            watermark = max((fact.at for fact in known), default=moment)
            if watermark > moment:
                least = watermark - policy.horizon
                seen[topic] = [fact for fact in known if least <= fact.at <= moment]
                counted[topic] = without_ahead(facts, moment)
            continue
        outcome = judged(record, stamp, known, policy)
        outcomes.append(outcome)
        if outcome == "accepted":
            known.append(record)
            facts.append(record)
    return [fact for facts in counted.values() for fact in facts], outcomes
