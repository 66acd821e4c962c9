"""Recent: the outcomes of the records read in the last ten minutes, and the offsets of clocks.

Outcomes are counted by facility, topic and minute of reading. The offset of a device clock is the
time of an alarm event minus the timestamp of its record; refused events count, too. Memory is
bounded: eleven minutes of counts, and `OFFSETS` offsets for at most `DEVICE_TYPES` device types of
a facility. It is empty after a restart; `since` is when it began.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analyzer.arrays import Numbers
from analyzer.columns.numbered import Numbered
from analyzer.model.facts import OUTCOMES, Outcome, Topic
from analyzer.model.policy import MINUTE
from analyzer.pipeline.admission import Outcomes

MINUTES = 10
"""Long enough for a share of a small hospital's events, short enough to notice a fault (our own).
"""
DEVICE_TYPES = 16
"""At most so many device types of a facility are kept apart; the others are `OTHER`."""
OTHER = "other"
OFFSETS = 64
"""The most recent offsets of a device type: the median of 64 is steady (our own)."""
SAMPLED = 64
"""At most so many events of a slice are sampled. Live slices are shorter."""
LEAST_OFFSETS = 5
"""With fewer offsets there is no median: as `min_classified`."""
STEADY = 60_000
"""A wrong clock shifts all events alike. A spread above this (ms) means late delivery instead."""

Key = tuple[str, Topic, Outcome]


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """The clock offset of a facility's devices of one type (ms); positive: ahead of the broker."""

    facility: str
    device_type: str
    median: int
    spread: int
    """The ninth decile minus the first."""
    events: int

    @property
    def is_constant(self) -> bool:
        return self.spread <= STEADY


class Recent:
    """The last `MINUTES` minutes of an engine. Nothing is kept before the first `begin`."""

    def __init__(self, facilities: Numbered[str]) -> None:
        self._facilities = facilities
        self._minute: int | None = None
        self._counts: dict[int, dict[Key, int]] = {}
        """By minute of reading."""
        self._offsets: dict[tuple[str, str], deque[tuple[int, int]]] = {}
        """By facility and device type: minute of reading and offset (ms)."""
        self._types: dict[str, int] = {}
        self.since: int | None = None
        """When counting began (ms)."""

    def begin(self, now: int) -> None:
        """Set the time of reading of the next records to `now` (ms)."""
        minute = now // MINUTE
        if minute == self._minute:
            return
        self.since = now if self.since is None else min(self.since, now)
        self._minute = minute
        for one in [one for one in self._counts if not self._within(one, minute)]:
            del self._counts[one]
        for source, offsets in list(self._offsets.items()):
            if not self._within(offsets[-1][0], minute):
                del self._offsets[source]
                self._types[source[0]] -= 1
                if not self._types[source[0]]:
                    del self._types[source[0]]

    @staticmethod
    def _within(minute: int, now: int) -> bool:
        """Whether a minute is in the window. It is in the future if a clock was set back."""
        return abs(now - minute) < MINUTES

    def count_outcomes(self, topic: Topic, facilities: Numbers, outcomes: Outcomes) -> None:
        """Count facts, by the number of their facility."""
        if self._minute is None:
            return
        kinds, names = len(OUTCOMES), self._facilities.by_number
        found = np.bincount(facilities * kinds + outcomes)
        for cell in np.flatnonzero(found).tolist():
            self._add((names[cell // kinds], topic, OUTCOMES[cell % kinds]), int(found[cell]))

    def _add(self, key: Key, count: int) -> None:
        assert self._minute is not None
        counts = self._counts.setdefault(self._minute, {})
        counts[key] = counts.get(key, 0) + count

    def refused(self, topic: Topic, outcome: Outcome, key: bytes | None) -> None:
        """Count a malformed or misrouted record, for the facility that its key names."""
        if self._minute is None:
            return
        name = "" if key is None else key.decode(errors="replace")
        name = name if name in self._facilities else ""
        self._add((name, topic, outcome), 1)

    def clocks(
        self, facilities: Sequence[str], device_types: Sequence[str], at: Numbers, stamps: Numbers
    ) -> None:
        """Record the offsets of alarm events: `at` (ms) minus the record timestamps (ms)."""
        if self._minute is None or not len(at):
            return
        step = -(-len(at) // SAMPLED)
        some = slice(self._minute % step, None, step)
        offsets = (at[some] - stamps[some]).tolist()
        for facility, type_, offset in zip(
            facilities[some], device_types[some], offsets, strict=True
        ):
            key = (facility, type_)
            if key not in self._offsets:
                if self._types.get(facility, 0) >= DEVICE_TYPES:
                    key = (facility, OTHER)
                if key not in self._offsets:
                    self._offsets[key] = deque(maxlen=OFFSETS)
                    self._types[facility] = self._types.get(facility, 0) + 1
            self._offsets[key].append((self._minute, offset))

    def clear(self) -> None:
        """Forget everything: what was read did not happen lately."""
        self._counts.clear()
        self._offsets.clear()
        self._types.clear()
        self._minute = self.since = None

    def drop(self, facility: str) -> None:
        """Forget a facility."""
        for counts in self._counts.values():
            for key in [key for key in counts if key[0] == facility]:
                del counts[key]
        for source in [source for source in self._offsets if source[0] == facility]:
            del self._offsets[source]
        self._types.pop(facility, None)

    def counts(self, now: int) -> dict[Key, int]:
        """Records read in the minutes up to `now` (ms), by facility, topic and outcome.

        The facility is `""` if the key of a record names no known one.
        """
        minute, found = now // MINUTE, dict[Key, int]()
        for of, counts in self._counts.items():
            if self._within(of, minute):
                for key, count in counts.items():
                    found[key] = found.get(key, 0) + count
        return found

    def offsets(self, now: int) -> list[ClockOffset]:
        """The offsets of device types with `LEAST_OFFSETS` events, by facility and type."""
        minute = now // MINUTE
        known: dict[int, list[tuple[tuple[str, str], list[int]]]] = {}
        for source, offsets in self._offsets.items():
            ms = [offset for of, offset in offsets if self._within(of, minute)]
            if len(ms) >= LEAST_OFFSETS:
                known.setdefault(len(ms), []).append((source, ms))
        found: list[ClockOffset] = []
        for events, alike in known.items():  # together: numpy takes long to begin
            sources, rows = zip(*alike, strict=True)
            quantiles = np.quantile(np.array(rows), (0.1, 0.5, 0.9), axis=1)
            found += [
                ClockOffset(facility, type_, round(middle), round(high - low), events)
                for (facility, type_), low, middle, high in zip(
                    sources, *quantiles.tolist(), strict=True
                )
            ]
        return sorted(found, key=lambda one: (one.facility, one.device_type))
