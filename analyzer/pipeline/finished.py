"""Finished: the records of final episodes, as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from analyzer.arrays import Marks, Numbers
from analyzer.model.episodes import EpisodeRecord


class Finished:
    """Finished episodes as columns, one for each field of `EpisodeRecord`, in its order.

    Iteration yields the records. `rows` and `digests` identify them in the state that returned
    them, and show whether they have changed since.
    """

    def __init__(self, columns: Sequence[Sequence[Any]], rows: Numbers, digests: Marks) -> None:
        self.columns = columns
        self.rows = rows
        self.digests = digests

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[EpisodeRecord]:
        return (EpisodeRecord(*values) for values in zip(*self.columns, strict=True))


NOTHING_FINISHED = Finished(
    [[] for _ in EpisodeRecord.__slots__], np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64)
)
