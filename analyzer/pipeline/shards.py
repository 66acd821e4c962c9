"""Shards: the state as shards of bounded size, of plain values. A checkpoint writes those that
changed.

Rows of the table are stored in blocks, with columns as bytes. Derived columns are stored too, so
that a million alarms are restored in seconds. `now` is not part of the state: the caller advances
the restored engine.
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
from analyzer.columns.statics import Bed
from analyzer.model.facts import FACT_TYPES, TOPICS, Topic
from analyzer.model.policy import Policy
from analyzer.pipeline.classes import NOTHING_KNOWN
from analyzer.pipeline.coverage import Contribution
from analyzer.pipeline.derive import derive
from analyzer.pipeline.pending import Batch
from analyzer.pipeline.readings import MIXED, Readings
from analyzer.pipeline.state import State
from analyzer.pipeline.table import NO_VERDICT, ROWS_PER_BLOCK, STORED
from analyzer.times import NEVER

ShardKey = tuple[str, int]
"""The kind of a shard, and the number of its block."""

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
"""The order of loading: rows refer to names by number. Seen ids are loaded before all of these,
as pending facts refer to them by number.
"""


def changed_shards(state: State) -> Iterator[ShardKey]:
    """The shards that differ from what is stored; after `load`, all of them."""
    if state.head_changed:
        yield _HEAD
    if state.pending.changed:
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
        "overload": state.overload.dirty,
    }
    return dirty | {
        f"ids-{topic}": admission.seen.dirty for topic, admission in state.admission.items()
    }


def stored(state: State) -> None:
    """Mark everything as stored."""
    for dirty in _dirty(state).values():
        dirty.clear()
    for names in _names(state).values():
        names.all_stored()
    state.pending.changed = state.head_changed = False


def dump(state: State, key: ShardKey) -> Any:
    """A shard in plain values (lists, strings, bytes, numbers); None if it is empty."""
    kind, number = key
    match kind:
        case "head":
            return _dump_head(state)
        case "waiting":
            return state.pending.dump() or None
        case "units" | "statics" | "labels":
            return _names(state)[kind].block(number) or None
        case "teams":
            begin = number * NAMES_PER_BLOCK
            return [
                state.teams.dump(begin + index)
                for index in range(len(state.teams.numbers.block(number)))
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
            return _dump_overload(state, number) or None
        case _:
            return state.admission[_topic(kind)].seen.dump(number)


def _topic(kind: str) -> Topic:
    return kind.removeprefix("ids-")  # type: ignore[return-value]  # only these are written


def load(policy: Policy, shards: Mapping[ShardKey, Any], reclassify: bool = False) -> State:
    """The state that dumped `shards`. Its facilities have no `now` yet.

    `reclassify`: derive and classify all rows again, as the policy has changed.
    """
    state = State(policy)
    for topic in TOPICS:
        state.admission[topic].seen.load(_blocks(shards, f"ids-{topic}"))
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
                state.statics.put(map(tuple, content))
            case "labels":
                for label in content:
                    state.labels[label]
            case "teams":
                for team in content:
                    if team is not None:  # the empty team has a number from the start
                        state.teams.of(*team)
            case "episodes":
                rows.append(_load_rows(state, number, content))
            case "assignments":
                for held, one in state.roster.load(number, content):
                    held.bed = state.statics.beds[Bed(held.facility, one.unit, one.bed)]
            case "responses":
                state.responses.load(number, content)
            case "cover":
                state.cover.load(number, content)
            case "overload":
                _load_overload(state, number, content)
    if rows:
        _complete(state, np.concatenate(rows))
        if reclassify:
            _reclassify(state)
    state.pending.changed = state.head_changed = True
    return state


def _blocks(shards: Mapping[ShardKey, Any], kind: str) -> dict[int, Any]:
    return {number: content for (of, number), content in shards.items() if of == kind}


def _dump_head(state: State) -> Any:
    return [
        state.facilities.by_number,
        {topic: state.watermark(topic).tolist() for topic in TOPICS},
        state.times.evicted_until[: len(state.facilities.by_number)].tolist(),
        state.response_times.dump(),
        state.recipients_dropped,
        state.overload.dump(len(state.facilities.by_number)),
        sorted(state.rewound),
    ]


def _load_head(state: State, content: Any) -> None:
    facilities, watermarks, evicted_until, times, state.recipients_dropped, overload, rewound = (
        content
    )
    state.facilities.renew(facilities)
    state.grow()
    for topic, marks in watermarks.items():
        state.admission[topic].watermark[: len(marks)] = marks
    state.times.evicted_until[: len(evicted_until)] = evicted_until
    for unit, rank, counts in times:
        state.response_times.load(unit, rank, counts)
    state.overload.load(*overload)
    state.rewound = set(rewound)


def _dump_overload(state: State, facility: int) -> Any:
    units, clinicians = state.statics.units.by_number, state.teams.clinicians.by_number
    return [
        [is_unit, (units if is_unit else clinicians)[number][1], [one.dump() for one in own]]
        for (is_unit, number), own in sorted(state.overload.transitions.get(facility, {}).items())
    ]


def _load_overload(state: State, facility: int, content: Any) -> None:
    for is_unit, name, own in content:
        number = (state.statics.units if is_unit else state.teams.clinicians)[facility, name]
        state.overload.load_subject(facility, (is_unit, number), own)


def _load_waiting(state: State, topic: Topic, facts: list[list[Any]]) -> None:
    columns = tuple(zip(*facts, strict=True))
    names = list(FACT_TYPES[topic].__slots__)
    facilities = np.array([state.facilities[one] for one in columns[names.index("facility")]])
    at = np.array(columns[names.index("at")], dtype=np.int64)
    state.pending.add(
        topic, Batch(columns, facilities, at, _entries_of(state, topic, facilities, columns[0]))
    )


def _entries_of(state: State, topic: Topic, facilities: Numbers, event_ids: Any) -> Numbers:
    return state.admission[topic].seen.find(*fingerprints(facilities, pack(event_ids)))


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
    """The values that only a few rows have and that no column holds. Most rows without any are
    excluded by their columns.
    """
    table = state.table
    wanted: dict[str, tuple[dict[int, Any], Numbers]] = {
        "ends": (table.ends, rows),
        "early": (table.early, rows),
        "readings": (table.readings, rows[table.side[rows] == MIXED]),
        "labels": (table.labels, rows[table.verdict[rows] != NO_VERDICT]),
        "heard": (table.responses, rows[table.response_at[rows] != NEVER]),
        "lent": (table.contributions, rows),
    }
    found: dict[str, list[Any]] = {}
    for name, (extras, candidates) in wanted.items():
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
    if (rows // ROWS_PER_BLOCK != block).any():  # else memory would be reserved for any row number
        raise ValueError("rows: expected those of the block")
    columns = {
        name: from_planes(part, type_)
        for (name, (type_, _)), part in zip(STORED.items(), content["columns"], strict=True)
    }
    # Of rows without a response time, states of older versions name a unit and a priority.
    absent = columns["observed_after"] == NEVER
    columns["observed_unit"][absent] = columns["observed_rank"][absent] = 0
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
    table.responses.update((row, Moments.load(one)) for row, one in extras.get("heard", ()))
    table.contributions.update((row, Contribution(*one)) for row, one in extras.get("lent", ()))


def _complete(state: State, rows: Numbers) -> None:
    """Rebuild what is not stored because it follows quickly from what is."""
    table, statics = state.table, state.statics
    table.all_put()
    # Names of beds are not stored in the order of their numbers: a response may have brought some
    # that no alarm has.
    for row, own in table.contributions.items():
        bed_name = int(statics.bed_name[table.static[row]])
        table.contributions[row] = own._replace(bed_name=bed_name)
    rows = rows[table.start[rows] != NEVER]
    state.listing.add(rows, statics.bed[table.static[rows]])
    unclassified = rows[(table.digest[rows] != 0) & (table.rule[rows] == NOTHING_KNOWN)]
    units = statics.unit[table.static[unclassified]]
    state.unclassified.load(units, table.end[unclassified], unclassified)


def _reclassify(state: State) -> None:
    """Under another policy, responses may belong to other episodes, classes may differ, and final
    episodes may be open for responses again.
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
