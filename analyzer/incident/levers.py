"""Levers: the same facts with exactly one change.

Each function returns the changed facts. Responses stay as recorded: a lever models load, not what
people would have done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from analyzer.columns.statics import AlarmType
from analyzer.incident.alarms import Alarms, type_of
from analyzer.incident.facts import Facts, Table
from analyzer.model.episodes import EpisodeRecord
from analyzer.model.policy import SECOND

ADDED = "one more clinician"
"""The name of an additional clinician. Its space distinguishes it from pseudonyms and most ids."""


# --- alarms


def without(facts: Facts, hidden: Collection[str]) -> Facts:
    """The facts without the alarms with these ids."""
    alarms = facts.alarms
    gone = set(hidden)
    return facts.where("alarms", lambda row: alarms["alarm_id"][row] not in gone)


def delayed(facts: Facts, alarms: Sequence[EpisodeRecord], delay: int) -> Facts:
    """`alarms` sound `delay` (ms) late; those that do not last longer do not sound."""
    hidden = [one.alarm_id for one in alarms if one.end - one.start <= delay]
    late = {one.alarm_id: one.start + delay for one in alarms} if delay else {}
    found = without(facts, hidden)
    table = found.alarms
    at = [
        max(moment, late.get(alarm, moment))
        for moment, alarm in zip(table["at"], table["alarm_id"], strict=True)
    ]
    return found.with_table("alarms", {**table, "at": at})


def beyond(alarms: Sequence[EpisodeRecord], limit: float) -> list[str] | None:
    """The ids of the alarms that another limit would not have raised; None if that limit is more
    sensitive than the one in force for any of them.
    """
    hidden = []
    for one in alarms:
        if one.value is None or one.limit is None or one.value == one.limit:
            continue
        low = one.value < one.limit
        if (limit > one.limit) if low else (limit < one.limit):
            return None
        if (one.value >= limit) if low else (one.value <= limit):
            hidden.append(one.alarm_id)
    return hidden


def held_off(alarms: Sequence[EpisodeRecord], hold_off: int) -> list[str]:
    """The ids of alarms that begin within `hold_off` (ms) after the last one of their signal."""
    last: dict[tuple[str, str, str, str], int] = {}
    hidden = []
    for one in sorted(alarms, key=lambda one: (one.start, one.end, one.alarm_id)):
        signal = (one.device_id or one.bed, one.source, one.code, one.bed)
        if signal in last and one.start - last[signal] <= hold_off:
            hidden.append(one.alarm_id)
        last[signal] = max(last.get(signal, one.end), one.end)
    return hidden


# --- assignments


def moved(facts: Facts, unit: str, beds: Mapping[str, str], since: int, in_force: int) -> Facts:
    """Each of `beds` of a unit belongs to the clinician named with it, for the assignments that
    are in force at `in_force` and from `since` on (ms).
    """
    table = facts.assignments
    names = list(table)
    ends = dict(zip(table["assignment_id"], table["end"], strict=True))
    rows = [list(row) for row in zip(*table.values(), strict=True)]
    place = {name: number for number, name in enumerate(names)}
    added = []
    for row in rows:
        bed, end = row[place["bed"]], ends[row[place["assignment_id"]]]
        taker = beds.get(bed)
        if taker is None or row[place["unit"]] != unit or row[place["clinician"]] == taker:
            continue
        if row[place["start"]] > in_force or (end is not None and end <= in_force):
            continue
        begin = max(row[place["start"]], since)
        new = list(row)
        for name in ("event_id", "assignment_id"):
            new[place[name]] = f"{row[place[name]]} moved"[-128:]
        new[place["clinician"]], new[place["start"]] = taker, begin
        if row[place["start"]] < begin:
            row[place["end"]] = begin
            added.append(new)
        else:
            row[place["clinician"]] = taker
    return facts.with_table("assignments", _table(names, rows + added))


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    if not rows:
        return {name: [] for name in names}
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


# --- choices


def of_type(alarms: Alarms, wanted: AlarmType, begin: int, end: int) -> list[EpisodeRecord]:
    return [one for one in alarms.between(begin, end) if type_of(one) == wanted]


def most(
    alarms: Alarms, key: Callable[[EpisodeRecord], Any], begin: int, end: int, count: int
) -> list[Any]:
    """The most frequent values of `key` among the alarms that started in (begin, end]; ties by
    value.
    """
    counts: dict[Any, int] = {}
    for one in alarms.between(begin, end):
        value = key(one)
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
    return sorted(counts, key=lambda one: (-counts[one], one))[:count]


def limits_to_try(alarms: Sequence[EpisodeRecord]) -> list[float]:
    """Less sensitive limits, in small steps from the least sensitive one in force; empty if the
    alarms have no limit, or if some are low and others high alarms.
    """
    known = [
        (one.value, one.limit)
        for one in alarms
        if one.value is not None and one.limit is not None and one.value != one.limit
    ]
    sides = {value < limit for value, limit in known}
    if len(sides) != 1:
        return []
    low = sides == {True}
    present = (min if low else max)(limit for _, limit in known)
    step = max(1.0, round(abs(present) / 50)) if abs(present) >= 20 else abs(present) / 20
    return [
        round(present - number * step if low else present + number * step, 3)
        for number in (1, 2, 4)
    ]


DELAYS = tuple(seconds * SECOND for seconds in (5, 10, 15, 20, 30))
"""Delays to try (ms); 14 and 19 s are those of Görges 2009, 15 s that of Welch 2011."""
HOLD_OFFS = tuple(seconds * SECOND for seconds in (30, 60, 120))
"""Re-alarm hold-offs to try (ms; our own)."""
