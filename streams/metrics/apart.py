"""Isolation of faults: a facility that cannot be measured or rendered does not hide the others.

All facilities are processed together, which is fast. If that fails, each is processed separately,
and those that fail again are left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, Self, TypeVar

import structlog

from analyzer import Burdens
from streams.metrics.burdens import taken

LOG_SECONDS = 60.0
"""How often it is logged that facilities are left out."""

R = TypeVar("R", covariant=True)
T = TypeVar("T")

log = structlog.get_logger("alarm_fatigue")


class Whole(Protocol):
    """Data of several facilities that can be narrowed to one."""

    @property
    def facilities(self) -> Sequence[str]: ...

    def only(self, facility: str) -> Self: ...


W = TypeVar("W", bound=Whole)


def each_apart(wholes: Iterable[W], work: Callable[[W], T]) -> tuple[list[T], dict[str, Exception]]:
    """The results of `work` on each whole; if that fails, on each of its facilities separately.

    Also the errors of the facilities that failed.
    """
    found: list[T] = []
    failed: dict[str, Exception] = {}
    for whole in wholes:
        try:
            found.append(work(whole))
        except Exception:  # a fault in the data of one facility must not hide the others
            for facility in whole.facilities:
                try:
                    found.append(work(whole.only(facility)))
                except Exception as error:
                    failed[facility] = error
    return found, failed


def without(burdens: Burdens, facilities: Collection[str]) -> Burdens:
    """The burdens of the other facilities."""
    people, units = burdens.clinicians, burdens.units
    return replace(
        burdens,
        clinicians=taken(
            people, [row for row, one in enumerate(people.facility) if one not in facilities]
        ),
        units=taken(
            units, [row for row, one in enumerate(units.facility) if one not in facilities]
        ),
        response_times=[one for one in burdens.response_times if one[0] not in facilities],
    )


class Unmeasured:
    """Facilities left out at present, by the step that failed; logged once in `LOG_SECONDS`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by: dict[str, frozenset[str]] = {}
        self._logged: dict[str, float] = {}

    @property
    def count(self) -> int:
        # a copy, because other threads write to it
        return len(frozenset[str]().union(*list(self._by.values())))

    def record(self, by: str, failed: dict[str, Exception]) -> None:
        """Record which facilities failed in the last run of the step `by`, if any."""
        self._by[by] = frozenset(failed)
        if failed and self._clock() - self._logged.get(by, -LOG_SECONDS) >= LOG_SECONDS:
            self._logged[by] = self._clock()
            log.error(
                "facilities are left out, because they cannot be measured or shown",
                by=by,
                facilities=sorted(failed)[:10],
                count=len(failed),
                errors=sorted({type(error).__name__ for error in failed.values()}),
            )
