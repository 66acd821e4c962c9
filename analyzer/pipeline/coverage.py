"""Lending: answers to single episodes, and the cover that a response without a unit gives to the
units of its episodes.

An episode lends cover to its unit for two stretches of time: from those that name its alarm id, and
from those that name its bed. `Table.lent` holds its unit and the bounds of both; when a bound
moves, only what lies between is given or taken back.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from analyzer.arrays import Numbers
from analyzer.columns.moments import Moments
from analyzer.pipeline.responses import NOT_SAID, UNNAMED
from analyzer.pipeline.table import NOT_JUDGED, Table
from analyzer.times import NEVER, OPEN

if TYPE_CHECKING:
    from analyzer.pipeline.state import State

Loan = tuple[int, int, int, int, int, int]
"""Unit, first and last moment by alarm id, first and last moment at the bed, bed."""


def hear(table: Table, row: int, code: int, at: int) -> None:
    """Take in a response by alarm id to a row, which may have others."""
    if table.heard_at[row] == NEVER:
        table.heard_at[row], table.heard_code[row] = at, code
        return
    known = table.heard.get(row)
    if known is None:
        if (table.heard_at[row], table.heard_code[row]) == (at, code):
            return
        known = table.heard[row] = Moments()
        known.add(int(table.heard_code[row]), int(table.heard_at[row]))
    known.add(code, at)


def judge(table: Table, rows: Numbers) -> None:
    """Put down the label that counts."""
    for row in rows.tolist():
        labels = table.labels.get(row)
        table.judged_at[row], _, table.verdict[row] = (
            labels[-1] if labels else (-OPEN, "", NOT_JUDGED)
        )


def hand_on(state: State, rows: Numbers) -> Numbers:
    """Give responses and labels by alarm id to the later episodes that they mean, now that ends and
    starts are known better.

    Returns the rows that were touched beside `rows`.
    """
    table = state.table
    begun = {
        table.earlier.get(row, row)
        for row in rows.tolist()
        if row in table.earlier or table.later[row] >= 0
    }
    touched: set[int] = set()
    for row in begun:
        later = int(table.later[row])
        while later >= 0:
            if table.start[later] != NEVER:
                _hand_on(state, row, later)
                touched |= {row, later}
            row, later = later, int(table.later[later])
    return np.array(sorted(touched), dtype=np.int64)


def _hand_on(state: State, row: int, later: int) -> None:
    table, horizon = state.table, state.policy.horizon
    since = max(int(table.end[row]) + horizon + 1, int(table.start[later]) - horizon)
    moved = responses_from(table, row, since)
    for code, at in moved:
        hear(table, later, code, at)
        if code >= UNNAMED:
            _reclaim(state, row, code, at)
            lend_by_id(state, later, code, at)
    labels = table.labels.get(row, [])
    place = bisect_left(labels, (since, "", 0))
    given = labels[place:]
    if given:
        table.labels[later] = sorted([*table.labels.get(later, []), *given])
        del labels[place:]
        if not labels:
            del table.labels[row]
        judge(table, np.array([row, later]))
    last = max([at for _, at in moved] + [at for at, _, _ in given], default=-OPEN)
    table.mentioned[later] = max(int(table.mentioned[later]), last)


def join(state: State, first: int) -> None:
    """Give the responses and labels of all episodes of an alarm id to its first row, and drop the
    other rows.

    To be called when the alarm events of the id are forgotten, and after its rows lend no more
    cover.
    """
    table = state.table
    others = table.chain(first)[1:]
    for row in others:
        for code, at in responses_from(table, row, -OPEN):
            hear(table, first, code, at)
        if labels := table.labels.pop(row, []):
            table.labels[first] = sorted([*table.labels.get(first, []), *labels])
        table.mentioned[first] = max(int(table.mentioned[first]), int(table.mentioned[row]))
    judge(table, np.array([first]))
    table.drop(np.array(others, dtype=np.int64))


def responses_from(table: Table, row: int, since: int) -> list[tuple[int, int]]:
    """Take out the responses by alarm id at or after `since`."""
    known = table.heard.get(row)
    if known is None:
        at, code = int(table.heard_at[row]), int(table.heard_code[row])
        if at == NEVER or at < since:
            return []
        table.heard_at[row], table.heard_code[row] = NEVER, 0
        return [(code, at)]
    moved = known.take_from(since)
    if moved and not known.by_code:
        del table.heard[row]
        table.heard_at[row], table.heard_code[row] = NEVER, 0
    elif moved:
        code, times = next(iter(known.by_code.items()))
        table.heard_at[row], table.heard_code[row] = times[0], code
    return moved


# -- cover


def lend_by_id(state: State, row: int, code: int, at: int) -> None:
    """A response without a unit names the row's alarm id: lend it, if the row lends already (else
    `settle_loan` does).
    """
    loan = state.table.lent.get(row)
    if loan is not None and loan[1] <= at <= loan[2]:
        state.cover.add(loan[0], code - UNNAMED, at)


def _reclaim(state: State, row: int, code: int, at: int) -> None:
    loan = state.table.lent.get(row)
    if loan is not None and loan[1] <= at <= loan[2]:
        state.cover.remove(loan[0], code - UNNAMED, at)


def lend_at_bed(state: State, rows: Iterable[Numbers], action: int, at: int) -> None:
    """The same for a response that names a bed and no unit, and the rows that it belongs to."""
    lent = state.table.lent
    for row in [row for some in rows for row in some.tolist()]:
        loan = lent.get(row)
        if loan is not None and loan[3] <= at <= loan[4]:
            state.cover.add(loan[0], action, at)


def settle_loan(state: State, row: int, now: Loan) -> None:
    """Have the responses to a row's alarm id and to its bed, within these times, give cover to this
    unit.
    """
    before = state.table.lent.get(row)
    if before == now:
        return
    state.table.lent[row] = now
    for by_id in (True, False):
        new = now[1:3] if by_id else now[3:5]
        gained, lost = [new], []
        if before is not None:
            old = before[1:3] if by_id else before[3:5]
            if (before[0], before[5]) == (now[0], now[5]):
                gained, lost = _beyond(new, old), _beyond(old, new)
            else:
                for action, at in _unnamed(state, row, before[5], by_id, *old):
                    state.cover.remove(before[0], action, at)
        for stretch in lost:
            for action, at in _unnamed(state, row, now[5], by_id, *stretch):
                state.cover.remove(now[0], action, at)
        for stretch in gained:
            for action, at in _unnamed(state, row, now[5], by_id, *stretch):
                state.cover.add(now[0], action, at)


def return_loan(state: State, row: int) -> None:
    """Take back all cover that a row lends."""
    loan = state.table.lent.pop(row, None)
    if loan is not None:
        unit, first, last, first_at_bed, last_at_bed, bed = loan
        for by_id, since, until in ((True, first, last), (False, first_at_bed, last_at_bed)):
            for action, at in _unnamed(state, row, bed, by_id, since, until):
                state.cover.remove(unit, action, at)


def _beyond(one: tuple[int, int], other: tuple[int, int]) -> list[tuple[int, int]]:
    """The parts of a closed stretch of time that lie outside another one."""
    parts = [(one[0], min(one[1], other[0] - 1)), (max(one[0], other[1] + 1), one[1])]
    return [part for part in parts if part[0] <= part[1]]


def _unnamed(
    state: State, row: int, bed: int, by_id: bool, since: int, until: int
) -> list[tuple[int, int]]:
    """(action, time)s of responses that name the alarm id of a row, or its bed, and no unit."""
    if not by_id:
        moments = state.responses.about(bed).get(NOT_SAID)
        return [] if moments is None else list(moments.within(since, until))
    heard = state.table.heard.get(row)
    if heard is not None:
        return [(code - UNNAMED, at) for code, at in heard.within(since, until) if code >= UNNAMED]
    at, code = int(state.table.heard_at[row]), int(state.table.heard_code[row])
    return [(code - UNNAMED, at)] if code >= UNNAMED and since <= at <= until else []
