"""Admission: which facts of one topic of one facility count, judged by that topic and facility alone.

It refuses to know other topics: so the verdicts come out the same after a crash, or at another interleaving of topics.
"""

from __future__ import annotations

from typing import Any, Literal

from analyzer.facts import Assignment, Fact, Topic
from analyzer.policy import Policy

Outcome = Literal["accepted", "duplicate", "malformed", "misrouted", "future", "late"]
OUTCOMES: tuple[Outcome, ...] = ("accepted", "duplicate", "malformed", "misrouted", "future", "late")
TOPICS: tuple[Topic, ...] = ("alarms", "assignments", "responses", "labels")

IDS_PER_BLOCK = 2048


class SeenIds:
    """The `event_id`s accepted within the horizon, in blocks of the order they came in (the unit of storage)."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._blocks: dict[int, tuple[list[str], int]] = {}  # number -> ids, greatest `at` among them
        self._newest = 0
        self.dirty: set[int] = set()

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, event_id: str, at: int) -> None:
        self._ids.add(event_id)
        ids, latest = self._blocks.get(self._newest, ([], at))
        if len(ids) >= IDS_PER_BLOCK:
            self._newest += 1
            ids, latest = [], at
        ids.append(event_id)
        self._blocks[self._newest] = ids, max(latest, at)
        self.dirty.add(self._newest)

    def drop_before(self, moment: int) -> None:
        """Forget the blocks that hold nothing of `moment` or later."""
        for number, (ids, latest) in list(self._blocks.items()):
            if latest < moment:
                self._ids.difference_update(ids)
                del self._blocks[number]
                self.dirty.add(number)

    def dump(self, number: int) -> Any:
        """The block's content in plain values; None once it is gone."""
        return self._blocks.get(number)

    def load(self, number: int, content: Any) -> None:
        ids, latest = content
        self._blocks[number] = list(ids), latest
        self._ids.update(ids)
        self._newest = max(self._newest, number)
        self.dirty.add(number)


class Admission:
    """The gate of one topic and facility: its watermark, and the ids that came through it."""

    def __init__(self, topic: Topic, policy: Policy) -> None:
        self._topic = topic
        self._policy = policy
        self.watermark: int | None = None
        self.seen = SeenIds()

    def admit(self, fact: Fact, stamped: int | None) -> Outcome:
        """Judge `fact`, and remember it if accepted.

        `stamped` is the Kafka record's timestamp in ms; None says that the input is complete history, in which nothing is
        late or in the future.
        """
        policy, watermark = self._policy, self.watermark
        if fact.event_id in self.seen and (stamped is None or watermark is None or fact.at >= watermark - policy.horizon):
            return "duplicate"
        if stamped is not None:
            if fact.at > stamped + policy.max_ahead:
                return "future"
            if watermark is not None and self._late(fact, watermark):
                return "late"
        self.seen.add(fact.event_id, fact.at)
        if watermark is None or fact.at > watermark:
            self.watermark = fact.at
        return "accepted"

    def _late(self, fact: Fact, watermark: int) -> bool:
        if self._topic in ("alarms", "responses"):
            return fact.at < watermark - self._policy.allowed_lateness
        # People chart late: a roster or an adjudication only has to reach what is still held.
        in_force = isinstance(fact, Assignment) and (fact.end is None or fact.end > watermark)
        return fact.at < watermark - self._policy.horizon and not in_force

    def forget(self) -> None:
        """Drop the ids that the horizon has passed."""
        if self.watermark is not None:
            self.seen.drop_before(self.watermark - self._policy.horizon)
