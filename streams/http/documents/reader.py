"""/api/v1/reader: who reads, and what the reader may do where."""

from __future__ import annotations

from typing import Annotated, get_args

from msgspec import Meta, Struct

from streams.access import Act, Reader, Scope
from streams.access_settings import Role
from streams.http.documents.common import one_of


class Place(Struct, frozen=True):
    """A unit, or a whole facility."""

    facility: str
    unit: Annotated[str | None, Meta(description="null: every unit of the facility")]


Places = Annotated[
    list[Place] | None,
    Meta(description="Where; null: everywhere; empty: nowhere"),
]


class ReaderDocument(Struct, frozen=True, rename={"try_": "try"}):
    """The reader, and what the reader may do where. Other places are answered with 403, whether
    they exist or not.
    """

    name: Annotated[
        str,
        Meta(description="Of the token, the certificate, or the user; `local`: no one has to say"),
    ]
    by: Annotated[
        str, one_of(("token", "certificate", "proxy", "none"), "How it is known who reads")
    ]
    roles: Annotated[
        list[Annotated[str, one_of(get_args(Role))]],
        Meta(description="The reader's roles; several are given by groups behind a proxy"),
    ]
    scrape: Annotated[Places, Meta(description="Where /metrics may be read")]
    view: Annotated[Places, Meta(description="Where the page and its interface may be read")]
    try_: Annotated[Places, Meta(description="Where a what-if may be asked about")]


def document(reader: Reader) -> ReaderDocument:
    return ReaderDocument(
        name=reader.name,
        by=reader.by,
        roles=reader.roles,
        scrape=_places(reader.scope(Act.SCRAPE)),
        view=_places(reader.scope(Act.VIEW)),
        try_=_places(reader.scope(Act.TRY)),
    )


def _places(scope: Scope | None) -> list[Place] | None:
    if scope is None:
        return []
    if scope.places is None:
        return None
    of = sorted(scope.places, key=lambda place: (place[0], place[1] or ""))
    return [Place(facility, unit) for facility, unit in of]
