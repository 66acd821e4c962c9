"""Roles: what a reader may do, and the places that a reader may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from streams.access_settings import GrantSettings, Role


class Act(Enum):
    """The actions that a worker's web server offers."""

    SCRAPE = "read /metrics"
    VIEW = "read the page and what it shows"
    TRY = "ask what another setting would have done"


ACTS: dict[Role, frozenset[Act]] = {
    "metrics": frozenset({Act.SCRAPE}),
    "viewer": frozenset({Act.VIEW}),
    "tuner": frozenset({Act.VIEW, Act.TRY}),
    "admin": frozenset(Act),
}


class Elsewhere(PermissionError):
    """A reader asked about a place that is not theirs: one line, which does not say whether that
    place exists.
    """


@dataclass(frozen=True, slots=True)
class Scope:
    """Places: whole facilities, as (facility, None), and units, as (facility, unit).

    `places` is None for everywhere.
    """

    places: frozenset[tuple[str, str | None]] | None

    @classmethod
    def of(cls, settings: GrantSettings) -> Scope:
        if settings.facility is None:
            return EVERYWHERE
        return cls(frozenset((settings.facility, unit) for unit in settings.unit or (None,)))

    @property
    def is_everywhere(self) -> bool:
        return self.places is None

    def holds(self, facility: str, unit: str) -> bool:
        return self.places is None or not self.places.isdisjoint(
            {(facility, None), (facility, unit)}
        )

    def holds_whole(self, facility: str) -> bool:
        return self.places is None or (facility, None) in self.places

    def touches(self, facility: str) -> bool:
        """Whether some of the facility is in it."""
        return self.places is None or any(of == facility for of, _ in self.places)

    def expect(self, facility: str | None, unit: str | None) -> None:
        """Whether a reader may ask about this place; None: the reader names none.

        A named facility must be theirs in part, a named unit wholly. Raises `Elsewhere`, whether
        the place exists or not.
        """
        if self.places is None:
            return
        mine = [
            (of, own)
            for of, own in self.places
            if facility in (None, of) and (None in (unit, own) or unit == own)
        ]
        if not mine:
            raise Elsewhere("you may not read about this place: ask for a wider scope")

    def __or__(self, other: Scope) -> Scope:
        if self.places is None or other.places is None:
            return EVERYWHERE
        return Scope(self.places | other.places)


EVERYWHERE = Scope(None)


@dataclass(frozen=True, slots=True)
class Grant:
    """One role in one scope."""

    role: Role
    scope: Scope

    @classmethod
    def of(cls, settings: GrantSettings) -> Grant:
        return cls(settings.role, Scope.of(settings))


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader. `by`: how the reader was identified (token, certificate, proxy, or none where a
    worker on loopback needs no identification).
    """

    name: str
    by: str
    grants: tuple[Grant, ...]

    def scope(self, act: Act) -> Scope | None:
        """Where the reader may do this; None: nowhere."""
        found: Scope | None = None
        for one in self.grants:
            if act in ACTS[one.role]:
                found = one.scope if found is None else found | one.scope
        return found

    @property
    def roles(self) -> list[str]:
        return sorted({one.role for one in self.grants})


def admin(name: str, by: str) -> Reader:
    return Reader(name, by, (Grant("admin", EVERYWHERE),))


def places_of(scopes: Iterable[Scope | None]) -> list[tuple[str, str | None]] | None:
    """The places of several scopes together, in order; None: everywhere."""
    found: set[tuple[str, str | None]] = set()
    for one in scopes:
        if one is not None:
            if one.places is None:
                return None
            found |= one.places
    return sorted(found, key=lambda place: (place[0], place[1] or ""))
