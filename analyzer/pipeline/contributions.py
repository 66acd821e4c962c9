"""Contributions: the coverage that episodes contribute to their units, from responses without a
unit.

`Table.contributions` holds the unit and the two stretches of time of each contributing episode.
When a bound moves, only the responses in between are added to the coverage or removed from it.
"""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.arrays import Numbers
from analyzer.pipeline.coverage import Contribution
from analyzer.pipeline.responses import NO_UNIT, UNNAMED
from analyzer.pipeline.state import State


def contribute_by_id(state: State, row: int, code: int, at: int) -> None:
    """Add a new response that names the row's alarm id and no unit to the coverage.

    It has no effect if the row does not contribute yet: `set_contribution` will add it.
    """
    own = state.table.contributions.get(row)
    if own is not None and own.first <= at <= own.last:
        state.cover.add(own.unit, code - UNNAMED, at)


def retract_by_id(state: State, row: int, code: int, at: int) -> None:
    """Undo `contribute_by_id`: the response now belongs to another row."""
    own = state.table.contributions.get(row)
    if own is not None and own.first <= at <= own.last:
        state.cover.remove(own.unit, code - UNNAMED, at)


def contribute_at_bed(state: State, rows: Iterable[Numbers], action: int, at: int) -> None:
    """Add a new response that names a bed and no unit, and belongs to `rows`, to the coverage."""
    contributions = state.table.contributions
    for row in [row for some in rows for row in some.tolist()]:
        own = contributions.get(row)
        if own is not None and own.first_at_bed <= at <= own.last_at_bed:
            state.cover.add(own.unit, action, at)


def set_contribution(state: State, row: int, now: Contribution) -> None:
    """Set what a row contributes, and bring the coverage into line with it."""
    before = state.table.contributions.get(row)
    if before == now:
        return
    state.table.contributions[row] = now
    for by_id in (True, False):
        new = now.stretch(by_id)
        gained, lost = [new], []
        if before is not None:
            old = before.stretch(by_id)
            if (before.unit, before.bed_name) == (now.unit, now.bed_name):
                gained, lost = _beyond(new, old), _beyond(old, new)
            else:
                for action, at in _unnamed(state, row, before.bed_name, by_id, *old):
                    state.cover.remove(before.unit, action, at)
        for stretch in lost:
            for action, at in _unnamed(state, row, now.bed_name, by_id, *stretch):
                state.cover.remove(now.unit, action, at)
        for stretch in gained:
            for action, at in _unnamed(state, row, now.bed_name, by_id, *stretch):
                state.cover.add(now.unit, action, at)


def remove_contribution(state: State, row: int) -> None:
    """Remove everything that a row contributes from the coverage."""
    own = state.table.contributions.pop(row, None)
    if own is not None:
        for by_id in (True, False):
            for action, at in _unnamed(state, row, own.bed_name, by_id, *own.stretch(by_id)):
                state.cover.remove(own.unit, action, at)


def _beyond(one: tuple[int, int], other: tuple[int, int]) -> list[tuple[int, int]]:
    """The parts of a closed stretch of time that lie outside another one."""
    parts = [(one[0], min(one[1], other[0] - 1)), (max(one[0], other[1] + 1), one[1])]
    return [part for part in parts if part[0] <= part[1]]


def _unnamed(
    state: State, row: int, bed_name: int, by_id: bool, since: int, until: int
) -> list[tuple[int, int]]:
    """(action, time)s of the responses that name the alarm id of a row, or its bed, and no unit."""
    if not by_id:
        moments = state.responses.about(bed_name).get(NO_UNIT)
        return [] if moments is None else list(moments.within(since, until))
    responses = state.table.responses.get(row)
    if responses is not None:
        return [
            (code - UNNAMED, at) for code, at in responses.within(since, until) if code >= UNNAMED
        ]
    at, code = int(state.table.response_at[row]), int(state.table.response_code[row])
    return [(code - UNNAMED, at)] if code >= UNNAMED and since <= at <= until else []
