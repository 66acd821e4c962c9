"""Growable columns: numpy arrays of equal length that are extended together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Numbers


class Growing:
    """Parallel numpy columns that grow together, by at least a sixteenth at a time.

    Each column is an attribute. `size` is the allocated length of all of them.
    """

    def __init__(self, **columns: tuple[Any, Any]) -> None:
        """`columns`: name -> (dtype, value of unused entries). A dtype may have a shape, for
        columns with several numbers an entry.
        """
        self._columns = columns
        self.size = 0
        for name in columns:
            setattr(self, name, self._blank(name, 0))

    def _blank(self, name: str, size: int) -> npt.NDArray[Any]:
        type_, fill = self._columns[name]
        of_one = np.dtype(type_)
        return np.full((size, *of_one.shape), fill, dtype=of_one.base)

    def reserve(self, size: int) -> None:
        """Make room for at least `size` entries."""
        if size <= self.size:
            return
        self.size = max(size, self.size + self.size // 16, 1024)
        for name, (_, fill) in self._columns.items():
            # Without the attribute, the column has one reference, as `resize` demands.
            column = self.__dict__.pop(name)
            before, shape = len(column), (self.size, *column.shape[1:])
            try:  # in place: a long column keeps its pages, and leaves no hole in the heap
                column.resize(shape)
            except ValueError:  # somebody else refers to it
                new = np.empty(shape, dtype=column.dtype)
                new[:before] = column
                column = new
            column[before:] = fill
            setattr(self, name, column)

    def empty(self) -> None:
        """Remove all entries and release their memory."""
        self.size = 0
        for name in self._columns:
            setattr(self, name, self._blank(name, 0))


def take_free(free: list[Numbers], count: int) -> tuple[list[Numbers], int]:
    """Take `count` places from groups of free ones, or all if there are fewer. Returns the places
    in groups, and how many are still lacking.
    """
    parts: list[Numbers] = []
    while count and free:
        group = free.pop()
        parts.append(group[:count])
        if len(group) > count:
            free.append(group[count:])
        count -= len(parts[-1])
    return parts, count
