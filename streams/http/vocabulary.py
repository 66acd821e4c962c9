"""Vocabulary: the states, limits and shifts of a facility in words, with its local times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analyzer import STATES, Policy, Standing, Status
from analyzer.model import HOUR, SECOND
from analyzer.overload import (
    Parts,
    Span,
    holding_in_words,
    in_words,
    limits_in_words,
    standing_in_words,
)
from streams.formats.calendars import Calendar
from streams.http.documents.board import Shift, Shifts
from streams.http.documents.states import Legend, Limit, Paged, Rules
from streams.paging.tiers import TIERS

ABOVE_NORMAL = STATES[1:]


def rules_of(policy: Policy, links: bool) -> Rules:
    """The overload policy of units without limits of their own, and who is paged. `links`: whether
    pages have a link to take them.
    """
    of = policy.overload
    levels = of.levels("", "")
    return Rules(
        hold_seconds=of.hold / SECOND,
        cool_down_seconds=of.cool_down / SECOND,
        legend=[Legend(state=one, says=limits_in_words(levels, one)) for one in ABOVE_NORMAL],
        paged=[
            Paged(role=one.role, who=one.words, after_seconds=float(one.after)) for one in TIERS
        ],
        links=links,
    )


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of the answers about one facility."""

    facility: str
    now: int
    """The facility's time (ms)."""
    parts: Parts | None
    """The parts of shifts that are compared; None: no alarms are known."""
    policy: Policy
    calendar: Calendar

    @classmethod
    def of(cls, facility: str, status: Status, policy: Policy, calendar: Calendar) -> Vocabulary:
        now = status.now.get(facility, 0)
        return cls(facility, now, status.parts.get(facility), policy, calendar)

    def show(self, at: int) -> str:
        """A time (ms) on the clocks of the facility, with the date if it is not today."""
        return self.calendar.show(at, self.now)

    def of_state(self, state: str, one: Standing | None, of_unit: bool) -> dict[str, Any]:
        """The fields that say since when a state holds, when the load last rose and why, why the
        state still holds, when it ends, and whether it was corrected.

        `one` is None if the state is normal.
        """
        if one is None:
            return {
                "since": None,
                "rose": None,
                "entered": [],
                "reasons": [],
                "corrected_at": None,
                "says": f"{state}: no load is beyond its limits",
            }
        of = self.policy.overload
        measured = self.now // of.every * of.every
        return {
            "since": one.since,
            "rose": one.rise.at,
            "entered": [in_words(why, of_unit, rising=True) for why in one.rise.reasons],
            "reasons": [holding_in_words(why, of_unit, self.show(measured)) for why in one.holding],
            "corrected_at": None if one.correction is None else one.correction.at,
            "says": standing_in_words(state, one, of_unit, of.cool_down, self.show, measured),
        }

    def limits(self, unit: str) -> list[Limit]:
        """The limits in force in a unit."""
        levels = self.policy.overload.levels(self.facility, unit)
        return [
            Limit(measure=measure, state=state, enter=float(level.enter), leave=float(level.leave))
            for measure, of_measure in levels.items()
            for state in ABOVE_NORMAL
            if (level := getattr(of_measure, state)) is not None
        ]

    def own_limits(self, unit: str) -> list[Legend]:
        """The limits of a unit in words, if they are not those of all."""
        of = self.policy.overload
        levels = of.levels(self.facility, unit)
        if levels == of.levels("", ""):
            return []
        return [Legend(state=one, says=limits_in_words(levels, one)) for one in ABOVE_NORMAL]

    def shifts(self, alarms: tuple[int, int]) -> Shifts:
        """`alarms`: of a unit, in the parts of the shift before and of the present one."""
        parts = self.parts or Parts(Span(self.now, self.now), Span(self.now, self.now))
        before, last = (
            Shift(begin=part.begin, end=part.end, hours=parts.hours, alarms=count)
            for part, count in zip(parts, alarms, strict=True)
        )
        return Shifts(before=before, last=last, says=self._compared(*alarms))

    def _compared(self, before: int, last: int) -> str:
        hours = 0 if self.parts is None else self.parts.hours
        if self.parts is None or not hours:
            began = None if self.parts is None else self.calendar.shift(self.now).begin
            if began is not None and self.now - began < HOUR:
                return f"this shift began at {self.show(began)}: compared after an hour"
            return "not known yet: no alarms are known from the same part of the shift before"
        before_from, before_to = self.parts.before
        begin, end = self.show(before_from), self.calendar.show(before_to, before_from)
        return (
            f"{last / hours:.1f} alarms per hour since {self.show(self.parts.last.begin)}, "
            f"{before / hours:.1f} in the same part of the shift before ({begin} to {end})"
        )
