"""The person who has taken the page of a unit, in /api/v1/units."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from streams.http.documents.common import Moment, one_of
from streams.paging.tiers import ROLES


class Taken(Struct, frozen=True):
    """Somebody has the page of the unit: the next tiers are not paged meanwhile."""

    role: Annotated[str, one_of(ROLES, "A role; who it is, is not said")]
    since: Moment
    until: Moment
    says: Annotated[
        str,
        Meta(
            description="The same in words",
            examples=["the charge nurse has it since 02:58, until 03:28"],
        ),
    ]


MaybeTaken = Annotated[
    Taken | None,
    Meta(description="null: nobody has its page, or it is not known (see `takings`)"),
]
Takings = Annotated[
    str,
    one_of(
        ("off", "known", "unknown"),
        "Whether it is known who has which page; unknown: Alertmanager has not answered for a "
        "minute; off: `alertmanager.url` is not set",
    ),
]
