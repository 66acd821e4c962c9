"""The overload state machine: normal, elevated, overloaded. It knows limits and time, but no
alarms.

`RULES` is the whole machine. Between a limit to enter and the limit to leave nothing changes, so
one crisis is one transition up and one down, and silence lowers the state.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Flags, Floats, Indices, Numbers
from analyzer.model.overload import ELEVATED, NORMAL, OVERLOADED, STATES
from analyzer.overload.thresholds import LevelTable


class Condition(NamedTuple):
    """Limits of `level`, or of a higher one, crossed for long enough.

    - `enter`: at every tick of `OverloadPolicy.hold`, some measure was beyond its limit to enter.
    - `leave`: at no tick of `OverloadPolicy.cool_down` was any measure beyond its limit to leave.
    """

    edge: Literal["enter", "leave"]
    level: int

    def __str__(self) -> str:
        """The condition in words.

        >>> str(Condition("enter", ELEVATED))
        'beyond a limit to enter elevated or overloaded for the hold time'
        """
        states = " or ".join(STATES[self.level :])
        return (
            f"beyond a limit to enter {states} for the hold time"
            if self.edge == "enter"
            else f"beyond no limit to leave {states} for the cool-down time"
        )


class Rule(NamedTuple):
    """The state changes from `source` to `target` at the first tick at which `condition` holds."""

    source: int
    target: int
    condition: Condition


RULES = (
    Rule(NORMAL, OVERLOADED, Condition("enter", OVERLOADED)),
    Rule(NORMAL, ELEVATED, Condition("enter", ELEVATED)),
    Rule(ELEVATED, OVERLOADED, Condition("enter", OVERLOADED)),
    Rule(ELEVATED, NORMAL, Condition("leave", ELEVATED)),
    Rule(OVERLOADED, NORMAL, Condition("leave", ELEVATED)),
    Rule(OVERLOADED, ELEVATED, Condition("leave", OVERLOADED)),
)
"""The transition table. At each tick the first rule of the current state that holds applies."""


class Transition(NamedTuple):
    """A change of state: the row and the tick (column) at which it happens, and both states."""

    row: int
    tick: int
    before: int
    after: int


_ENTER, _LEAVE, _EXISTS = (0, 1, 2), (0, 4, 8), 16
"""Flags of a tick: whether some measure is beyond a limit to enter, or to leave, each level or a
higher one (by level; normal has none); and whether the tick exists.
"""
_RULES_FROM = tuple(
    tuple(
        (target, edge == "enter", (_ENTER if edge == "enter" else _LEAVE)[level], level)
        for source, target, (edge, level) in RULES
        if source == state
    )
    for state in range(len(STATES))
)
"""`RULES` by source: (target, whether it needs the flag set or unset, flag, level)."""
_NEVER = 1 << 40


def transitions(
    table: LevelTable,
    values: dict[str, Floats],
    level_sets: Indices,
    exists: Flags,
    states: Numbers,
    new: int,
) -> list[Transition]:
    """The transitions of many clinicians or units (rows), in order of rows and ticks (columns).

    `values` and `level_sets`: as for `LevelTable.beyond`. `exists`: (rows, ticks), False before the
    first alarm of the facility and after its `now`. The columns before `new` are history only:
    `states` holds the state of each row there.
    """
    policy = table.policy
    hold, cool_down = policy.hold // policy.every, policy.cool_down // policy.every
    flags = _flags(table, values, level_sets, "enter") * exists
    # The others stay normal, whatever limits to leave they are beyond.
    rows = np.flatnonzero(flags.any(axis=1) | (states != NORMAL))
    flags, exists = flags[rows], exists[rows]
    values = {measure: column[rows] for measure, column in values.items()}
    flags += _flags(table, values, level_sets[rows], "leave") * exists
    flags += exists * np.uint8(_EXISTS)
    # Most ticks have the flags of the tick before: a row is a few runs of equal flags.
    begins = np.ones(flags.shape, dtype=np.bool_)
    begins[:, 1:] = flags[:, 1:] != flags[:, :-1]
    begins[:, new] = True
    at = np.flatnonzero(begins.reshape(-1))
    lengths = np.diff(at, append=begins.size).tolist()
    found: list[Transition] = []
    width, machine, last = flags.shape[1], _Machine(NORMAL, hold, cool_down), -1
    for index, length, flag in zip(
        at.tolist(), lengths, flags.reshape(-1)[at].tolist(), strict=True
    ):
        row, tick = divmod(index, width)
        if row != last:
            machine, last = _Machine(int(states[rows[row]]), hold, cool_down), row
        if tick >= new and flag & _EXISTS:
            found += [
                Transition(int(rows[row]), tick + offset, before, after)
                for offset, before, after in machine.transitions(flag, length)
            ]
        machine.pass_ticks(flag, length)
    return found


def _flags(
    table: LevelTable,
    values: dict[str, Floats],
    level_sets: Indices,
    edge: Literal["enter", "leave"],
) -> npt.NDArray[np.uint8]:
    of_level = _ENTER if edge == "enter" else _LEAVE
    overloaded = table.beyond(values, level_sets, STATES[OVERLOADED], edge)
    elevated = table.beyond(values, level_sets, STATES[ELEVATED], edge) | overloaded
    flags: npt.NDArray[np.uint8] = elevated * np.uint8(of_level[ELEVATED])
    flags += overloaded * np.uint8(of_level[OVERLOADED])
    return flags


class _Machine:
    """The machine of one row. It passes over runs of ticks with equal flags in one step."""

    __slots__ = ("_beyond_for", "_cool_down", "_cooled_in", "_hold", "state")

    def __init__(self, state: int, hold: int, cool_down: int) -> None:
        self.state = state
        self._hold = hold
        self._cool_down = cool_down
        self._beyond_for = [0, 0, 0]
        """By level: for how many ticks without a break a measure was beyond a limit to enter."""
        self._cooled_in = [0, 0, 0]
        """By level: how many more ticks within the limits to leave it takes to cool down."""

    def transitions(self, flags: int, length: int) -> Iterator[tuple[int, int, int]]:
        """The transitions in a run of `length` ticks: (offset in the run, before, after)."""
        offset = 0
        while True:
            offset, after = self._next(flags, offset)
            if offset >= length:
                return
            yield offset, self.state, after
            self.state = after

    def _next(self, flags: int, since: int) -> tuple[int, int]:
        """The offset and the target of the next transition, if the flags stay as they are."""
        first, after = _NEVER, self.state
        for target, enters, flag, level in _RULES_FROM[self.state]:
            if bool(flags & flag) != enters:
                continue
            offset = self._hold - self._beyond_for[level] if enters else self._cooled_in[level] - 1
            offset = max(offset, since)
            if offset < first:  # of rules that hold at the same tick, the first one applies
                first, after = offset, target
        return first, after

    def pass_ticks(self, flags: int, length: int) -> None:
        """Let the ticks of a run pass."""
        for level in (ELEVATED, OVERLOADED):
            beyond_for, cooled_in = self._beyond_for[level], self._cooled_in[level]
            self._beyond_for[level] = beyond_for + length if flags & _ENTER[level] else 0
            self._cooled_in[level] = (
                self._cool_down + 1 if flags & _LEAVE[level] else max(cooled_in - length, 0)
            )
