"""Local times of hours that came twice, or never, when the clocks were changed.

Such a time has two readings. One of them is taken where an alarm would otherwise end before it
begins, or where the order of the rows leaves no other. The rest stays undecided, and is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from streams.formats.times import since_epoch

EVIDENCE = 8
"""So many rows in order of their start are no coincidence (our own)."""
_TIMES = ("start", "end", "first_response")
Fields = dict[str, Any]


class Twice(NamedTuple):
    """A local time of two readings, in ms since 1970: `first` is by the clock before the change,
    `second` by the one after it.
    """

    first: int
    second: int
    exists: bool
    """False: the clocks were put forward over it."""


def reading(moment: datetime, zone: str) -> int | Twice:
    """The ms since 1970 of a local time. Raises `OverflowError` or `ValueError` at the edges of the
    calendar.

    >>> reading(datetime(2026, 10, 25, 2, 30), "Europe/Berlin")
    Twice(first=1792888200000, second=1792891800000, exists=True)
    >>> reading(datetime(2026, 3, 29, 2, 30), "Europe/Berlin").exists
    False
    """
    place = _zone(zone)
    before, after = moment.replace(tzinfo=place, fold=0), moment.replace(tzinfo=place, fold=1)
    first = since_epoch(before)
    if before.utcoffset() == after.utcoffset():
        return first
    is_real = before.astimezone(UTC).astimezone(place).replace(tzinfo=None) == moment
    return Twice(first, since_epoch(after), is_real)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@dataclass(slots=True)
class _Aside:
    number: int
    fields: Fields
    run: int
    """How many rows with one reading only stand above it: rows of one hour stand together."""


@dataclass(slots=True)
class ChangedClocks:
    """Sets rows aside whose times have two readings, and settles them once all rows were seen.

    Rows are the fields of alarms: `start` in ms or `Twice`, and `end`, `first_response` likewise or
    absent. `lasts`, in ms, stands for an end that is as long after either reading of the start.
    """

    order: Literal["oldest first", "newest first"] | None = None
    """The order of the rows; None: found from their times, if these are enough to tell."""
    undecided: int = 0
    """Rows of an hour that came twice, of which nothing told which one."""
    missing: int = 0
    """Rows of an hour that never came."""
    _aside: list[_Aside] = field(default_factory=list)
    _seen: int = 0
    _last: int | None = None
    _rises: int = 0
    _falls: int = 0

    def takes(self, number: int, fields: Fields) -> bool:
        """Whether it sets a row aside; of every row it notes the order."""
        start = fields.get("start")
        if type(start) is int:
            self.passes(np.array([start]))
        if not any(isinstance(fields.get(name), Twice) for name in _TIMES):
            return False
        self._aside.append(_Aside(number, fields, self._seen))
        return True

    def passes(self, starts: NDArray[Any]) -> None:
        """Note the order of rows of which each has one reading: their starts in ms."""
        if not len(starts):
            return
        steps = np.diff(starts, prepend=starts[0] if self._last is None else self._last)
        self._rises += int((steps > 0).sum())
        self._falls += int((steps < 0).sum())
        self._last = int(starts[-1])
        self._seen += len(starts)

    def settled(self) -> Iterator[tuple[int, Fields, str | None]]:
        """The rows set aside, each with its times, and the name of the first one on which nothing
        decided: it is by the clock before the change.
        """
        starts = self._starts_by_order()
        for place, one in enumerate(self._aside):
            fields, undecided = _decided(one.fields, starts.get(place))
            if undecided is not None:
                if one.fields[undecided].exists:
                    self.undecided += 1
                else:
                    self.missing += 1
            yield one.number, fields, undecided

    def _starts_by_order(self) -> dict[int, int]:
        """By place in `_aside`: the starts that the order of the rows decides."""
        falls = bool(self._falls) if self.order is None else self.order == "newest first"
        if self.order is None and (self._seen < EVIDENCE or bool(self._rises) == bool(self._falls)):
            return {}
        runs: dict[int, list[int]] = {}
        for place, one in enumerate(self._aside):
            start = one.fields.get("start")
            if isinstance(start, Twice) and start.exists:
                runs.setdefault(one.run, []).append(place)
        found: dict[int, int] = {}
        for places in runs.values():
            if falls:
                places.reverse()
            rows = [self._aside[place].fields for place in places]
            for place, second, row in zip(places, in_order(rows), rows, strict=True):
                if second is not None:
                    found[place] = row["start"].second if second else row["start"].first
        return found


def in_order(rows: Sequence[Fields]) -> list[bool | None]:
    """For rows in order of their start, whether each lies in the second of the two hours; None:
    both are possible.

    All rows up to some row lie in the first hour, the others in the second.
    """
    count = len(rows)
    starts = [row["start"] for row in rows]
    ends = [row.get("end") for row in rows]
    first = [_latest(end, start.first) for start, end in zip(starts, ends, strict=True)]
    second = [_latest(end, start.second) for start, end in zip(starts, ends, strict=True)]
    rising = [True, *(starts[k].first >= starts[k - 1].first for k in range(1, count))]
    upto = [True]
    for place in range(count):
        upto.append(upto[-1] and first[place] and rising[place])
    since = [True]
    for place in reversed(range(count)):
        since.append(since[-1] and second[place] and (place == count - 1 or rising[place + 1]))
    since.reverse()
    changes = [place for place in range(count + 1) if upto[place] and since[place]]
    if not changes:
        return [None] * count
    return [
        False if place < changes[0] else True if place >= changes[-1] else None
        for place in range(count)
    ]


def _latest(end: int | Twice | None, start: int) -> bool:
    """Whether an end may be no earlier than the start."""
    return end is None or max(_readings(end)) >= start


def _readings(time: int | Twice) -> tuple[int, ...]:
    return (time.first, time.second) if isinstance(time, Twice) else (time,)


def _decided(fields: Fields, start: int | None) -> tuple[Fields, str | None]:
    """The row with one reading of each time, and the name of the first one on which nothing
    decided.
    """
    starts = (start,) if start is not None else _readings(fields["start"])
    possible = [one for one in starts if _latest(fields.get("end"), one)] or list(starts)
    chosen = possible[0]
    found, undecided = fields | {"start": chosen}, ["start"] * (len(possible) > 1)
    if (lasts := found.pop("lasts", None)) is not None:
        found["end"] = chosen + lasts
    for name in ("end", "first_response"):
        if isinstance(time := found.get(name), Twice):
            after = [one for one in _readings(time) if one >= chosen] or list(_readings(time))
            found[name] = after[0]
            undecided += [name] * (len(after) > 1)
    return found, undecided[0] if undecided else None
