"""Pending facts: accepted facts that are not folded yet, as columns. A fact stays pending until
`now` has reached its `at`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import Any

import numpy as np

from analyzer.arrays import Numbers
from analyzer.model.facts import Topic

Columns = tuple[Sequence[Any], ...]
"""One sequence for each field of a fact, in the order in which its class declares them."""

_WORTH_JOINING = 1 << 12
"""Smaller batches are joined. From this size on, the overhead of a numpy call does not matter."""


@dataclass(slots=True)
class Batch:
    """Facts of one topic: their fields, facility numbers, times (ms) and entries in `SeenIds`."""

    columns: Columns
    facilities: Numbers
    at: Numbers
    entries: Numbers

    def __len__(self) -> int:
        return len(self.at)

    def ordered(self, order: Numbers) -> Batch:
        """The facts with these indices, in this order."""
        indices = order.tolist()
        columns = tuple(list(map(column.__getitem__, indices)) for column in self.columns)
        return Batch(columns, self.facilities[order], self.at[order], self.entries[order])

    def chosen(self, mask: Any) -> Batch:
        selected = mask.tolist()
        columns = tuple(list(compress(column, selected)) for column in self.columns)
        return Batch(columns, self.facilities[mask], self.at[mask], self.entries[mask])


class PendingFacts:
    """By topic, in the order of arrival."""

    def __init__(self) -> None:
        self._batches: dict[Topic, list[Batch]] = {}
        self.changed = False

    def add(self, topic: Topic, batch: Batch) -> None:
        if len(batch):
            self._batches.setdefault(topic, []).append(batch)
            self.changed = True

    def __len__(self) -> int:
        return sum(len(batch) for batches in self._batches.values() for batch in batches)

    def take(self, topic: Topic, now: Numbers, disorder: int) -> Iterator[Batch]:
        """Remove and return the facts that `now` (ms, by facility) has reached.

        Alarms that arrived more than `disorder` (ms) late, as in files, are sorted by time.
        """
        batches = self._batches.pop(topic, [])
        ready: list[Batch] = []
        for batch in batches:
            reached = batch.at <= now[batch.facilities]
            if reached.all():
                ready.append(batch)
            elif not reached.any():
                self._batches.setdefault(topic, []).append(batch)
            else:
                ready.append(batch.chosen(reached))
                self._batches.setdefault(topic, []).append(batch.chosen(~reached))
        self._consolidate(topic)
        self.changed |= bool(ready)
        if topic == "alarms" and _is_disordered(ready, len(now), disorder):
            whole = _joined(ready)
            order = np.argsort(whole.at, kind="stable")
            ready = [
                whole.ordered(order[begin : begin + _WORTH_JOINING])
                for begin in range(0, len(order), _WORTH_JOINING)
            ]
        while ready:
            some: list[Batch] = []
            count = 0
            while ready and (not some or count + len(ready[0]) <= _WORTH_JOINING):
                count += len(ready[0])
                some.append(ready.pop(0))
            yield _joined(some)

    def facilities(self) -> set[int]:
        """The facilities with a pending fact."""
        waiting = (batch for batches in self._batches.values() for batch in batches)
        return {number for batch in waiting for number in np.unique(batch.facilities).tolist()}

    def after(self, topic: Topic, facility: int, moment: int, field: int) -> set[Any]:
        """The values of a field (by index) of a facility's facts after `moment` (ms)."""
        found: set[Any] = set()
        for batch in self._batches.get(topic, ()):
            chosen = np.flatnonzero((batch.facilities == facility) & (batch.at > moment))
            found.update(map(batch.columns[field].__getitem__, chosen.tolist()))
        return found

    def remove(self, topic: Topic, facility: int, field: int, values: Collection[Any]) -> None:
        """Remove the facts of a facility in which a field (by index) is one of `values`."""

        def stays(batch: Batch) -> Any:
            named = np.fromiter(
                (one in values for one in batch.columns[field]), np.bool_, len(batch)
            )
            return ~((batch.facilities == facility) & named)

        self._keep(topic, stays)

    def remove_after(self, topic: Topic, facility: int, moment: int) -> None:
        """Remove the facts of a facility after `moment` (ms)."""
        self._keep(topic, lambda batch: ~((batch.facilities == facility) & (batch.at > moment)))

    def facts(self, topic: Topic, facility: int) -> Iterator[tuple[Any, ...]]:
        """The fields of each fact of a facility."""
        for batch in self._batches.get(topic, ()):
            own = np.flatnonzero(batch.facilities == facility).tolist()
            yield from zip(*(map(column.__getitem__, own) for column in batch.columns), strict=True)

    def replace(
        self, topic: Topic, facility: int, field: int, change: Callable[[Any], Any]
    ) -> None:
        """Apply `change` to a field (by index) of a facility's facts."""
        for batch in self._batches.get(topic, ()):
            column = list(batch.columns[field])
            for index in np.flatnonzero(batch.facilities == facility).tolist():
                column[index] = change(column[index])
            batch.columns = (*batch.columns[:field], column, *batch.columns[field + 1 :])
        self.changed = True

    def _keep(self, topic: Topic, stays: Callable[[Batch], Any]) -> None:
        batches = [batch.chosen(stays(batch)) for batch in self._batches.pop(topic, [])]
        if batches := [batch for batch in batches if len(batch)]:
            self._batches[topic] = batches
        self.changed = True

    def _consolidate(self, topic: Topic) -> None:
        """Join batches until each is at least twice as long as the next.

        So there are few of them, and a fact is copied O(log n) times however long it waits.
        """
        waiting = self._batches.get(topic, [])
        begin = max(len(waiting) - 1, 0)
        count = len(waiting[-1]) if waiting else 0
        while begin and len(waiting[begin - 1]) < 2 * count:
            begin -= 1
            count += len(waiting[begin])
        if len(waiting) - begin > 1:
            waiting[begin:] = [_joined(waiting[begin:])]

    def dump(self) -> list[tuple[Topic, list[list[Any]]]]:
        """The fields of all facts, by topic."""
        return [
            (
                topic,
                [list(values) for batch in batches for values in zip(*batch.columns, strict=True)],
            )
            for topic, batches in sorted(self._batches.items())
        ]


def _is_disordered(batches: list[Batch], facilities: int, disorder: int) -> bool:
    """Whether a fact is more than `disorder` (ms) before one of its facility in an earlier one."""
    reached = np.full(facilities, -(1 << 62))
    for batch in batches:
        if (batch.at < reached[batch.facilities] - disorder).any():
            return True
        np.maximum.at(reached, batch.facilities, batch.at)
    return False


def _joined(batches: list[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    columns = tuple(
        list(chain.from_iterable(parts))
        for parts in zip(*(one.columns for one in batches), strict=True)
    )
    return Batch(
        columns,
        np.concatenate([one.facilities for one in batches]),
        np.concatenate([one.at for one in batches]),
        np.concatenate([one.entries for one in batches]),
    )
