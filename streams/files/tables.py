"""Rows of tables as other programs write them: CSV (also with tabs, semicolons or bars) and
Parquet.

Encoding, compression and delimiter are recognised. What cannot be read for sure is refused with
its line, so that no two names become one, and no row becomes part of another.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from streams.files.importing.texts import TextPieces
from streams.files.lines import BadLine, InputError, shown
from streams.formats.texts import printable

DELIMITERS = (",", ";", "\t", "|")
_SUFFIXES = (".csv", ".tsv", ".parquet", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_COMPRESSED = (".gz", ".zst")
_ROWS_AT_ONCE = 1 << 14
_MOST_LINES = 100
"""Lines of one quoted text; with more of them, its quotation mark was never closed (our own)."""
_NAMES_SHOWN = 40
_NAME_SHOWN = 40
_SEP = re.compile(r'"?sep=(.)"?')
"""The first line with which Excel is told the delimiter."""


class Csv(BaseModel):
    """How a CSV file is written; None: recognised."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: Annotated[str, Field(min_length=1, max_length=1)] = "."
    encoding: str | None = None
    skip: Annotated[int, Field(ge=0)] = 0
    """How many lines stand above the names of the columns."""


class Rows(Protocol):
    """A table: the names of its columns, and its rows with their numbers. Raises `InputError`."""

    columns: tuple[str, ...]

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any]]]: ...

    def words(self) -> Iterator[str]:
        """Warnings about the rows read, one line each."""
        ...


def is_table(path: Path) -> bool:
    """Whether a file is a table by its name.

    >>> is_table(Path("log.csv")), is_table(Path("log.CSV.gz")), is_table(Path("log.jsonl"))
    (True, True, False)
    """
    suffixes = [one.lower() for one in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in _SUFFIXES


def table_rows(
    path: Path, options: Csv, known: Collection[str], report: Callable[[BadLine], None]
) -> Rows:
    """The rows of a CSV or Parquet file. `known` are column names that it may have, `report` gets
    rows that cannot be read. Raises `InputError`.
    """
    if path.suffix.lower() == ".parquet" or is_parquet(path):
        return ParquetRows(path)
    return CsvRows(path, options, known, report)


def names_shown(columns: Collection[str]) -> str:
    """The names of columns in a message.

    >>> names_shown(("Bed", "", "Alarm Time"))
    'Bed, Alarm Time'
    """
    names = [printable(one[:_NAME_SHOWN]) for one in columns if one]
    return ", ".join([*names[:_NAMES_SHOWN], *(["..."] if len(names) > _NAMES_SHOWN else [])])


class CsvRows:
    """The rows of a CSV file, by the number of their first line."""

    def __init__(
        self,
        path: Path,
        options: Csv,
        known: Collection[str],
        report: Callable[[BadLine], None],
        progress: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Reads the names of the columns. `progress` is called with how many bytes were read.
        Raises `InputError`.
        """
        self._path, self._report = path, report
        self._text = TextPieces(path, options.encoding, progress)
        self._pieces = iter(self._text)
        self._piece, self._place, self._number = "", 0, 0
        self._ahead: deque[tuple[int, str]] = deque()
        self._unclosed = 0
        self._first_unclosed: int | None = None
        self._width = 0
        for _ in range(options.skip):
            self._next()
        self._delimiter, self.columns = self._header(options.delimiter, known)
        self._width = len(self.columns)
        for name in sorted(known):
            if self.columns.count(name) > 1:
                raise InputError(f"{shown(path)}: two columns are called {name}")

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any]]]:
        delimiter, width, columns = self._delimiter, self._width, self.columns
        while (numbered := self._next()) is not None:
            number, line = numbered
            if not line.strip():
                continue
            try:
                fields = line.split(delimiter) if '"' not in line else self._quoted(line)
            except csv.Error:
                most = csv.field_size_limit()
                detail = f"expected at most {most:,} characters in a column"
                self._report(BadLine(self._path, number, detail))
                continue
            if self._unclosed and self._first_unclosed is None:
                self._first_unclosed = number
            if len(fields) > width and any(one.strip() for one in fields[width:]):
                detail = f"expected {width} columns, found {len(fields)}"
                self._report(BadLine(self._path, number, detail))
                continue
            yield number, dict(zip(columns, fields, strict=False))

    def words(self) -> Iterator[str]:
        yield from self._text.words()
        if self._unclosed:
            yield (
                f"{shown(self._path)}: {self._unclosed:,} "
                f"{'row has' if self._unclosed == 1 else 'rows have'} a quotation mark that is "
                f"never closed (first in line {self._first_unclosed}); it is taken as text"
            )

    def _next(self) -> tuple[int, str] | None:
        if self._ahead:
            return self._ahead.popleft()
        while self._place >= len(self._piece):
            if (piece := next(self._pieces, None)) is None:
                return None
            self._piece, self._place = piece, 0
        end = self._piece.find("\n", self._place)
        line = self._piece[self._place :] if end < 0 else self._piece[self._place : end]
        self._place = len(self._piece) if end < 0 else end + 1
        self._number += 1
        return self._number, line

    def _header(self, named: str | None, known: Collection[str]) -> tuple[str, tuple[str, ...]]:
        """The delimiter and the names of the columns."""
        first = self._next()
        if first is not None and (told := _SEP.fullmatch(first[1].strip())):
            named, first = named or told[1], self._next()
        while first is not None and not first[1].strip():
            first = self._next()
        if first is None:
            raise InputError(f"{shown(self._path)}: expected a line with the names of the columns")
        number, line = first
        known = set(known)

        def likely(delimiter: str) -> tuple[int, int]:
            names = [one.strip() for one in split(line, delimiter)]
            return len(known.intersection(names)), len(names)

        self._ahead.clear()
        try:
            best = max(DELIMITERS, key=likely)
            self._delimiter = best if named is None else named
            columns = tuple(
                one.strip() for one in (self._quoted(line) if '"' in line else self._plain(line))
            )
            if len(columns) == 1 and likely(best)[1] > 1:
                raise InputError(
                    f"{shown(self._path)}: there is one column only with the delimiter "
                    f"{named!r} (csv.delimiter); {best!r} gives {likely(best)[1]}"
                )
        except (csv.Error, TypeError, ValueError) as error:
            raise InputError(f"{shown(self._path)}: line {number}: {error}") from None
        return self._delimiter, columns

    def _plain(self, line: str) -> list[str]:
        return line.split(self._delimiter)

    def _quoted(self, line: str) -> list[str]:
        """The fields of a line that has quotation marks, and of the lines that continue it. Raises
        `csv.Error` for one that is too long.
        """
        if not _is_open(line, self._delimiter):
            return split(line, self._delimiter)
        if (fields := self._continued(line)) is not None:
            return fields
        self._unclosed += 1
        return [_unquoted(one) for one in line.split(self._delimiter)]

    def _continued(self, line: str) -> list[str] | None:
        """The fields of a line and of those that continue it, up to where its text is closed; None
        if that is nowhere.

        After a line that is a whole row by itself, another whole row is not its continuation: the
        quotation mark stands alone.
        """
        is_row = self._is_row(line)
        joined = [line]
        taken: list[tuple[int, str]] = []
        while len(taken) < _MOST_LINES and (numbered := self._next()) is not None:
            taken.append(numbered)
            if is_row and self._is_row(numbered[1]):
                break
            joined.append(numbered[1])
            text = "\n".join(joined)
            if '"' in numbered[1] and not _is_open(text, self._delimiter):
                fields = split(text, self._delimiter)
                if not self._width or len(fields) <= self._width:
                    return fields
                break
        self._ahead.extendleft(reversed(taken))
        return None

    def _is_row(self, line: str) -> bool:
        return self._width > 1 and line.count(self._delimiter) >= self._width - 1


class ParquetRows:
    """The rows of a Parquet file, numbered from 1."""

    def __init__(self, path: Path) -> None:
        """Raises `InputError`."""
        import polars  # which takes long to import

        try:
            self._frame = polars.read_parquet(path)
        except (OSError, polars.exceptions.PolarsError) as error:
            raise InputError(f"{path}: {str(error).splitlines()[0]}") from None
        self.columns = tuple(self._frame.columns)

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any]]]:
        number = 0
        for part in self._frame.iter_slices(_ROWS_AT_ONCE):
            for row in part.iter_rows(named=True):
                number += 1
                yield number, row

    def words(self) -> Iterator[str]:
        yield from ()


def is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:  # told when it is read; or standard input
        return False


def split(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _is_open(text: str, delimiter: str) -> bool:
    """Whether a quoted text goes on after the end."""
    return len(list(csv.reader([text + "\n", "-"], delimiter=delimiter))) == 1


def _unquoted(field: str) -> str:
    if len(field) > 1 and field.startswith('"') and field.endswith('"'):
        return field[1:-1].replace('""', '"')
    return field
