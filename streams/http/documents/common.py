"""Common parts of several documents: counts, texts, and counts by class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
Ratio = Annotated[float, Meta(ge=0, le=1)]
Line = Annotated[str, Meta(description="One line")]
Moment = Annotated[int, Meta(description="ms since 1970", examples=[1_772_323_200_000])]


def one_of(values: Iterable[str | None], description: str | None = None) -> Meta:
    """A text that has one of these values."""
    return Meta(description=description, extra_json_schema={"enum": list(values)})


class Error(Struct, frozen=True):
    """Why there is no answer."""

    error: Line


class Classes(Struct, frozen=True):
    """Alarms by class."""

    actionable: Count
    non_actionable: Count
    technical: Count
    pending: Annotated[Count, Meta(description="Not classified yet")]
    unknown: Annotated[Count, Meta(description="Could not be classified")]


class AlarmType(Struct, frozen=True):
    """The fields that identify a type of alarm."""

    device_type: Annotated[str, Meta(examples=["monitor"])]
    source: str
    code: str


RefreshSeconds = Annotated[
    float, Meta(gt=0, description="How often a new answer is available", examples=[5.0])
]
WindowNames = Annotated[
    list[str],
    Meta(
        description="The names of the windows, which are their lengths",
        examples=[["10m", "1h", "12h"]],
    ),
]
