"""Columns: what windows need of every held episode, as numpy arrays, one row an episode.

Per event a handful of scalars is written; per scrape whole columns are counted. That is the division of labour that makes
both cheap: an event costs the same however many windows there are, and no counter has to be undone when an alarm leaves one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from analyzer.episodes import OPEN, Episode, Static

NOT_JUDGED = -1

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]

T = TypeVar("T")


class Numbered(Generic[T]):
    """Small numbers for things, first come first numbered."""

    def __init__(self) -> None:
        self.things: list[T] = []
        self._numbers: dict[T, int] = {}

    def number(self, thing: T) -> int:
        number = self._numbers.setdefault(thing, len(self.things))
        if number == len(self.things):
            self.things.append(thing)
        return number

    def __len__(self) -> int:
        return len(self.things)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of every column. `start`, `end` in ms; `rank` by `PRIORITIES`; `verdict` a class or `NOT_JUDGED`."""

    start: Ints
    end: Ints
    rank: Bytes
    unit: Codes
    type: Codes
    team: Codes
    verdict: Bytes
    technical: Flags
    intervened: Flags
    answered: Flags

    def __getitem__(self, chosen: npt.NDArray[np.intp] | Flags) -> Rows:
        return Rows(*(getattr(self, name)[chosen] for name in self.__slots__))


_TYPES = {
    "start": np.int64, "end": np.int64, "rank": np.int8, "unit": np.int32, "type": np.int32, "team": np.int32,
    "verdict": np.int8, "technical": np.bool_, "intervened": np.bool_, "answered": np.bool_,
}  # fmt: skip
_LEAST_ROWS = 64


class Columns:
    """The table of existing episodes of one facility, with free rows to be used again."""

    def __init__(self) -> None:
        self.units: Numbered[str] = Numbered()
        self.types: Numbered[tuple[str, str, str]] = Numbered()  # device_type, source, code
        self.teams: Numbered[frozenset[str]] = Numbered()
        self._all = _blank(_LEAST_ROWS)
        self._is_alarm = np.zeros(_LEAST_ROWS, dtype=np.bool_)
        self._to_publish = np.zeros(_LEAST_ROWS, dtype=np.bool_)
        self._episodes: list[Episode | None] = []
        self._free: list[int] = []

    def write(self, episode: Episode, verdict: int, answered: bool, to_publish: bool) -> None:
        """Lay down an existing episode, new or changed; with `to_publish`, it is handed out once it is final."""
        if episode.row < 0:
            episode.row = self._take_row(episode)
        row, all_, static = episode.row, self._all, episode.static
        assert static is not None
        all_.start[row] = episode.start
        all_.end[row] = episode.end
        all_.rank[row] = episode.rank
        all_.unit[row] = self.units.number(static.unit)
        all_.type[row] = self.types.number(_type(static))
        all_.team[row] = self.teams.number(episode.team)
        all_.verdict[row] = verdict
        all_.technical[row] = static.kind == "technical"
        all_.intervened[row] = episode.intervened
        all_.answered[row] = answered
        self._is_alarm[row] = episode.is_alarm
        self._to_publish[row] = to_publish

    def erase(self, episode: Episode) -> None:
        self._is_alarm[episode.row] = self._to_publish[episode.row] = False
        self._all.end[episode.row] = OPEN
        self._episodes[episode.row] = None
        self._free.append(episode.row)
        episode.row = -1

    def __len__(self) -> int:
        return len(self._episodes) - len(self._free)

    @property
    def sparse(self) -> bool:
        """Whether most rows lie free: time to lay the table anew, and to forget names no longer used."""
        return len(self._free) > max(_LEAST_ROWS, len(self._episodes) // 2)

    def alarms(self) -> Rows:
        """A copy of the rows that are alarms."""
        return self._all[np.flatnonzero(self._is_alarm)]

    def publish_again(self, unit: str, first: int, last: int) -> None:
        """Have the unit's episodes that ended at `first` <= end <= `last` looked at again."""
        all_ = self._all
        self._to_publish |= (all_.unit == self.units.number(unit)) & (all_.end >= first) & (all_.end <= last)

    def take_finished(self, latest_end: int) -> list[Episode]:
        """Episodes to publish that ended at or before `latest_end`; each is handed out once until written again."""
        chosen = np.flatnonzero(self._to_publish & (self._all.end <= latest_end))
        self._to_publish[chosen] = False
        return [self._episodes[row] for row in chosen.tolist()]  # type: ignore[misc]  # free rows are never chosen

    def rows(self, episodes: list[Episode]) -> Rows:
        """A copy of the rows of existing `episodes`, in their order."""
        return self._all[np.array([one.row for one in episodes], dtype=np.intp)]

    def _take_row(self, episode: Episode) -> int:
        if self._free:
            row = self._free.pop()
            self._episodes[row] = episode
            return row
        row = len(self._episodes)
        self._episodes.append(episode)
        if row == len(self._is_alarm):
            more = _blank(row)
            self._all = Rows(*(np.concatenate([getattr(self._all, name), getattr(more, name)]) for name in Rows.__slots__))
            self._is_alarm = np.concatenate([self._is_alarm, np.zeros(row, dtype=np.bool_)])
            self._to_publish = np.concatenate([self._to_publish, np.zeros(row, dtype=np.bool_)])
        return row


def _type(static: Static) -> tuple[str, str, str]:
    return static.device_type, static.source, static.code


def _blank(rows: int) -> Rows:
    """Free rows: open, so that nothing that asks for ended episodes finds them."""
    blank = Rows(*(np.zeros(rows, dtype=dtype) for dtype in _TYPES.values()))
    blank.end[:] = OPEN
    return blank


def pairs(teams: Iterable[frozenset[str]], rows: Rows, clinicians: Numbered[str]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Attribution as two parallel arrays: indices into `rows`, and the number of one of the row's clinicians."""
    members = [np.array([clinicians.number(one) for one in sorted(team)], dtype=np.intp) for team in teams]
    sizes = np.array([len(one) for one in members], dtype=np.intp)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    flat = np.concatenate([*members, np.empty(0, dtype=np.intp)])
    times = sizes[rows.team] if len(sizes) else np.zeros(len(rows.team), dtype=np.intp)
    which = np.repeat(np.arange(len(rows.team)), times)
    within = np.arange(len(which)) - np.repeat(np.cumsum(times) - times, times)
    return which, flat[np.repeat(offsets[rows.team], times) + within]
