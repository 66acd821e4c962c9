"""The oracle of admission: which records count, and why others do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from analyzer.model.facts import FACT_TYPES, AlarmEvent, Assignment, Fact, Label, Response, Topic
from analyzer.model.policy import Policy

Outcome = Literal["accepted", "duplicate", "future", "late"]


def admission(
    records: Sequence[tuple[Topic, Fact, int]], policy: Policy, partitions: int = 1
) -> list[Outcome]:
    """The outcome of each (topic, fact, Kafka record timestamp), in order of delivery, for one
    facility.

    Each topic has its own watermark. `partitions` has no effect: records without a key count as
    routed correctly.
    """
    accepted: dict[Topic, list[Fact]] = {topic: [] for topic in FACT_TYPES}
    outcomes: list[Outcome] = []
    for topic, fact, timestamp in records:
        outcome = judged(fact, timestamp, accepted[topic], policy)
        outcomes.append(outcome)
        if outcome == "accepted":
            accepted[topic].append(fact)
    return outcomes


def judged(fact: Fact, timestamp: int, accepted: list[Fact], policy: Policy) -> Outcome:
    """Check in order: duplicate, future, late. `accepted` has the topic's facts so far."""
    by_stamp: Outcome = "accepted"
    if fact.at > timestamp + policy.max_ahead:
        by_stamp = "future"
    elif isinstance(fact, AlarmEvent | Response) and fact.at < timestamp - policy.horizon:
        by_stamp = "late"
    if not accepted:
        return by_stamp
    watermark = max(earlier.at for earlier in accepted)

    for earlier in accepted:
        if earlier.event_id == fact.event_id and earlier.at >= watermark - policy.horizon:
            return "duplicate"

    if by_stamp != "accepted":
        return by_stamp

    if isinstance(fact, AlarmEvent | Response):
        late = fact.at < watermark - policy.allowed_lateness
    elif isinstance(fact, Label):
        late = fact.at < watermark - policy.horizon
    else:
        late = fact.at < watermark - policy.horizon and not _kept_past_horizon(
            fact, watermark, policy
        )
    return "late" if late else "accepted"


def _kept_past_horizon(fact: Assignment, watermark: int, policy: Policy) -> bool:
    """Whether an assignment older than the horizon is accepted because it is still in force.

    In force: its `to` is open or after the topic's watermark.
    """
    return fact.at < watermark - policy.horizon and (fact.end is None or fact.end > watermark)
