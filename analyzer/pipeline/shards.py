"""Storage: the state in shards of bounded size, each of plain values, of which a checkpoint writes
those that changed.

Rows of the table are stored in blocks, columns as bytes, what was derived with what it was derived
from: a million alarms are back in seconds, for nothing need be worked out again. `now` is not part
of the state: whoever restores it tells the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from analyzer.arrays import Numbers
from analyzer.columns.hashing import fingerprints
from analyzer.columns.moments import Moments
from analyzer.columns.numbered import NAMES_PER_BLOCK, Numbered
from analyzer.columns.packed import Packed, pack
from analyzer.columns.planes import from_planes, planes
from analyzer.columns.statics import Place, Static
from analyzer.model.facts import FACT_TYPES, Topic
from analyzer.model.policy import Policy
from analyzer.pipeline.admission import TOPICS
from analyzer.pipeline.classes import NOTHING_KNOWN
from analyzer.pipeline.derive import derive
from analyzer.pipeline.pending import Batch
from analyzer.pipeline.readings import MIXED, Readings
from analyzer.pipeline.state import State
from analyzer.pipeline.table import NOT_JUDGED, ROWS_PER_BLOCK, STORED
from analyzer.times import NEVER

ShardKey = tuple[str, int]
"""A part of the stored state: what it holds, and the number of its block."""

_HEAD: ShardKey = ("head", 0)
_WAITING: ShardKey = ("waiting", 0)
_ORDER = (
    "head",
    "units",
    "statics",
    "labels",
    "teams",
    "assignments",
    "responses",
    "cover",
    "episodes",
    "overload",
    "waiting",
)
"""What is loaded before what: rows hold the numbers of names. Ids come before all: waiting facts
hold their numbers.
"""


def changed_shards(state: State) -> Iterator[ShardKey]:
    """Which shards differ from when they were last stored; all of them, after `load`."""
    if state.head_changed:
        yield _HEAD
    if state.arrivals.changed:
        yield _WAITING
    for kind, names in _names(state).items():
        yield from ((kind, number) for number in names.dirty)
    for kind, dirty in _dirty(state).items():
        yield from ((kind, number) for number in sorted(dirty))


def _names(state: State) -> dict[str, Numbered[Any]]:
    return {
        "units": state.statics.units,
        "statics": state.statics.numbers,
        "labels": state.labels,
        "teams": state.teams.numbers,
    }


def _dirty(state: State) -> dict[str, set[int]]:
    dirty = {
        "episodes": state.table.dirty,
        "assignments": state.roster.blocks.dirty,
        "responses": state.responses.blocks.dirty,
        "cover": state.cover.dirty,
        "overload": state.watch.dirty,
    }
    return dirty | {f"ids-{topic}": gate.seen.dirty for topic, gate in state.gates.items()}


def stored(state: State) -> None:
    """Everything dumped since is safe: nothing counts as changed."""
    for dirty in _dirty(state).values():
        dirty.clear()
    for names in _names(state).values():
        names.all_stored()
    state.arrivals.changed = state.head_changed = False


def dump(state: State, key: ShardKey) -> Any:
    """One shard in plain values (lists, strings, bytes, numbers); None once it holds nothing."""
    kind, number = key
    match kind:
        case "head":
            return _dump_head(state)
        case "waiting":
            return state.arrivals.dump() or None
        case "units" | "statics" | "labels":
            return _names(state)[kind].block(number) or None
        case "teams":
            begin = number * NAMES_PER_BLOCK
            return [
                state.teams.told(begin + place)
                for place in range(len(state.teams.numbers.block(number)))
            ] or None
        case "episodes":
            return _dump_rows(state, state.table.of_block(number))
        case "assignments":
            return state.roster.dump(number) or None
        case "responses":
            return state.responses.dump(number) or None
        case "cover":
            return state.cover.dump(number) or None
        case "overload":
            return _dump_watch(state, number) or None
        case _:
            return state.gates[_topic(kind)].seen.dump(number)


def _topic(kind: str) -> Topic:
    return kind.removeprefix("ids-")  # type: ignore[return-value]  # only these are written


def load(policy: Policy, shards: Mapping[ShardKey, Any], judge_anew: bool = False) -> State:
    """The state that dumped `shards`; time has not come to any of its facilities yet (`judge_anew`:
    see `Engine.load`).
    """
    state = State(policy)
    for topic in TOPICS:
        state.gates[topic].seen.load(_blocks(shards, f"ids-{topic}"))
    state.table.reserve((max(_blocks(shards, "episodes"), default=-1) + 1) * ROWS_PER_BLOCK)
    rows: list[Numbers] = []
    others = [shard for shard in shards.items() if shard[0][0] in _ORDER]
    for (kind, number), content in sorted(
        others, key=lambda shard: (_ORDER.index(shard[0][0]), shard[0])
    ):
        match kind:
            case "head":
                _load_head(state, content)
            case "waiting":
                for topic, facts in content:
                    _load_waiting(state, topic, facts)
            case "units":
                for facility, unit in content:
                    state.statics.units[facility, unit]
            case "statics":
                state.statics.put(Static(*static) for static in content)
            case "labels":
                for label in content:
                    state.labels[label]
            case "teams":
                for team in content:
                    if team is not None:  # nobody has a number from the start
                        state.teams.of(*team)
            case "episodes":
                rows.append(_load_rows(state, number, content))
            case "assignments":
                for held, one in state.roster.load(number, content):
                    held.place = state.statics.places[Place(held.facility, one.unit, one.bed)]
            case "responses":
                state.responses.load(number, content)
            case "cover":
                state.cover.load(number, content)
            case "overload":
                _load_watch(state, number, content)
    if rows:
        _complete(state, np.concatenate(rows))
        if judge_anew:
            _judge_anew(state)
    state.arrivals.changed = state.head_changed = True
    return state


def _blocks(shards: Mapping[ShardKey, Any], kind: str) -> dict[int, Any]:
    return {number: content for (of, number), content in shards.items() if of == kind}


def _dump_head(state: State) -> Any:
    return [
        state.facilities.by_number,
        {topic: state.watermark(topic).tolist() for topic in TOPICS},
        state.times.tidied[: len(state.facilities.by_number)].tolist(),
        state.response_times.dump(),
        state.recipients_dropped,
        state.watch.dump(len(state.facilities.by_number)),
        sorted(state.rewound),
    ]


def _load_head(state: State, content: Any) -> None:
    facilities, watermarks, tidied, times, state.recipients_dropped, watched, rewound = content
    state.facilities.renew(facilities)
    state.grow()
    for topic, marks in watermarks.items():
        state.gates[topic].watermark[: len(marks)] = marks
    state.times.tidied[: len(tidied)] = tidied
    for unit, rank, counts in times:
        state.response_times.load(unit, rank, counts)
    state.watch.load(*watched)
    state.rewound = set(rewound)


def _dump_watch(state: State, facility: int) -> Any:
    units, clinicians = state.statics.units.by_number, state.teams.clinicians.by_number
    return [
        [is_unit, (units if is_unit else clinicians)[number][1], [one.dump() for one in noted]]
        for (is_unit, number), noted in sorted(state.watch.noted.get(facility, {}).items())
    ]


def _load_watch(state: State, facility: int, content: Any) -> None:
    for is_unit, name, noted in content:
        number = (state.statics.units if is_unit else state.teams.clinicians)[facility, name]
        state.watch.put(facility, (is_unit, number), noted)


def _load_waiting(state: State, topic: Topic, facts: list[list[Any]]) -> None:
    columns = tuple(zip(*facts, strict=True))
    names = list(FACT_TYPES[topic].__slots__)
    facilities = np.array([state.facilities[one] for one in columns[names.index("facility")]])
    at = np.array(columns[names.index("at")], dtype=np.int64)
    state.arrivals.add(
        topic, Batch(columns, facilities, at, _entries_again(state, topic, facilities, columns[0]))
    )


def _entries_again(state: State, topic: Topic, facilities: Numbers, event_ids: Any) -> Numbers:
    return state.gates[topic].seen.find(*fingerprints(facilities, pack(event_ids)))


def _dump_rows(state: State, rows: Numbers) -> Any:
    if not len(rows):
        return None
    table = state.table
    columns = [planes(getattr(table, name)[rows]) for name in STORED]
    ids = table.alarm_ids.packed(rows)
    return {
        "rows": planes(rows.astype(np.int32)),
        "ids": [ids.text, planes(ids.lengths)],
        "columns": columns,
        "extras": _dump_extras(state, rows),
    }


def _dump_extras(state: State, rows: Numbers) -> dict[str, list[Any]]:
    """What some rows have beside their columns, which tell most of those that have nothing."""
    table = state.table
    wanted = {
        "ends": rows,
        "early": rows,
        "readings": rows[table.side[rows] == MIXED],
        "labels": rows[table.verdict[rows] != NOT_JUDGED],
        "heard": rows[table.heard_at[rows] != NEVER],
        "lent": rows,
    }
    found: dict[str, list[Any]] = {}
    for name, candidates in wanted.items():
        extras = getattr(table, name)
        if extras and (
            some := [(row, extras[row]) for row in candidates.tolist() if row in extras]
        ):
            found[name] = (
                [(row, one.dump()) for row, one in some] if name in ("readings", "heard") else some
            )
    return found


def _load_rows(state: State, block: int, content: Any) -> Numbers:
    table = state.table
    rows = from_planes(content["rows"], np.int32).astype(np.int64)
    if (rows // ROWS_PER_BLOCK != block).any():  # memory is taken up to the last of them
        raise ValueError("rows: expected those of the block")
    columns = {
        name: from_planes(part, type_)
        for (name, (type_, _)), part in zip(STORED.items(), content["columns"], strict=True)
    }
    text, lengths = content["ids"]
    table.put(
        rows, columns["facility"].astype(np.int64), Packed(text, from_planes(lengths, np.uint16))
    )
    first, last = int(rows[0]), int(rows[-1])
    own: Any = slice(first, last + 1) if last - first + 1 == len(rows) else rows
    for name, column in columns.items():
        getattr(table, name)[own] = column
    _load_extras(state, content["extras"])
    return rows


def _load_extras(state: State, extras: dict[str, list[Any]]) -> None:
    table = state.table
    table.ends.update((row, list(ends)) for row, ends in extras.get("ends", ()))
    table.early.update((row, list(map(tuple, events))) for row, events in extras.get("early", ()))
    table.readings.update((row, Readings.load(one)) for row, one in extras.get("readings", ()))
    table.labels.update((row, list(map(tuple, labels))) for row, labels in extras.get("labels", ()))
    table.heard.update((row, Moments.load(heard)) for row, heard in extras.get("heard", ()))
    table.lent.update((row, tuple(loan)) for row, loan in extras.get("lent", ()))


def _complete(state: State, rows: Numbers) -> None:
    """What is not stored because it is quickly told from what is."""
    table, statics = state.table, state.statics
    table.all_put()
    rows = rows[table.start[rows] != NEVER]
    state.listing.add(rows, statics.place[table.static[rows]])
    unsure = rows[(table.digest[rows] != 0) & (table.rule[rows] == NOTHING_KNOWN)]
    for row, unit in zip(unsure.tolist(), statics.unit[table.static[unsure]].tolist(), strict=True):
        state.unsure.setdefault(unit, []).append((int(table.end[row]), row))
    for of_unit in state.unsure.values():
        of_unit.sort()


def _judge_anew(state: State) -> None:
    """By another policy, responses may belong to other episodes, and episodes be of other classes,
    or not be final yet.
    """
    table = state.table
    rows = table.existing()
    observed = rows[table.observed_after[rows] != NEVER]
    state.response_times.enter(
        table.observed_unit[observed],
        table.observed_rank[observed],
        table.observed_after[observed],
        -1,
    )
    table.observed_after[observed] = NEVER
    derive(state, rows)
    table.changed(rows)
