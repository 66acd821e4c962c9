"""Names of places and alarm types that a command was given: a mistyped one is an error that says
which there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from streams.cli.console import WRONG, fail

if TYPE_CHECKING:
    from analyzer.whatif import Recorded, Scope

MOST = 12
"""How many names an error lists, the nearest first."""


def check_name(given: str | None, option: str, known: Collection[str]) -> None:
    """End with an error unless `given` is one of `known`; None is always right."""
    if given is not None and known and given not in known:
        fail(f"{option}: {given} is not among the alarms; there {listed(given, known)}", WRONG)


def check_place(facility: str | None, unit: str | None, known: Iterable[tuple[str, str]]) -> None:
    """End with an error unless there is such a facility, and such a unit in it.

    `known` has (facility, unit)s.
    """
    places = set(known)
    check_name(facility, "--facility", {name for name, _ in places})
    check_name(unit, "--unit", {name for of, name in places if facility in (None, of)})


def check_scope(recorded: Recorded, scope: Scope) -> None:
    """End with an error if recorded alarms have no such facility, unit or type at all."""
    check_place(
        scope.facility, scope.unit, ((recorded.facilities[of], name) for of, name in recorded.units)
    )
    if scope.type is not None:
        check_name("/".join(scope.type), "--type", set(map("/".join, recorded.types)))


def listed(given: str, known: Collection[str]) -> str:
    """
    >>> listed("MCU", ["SICU", "MICU"]), listed("x", ["ICU"])
    ('are MICU, SICU', 'is ICU')
    """
    from difflib import SequenceMatcher

    wanted = given.casefold()
    nearest = sorted(
        known, key=lambda one: (-SequenceMatcher(None, wanted, one.casefold()).ratio(), one)
    )
    more = f" and {len(nearest) - MOST} more" if len(nearest) > MOST else ""
    return f"{'is' if len(nearest) == 1 else 'are'} {', '.join(nearest[:MOST])}{more}"
