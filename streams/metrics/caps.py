"""Caps: how much of what a feed can multiply is exported. What is left out is counted, so that
totals can still be had.

Clinicians keep their series once they have them (`ClinicianCap`). Of facilities and units, those
that need help first are shown, then the busiest, then by name (`UnitCap`): a feed that makes up
names cannot push out a ward that is at work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from heapq import nsmallest
from itertools import chain

import numpy as np

from analyzer import Burdens, ClinicianBurdens
from analyzer.arrays import Numbers
from streams.metrics.burdens import Chosen, choose, taken
from streams.settings import MetricsSettings

Key = tuple[str, str]
"""Facility and unit."""


class ClinicianCap:
    """Which clinicians have series, where there are more than `limit` of them: those who had, and
    others by lot.

    Who is shown stays shown, so that nobody's series comes and goes between scrapes while they are
    there. Free places go by a hash of the name that is shown: for the same people the same on every
    worker and after every restart, spread evenly over units, and no ranking of anybody.
    """

    def __init__(self, limit: int, pseudonym: Callable[[str], str]) -> None:
        self._limit = limit
        self._pseudonym = pseudonym
        self._shown: dict[str, set[str]] = {}
        """Ids, by facility."""

    def choose(self, of: ClinicianBurdens) -> tuple[Chosen, list[int]]:
        """Who is shown, in order; and the rows of those who are not."""
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
    """Those that are shown."""
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
        """What is shown. The order of rows stays."""
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
        need = _need(burdens)
        by_facility: dict[str, tuple[int, int]] = dict.fromkeys(every, (0, 0))
        for facility, (state, alarms) in zip(of.facility, need, strict=True):
            worst, sum_ = by_facility[facility]
            by_facility[facility] = max(worst, state), sum_ + alarms
        facilities = frozenset(
            nsmallest(
                self.facilities,
                every,
                key=lambda one: (*(-value for value in by_facility[one]), one),
            )
        )
        rows = [row for row, facility in enumerate(of.facility) if facility in facilities]
        chosen = sorted(
            nsmallest(
                self.units,
                rows,
                key=lambda row: (*(-value for value in need[row]), of.facility[row], of.unit[row]),
            )
        )
        shown = {(of.facility[row], of.unit[row]) for row in chosen}
        others = sorted(
            {key for key in _answered(burdens) if key[0] in facilities}
            - {*zip(of.facility, of.unit, strict=True)}
        )
        # without alarms now, but with response times of before
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


def _need(burdens: Burdens) -> Sequence[tuple[int, int]]:
    """By row: the state, and the alarms of the window that has most of them (the longest)."""
    alarms = burdens.units.alarms.sum(axis=-1).max(axis=-1, initial=0)
    return list(zip(burdens.units.overload.tolist(), alarms.tolist(), strict=True))


def capped(names: Iterable[str], first: frozenset[str], limit: int) -> list[str]:
    """At most `limit` names, ordered: those in `first`, then the others by name.

    >>> capped(["c", "a", "b"], frozenset("c"), 2)
    ['a', 'c']
    """
    return sorted(nsmallest(limit, names, key=lambda one: (one not in first, one)))
