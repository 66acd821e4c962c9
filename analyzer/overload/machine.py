"""The overload state of clinicians and units: normal, elevated, overloaded. This file knows levels
and time, and no alarms.

Read aloud, at each tick, first rule that applies:

    from                   to           when
    normal, elevated       overloaded   some measure has been beyond its `overloaded` enter level for `hold`
    normal                 elevated     some measure has been beyond an enter level for `hold`
    overloaded             elevated     none has been beyond an `overloaded` leave level for `cool_down`, but some beyond an `elevated` one
    overloaded, elevated   normal       none has been beyond any leave level for `cool_down`

So one crisis is one change up and one down: between enter and leave nothing changes, and silence
lowers the state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import isnan
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Numbers
from analyzer.model.overload import ELEVATED, NORMAL, OVERLOADED, STATES, Reason
from analyzer.model.policy import LESS_IS_WORSE, MEASURES, Levels
from analyzer.overload.thresholds import LevelTable


class Turn(NamedTuple):
    """A change of state: row and tick (column), before and after."""

    row: int
    tick: int
    before: int
    after: int


def turns(
    table: LevelTable,
    values: dict[str, Floats],
    which: npt.NDArray[np.intp],
    ticks: npt.NDArray[np.bool_],
    before: Numbers,
    new: int,
) -> list[Turn]:
    """How the states of some rows change, in order of rows and ticks.

    `ticks`: where a row has ticks at all (what lies before a facility's first alarm, or after its
    now, is none). The first columns, before `new`, tell only what has been so for how long;
    `before` are the states there.
    """
    policy = table.policy
    hold, cool_down = policy.hold // policy.every, policy.cool_down // policy.every
    enters, stays = (
        [table.beyond(values, which, STATES[state], edge) for state in (ELEVATED, OVERLOADED)]
        for edge in ("enter", "leave")
    )
    calls = (enters[0] | enters[1]) * _ENTER + enters[1] * _ENTER_OVERLOADED
    calls = (calls + (stays[0] | stays[1]) * _STAY + stays[1] * _STAY_OVERLOADED) * ticks
    rows = np.flatnonzero(calls.any(axis=1) | (before != NORMAL))
    calls = (calls + ticks * _TICK)[rows].astype(np.uint8)
    # Most ticks call for what the one before did: a row is a few runs of the same call.
    begins = np.ones(calls.shape, dtype=np.bool_)
    begins[:, 1:] = calls[:, 1:] != calls[:, :-1]
    begins[:, new] = True
    at = np.flatnonzero(begins.reshape(-1))
    lengths = np.diff(at, append=begins.size).tolist()
    found: list[Turn] = []
    width, machine, last = calls.shape[1], _Machine(NORMAL, hold, cool_down), -1
    for place, length, call in zip(
        at.tolist(), lengths, calls.reshape(-1)[at].tolist(), strict=True
    ):
        row, tick = divmod(place, width)
        if row != last:
            machine, last = _Machine(int(before[rows[row]]), hold, cool_down), row
        if tick >= new and call & _TICK:
            found += [
                Turn(int(rows[row]), tick + i, *change)
                for i, *change in machine.changes(call, length)
            ]
        machine.run(call, length)
    return found


_ENTER, _ENTER_OVERLOADED, _STAY, _STAY_OVERLOADED, _TICK = (1 << bit for bit in range(5))


class _Machine:
    """The table above for one row, over runs of ticks at which the measures call for the same."""

    __slots__ = ("_cool_down", "_hold", "_over", "_rest", "state")

    def __init__(self, state: int, hold: int, cool_down: int) -> None:
        self.state = state
        self._hold = hold
        self._cool_down = cool_down
        self._over = [0, 0, 0]  # by state: beyond an enter level for so many ticks without a break
        self._rest = [0, 0, 0]  # by state: so many more ticks until it has cooled down

    def changes(self, call: int, length: int) -> Iterator[tuple[int, int, int]]:
        """(Place in the run, state before, state after) of its changes."""
        place = 0
        while True:
            place, after = self._next(call, place)
            if place >= length:
                return
            yield place, self.state, after
            self.state = after

    def _next(self, call: int, since: int) -> tuple[int, int]:
        """When the next change comes if the call stays as it is, and to what."""
        never = 1 << 40
        if self.state != OVERLOADED:
            overloaded = (
                max(since, self._hold - self._over[OVERLOADED])
                if call & _ENTER_OVERLOADED
                else never
            )
            if self.state == NORMAL:
                other, after = (
                    (max(since, self._hold - self._over[ELEVATED]) if call & _ENTER else never),
                    ELEVATED,
                )
            else:
                other, after = (
                    (never if call & _STAY else max(since, self._rest[ELEVATED] - 1)),
                    NORMAL,
                )
            return (overloaded, OVERLOADED) if overloaded <= other else (other, after)
        if call & _STAY_OVERLOADED:
            return never, OVERLOADED
        place = max(since, self._rest[OVERLOADED] - 1)
        return place, ELEVATED if call & _STAY or self._rest[ELEVATED] - 1 > place else NORMAL

    def run(self, call: int, length: int) -> None:
        """Let the ticks of a run pass."""
        for state, enter, stay in (
            (ELEVATED, _ENTER, _STAY),
            (OVERLOADED, _ENTER_OVERLOADED, _STAY_OVERLOADED),
        ):
            self._over[state] = self._over[state] + length if call & enter else 0
            self._rest[state] = (
                self._cool_down + 1 if call & stay else max(self._rest[state] - length, 0)
            )


def reasons(
    turn: Turn, levels: dict[str, Levels], figures: dict[str, float], drivers: Collection[str]
) -> tuple[Reason, ...]:
    """Why: going up, what is beyond an enter level; going down, how `drivers` are back within the
    leave level of the state left.
    """
    rising = turn.after > turn.before
    asked = (OVERLOADED, ELEVATED) if rising or turn.after == NORMAL else (OVERLOADED,)
    found = []
    for measure in MEASURES:
        if not rising and measure not in drivers:
            continue
        figure, sign = figures[measure], -1 if measure in LESS_IS_WORSE else 1
        for state in asked:
            level = getattr(levels[measure], STATES[state])
            if (
                level is not None
                and not isnan(figure)
                and (not rising or sign * figure > sign * level.enter)
            ):
                found.append(
                    Reason(
                        measure,
                        figure,
                        STATES[state],
                        float(level.enter if rising else level.leave),
                    )
                )
                break
    return tuple(found)


def holding(levels: dict[str, Levels], figures: dict[str, float], state: str) -> tuple[Reason, ...]:
    """What is beyond a leave level of `state`, or, where that is elevated, of any: so long it is
    not left.
    """
    found = []
    for measure in MEASURES:
        figure, sign = figures[measure], -1 if measure in LESS_IS_WORSE else 1
        for asked in (
            (STATES[OVERLOADED],)
            if state == STATES[OVERLOADED]
            else (STATES[ELEVATED], STATES[OVERLOADED])
        ):
            level = getattr(levels[measure], asked)
            # never where the figure is NaN
            if level is not None and sign * figure > sign * level.leave:
                found.append(Reason(measure, figure, asked, float(level.leave)))
                break
    return tuple(found)
