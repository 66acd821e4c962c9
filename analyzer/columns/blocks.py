"""Blocks: held things in groups of bounded size, so that a checkpoint stores what changed and
nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Blocked(Protocol):
    """A thing that remembers which block it lies in."""

    block: int


T = TypeVar("T", bound=Blocked)


class Blocks(Generic[T]):
    """Things by block, filled in the order they come; `dirty` names the blocks changed since it was
    last cleared.

    Neighbours in time change together and grow quiet together, so most blocks are written a few
    times and then rest.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._blocks: dict[int, set[T]] = {}
        self._newest = 0
        self._filled = 0
        self.dirty: set[int] = set()

    def add(self, thing: T) -> None:
        if self._filled >= self._size:
            self._newest += 1
            self._filled = 0
        self._filled += 1
        thing.block = self._newest
        self._blocks.setdefault(thing.block, set()).add(thing)
        self.dirty.add(thing.block)

    def changed(self, thing: T) -> None:
        self.dirty.add(thing.block)

    def remove(self, thing: T) -> None:
        self.dirty.add(thing.block)
        block = self._blocks[thing.block]
        block.remove(thing)
        if not block:
            del self._blocks[thing.block]

    def restore(self, number: int, thing: T) -> None:
        """Put back a thing that was stored in block `number`; later things go to blocks of their
        own.
        """
        thing.block = number
        self._blocks.setdefault(number, set()).add(thing)
        self._newest = max(self._newest, number)
        self._filled = self._size
        self.dirty.add(number)

    def __getitem__(self, number: int) -> set[T]:
        """What lies in a block; empty once nothing does."""
        return self._blocks.get(number, set())

    def __iter__(self) -> Iterator[T]:
        for block in self._blocks.values():
            yield from block
