"""Counts repeated alarm ids: devices that number their own alarms use each other's ids."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

_MOST = 1 << 22
"""Most ids that are remembered, at 8 bytes each."""


class Repeats:
    """Counts rows whose alarm_id already occurred in the facility."""

    def __init__(self) -> None:
        self._seen = np.zeros(0, np.uint64)
        self._count = 0

    def see(self, frame: pl.DataFrame) -> None:
        named = frame.filter(pl.col("alarm_id").is_not_null())
        hashes = named.select(pl.struct("facility", "alarm_id").hash()).to_series().to_numpy()
        new = np.setdiff1d(hashes, self._seen)
        self._count += len(hashes) - len(new)
        seen = np.concatenate([self._seen, new])
        self._seen = np.sort(seen[-_MOST:])

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
