"""The trail: the file of a chain. Several processes may append to one, the worker and `who`.

Beside FILE are FILE.head, which says how the chain ends, so that a cut at the end shows and a
restart continues it, and FILE.lock. All are for the owner, at most also for a reading group.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from streams.audit.chain import START, Entry, Link, entry_of, is_intact, sealed
from streams.settings import Settings, SettingsError

LEAST_KEY = 32  # bytes
_TAIL = 2 << 20
"""How much of a file's end is read to find its last entries."""


class AuditError(Exception):
    """The trail cannot be written or read: one line."""


@dataclass(frozen=True, slots=True)
class Head:
    """How a chain ends: its last entry, and how long the file was with it."""

    last: Link
    size: int

    def dump(self, key: bytes | None) -> str:
        content = {"n": self.last.number, "hash": self.last.hash, "size": self.size}
        return json.dumps(content | {"proof": _proof(content, key)}) + "\n"

    @classmethod
    def load(cls, text: str, key: bytes | None) -> Head:
        """Raises `ValueError` if it is none, or was changed."""
        try:
            content = json.loads(text)
            proof = content.pop("proof")
            found = cls(Link(int(content["n"]), str(content["hash"])), int(content["size"]))
        except (TypeError, KeyError, AttributeError):
            raise ValueError("expected the end of a chain") from None
        if not isinstance(proof, str) or not hmac.compare_digest(proof, _proof(content, key)):
            raise ValueError("was changed, or was made with another key")
        return found


def _proof(content: Mapping[str, Any], key: bytes | None) -> str:
    body = json.dumps(content, sort_keys=True).encode()
    return sha256(body).hexdigest() if key is None else hmac.new(key, body, "sha256").hexdigest()


def head_of(path: Path, key: bytes | None) -> Head | None:
    """The end of a file's chain as it was last written; None: it is not known. Raises
    `AuditError`.
    """
    head = path.with_name(f"{path.name}.head")
    try:
        return Head.load(head.read_text(), key)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise AuditError(f"{head}: {getattr(error, 'strerror', None) or error}") from None


def audit_key(path: Path | None) -> bytes | None:
    """The key of a chain; None: it has none. Raises `SettingsError`."""
    if path is None:
        return None
    try:
        key = path.read_bytes().strip()
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise SettingsError(f"audit.key_file: {path}: {error.strerror}") from None
    if mode & 0o027:
        raise SettingsError(
            f"audit.key_file: {path}: others have access to it (mode {mode:04o}); "
            f"run: chmod 600 {path}"
        )
    if len(key) < LEAST_KEY:
        raise SettingsError(f"audit.key_file: {path}: expected {LEAST_KEY} bytes or more")
    return key


def settings_fingerprint(settings: Settings) -> str:
    """The first 16 hex digits of the SHA-256 of all effective settings, without secrets."""
    content = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
    return sha256(content.encode()).hexdigest()[:16]


class Trail:
    """Appends to the chain in a file. A file that has reached `rotate_bytes` becomes FILE.NUMBER,
    the number of its last entry, and the chain goes on in a new one; 0: never.
    """

    def __init__(self, path: Path, key: bytes | None = None, rotate_bytes: int = 0) -> None:
        self._path = path
        self._key = key
        self._rotate_bytes = rotate_bytes

    def append(self, entries: Sequence[Mapping[str, Any]]) -> list[bytes]:
        """Append entries, and wait until they are stored; their lines. Raises `AuditError`."""
        if not entries:
            return []
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked(), os.fdopen(self._opened(self._path), "r+b", 0) as file:
                last, news = self._end(file)
                lines = []
                for entry in (*({**one, "at": entries[0]["at"]} for one in news), *entries):
                    # `at` comes first also in entries of our own
                    line, last = sealed({"at": entry["at"], **entry}, last, self._key)
                    lines.append(line)
                size = file.seek(0, os.SEEK_END)
                _write(file.fileno(), b"".join(line + b"\n" for line in lines))
                os.fsync(file.fileno())
                size += sum(len(line) + 1 for line in lines)
                if 0 < self._rotate_bytes <= size:
                    self._path.rename(self._path.with_name(f"{self._path.name}.{last.number:012}"))
                    size = 0
                self._write_head(Head(last, size))
        except OSError as error:
            raise AuditError(f"{self._path}: {error.strerror}") from None
        return lines

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with os.fdopen(self._opened(self._path.with_name(f"{self._path.name}.lock")), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _opened(self, path: Path) -> int:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        of = os.fstat(number)
        if not stat.S_ISREG(of.st_mode) or stat.S_IMODE(of.st_mode) & 0o027:
            os.close(number)
            mode = stat.S_IMODE(of.st_mode)
            raise AuditError(
                f"{path}: others have access to it (mode {mode:04o}); run: chmod 600 {path}"
                if stat.S_ISREG(of.st_mode)
                else f"{path}: expected a regular file"
            )
        return number

    def _end(self, file: Any) -> tuple[Link, list[dict[str, Any]]]:
        """The link for the next entry, and entries that report unexpected changes to the file."""
        size = file.seek(0, os.SEEK_END)
        try:
            head = head_of(self._path, self._key)
        except AuditError as error:
            return self._without_head(file, size, str(error))
        if head is None:
            return (START, []) if not size else self._without_head(file, size, "is missing")
        if size == head.size or not size:  # not size: the file was rotated
            return head.last, []
        news: list[dict[str, Any]] = []
        if size > head.size:  # the process ended between the entries and the head
            last, torn = _followed(file, head, size, self._key)
            if torn:
                file.truncate(size - torn)
                news.append({"event": "torn", "bytes": torn})
            return last, news
        return head.last, [{"event": "cut", "missing_bytes": head.size - size}]

    def _without_head(self, file: Any, size: int, why: str) -> tuple[Link, list[dict[str, Any]]]:
        """Continue after the last entry; a file that is no chain is kept under another name."""
        file.seek(max(size - _TAIL, 0))
        lines = file.read().split(b"\n")
        entry: Entry | None = entry_of(lines[-2]) if len(lines) > 1 and not lines[-1] else None
        if entry is not None and is_intact(lines[-2], entry, self._key):
            return Link(entry.number, entry.hash), [{"event": "head_lost", "why": why[-200:]}]
        file.seek(0)
        whole = sha256(file.read()).hexdigest()
        aside = self._path.with_name(f"{self._path.name}.before-{whole[:12]}")
        aside.write_bytes(b"")
        aside.chmod(0o600)
        file.seek(0)
        aside.write_bytes(file.read())
        file.truncate(0)
        return START, [{"event": "began", "earlier_file": aside.name, "earlier_sha256": whole}]

    def _write_head(self, head: Head) -> None:
        path = self._path.with_name(f"{self._path.name}.head")
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        number = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(number, "w") as file:
            file.write(head.dump(self._key))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)


def _write(number: int, content: bytes) -> None:
    while content:
        content = content[os.write(number, content) :]


def _followed(file: Any, head: Head, size: int, key: bytes | None) -> tuple[Link, int]:
    """The last of the entries that follow a head, and how many bytes after it are none."""
    file.seek(head.size)
    last, rest = head.last, file.read(size - head.size)
    while b"\n" in rest:
        line, _, after = rest.partition(b"\n")
        entry = entry_of(line)
        if (
            entry is None
            or (entry.number, entry.before) != (last.number + 1, last.hash)
            or not is_intact(line, entry, key)
        ):
            break
        last, rest = Link(entry.number, entry.hash), after
    return last, len(rest)
