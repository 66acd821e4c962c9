"""Recomputing: the time in which a partition's state is incomplete because its inputs are being
read.

It begins when a partition is taken over without a stored state, as after an upgrade to another
state version, or with a state that is far behind, as after a roll back. It ends when the records
that existed at that time have been read. During it, /metrics omits the partition, the worker is not
ready, and records that workers of another version have emitted are not emitted again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from analyzer import Topic

FAR_RECORDS = 10_000
"""A stored state that is at most this many records behind is not reported: they are read in a
second.
"""
EMITTED_AGAIN = 20_000
"""How many held episodes are emitted at a time, after another version's progress is reached."""
_HOUR = 3_600_000
_MINUTE = 60_000


@dataclass(slots=True)
class Recomputing:
    """The progress of one partition. Times in ms since 1970; offsets by topic."""

    until: int | None
    """When it began, or was resumed; None with the event clock, for which this time has no meaning.
    """
    since: int | None = None
    """The time of the first record read; None before it."""
    reached: int | None = None
    """The time of the latest record read."""
    fresh: bool = False
    """Whether it began without any state."""
    begins: dict[Topic, int] = field(default_factory=dict)
    """The first offset read."""
    ends: dict[Topic, int] | None = None
    """The ends of the inputs when it began, or was resumed; None until the broker has answered."""
    emitted: dict[Topic, int] = field(default_factory=dict)
    """The input offsets up to which another version has emitted its results."""

    @classmethod
    def read(cls, stored: Any, now: int | None) -> Recomputing | None:
        """Restore what `stored` gave, and resume at `now`; None if no recomputation was in
        progress.
        """
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
        """Plain values for the stored state."""
        return {
            "since": self.since,
            "reached": self.reached,
            "fresh": self.fresh,
            "begins": dict(self.begins),
            "emitted": dict(self.emitted),
        }

    def note(self, topic: Topic, begin: int, stamps: Sequence[int]) -> None:
        """Note records that were read: their first offset, and their first and last timestamp."""
        self.begins.setdefault(topic, begin)
        if stamps and min(stamps[0], stamps[-1]) >= 0:  # records may have no timestamp
            self.since = stamps[0] if self.since is None else self.since
            self.reached = max(self.reached or 0, stamps[-1])

    def ends_at(self, ends: Mapping[Topic, int]) -> None:
        """Set the ends of the inputs. If a topic was recreated, its end also bounds the offsets up
        to which another version has emitted.
        """
        self.ends = dict(ends)
        self.emitted = {
            topic: min(offset, ends.get(topic, offset)) for topic, offset in self.emitted.items()
        }

    def is_silent(self, offsets: Mapping[Topic, int]) -> bool:
        """Whether another version has emitted the results of the records before `offsets`."""
        return any(offsets.get(topic, 0) < end for topic, end in self.emitted.items())

    def is_over(self, offsets: Mapping[Topic, int]) -> bool:
        """Whether all records before `ends` have been read."""
        return self.ends is not None and all(
            offsets.get(topic, 0) >= end for topic, end in self.ends.items()
        )

    def share(self, offsets: Mapping[Topic, int]) -> float:
        """The share of records that have been read at `offsets`: 0 to 1, and below 1 until it is
        over.

        Topics are read in parallel, so topics without a record read so far hardly count.
        """
        ends = self.ends or {}
        whole = sum(ends.get(topic, begin) - begin for topic, begin in self.begins.items())
        done = sum(offsets.get(topic, begin) - begin for topic, begin in self.begins.items())
        return min(max(done / whole, 0.0), 0.99) if whole > 0 else 0.0

    @property
    def span(self) -> int | None:
        """The length of the time that is recomputed (ms); None if it is not known."""
        if self.since is None or self.until is None:
            return None
        return max(self.until - self.since, 0)


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a worker over all its recomputing partitions."""

    partitions: tuple[int, ...]
    share: float
    """The share that the slowest partition has recomputed."""
    span: int | None
    """The longest span of event time to recompute (ms); None if it is not known."""
    fresh: bool
    reached: int | None
    """The record time (ms) reached by the slowest partition."""
    expected: float | None
    """The expected end, in seconds since 1970, at the present speed; None: not known yet."""

    @property
    def says(self) -> str:
        """The progress in one line, for people.

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
    """Estimates the end from the progress since the first observation."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def expected(self, share: float, now: float) -> float | None:
        """When `share` will be 1, in seconds like `now`; None until it has grown."""
        if self._first is None or share < self._first[0]:
            self._first = share, now
        begun, since = self._first
        if share - begun < 0.01 or now <= since:
            return None
        return now + (1 - share) * (now - since) / (share - begun)


def shown(seconds: float | None) -> str | None:
    """A time in the form of the log."""
    if seconds is None:
        return None
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
