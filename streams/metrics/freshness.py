"""Freshness: when a value computed from a worker's partitions may be used again.

This is the rule for every GET. It reads a snapshot of the partitions. An earlier snapshot serves a
request

1. if it was taken after the request arrived, which waited while it was computed;
2. if the worker still holds the same partitions, as complete as then, and the snapshot is younger
   than `reuse`;
3. if the worker still holds the same partitions, as complete as then, and none of them has changed,
   even after time was advanced to now.

Otherwise time is advanced to now, and a new snapshot is taken. So an answer is at most `reuse` old,
and requests cannot accumulate work: one snapshot is computed at a time and serves all that wait.

Time is advanced so that an answer includes every record read before it. Without that, the lag would
be 0 for up to a tick while the last records are not yet counted.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from weakref import ref

from streams.partitions.partition import Partition

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Holder(Protocol):
    """Holds partitions, and can advance their time to now."""

    @property
    def partitions(self) -> list[Partition]: ...

    def advance(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Kept(Generic[V]):
    """A value, and the snapshot that it was computed from.

    `number` is the position in the order of snapshots; `moment` in s, by the clock of `Freshness`.
    """

    value: V
    number: int
    moment: float
    held: tuple[tuple[ref[Partition], bool], ...]
    """Weak references, so that revoked partitions are not kept alive, and whether each was
    complete. A partition that is taken over again is a different object.
    """
    versions: tuple[int, ...]


class Freshness(Generic[K, V]):
    """The latest values by key, at most `most` of them: the least recently used is dropped first.

    `reuse` in seconds. `while_unchanged` is whether rule 3 applies. It must not apply to a value
    that depends on more than the partitions.
    """

    def __init__(
        self,
        holder: Holder,
        reuse: float,
        clock: Callable[[], float],
        most: int = 1,
        while_unchanged: bool = True,
    ) -> None:
        self.reuse = reuse
        self._holder = holder
        self._clock = clock
        self._most = most
        self._while_unchanged = while_unchanged
        self._kept: OrderedDict[K, Kept[V]] = OrderedDict()
        self._taken = 0
        self._turn = asyncio.Lock()

    def arrival(self) -> int:
        """A mark of the present moment, to be passed to `get` later as `arrived`."""
        return self._taken

    async def get(
        self,
        key: K,
        take: Callable[[Sequence[Partition]], Awaitable[V]],
        arrived: int | None = None,
        usable: Callable[[V], bool] = lambda _: True,
    ) -> V:
        """The value of `key`: a kept one by the rule above, if it is `usable`; else a new one,
        which `take` computes from the partitions. Raises what `take` raises.

        `take` must read the partitions before it awaits anything.
        """
        arrived = self.arrival() if arrived is None else arrived
        async with self._turn:
            known = self._kept.get(key)
            if known is not None and not usable(known.value):
                known = None
            if known is None or not self._serves(known, arrived):
                known = self._kept[key] = await self._take(key, take)
                if len(self._kept) > self._most:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return known.value

    def _serves(self, known: Kept[V], arrived: int) -> bool:
        if known.number > arrived:
            return True
        if known.held != _held(self._holder.partitions):
            return False
        if self._clock() - known.moment < self.reuse:
            return True
        if not self._while_unchanged:
            return False
        self._holder.advance()
        partitions = self._holder.partitions
        return (known.held, known.versions) == (_held(partitions), _versions(partitions))

    async def _take(self, key: K, take: Callable[[Sequence[Partition]], Awaitable[V]]) -> Kept[V]:
        self._kept.pop(key, None)  # also if `take` raises
        self._holder.advance()
        partitions, moment = self._holder.partitions, self._clock()
        held, versions = _held(partitions), _versions(partitions)
        self._taken = number = self._taken + 1
        return Kept(await take(partitions), number, moment, held, versions)


def _held(partitions: Sequence[Partition]) -> tuple[tuple[ref[Partition], bool], ...]:
    return tuple((ref(one), one.recomputing is None) for one in partitions)


def _versions(partitions: Sequence[Partition]) -> tuple[int, ...]:
    return tuple(one.engine.version for one in partitions)
