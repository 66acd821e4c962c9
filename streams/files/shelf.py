"""A shelf: bytes that are put aside, in memory while they are few, then in a temporary file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from threading import Lock
from typing import IO

_IN_MEMORY = 1 << 25
"""Bytes (32 MB), some million facts: small inputs leave nothing on the disk."""


@dataclass(slots=True)
class Put:
    """What was put aside."""

    _held: bytes | None
    _shelf: Shelf | None = None
    _begin: int = 0
    _size: int = 0

    @property
    def is_in_memory(self) -> bool:
        return self._held is not None

    def read(self) -> bytes:
        """What it was. Raises `OSError` where the file cannot be read."""
        if self._held is not None:
            return self._held
        assert self._shelf is not None
        return self._shelf.at(self._begin, self._size)


@dataclass(slots=True)
class Shelf:
    """Takes bytes. The file has no name, and goes away with the shelf and what was put on it."""

    in_memory: int = _IN_MEMORY
    """So many bytes stay in memory."""
    _size: int = 0
    _file: IO[bytes] | None = None
    _end: int = 0
    _lock: Lock = field(default_factory=Lock)

    def put(self, some: bytes) -> Put:
        """Where no file can be made, or the disk is full, it stays in memory."""
        self._size += len(some)
        if self._size > self.in_memory:
            with suppress(OSError), self._lock:
                if self._file is None:
                    self._file = TemporaryFile()  # noqa: SIM115  # lives as long as this object
                self._file.seek(self._end)
                self._file.write(some)
                self._file.flush()
                self._end += len(some)
                return Put(None, self, self._end - len(some), len(some))
        return Put(some)

    def at(self, begin: int, size: int) -> bytes:
        """What stands there in the file."""
        assert self._file is not None
        with self._lock:
            self._file.seek(begin)
            found = self._file.read(size)
        if len(found) < size:
            raise OSError("the temporary file is shorter than it was")
        return found
