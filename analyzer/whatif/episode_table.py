"""Episode table: recorded alarms of any length of time, as columns for a what-if.

Its input is the records of finished episodes, as their facts are long evicted. Of several records
of one episode the last one counts. Records of one facility and alarm id belong to one episode,
unless one starts more than `AGAIN` after the end of another. Signals that are not alarms (`info`,
`advisory`) are left out. The table knows nothing of settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Codes, Flags, Floats, Levels, Numbers, integers
from analyzer.columns.hashing import fingerprints
from analyzer.columns.numbered import Numbered
from analyzer.columns.packed import Packed, pack
from analyzer.columns.statics import AlarmType
from analyzer.model.episodes import PRIORITIES
from analyzer.model.policy import HOUR, Policy
from analyzer.pipeline.classes import CLASSES
from analyzer.pipeline.roster import Team, Teams
from analyzer.times import NEVER, OPEN

FIELDS = (
    "facility",
    "unit",
    "bed",
    "alarm_id",
    "device_id",
    "device_type",
    "source",
    "code",
    "kind",
    "priority",
    "start",
    "end",
    "value",
    "limit",
    "clinicians",
    "class_",
    "first_response",
)
"""The fields of `EpisodeRecord` that `Recorder.take` expects, in order. An open `end` is None."""

STATIC = ("facility", "unit", "bed", "device_id", "device_type", "source", "code", "kind")
"""The fields of `FIELDS` that identify and describe a signal, in the order of `Columns.statics`."""

T = TypeVar("T")

_DAY = 24 * HOUR
_DAYS = 1 << 20
"""More than the days since 1970 of any valid time."""

AGAIN = Policy().horizon
"""The default horizon: records do not contain the one that they were made with."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Recorded alarms as columns, in the order in which they were taken.

    Times are in ms since 1970. The `end` of an open alarm is `OPEN`; `answered` is the first
    response, or `NEVER`.
    """

    facilities: list[str]
    units: list[tuple[int, str]]
    types: list[AlarmType]
    beds: list[tuple[int, str]]
    """(number of the unit, bed)"""
    clinicians: list[tuple[int, str]]
    teams: list[Team]
    facility: Codes
    unit: Codes
    type: Codes
    bed: Codes
    signal: Codes
    """The number of the signal that can chatter: (device, source, code), with the bed if no device
    is named.
    """
    team: Codes
    technical: Flags
    rank: Levels
    klass: Levels
    start: Numbers
    end: Numbers
    value: Floats
    limit: Floats
    answered: Numbers

    def __len__(self) -> int:
        return len(self.start)

    def of(self, rows: npt.NDArray[Any]) -> Recorded:
        """The alarms of these rows. Names keep their numbers."""
        return replace(
            self,
            **{one.name: getattr(self, one.name)[rows] for one in fields(self)[_FIRST_COLUMN:]},
        )

    @property
    def clusters(self) -> Numbers:
        """The number of each alarm's bed and day (UTC): such alarms are mostly of one patient, and
        alike.
        """
        return self.bed.astype(np.int64) * _DAYS + self.start // _DAY

    @property
    def span(self) -> tuple[int, int]:
        """From the first start to the last start or end (ms); (0, 0) if there are no alarms."""
        if not len(self):
            return 0, 0
        ended = self.end[self.end < OPEN]
        return int(self.start.min()), max(int(self.start.max()), int(ended.max(initial=0)))


@dataclass(frozen=True, slots=True)
class Coded(Generic[T]):
    """A column of values that repeat: the distinct ones in order of first appearance, and for each
    row the number of its value among them.
    """

    values: Sequence[T]
    numbers: Codes


@dataclass(frozen=True, slots=True)
class Columns:
    """Finished episodes as `Recorder.take_columns` expects them; all columns are equally long.

    Times are in ms since 1970. The `end` of an open alarm is `OPEN`. `first_response` is `NEVER`
    if there was no response. A missing `value` or `limit` is NaN.
    """

    statics: Coded[tuple[str, ...]]
    """The fields `STATIC` of each episode."""
    alarm_id: Packed
    priority: Coded[str]
    start: Numbers
    end: Numbers
    value: Floats
    limit: Floats
    clinicians: Coded[tuple[str, ...]]
    class_: Coded[str]
    first_response: Numbers


_FIRST_COLUMN = [one.name for one in fields(Recorded)].index("facility")
_RANKS = {word: rank for rank, word in enumerate(PRIORITIES)}
_CLASSES = {word: number for number, word in enumerate(CLASSES)}


class Recorder:
    """Builds a `Recorded` from finished episodes, some thousand at a time.

    >>> recorder = Recorder()
    >>> recorder.take([
    ...     ["H"], ["ICU"], ["1"], ["a1"], ["m1"], ["monitor"], ["SpO2"], ["LO"], ["physiological"],
    ...     ["medium"], [0], [20_000], [86.0], [90.0], [("n1",)], ["non_actionable"], [None]])
    >>> len(recorder.recorded())
    1
    """

    def __init__(self) -> None:
        self._facilities: Numbered[str] = Numbered()
        self._units: Numbered[tuple[int, str]] = Numbered()
        self._types: Numbered[AlarmType] = Numbered()
        self._beds: Numbered[tuple[int, str]] = Numbered()
        self._signals: Numbered[tuple[Any, ...]] = Numbered()
        self._statics: Numbered[tuple[str, ...]] = Numbered()
        self._of_static: list[tuple[int, ...]] = []
        self._teams = Teams()
        self._team_of: dict[tuple[int, tuple[str, ...]], int] = {}
        self._parts: list[list[npt.NDArray[Any]]] = []

    def take(self, columns: Sequence[Sequence[Any]]) -> None:
        """Add columns as in `FIELDS`. Values are not checked."""
        (
            facility,
            unit,
            bed,
            alarm_id,
            device_id,
            device_type,
            source,
            code,
            kind,
            priority,
            start,
            end,
            value,
            limit,
            team,
            klass,
            first_response,
        ) = columns
        if not facility:
            return
        static = np.array(
            list(
                map(
                    self._statics.__getitem__,
                    zip(
                        facility, unit, bed, device_id, device_type, source, code, kind, strict=True
                    ),
                )
            ),
            dtype=np.int32,
        )
        self._number_statics()
        facilities = integers(map(self._facilities.__getitem__, facility))
        marks, checks = fingerprints(facilities, pack(alarm_id))
        self._parts.append(
            [
                static,
                marks,
                checks,
                np.array(list(map(self._team, facilities.tolist(), team)), dtype=np.int32),
                np.array(list(map(_RANKS.__getitem__, priority)), dtype=np.int8),
                np.array(list(map(_CLASSES.__getitem__, klass)), dtype=np.int8),
                integers(start),
                integers([OPEN if one is None else one for one in end]),
                np.array(value, dtype=np.float64),
                np.array(limit, dtype=np.float64),
                integers([NEVER if one is None else one for one in first_response]),
            ]
        )

    def take_columns(self, columns: Columns) -> None:
        """As `take`, without Python objects for each episode. Values are not checked."""
        if not len(columns.start):
            return
        numbers = integers(map(self._statics.__getitem__, columns.statics.values))
        self._number_statics()
        static = numbers[columns.statics.numbers].astype(np.int32)
        of_static = np.array([one[0] for one in self._of_static], dtype=np.int64)
        facilities = of_static[static]
        marks, checks = fingerprints(facilities, columns.alarm_id)
        self._parts.append(
            [
                static,
                marks,
                checks,
                self._teams_of(facilities, columns.clinicians),
                _numbers(columns.priority, _RANKS),
                _numbers(columns.class_, _CLASSES),
                columns.start,
                columns.end,
                columns.value,
                columns.limit,
                columns.first_response,
            ]
        )

    def _teams_of(self, facilities: Numbers, teams: Coded[tuple[str, ...]]) -> Codes:
        pairs = facilities * len(teams.values) + teams.numbers
        known, first, places = np.unique(pairs, return_index=True, return_inverse=True)
        found = np.empty(len(known), dtype=np.int32)
        for place in np.argsort(first).tolist():
            facility, team = divmod(int(known[place]), len(teams.values))
            found[place] = self._team(facility, teams.values[team])
        return found[places]

    def _number_statics(self) -> None:
        for (
            facility,
            unit,
            bed,
            device_id,
            device_type,
            source,
            code,
            kind,
        ) in self._statics.by_number[len(self._of_static) :]:
            of = self._facilities[facility]
            number = self._units[of, unit]
            signal = (of, device_id, source, code) if device_id else (of, unit, bed, source, code)
            self._of_static.append(
                (
                    of,
                    number,
                    self._types[device_type, source, code],
                    self._beds[number, bed],
                    self._signals[signal],
                    kind == "technical",
                    kind == "advisory",
                )
            )

    def _team(self, facility: int, clinicians: tuple[str, ...]) -> int:
        known = self._team_of.get((facility, clinicians))
        if known is None:
            known = self._team_of[facility, clinicians] = self._teams.of(facility, clinicians)
        return known

    def recorded(self) -> Recorded:
        """Everything taken so far."""
        if self._parts:
            self._parts = [[np.concatenate(column) for column in zip(*self._parts, strict=True)]]
            static, marks, checks, team, rank, klass, start, end, value, limit, answered = (
                self._parts[0]
            )
        else:
            static = marks = checks = team = rank = klass = start = end = answered = np.empty(
                0, dtype=np.int64
            )
            value = limit = np.empty(0)
        of_static = np.array(self._of_static, dtype=np.int32).reshape(-1, 7)[static]
        rows = np.flatnonzero(
            _latest(marks, checks, start, end) & (rank > 0) & (of_static[:, 6] == 0)
        )
        of_static = of_static[rows]
        facility, unit, type_, bed, signal, technical, _ = of_static.T.copy()
        return Recorded(
            facilities=self._facilities.by_number,
            units=self._units.by_number,
            types=self._types.by_number,
            beds=self._beds.by_number,
            clinicians=self._teams.clinicians.by_number,
            teams=self._teams.all,
            facility=facility,
            unit=unit,
            type=type_,
            bed=bed,
            signal=signal,
            team=team[rows].astype(np.int32),
            technical=technical == 1,
            rank=rank[rows].astype(np.int8),
            klass=klass[rows].astype(np.int8),
            start=start[rows],
            end=end[rows],
            value=value[rows],
            limit=limit[rows],
            answered=answered[rows],
        )


def _numbers(words: Coded[str], known: Mapping[Any, int]) -> Levels:
    return np.array([known[one] for one in words.values], dtype=np.int8)[words.numbers]


def _latest(
    marks: npt.NDArray[Any], checks: npt.NDArray[Any], start: Numbers, end: Numbers
) -> Flags:
    """Which records are the last of their episode."""
    last = np.zeros(len(marks), dtype=np.bool_)
    if not len(marks):
        return last
    order = np.lexsort((start, checks, marks))
    marks, checks, start, end = marks[order], checks[order], start[order], end[order]
    begins = np.ones(len(marks), dtype=np.bool_)
    begins[1:] = (
        (marks[1:] != marks[:-1]) | (checks[1:] != checks[:-1]) | (start[1:] > end[:-1] + AGAIN)
    )
    last[np.maximum.reduceat(order, np.flatnonzero(begins))] = True
    return last
