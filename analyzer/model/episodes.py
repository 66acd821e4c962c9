"""Episodes: the words for what an alarm is, and the record of a finished one."""

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
    """A finished episode as tuning reads it.

    Times in ms; `clinicians` raw ids, sorted; `basis` the rule that decided.
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
    """Finished episodes as columns: one sequence for each field of `EpisodeRecord`, in its order.
    Iterating gives the records.

    `rows` and `digests` find the records again in the state that gave them, and tell whether it
    still says the same.
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
