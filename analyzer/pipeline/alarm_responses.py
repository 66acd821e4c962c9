"""Alarm responses: responses and labels that name an alarm id, and the episodes they belong to.

An id that is used again names several episodes. Which of them a response belongs to can change
when a late event moves a start or an end.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from analyzer.arrays import Numbers
from analyzer.columns.moments import Moments
from analyzer.pipeline.contributions import contribute_by_id, retract_by_id
from analyzer.pipeline.responses import UNNAMED
from analyzer.pipeline.state import State
from analyzer.pipeline.table import NO_VERDICT, Table
from analyzer.times import NEVER, OPEN


def add_response(table: Table, row: int, code: int, at: int) -> None:
    """Add a response by alarm id to a row, which may have others."""
    if table.response_at[row] == NEVER:
        table.response_at[row], table.response_code[row] = at, code
        return
    known = table.responses.get(row)
    if known is None:
        if (table.response_at[row], table.response_code[row]) == (at, code):
            return
        known = table.responses[row] = Moments()
        known.add(int(table.response_code[row]), int(table.response_at[row]))
    known.add(code, at)


def set_verdict(table: Table, rows: Numbers) -> None:
    """Set the verdict of rows to that of the latest label, the one that counts."""
    for row in rows.tolist():
        labels = table.labels.get(row)
        table.verdict_at[row], _, table.verdict[row] = (
            labels[-1] if labels else (-OPEN, "", NO_VERDICT)
        )


def hand_on(state: State, rows: Numbers) -> Numbers:
    """Move responses and labels by alarm id to the later episodes that they belong to.

    To be called when starts or ends of `rows` changed. Returns the affected rows.
    """
    table = state.table
    begun = {
        table.earlier.get(row, row)
        for row in rows.tolist()
        if row in table.earlier or table.later[row] >= 0
    }
    affected: set[int] = set()
    for row in begun:
        later = int(table.later[row])
        while later >= 0:
            if table.start[later] != NEVER:
                _hand_on(state, row, later)
                affected |= {row, later}
            row, later = later, int(table.later[later])
    return np.array(sorted(affected), dtype=np.int64)


def _hand_on(state: State, row: int, later: int) -> None:
    table, horizon = state.table, state.policy.horizon
    since = max(int(table.end[row]) + horizon + 1, int(table.start[later]) - horizon)
    moved = responses_from(table, row, since)
    for code, at in moved:
        add_response(table, later, code, at)
        if code >= UNNAMED:
            retract_by_id(state, row, code, at)
            contribute_by_id(state, later, code, at)
    labels = table.labels.get(row, [])
    index = bisect_left(labels, (since, "", 0))
    given = labels[index:]
    if given:
        table.labels[later] = sorted([*table.labels.get(later, []), *given])
        del labels[index:]
        if not labels:
            del table.labels[row]
        set_verdict(table, np.array([row, later]))
    last = max([at for _, at in moved] + [at for at, _, _ in given], default=-OPEN)
    table.mentioned[later] = max(int(table.mentioned[later]), last)


def join(state: State, first: int) -> None:
    """Move the responses and labels of all episodes of an alarm id to its first row, and drop the
    other rows.

    To be called when the alarm events of the id are forgotten, after the contributions of its rows
    were removed.
    """
    table = state.table
    others = table.chain(first)[1:]
    for row in others:
        for code, at in responses_from(table, row, -OPEN):
            add_response(table, first, code, at)
        if labels := table.labels.pop(row, []):
            table.labels[first] = sorted([*table.labels.get(first, []), *labels])
        table.mentioned[first] = max(int(table.mentioned[first]), int(table.mentioned[row]))
    set_verdict(table, np.array([first]))
    table.drop(np.array(others, dtype=np.int64))


def responses_from(table: Table, row: int, since: int) -> list[tuple[int, int]]:
    """Remove the responses by alarm id at or after `since` (ms); returns their (code, time)s."""
    known = table.responses.get(row)
    if known is None:
        at, code = int(table.response_at[row]), int(table.response_code[row])
        if at == NEVER or at < since:
            return []
        table.response_at[row], table.response_code[row] = NEVER, 0
        return [(code, at)]
    moved = known.take_from(since)
    if moved and not known.by_code:
        del table.responses[row]
        table.response_at[row], table.response_code[row] = NEVER, 0
    elif moved:
        code, times = next(iter(known.by_code.items()))
        table.response_at[row], table.response_code[row] = times[0], code
    return moved
