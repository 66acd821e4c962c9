"""Storage: the state in shards of bounded size, each of plain values, of which a checkpoint writes those that changed.

Rows of the table are stored in blocks, columns as bytes, with the names they use beside them: a block can be read without any
other. What follows from the rest (teams, answers, lists by place) is not stored but derived again. `now` is not part of the
state: whoever restores it tells the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from analyzer.admission import TOPICS
from analyzer.arrivals import Batch
from analyzer.classes import NOTHING_KNOWN
from analyzer.derive import derive
from analyzer.facts import FACT_TYPES, Topic
from analyzer.ids import Numbers, fingerprints, from_planes, pack, planes, unpack
from analyzer.names import Place
from analyzer.policy import Policy
from analyzer.readings import MIXED, Readings
from analyzer.responses import Heard
from analyzer.state import State
from analyzer.table import NEVER, NOT_JUDGED

ShardKey = tuple[str, int]
"""A part of the stored state: what it holds, and the number of its block."""

_HEAD: ShardKey = ("head", 0)
_WAITING: ShardKey = ("waiting", 0)
_ORDER = ("head", "assignments", "responses", "cover", "episodes", "ids-", "waiting")
"""What is loaded before what: rows are derived from rosters and responses."""
_COLUMNS = {
    "facility": np.int32, "start": np.int64, "first": np.int32, "end": np.int64, "rank": np.int8, "side": np.int8, "value": np.float64,
    "limit": np.float64, "onset_at": np.int64, "onset": np.int32, "latest": np.int64, "verdict": np.int8, "klass": np.int8,
    "rule": np.int8, "to_publish": np.bool_, "digest": np.uint64,
}  # fmt: skip


def changed_shards(state: State) -> Iterator[ShardKey]:
    """Which shards differ from when they were last stored; all of them, after `load`."""
    if state.head_changed:
        yield _HEAD
    if state.arrivals.changed:
        yield _WAITING
    for kind, dirty in _dirty(state).items():
        yield from ((kind, number) for number in sorted(dirty))


def _dirty(state: State) -> dict[str, set[int]]:
    dirty = {
        "episodes": state.table.dirty,
        "assignments": state.roster.blocks.dirty,
        "responses": state.responses.blocks.dirty,
        "cover": state.cover.dirty,
    }
    return dirty | {f"ids-{topic}": gate.seen.dirty for topic, gate in state.gates.items()}


def stored(state: State) -> None:
    """Everything dumped since is safe: nothing counts as changed."""
    for dirty in _dirty(state).values():
        dirty.clear()
    state.arrivals.changed = state.head_changed = False


def dump(state: State, key: ShardKey) -> Any:
    """One shard in plain values (lists, strings, bytes, numbers); None once it holds nothing."""
    kind, number = key
    match kind:
        case "head":
            return _dump_head(state)
        case "waiting":
            return state.arrivals.dump() or None
        case "episodes":
            return _dump_rows(state, state.table.of_block(number))
        case "assignments":
            return state.roster.dump(number) or None
        case "responses":
            return state.responses.dump(number) or None
        case "cover":
            return state.cover.dump(number) or None
        case _:
            return state.gates[_topic(kind)].seen.dump(number)


def _topic(kind: str) -> Topic:
    return kind.removeprefix("ids-")  # type: ignore[return-value]  # only these are written


def load(policy: Policy, shards: Mapping[ShardKey, Any], judge_anew: bool = False) -> State:
    """The state that dumped `shards`; time has not come to any of its facilities yet (`judge_anew`: see `Engine.load`)."""
    state = State(policy)
    rows: list[Numbers] = []
    for (kind, number), content in sorted(shards.items(), key=lambda shard: (_rank(shard[0][0]), shard[0])):
        match kind:
            case "head":
                _load_head(state, content)
            case "waiting":
                for topic, facts in content:
                    _load_waiting(state, topic, facts)
            case "episodes":
                rows.append(_load_rows(state, content))
            case "assignments":
                for held, one in state.roster.load(number, content):
                    held.place = state.statics.places[Place(held.facility, one.unit, one.bed)]
            case "responses":
                state.responses.load(number, content)
            case "cover":
                state.cover.load(number, content)
            case _:
                state.gates[_topic(kind)].seen.load(number, content)
    if rows:
        _derive_all(state, np.concatenate(rows), judge_anew)
    state.arrivals.changed = state.head_changed = True
    return state


def _rank(kind: str) -> int:
    return next(rank for rank, prefix in enumerate(_ORDER) if kind.startswith(prefix))


def _dump_head(state: State) -> Any:
    units = state.statics.units.things
    return [
        state.facilities.things,
        {topic: state.watermark(topic).tolist() for topic in TOPICS},
        state.times.tidied[: len(state.facilities)].tolist(),
        [(*units[unit], rank, counts) for unit, rank, counts in state.response_times.dump()],
    ]


def _load_head(state: State, content: Any) -> None:
    facilities, watermarks, tidied, times = content
    state.facilities.renew(facilities)
    state.grow()
    for topic, marks in watermarks.items():
        state.gates[topic].watermark[: len(marks)] = marks
    state.times.tidied[: len(tidied)] = tidied
    for facility, unit, rank, counts in times:
        state.response_times.load(state.statics.units[facility, unit], rank, counts)


def _load_waiting(state: State, topic: Topic, facts: list[list[Any]]) -> None:
    columns = tuple(zip(*facts, strict=True))
    names = list(FACT_TYPES[topic].__slots__)
    facilities = np.array([state.facilities[one] for one in columns[names.index("facility")]])
    at = np.array(columns[names.index("at")], dtype=np.int64)
    state.arrivals.add(topic, Batch(columns, facilities, at, _entries_again(state, topic, facilities, columns[0])))


def _entries_again(state: State, topic: Topic, facilities: Numbers, event_ids: Any) -> Numbers:
    return state.gates[topic].seen.find(*fingerprints(facilities, event_ids))


def _dump_rows(state: State, rows: Numbers) -> Any:
    if not len(rows):
        return None
    table, statics = state.table, state.statics
    known, static = _local(table.static[rows], lambda number: statics.things[number] if number >= 0 else None)
    labels, label = _local(table.label[rows], state.labels.things.__getitem__)
    teams, recipients = _local(table.recipients[rows], state.teams.told)
    return {
        "rows": planes(rows.astype(np.int32)), "ids": pack(table.ids(rows)), "statics": known, "static": static, "labels": labels,
        "label": label, "teams": teams, "recipients": recipients,
        "columns": [planes(getattr(table, name)[rows]) for name in _COLUMNS], "extras": _dump_extras(state, rows),
    }  # fmt: skip


def _local(numbers: Any, thing: Any) -> tuple[list[Any], bytes]:
    """The things that numbers stand for, and each number's place among them."""
    known, which = np.unique(numbers, return_inverse=True)
    return [thing(number) for number in known.tolist()], planes(which.astype(np.int16))


def _dump_extras(state: State, rows: Numbers) -> dict[str, list[Any]]:
    """What some rows have beside their columns, which tell most of those that have nothing."""
    table, units = state.table, state.statics.units.things
    answered = table.answered[rows] | (table.start[rows] == NEVER)
    wanted = {
        "ends": rows, "readings": rows[table.side[rows] == MIXED], "label_order": rows[table.verdict[rows] != NOT_JUDGED],
        "heard": rows[answered], "lent": rows[answered], "observed": rows[answered | table.to_publish[rows]],
    }  # fmt: skip
    found: dict[str, list[Any]] = {}
    for name, candidates in wanted.items():
        extras = getattr(table, name)
        if extras and (some := [(row, extras[row]) for row in candidates.tolist() if row in extras]):
            match name:
                case "readings":
                    found[name] = [(row, one.dump()) for row, one in some]
                case "lent" | "observed":
                    found[name] = [(row, units[one[0]], one[1:]) for row, one in some]
                case _:
                    found[name] = some
    return found


def _load_rows(state: State, content: Any) -> Numbers:
    table = state.table
    rows = from_planes(content["rows"], np.int32).astype(np.int64)
    columns = {name: from_planes(part, type_) for (name, type_), part in zip(_COLUMNS.items(), content["columns"], strict=True)}
    facilities = columns["facility"].astype(np.int64)
    table.put(rows, facilities, unpack(content["ids"]))
    for name, column in columns.items():
        getattr(table, name)[rows] = column
    exist = [static for static in content["statics"] if static is not None]
    numbers = iter(state.statics.number_all([tuple(static) for static in exist]).tolist())
    _load_numbers(table.static, rows, content["static"], [-1 if static is None else next(numbers) for static in content["statics"]])
    _load_numbers(table.label, rows, content["label"], [state.labels[label] for label in content["labels"]])
    _load_numbers(table.recipients, rows, content["recipients"], [state.teams.of(*team) if team else 0 for team in content["teams"]])
    _load_extras(state, content["extras"])
    return rows


def _load_numbers(column: Any, rows: Numbers, which: bytes, numbers: list[int]) -> None:
    column[rows] = np.array(numbers, dtype=np.int32)[from_planes(which, np.int16)]


def _load_extras(state: State, extras: dict[str, list[Any]]) -> None:
    table, units = state.table, state.statics.units
    table.ends.update((row, tuple(ends)) for row, ends in extras.get("ends", ()))
    table.readings.update((row, Readings.load(one)) for row, one in extras.get("readings", ()))
    table.label_order.update((row, tuple(order)) for row, order in extras.get("label_order", ()))
    table.heard.update((row, [Heard(*one) for one in heard]) for row, heard in extras.get("heard", ()))
    table.lent.update((row, (units[tuple(unit)], tuple(more[0]))) for row, unit, more in extras.get("lent", ()))
    table.observed.update((row, (units[tuple(unit)], *more)) for row, unit, more in extras.get("observed", ()))


def _derive_all(state: State, rows: Numbers, judge_anew: bool) -> None:
    """Put back what was not stored, and change nothing of what was."""
    table = state.table
    table.all_put()
    known = {name: getattr(table, name)[rows].copy() for name in ("klass", "rule")}
    derive(state, rows, to_publish=judge_anew)
    final = (table.digest[rows] != 0) & ~table.to_publish[rows]
    for name, column in known.items():
        getattr(table, name)[rows[final]] = column[final]
    unsure = rows[final & (known["rule"] == NOTHING_KNOWN)]
    for row, unit in zip(unsure.tolist(), state.statics.unit[table.static[unsure]].tolist(), strict=True):
        state.unsure.setdefault(unit, []).append(row)
    if judge_anew:
        table.to_publish[rows] |= table.digest[rows] != 0
