"""/api/v1/whatif and /api/v1/whatif/types: what another limit or delay would have done."""

from __future__ import annotations

from typing import Annotated, get_args

from msgspec import Meta, Struct, field

from analyzer.stats import Promise
from streams.http.documents.common import AlarmType, Amount, Classes, Count, Moment, one_of

MOST_TYPES = 200


class Range(Struct, frozen=True):
    """The least and the greatest of some values."""

    least: float
    most: float


MaybeRange = Annotated[Range | None, Meta(description="null: there are no such values")]


class Span(Struct, frozen=True):
    """From the first start to the last end of the unit's finished alarms."""

    begin: Moment = field(name="from")
    end: Moment = field(name="to")
    hours: Amount


class Limits(Struct, frozen=True):
    """The limits in force, by the side that they guard."""

    low: MaybeRange
    high: MaybeRange


class Room(Struct, frozen=True):
    """How far a limit can be moved."""

    present: Annotated[float, Meta(description="The least sensitive limit in force")]
    furthest: Annotated[
        float,
        Meta(description="The most extreme reading: at this limit no alarm would have sounded"),
    ]


MaybeRoom = Annotated[
    Room | None,
    Meta(
        description="null: the limit cannot be moved, because these alarms have no limit, or "
        "limits on both sides"
    ),
]


class ByClass(Struct, frozen=True):
    """A number of alarms, and the same by class."""

    alarms: Count
    classes: Classes


class PlainShare(Struct, frozen=True):
    """A count, and what it is a share of."""

    count: Count
    of: Count
    share: Annotated[float | None, Meta(description="null: `of` is 0")]


class Bounded(Struct, frozen=True):
    """A share with its upper bound."""

    count: Count
    of: Count
    share: Annotated[float | None, Meta(description="null: `of` is 0")]
    upper: Annotated[
        float | None,
        Meta(
            description="The one-sided upper bound of the share (Clopper & Pearson 1934), with "
            "the alarms of one bed and day as one observation; null: `of` is 0"
        ),
    ]
    confidence: Annotated[float, Meta(description="Confidence of the bound", examples=[0.95])]
    effective: Annotated[
        float | None,
        Meta(
            description="How many independent alarms tell as much as these; null: nothing is "
            "changed"
        ),
    ]


class Lost(Bounded, frozen=True):
    """The needed alarms that are hidden, against the tolerance."""

    tolerated: Annotated[float, Meta(description="The share that may be lost", examples=[0.01])]
    promise: Annotated[
        str,
        one_of(
            get_args(Promise),
            "kept: the upper bound is within the tolerance; broken: the share is beyond it; open: "
            "neither, as too few alarms were needed",
        ),
    ]


class NamedType(AlarmType, frozen=True):
    """An alarm type, and what people call it."""

    name: Annotated[str, Meta(examples=["SpO2 low"])]


class Scope(Struct, frozen=True):
    """Which alarms were asked about."""

    facility: str
    unit: str
    type: NamedType
    priority: Annotated[None, Meta(description="null: any priority")]


class Setting(Struct, frozen=True):
    """The setting that was tried. null: as it was."""

    limit: float | None
    delay_seconds: float | None
    holdoff_seconds: None
    beside: None
    priority: None
    sent_from: str


class Late(Struct, frozen=True):
    """Actionable alarms that would have sounded late."""

    actionable: Annotated[Count, Meta(description="Actionable alarms that would have sounded late")]
    by_seconds: Annotated[float | None, Meta(description="null: no delay was asked about")]


class BeforeAfter(Struct, frozen=True):
    """For how long these alarms sounded, added up, as it was and under the setting."""

    before: Amount
    after: Amount


HighPriority = Annotated[
    Count,
    Meta(
        description="Alarms of high priority: change nothing about them without a clinical review"
    ),
]


class WhatIf(Struct, frozen=True):
    """The effect of a setting on the finished alarms that the worker holds."""

    scope: Scope
    span: Span
    setting: Setting
    before: Annotated[ByClass, Meta(description="Alarms that sounded")]
    after: Annotated[ByClass, Meta(description="Alarms that would still have sounded")]
    removed: Annotated[ByClass, Meta(description="Alarms that would not have sounded")]
    delayed: Annotated[ByClass, Meta(description="Alarms that would have sounded later")]
    by: Annotated[dict[str, Count], Meta(description="How many alarms each change removed")]
    not_evaluable: Annotated[
        Count,
        Meta(description="Alarms without a reading or a limit: assumed to sound as before"),
    ]
    at_limit: Annotated[
        Count,
        Meta(description="Alarms whose reading equals the limit: assumed to sound as before"),
    ]
    known: Annotated[PlainShare, Meta(description="Alarms whose class is known")]
    lost: Annotated[Lost, Meta(description="Actionable alarms that would not have sounded")]
    among_removed: Annotated[
        Bounded,
        Meta(
            description="Of the removed alarms that staff responses or reviews have classified, "
            "those that were actionable"
        ),
    ]
    late: Late
    sounding_seconds: BeforeAfter
    high_priority: HighPriority
    readings: MaybeRange
    limits: Limits
    room: MaybeRoom
    says: Annotated[
        list[str],
        Meta(description="The harm first, then the benefit, then how certain both are, in words"),
    ]
    caveats: Annotated[list[str], Meta(description="What the figures do not show")]


class TypeRoom(Struct, frozen=True):
    """One alarm type of a unit, and how far its limit can be moved."""

    type: NamedType
    alarms: Count
    classes: Classes
    high_priority: HighPriority
    readings: MaybeRange
    limits: Limits
    room: MaybeRoom


class WhatIfTypes(Struct, frozen=True):
    """The alarm types of a unit that a what-if can be asked about."""

    facility: str
    unit: str
    span: Span
    types: Annotated[
        list[TypeRoom],
        Meta(
            max_length=MOST_TYPES,
            description="The types with the most alarms not known to be actionable come first",
        ),
    ]
    left_out: Annotated[Count, Meta(description="How many more alarm types there are")]
