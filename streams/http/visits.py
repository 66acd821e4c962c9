"""Visits: who sends the request that is being answered, about which places they may ask, and what
they were shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field

from streams.access import Reader, Scope


@dataclass(slots=True)
class Visit:
    """One request. `path`: None where no page is."""

    address: str = ""
    path: str | None = None
    reader: Reader | None = None
    scope: Scope | None = None
    """The places that may be asked about; None: nothing may be."""
    claims: str = ""
    """The name in the certificate of somebody who is not known."""
    by: str = ""
    """The credentials that somebody who is not known has presented, in words."""
    event: str = "read"
    facility: str | None = None
    unit: str | None = None
    shown: set[str] = field(default_factory=set)
    """The clinicians in the answer, by the names that it shows."""
    asked: dict[str, object] = field(default_factory=dict)
    """Other parameters of the request, for the audit."""

    def about(self, facility: str | None, unit: str | None) -> None:
        self.facility, self.unit = facility, unit

    def names(self, clinicians: Iterable[str]) -> None:
        self.shown.update(clinicians)


_CURRENT: ContextVar[Visit] = ContextVar("visit")


def begin(visit: Visit) -> Visit:
    """Every request begins with it, in the task that answers it."""
    _CURRENT.set(visit)
    return visit


def current() -> Visit:
    return _CURRENT.get()


def scope() -> Scope:
    """The places that may be asked about. Raises `PermissionError` if the guard allowed none."""
    found = current().scope
    if found is None:
        raise PermissionError("not allowed")
    return found
