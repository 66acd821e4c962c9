"""Episodes: the classes and priorities of alarms, and the record of a finished one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
