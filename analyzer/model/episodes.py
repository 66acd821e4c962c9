"""Episodes: the classes and priorities of alarms, and the record of a finished one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from analyzer.arrays import Marks, Numbers
from analyzer.model.facts import Kind, Priority

Class = Literal["actionable", "non_actionable", "technical", "pending", "unknown"]

PRIORITIES: tuple[Priority, ...] = ("info", "low", "medium", "high")
"""By rank; `info` is not an alarm (IEC 60601-1-8 calls it an information signal)."""


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """A finished episode. Times are in ms.

    `clinicians` are raw ids, sorted. `basis` is what the class rests on, None where nothing is
    known.
    """

    facility: str
    unit: str
    bed: str
    alarm_id: str
    device_id: str
    device_type: str
    source: str
    code: str
    kind: Kind
    label: str | None
    priority: Priority
    start: int
    end: int
    value: float | None
    limit: float | None
    clinicians: tuple[str, ...]
    class_: Class
    basis: str | None
    first_response: int | None


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
