"""The oracle of control records: admission and facts of one facility.

A record is a fact with its Kafka timestamp (None: complete history), or a `Control`. Topics are
independent of each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from analyzer import Command
from analyzer.model.facts import AlarmEvent, Assignment, Fact, Label, Response, Topic
from analyzer.model.policy import Policy
from tests.oracle.admission import Outcome, judged


@dataclass(frozen=True)
class Control:
    """`reset` with a moment (ms), `forget` without; `forget_clinician` with a clinician."""

    at: int | None = None
    clinician: str | None = None

    @property
    def command(self) -> Command:
        if self.clinician is not None:
            return "forget_clinician"
        return "forget" if self.at is None else "reset"


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
        if isinstance(record, Control) and record.clinician is not None:
            facts = without_clinician(facts, record.clinician)
        elif isinstance(record, Control):
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


def without_clinician(facts: list[Fact], clinician: str) -> list[Fact]:
    """Facts of one topic without what names a clinician: assignments that were last the
    clinician's, recipients, who responded, and who reviewed.
    """
    latest: dict[str, Assignment] = {}
    for fact in facts:
        if isinstance(fact, Assignment):
            known = latest.get(fact.assignment_id)
            if known is None or known.order < fact.order:
                latest[fact.assignment_id] = fact
    left: list[Fact] = []
    for fact in facts:
        match fact:
            case Assignment():
                if clinician not in (fact.clinician, latest[fact.assignment_id].clinician):
                    left.append(fact)
            case AlarmEvent():
                others = tuple(one for one in fact.recipients or () if one != clinician)
                left.append(replace(fact, recipients=others))
            case Response():
                own = fact.clinician == clinician
                left.append(replace(fact, clinician=None) if own else fact)
            case Label():
                own = fact.reviewer == clinician
                left.append(replace(fact, reviewer=None) if own else fact)
    return left


def named_in(facts: Iterable[Fact | Control]) -> list[str]:
    """The clinicians that facts name, and one that none does."""
    found = {"nobody"}
    for fact in facts:
        if isinstance(fact, Assignment | Response) and fact.clinician is not None:
            found.add(fact.clinician)
        if isinstance(fact, AlarmEvent):
            found.update(fact.recipients or ())
    return sorted(found)


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
        if isinstance(record, Control) and record.clinician is not None:
            counted[topic] = without_clinician(facts, record.clinician)
            continue
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
