"""Rows in an hour that occurs twice (clocks put back), which wait until all rows were read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streams.files.local_times import ChangedClocks, Twice

Order = Literal["oldest first", "newest first"] | None
_ROW = "\x00row"


class Aside:
    """Decides between two readings of a time, by order and duration (see `ChangedClocks`)."""

    def __init__(self, times: Sequence[str], order: Order = None) -> None:
        """`times`: the columns of start, end and response; some may be missing. `order`: the order
        of the rows, if the mapping states it.
        """
        self._times = dict(zip(times, ("start", "end", "first_response"), strict=False))
        self._clocks = ChangedClocks(order)
        self._frames: list[pl.DataFrame] = []

    def take(
        self,
        frame: pl.DataFrame,
        good: NDArray[np.bool_],
        twice: Mapping[str, Mapping[int, Twice]],
    ) -> NDArray[np.bool_]:
        """Which rows are decided; the others wait. The order of the `good` rows is noted."""
        stays = np.ones(frame.height, bool)
        first = next(iter(self._times))
        starts = frame[first].fill_null(0).to_numpy()
        counted = good & frame[first].is_not_null().to_numpy()
        places = sorted({place for of in twice.values() for place in of})
        places = [place for place in places if good[place]]
        begin = 0
        for place in places:
            self._clocks.passes(starts[begin:place][counted[begin:place]])
            fields: dict[str, Any] = {_ROW: (len(self._frames), place)}
            for name, role in self._times.items():
                fields[role] = twice.get(name, {}).get(place, frame[name][place])
            if "lasts" in frame.columns and (lasts := frame["lasts"][place]) is not None:
                fields["lasts"] = lasts
                fields.pop("end", None)
            self._clocks.takes(place, {k: v for k, v in fields.items() if v is not None})
            stays[place] = False
            begin = place + 1
        self._clocks.passes(starts[begin:][counted[begin:]])
        if places:
            kept = pl.Series("place", places, dtype=pl.Int64)
            self._frames.append(frame[places].with_columns(kept.alias(_ROW)))
        return stays

    def settled(self) -> tuple[pl.DataFrame, list[str | None]] | None:
        """The rows that waited, each with its times and the name of the first time that remains
        undecided.
        """
        if not self._frames:
            return None
        order, undecided = [], []
        columns: dict[str, list[int | None]] = {name: [] for name in self._times}
        offsets = np.cumsum([0, *(one.height for one in self._frames)])
        at = {
            (number, place): int(offsets[number]) + index
            for number, one in enumerate(self._frames)
            for index, place in enumerate(one[_ROW].to_list())
        }
        names = {role: name for name, role in self._times.items()}
        for _, fields, doubt in self._clocks.settled():
            order.append(at[fields[_ROW]])
            undecided.append(None if doubt is None else names[doubt])
            for name, role in self._times.items():
                columns[name].append(fields.get(role))
        frame = pl.concat(self._frames, rechunk=True)[order].drop(_ROW)
        return (
            frame.with_columns(
                pl.Series(name, values, dtype=pl.Int64) for name, values in columns.items()
            ),
            undecided,
        )

    def words(self, name: str, keeps: bool) -> Iterator[str]:
        """A message about times that remained undecided and were kept."""
        if keeps and (count := self._clocks.undecided):
            yield (
                f"{name}: {count:,} {'row lies' if count == 1 else 'rows lie'} in an hour that "
                "came twice when the clocks were put back, with nothing to decide which: taken as "
                "the first"
            )
        if keeps and (count := self._clocks.missing):
            yield (
                f"{name}: {count:,} {'row has' if count == 1 else 'rows have'} a time that never "
                "was, since the clocks were put forward: taken as by the old clock"
            )
