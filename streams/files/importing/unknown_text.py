"""Recognises how an unknown text file is written: its encoding, and lines above its header."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from streams.files.importing.batches import is_workbook
from streams.files.lines import InputError, opened, shown
from streams.files.tables import DELIMITERS, Csv, is_parquet

_BYTES = 1 << 20
_JAPANESE = ("cp932", "euc_jp")
_OTHERS = ("cp1252", "cp1250", "cp1251", "latin-1")
_MOST_ABOVE = 30


def how_written(path: Path) -> tuple[Csv, list[str]]:
    """The options, and remarks about what the bytes do not show. Raises `InputError`."""
    if is_workbook(path) or path.suffix.lower() == ".parquet" or is_parquet(path):
        return Csv(), []
    try:
        with opened(path) as (_, file, is_utf8):
            data = file.read(_BYTES)
    except OSError as error:
        raise InputError(f"{shown(path)}: {error.strerror or error}") from None
    if len(data) == _BYTES:
        data = data[: data.rfind(b"\n") + 1] or data
    notes: list[str] = []
    encoding = None
    if not is_utf8 and not _reads(data, "utf-8"):
        encoding = _encoding(data)
        notes.append(f"DECIDE: it is no UTF-8; {encoding} fits, but look at its letters")
    text = data.decode(encoding or "utf-8", "replace")
    if skip := _above(text.splitlines()[:_MOST_ABOVE]):
        notes.append(f"DECIDE: {skip} lines stand above the names of the columns; is that so?")
    return Csv(encoding=encoding, skip=skip), notes


def _encoding(data: bytes) -> str:
    if not _of_several_bytes(data):
        return next((name for name in _OTHERS if _reads(data, name)), "latin-1")
    scores = {name: _kana(data.decode(name)) for name in _JAPANESE if _reads(data, name)}
    if scores and max(scores.values()) >= 0.5:
        return max(scores, key=lambda name: scores[name])
    return next((name for name in _OTHERS if _reads(data, name)), "latin-1")


def _of_several_bytes(data: bytes) -> bool:
    """Whether letters may have two bytes: western text has single ones between ASCII letters."""
    runs = re.findall(rb"[\x80-\xff]+", data)
    found = sum(map(len, runs))
    return found >= 2 * len(runs) or 4 * sum(0x81 <= one <= 0x9F for one in data) >= found


def _reads(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _kana(text: str) -> float:
    """The share of Japanese letters among letters beyond ASCII."""
    others = [one for one in text if not one.isascii()]
    japanese = sum("\u3000" <= one <= "\u30ff" or "\u4e00" <= one <= "\u9fff" for one in others)
    half = sum("\uff61" <= one <= "\uff9f" for one in others)
    return (japanese + half / 2) / max(len(others), 1)


def _columns(line: str, delimiter: str) -> int:
    """The number of columns of a line that are not empty."""
    try:
        return sum(map(bool, next(csv.reader([line], delimiter=delimiter), [])))
    except csv.Error:  # longer than any column
        return 0


def _above(lines: list[str]) -> int:
    """The number of lines before the first one with as many columns as most lines have."""
    best = 0
    for delimiter in DELIMITERS:
        counts = [_columns(line, delimiter) for line in lines]
        most = max(set(counts), key=lambda one: (counts.count(one), one), default=0)
        if most > 2 and 2 * counts.count(most) >= len(counts) - counts.count(0):
            best = max(best, next(at for at, one in enumerate(counts) if 2 * one > most))
    return best
