"""Interning: small numbers for values that repeat, so that columns can hold them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import compress, count, repeat
from operator import is_
from typing import Any, Generic, TypeVar

import numpy as np

from analyzer.arrays import Codes, Numbers

T = TypeVar("T", bound=Hashable)

NAMES_PER_BLOCK = 1024
"""How many values are stored together."""


class Numbered(dict[T, int], Generic[T]):
    """Numbers values from 0 in order of first appearance. `numbered[value]` gives a new value the
    next number.

    It is a dict so that `map(numbered.__getitem__, values)` numbers a whole slice without running
    Python code for each value.
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_number: list[T] = []  # the values, in the order of their numbers
        # how many values, from the first on, are stored unchanged, and in how many blocks
        self._stored = self._blocks = 0

    def __missing__(self, value: T) -> int:
        number = self[value] = len(self.by_number)
        self.by_number.append(value)
        return number

    def number_all(self, values: Sequence[T]) -> list[int]:
        """The numbers of many values. New ones are numbered without Python code for each."""
        numbers: list[Any] = list(map(self.get, values))
        if None in numbers:
            self.add_all(self.unknown(values, numbers))
            numbers = list(map(self.get, values))
        return numbers

    @staticmethod
    def unknown(values: Sequence[T], numbers: Sequence[int | None]) -> list[T]:
        """The distinct values without a number, in order."""
        return list(dict.fromkeys(compress(values, map(is_, numbers, repeat(None)))))

    def add_all(self, new: list[T]) -> None:
        """Number distinct values, none of which has a number."""
        self.update(zip(new, count(len(self.by_number)), strict=False))
        self.by_number += new

    def renew(self, values: list[T]) -> None:
        """Number these values, and no others, in this order."""
        self.clear()
        self.by_number = values
        self.update((value, number) for number, value in enumerate(values))
        self._stored = 0

    @property
    def dirty(self) -> range:
        """The blocks whose stored content is out of date; those past the last are to be deleted."""
        blocks = -(-len(self.by_number) // NAMES_PER_BLOCK)
        if self._stored == len(self.by_number) and self._blocks == blocks:
            return range(0)
        return range(self._stored // NAMES_PER_BLOCK, max(blocks, self._blocks))

    def all_stored(self) -> None:
        """Take note that all blocks have been stored."""
        self._stored, self._blocks = len(self.by_number), -(-len(self.by_number) // NAMES_PER_BLOCK)

    def block(self, number: int) -> list[T]:
        """The values of one block, in the order of their numbers."""
        return self.by_number[number * NAMES_PER_BLOCK : (number + 1) * NAMES_PER_BLOCK]


def kept(names: Numbered[T], used: Numbers | Codes) -> Codes:
    """Keep only the names with the numbers `used` (distinct, ascending), in the same order.

    Returns an array from old to new numbers, -1 for names that are dropped.
    """
    moved = np.full(len(names.by_number), -1, dtype=np.int32)
    moved[used] = np.arange(len(used))
    names.renew([names.by_number[number] for number in used.tolist()])
    return moved
