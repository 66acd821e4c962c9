"""Counts repeated alarm ids: devices that number their own alarms use each other's ids."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from analyzer.arrays import Marks, distinct

_MOST = 1 << 22
"""Most ids that are remembered, at 8 bytes each."""


class Repeats:
    """Counts rows whose alarm_id already occurred in the facility."""

    def __init__(self) -> None:
        self._seen: list[Marks] = []
        """Hashes in sorted runs, each more than twice as long as the next one."""
        self._count = 0

    def see(self, frame: pl.DataFrame) -> None:
        named = frame.filter(pl.col("alarm_id").is_not_null())
        hashes = named.select(pl.struct("facility", "alarm_id").hash()).to_series().to_numpy()
        new = distinct(hashes)
        for run in self._seen:
            new = new[~_among(new, run)]
        self._count += len(hashes) - len(new)
        self._add(new)

    def _add(self, new: Marks) -> None:
        if not len(new):
            return
        runs = self._seen
        runs.append(new)
        while len(runs) > 1 and len(runs[-2]) <= 2 * len(runs[-1]):
            runs[-2:] = [np.sort(np.concatenate(runs[-2:]))]
        if (excess := sum(map(len, runs)) - _MOST) > 0:
            runs[0] = runs[0][excess:]

    def words(self, name: str, replaced: bool) -> Iterator[str]:
        """`replaced`: a later row replaces an earlier one; otherwise the later row is left out."""
        if self._count:
            one = self._count == 1
            yield (
                f"{name}: {self._count:,} "
                + (
                    f"{'row' if one else 'rows'} replaced earlier ones"
                    if replaced
                    else f"{'row is' if one else 'rows are'} left out for an earlier one"
                )
                + " of the same alarm_id: if each device counts for itself, join columns, as in "
                "alarm_id: {columns: [Bed, No]}"
            )


def _among(some: Marks, run: Marks) -> npt.NDArray[np.bool_]:
    """Which of the values are in a sorted run, which is not empty."""
    found: npt.NDArray[np.bool_] = run[np.searchsorted(run, some).clip(max=len(run) - 1)] == some
    return found
