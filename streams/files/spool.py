"""Temporary storage of bytes: in memory while they are few, otherwise in a temporary file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from threading import Lock
from typing import IO

_IN_MEMORY = 1 << 25
"""Bytes kept in memory (32 MB, some million facts), so that small inputs do not use the disk."""


@dataclass(slots=True)
class Spooled:
    """Stored bytes."""

    _held: bytes | None
    _spool: Spool | None = None
    _begin: int = 0
    _size: int = 0

    @property
    def is_in_memory(self) -> bool:
        return self._held is not None

    def read(self) -> bytes:
        """The bytes. Raises `OSError` if the file cannot be read."""
        if self._held is not None:
            return self._held
        assert self._spool is not None
        return self._spool.at(self._begin, self._size)


@dataclass(slots=True)
class Spool:
    """Stores bytes. Its file has no name, and is deleted with the spool and all that it stores."""

    in_memory: int = _IN_MEMORY
    """So many bytes stay in memory."""
    _size: int = 0
    _file: IO[bytes] | None = None
    _end: int = 0
    _lock: Lock = field(default_factory=Lock)

    def put(self, some: bytes) -> Spooled:
        """Store bytes. If no file can be made, or the disk is full, they stay in memory."""
        self._size += len(some)
        if self._size > self.in_memory:
            with suppress(OSError), self._lock:
                if self._file is None:
                    self._file = TemporaryFile()  # noqa: SIM115  # lives as long as this object
                self._file.seek(self._end)
                self._file.write(some)
                self._file.flush()
                self._end += len(some)
                return Spooled(None, self, self._end - len(some), len(some))
        return Spooled(some)

    def at(self, begin: int, size: int) -> bytes:
        """Read bytes from the file."""
        assert self._file is not None
        with self._lock:
            self._file.seek(begin)
            found = self._file.read(size)
        if len(found) < size:
            raise OSError("the temporary file is shorter than it was")
        return found
