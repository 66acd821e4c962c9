"""Caps: how many facilities, units, clinicians and names of a feed are exported. The rest is
counted, so that totals stay right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b
from heapq import nsmallest
from itertools import chain

import numpy as np

from analyzer import Burdens, ClinicianBurdens
from analyzer.arrays import Numbers
from analyzer.overload import first_facilities, first_units
from streams.metrics.burdens import Chosen, choose, taken
from streams.settings import MetricsSettings

Key = tuple[str, str]
"""Facility and unit."""


class ClinicianCap:
    """Which clinicians have series if there are more than `limit`: those who had them before, then
    others by lot.

    A clinician who is shown stays shown, so that no series comes and goes between scrapes. The lot
    is a hash of the pseudonym: it is the same on every worker and after every restart, even over
    units, and ranks nobody.
    """

    def __init__(self, limit: int, pseudonym: Callable[[str], str]) -> None:
        self._limit = limit
        self._pseudonym = pseudonym
        self._shown: dict[str, set[str]] = {}
        """Ids by facility."""

    def choose(self, of: ClinicianBurdens) -> tuple[Chosen, list[int]]:
        """The clinicians who are shown, in order, and the rows of the others."""
        stay: list[int] = []
        come: list[int] = []
        for row, (facility, clinician) in enumerate(zip(of.facility, of.clinician, strict=True)):
            (stay if clinician in self._shown.get(facility, ()) else come).append(row)
        dropped: list[int] = []
        if len(stay) + len(come) > self._limit:
            free = nsmallest(
                self._limit - len(stay),
                come,
                key=lambda row: self._lot(of.facility[row], of.clinician[row]),
            )
            lucky = set(free)
            come, dropped = free, [row for row in come if row not in lucky]
        self._shown = {}
        for row in chain(stay, come):
            self._shown.setdefault(of.facility[row], set()).add(of.clinician[row])
        return choose(of, chain(stay, come), self._pseudonym), dropped

    def _lot(self, facility: str, clinician: str) -> bytes:
        return blake2b(f"{facility}/{self._pseudonym(clinician)}".encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Bounded:
    """Burdens within the caps, and what was left out of them."""

    burdens: Burdens
    facilities: frozenset[str]
    """The facilities that are shown."""
    left_out_facilities: int
    left_out_units: dict[str, int]
    """By facility, also of those left out."""
    left_out_alarms: Numbers
    """Alarms of units left out, as in `UnitBurdens.alarms`, summed: (windows, priorities)."""


@dataclass(frozen=True, slots=True)
class UnitCap:
    """At most so many facilities, and so many units in all of them together."""

    facilities: int
    units: int

    @classmethod
    def of(cls, settings: MetricsSettings) -> UnitCap:
        return cls(settings.max_facilities, settings.max_units)

    def bounded(self, burdens: Burdens) -> Bounded:
        """The burdens that are shown, within the caps. The order of rows stays."""
        of = burdens.units
        every = {
            *of.facility,
            *burdens.clinicians.facility,
            *(one[0] for one in burdens.response_times),
        }
        if (
            len(every) <= self.facilities
            and len({*zip(of.facility, of.unit, strict=True), *_answered(burdens)}) <= self.units
        ):
            return Bounded(burdens, frozenset(every), 0, {}, of.alarms[:0].sum(axis=0))
        facilities = first_facilities(of, every, self.facilities)
        chosen = first_units(of, facilities, self.units)
        shown = {(of.facility[row], of.unit[row]) for row in chosen}
        others = sorted(
            {key for key in _answered(burdens) if key[0] in facilities}
            - {*zip(of.facility, of.unit, strict=True)}
        )
        # Units without alarms now may still have response times.
        shown.update(others[: self.units - len(shown)])
        left_out = np.setdiff1d(np.arange(len(of.unit)), chosen)
        counts: dict[str, int] = {}
        for row in left_out.tolist():
            counts[of.facility[row]] = counts.get(of.facility[row], 0) + 1
        people = [
            row
            for row, facility in enumerate(burdens.clinicians.facility)
            if facility in facilities
        ]
        bounded = replace(
            burdens,
            units=taken(of, chosen),
            clinicians=taken(burdens.clinicians, people),
            response_times=[one for one in burdens.response_times if one[:2] in shown],
        )
        return Bounded(
            bounded,
            facilities,
            len(every) - len(facilities),
            counts,
            of.alarms[left_out].sum(axis=0),
        )


def _answered(burdens: Burdens) -> Iterable[Key]:
    return ((facility, unit) for facility, unit, *_ in burdens.response_times)


def capped(names: Iterable[str], first: frozenset[str], limit: int) -> list[str]:
    """At most `limit` names, ordered: those in `first`, then the others by name.

    >>> capped(["c", "a", "b"], frozenset("c"), 2)
    ['a', 'c']
    """
    return sorted(nsmallest(limit, names, key=lambda one: (one not in first, one)))
