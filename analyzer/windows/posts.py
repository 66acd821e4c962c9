"""Posts: the roster as columns, as of one moment: who has been on duty, from when to when, and with
what they stand there now.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analyzer.arrays import Numbers, integers
from analyzer.columns.numbered import Numbered
from analyzer.model.facts import Assignment
from analyzer.pipeline.admission import NOTHING_YET
from analyzer.pipeline.roster import holds


@dataclass(frozen=True, slots=True)
class Posts:
    """Assignments that have begun, and not ended before the horizon.

    Times are relative to their facility's now (ms).
    """

    who: Numbers
    begin: Numbers
    end: Numbers
    """1 where it lies after now, or is open."""
    in_force: list[tuple[int, Assignment]]
    """(facility, assignment) of those that hold now."""
    unit: dict[int, str]
    """By clinician: the unit of the assignment begun last, then the least unit."""

    @classmethod
    def of(
        cls,
        roster: list[tuple[int, Assignment]],
        now: Numbers,
        horizon: int,
        known: Numbered[tuple[int, str]],
    ) -> Posts:
        """`known` numbers the clinicians; those that it does not know yet get one."""
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
            np.array(who, dtype=np.int64),
            integers(begin),
            integers(end),
            in_force,
            {number: unit for number, (_, unit) in latest.items()},
        )
