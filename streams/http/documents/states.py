"""Overload states in answers: since when and why, until when, and by which limits."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from analyzer import MEASURES, STATES
from streams.http.documents.common import Amount, one_of
from streams.paging.tiers import TIERS

State = Annotated[
    str,
    one_of(
        STATES,
        "The load of the assignment, not a judgement of the person: the same as 0, 1 and 2 in "
        "`alarm_fatigue_unit_overload_state` and `alarm_fatigue_clinician_overload_state`",
    ),
]
Since = Annotated[
    int | None, Meta(description="When this state began (ms since 1970); null: it is normal")
]
Rose = Annotated[
    int | None,
    Meta(
        description="When the load last rose to a higher state (ms since 1970); null: it is normal"
    ),
]
Entered = Annotated[
    list[str],
    Meta(
        description="Why the state was entered then: each measure in words, with its entry limit",
        examples=[["14 alarms in 10 min, limit 10"]],
    ),
]
Reasons = Annotated[
    list[str],
    Meta(
        description="Why the state still holds: each measure in words, with its exit limit. "
        "Empty in a state above normal: the load is back below its limits, and the state ends "
        "once it has stayed there long enough",
        examples=[["5 alarms in 10 min at 19:03; the state ends at 4 or fewer"]],
    ),
]
Says = Annotated[
    str,
    Meta(
        description="The state in one sentence: since when and why, when it ends, the values at "
        "the last full minute, and whether it was corrected. Times are those of the facility's "
        "time zone; with the date if that is not today",
        examples=[
            "overloaded since 18:48 (17 alarms in 10 min, limit 10); stays so until 4 or fewer "
            "for 10 min; 5 at 19:03"
        ],
    ),
]
CorrectedAt = Annotated[
    int | None,
    Meta(
        description="When this state was corrected because records had come late (ms since 1970); "
        "null: it was not"
    ),
]


class Strain(Struct, frozen=True):
    """The load of a clinician on duty that is above normal. No one is named."""

    state: State
    since: Since
    rose: Rose
    entered: Entered
    reasons: Reasons
    corrected_at: CorrectedAt
    says: Says


class Limit(Struct, frozen=True):
    """The limits of a measure for one state."""

    measure: Annotated[str, one_of(MEASURES, "As in `alarm_fatigue_unit_policy_limit`")]
    state: Annotated[str, one_of(STATES[1:])]
    enter: Annotated[float, Meta(description="Beyond this the state is entered")]
    leave: Annotated[float, Meta(description="Here, or on the quiet side of it, the state is left")]


class Legend(Struct, frozen=True):
    """The limits of a state in words."""

    state: Annotated[str, one_of(STATES[1:])]
    says: Annotated[
        list[str],
        Meta(
            description="One line for each measure",
            examples=[["more than 8 beds (until 6 or fewer)"]],
        ),
    ]


class Paged(Struct, frozen=True):
    """A step of paging for an overloaded unit."""

    role: Annotated[str, one_of(tuple(one.role for one in TIERS))]
    who: Annotated[str, Meta(examples=["the charge nurse"])]
    after_seconds: Annotated[Amount, Meta(description="After the first page, if nobody takes it")]


class Rules(Struct, frozen=True):
    """The overload policy of units without limits of their own, and who is paged."""

    hold_seconds: Annotated[
        Amount, Meta(description="How long a measure must be beyond a limit to enter")
    ]
    cool_down_seconds: Annotated[
        Amount, Meta(description="How long no measure may be beyond a limit to leave")
    ]
    legend: Annotated[list[Legend], Meta(description="By state; of a clinician")]
    paged: Annotated[
        list[Paged],
        Meta(
            description="Who is paged by the alert rules as delivered, in order. The hospital's "
            "Alertmanager decides who that is, and how"
        ),
    ]
    links: Annotated[
        bool, Meta(description="Whether pages have a link to take them (`paging.url`)")
    ]
