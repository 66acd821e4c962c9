"""Facts about a moment: the recorded facts as columns, in an order that does not depend on their
arrival.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np

from analyzer.engine import Engine
from analyzer.model.facts import FACT_TYPES, TOPICS, Topic
from analyzer.model.overload import Change
from analyzer.model.policy import Policy
from analyzer.overload.variation import Variation, can_delay, varied_changes
from analyzer.pipeline.pending import Columns

_IN_ORDER: tuple[Topic, ...] = ("assignments", "alarms", "responses", "labels")
_HORIZON = Policy().horizon
"""Within this time (ms) an id belongs to one record."""
Table = dict[str, list[Any]]
"""The facts of one topic: a list for each field of its class, by the name of the field."""


class PlainEngine(Engine):
    """An engine that forgets nothing, and whose changes of states have neither the most frequent
    alarm types nor a relief: these take longer than the states, and an incident shows none.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy, evicts=False)
        self._state.explains = False
        self._first_alarm: int | None = None

    def changes_with(self, variation: Variation) -> list[Change]:
        """The changes of states up to now with a variation of the facts."""
        return varied_changes(self._state, variation, self._first_alarm)

    def can_delay(self, facility: str, alarm_ids: Sequence[str]) -> bool:
        """Whether these alarms can be delayed in a variation."""
        return can_delay(self._state, facility, alarm_ids)

    def states_begin_at(self, first_alarm: int) -> None:
        """Have states begin at an alarm (start, ms) that was left out, in variations as well."""
        self._first_alarm = first_alarm
        facilities = np.arange(len(self._state.facilities.by_number))
        starts = np.full(len(facilities), first_alarm, dtype=np.int64)
        self._state.overload.alarms_start(facilities, starts)


@dataclass(frozen=True, slots=True)
class Facts:
    """Accepted facts of all topics, each once, ordered by time and id."""

    tables: Mapping[Topic, Table]
    first_alarm: int | None = None
    """The start (ms) of the facility's first alarm, if alarms may have been left out."""

    @classmethod
    def of(cls, parts: Iterable[tuple[Topic, Columns]]) -> Facts:
        """Facts from columns in any order. Of several with the same `event_id` within the horizon,
        the earliest counts.
        """
        rows: dict[Topic, list[tuple[Any, ...]]] = {topic: [] for topic in TOPICS}
        for topic, columns in parts:
            rows[topic] += zip(*columns, strict=True)
        return cls({topic: _ordered(topic, some) for topic, some in rows.items()})

    @property
    def alarms(self) -> Table:
        return self.tables["alarms"]

    @property
    def assignments(self) -> Table:
        return self.tables["assignments"]

    @property
    def responses(self) -> Table:
        return self.tables["responses"]

    def where(self, topic: Topic, wanted: Callable[[int], bool]) -> Facts:
        """Only the facts of a topic at the `wanted` indexes, and all facts of the other topics."""
        table = self.tables[topic]
        rows = [row for row in range(len(table["event_id"])) if wanted(row)]
        return self.with_table(topic, chosen(table, rows))

    def with_table(self, topic: Topic, table: Table) -> Facts:
        return replace(self, tables={**self.tables, topic: table})

    def of_facility(self, facility: str, until: int) -> Facts:
        """The facts of a facility with `at` up to `until` (ms)."""
        found = self
        for topic in TOPICS:
            found = found.with_table(topic, _of(self.tables[topic], facility, until))
        return found

    def has_after(self, facility: str, moment: int) -> bool:
        """Whether there is a fact of a facility after a moment (ms)."""
        return any(
            at > moment and name == facility
            for table in self.tables.values()
            for name, at in zip(table["facility"], table["at"], strict=True)
        )

    def engine(self, policy: Policy, since: int | None = None) -> PlainEngine:
        """An engine that has taken these facts as complete history. It keeps all of them, and
        does not work out what could relieve somebody.

        `since` (ms): older facts than this were left out. States begin at `first_alarm` all the
        same.
        """
        engine = PlainEngine(policy)
        for topic in _IN_ORDER:
            engine.take(topic, tuple(self.tables[topic].values()), None)
        if since is not None:
            engine.begin_at(since)
        if since is not None and self.first_alarm is not None:
            engine.states_begin_at(self.first_alarm)
        return engine

    def restated(self) -> set[str]:
        """The ids of alarms whose events differ in where they are or what they are about."""
        alarms = self.alarms
        names = ("unit", "bed", "device_id", "device_type", "source", "code", "kind")
        about = zip(*(alarms[name] for name in names), strict=True)
        first: dict[str, tuple[Any, ...]] = {}
        return {
            name
            for name, one in zip(alarms["alarm_id"], about, strict=True)
            if first.setdefault(name, one) != one
        }

    def feed(self, engine: Engine, after: int, until: int) -> None:
        """Have an engine take the facts with `at` in (after, until] (ms), as complete history."""
        for topic in _IN_ORDER:
            table = self.tables[topic]
            first, last = bisect_right(table["at"], after), bisect_right(table["at"], until)
            if last > first:
                engine.take(topic, tuple(column[first:last] for column in table.values()), None)


def chosen(table: Table, rows: Sequence[int]) -> Table:
    """Some rows of a table, in the order given."""
    if len(rows) < 2:  # `itemgetter` gives no tuple
        return {name: [column[row] for row in rows] for name, column in table.items()}
    of_rows = itemgetter(*rows)
    return {name: list(of_rows(column)) for name, column in table.items()}


def _of(table: Table, facility: str, until: int) -> Table:
    pairs = zip(table["facility"], table["at"], strict=True)
    return chosen(
        table, [n for n, (name, at) in enumerate(pairs) if name == facility and at <= until]
    )


def _ordered(topic: Topic, rows: list[tuple[Any, ...]]) -> Table:
    names = list(FACT_TYPES[topic].__slots__)
    at, event = names.index("at"), names.index("event_id")
    # The other columns break ties between different records with the same id.
    rows.sort(key=lambda row: (row[at], row[event], repr(row)))
    once: list[tuple[Any, ...]] = []
    last: dict[tuple[str, str], int] = {}
    facility = names.index("facility")
    for row in rows:
        key = row[facility], row[event]
        if key not in last or row[at] - last[key] > _HORIZON:
            once.append(row)
            last[key] = row[at]
    columns = zip(*once, strict=True) if once else ([] for _ in names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}
