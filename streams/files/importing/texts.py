"""Reads the text of a table in pieces of whole lines, in any encoding.

A byte that is not valid in the encoding is an error at its line: replacing it could make two units
one. In a file with a one-byte encoding, lines that are clearly UTF-8 are read as such, and counted.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from streams.files.lines import (
    A_TABLE,
    DAMAGED,
    MAX_LINE_BYTES,
    InputError,
    damaged,
    kind_of,
    opened,
    shown,
)

_AT_ONCE = 1 << 22
"""Bytes read at once: some ten thousand rows, enough for polars to run at full speed."""
_IN_UTF8 = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")


class TextPieces:
    """Pieces of whole lines, each of which ends with a line feed (except perhaps the last one)."""

    def __init__(
        self, path: Path, encoding: str | None, progress: Callable[[int], object] = lambda _: None
    ) -> None:
        """`progress` gets the number of bytes read."""
        self._path, self._encoding, self._progress = path, encoding, progress
        self._number = 0
        self._as_utf8 = 0
        self._first_as_utf8 = 0

    def words(self) -> Iterator[str]:
        """Warnings about the text, one line each."""
        if self._as_utf8:
            one = self._as_utf8 == 1
            yield (
                f"{shown(self._path)}: {self._as_utf8:,} {'line is' if one else 'lines are'} UTF-8 "
                f"(first line {self._first_as_utf8}), though csv.encoding says {self._encoding}; "
                f"{'it was' if one else 'they were'} read as UTF-8"
            )

    def __iter__(self) -> Iterator[str]:
        """Raises `InputError`."""
        try:
            with opened(self._path) as (head, file, is_utf8):
                _check_kind(self._path, head, self._encoding)
                encoding = "utf-8" if is_utf8 or self._encoding is None else self._encoding
                for text in self._decoded(file, encoding):
                    yield text
                    self._number += text.count("\n")
        except DAMAGED:
            raise damaged(self._path, self._number) from None
        except LookupError:
            raise InputError(
                f"{shown(self._path)}: csv.encoding: expected the encoding of the file"
            ) from None
        except OSError as error:
            raise InputError(f"{shown(self._path)}: {error.strerror or error}") from None

    def _decoded(self, file: Any, encoding: str) -> Iterator[str]:
        whole = _cuts_at_bytes(encoding)
        if whole is None:
            yield from self._recoded(file, encoding)
            return
        rest = b""
        while some := file.read(_AT_ONCE):
            self._progress(len(some))
            data = rest + some
            cut = _cut(data, b"\n", b"\r")
            rest = data[cut:]
            self._check_length(len(rest))
            if cut:
                yield _with_line_feeds(self._text(data[:cut], encoding, one_byte=whole))
        if rest:
            yield _with_line_feeds(self._text(rest, encoding, one_byte=whole))

    def _recoded(self, file: Any, encoding: str) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        rest, ended = "", False
        while not ended:
            some = file.read(_AT_ONCE)
            self._progress(len(some))
            ended = not some
            try:
                text = rest + decoder.decode(some, ended)
            except UnicodeError as error:
                before = getattr(error, "object", b"")[: getattr(error, "start", 0)]
                raise self._no_character(rest.count("\n") + before.count(b"\n"), encoding) from None
            cut = len(text) if ended else _cut(text, "\n", "\r")
            rest = text[cut:]
            self._check_length(len(rest))
            if cut:
                yield _with_line_feeds(text[:cut])

    def _text(self, data: bytes, encoding: str, one_byte: bool) -> str:
        if one_byte and not data.isascii() and _IN_UTF8.search(data):
            data = self._all_in(data, encoding)
            encoding = "utf-8"
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            raise self._no_character(data.count(b"\n", 0, error.start), encoding) from None

    def _all_in(self, data: bytes, encoding: str) -> bytes:
        """All lines in UTF-8. Lines that are not are converted from the file's encoding."""
        lines = data.split(b"\n")
        for place, line in enumerate(lines):
            if line.isascii():
                continue
            try:
                line.decode()
            except UnicodeDecodeError:
                lines[place] = self._text(line, encoding, one_byte=False).encode()
            else:
                self._as_utf8 += 1
                self._first_as_utf8 = self._first_as_utf8 or self._number + place + 1
        return b"\n".join(lines)

    def _no_character(self, before: int, encoding: str) -> InputError:
        return InputError(
            f"{shown(self._path)}: line {self._number + before + 1}: not "
            + (
                "UTF-8; set csv.encoding in the mapping, such as cp1252 for Windows in the west of "
                "Europe, cp932 in Japan"
                if encoding == "utf-8"
                else f"{encoding} (csv.encoding)"
            )
        )

    def _check_length(self, length: int) -> None:
        if length > MAX_LINE_BYTES:
            raise InputError(f"{shown(self._path)}: line {self._number + 1}: longer than any row")


def _cuts_at_bytes(encoding: str) -> bool | None:
    """Whether it has one byte per character; None: bytes cannot show where its lines end."""
    if codecs.lookup(encoding).name == "utf-8":
        return False
    found = bytes(range(256)).decode(encoding, "replace")
    return True if len(found) == 256 and found[:128].isascii() else None


def _cut(data: Any, line_feed: Any, carriage_return: Any) -> int:
    """The end of the last whole line."""
    if found := data.rfind(line_feed) + 1:
        return int(found)
    return int(data.rfind(carriage_return, 0, len(data) - 1) + 1)


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _check_kind(path: Path, head: bytes, encoding: str | None) -> None:
    kind = kind_of(head)
    if kind == A_TABLE or (kind == "binary data" and encoding is not None):
        return
    if kind is None and head.lstrip().startswith(b'{"'):
        kind = "JSON objects, which need no mapping"
    if kind is not None:
        raise InputError(
            f"{shown(path)}: expected a table, found {kind}"
            + ("; save it as CSV UTF-8" if "Excel" in kind else "")
        )
