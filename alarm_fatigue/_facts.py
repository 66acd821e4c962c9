"""Facts: those of one facility, and their way into an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain

import numpy as np
import polars as pl

from analyzer import Engine, Policy, Topic
from analyzer.arrays import Flags, Numbers
from streams.files.kept_facts import Kept, Sorted
from streams.files.walking import IN_ORDER, Sink, Walk, through

TOPICS = IN_ORDER


class Recording:
    """The facts of one facility, by topic and in order of event time."""

    def __init__(
        self, facility: str, facts: Mapping[Topic, Sorted], until: int | None = None
    ) -> None:
        """`until`: the time (ms) as of which answers about everything are; None: the watermark."""
        self.facility = facility
        self.until = until
        self._facts = dict(facts)

    @property
    def count(self) -> int:
        return sum(map(len, self._facts.values()))

    @property
    def span(self) -> tuple[int, int] | None:
        """The times (ms) of the first and the last alarm event; the last is the watermark."""
        at = self._facts["alarms"].at
        return (int(at[0]), int(at[-1])) if len(at) else None

    def units(self) -> set[str]:
        """The units with an alarm or an assignment."""
        return {
            name
            for topic in ("alarms", "assignments")
            for chunk in self._facts[topic].chunks
            for name in chunk.column("unit")
        }

    def turns(self) -> Numbers:
        """When (ms) a fact happens, or an assignment begins or ends; ordered, each once."""
        edges = [one for one in chain(*self._edges) if one is not None]
        at = [one.at for one in self._facts.values()]
        found: Numbers = np.sort(np.concatenate([*at, np.array(edges, dtype=np.int64)]))
        first: Flags = np.diff(found, prepend=-1) != 0  # faster than `np.unique`
        return found[first]

    def reaches_back(self, length: int) -> bool:
        """Whether an assignment is recorded, or recorded anew, more than `length` (ms) after it
        began, as when people chart days later.
        """
        latest: dict[str, tuple[int, int]] = {}
        for chunk in self._facts["assignments"].chunks:
            for name, start, at in zip(
                chunk.column("assignment_id"), chunk.column("start"), chunk.at.tolist(), strict=True
            ):
                begin, last = latest.get(name, (start, at))
                latest[name] = min(begin, start), max(last, at)
        return any(last - begin > length for begin, last in latest.values())

    @cached_property
    def _edges(self) -> tuple[list[int | None], list[int | None]]:
        starts: list[int | None] = []
        ends: list[int | None] = []
        for chunk in self._facts["assignments"].chunks:
            starts += chunk.column("start")
            ends += chunk.column("end")
        return starts, ends

    def walk(self, policy: Policy, evicts: bool) -> Walk:
        """An engine to be asked at moments on the way."""
        return Walk(self._facts, Engine(policy, evicts=evicts))

    def through(self, policy: Policy, sink: Sink, progress: Callable[[int], object]) -> Engine:
        """An engine that has gone through everything: see `walking.through`."""
        return through(self._facts, policy, self.until, sink, progress)


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


def by_facility(kept: Mapping[Topic, Kept]) -> Iterator[Recording]:
    """The recordings of the facilities with a fact, ordered by name."""
    found = {topic: one.by_facility() for topic, one in kept.items()}
    for name in sorted({name for one in found.values() for name in one}):
        own = {topic: one.get(name, Sorted(topic, [])) for topic, one in found.items()}
        if any(map(len, own.values())):
            yield Recording(name, own)
