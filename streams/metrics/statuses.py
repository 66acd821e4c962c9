"""Statuses: what is taken from an engine for the page, of all facilities or of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer import Engine, Snapshot, Status
from analyzer.overload import ShiftsAt, Span
from streams.formats.calendars import Calendars


@dataclass(frozen=True, slots=True)
class StatusOf:
    """Takes the status of all facilities of an engine, or of one (see `streams.metrics.apart`)."""

    engine: Engine
    shifts: ShiftsAt
    beside: Snapshot
    """A snapshot of the same moment."""
    facility: str | None = None

    @property
    def facilities(self) -> Sequence[str]:
        return self.engine.facilities

    def only(self, facility: str) -> StatusOf:
        return StatusOf(self.engine, self.shifts, self.beside, facility)

    def take(self) -> Status:
        return self.engine.status(self.facility, self.shifts, self.beside)


def shifts_of(calendars: Calendars) -> ShiftsAt:
    """The shift before and the present one of each facility."""

    def at(facility: str, now: int) -> tuple[Span, Span]:
        calendar = calendars.of(facility)
        return Span(*calendar.shift(now, 1)), Span(*calendar.shift(now))

    return at
