"""Blocks: items in groups of bounded size, so that a checkpoint stores only groups that changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Blocked(Protocol):
    """An item that knows the block it is in."""

    block: int


T = TypeVar("T", bound=Blocked)


class Blocks(Generic[T]):
    """Items by block. Blocks are filled in order of arrival; `dirty` has the numbers of those that
    changed since it was last cleared.

    Items that arrive together tend to change together, and to stop changing together. So most
    blocks are written a few times and then no more.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._blocks: dict[int, set[T]] = {}
        self._newest = 0
        self._filled = 0
        self.dirty: set[int] = set()

    def add(self, item: T) -> None:
        if self._filled >= self._size:
            self._newest += 1
            self._filled = 0
        self._filled += 1
        item.block = self._newest
        self._blocks.setdefault(item.block, set()).add(item)
        self.dirty.add(item.block)

    def changed(self, item: T) -> None:
        """Mark the block of an item dirty."""
        self.dirty.add(item.block)

    def remove(self, item: T) -> None:
        self.dirty.add(item.block)
        block = self._blocks[item.block]
        block.remove(item)
        if not block:
            del self._blocks[item.block]

    def restore(self, number: int, item: T) -> None:
        """Restore an item that was stored in block `number`. Items added later go to new blocks."""
        item.block = number
        self._blocks.setdefault(number, set()).add(item)
        self._newest = max(self._newest, number)
        self._filled = self._size
        self.dirty.add(number)

    def __getitem__(self, number: int) -> set[T]:
        """The items of a block; empty if it has none."""
        return self._blocks.get(number, set())

    def __iter__(self) -> Iterator[T]:
        for block in self._blocks.values():
            yield from block
