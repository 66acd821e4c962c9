"""Statics: the attributes that the episodes of an alarm share, interned as one number."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from analyzer.arrays import Codes, Flags, Marks, Numbers
from analyzer.columns.hashing import stable_digest
from analyzer.columns.numbered import Numbered, kept


class Static(NamedTuple):
    """The attributes of an alarm that do not change during an episode, taken from its earliest
    `start` or `update`. Many episodes share them.
    """

    facility: int
    unit: str
    bed: str
    device_id: str
    device_type: str
    source: str
    code: str
    kind: str


class Bed(NamedTuple):
    """A bed in its unit: the names of beds repeat from unit to unit."""

    facility: int
    unit: str
    bed: str


AlarmType = tuple[str, str, str]
"""(device_type, source, code)."""


_MIX = 0x9E3779B97F4A7C15
_SHIFT = np.uint64(29)


_digest_of = lru_cache(maxsize=1 << 14)(stable_digest)


def _marks_of(*columns: Sequence[str]) -> Marks:
    """A 64-bit digest of each row of texts, the same in every process."""
    mixed = np.full(len(columns[0]), _MIX, dtype=np.uint64)
    for column in columns:
        marks = {text: _digest_of(text) for text in set(column)}
        mixed ^= np.array(list(map(marks.__getitem__, column)), dtype=np.uint64)
        mixed *= np.uint64(_MIX)
        mixed ^= mixed >> _SHIFT
    return mixed


_COLUMNS = (
    "facility",
    "unit",
    "bed",
    "bed_name",
    "type",
    "signal",
    "technical",
    "advisory",
    "mark",
)


class Statics:
    """Numbered statics, and their attributes as columns indexed by the number of the static."""

    def __init__(self) -> None:
        self.numbers: Numbered[Static] = Numbered()
        self.units: Numbered[tuple[int, str]] = Numbered()
        self.beds: Numbered[Bed] = Numbered()
        # by name alone, because responses may name no unit
        self.bed_names: Numbered[tuple[int, str]] = Numbered()
        self.beds_of_name: dict[int, list[int]] = {}  # those with an episode
        self.types: Numbered[AlarmType] = Numbered()
        # (facility, device_id, source, code), the unit of chatter
        self.signals: Numbered[tuple[int, str, str, str]] = Numbered()
        self._known = 0
        self._unit_of_bed = array("i")
        self._placed: dict[tuple[int, str, str], tuple[int, int]] = {}
        """The numbers of beds with an episode, and of their names."""
        self.facility: Codes = np.empty(0, dtype=np.int32)
        self.unit: Codes = np.empty(0, dtype=np.int32)
        self.bed: Codes = np.empty(0, dtype=np.int32)
        self.bed_name: Codes = np.empty(0, dtype=np.int32)
        self.type: Codes = np.empty(0, dtype=np.int32)
        self.signal: Codes = np.empty(0, dtype=np.int32)
        self.technical: Flags = np.empty(0, dtype=np.bool_)
        self.advisory: Flags = np.empty(0, dtype=np.bool_)
        self.mark: Marks = np.empty(0, dtype=np.uint64)

    @property
    def by_number(self) -> list[Static]:
        return self.numbers.by_number

    def number_all(self, statics: Any) -> Codes:
        """The numbers of statics, given as `Static`s or equal tuples."""
        given = list(statics)
        found: list[Any] = list(map(self.numbers.get, given))
        if None in found:
            self._number(self.numbers.unknown(given, found))
            found = list(map(self.numbers.__getitem__, given))
        return np.array(found, dtype=np.int32)

    def _number(self, new: Iterable[Any]) -> None:
        """Number distinct statics, none of which has a number. They share their texts, most of
        which many of them have.
        """
        facility, *texts = zip(*new, strict=True)
        shared: Any = zip(facility, *(map(sys.intern, column) for column in texts), strict=True)
        self.numbers.add_all(list(shared))
        self._extend()

    def _extend(self) -> None:
        """Fill the columns for statics that were numbered since the last call."""
        new = self.numbers.by_number[self._known :]
        if not new:
            return
        self._known = len(self.numbers.by_number)
        facility, unit, bed, device_id, device_type, source, code, kind = zip(*new, strict=True)
        where = list(zip(facility, unit, bed, strict=True))
        numbers = {
            key: self._placed.get(key) or self._number_bed(key) for key in dict.fromkeys(where)
        }
        of_bed, bed_name = zip(*map(numbers.__getitem__, where), strict=True)
        columns: tuple[Any, ...] = (
            facility,
            self.units.number_all(list(zip(facility, unit, strict=True))),
            of_bed,
            bed_name,
            self.types.number_all(list(zip(device_type, source, code, strict=True))),
            self.signals.number_all(list(zip(facility, device_id, source, code, strict=True))),
            [one == "technical" for one in kind],
            [one == "advisory" for one in kind],
            _marks_of(unit, bed, device_id, device_type, source, code, kind),
        )
        for name, values in zip(_COLUMNS, columns, strict=True):
            column = getattr(self, name)
            if len(column) < self._known:
                grown = np.zeros(self._known * 3 // 2, dtype=column.dtype)
                grown[: len(column)] = column
                setattr(self, name, grown)
            getattr(self, name)[self._known - len(new) : self._known] = values

    def put(self, statics: Iterable[Any]) -> None:
        """Restore stored statics, given as `Static`s or equal tuples, in the order of their
        numbers.
        """
        self._number(statics)

    def _number_bed(self, key: tuple[int, str, str]) -> tuple[int, int]:
        """The number of a bed, given as an equal tuple, and the number of its name."""
        facility, unit, name = key
        number = self.bed_names[facility, name]
        known = self.beds.get(key)  # type: ignore[call-overload]  # it equals the `Bed`
        bed = self.beds[Bed(facility, unit, name)] if known is None else known
        of_name = self.beds_of_name.setdefault(number, [])
        if bed not in of_name:
            of_name.append(bed)
        self._placed[key] = bed, number
        return bed, number

    def units_of_beds(self) -> Codes:
        """The number of the unit of each bed, indexed by the number of the bed."""
        for bed in self.beds.by_number[len(self._unit_of_bed) :]:
            self._unit_of_bed.append(self.units[bed.facility, bed.unit])
        return np.array(self._unit_of_bed, dtype=np.int32)

    def keep(self, used: Codes) -> Codes:
        """Keep only the statics with the numbers `used` (distinct).

        Returns an array from old to new numbers, -1 for statics that are dropped. Units, beds,
        their names and types stay numbered until `keep_names`.
        """
        moved = np.full(len(self.numbers.by_number), -1, dtype=np.int32)
        moved[used] = np.arange(len(used))
        self.numbers.renew([self.numbers.by_number[number] for number in used.tolist()])
        for name in _COLUMNS:
            setattr(self, name, getattr(self, name)[used].copy())
        signals = np.unique(self.signal)
        self.signals.renew([self.signals.by_number[number] for number in signals.tolist()])
        self.signal = np.searchsorted(signals, self.signal).astype(np.int32)
        self._known = len(used)
        return moved

    @property
    def names(self) -> int:
        """The number of units, beds, names of beds and alarm types that are numbered."""
        return len(self.units) + len(self.beds) + len(self.bed_names) + len(self.types)

    def keep_names(
        self, units: Numbers, beds: Numbers, bed_names: Numbers
    ) -> tuple[Codes, Codes, Codes]:
        """Keep only these names (distinct numbers) and those of statics.

        Returns arrays from old to new numbers of units, beds and names of beds, -1 for names
        that are dropped.
        """
        known = self._known
        moved_units = kept(self.units, np.union1d(units, self.unit[:known]))
        moved_beds = kept(self.beds, np.union1d(beds, self.bed[:known]))
        moved_bed_names = kept(self.bed_names, np.union1d(bed_names, self.bed_name[:known]))
        moved_types = kept(self.types, np.unique(self.type[:known]))
        self.unit, self.bed = moved_units[self.unit[:known]], moved_beds[self.bed[:known]]
        self.bed_name = moved_bed_names[self.bed_name[:known]]
        self.type = moved_types[self.type[:known]]
        self.beds_of_name, self._placed = {}, {}
        for name, bed in sorted(set(zip(self.bed_name.tolist(), self.bed.tolist(), strict=True))):
            self.beds_of_name.setdefault(name, []).append(bed)
        self._unit_of_bed = array("i")
        return moved_units, moved_beds, moved_bed_names
