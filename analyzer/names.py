"""Names: small numbers for things that repeat, so that columns can hold them."""

from __future__ import annotations

from array import array
from collections.abc import Hashable
from hashlib import blake2b
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from analyzer.ids import Codes

T = TypeVar("T", bound=Hashable)


class Numbered(dict[T, int], Generic[T]):
    """Numbers for things, first come first numbered: `numbered[thing]` gives one to a new thing, too.

    A dict, so that `map(numbered.__getitem__, things)` numbers a whole slice without a line of Python an item.
    """

    def __init__(self) -> None:
        super().__init__()
        self.things: list[T] = []

    def __missing__(self, thing: T) -> int:
        number = self[thing] = len(self.things)
        self.things.append(thing)
        return number

    def renew(self, things: list[T]) -> None:
        """Number these things, and no others, in this order."""
        self.clear()
        self.things = things
        self.update((thing, number) for number, thing in enumerate(things))


class Static(NamedTuple):
    """What does not change over an episode, and is shared by many; taken from its earliest `start` or `update`."""

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


class Statics:
    """Numbered statics, and what each of them means, as arrays to be indexed by their numbers."""

    def __init__(self) -> None:
        self.numbers: Numbered[Static] = Numbered()
        self.units: Numbered[tuple[int, str]] = Numbered()
        self.places: Numbered[Place] = Numbered()
        self.beds: Numbered[tuple[int, str]] = Numbered()  # by name alone: responses may name no unit
        self.places_of_bed: dict[int, list[int]] = {}  # those with an episode
        self.types: Numbered[AlarmType] = Numbered()
        self._known = 0
        self.facility: Codes = np.empty(0, dtype=np.int32)
        self.unit: Codes = np.empty(0, dtype=np.int32)
        self.place: Codes = np.empty(0, dtype=np.int32)
        self.bed: Codes = np.empty(0, dtype=np.int32)
        self.type: Codes = np.empty(0, dtype=np.int32)
        self.technical: npt.NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
        self.advisory: npt.NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
        self.mark: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)

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
        new = [Static(*static) for static in self.numbers.things[self._known :]]
        if not new:
            return
        self._known = len(self.numbers.things)
        grown = max(self._known, len(self.facility) * 3 // 2)
        for name, values in (
            ("facility", [one.facility for one in new]),
            ("unit", [self.units[one.facility, one.unit] for one in new]),
            ("place", [self._place(one) for one in new]),
            ("bed", [self.beds[one.facility, one.bed] for one in new]),
            ("type", [self.types[one.device_type, one.source, one.code] for one in new]),
            ("technical", [one.kind == "technical" for one in new]),
            ("advisory", [one.kind == "advisory" for one in new]),
            ("mark", [mark_of(*one[1:]) for one in new]),
        ):
            column = getattr(self, name)
            if len(column) < self._known:
                column = np.concatenate([column, np.zeros(grown - len(column), dtype=column.dtype)])
                setattr(self, name, column)
            column[self._known - len(new) : self._known] = values

    def _place(self, static: Static) -> int:
        place = self.places[Place(static.facility, static.unit, static.bed)]
        of_bed = self.places_of_bed.setdefault(self.beds[static.facility, static.bed], [])
        if place not in of_bed:
            of_bed.append(place)
        return place

    def keep(self, used: Codes) -> Codes:
        """Forget all statics but `used` (distinct numbers); returns the new number of each old one.

        Places, units and types stay numbered: there are as many as a hospital has.
        """
        moved = np.full(len(self.numbers.things), -1, dtype=np.int32)
        moved[used] = np.arange(len(used))
        self.numbers.renew([self.numbers.things[number] for number in used.tolist()])
        for name in ("facility", "unit", "place", "bed", "type", "technical", "advisory", "mark"):
            setattr(self, name, getattr(self, name)[used].copy())
        self._known = len(used)
        return moved


def mark_of(*values: Any) -> int:
    """64 bits that name these values, the same in every process."""
    return int.from_bytes(blake2b(repr(values).encode(), digest_size=8).digest(), "little")
