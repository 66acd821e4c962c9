"""Episodes: all events of one alarm, folded into one state that does not depend on the order they came in.

An episode knows its own events, label and responses by alarm id. It does not know rosters, beds, windows or the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from analyzer.facts import AlarmEvent, Kind, Label, Priority

Class = Literal["actionable", "non_actionable", "technical", "pending", "unknown"]

OPEN = 1 << 60
"""The `end` of an alarm that still sounds: later than any moment, and safe to add a duration to."""

PRIORITIES: tuple[Priority, ...] = ("info", "low", "medium", "high")
"""By rank; `info` is not an alarm (IEC 60601-1-8 calls it an information signal)."""
_RANK = {priority: rank for rank, priority in enumerate(PRIORITIES)}


class Static(NamedTuple):
    """What does not change over an episode; taken from its earliest `start` or `update`."""

    unit: str
    bed: str
    device_id: str
    device_type: str
    source: str
    code: str
    kind: Kind
    label: str | None


class Heard(NamedTuple):
    """A response, as far as episodes care."""

    at: int
    event_id: str
    intervenes: bool
    unit: str | None


class Readings:
    """The values an alarm reported, folded to what its extreme can be taken from.

    Which side of its limit the alarm guards is known from its onset (the earliest `start` or `update` with both), which
    can arrive last: so the furthest reading is kept on both sides.
    """

    __slots__ = ("apart", "first_limit", "first_value", "high", "highest", "low", "lowest", "onset")

    def __init__(self) -> None:
        self.onset: tuple[int, str, float, float] | None = None  # at, event_id, value, limit
        self.high: tuple[float, float, float] | None = None  # greatest (value - limit, value, -limit)
        self.low: tuple[float, float, float] | None = None  # greatest (limit - value, -value, -limit)
        self.highest: float | None = None  # among readings without a limit of their own
        self.lowest: float | None = None
        self.apart: tuple[float, int, str, float, float] | None = None  # least (-distance, at, event_id), value, limit
        self.first_value: tuple[int, str, float] | None = None
        self.first_limit: tuple[int, str, float] | None = None

    def fold(self, event: AlarmEvent) -> None:
        at, event_id, value, limit = event.at, event.event_id, event.value, event.limit
        if limit is not None:
            self.first_limit = _least(self.first_limit, (at, event_id, limit))
        if value is None:
            return
        self.first_value = _least(self.first_value, (at, event_id, value))
        if limit is None:
            self.highest = value if self.highest is None else max(self.highest, value)
            self.lowest = value if self.lowest is None else min(self.lowest, value)
            return
        self.high = _greatest(self.high, (value - limit, value, -limit))
        self.low = _greatest(self.low, (limit - value, -value, -limit))
        self.apart = _least(self.apart, (-abs(value - limit), at, event_id, value, limit))
        if event.phase != "end" and value != limit:
            self.onset = _least(self.onset, (at, event_id, value, limit))

    def extreme(self) -> tuple[float | None, float | None]:
        """The reading furthest beyond its limit, and that limit; None where unknown.

        A reading without a limit of its own is held against the onset's.
        """
        if self.onset is not None:
            _, _, value, limit = self.onset
            if value > limit:
                best = self.high
                if self.highest is not None:
                    best = _greatest(best, (self.highest - limit, self.highest, -limit))
                assert best is not None
                return best[1], -best[2]
            best = self.low
            if self.lowest is not None:
                best = _greatest(best, (limit - self.lowest, -self.lowest, -limit))
            assert best is not None
            return -best[1], -best[2]
        if self.apart is not None:
            return self.apart[3], self.apart[4]
        return (
            self.first_value[2] if self.first_value else None,
            self.first_limit[2] if self.first_limit else None,
        )

    def dump(self) -> list[Any]:
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def load(cls, content: list[Any]) -> Readings:
        readings = cls()
        for name, value in zip(cls.__slots__, content, strict=True):
            setattr(readings, name, tuple(value) if isinstance(value, list) else value)
        return readings


def _least(a: Any, b: Any) -> Any:
    return b if a is None or b < a else a


def _greatest(a: Any, b: Any) -> Any:
    return b if a is None or b > a else a


class Observation(NamedTuple):
    """An episode's entry in the response-time histogram."""

    unit: str
    priority: Priority
    milliseconds: int


class Episode:
    """One alarm: its events merged, what is known of it from elsewhere, and what follows from both.

    The derived part (`end`, `team`, ...) is written by the facility whenever a fact touched the episode.
    """

    __slots__ = (
        "alarm_id", "block", "cover", "digest", "end", "ends", "first", "first_response", "heard", "intervened", "label",
        "latest", "observed", "rank", "readings", "recipients", "row", "static", "team",
    )  # fmt: skip

    def __init__(self, alarm_id: str) -> None:
        self.alarm_id = alarm_id
        self.block = 0
        # merged from events
        self.first: tuple[int, str] | None = None  # (at, event_id) of the earliest start or update; None: it does not exist
        self.static: Static | None = None
        self.ends: tuple[int, ...] = ()
        self.rank = 0
        self.recipients: frozenset[str] = frozenset()
        self.readings: Readings | None = None
        self.latest = -OPEN  # greatest `at` of anything known of it
        # told by others
        self.label: tuple[int, str, str] | None = None  # at, event_id, verdict
        self.heard: list[Heard] = []  # responses by alarm id
        # derived
        self.row = -1
        self.end = OPEN
        self.team: frozenset[str] = frozenset()
        self.first_response: int | None = None
        self.intervened = False
        self.cover: tuple[str, tuple[int, ...]] = ("", ())  # cover times that its unit owes to responses without a unit
        # told to others
        self.digest: int | None = None  # of the last record published
        self.observed: Observation | None = None

    @property
    def exists(self) -> bool:
        return self.first is not None

    @property
    def start(self) -> int:
        assert self.first is not None
        return self.first[0]

    @property
    def is_alarm(self) -> bool:
        return self.static is not None and self.rank > 0 and self.static.kind != "advisory"

    def merge(self, event: AlarmEvent, intern: dict[Static, Static]) -> None:
        """Fold one event in. `intern` makes equal static fields one object."""
        self.rank = max(self.rank, _RANK[event.priority])
        self.latest = max(self.latest, event.at)
        if event.recipients:
            self.recipients |= frozenset(event.recipients)
        if event.value is not None or event.limit is not None:
            if self.readings is None:
                self.readings = Readings()
            self.readings.fold(event)
        if event.phase == "end":
            if event.at not in self.ends:
                self.ends = (*self.ends, event.at)
        elif self.first is None or event.order < self.first:
            self.first = event.order
            static = Static(event.unit, event.bed, event.device_id, event.device_type, event.source, event.code, event.kind, event.label)
            self.static = intern.setdefault(static, static)

    def judge(self, label: Label) -> None:
        self.latest = max(self.latest, label.at)
        if self.label is None or label.order > self.label[:2]:
            self.label = (label.at, label.event_id, label.verdict)

    def hear(self, heard: Heard) -> None:
        self.latest = max(self.latest, heard.at)
        self.heard.append(heard)

    def dump(self, published: bool) -> list[Any]:
        """Merged and told state in plain values; the derived part follows from it.

        Without `published`, the episode is to be published again when it is loaded.
        """
        return [
            self.alarm_id, self.first, self.static, self.ends, self.rank, sorted(self.recipients),
            self.readings and self.readings.dump(), self.latest, self.label, self.heard,
            self.digest if published else None, self.observed,
        ]  # fmt: skip

    @classmethod
    def load(cls, content: list[Any], intern: dict[Static, Static]) -> Episode:
        episode = cls(content[0])
        _, first, static, ends, episode.rank, recipients, readings, episode.latest, label, heard, digest, observed = content
        if first is not None:
            static = Static(*static)
            episode.first, episode.static = tuple(first), intern.setdefault(static, static)
        episode.ends = tuple(ends)
        episode.recipients = frozenset(recipients)
        episode.readings = Readings.load(readings) if readings else None
        episode.label = tuple(label) if label else None
        episode.heard = [Heard(*one) for one in heard]
        episode.digest = digest
        episode.observed = Observation(*observed) if observed else None
        return episode


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeRecord:
    """A finished episode as tuning reads it. Times in ms; `clinicians` raw ids, sorted; `basis` the rule that decided."""

    facility: str
    unit: str
    bed: str
    alarm_id: str
    device_id: str
    device_type: str
    source: str
    code: str
    kind: Kind
    label: str | None
    priority: Priority
    start: int
    end: int
    value: float | None
    limit: float | None
    clinicians: tuple[str, ...]
    class_: Class
    basis: str | None
    first_response: int | None
