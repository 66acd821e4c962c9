"""Sorts frames by time, on disk if there are many."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import polars as pl

_IN_MEMORY = 1 << 18
"""Most rows in memory before they are written to disk."""
_AT_ONCE = 1 << 17
PLACE = "\x00place"


class Spool:
    """Frames with a column `at` (ms).

    If a table is in order of time, forward or backward, its frames are returned one by one, so
    memory is bounded. Other tables are sorted as a whole.
    """

    def __init__(self, order: Literal["oldest first", "newest first"] | None) -> None:
        """`order`: of rows with equal times; None: that of most rows."""
        self._order = order
        self._held: list[pl.DataFrame] = []
        self._count = self._total = 0
        self._files: list[tuple[int, int, Path]] = []
        self._folder: TemporaryDirectory[str] | None = None
        self._rises = self._falls = 0
        self._last: int | None = None

    def add(self, frame: pl.DataFrame) -> None:
        if not frame.height:
            return
        first = self._total
        place = pl.int_range(first, first + frame.height, dtype=pl.Int64, eager=True).alias(PLACE)
        before = frame["at"][0] if self._last is None else self._last
        steps = pl.concat([pl.Series("at", [before], dtype=pl.Int64), frame["at"]]).diff()
        self._last = frame["at"][-1]
        self._rises += int((steps > 0).sum())
        self._falls += int((steps < 0).sum())
        self._held.append(frame.with_columns(place))
        self._total += frame.height
        self._count += frame.height
        if self._count >= _IN_MEMORY:
            self._spill()

    def ordered(self) -> Iterator[pl.DataFrame]:
        """All rows by time; rows with equal times in the order in which they happened."""
        if not self._total:
            return
        newest = self._falls > self._rises if self._order is None else self._order == "newest first"
        if not self._files:
            yield from self._sorted(pl.concat(self._held, rechunk=True), newest).iter_slices(
                _AT_ONCE
            )
            return
        self._spill()
        spans = [(low, high) for low, high, _ in self._files]
        files = [path for _, _, path in self._files]
        if not newest and all(one[1] <= two[0] for one, two in pairwise(spans)):
            parts = [[path] for path in files]
        elif newest and all(one[0] >= two[1] for one, two in pairwise(spans)):
            parts = [[path] for path in reversed(files)]
        else:
            parts = [files]
        for paths in parts:
            frame = pl.concat([pl.read_ipc(path, memory_map=False) for path in paths], rechunk=True)
            yield from self._sorted(frame, newest).iter_slices(_AT_ONCE)
        assert self._folder is not None
        self._folder.cleanup()

    def _sorted(self, frame: pl.DataFrame, newest: bool) -> pl.DataFrame:
        return frame.sort("at", PLACE, descending=[False, newest]).drop(PLACE)

    def _spill(self) -> None:
        if not self._held:
            return
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="alarm-fatigue-")
        frame = pl.concat(self._held, rechunk=True)
        path = Path(self._folder.name) / f"{len(self._files)}.arrow"
        frame.write_ipc(path, compression="lz4")
        low, high = frame["at"].min(), frame["at"].max()
        assert isinstance(low, int)
        assert isinstance(high, int)
        self._files.append((low, high, path))
        self._held, self._count = [], 0
