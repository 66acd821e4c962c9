"""Names: small numbers for things that repeat, so that columns can hold them."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable
from hashlib import blake2b
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from analyzer.arrays import Codes, Flags, Marks, Numbers

T = TypeVar("T", bound=Hashable)


NAMES_PER_BLOCK = 1024
"""Things stored together."""


class Numbered(dict[T, int], Generic[T]):
    """Numbers for things, first come first numbered: `numbered[thing]` gives one to a new thing,
    too.

    A dict, so that `map(numbered.__getitem__, things)` numbers a whole slice without a line of
    Python an item.
    """

    def __init__(self) -> None:
        super().__init__()
        self.things: list[T] = []
        # how many things, from the first on, are stored as they are, and in how many blocks
        self._stored = self._blocks = 0

    def __missing__(self, thing: T) -> int:
        number = self[thing] = len(self.things)
        self.things.append(thing)
        return number

    def renew(self, things: list[T]) -> None:
        """Number these things, and no others, in this order."""
        self.clear()
        self.things = things
        self.update((thing, number) for number, thing in enumerate(things))
        self._stored = 0

    @property
    def dirty(self) -> range:
        """The blocks that are not stored as they are; those behind the last are to be deleted."""
        blocks = -(-len(self.things) // NAMES_PER_BLOCK)
        if self._stored == len(self.things) and self._blocks == blocks:
            return range(0)
        return range(self._stored // NAMES_PER_BLOCK, max(blocks, self._blocks))

    def all_stored(self) -> None:
        self._stored, self._blocks = len(self.things), -(-len(self.things) // NAMES_PER_BLOCK)

    def block(self, number: int) -> list[T]:
        return self.things[number * NAMES_PER_BLOCK : (number + 1) * NAMES_PER_BLOCK]


VACANT = ""
"""Stands in the place of a facility that was dropped.

No facility has this name: ids are not empty.
"""


class Facilities(Numbered[str]):
    """Facilities by number. A dropped facility's number goes to a new one, so columns by facility
    stay short.

    That is from the next compaction on: until then, unused names may still refer to it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._dropped: list[int] = []
        self._free: list[int] = []

    def __missing__(self, thing: str) -> int:
        if not self._free:
            return super().__missing__(thing)
        number = self[thing] = self._free.pop()
        self.things[number] = thing
        return number

    def drop(self, number: int) -> None:
        """Give a facility's name back."""
        del self[self.things[number]]
        self.things[number] = VACANT
        self._dropped.append(number)

    @property
    def dropped(self) -> bool:
        """Whether any were dropped since the last compaction."""
        return bool(self._dropped)

    def named(self) -> Flags:
        """By number: whether there is such a facility."""
        return np.array([thing != VACANT for thing in self.things], dtype=np.bool_)

    def compacted(self) -> None:
        """Nothing refers to dropped facilities any more."""
        self._free += self._dropped
        self._dropped = []

    def renew(self, things: list[str]) -> None:
        super().renew(things)
        self.pop(VACANT, None)
        self._free = []
        self._dropped = [number for number, thing in enumerate(things) if thing == VACANT]


class Static(NamedTuple):
    """What does not change over an episode, and is shared by many; taken from its earliest `start`
    or `update`.
    """

    facility: int
    unit: str
    bed: str
    device_id: str
    device_type: str
    source: str
    code: str
    kind: str


class Place(NamedTuple):
    """A bed: names repeat from unit to unit."""

    facility: int
    unit: str
    bed: str


AlarmType = tuple[str, str, str]
"""device_type, source, code."""


_COLUMNS = ("facility", "unit", "place", "bed", "type", "signal", "technical", "advisory", "mark")


class Statics:
    """Numbered statics, and what each of them means, as arrays to be indexed by their numbers."""

    def __init__(self) -> None:
        self.numbers: Numbered[Static] = Numbered()
        self.units: Numbered[tuple[int, str]] = Numbered()
        self.places: Numbered[Place] = Numbered()
        # by name alone: responses may name no unit
        self.beds: Numbered[tuple[int, str]] = Numbered()
        self.places_of_bed: dict[int, list[int]] = {}  # those with an episode
        self.types: Numbered[AlarmType] = Numbered()
        # facility, device_id, source, code: what can chatter
        self.signals: Numbered[tuple[int, str, str, str]] = Numbered()
        self._known = 0
        self._unit_of_place = array("i")
        self.facility: Codes = np.empty(0, dtype=np.int32)
        self.unit: Codes = np.empty(0, dtype=np.int32)
        self.place: Codes = np.empty(0, dtype=np.int32)
        self.bed: Codes = np.empty(0, dtype=np.int32)
        self.type: Codes = np.empty(0, dtype=np.int32)
        self.signal: Codes = np.empty(0, dtype=np.int32)
        self.technical: Flags = np.empty(0, dtype=np.bool_)
        self.advisory: Flags = np.empty(0, dtype=np.bool_)
        self.mark: Marks = np.empty(0, dtype=np.uint64)

    @property
    def things(self) -> list[Static]:
        return self.numbers.things

    def number_all(self, statics: Any) -> Codes:
        """The numbers of statics, given as tuples alike."""
        found = np.frombuffer(array("i", map(self.numbers.__getitem__, statics)), dtype=np.int32)
        self._learn()
        return found

    def _learn(self) -> None:
        """Lay down what the new ones mean."""
        new = self.numbers.things[self._known :]
        if not new:
            return
        self._known = len(self.numbers.things)
        facility, unit, bed, device_id, device_type, source, code, kind = zip(*new, strict=True)
        where = list(zip(facility, unit, bed, strict=True))
        places = {key: self._place(key) for key in dict.fromkeys(where)}
        place, number = zip(*map(places.__getitem__, where), strict=True)
        columns: tuple[Any, ...] = (
            facility,
            list(map(self.units.__getitem__, zip(facility, unit, strict=True))),
            place,
            number,
            list(map(self.types.__getitem__, zip(device_type, source, code, strict=True))),
            list(
                map(self.signals.__getitem__, zip(facility, device_id, source, code, strict=True))
            ),
            [one == "technical" for one in kind],
            [one == "advisory" for one in kind],
            [mark_of(static[1:]) for static in new],
        )
        for name, values in zip(_COLUMNS, columns, strict=True):
            column = getattr(self, name)
            if len(column) < self._known:
                grown = np.zeros(self._known * 3 // 2, dtype=column.dtype)
                grown[: len(column)] = column
                setattr(self, name, grown)
            getattr(self, name)[self._known - len(new) : self._known] = values

    def put(self, things: Iterable[Static]) -> None:
        """Put stored ones back, in the order of their numbers."""
        for static in things:
            self.numbers[static]
        self._learn()

    def _place(self, key: tuple[int, str, str]) -> tuple[int, int]:
        """The numbers of a place, given as a tuple alike, and of its bed."""
        facility, unit, bed = key
        known, number = self.places.get(key), self.beds[facility, bed]  # type: ignore[call-overload]  # it equals the `Place`
        place = self.places[Place(facility, unit, bed)] if known is None else known
        of_bed = self.places_of_bed.setdefault(number, [])
        if place not in of_bed:
            of_bed.append(place)
        return place, number

    def units_of_places(self) -> Codes:
        """The number of each place's unit, by the place's number."""
        for place in self.places.things[len(self._unit_of_place) :]:
            self._unit_of_place.append(self.units[place.facility, place.unit])
        return np.array(self._unit_of_place, dtype=np.int32)

    def keep(self, used: Codes) -> Codes:
        """Forget all statics but `used` (distinct numbers); returns the new number of each old one.

        Their units, places, beds and types stay numbered until `keep_names`.
        """
        moved = np.full(len(self.numbers.things), -1, dtype=np.int32)
        moved[used] = np.arange(len(used))
        self.numbers.renew([self.numbers.things[number] for number in used.tolist()])
        for name in _COLUMNS:
            setattr(self, name, getattr(self, name)[used].copy())
        signals = np.unique(self.signal)
        self.signals.renew([self.signals.things[number] for number in signals.tolist()])
        self.signal = np.searchsorted(signals, self.signal).astype(np.int32)
        self._known = len(used)
        return moved

    @property
    def names(self) -> int:
        """How many units, places, beds and alarm types are numbered."""
        return len(self.units) + len(self.places) + len(self.beds) + len(self.types)

    def keep_names(
        self, units: Numbers, places: Numbers, beds: Numbers
    ) -> tuple[Codes, Codes, Codes]:
        """Forget all names but these (by number, distinct) and those of statics.

        Returns the new numbers of old units, places and beds; -1 for forgotten ones.
        """
        known = self._known
        moved_units = kept(self.units, np.union1d(units, self.unit[:known]))
        moved_places = kept(self.places, np.union1d(places, self.place[:known]))
        moved_beds = kept(self.beds, np.union1d(beds, self.bed[:known]))
        moved_types = kept(self.types, np.unique(self.type[:known]))
        self.unit, self.place = moved_units[self.unit[:known]], moved_places[self.place[:known]]
        self.bed, self.type = moved_beds[self.bed[:known]], moved_types[self.type[:known]]
        self.places_of_bed = {}
        for bed, place in sorted(set(zip(self.bed.tolist(), self.place.tolist(), strict=True))):
            self.places_of_bed.setdefault(bed, []).append(place)
        self._unit_of_place = array("i")
        return moved_units, moved_places, moved_beds


def kept(names: Numbered[T], used: Numbers | Codes) -> Codes:
    """Keep only the names with the numbers `used` (distinct, ascending).

    Returns the new number of each old one, -1 for the others. The order stays.
    """
    moved = np.full(len(names.things), -1, dtype=np.int32)
    moved[used] = np.arange(len(used))
    names.renew([names.things[number] for number in used.tolist()])
    return moved


def mark_of(value: Any) -> int:
    """64 bits that name a value, the same in every process."""
    return int.from_bytes(blake2b(repr(value).encode(), digest_size=8).digest(), "little")
