"""Array types that the columns of the analyzer are made of, and two functions on them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
"""Times, durations and counts."""
Codes = npt.NDArray[np.int32]
"""Numbers of interned names, or of rows."""
Levels = npt.NDArray[np.int8]
"""Small enumerations: priority rank, class, verdict, outcome."""
Indices = npt.NDArray[np.intp]
"""Indices into another array."""
Integers = npt.NDArray[np.integer]
"""Integers of any width."""
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Marks = npt.NDArray[np.uint64]
"""64-bit hashes."""
Checks = npt.NDArray[np.uint32]
"""The 32 bits that complete a mark to a fingerprint."""

N = TypeVar("N", bound=np.generic)


def integers(values: Iterable[int]) -> Numbers:
    """A column of the values; several times faster than `np.array` of a list."""
    return np.frombuffer(array("q", values), dtype=np.int64)


def distinct(numbers: npt.NDArray[N]) -> npt.NDArray[N]:
    """The distinct values, sorted.

    Sorting takes a fraction of the time of `np.unique`, which hashes.
    """
    ordered = np.sort(numbers)
    return (
        ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered
    )
