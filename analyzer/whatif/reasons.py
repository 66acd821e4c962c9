"""Reasons: why there is no verdict, and why a unit is no control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

ReasonKind = Literal[
    "feed_stopped",
    "feed_began",
    "unit_renamed",
    "type_stopped",
    "type_began",
    "code_renamed",
    "days_missing",
    "hours_missing",
    "unit_in_part",
    "code_in_part",
    "beds_stopped",
    "beds_began",
]
ExclusionKind = Literal["began", "ended", "days_missing", "hours_missing"]


class Reason(NamedTuple):
    """Why there is no verdict, with the values that its sentence needs."""

    kind: ReasonKind
    values: Mapping[str, int | str | tuple[str, str, str]] = {}


class Excluded(NamedTuple):
    """A unit that is no control, and why; `at` is when it began or ended (ms), or 0."""

    unit: str
    kind: ExclusionKind
    at: int
