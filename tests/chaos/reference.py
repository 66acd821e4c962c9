"""What must be made of a log of records: the naive reading, of its beginning or of all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from analyzer import AlarmEvent, Fact, Policy, Topic
from streams.formats.codec import Malformed, decode
from tests.harness.workers import Message, Numbers
from tests.oracle import overload as naive_overload
from tests.oracle import reference as naive

POLICY = Policy()

Events = dict[tuple[str, str], float]
Place = tuple[str, int, int]
"""Topic, partition, offset."""


class Truth(NamedTuple):
    """What /metrics of all workers together must show: burdens, and `events_total` by topic and
    outcome where not zero.
    """

    numbers: Numbers
    events: Events


@dataclass
class _Facility:
    """Its records by their number in the log, its accepted facts, and the naive numbers of so many
    of these.
    """

    numbers: list[int]
    records: list[tuple[Topic, Fact, int]]
    accepted: list[tuple[int, Fact]]
    known: dict[int, Numbers]


class Reference:
    """Outcomes of all records at once, since each depends on earlier ones only; numbers of any
    beginning of the log when asked.

    `records` are in an order that keeps that of each facility and topic. With several partitions,
    as here, a record must have its facility for a key.
    """

    def __init__(self, records: Sequence[Message]) -> None:
        self.records = records
        self.outcomes: list[str] = []
        self._facilities: dict[str, _Facility] = {}
        self._keys: dict[Any, Any] = {}
        for number, one in enumerate(records):
            topic: Topic = one.topic  # type: ignore[assignment]
            try:
                fact = decode(topic, one.value)
            except Malformed:
                self.outcomes.append("malformed")
                continue
            self.outcomes.append("misrouted")
            if one.key == fact.facility.encode():
                facility = self._facilities.setdefault(fact.facility, _Facility([], [], [], {}))
                facility.numbers.append(number)
                facility.records.append((topic, fact, one.stamp))
        for facility in self._facilities.values():
            judged = naive.admission(facility.records, POLICY)
            for number, (_, fact, _), outcome in zip(
                facility.numbers, facility.records, judged, strict=True
            ):
                self.outcomes[number] = outcome
                if outcome == "accepted":
                    facility.accepted.append((number, fact))

    def truth(self, count: int | None = None) -> Truth:
        """Of the first `count` records; None: of all."""
        count = len(self.records) if count is None else count
        found: Numbers = {}
        for facility in self._facilities.values():
            facts = [fact for number, fact in facility.accepted if number < count]
            if len(facts) not in facility.known:
                facility.known[len(facts)] = self._shared(_numbers(facts))
            found |= facility.known[len(facts)]
        events = Counter(
            (one.topic, outcome)
            for one, outcome in zip(self.records[:count], self.outcomes, strict=False)
        )
        return Truth(found, dict(events))

    def _shared(self, numbers: Numbers) -> Numbers:
        """With keys that all moments share: there are many moments, and keys are the larger part of
        each.
        """
        return {self._keys.setdefault(key, key): value for key, value in numbers.items()}

    def episodes(self) -> dict[tuple[str, str], dict[str, Any]]:
        """By facility and alarm id, what the last record of each finished episode must say (but for
        its `id`).
        """
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for name, facility in self._facilities.items():
            facts = [fact for _, fact in facility.accepted]
            now = _watermark(facts)
            for alarm_id, one in (
                naive.episodes(facts, now, POLICY).items() if now is not None else ()
            ):
                if one.final:
                    found[name, alarm_id] = _as_sent(name, one)
        return found

    def bad(self) -> Iterator[int]:
        """Numbers of the records that belong into `rejected`."""
        return (
            number
            for number, outcome in enumerate(self.outcomes)
            if outcome not in ("accepted", "duplicate")
        )


def _watermark(facts: Iterable[Fact]) -> int | None:
    return max((fact.at for fact in facts if isinstance(fact, AlarmEvent)), default=None)


def _numbers(facts: Sequence[Fact]) -> Numbers:
    now = _watermark(facts)
    if now is None:
        return {}
    # The names of alarm types belong to no facility: several workers may show the same one.
    return {
        series: value
        for series, value in naive_overload.metrics(facts, now, POLICY).items()
        if series[0] != "alarm_fatigue_alarm_type_info"
    }


def _as_sent(facility: str, one: naive.Episode) -> dict[str, Any]:
    ours = ("klass", "is_alarm", "open", "final", "named", "labels")  # what a record does not hold
    fields = {name: getattr(one, name) for name in vars(one) if name not in ours}
    return fields | {"facility": facility, "class": one.klass, "clinicians": sorted(one.clinicians)}


# --- differences


def difference(found: Any, expected: Any, what: str, shown: int = 4) -> str | None:
    """In one line, how two mappings differ; None if they are equal, to the last bit."""
    if found == expected:
        return None
    missing = [key for key in expected if key not in found]
    surplus = [key for key in found if key not in expected]
    other = [key for key in expected if key in found and found[key] != expected[key]]
    parts = [
        f"{what}: {len(missing)} missing, {len(surplus)} too many, "
        f"{len(other)} different of {len(expected)}"
    ]
    parts += [f"missing {_shown(key)} = {expected[key]}" for key in missing[:shown]]
    parts += [f"too many {_shown(key)} = {found[key]}" for key in surplus[:shown]]
    parts += [f"{_shown(key)} is {_other(found[key], expected[key])}" for key in other[:shown]]
    return "; ".join(parts)


def _shown(key: Any) -> str:
    if isinstance(key, tuple) and len(key) == 2 and isinstance(key[1], frozenset):
        return f"{key[0]}{dict(sorted(key[1]))}"
    return str(key)


def _other(found: Any, expected: Any) -> str:
    if isinstance(found, dict) and isinstance(expected, dict):
        names = [
            name for name in expected.keys() | found.keys() if found.get(name) != expected.get(name)
        ]
        return ", ".join(
            f"{name} {found.get(name)} not {expected.get(name)}" for name in sorted(names)
        )
    return f"{found} not {expected}"
