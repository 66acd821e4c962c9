"""Reading fold: readings of alarm events into the columns of the table, or into `Readings`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Numbers
from analyzer.pipeline.readings import HIGH, LOW, MIXED, NO_READING, Readings
from analyzer.pipeline.table import Table

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def fold_readings(
    table: Table,
    rows: Numbers,
    at: Numbers,
    entries: Numbers,
    opening: Flags,
    value: Floats,
    limit: Floats,
    event_id: Callable[[int], str],
) -> None:
    """Fold events with a value or a limit (NaN: absent) into their rows.

    `entries` are numbers of event ids; `event_id` gives the id of a number.
    """
    if not len(rows):
        return
    # Each round takes one event a row, so that columns can be written at once.
    by_row = np.argsort(rows, kind="stable")
    ordered = rows[by_row]
    begins = np.flatnonzero(np.diff(ordered, prepend=-1))
    nth = np.empty(len(rows), dtype=np.int64)
    nth[by_row] = np.arange(len(rows)) - np.repeat(begins, np.diff(begins, append=len(rows)))
    order = np.argsort(nth, kind="stable")
    bounds = np.cumsum(np.bincount(nth))
    for begin, end in pairwise([0, *bounds.tolist()]):
        taken = order[begin:end]
        _fold_round(
            table,
            rows[taken],
            at[taken],
            entries[taken],
            opening[taken],
            value[taken],
            limit[taken],
            event_id,
        )


def _fold_round(
    table: Table,
    rows: Numbers,
    at: Numbers,
    entries: Numbers,
    opening: Flags,
    value: Floats,
    limit: Floats,
    event_id: Callable[[int], str],
) -> None:
    side = table.side[rows]
    both = ~(np.isnan(value) | np.isnan(limit))
    guides = both & opening & (value != limit)
    of_event = np.where(value > limit, HIGH, LOW)
    begins = guides & (side == NO_READING)
    alike = both & ((side == HIGH) | (side == LOW)) & (limit == table.limit[rows])
    alike &= ~guides | ((of_event == side) & (at != table.onset_at[rows]))
    new = rows[begins]
    table.side[new] = of_event[begins]
    table.value[new] = table.opposite[new] = value[begins]
    table.limit[new] = limit[begins]
    table.onset_at[new], table.onset[new] = at[begins], entries[begins]
    old = rows[alike]
    for column, side_of_greatest in ((table.value, HIGH), (table.opposite, LOW)):
        greater, less = np.maximum(column[old], value[alike]), np.minimum(column[old], value[alike])
        column[old] = np.where(side[alike] == side_of_greatest, greater, less)
    earlier = np.flatnonzero(alike & guides & (at < table.onset_at[rows]))
    table.onset_at[rows[earlier]], table.onset[rows[earlier]] = at[earlier], entries[earlier]
    # Once there is an onset, a limit without a value has no effect.
    no_effect = np.isnan(value) & ((side == HIGH) | (side == LOW))
    for index in np.flatnonzero(~(begins | alike | no_effect)).tolist():
        _fold_apart(
            table,
            int(rows[index]),
            int(at[index]),
            int(entries[index]),
            bool(opening[index]),
            value[index],
            limit[index],
            event_id,
        )


def _fold_apart(
    table: Table,
    row: int,
    at: int,
    entry: int,
    opening: bool,
    value: float,
    limit: float,
    event_id: Callable[[int], str],
) -> None:
    """Fold one event into a row whose readings do not fit the columns."""
    readings = table.readings.get(row)
    if readings is None:
        side = int(table.side[row])
        if side == NO_READING:
            readings = Readings()
        else:
            onset = int(table.onset_at[row]), event_id(int(table.onset[row]))
            value_, opposite, limit_ = (
                float(column[row]) for column in (table.value, table.opposite, table.limit)
            )
            readings = Readings.beyond(side, value_, opposite, limit_, onset)
        table.readings[row] = readings
        table.side[row] = MIXED
    readings.fold(at, event_id(entry), opening, _known(value), _known(limit))
    extreme = readings.extreme()
    table.value[row], table.limit[row] = (np.nan if one is None else one for one in extreme)


def _known(figure: float) -> float | None:
    return None if np.isnan(figure) else float(figure)
