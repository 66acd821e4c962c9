"""Finalising: the records of final episodes, each returned once, and again when it changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from analyzer.arrays import Codes, Marks, Numbers, distinct
from analyzer.columns.hashing import stable_digest
from analyzer.model.episodes import PRIORITIES
from analyzer.pipeline.classes import BASES, CLASSES, NOTHING_KNOWN, classify_final
from analyzer.pipeline.finished import NOTHING_FINISHED, Finished
from analyzer.pipeline.state import State
from analyzer.times import NEVER

_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def finalise(state: State) -> Finished:
    """Classify the final episodes, and return the records that are new or have changed.

    They are ordered by facility, end and alarm id.
    """
    table, statics = state.table, state.statics
    rows = table.waiting()
    now = state.times.now[table.facility[rows]]
    rows = rows[table.end[rows] <= now - state.policy.action_window]
    if not len(rows):
        return NOTHING_FINISHED
    table.to_finalise[rows] = False
    table.changed(rows)
    classify_final(table, statics, rows, state.cover, state.policy)
    _observe(state, rows)
    _note_unclassified(state, rows[table.rule[rows] == NOTHING_KNOWN])
    digests = _digests(state, rows)
    changed = digests != table.digest[rows]
    rows, digests = rows[changed], digests[changed]
    if not len(rows):
        return NOTHING_FINISHED
    table.digest[rows] = digests
    return finished(state, rows)


def _note_unclassified(state: State, rows: Numbers) -> None:
    """Remember rows of class `unknown`, for when their unit gets coverage."""
    units = state.statics.unit[state.table.static[rows]]
    state.unclassified.add_all(units, state.table.end[rows], rows)


def _digests(state: State, rows: Numbers) -> Marks:
    """A 64-bit digest of each record, the same in every process; never 0."""
    table = state.table
    labels, teams = table.label[rows], table.team[rows]
    mixed = state.statics.mark[table.static[rows]] ^ _marks(
        labels, state.labels.by_number.__getitem__
    )
    for column in (
        _marks(teams, state.teams.names),
        table.start[rows],
        table.end[rows],
        table.value[rows].view(np.uint64),
        table.limit[rows].view(np.uint64),
        table.first_response[rows],
        table.rule[rows].astype(np.int64) * 64 + table.klass[rows] * 8 + table.rank[rows],
    ):
        mixed = (mixed ^ column.view(np.uint64)) * _PRIME
        mixed ^= mixed >> _SHIFT
    return mixed | np.uint64(1)


def _marks(numbers: Codes, value_of: Callable[[int], Any]) -> Marks:
    """The hash of the value that each number stands for; each distinct value is hashed once."""
    known = distinct(numbers)
    marks = np.array([_digest_of(value_of(number)) for number in known.tolist()], dtype=np.uint64)
    return marks[np.searchsorted(known, numbers)]


_digest_of = lru_cache(maxsize=1 << 16)(stable_digest)


def _observe(state: State, rows: Numbers) -> None:
    """Enter response times in the histogram, instead of those entered before for the same rows."""
    table, times = state.table, state.response_times
    units, ranks = state.statics.unit[table.static[rows]], table.rank[rows]
    delays = np.maximum(table.first_response[rows] - table.start[rows], 0)
    absent = ~table.is_alarm[rows] | (table.first_response[rows] == NEVER)
    delays[absent] = NEVER
    units[absent] = ranks[absent] = 0
    differs = (
        (delays != table.observed_after[rows])
        | (units != table.observed_unit[rows])
        | (ranks != table.observed_rank[rows])
    )
    before = rows[differs & (table.observed_after[rows] != NEVER)]
    times.enter(
        table.observed_unit[before], table.observed_rank[before], table.observed_after[before], -1
    )
    table.observed_after[rows], table.observed_unit[rows], table.observed_rank[rows] = (
        delays,
        units,
        ranks,
    )
    now = np.flatnonzero(differs & (delays != NEVER))
    times.enter(units[now], ranks[now], delays[now], 1)
    state.head_changed |= len(before) > 0 or len(now) > 0


def finished(state: State, rows: Numbers) -> Finished:
    """The records of final rows, ordered by facility, end and alarm id."""
    if not len(rows):
        return NOTHING_FINISHED
    table, statics, teams = state.table, state.statics, state.teams
    rows, ids = _in_order(state, rows)
    team = table.team[rows].tolist()
    names = {number: teams.names(number) for number in set(team)}
    facility, unit, bed, device_id, device_type, source, code, kind = zip(
        *map(statics.by_number.__getitem__, table.static[rows].tolist()), strict=True
    )
    return Finished(
        [
            list(map(state.facilities.by_number.__getitem__, facility)),
            unit,
            bed,
            ids,
            device_id,
            device_type,
            source,
            code,
            kind,
            list(map(state.labels.by_number.__getitem__, table.label[rows].tolist())),
            list(map(PRIORITIES.__getitem__, table.rank[rows].tolist())),
            table.start[rows].tolist(),
            table.end[rows].tolist(),
            [None if one != one else one for one in table.value[rows].tolist()],
            [None if one != one else one for one in table.limit[rows].tolist()],
            list(map(names.__getitem__, team)),
            list(map(CLASSES.__getitem__, table.klass[rows].tolist())),
            list(map(BASES.__getitem__, table.rule[rows].tolist())),
            [None if one == NEVER else one for one in table.first_response[rows].tolist()],
        ],
        rows,
        table.digest[rows],
    )


def _in_order(state: State, rows: Numbers) -> tuple[Numbers, list[str]]:
    """Rows ordered by facility, end and alarm id; and their alarm ids."""
    table = state.table
    names = state.facilities.by_number
    rank = np.empty(len(names), dtype=np.int64)
    rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    ranks, ends = rank[table.facility[rows]], table.end[rows]
    order = np.lexsort((ends, ranks))
    rows, ranks, ends = rows[order], ranks[order], ends[order]
    ids = table.ids(rows)
    alike = (ranks[1:] == ranks[:-1]) & (ends[1:] == ends[:-1])
    bounds = np.flatnonzero(np.diff(alike, prepend=False, append=False)).tolist()
    for begin, last in zip(bounds[::2], bounds[1::2], strict=True):
        some = slice(begin, last + 1)
        by_id = sorted(zip(ids[some], rows[some].tolist(), strict=True))
        ids[some], rows[some] = [id_ for id_, _ in by_id], [row for _, row in by_id]
    return rows, ids
