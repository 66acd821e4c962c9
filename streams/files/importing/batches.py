"""Reads tables in frames of some ten thousand rows: CSV, Parquet, Excel workbooks, and frames.

The cells of a CSV file are text; those of other tables keep their type. The column `LINE` has the
number by which people find a row: its line in a CSV file, its row in a sheet, or its position in
another table, from 1.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect
from collections.abc import Callable, Collection, Iterator
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analyzer.arrays import Numbers
from streams.files.lines import BadLine, InputError, shown
from streams.files.tables import Csv, CsvRows, is_parquet, split

LINE = "\x00line"
ROWS_AT_ONCE = 1 << 16
_FEW_LINES = 256
"""So few lines between odd ones are read row by row, too; a frame for them would cost more."""
_WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_FRAME = Path("<frame>")


class Batches(Protocol):
    """A table: the names of its columns, and its rows in frames. Raises `InputError`."""

    columns: tuple[str, ...]

    def frames(self, wanted: Collection[str]) -> Iterator[pl.DataFrame]:
        """`LINE`, and the columns of `wanted` that the table has."""
        ...

    def words(self) -> Iterator[str]:
        """Warnings about the rows read, one line each."""
        ...


def is_workbook(path: Path) -> bool:
    """Whether the name of a file is that of a workbook."""
    return path.suffix.lower() in _WORKBOOKS


def open_table(
    table: Path | pl.DataFrame,
    options: Csv,
    sheet: str | None,
    known: Collection[str],
    report: Callable[[BadLine], None],
    progress: Callable[[int], object] = lambda _: None,
) -> Batches:
    """Open a table. Raises `InputError`.

    `known`: columns that it may have, by which the delimiter is recognised. `report` gets the rows
    that cannot be read, and `progress` the number of bytes read (of a frame: rows).
    """
    if isinstance(table, pl.DataFrame):
        return FrameBatches(table, 1, progress)
    if is_workbook(table):
        return FrameBatches(read_sheet(table, sheet, options.skip), options.skip + 2, progress)
    if table.suffix.lower() == ".parquet" or is_parquet(table):
        return ParquetBatches(table, progress)
    return CsvBatches(table, options, known, report, progress)


class CsvBatches(CsvRows):
    """A CSV file. Polars reads the runs of lines with regular quotation marks. The lines between
    them are read row by row, with the same result.
    """

    def frames(self, wanted: Collection[str]) -> Iterator[pl.DataFrame]:
        places = {name: place for place, name in enumerate(self.columns) if name in wanted}
        slow, runs, read = iter(self), _Runs("", self._delimiter), _Together()
        while self._ahead or self._loaded():
            if runs.text is not self._piece:
                runs = _Runs(self._piece, self._delimiter)
            line = self._piece.count("\n", 0, self._place)
            run = runs.at(line)
            frame = None
            if run.is_plain and not self._ahead:
                frame = self._fast(self._piece[self._place : run.end], places)
            if frame is None:
                lines = 0 if run.is_plain and self._ahead else run.last - line
                frame = _as_frame(self._some(slow, self._number + lines), places)
            yield from read.take(frame)
        yield from read.rest()

    def _loaded(self) -> bool:
        """Whether there is more text; it is then in the piece."""
        while self._place >= len(self._piece):
            if (piece := next(self._pieces, None)) is None:
                return False
            self._piece, self._place = piece, 0
        return True

    def _some(
        self, slow: Iterator[tuple[int, dict[str, str]]], last: int
    ) -> list[tuple[int, dict[str, str]]]:
        """Rows up to the line `last`, and on to the end of a row that goes on after it."""
        found = []
        for row in slow:
            found.append(row)
            if len(found) == ROWS_AT_ONCE or (not self._ahead and self._number >= last):
                break
        return found

    def _fast(self, text: str, places: dict[str, int]) -> pl.DataFrame | None:
        """The rows of whole lines, the next ones; None: they must be read row by row."""
        width, delimiter = len(self.columns), self._delimiter
        count = text.count("\n") + (not text.endswith("\n"))
        data = text.encode()
        names = [str(place) for place in range(width)]
        chosen = sorted(places.values()) or [0]
        frame = pl.read_csv(
            io.BytesIO(data),
            has_header=False,
            separator=delimiter,
            quote_char='"' if '"' in text else None,
            schema=dict.fromkeys(names, pl.String),
            columns=chosen,
            truncate_ragged_lines=True,
            empty_string_is_null=False,
        )
        if frame.height != count:
            return None
        first = self._number + 1
        frame = frame.select(
            pl.int_range(first, first + count, dtype=pl.Int64).alias(LINE),
            *(pl.col(str(place)).alias(name) for name, place in places.items()),
        )
        counts = _counts(data, delimiter.encode(), count)
        if width == 1 or (counts != width - 1).any():
            frame = self._without_wide(frame, text.split("\n")[:count], counts)
        self._number += count
        self._place += len(text)
        return frame

    def _without_wide(
        self, frame: pl.DataFrame, lines: list[str], counts: NDArray[np.int64]
    ) -> pl.DataFrame:
        """The rows without blank lines. Rows with too many columns are reported and left out."""
        width = len(self.columns)
        wrong = []
        for place in np.flatnonzero(counts >= width).tolist():
            line = lines[place]
            fields = split(line, self._delimiter) if '"' in line else self._plain(line)
            if len(fields) > width and any(one.strip() for one in fields[width:]):
                detail = f"expected {width} columns, found {len(fields)}"
                self._report(BadLine(self._path, self._number + 1 + place, detail))
                wrong.append(place)
        kept = pl.Series(lines).str.strip_chars().str.len_bytes() > 0
        if wrong:
            kept = kept & ~pl.int_range(len(lines), eager=True).is_in(wrong)
        return frame.filter(kept)


class _Run(NamedTuple):
    """Lines that follow one another."""

    is_plain: bool
    """Polars can read them."""
    last: int
    """The line after them."""
    end: int
    """The place of that line in the text."""


class _Runs:
    """Which lines of a text polars can read as `CsvRows` does, and which it cannot: with quotation
    marks within a field or of several lines, with NUL, or with fields that may be too long.
    """

    def __init__(self, text: str, delimiter: str) -> None:
        self.text = text
        self._odd: list[tuple[int, int]] = []
        """The first line of each odd run, and the line after it, in order."""
        self._begins: Numbers = np.zeros(1, np.int64)
        """The place of each line."""
        if len(delimiter.encode()) > 1:
            self._odd = [(0, text.count("\n") + 1)]
        elif any(mark in text for mark in '"\0\ufeff'):
            lines = pl.Series(text.split("\n"), dtype=pl.String)
            sizes = lines.str.len_chars()
            odd = ~lines.str.contains(_well_quoted(delimiter))
            odd |= lines.str.contains("\0", literal=True) | lines.str.starts_with("\ufeff")
            if (sizes > csv.field_size_limit()).any():
                odd |= lines.str.contains('"', literal=True) & (sizes > csv.field_size_limit())
            for line in np.flatnonzero(odd.to_numpy()).tolist():
                if self._odd and line - self._odd[-1][1] < _FEW_LINES:
                    self._odd[-1] = self._odd[-1][0], line + 1
                else:
                    self._odd.append((line, line + 1))
            self._begins = np.concatenate([[0], np.cumsum(sizes.to_numpy() + np.int64(1))])

    def at(self, line: int) -> _Run:
        """From a line on."""
        place = bisect(self._odd, line, key=itemgetter(1))
        if place == len(self._odd):
            return _Run(True, self.text.count("\n") + 1, len(self.text))
        first, last = self._odd[place]
        if line < first:
            return _Run(True, first, int(self._begins[first]))
        return _Run(False, last, len(self.text))


class _Together:
    """Joins small frames: each costs its readers as much as some thousand rows."""

    def __init__(self) -> None:
        self._frames: list[pl.DataFrame] = []

    def take(self, frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Take a frame; a large one comes out once there are enough rows."""
        if not frame.height:
            return
        self._frames.append(frame)
        if sum(one.height for one in self._frames) >= ROWS_AT_ONCE // 4:
            yield from self.rest()

    def rest(self) -> Iterator[pl.DataFrame]:
        if self._frames:
            yield pl.concat(self._frames, rechunk=True)
            self._frames = []


class FrameBatches:
    """A frame whose rows are numbered from `first`."""

    def __init__(self, frame: pl.DataFrame, first: int, progress: Callable[[int], object]) -> None:
        self._frame, self._first, self._progress = frame, first, progress
        self.columns = tuple(frame.columns)

    def frames(self, wanted: Collection[str]) -> Iterator[pl.DataFrame]:
        chosen = [name for name in self.columns if name in wanted]
        first = self._first
        for part in self._frame.select(chosen).iter_slices(ROWS_AT_ONCE):
            yield _numbered(part, first)
            first += part.height
            self._progress(part.height)

    def words(self) -> Iterator[str]:
        yield from ()


class ParquetBatches:
    """A Parquet file."""

    def __init__(self, path: Path, progress: Callable[[int], object]) -> None:
        """Raises `InputError`."""
        self._path, self._progress = path, progress
        try:
            self._scan = pl.scan_parquet(path)
            self.columns = tuple(self._scan.collect_schema().names())
        except (OSError, pl.exceptions.PolarsError) as error:
            raise _unreadable(path, error) from None

    def frames(self, wanted: Collection[str]) -> Iterator[pl.DataFrame]:
        chosen = [name for name in self.columns if name in wanted]
        first, size = 1, self._path.stat().st_size
        try:
            total = int(self._scan.select(pl.len()).collect().item())
            parts = self._scan.select(chosen).collect_batches(
                chunk_size=ROWS_AT_ONCE, maintain_order=True
            )
            for part in parts:
                for one in part.iter_slices(ROWS_AT_ONCE):
                    yield _numbered(one, first)
                    first += one.height
                    self._progress(size * one.height // max(total, 1))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise _unreadable(self._path, error) from None

    def words(self) -> Iterator[str]:
        yield from ()


def _counts(data: bytes, delimiter: bytes, lines: int) -> NDArray[np.int64]:
    """The number of delimiters in each line."""
    found = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(found == delimiter[0])
    ends = np.flatnonzero(found == ord("\n"))
    if len(ends) < lines:
        ends = np.append(ends, len(data))
    return np.diff(np.searchsorted(places, ends), prepend=0)


def read_sheet(path: Path, name: str | None, skip: int) -> pl.DataFrame:
    """A sheet of a workbook. A column of mixed types becomes text. Raises `InputError`."""
    try:
        import fastexcel
    except ImportError:
        from streams.extras import install

        raise InputError(f"{path}: workbooks need the extra xlsx; run: {install('xlsx')}") from None
    try:
        book = fastexcel.read_excel(str(path))
        names = book.sheet_names
        if name is not None and name not in names:
            raise InputError(f"{path}: sheet: expected one of {', '.join(names)}")
        sheet = book.load_sheet(
            names[0] if name is None else name, header_row=skip, schema_sample_rows=None
        )
        frame: pl.DataFrame = sheet.to_polars()
    except (fastexcel.FastExcelError, OSError, IndexError) as error:
        raise _unreadable(path, error) from None
    return frame.rename({one: one.strip() for one in frame.columns}, strict=False)


def _unreadable(path: Path, error: Exception) -> InputError:
    lines = str(error).splitlines()
    return InputError(f"{shown(path)}: {lines[0] if lines else 'cannot be read'}")


def _numbered(frame: pl.DataFrame, first: int) -> pl.DataFrame:
    number = pl.int_range(first, first + frame.height, dtype=pl.Int64, eager=True).alias(LINE)
    return frame.insert_column(0, number)


def _as_frame(rows: list[tuple[int, dict[str, str]]], places: dict[str, int]) -> pl.DataFrame:
    columns: dict[str, list[int] | list[str]] = {LINE: [number for number, _ in rows]}
    for name in places:
        columns[name] = [row.get(name, "") for _, row in rows]
    schema = {LINE: pl.Int64, **dict.fromkeys(places, pl.String)}
    return pl.DataFrame(columns, schema=schema)


def _well_quoted(delimiter: str) -> str:
    """Matches a line in which quotation marks enclose whole fields and are closed."""
    mark = "\\" + delimiter if not delimiter.isalnum() else delimiter
    field = f'(?:"(?:[^"]|"")*"|[^"{mark}]*)'
    return rf"\A{field}(?:{mark}{field})*\z"
