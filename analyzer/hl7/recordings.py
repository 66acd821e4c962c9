"""Recordings: files with messages, framed by MLLP, or separated by blank lines or the next MSH."""

from __future__ import annotations

import re
from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple

_BEGIN = re.compile(rb"(?:\A|(?<=[\r\n\x0b\x1c]))(?:\xef\xbb\xbf)?[ \t]*(?=MSH[^A-Za-z0-9\s])")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BLANK = re.compile(rb"(?:\r\n|\n|\r)[ \t]*(?:\r\n|\n|\r)[\x0b\x1c\s]*")
_SEGMENT = re.compile(rb"[A-Z][A-Z0-9]{2}[^A-Za-z0-9\s]")
_TRAILER = re.compile(rb"[\r\n](?:BTS|FTS|FHS|BHS)[^A-Za-z0-9\s]")
_ENVELOPE = (b"FHS", b"BHS", b"BTS", b"FTS")


class Piece(NamedTuple):
    """A part of a file: a message, or bytes (`is_message` False) that belong to no message."""

    line: int
    data: bytes
    is_message: bool


def pieces(data: bytes | mmap) -> Iterator[Piece]:
    """Split a file into its messages and the bytes between them, each with its first line's number.

    >>> file = b"MSH|^~\\\\&|A\\nPID|\\n\\nMSH|^~\\\\&|B\\n"
    >>> [(one.line, one.is_message) for one in pieces(file)]
    [(1, True), (4, True)]
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # one UTF-16 file, as editors save it
        data = bytes(data).decode("utf-16", "replace").encode()
    line, place, before = 1, 0, 0
    for found in _BEGIN.finditer(data):
        if found.end() > before:
            yield from _between(data[before : found.end()], line, before == 0)
        line += _lines(data[place : found.end()])
        place = before = found.end()
    if len(data) > before:
        yield from _between(data[before:], line, before == 0)


def messages(data: bytes) -> list[bytes]:
    """The messages of one frame or record: one message, or those of a batch (FHS, BHS).

    >>> len(messages(b"BHS|^~\\&\\rMSH|^~\\&|A\\rMSH|^~\\&|B\\rBTS|2\\r"))
    2
    """
    if data.find(b"MSH", 4) < 0:
        return [data]
    found = [one.data for one in pieces(data) if one.is_message]
    return found if len(found) > 1 or (found and data[:3] in _ENVELOPE) else [data]


def _between(data: bytes, line: int, leads: bool) -> Iterator[Piece]:
    """The message at the start of a text, and the rest after a blank line."""
    if leads and not data.startswith(b"MSH"):
        yield from _stray(data, line)
        return
    end = len(data)
    for blank in _BLANK.finditer(data):
        rest = data[blank.end() : blank.end() + 4]
        if rest and not _SEGMENT.match(rest):
            end = blank.start()
            break
    message = data[:end]
    if (trailer := _TRAILER.search(message)) is not None:
        message = message[: trailer.start()]
    yield Piece(line, message.rstrip(b"\x1c\x0b\r\n \t\0"), True)
    if end < len(data):
        yield from _stray(data[end:], line + _lines(data[:end]))


def _stray(data: bytes, line: int) -> Iterator[Piece]:
    kept = data.strip(b"\x1c\x0b\r\n \t\0\xef\xbb\xbf")
    if kept and not kept.startswith(_ENVELOPE):
        yield Piece(line + _lines(data[: data.find(kept)]), kept, False)


def _lines(data: bytes) -> int:
    return len(_LINE_END.findall(data))
