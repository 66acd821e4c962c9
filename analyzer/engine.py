"""The engine: the facilities of one partition. The worker, `replay` and `tune` all call this and nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from analyzer.admission import Outcome
from analyzer.burden import Burden
from analyzer.episodes import EpisodeRecord
from analyzer.facility import Facility, ShardKey
from analyzer.facts import Fact, Topic
from analyzer.policy import Policy


class Engine:
    """Facts in, finished episodes and burdens out; `tally` counts what became of every record, by topic and outcome.

    >>> from analyzer.facts import AlarmEvent
    >>> engine = Engine(Policy())
    >>> engine.apply("alarms", AlarmEvent(
    ...     event_id="e1", alarm_id="a1", phase="start", at=0, facility="H", unit="ICU", bed="1", device_id="m1",
    ...     device_type="monitor", code="MDC_EVT_LO", kind="physiological", priority="high"), stamped=None)
    'accepted'
    >>> engine.advance(None)
    []
    >>> [unit.open_alarms for burden in engine.measure() for unit in burden.units]
    [1]
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._facilities: dict[str, Facility] = {}
        self.tally: dict[tuple[Topic, Outcome], int] = {}

    def apply(self, topic: Topic, fact: Fact, stamped: int | None) -> Outcome:
        """Take in one fact. `stamped`: the Kafka record's timestamp (ms), or None for complete history."""
        facility = self._facilities.get(fact.facility)
        if facility is None:
            facility = self._facilities[fact.facility] = Facility(fact.facility, self._policy)
        outcome = facility.apply(topic, fact, stamped)
        self.count(topic, outcome)
        return outcome

    def count(self, topic: Topic, outcome: Outcome) -> None:
        """Count a record; the caller does so itself for those that never became a fact."""
        key = (topic, outcome)
        self.tally[key] = self.tally.get(key, 0) + 1

    def advance(self, now: int | None) -> list[EpisodeRecord]:
        """Move every facility's time to `now`; None moves each to its own watermark. Returns what became final or changed."""
        records = []
        for name in sorted(self._facilities):
            facility = self._facilities[name]
            moment = facility.watermark if now is None else now
            if moment is not None:
                records += facility.advance(moment)
        return records

    def measure(self) -> list[Burden]:
        """The burdens of all facilities, ordered by name, at the time they were last advanced to."""
        burdens = (self._facilities[name].measure() for name in sorted(self._facilities))
        return [burden for burden in burdens if burden is not None]

    def watermarks(self) -> dict[str, int]:
        """Each facility's watermark (ms), where it has one."""
        return {name: mark for name, one in sorted(self._facilities.items()) if (mark := one.watermark) is not None}

    @property
    def held(self) -> int:
        """Episodes in memory."""
        return sum(facility.held for facility in self._facilities.values())

    # -- storage: state in shards of bounded size, (facility, shard key) -> plain values

    def changed_shards(self) -> Iterator[tuple[str, ShardKey]]:
        for name, facility in self._facilities.items():
            for key in facility.changed_shards():
                yield name, key

    def dump(self, facility: str, key: ShardKey) -> Any:
        return self._facilities[facility].dump(key)

    def stored(self) -> None:
        for facility in self._facilities.values():
            facility.stored()

    @classmethod
    def load(cls, policy: Policy, shards: dict[str, dict[ShardKey, Any]], tally: dict[tuple[Topic, Outcome], int]) -> Engine:
        self = cls(policy)
        self.tally = dict(tally)
        for name, of_facility in shards.items():
            self._facilities[name] = Facility.load(name, policy, of_facility)
        return self
