"""Lines of JSON from files and standard input, whatever program wrote them.

It recognises by their first bytes, never by the name: a byte-order mark, UTF-16 and UTF-32 (as
Windows PowerShell writes), gzip and Zstandard, which it reads as what they hold; and files of
another kind, which it names in one line instead of refusing every line of them.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

STDIN = Path("-")
_BYTES_AT_ONCE = 1 << 24
_BLOCK = 1 << 20
_LONG_LINES = 64
"""A block of fewer lines may begin with a line that began long before."""
_HEAD = 1 << 12
"""Bytes in which a file shows what it is."""
MAX_LINE_BYTES = 1 << 24
"""Sixteen times the longest record that a broker accepts by default. The rest of a longer line is
skipped.
"""
_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNMARKED = (
    (re.compile(rb"[\t\n\r -~]\0[^\0]\0"), "utf-16-le"),
    (re.compile(rb"\0[\t\n\r -~]\0[^\0]"), "utf-16-be"),
)
"""UTF-16 without a mark, of a text that begins with ASCII."""
_OTHERS = (
    (b"PAR1", "a Parquet file"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls)"),
    (b"BZh", "a bzip2 file; decompress it first"),
    (b"\xfd7zXZ\0", "an xz file; decompress it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it first"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "an SQLite database"),
    (b"MSH|", "HL7 v2 messages"),
    (b"\x0bMSH|", "HL7 v2 messages"),
    (b"<", "XML or HTML"),
)
A_TABLE = "a table (CSV)"
_DELIMITERS = re.compile(rb"[,;\t|]")
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError)
"""The errors that reading raises if compressed data is damaged or cut off."""
_BINARY = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")


class InputError(Exception):
    """A file that cannot be read. The message is one line."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A malformed line: its position, and what was expected."""

    path: Path
    line: int
    detail: str

    @property
    def place(self) -> str:
        return f"{shown(self.path)}:{self.line}"

    def __str__(self) -> str:
        return f"{self.place}: {self.detail}"


def shown(path: Path) -> str:
    """How messages call a file."""
    return "<stdin>" if path == STDIN else str(path)


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines of a file, or of standard input for `-`, in UTF-8 and without blank ones.

    A line is cut off after `MAX_LINE_BYTES`, so that memory is bounded; every decoder rejects it.
    Raises `InputError`, also for a file that plainly holds
    something else than one JSON object per line.
    """
    for some in _blocks(path):
        yield from some


def line_batches(path: Path, most: int) -> Iterator[list[tuple[int, bytes]]]:
    """The same in batches of at most `most`, and of about `_BYTES_AT_ONCE`."""
    waiting: list[tuple[int, bytes]] = []
    size = 0
    for some in _blocks(path):
        waiting += some
        size += sum(len(line) for _, line in some) if len(some) < _LONG_LINES else _BLOCK
        begin = 0
        while len(waiting) - begin >= most:
            yield waiting[begin : begin + most]
            begin += most
        if begin:
            waiting, size = waiting[begin:], 0
        if size > _BYTES_AT_ONCE:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting


def _blocks(path: Path) -> Iterator[list[tuple[int, bytes]]]:
    """Numbered lines, as many as were read at once."""
    number = 0
    try:
        with _opened(path) as file:
            readable = _as_text(file, path)
            rest = b""
            while block := readable.read1(_BLOCK):
                if len(rest) >= MAX_LINE_BYTES:  # the rest of an overlong line is skipped
                    end = block.find(b"\n")
                    if end < 0:
                        continue
                    block = block[end:]
                found = (rest + block).split(b"\n")
                rest = found.pop()[:MAX_LINE_BYTES]
                if found:
                    found[0] = found[0][:MAX_LINE_BYTES]
                    yield _numbered(found, number)
                    number += len(found)
            if rest:
                yield _numbered([rest], number)
                number += 1
    except DAMAGED:
        raise damaged(path, number) from None
    except OSError as error:
        raise InputError(f"{shown(path)}: {error.strerror or error}") from None


def _numbered(some: list[bytes], before: int) -> list[tuple[int, bytes]]:
    numbered = enumerate(map(bytes.strip, some), before + 1)
    return [one for one in numbered if one[1]]


@contextmanager
def opened(path: Path) -> Iterator[tuple[bytes, Any, bool]]:
    """A file, or standard input for `-`: its first bytes, all of it, both decompressed, and whether
    it is in UTF-8 for sure, since a mark said in which encoding it was.

    Reading may raise `DAMAGED` and `OSError`.
    """
    with _opened(path) as file:
        file, is_utf8 = _unmarked(_inflated(file))
        head, file = _peeked(file)
        yield head, file, is_utf8


def damaged(path: Path, number: int) -> InputError:
    """The error about `DAMAGED` data of which `number` lines could be read."""
    return InputError(
        f"{shown(path)}: the compressed data is damaged or cut off after line {number}"
    )


def content(path: Path) -> bytes:
    """All of a small file, or of standard input for `-`, in UTF-8. Raises `OSError`."""
    with _opened(path) as file:
        return bytes(_decompressed(file).read())


def _opened(path: Path) -> Any:
    return nullcontext(sys.stdin.buffer) if path == STDIN else path.open("rb")


def _as_text(file: Any, path: Path) -> Any:
    readable = _decompressed(file)
    head, readable = _peeked(readable)
    if (kind := kind_of(head)) is not None:
        raise InputError(
            f"{shown(path)}: expected one JSON object per line, found {kind}"
            + ("; --mapping says which column is which field" if kind == A_TABLE else "")
        )
    return readable


def _decompressed(file: Any) -> Any:
    """The content of a file, decompressed and in UTF-8 without a byte-order mark."""
    return _unmarked(_inflated(file))[0]


def _inflated(file: Any) -> Any:
    head, file = _peeked(file)
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    return file


def _unmarked(file: Any) -> tuple[Any, bool]:
    """A file without its byte-order mark, and whether it is in UTF-8 for sure."""
    head, file = _peeked(file)
    if head.startswith(codecs.BOM_UTF8):
        file.read(len(codecs.BOM_UTF8))
        return file, True
    for mark, encoding in _ENCODINGS:
        if head.startswith(mark):
            return io.BufferedReader(_Recoded(file, encoding)), True
    for pattern, encoding in _UNMARKED:
        if pattern.match(head):
            return io.BufferedReader(_Recoded(file, encoding)), True
    return file, False


def _peeked(file: Any) -> tuple[bytes, Any]:
    """The first bytes, up to the end of a line or `_HEAD`, and the file from its beginning."""
    head = b""
    while len(head) < _HEAD and (some := file.read1(_HEAD - len(head))):
        head += some
        if len(head) >= 4 and b"\n" in head:  # a pipe may not say more for now
            break
    return head, io.BufferedReader(_Again(head, file), 1 << 16)


class _Again(io.RawIOBase):
    """A stream whose first bytes were read before."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        some = self._head[: len(buffer)] or self._rest.read1(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(some)] = some
        return len(some)


class _Recoded(io.RawIOBase):
    """A stream of another encoding, in UTF-8.

    What is no character becomes an escape that JSON does not know, so that its line is refused.
    """

    def __init__(self, source: Any, encoding: str) -> None:
        self._source = source
        self._decode = codecs.getincrementaldecoder(encoding)("backslashreplace").decode
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        ended = False
        while not self._ready and not ended:
            some = self._source.read1(len(buffer))
            ended = not some
            self._ready = self._decode(some, ended).encode(errors="backslashreplace")
        given = self._ready[: len(buffer)]
        self._ready = self._ready[len(given) :]
        buffer[: len(given)] = given
        return len(given)


def kind_of(head: bytes) -> str | None:
    """The kind of a file, by its first bytes, if it clearly does not hold one JSON object per line.

    >>> kind_of(b'{"event_id": "e1"}'), kind_of(b'[{"event_id": "e1"}]')
    (None, 'a JSON array; jq -c ".[]" writes its objects one per line')
    >>> kind_of(b"Alarm Time;Bed;Priority" + bytes([10]) + b"01.03.2026 07:00;1;high")
    'a table (CSV)'
    """
    if head.startswith(b"PK\x03\x04"):
        is_workbook = b"xl/" in head or b"[Content_Types].xml" in head
        return "an Excel workbook (.xlsx)" if is_workbook else "a zip archive; unpack it first"
    start = head.lstrip()
    for mark, name in _OTHERS:
        if head.startswith(mark) or (mark == b"<" and start.startswith(mark)):
            return name
    some = start.splitlines()
    if not some or start.startswith(b'{"'):
        return None
    if _BINARY.search(head):
        return "binary data"
    if start.startswith(b"["):
        return 'a JSON array; jq -c ".[]" writes its objects one per line'
    if some[0].strip() == b"{":
        return "a JSON object over several lines; jq -c . writes each on one line"
    return A_TABLE if _is_table(some) else None


def _is_table(some: list[bytes]) -> bool:
    """Whether lines have as many delimiters each; of one line alone, whether it has several."""
    if any(one.lstrip().startswith((b"{", b'"{')) for one in some):
        return False
    for mark in set(_DELIMITERS.findall(some[0])):
        counts = [one.count(mark) for one in some[:3]]
        if counts[0] >= 2 and (len(counts) == 1 or counts[1] >= counts[0]):
            return True
    return False
