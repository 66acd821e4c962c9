"""Recomputing: the way of a partition from where its state begins to where its inputs end.

It begins when a partition is taken over without a stored state, as after an upgrade to a program
with another state version, or with a state that is far behind, as after a way back. Until it is
over, the state is half of one. So nothing is shown of it in /metrics, the worker is not ready, and
what workers of another version have emitted is not emitted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from analyzer import Topic

FAR_RECORDS = 10_000
"""Of a stored state that is no more records than this behind, nothing is said: they are read in a
second.
"""
EMITTED_AGAIN = 20_000
"""Episodes that are emitted again at a time, once those of another version are overtaken."""
_HOUR = 3_600_000
_MINUTE = 60_000


@dataclass(slots=True)
class Recomputing:
    """How far it is. Times in ms since 1970; offsets by topic."""

    until: int | None
    """When it began, or was resumed; None with the event clock, to which that says nothing."""
    since: int | None = None
    """The time of the first record that was read; None before it."""
    reached: int | None = None
    """The time of the latest record that was read."""
    fresh: bool = False
    """Whether it began without any state."""
    begins: dict[Topic, int] = field(default_factory=dict)
    """The first offset that was read."""
    ends: dict[Topic, int] | None = None
    """Where the inputs ended when it began, or was resumed; None until the broker has said so."""
    emitted: dict[Topic, int] = field(default_factory=dict)
    """How far another version has emitted what follows from the inputs."""

    @classmethod
    def read(cls, stored: Any, now: int | None) -> Recomputing | None:
        """From what `stored` gives, to be resumed at `now`; None if nothing was under way."""
        if stored is None:
            return None
        return cls(
            until=now,
            since=stored["since"],
            reached=stored["reached"],
            fresh=stored["fresh"],
            begins=dict(stored["begins"]),
            emitted=dict(stored["emitted"]),
        )

    def stored(self) -> dict[str, Any]:
        """Its plain values, for the stored state."""
        return {
            "since": self.since,
            "reached": self.reached,
            "fresh": self.fresh,
            "begins": dict(self.begins),
            "emitted": dict(self.emitted),
        }

    def note(self, topic: Topic, begin: int, stamps: Iterable[int]) -> None:
        """Take notice of records that were read: their first offset, and their timestamps."""
        self.begins.setdefault(topic, begin)
        known = [one for one in stamps if one >= 0]
        if known:
            self.since = min(known) if self.since is None else self.since
            self.reached = max(self.reached or 0, known[-1])

    def ends_at(self, ends: Mapping[Topic, int]) -> None:
        """Say where the inputs end. A topic that was created anew ends before what another version
        has emitted.
        """
        self.ends = dict(ends)
        self.emitted = {
            topic: min(offset, ends.get(topic, offset)) for topic, offset in self.emitted.items()
        }

    def is_silent(self, offsets: Mapping[Topic, int]) -> bool:
        """Whether what follows from the records before `offsets` was emitted by another version."""
        return any(offsets.get(topic, 0) < end for topic, end in self.emitted.items())

    def is_over(self, offsets: Mapping[Topic, int]) -> bool:
        """Whether all records before `ends` were read."""
        return self.ends is not None and all(
            offsets.get(topic, 0) >= end for topic, end in self.ends.items()
        )

    def share(self, offsets: Mapping[Topic, int]) -> float:
        """The part that is done at `offsets`, by records: 0 to 1, and below 1 until it is over.

        Topics are read side by side, so those that no record was read of yet hardly count.
        """
        ends = self.ends or {}
        whole = sum(ends.get(topic, begin) - begin for topic, begin in self.begins.items())
        done = sum(offsets.get(topic, begin) - begin for topic, begin in self.begins.items())
        return min(max(done / whole, 0.0), 0.99) if whole > 0 else 0.0

    @property
    def span(self) -> int | None:
        """The length of what is recomputed (ms); None if that is not known."""
        if self.since is None or self.until is None:
            return None
        return max(self.until - self.since, 0)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a worker is with all its partitions that recompute."""

    partitions: tuple[int, ...]
    share: float
    """Of the slowest partition."""
    span: int | None
    """Of the longest (ms); None if that is not known."""
    fresh: bool
    reached: int | None
    """Event time by records (ms), of the slowest."""
    expected: float | None
    """When it will be over, in seconds since 1970, if it goes on as fast; None: not known yet."""

    @property
    def says(self) -> str:
        """It in one line, for people.

        >>> Progress((0, 1), 0.436, 26 * 3_600_000, True, None, None).says
        'recomputing the last 26 hours: 43 % done; figures are incomplete until then'
        """
        what = "recomputing" if self.fresh else "catching up"
        if self.span is not None:
            what += f"{'' if self.fresh else ' on'} {_length(self.span)}"
        return f"{what}: {int(self.share * 100)} % done; figures are incomplete until then"


def _length(span: int) -> str:
    if span >= 48 * _HOUR:
        return f"the last {round(span / 24 / _HOUR)} days"
    if span >= 2 * _HOUR:
        return f"the last {round(span / _HOUR)} hours"
    if span >= 2 * _MINUTE:
        return f"the last {round(span / _MINUTE)} minutes"
    return "the last minutes"


class Pace:
    """Estimates when it will be over, from how far it was when it was first looked at."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def expected(self, share: float, now: float) -> float | None:
        """When `share` will be 1, in seconds as `now`; None until it has grown."""
        if self._first is None or share < self._first[0]:
            self._first = share, now
        begun, since = self._first
        if share - begun < 0.01 or now <= since:
            return None
        return now + (1 - share) * (now - since) / (share - begun)


def shown(seconds: float | None) -> str | None:
    """A time for the log."""
    if seconds is None:
        return None
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
