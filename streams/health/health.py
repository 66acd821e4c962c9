"""Health: how current and complete a worker's numbers are, as facts and as sentences.

Silence proves nothing. Without an answer of the broker within `BROKER_SECONDS`, a worker cannot
know which records it lacks, and is not ready.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from analyzer import TOPICS, ClockOffset, Outcome, Topic
from analyzer.pipeline import MINUTES, OTHER
from streams.health.transactions import HELD_BACK_SECONDS
from streams.partitions.partition import Partition
from streams.partitions.pressure import Backpressure
from streams.partitions.recomputing import Progress

BROKER_SECONDS = 15.0
"""Without an answer for this long, the broker counts as absent. An idle worker gets an answer every
half second, a worker in a rebalance at least every ten seconds."""
REFUSED_SHARE = 0.05
"""A feed with a larger share of refused events in 10 min is reported as incomplete (our own limit;
occasional faulty records stay below it)."""
REFUSED_LEAST = 5
"""With fewer refused events, no share is reported."""
OFFSET_SECONDS = 120.0
"""Greater clock offsets are reported. This is the default of `max_ahead`, beyond which events are
refused.
"""
_HOUR = 3600.0
_NEAR_AN_HOUR = 600.0
_NOWHERE: Mapping[tuple[str, int], float] = {}
_NO_PRESSURE = Backpressure()

REFUSED: dict[Outcome, str] = {
    "late": "late",
    "future": "from the future",
    "malformed": "malformed",
    "misrouted": "under a wrong key",
}
LOSSES = {
    "undeliverable_records": (
        "{} of our own records were refused by the broker and are lost (topic {})"
    ),
    "truncated_records": "{} of our own records were too long and were cut (topic {})",
    "unreadable_batches": "{} batches of records could not be read and were skipped (topic {})",
}
"""The sentence for each metric whose count since the start is above 0."""


@dataclass(frozen=True, slots=True)
class Warned:
    """A reason why numbers are incomplete or wrong. `facility` is None if it concerns all."""

    facility: str | None
    says: str


@dataclass(frozen=True, slots=True)
class Health:
    """The health at one moment. Times in seconds since the epoch by the worker's clock."""

    now: float
    answered_at: float | None
    """When the broker last answered; None before its first answer."""
    counts: Mapping[Topic, int] = field(default_factory=dict)
    """Partitions of the inputs, as last reported by the broker."""
    partitions: int = 0
    """Partitions of each input that the group reads."""
    ahead: Mapping[str, float] = field(default_factory=dict)
    """By facility: how far (s) its watermark is ahead of the clock, if by more than `max_ahead`."""
    recent: Mapping[tuple[str, Topic, Outcome], int] = field(default_factory=dict)
    """Records read in the last 10 min, by facility, topic and outcome."""
    since: float | None = None
    """When counting `recent` began."""
    offsets: tuple[ClockOffset, ...] = ()
    losses: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By metric of `LOSSES` and topic, since the worker started."""
    held_back: Mapping[tuple[str, int], float] = field(default_factory=dict)
    """For how long (s) an open transaction has blocked each topic-partition; 0 if none does."""
    unmeasured: int = 0
    """Facilities whose numbers could not be computed."""
    pressure: Backpressure = _NO_PRESSURE
    """Partitions that are not read, because too many episodes wait for a checkpoint."""
    recomputing: Progress | None = None
    """How far the state is computed again; None: it is complete."""
    counted: bool = True
    """Whether sentences may give the number of a facility's events."""

    @classmethod
    def of(
        cls,
        held: Iterable[Partition],
        now: float,
        answered_at: float | None,
        counts: Mapping[Topic, int],
        partitions: int,
        max_ahead: int | None,
        losses: Mapping[str, Mapping[str, int]],
        held_back: Mapping[tuple[str, int], float] = _NOWHERE,
        unmeasured: int = 0,
        pressure: Backpressure = _NO_PRESSURE,
        recomputing: Progress | None = None,
    ) -> Health:
        """The health of the partitions `held`.

        `max_ahead` in ms; None with the event clock, by which no watermark is ahead.
        """
        ms = int(now * 1000)
        ahead: dict[str, float] = {}
        recent: dict[tuple[str, Topic, Outcome], int] = {}
        offsets: list[ClockOffset] = []
        since: list[int] = []
        for one in held:
            if one.recomputing is not None:
                continue  # it reads the past, of which nothing is true of the last 10 min
            if max_ahead is not None:
                marks = one.engine.watermarks().items()
                ahead |= {name: (mark - ms) / 1000 for name, mark in marks if mark - ms > max_ahead}
            for key, count in one.engine.recent.counts(ms).items():
                recent[key] = recent.get(key, 0) + count
            offsets += one.engine.recent.offsets(ms)
            if one.engine.recent.since is not None:
                since.append(one.engine.recent.since)
        began = min(since) / 1000 if since else None
        return cls(
            now=now,
            answered_at=answered_at,
            counts=counts,
            partitions=partitions,
            ahead=ahead,
            recent=recent,
            since=began,
            offsets=tuple(offsets),
            losses=losses,
            held_back=held_back,
            unmeasured=unmeasured,
            pressure=pressure,
            recomputing=recomputing,
        )

    def about(self, touched: Callable[[str], bool], whole: Callable[[str], bool]) -> Health:
        """The health as shown to a reader who sees only some facilities, and only some units of
        those that are not `whole`. It names no other facility, and gives no numbers of events
        unless all facilities are whole. Lines that name no facility stay, because they may concern
        any.
        """
        return replace(
            self,
            ahead={name: one for name, one in self.ahead.items() if touched(name)},
            recent={key: one for key, one in self.recent.items() if not key[0] or touched(key[0])},
            offsets=tuple(one for one in self.offsets if touched(one.facility)),
            counted=all(whole(key[0]) for key in self.recent if touched(key[0])),
        )

    @property
    def silent_seconds(self) -> float | None:
        """For how long the broker has not answered; None before its first answer."""
        return None if self.answered_at is None else max(self.now - self.answered_at, 0.0)

    @property
    def unread(self) -> dict[Topic, int]:
        """Partitions of each input that the group does not read."""
        return {topic: max(count - self.partitions, 0) for topic, count in self.counts.items()}

    @property
    def not_ready(self) -> str | None:
        """Why the numbers are not reliable; None if no reason is known."""
        silent = self.silent_seconds
        if silent is None:
            return "the broker has not answered yet"
        if silent > BROKER_SECONDS:
            return f"the broker has not answered for {silent:.0f} s"
        recomputing = None if self.recomputing is None else self.recomputing.says
        return self.pressure.says or self._partitions_differ() or recomputing

    def _partitions_differ(self) -> str | None:
        if not any(self.unread.values()):
            return None
        listed = ", ".join(
            f"{topic} {self.counts[topic]}" for topic in TOPICS if topic in self.counts
        )
        if len(set(self.counts.values())) > 1:
            return f"the inputs must have equally many partitions, but have: {listed}"
        return (
            f"the inputs have {max(self.counts.values())} partitions, of which this "
            f"group reads {self.partitions}: start a new group"
        )

    def refused(self, facility: str, topic: Topic = "alarms") -> dict[Outcome, int]:
        """Refused records of the last 10 min by reason; reasons without records are left out."""
        found = {one: self.recent.get((facility, topic, one), 0) for one in REFUSED}
        return {one: count for one, count in found.items() if count}

    def warned(self) -> list[Warned]:
        """The reasons why numbers are incomplete or wrong, the worst first."""
        return [
            *self.transaction_warnings(),
            *self.ahead_warnings(),
            *self._refusals(),
            *self._clocks(),
            *self._lost(),
        ]

    def transaction_warnings(self) -> Iterator[Warned]:
        """Topics that are blocked by a transaction which a producer has left open."""
        for topic in TOPICS:
            seconds = {
                number: held
                for (name, number), held in self.held_back.items()
                if name == topic and held > HELD_BACK_SECONDS
            }
            if seconds:
                longest = max(seconds, key=seconds.__getitem__)
                more = f" and {len(seconds) - 1} more" if len(seconds) > 1 else ""
                yield Warned(
                    None,
                    f"topic {topic}: a producer's transaction has been open for "
                    f"{_span(seconds[longest])} (partition {longest}{more}); "
                    "records sent since then are counted only after it ends",
                )

    def ahead_warnings(self) -> Iterator[Warned]:
        """Facilities whose watermark is ahead of the clock."""
        for name, seconds in sorted(self.ahead.items()):
            yield Warned(
                name,
                f"{name}: an alarm event was dated {_span(seconds)} ahead of the clock, so "
                "current events may be refused as late",
            )

    def _refusals(self) -> Iterator[Warned]:
        for name in sorted({facility for facility, _, _ in self.recent}):
            for topic in TOPICS:
                if (says := self.share_words(name, topic)) is not None:
                    yield Warned(name or None, f"{name}: {says}" if name else says)

    def share_words(self, facility: str, topic: Topic) -> str | None:
        """The refused share of a facility's topic in words; None if it is small."""
        refused = self.refused(facility, topic)
        lost, accepted = sum(refused.values()), self.recent.get((facility, topic, "accepted"), 0)
        if lost < REFUSED_LEAST or lost <= REFUSED_SHARE * (lost + accepted):
            return None
        what = "alarm events" if topic == "alarms" else topic
        if not self.counted:
            reasons = ", ".join(REFUSED[one] for one in refused)
            return f"some {what} were refused in {self._window()}: {reasons}"
        why = ", ".join(f"{count} {REFUSED[one]}" for one, count in refused.items())
        if not facility:
            return (
                f"{lost} {what} name no known facility and were refused in {self._window()}: {why}"
            )
        return (
            f"{accepted} of {accepted + lost} {what} counted in {self._window()}; {lost} "
            f"refused: {why}"
        )

    def _window(self) -> str:
        if self.since is not None and self.now - self.since < MINUTES * 60:
            return f"the {_span(max(self.now - self.since, 1))} since the worker started"
        return f"the last {MINUTES} min"

    def _clocks(self) -> Iterator[Warned]:
        for one in self.offsets:
            if abs(one.median) / 1000 > OFFSET_SECONDS or one.spread / 1000 > 2 * OFFSET_SECONDS:
                yield Warned(one.facility, f"{one.facility}: {clock_words(one)}")

    def _lost(self) -> Iterator[Warned]:
        if self.unmeasured:
            facilities = "facility" if self.unmeasured == 1 else "facilities"
            yield Warned(
                None,
                f"the numbers of {self.unmeasured} {facilities} could not be computed and "
                "are not shown",
            )
        for metric, sentence in LOSSES.items():
            for topic, count in sorted(self.losses.get(metric, {}).items()):
                if count:
                    yield Warned(None, sentence.format(count, topic))


def clock_words(one: ClockOffset) -> str:
    """The clock offset of devices of one type in words, with the likely cause."""
    what = (
        "devices of other types"
        if one.device_type == OTHER
        else f"devices of type {one.device_type}"
    )
    off = abs(one.median) / 1000
    if not one.is_constant:
        return (
            f"events of {what} arrive unevenly, half of them more than {_span(off)} after "
            "they happened: they are stored and forwarded in batches"
        )
    near = abs(off - _HOUR) <= _NEAR_AN_HOUR
    why = "the change between summer and winter time was missed" if near else "their clock is wrong"
    if one.median > 0:
        return f"{what} are {_span(off)} ahead: {why}"
    return f"{what} are {_span(off)} behind: {why}, or events are stored and forwarded"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
