"""Freshness: what is worked out from a worker's partitions, and when it may be given again.

The rule for every GET. It reads a snapshot of the partitions. A snapshot that was taken before
serves a request

1. if it was taken after the request arrived: the request waited while it was worked out;
2. if the worker still holds the same partitions, and the snapshot is younger than `reuse`;
3. if the worker still holds the same partitions, and none of them has changed, even after time was
   moved to now.

Otherwise time is moved to now, and a new snapshot is taken. So an answer is at most `reuse` behind,
and requests cannot pile up work: one snapshot is worked out at a time, and it serves all who wait.
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
    """Who holds partitions, and can move their time to now."""

    @property
    def partitions(self) -> list[Partition]: ...

    def advance(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Kept(Generic[V]):
    """A value, and what it was taken from. `number`: its place in the order of snapshots; `moment`
    in s, by the clock of `Freshness`.
    """

    value: V
    number: int
    moment: float
    held: tuple[ref[Partition], ...]
    """Weak, so that a partition that was revoked is not kept alive. A partition that is taken over
    again is another one.
    """
    versions: tuple[int, ...]


class Freshness(Generic[K, V]):
    """The latest values by key, at most `most` of them: the one that was asked for longest ago is
    dropped first.

    `reuse` in seconds. `while_unchanged` is whether rule 3 applies: not to a value that depends on
    more than the partitions.
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
        """A mark of now, for a request that asks later: see `arrived`."""
        return self._taken

    async def get(
        self,
        key: K,
        take: Callable[[Sequence[Partition]], Awaitable[V]],
        arrived: int | None = None,
        usable: Callable[[V], bool] = lambda _: True,
    ) -> V:
        """The value of `key`: a known one by the rule above, if it is `usable`; else what `take`
        makes of the partitions. What `take` raises passes through.

        `take` must read the partitions before it waits for anything.
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
        return known.versions == _versions(self._holder.partitions)

    async def _take(self, key: K, take: Callable[[Sequence[Partition]], Awaitable[V]]) -> Kept[V]:
        self._kept.pop(key, None)  # also if `take` raises
        self._holder.advance()
        partitions, moment = self._holder.partitions, self._clock()
        held, versions = _held(partitions), _versions(partitions)
        self._taken = number = self._taken + 1
        return Kept(await take(partitions), number, moment, held, versions)


def _held(partitions: Sequence[Partition]) -> tuple[ref[Partition], ...]:
    return tuple(ref(one) for one in partitions)


def _versions(partitions: Sequence[Partition]) -> tuple[int, ...]:
    return tuple(one.engine.version for one in partitions)
