"""Byte planes: the format in which columns are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def planes(values: npt.NDArray[Any]) -> bytes:
    """The bytes of a column, plane by plane: the lowest byte of every value, then the next byte of
    every value, and so on.

    Values that change slowly share their high bytes, so the planes compress well.
    """
    little = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
    return little.view(np.uint8).reshape(len(values), -1).T.tobytes()


def from_planes(content: bytes, dtype: Any) -> npt.NDArray[Any]:
    """The column of type `dtype` that `planes` turned into `content`."""
    size = np.dtype(dtype).itemsize
    by_plane = np.frombuffer(content, dtype=np.uint8).reshape(size, -1)
    column: npt.NDArray[Any] = (
        np.ascontiguousarray(by_plane.T)
        .view(np.dtype(dtype).newbyteorder("<"))
        .reshape(-1)
        .astype(dtype)
    )
    return column
