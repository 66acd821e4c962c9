"""Moments: sorted times (ms) by a small code, such as an action, without duplicates."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from typing import Any

from analyzer.times import NEVER


class Moments:
    """A set of (code, time).

    Adding one takes O(log n) and a shift in memory. A query takes O(log n) for each code.
    """

    __slots__ = ("by_code",)

    def __init__(self) -> None:
        self.by_code: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return sum(map(len, self.by_code.values()))

    def add(self, code: int, at: int) -> bool:
        """Add a time; returns whether it is new."""
        known = self.by_code.setdefault(code, [])
        if not known or known[-1] < at:
            known.append(at)
            return True
        place = bisect_left(known, at)
        if known[place] == at:
            return False
        known.insert(place, at)
        return True

    def first(self, since: int, until: int) -> int:
        """The earliest time of any code in [`since`, `until`]; NEVER if there is none."""
        found = NEVER
        for known in self.by_code.values():
            place = bisect_left(known, since)
            if place < len(known) and known[place] <= until:
                found = min(found, known[place])
        return found

    def has(self, codes: Iterable[int], since: int, until: int) -> bool:
        """Whether any of `codes` has a time in [`since`, `until`]."""
        for code in codes:
            known = self.by_code.get(code)
            if known:
                place = bisect_left(known, since)
                if place < len(known) and known[place] <= until:
                    return True
        return False

    def times(self, codes: Iterable[int] | None, since: int, until: int) -> list[int]:
        """All times of `codes` (None: of any) in [`since`, `until`], unordered."""
        found: list[int] = []
        for code in self.by_code if codes is None else codes:
            known = self.by_code.get(code, ())
            low = bisect_left(known, since)
            found += known[low : bisect_right(known, until, lo=low)]
        return found

    def within(self, since: int, until: int) -> Iterator[tuple[int, int]]:
        """All (code, time) in [`since`, `until`]."""
        for code, known in self.by_code.items():
            low = bisect_left(known, since)
            for place in range(low, bisect_right(known, until, lo=low)):
                yield code, known[place]

    def take_from(self, since: int) -> list[tuple[int, int]]:
        """Remove and return all (code, time) at or after `since`."""
        taken: list[tuple[int, int]] = []
        for code, known in list(self.by_code.items()):
            place = bisect_left(known, since)
            taken += [(code, at) for at in known[place:]]
            del known[place:]
            if not known:
                del self.by_code[code]
        return taken

    def drop_before(self, moment: int) -> None:
        """Remove all times before `moment`."""
        for code, known in list(self.by_code.items()):
            del known[: bisect_left(known, moment)]
            if not known:
                del self.by_code[code]

    def dump(self) -> list[Any]:
        """The content, to be stored."""
        return [[code, known] for code, known in sorted(self.by_code.items())]

    @classmethod
    def load(cls, content: list[Any]) -> Moments:
        """The set whose `dump` gave `content`."""
        self = cls()
        self.by_code = {code: list(known) for code, known in content}
        return self


def enter(times: list[int], at: int) -> None:
    """Insert a time into a sorted list, unless it is there."""
    place = bisect_left(times, at)
    if place == len(times) or times[place] != at:
        times.insert(place, at)


def merge(times: list[int], more: list[int]) -> None:
    """Insert sorted times (at least one) into a sorted list. Duplicates are kept."""
    if not times or times[-1] <= more[0]:
        times += more
    elif len(more) * 16 < len(times):
        for one in more:
            insort(times, one)
    else:
        times += more
        times.sort()
