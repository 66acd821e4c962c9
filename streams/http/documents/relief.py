"""The bed that a colleague could take, as part of /api/v1/units and /api/v1/clinicians."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from streams.http.documents.common import Count

Pseudonym = Annotated[str, Meta(description="Pseudonym")]


class Giver(Struct, frozen=True):
    """The clinician who would hand over a bed."""

    clinician: Pseudonym
    alarms_1h: Annotated[Count, Meta(description="Alarms in the last hour")]
    alarms_1h_after: Annotated[Count, Meta(description="Alarms without that bed")]


class Taker(Struct, frozen=True):
    """The clinician who would take it over."""

    clinician: Pseudonym
    alarms_1h: Annotated[Count, Meta(description="Alarms in the last hour")]
    alarms_1h_after: Annotated[Count, Meta(description="Alarms with that bed")]
    beds_after: Annotated[Count, Meta(description="Beds with that bed")]


class Relief(Struct, frozen=True):
    """A suggestion to move one bed between two clinicians on duty in the same role, as of now. It
    is made only if the one who takes the bed stays within all limits, with at most one bed more
    than is usual on the unit (`policy.relief`), and if it spares the other enough alarms. It knows
    nothing of patients or skills.
    """

    bed: Annotated[
        str | None, Meta(description="The bed; null: `web.show_beds` does not let it be named")
    ]
    giver: Giver = field(name="from")
    taker: Taker = field(name="to")
    says: Annotated[
        str,
        Meta(
            description="The same in words, with pseudonyms cut to eight digits",
            examples=[
                "Move bed 12 from 3f2a91c4… to 77bc01d2…: alarms per hour 41 → 22 and 9 → 28; "
                "77bc01d2… then has 3 beds."
            ],
        ),
    ]


MaybeRelief = Annotated[
    Relief | None,
    Meta(description="null: no move is advised, or clinicians are not shown; see `relief_says`"),
]
ReliefPossible = Annotated[
    bool | None,
    Meta(description="Whether a bed can be moved, as `relief_says`; null: the load is normal"),
]
ReliefSays = Annotated[
    str | None,
    Meta(
        description="What to do about the load in words: which bed to move, or that no one on the "
        "unit can take one; null: the load is normal",
        examples=["No one on the unit can take a bed: ask for help from outside."],
    ),
]
