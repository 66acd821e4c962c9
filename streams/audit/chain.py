"""The chain: entries as lines of JSON, each of which holds its number, the hash of the entry before
it, and its own.

    {"n": 2, "at": "2026-03-01T07:00:00.000Z", "event": ..., ..., "before": HASH, "hash": HASH}

HASH is SHA-256, or with a key HMAC-SHA256, over the line up to its own hash. Lines are ASCII. The
first entry is number 1, and the hash before it is 64 zeros. Whoever changes an entry must change
all that follow; without the key nobody can.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

LONGEST_LINE = 1 << 20
_END = re.compile(rb',"before":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"\}')
_HEAD_LOST = b',"event":"head_lost",'
_BEGIN = re.compile(rb'\{"n":([1-9][0-9]{0,17}),')


@dataclass(frozen=True, slots=True)
class Link:
    """The number and hash of the last entry, which the next one continues."""

    number: int
    hash: str


START = Link(0, "0" * 64)


class Break(Exception):
    """Where and how a chain is broken: one line."""


def sealed(entry: Mapping[str, Any], before: Link, key: bytes | None = None) -> tuple[bytes, Link]:
    """The line of an entry, without the line's end, and the link for the next."""
    numbered = {"n": before.number + 1, **entry, "before": before.hash}
    body = json.dumps(numbered, separators=(",", ":"), ensure_ascii=True).encode()[:-1]
    digest = _digest(body, key)
    return body + b',"hash":"' + digest.encode() + b'"}', Link(before.number + 1, digest)


def _digest(body: bytes, key: bytes | None) -> str:
    return sha256(body).hexdigest() if key is None else hmac.new(key, body, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A line as it says of itself; nothing is checked."""

    number: int
    before: str
    hash: str


def entry_of(line: bytes) -> Entry | None:
    """None if the line is no entry."""
    begin, end = _BEGIN.match(line), _END.search(line, max(len(line) - 154, 0))
    if begin is None or end is None or end.end() != len(line):
        return None
    return Entry(int(begin[1]), end[1].decode(), end[2].decode())


def is_intact(line: bytes, entry: Entry, key: bytes | None = None) -> bool:
    """Whether an entry's hash is that of its content."""
    body = line[: -len(b',"hash":""}') - 64]
    return hmac.compare_digest(_digest(body, key), entry.hash)


@dataclass(frozen=True, slots=True)
class Entries:
    """An intact stretch of a chain: its first entry's number, and its last entry."""

    first: int
    last: Link
    hashes: frozenset[str] = frozenset()
    """The hashes that were looked for and found."""

    @property
    def count(self) -> int:
        return self.last.number - self.first + 1


def verified(
    files: Sequence[tuple[str, Iterable[bytes]]],
    key: bytes | None = None,
    first: int = 1,
    wanted: frozenset[str] = frozenset(),
) -> Entries:
    """Check the lines of files, which are in order, from the entry with the number `first` on.
    `wanted`: hashes to look for. Raises `Break` for the first line that breaks the chain.
    """
    last: Link | None = None
    found: set[str] = set()
    for name, lines in files:
        for number, raw in enumerate(lines, 1):
            place, line = f"{name}, line {number}", raw.removesuffix(b"\n")
            if line == raw:
                raise Break(f"{place}: cut: the line is not whole")
            entry = entry_of(line)
            if entry is None:
                raise Break(f"{place}: changed: this is no entry")
            if last is None and entry.number < first:
                continue
            expected = first if last is None else last.number + 1
            if entry.number != expected:
                raise Break(f"{place}: {_numbered(entry.number, expected, last is None)}")
            if not is_intact(line, entry, key):
                other = "" if key is None else ", or it was made with another key"
                raise Break(
                    f"{place}: changed: the hash of entry {entry.number} is not its own{other}"
                )
            before = START.hash if last is None and entry.number == 1 else last and last.hash
            if before is not None and entry.before != before:
                raise Break(
                    f"{place}: changed: entry {entry.number} does not follow the entry before it"
                )
            if _HEAD_LOST in line and entry.number != first:
                raise Break(
                    f"{place}: cut: before entry {entry.number} it was not known how the audit "
                    f"ended, so entries may be missing there (where that was examined, say --first "
                    f"{entry.number})"
                )
            last = Link(entry.number, entry.hash)
            if entry.hash in wanted:
                found.add(entry.hash)
    if last is None:
        raise Break(f"{files[0][0] if files else 'no file'}: there are no entries")
    return Entries(first, last, frozenset(found))


def _numbered(number: int, expected: int, is_first: bool) -> str:
    if number < expected:
        return f"changed: entry {number} is out of order, expected entry {expected}"
    missing = number - expected
    entries = "entry is" if missing == 1 else "entries are"
    if is_first:
        return (
            f"cut: it begins with entry {number}: {missing} {entries} missing before it (where "
            f"they were deleted on purpose, say --first {number})"
        )
    return f"gap: expected entry {expected}, found {number}: {missing} {entries} missing"
