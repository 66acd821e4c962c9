"""Posts: the roster as columns at one event time: who was on duty and when, and who is now."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.arrays import Numbers, integers
from analyzer.columns.numbered import Numbered
from analyzer.model.facts import Assignment
from analyzer.pipeline.admission import NOTHING_YET
from analyzer.pipeline.roster import holds


@dataclass(frozen=True, slots=True)
class Posts:
    """The assignments that have begun, and have not ended before the horizon.

    `who`, `begin` and `end` have one entry per assignment. Times are relative to the event time of
    the facility (ms).
    """

    who: Numbers
    """The number of the clinician."""
    begin: Numbers
    end: Numbers
    """1 if the assignment ends after now, or has no end."""
    in_force: list[tuple[int, Assignment]]
    """(facility, assignment) of the assignments in force now."""
    unit: dict[int, str]
    """By clinician: the unit of the assignment that began last; of several, the first by name."""

    @classmethod
    def of(
        cls,
        roster: list[tuple[int, Assignment]],
        now: Numbers,
        horizon: int,
        known: Numbered[tuple[int, str]],
    ) -> Posts:
        """The posts at `now` (by facility, ms).

        `known` numbers (facility, clinician); clinicians that are new to it are added.
        """
        who, begin, end = [], [], []
        in_force: list[tuple[int, Assignment]] = []
        latest: dict[int, tuple[int, str]] = {}
        moments = now.tolist()
        for facility, one in roster:
            moment = moments[facility]
            if (
                moment == NOTHING_YET
                or one.start > moment
                or (one.end is not None and one.end <= moment - horizon)
            ):
                continue
            number = known[facility, one.clinician]
            who.append(number)
            begin.append(one.start - moment)
            end.append(1 if one.end is None else min(one.end - moment, 1))
            if holds(one, moment):
                in_force.append((facility, one))
            before = latest.get(number)
            if (
                before is None
                or one.start > before[0]
                or (one.start == before[0] and one.unit < before[1])
            ):
                latest[number] = one.start, one.unit
        return cls(
            who=integers(who),
            begin=integers(begin),
            end=integers(end),
            in_force=in_force,
            unit={number: unit for number, (_, unit) in latest.items()},
        )
