"""Sparse columns: columns in which most rows have the value of a free row.

A row with another value in any of the columns gets an entry, and values are kept by entry. A row
without one costs the number of its entry, 4 bytes, however many columns there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Codes, Numbers, distinct
from analyzer.columns.growing import Growing, take_free


class _Entries(Growing):
    number: Codes  # by row; 0: it has none

    def __init__(self) -> None:
        super().__init__(number=(np.int32, 0))


class Sparse:
    """The entries that some columns of one table share, and the values of these columns."""

    def __init__(self, **columns: tuple[Any, Any]) -> None:
        """`columns`: name -> (dtype, value of free rows, which must not be NaN)."""
        self._columns = columns
        self._of_row = _Entries()
        self._values = Growing(**columns)
        self._values.reserve(1)  # entry 0 has the values of free rows
        self._top = 1  # entries from here on were never taken
        self._free: list[Numbers] = []

    def reserve(self, rows: int) -> None:
        """Make room for at least so many rows."""
        self._of_row.reserve(rows)

    def column(self, name: str) -> SparseColumn:
        """A column, to be read and written by row."""
        return SparseColumn(self, name, self._columns[name][1])

    def values(self, name: str) -> npt.NDArray[Any]:
        """The values of a column, by entry."""
        values: npt.NDArray[Any] = getattr(self._values, name)
        return values

    def entries(self, rows: Any) -> Any:
        """The entry of each row, 0 for those without one."""
        return self._of_row.number[rows]

    def enter(self, rows: Numbers) -> None:
        """Give an entry to each of these rows, which have none. A row may be given twice."""
        rows = distinct(rows)
        parts, count = take_free(self._free, len(rows))
        if count:
            self._values.reserve(self._top + count)
            parts.append(np.arange(self._top, self._top + count))
            self._top += count
        self._of_row.number[rows] = np.concatenate(parts)

    def drop(self, rows: Numbers) -> None:
        """Give these rows the values of free rows again, and give back their entries."""
        entries = self._of_row.number[rows].astype(np.int64)
        entries = entries[entries > 0]
        if not len(entries):
            return
        for name, (_, fill) in self._columns.items():
            self.values(name)[entries] = fill
        self._of_row.number[rows] = 0
        self._free.append(entries)


class SparseColumn:
    """One of the columns, read and written like an array: by row, by rows, or by slice."""

    def __init__(self, sparse: Sparse, name: str, fill: Any) -> None:
        self._sparse, self._name, self._fill = sparse, name, fill

    def __getitem__(self, rows: Any) -> Any:
        return self._sparse.values(self._name)[self._sparse.entries(rows)]

    def __setitem__(self, rows: Any, values: Any) -> None:
        entries = self._entries_for(rows, values != self._fill)
        # The rows that are still without an entry write into entry 0 what is there already.
        self._sparse.values(self._name)[entries] = values

    def raise_to(self, rows: Numbers, values: Numbers) -> None:
        """Set each row to the greatest of its value and those given for it, as `np.maximum.at`."""
        entries = self._entries_for(rows, values > self._fill)
        np.maximum.at(self._sparse.values(self._name), entries, values)

    def _entries_for(self, rows: Any, wanted: Any) -> Any:
        """The entry of each row, once all those `wanted` have one."""
        entries = self._sparse.entries(rows)
        lacking = np.atleast_1d((entries == 0) & wanted)
        if not lacking.any():
            return entries
        if isinstance(rows, slice):
            rows = np.arange(rows.start, rows.stop)
        self._sparse.enter(np.atleast_1d(rows)[lacking])
        return self._sparse.entries(rows)
