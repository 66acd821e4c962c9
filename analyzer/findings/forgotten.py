"""Forgotten: what findings need of alarms that are no longer held.

Of a long recording, the engine holds only the alarms of the last hours. Of those that it forgets
before, some 50 bytes each stay here, so that findings can be about all of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from analyzer.arrays import Flags, Numbers
from analyzer.pipeline.classes import ACTIONABLE
from analyzer.pipeline.state import State
from analyzer.times import NEVER
from analyzer.windows.chatter import earlier_twins

COLUMNS: dict[str, Any] = {
    "facility": np.int32,
    "static": np.int32,
    "start": np.int64,
    "end": np.int64,
    "rank": np.int8,
    "klass": np.int8,
    "value": np.float64,
    "limit": np.float64,
    "first_response": np.int64,
    "covered": np.bool_,
    "twins": np.int32,
}
"""Times are event times (ms)."""


class Forgotten:
    """Takes alarms as they leave the state; numbers of statics must stay as they are."""

    def __init__(self) -> None:
        self._parts: list[dict[str, Any]] = []
        self._twins: dict[int, int] = {}
        """For rows that are still held: how many of their earlier twins have been evicted."""

    def __call__(self, state: State, rows: Numbers) -> None:
        """Note these rows, which are about to leave."""
        table = state.table
        leaves = np.zeros(len(table.start), dtype=np.bool_)
        leaves[rows] = True
        alarms = table.alarms()
        mine = leaves[alarms]
        if not mine.any():
            return
        last = int(table.start[alarms[mine]].max())
        near = alarms[table.start[alarms] <= last]
        found = self.described(state, near)
        chosen = leaves[near]
        self._parts.append({name: column[chosen] for name, column in found.items()})
        for row in [row for row in self._twins if leaves[row]]:
            del self._twins[row]
        stays = near[~chosen]
        twins = found["twins"][~chosen]
        some = np.flatnonzero(twins)
        self._twins.update(zip(stays[some].tolist(), twins[some].tolist(), strict=True))

    def described(self, state: State, rows: Numbers) -> dict[str, Any]:
        """The columns of alarms that are held."""
        table, statics = state.table, state.statics
        static, start, end = table.static[rows], table.start[rows], table.end[rows]
        twins = earlier_twins(
            statics.signal[static], start, end, lambda some: table.ids(rows[some])
        )
        if self._twins:
            known = [self._twins.get(row, 0) for row in rows.tolist()]
            twins = np.maximum(twins, np.array(known, dtype=np.int32))
        return {
            "covered": covered(state, rows),
            "twins": twins,
            **{
                name: getattr(table, name)[rows]
                for name in COLUMNS
                if name not in ("covered", "twins")
            },
        }

    def columns(self, state: State) -> dict[str, Any]:
        """The columns of all alarms, forgotten and held."""
        held = self.described(state, state.table.alarms())
        if not self._parts:
            return held
        return {
            name: np.concatenate([*(one[name] for one in self._parts), held[name]]).astype(
                kind, copy=False
            )
            for name, kind in COLUMNS.items()
        }


def covered(state: State, rows: Numbers) -> Flags:
    """Whether the unit had coverage; computed only for actionable alarms that are final and have
    no response.
    """
    table, statics, policy = state.table, state.statics, state.policy
    found = np.zeros(len(rows), dtype=np.bool_)
    closing = table.end[rows] + policy.action_window
    asked = (table.klass[rows] == ACTIONABLE) & (table.first_response[rows] == NEVER)
    asked &= closing <= state.times.now[table.facility[rows]]
    for index in np.flatnonzero(asked).tolist():
        unit = int(statics.unit[table.static[rows[index]]])
        found[index] = state.cover.covered(unit, int(closing[index]), policy.cover)
    return found
