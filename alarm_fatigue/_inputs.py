"""Inputs: what `read` is given for a topic, as lines of JSON for the decoder that the worker uses.

A path or an open file holds JSON lines, or a table; a frame has the columns of the topic. Rows of
frames become JSON, too, so that one decoder decides what a fact is, and says why something is none.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import polars as pl

from analyzer import FACT_TYPES, Topic
from streams.files.lines import BadLine, InputError, line_batches, opened, shown
from streams.formats.codec import ON_THE_WIRE

Report = Callable[[BadLine], None]
Numbered = list[tuple[int, bytes]]

_AT_ONCE = 1 << 14
_TIMES = frozenset({"at", "from", "to", "start", "end", "first_response"})
_FIGURES = frozenset({"value", "limit", "acuity"})
_LISTS = frozenset({"recipients", "clinicians"})
_BYTES_AT_ONCE = 1 << 24


class Source:
    """One argument of `read`: its name in messages, and its lines of JSON, numbered."""

    def __init__(self, topic: Topic, given: Any, stack: ExitStack) -> None:
        """`stack` closes what is opened. Raises `InputError`."""
        self.topic: Topic = topic
        self.frame: pl.DataFrame | None = None
        self.path = Path(topic)  # where it is no file, how messages call it
        self.name: str = topic
        if isinstance(given, (str, os.PathLike)):
            self.path = Path(given)
            self.name = str(given)
            _check_file(self.path)
        elif hasattr(given, "read"):
            self.name = _name_of(given, topic)
            self.path = _copied(given, self.name, stack)
        else:
            self.frame = as_polars(given, topic)

    def facts(self) -> Iterator[Numbered]:
        """The lines of JSON. Raises `InputError`."""
        missing = self.missing()
        if missing:
            raise InputError(
                f"{self.name}: expected the columns of {self.topic}, found no "
                f"{', '.join(missing)}{self._hint()}"
            )
        if self.frame is not None:
            return json_lines(self.frame, columns_of(self.topic), self.name)
        return line_batches(self.path, _AT_ONCE)

    def is_table(self) -> bool:
        """Whether it is a file of columns, or a frame with others than those of its topic."""
        return _is_columns(self.path) if self.frame is None else bool(self.missing())

    def missing(self) -> list[str]:
        """The required columns that a table or frame does not have."""
        if self.frame is None and _is_columns(self.path):
            self.frame = read_table(self.path, columns_of(self.topic), self.name)
        return [] if self.frame is None else missing_columns(self.topic, self.frame)

    def has_whole_alarms(self) -> bool:
        """Whether it has a row for each alarm, whose columns are named as the fields."""
        return (
            self.topic == "alarms"
            and bool(self.missing())
            and self.frame is not None
            and "start" in self.frame.columns
        )

    def _hint(self) -> str:
        return "; mapping= says which column is which field" if self.topic == "alarms" else ""

    def file(self, folder: Path) -> Path:
        """The table as a file; `folder` takes a frame."""
        if self.path.is_file():
            return self.path
        assert self.frame is not None, "it is neither a file nor a frame"
        path = folder / f"{self.topic}.parquet"
        self.frame.write_parquet(path)
        return path

    def renamed(self, line: BadLine) -> BadLine:
        """A bad line under the name of the input, also where a copy of it was read."""
        return replace(line, path=Path(self.name))


def mapped(
    sources: Sequence[Source], mapping: Path | None, report: Report, stack: ExitStack
) -> Iterator[tuple[Topic, Iterator[Numbered]]]:
    """The facts of tables, as `replay --mapping` takes them: each section of the mapping reads the
    tables that have its columns. What is suspicious about them is warned of. Raises `InputError`.
    """
    from streams.files.table_facts import TableFacts

    folder = Path(stack.enter_context(TemporaryDirectory(prefix="alarm-fatigue-")))
    files = {source.file(folder): source for source in sources}

    def renamed(line: BadLine) -> None:
        report(files[line.path].renamed(line) if line.path in files else line)

    table = TableFacts(list(files), mapping, renamed, {source.topic for source in sources})
    written = table.write(folder, lambda _: None)
    for word in table.words():
        for path, source in files.items():
            word = word.replace(shown(path), source.name)
        warnings.warn(word, stacklevel=3)
    for topic, facts in written:
        yield topic, line_batches(facts, _AT_ONCE)


def columns_of(topic: Topic) -> tuple[str, ...]:
    """The columns of a topic, as they are written.

    >>> columns_of("labels")
    ('event_id', 'facility', 'alarm_id', 'verdict', 'at', 'reviewer', 'reason')
    """
    return tuple(ON_THE_WIRE.get(name, name) for name in FACT_TYPES[topic].__slots__)


def missing_columns(topic: Topic, frame: pl.DataFrame) -> list[str]:
    """The required columns of a topic that a frame does not have."""
    required = {
        "alarms": columns_of("alarms")[:12],
        "assignments": columns_of("assignments")[:8],
        "responses": columns_of("responses")[:4],
        "labels": columns_of("labels")[:5],
    }[topic]
    return [name for name in required if name not in frame.columns]


def as_polars(given: Any, name: str) -> pl.DataFrame:
    """A polars, pandas or arrow frame, or any other that narwhals knows. Raises `InputError`."""
    if isinstance(given, pl.DataFrame):
        return given
    if isinstance(given, pl.LazyFrame):
        return given.collect()
    import narwhals as nw

    try:
        frame = nw.from_native(given)
    except TypeError:
        raise InputError(
            f"{name}: expected a path, an open file or a frame, found {type(given).__name__}"
        ) from None
    eager = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
    try:
        return eager.to_polars()
    except (ImportError, pl.exceptions.PolarsError, TypeError, ValueError, OverflowError):
        pass  # mixed columns, or pandas without pyarrow
    columns = {one: eager[one].to_list() for one in eager.columns}
    try:
        return pl.DataFrame({one: _without_nan(some) for one, some in columns.items()})
    except (pl.exceptions.PolarsError, TypeError, OverflowError) as error:
        raise InputError(f"{name}: {str(error).splitlines()[0]}") from None


def _without_nan(values: list[Any]) -> list[Any]:
    # pandas' NaN, NaT and NA for what is absent
    return [None if _is_absent(one) else one for one in values]


def _is_absent(value: Any) -> bool:
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # NA has no truth; arrays have several
        return type(value).__name__ == "NAType"


def json_lines(frame: pl.DataFrame, columns: tuple[str, ...], name: str) -> Iterator[Numbered]:
    """The rows as JSON objects, numbered from 1. Raises `InputError` for times without a zone."""
    wanted = [one for one in columns if one in frame.columns]
    if not wanted:
        raise InputError(f"{name}: expected the columns {', '.join(columns)}")
    plain = frame.select(_plain(frame.schema[one], one, name) for one in wanted)
    number = 0
    for part in plain.iter_slices(_AT_ONCE):
        file = io.BytesIO()
        part.write_ndjson(file)
        some = file.getvalue().splitlines()
        yield list(enumerate(some, number + 1))
        number += len(some)


def _plain(kind: Any, column: str, name: str) -> pl.Expr:
    """A column as JSON can say it: times in ms, figures without NaN, ids as texts."""
    found = pl.col(column)
    if kind == pl.Null:
        return found
    if column in _TIMES:
        if isinstance(kind, pl.Datetime):
            if kind.time_zone is None:
                raise InputError(
                    f"{name}: {column}: expected times with a zone, found some without; say which "
                    f'it is, such as dt.replace_time_zone("Europe/Berlin")'
                )
            return found.dt.timestamp("ms")
        if kind.is_float():  # pandas' integers where some are absent
            return found.fill_nan(None).cast(pl.Int64, strict=False)
        return found
    if column in _FIGURES:
        return found.fill_nan(None) if kind.is_float() else found
    if column in _LISTS or isinstance(kind, (pl.List, pl.Array)):
        return found.cast(pl.List(pl.String)) if isinstance(kind, (pl.List, pl.Array)) else found
    if kind.is_integer() or isinstance(kind, (pl.Categorical, pl.Enum)):
        return found.cast(pl.String)
    return found


def read_table(path: Path, columns: tuple[str, ...], name: str) -> pl.DataFrame:
    """A CSV or Parquet file or a workbook that has the columns of a topic. Raises `InputError`.

    Texts of a CSV stay as they are, so that a bed 01 is not bed 1. Several clinicians stand in one
    text, separated by semicolons.
    """
    from streams.files.importing.batches import is_workbook, read_sheet

    try:
        if _is_parquet(path):
            return pl.read_parquet(path)
        if is_workbook(path):
            return _of_sheet(read_sheet(path, None, 0), columns)
        with opened(path) as (head, file, _):
            first = head.split(b"\n", 1)[0]
            separator = max((b",", b";", b"\t", b"|"), key=first.count).decode()
            frame = pl.read_csv(
                file.read(), infer_schema=False, separator=separator, null_values=[""]
            )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{name}: {str(error).splitlines()[0]}") from None
    changes = []
    for one in (one for one in columns if one in frame.columns):
        text = pl.col(one)
        if one in _FIGURES:
            changes.append(text.str.strip_chars().cast(pl.Float64, strict=False))
        elif one in _LISTS:
            changes.append(text.str.split(";"))
        elif one in _TIMES:
            stamp = pl.from_epoch(text.cast(pl.Int64, strict=False), "ms")
            written = stamp.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
            changes.append(pl.when(text.str.contains(r"^\d+$")).then(written).otherwise(text))
    return frame.with_columns(changes)


def _of_sheet(sheet: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """A sheet, whose numbers are all floats and whose lists are texts, as a frame of a topic."""
    changes = []
    for one in (one for one in columns if one in sheet.columns):
        cell = pl.col(one)
        if one in _LISTS and sheet.schema[one] == pl.String:
            changes.append(cell.str.split(";"))
        elif one not in _FIGURES and sheet.schema[one].is_float():
            changes.append(pl.when(cell == cell.floor()).then(cell.cast(pl.Int64, strict=False)))
    return sheet.with_columns(changes)


def _is_columns(path: Path) -> bool:
    from streams.files.tables import is_table  # which takes long to import

    return is_table(path) or _is_parquet(path)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _check_file(path: Path) -> None:
    if not path.is_file():
        what = "expected a file, found a directory" if path.is_dir() else "no such file"
        raise InputError(f"{path}: {what}")


def _name_of(file: IO[Any], topic: str) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else f"<{topic}>"


def _copied(file: IO[Any], name: str, stack: ExitStack) -> Path:
    """The rest of an open file, copied to a file that can be read from its beginning."""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="alarm-fatigue-")))
    path = folder / (Path(name).name.strip("<>") or "file")
    with path.open("wb") as copy:
        while some := file.read(_BYTES_AT_ONCE):
            copy.write(some.encode() if isinstance(some, str) else some)
    return path
