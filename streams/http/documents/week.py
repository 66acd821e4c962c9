"""/api/v1/week: the last seven days of one unit, from the archive."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from streams.http.documents.common import Amount, Count, Line, Moment, Ratio, one_of


class WeekDay(Struct, frozen=True):
    """One local day of a unit; its figures are null if it is left out."""

    date: Annotated[str, Meta(examples=["2026-03-17"])]
    begin: Moment = field(name="from")
    until: Moment
    left_out: Annotated[
        str | None,
        one_of(
            ["silent", "broken", "small", None],
            "silent: the archive holds nothing of it; broken: nothing of over two hours of it, "
            "although so long a silence is implausible; small: fewer clinicians than "
            "`privacy.smallest_group` stand behind some hour of it",
        ),
    ]
    alarms: Count | None
    clinician_hours: Annotated[
        Amount | None, Meta(description="Duty of all clinicians together; null: no roster is known")
    ]
    nonactionable: Annotated[
        Ratio | None,
        Meta(description="Of the clinical alarms of known class; null: they are too few"),
    ]
    classified: Annotated[Count | None, Meta(description="Clinical alarms of known class")]
    clinical: Annotated[Count | None, Meta(description="Clinical alarms of any class")]
    overloaded_hours: Annotated[
        Amount | None,
        Meta(description="Of the unit; null: the archive has no overload changes of the facility"),
    ]


class WeekSays(Struct, frozen=True):
    """The last seven days beside the seven before them, in words: means of the days shown."""

    load: Line
    nonactionable: Line
    overloaded: Line


class Week(Struct, frozen=True):
    """The last seven whole local days of a unit in the archive, and the seven before them."""

    facility: str
    unit: str
    days: Annotated[
        list[WeekDay],
        Meta(
            max_length=14,
            description="Fourteen days, the oldest first; empty if there is nothing to show",
        ),
    ]
    says: Annotated[
        WeekSays | None, Meta(description="null: none of the last seven days can be shown")
    ]
    nothing: Annotated[
        str | None,
        Meta(
            description="Why there is nothing to show, or which days are not shown, in a sentence",
            examples=["no archive of past days is connected here (setting archive.path)"],
        ),
    ]
