"""Facts: the accepted facts of recorded files as compact frames, and their way into an engine.

An engine needs the facts of a moment as Python objects, some 1 kB each; a frame holds them in about
a tenth of that. So months are kept as frames, and handed over in order of event time, a slice at a
time. Duplicates and control records take effect here as in `Engine`: by the order of lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from analyzer import FACT_TYPES, Columns, Command, Engine, Finished, Policy, Topic
from analyzer.arrays import Flags, Numbers

TOPICS: tuple[Topic, ...] = ("assignments", "alarms", "responses", "labels")
AT_ONCE = 1 << 14
"""Facts that are Python objects at one time."""
_EACH = frozenset({"event_id", "alarm_id", "assignment_id"})
"""Texts that most facts have for themselves, so that numbering them would save nothing."""
_KINDS: dict[str, Any] = {
    "at": pl.Int64,
    "start": pl.Int64,
    "end": pl.Int64,
    "value": pl.Float64,
    "limit": pl.Float64,
    "acuity": pl.Float64,
    "recipients": pl.List(pl.String),
}
_ROW = "row"
_GROUPED: dict[Topic, str] = {"alarms": "alarm_id", "assignments": "assignment_id"}
"""Facts that a control record forgets together: see `analyzer.pipeline.control`."""


def schema(topic: Topic) -> dict[str, Any]:
    """The columns of a topic's frame, in the order of the class of its facts."""
    return {
        name: _KINDS.get(name, pl.String if name in _EACH else pl.Categorical)
        for name in FACT_TYPES[topic].__slots__
    }


class Intake:
    """Takes the facts of one topic, in the order of their lines."""

    def __init__(self, topic: Topic) -> None:
        self.topic: Topic = topic
        self._schema = schema(topic)
        self._parts: list[pl.DataFrame] = []

    def take(self, columns: Columns) -> None:
        """Facts as columns, as from `decode_slice`."""
        if columns and len(columns[0]):
            self._parts.append(
                pl.DataFrame(
                    [
                        lists(name, column)
                        if name == "recipients"
                        else pl.Series(name, column, dtype=kind)
                        for (name, kind), column in zip(self._schema.items(), columns, strict=True)
                    ]
                )
            )

    def control(self, command: Command, facility: str, at: int) -> None:
        """Forget the facts of a facility after `at` (ms), or with `forget` all of them."""
        so_far = self._so_far()
        theirs = pl.col("facility").cast(pl.String) == facility
        later = theirs & (pl.col("at") > at) if command == "reset" else theirs
        if (together := _GROUPED.get(self.topic)) is not None:
            gone = so_far.filter(later)[together].unique().to_list()
            later = theirs & pl.col(together).is_in(gone)
        self._parts = [so_far.filter(~later)]

    def facts(self) -> pl.DataFrame:
        """All facts, of those with one event id the first, ordered by event time."""
        found = self._so_far()
        self._parts = []
        return found if found["at"].is_sorted() else found.sort("at", maintain_order=True)

    def _so_far(self) -> pl.DataFrame:
        if not self._parts:
            return pl.DataFrame(schema=self._schema)
        found = pl.concat(self._parts, rechunk=True)
        self._parts = []  # so that what was copied is freed
        if len(again := _repeated(found)):
            first = np.ones(len(found), dtype=np.bool_)
            first[again] = False
            found = found.filter(first)
        self._parts = [found]
        return found


def _repeated(facts: pl.DataFrame) -> Numbers:
    """The rows whose facility and event id an earlier row has.

    Only rows with an equal hash are compared, since a table of millions of ids takes much memory.
    """
    marks = facts["event_id"].hash().to_numpy()
    order = np.argsort(marks, kind="stable")
    same = np.flatnonzero(marks[order[1:]] == marks[order[:-1]])
    rows = np.unique(np.concatenate([order[same], order[same + 1]]))
    few = facts[rows].select("facility", "event_id").with_columns(pl.Series(_ROW, rows))
    first = pl.col(_ROW) == pl.col(_ROW).min().over("facility", "event_id")
    found: Numbers = few.filter(~first)[_ROW].to_numpy()
    return found


class Recording:
    """The facts of one facility, by topic and in order of event time."""

    def __init__(
        self,
        facility: str,
        frames: Mapping[Topic, pl.DataFrame],
        until: int | None = None,
    ) -> None:
        """`until`: the time (ms) as of which answers about everything are; None: the watermark."""
        self.facility = facility
        self.until = until
        self._frames = dict(frames)
        self._at: dict[Topic, Numbers] = {
            topic: frame["at"].to_numpy() for topic, frame in frames.items()
        }

    @property
    def count(self) -> int:
        return sum(map(len, self._at.values()))

    @property
    def span(self) -> tuple[int, int] | None:
        """The times (ms) of the first and the last alarm event; the last is the watermark."""
        alarms = self._at["alarms"]
        return (int(alarms[0]), int(alarms[-1])) if len(alarms) else None

    def units(self) -> list[str]:
        """The units with an alarm or an assignment."""
        names = (self._frames[topic]["unit"].unique() for topic in ("alarms", "assignments"))
        return [one for some in names for one in some.to_list()]

    def times(self) -> Numbers:
        """The event times (ms) of all facts, ordered."""
        return np.sort(np.concatenate(list(self._at.values())))

    def turns(self) -> Numbers:
        """When (ms) a fact happens, or an assignment begins or ends; ordered, each once."""
        roster = self._frames["assignments"].select("start", "end")
        edges = [roster[name].drop_nulls().to_numpy() for name in roster.columns]
        found: Numbers = np.sort(np.concatenate([*self._at.values(), *edges]))
        first: Flags = np.diff(found, prepend=-1) != 0  # faster than `np.unique`
        return found[first]

    def reaches_back(self, length: int) -> bool:
        """Whether an assignment is recorded, or recorded anew, more than `length` (ms) after it
        began, as when people chart days later.
        """
        of_one = self._frames["assignments"].group_by("assignment_id")
        reach = of_one.agg(pl.col("at").max() - pl.col("start").min())
        return bool((reach["at"] > length).any())

    def walk(self, policy: Policy, evicts: bool) -> Walk:
        return Walk(self._frames, self._at, policy, evicts)


class Walk:
    """An engine that goes through a recording in order of event time."""

    def __init__(
        self,
        frames: Mapping[Topic, pl.DataFrame],
        at: Mapping[Topic, Numbers],
        policy: Policy,
        evicts: bool,
    ) -> None:
        self.engine = Engine(policy, evicts=evicts)
        self._frames, self._at = frames, at
        self._done = dict.fromkeys(frames, 0)

    def to(self, now: int | None) -> Finished:
        """Take in what happened up to `now` (ms; None: everything), and move time there (None: to
        the watermark). Returns what `Engine.advance` does.
        """
        for topic, frame in self._frames.items():
            begin, at = self._done[topic], self._at[topic]
            end = len(at) if now is None else int(np.searchsorted(at, now, side="right"))
            for first in range(begin, end, AT_ONCE):
                some = frame.slice(first, min(AT_ONCE, end - first))
                self.engine.take(topic, _as_columns(some), None)
            self._done[topic] = max(begin, end)
        return self.engine.advance(now)

    @property
    def taken(self) -> int:
        """How many facts were taken in so far."""
        return sum(self._done.values())


def lists(
    name: str,
    values: Sequence[tuple[str, ...] | None],
    shown: Callable[[tuple[str, ...]], Sequence[str]] = tuple,
) -> pl.Series:
    """A column of lists, of which few differ; null for None."""
    number = {one: place for place, one in enumerate(set(values) - {None})}
    known = pl.Series(
        name, [list(shown(one)) for one in number if one is not None], dtype=pl.List(pl.String)
    )
    return known.gather(pl.Series([number.get(one) for one in values], dtype=pl.UInt32))


def _as_columns(frame: pl.DataFrame) -> Columns:
    columns: list[Sequence[Any]] = []
    for one in frame.get_columns():
        values: list[Any] = [None] * len(one) if one.null_count() == len(one) else one.to_list()
        if one.name == "recipients":
            values = [None if some is None else tuple(some) for some in values]
        columns.append(values)
    return tuple(columns)


def by_facility(frames: Mapping[Topic, pl.DataFrame]) -> Iterator[Recording]:
    """The recordings of the facilities with a fact, ordered by name."""
    names = sorted({name for one in frames.values() for name in one["facility"].unique().to_list()})
    for name in names:
        if len(names) == 1:
            yield Recording(name, frames)
        else:
            mine = pl.col("facility").cast(pl.String) == name
            yield Recording(name, {topic: one.filter(mine) for topic, one in frames.items()})
