"""PendingFacts: accepted facts that are not folded in yet, as columns. Facts with `at` > now wait here
until now has reached them.
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
"""Fewer facts than this are worked on together with others; from here on, numpy's overhead a call
is spread thin.
"""


@dataclass(slots=True)
class Batch:
    """Facts of one topic: their fields, and beside them what admission made of some of these."""

    columns: Columns
    facilities: Numbers
    at: Numbers
    entries: Numbers

    def __len__(self) -> int:
        return len(self.at)

    def ordered(self, order: Numbers) -> Batch:
        """Those at these places, in this order."""
        places = order.tolist()
        columns = tuple(list(map(column.__getitem__, places)) for column in self.columns)
        return Batch(columns, self.facilities[order], self.at[order], self.entries[order])

    def chosen(self, mask: Any) -> Batch:
        selected = mask.tolist()
        columns = tuple(list(compress(column, selected)) for column in self.columns)
        return Batch(columns, self.facilities[mask], self.at[mask], self.entries[mask])


class PendingFacts:
    """In the order in which they came, by topic."""

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
        """Take out what `now` (by facility) has reached.

        What comes more than `disorder` (ms) after later alarms of its facility, as in files, is put
        in order of time.
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
        self._pile_up(topic)
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
        """The facilities with a waiting fact."""
        waiting = (batch for batches in self._batches.values() for batch in batches)
        return {number for batch in waiting for number in np.unique(batch.facilities).tolist()}

    def after(self, topic: Topic, facility: int, moment: int, place: int) -> set[Any]:
        """The field at `place` of a facility's waiting facts with a time after `moment` (ms)."""
        found: set[Any] = set()
        for batch in self._batches.get(topic, ()):
            chosen = np.flatnonzero((batch.facilities == facility) & (batch.at > moment))
            found.update(map(batch.columns[place].__getitem__, chosen.tolist()))
        return found

    def remove(self, topic: Topic, facility: int, place: int, values: Collection[Any]) -> None:
        """Take out a facility's waiting facts whose field at `place` is one of `values`."""

        def stays(batch: Batch) -> Any:
            named = np.fromiter(
                (one in values for one in batch.columns[place]), np.bool_, len(batch)
            )
            return ~((batch.facilities == facility) & named)

        self._keep(topic, stays)

    def remove_after(self, topic: Topic, facility: int, moment: int) -> None:
        """Take out a facility's waiting facts with a time after `moment` (ms)."""
        self._keep(topic, lambda batch: ~((batch.facilities == facility) & (batch.at > moment)))

    def _keep(self, topic: Topic, stays: Callable[[Batch], Any]) -> None:
        batches = [batch.chosen(stays(batch)) for batch in self._batches.pop(topic, [])]
        if batches := [batch for batch in batches if len(batch)]:
            self._batches[topic] = batches
        self.changed = True

    def _pile_up(self, topic: Topic) -> None:
        """Few batches of what waits, so that asking again costs little however it came; each at
        least twice as long as the next.

        A fact is copied O(log n) times, so what waits for long costs no more than what came.
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
    """Whether a fact of a later batch may lie more than `disorder` before one of an earlier batch
    of the same facility.
    """
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
