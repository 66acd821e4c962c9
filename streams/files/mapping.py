"""Mappings: which column of a table is which field of an episode, from a YAML file.

    csv: {delimiter: ";", decimal: ",", encoding: latin-1}    # as needed
    fields:
      facility: {value: General}    # the same for all rows
      unit: ward                    # a column
      # time: a format, or ms, s or rfc3339
      start: {column: onset, time: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}
      lasts: {column: seconds}      # instead of end: seconds after start
      class:
        column: judged
        words: {TP: actionable, FP: non_actionable}
        otherwise: unknown
      clinicians: {column: staff, separator: ","}

A field that is not listed is read from the column of the same name. Without such a column,
`alarm_id` is the number of the row, `class` is unknown, `kind` is physiological, and `bed` is the
device or else `?`. A row that lacks any other required field is malformed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from analyzer.model import LATEST
from analyzer.whatif import FIELDS
from streams.extras import install
from streams.files.lines import InputError
from streams.formats.codec import Malformed, milliseconds
from streams.formats.times import since_epoch

NAMES = tuple("class" if name == "class_" else name for name in FIELDS)
_TIMES = ("start", "end", "first_response")
_NUMBERS = ("value", "limit")
_FALLBACKS = {"class": "unknown", "kind": "physiological"}
_ROWS_AT_ONCE = 1 << 14


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("expected a time zone such as Europe/Berlin") from None
    return name


class Source(BaseModel):
    """Where a field comes from: a column, or one value for all rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str | None = None
    value: str | float | int | None = None
    words: dict[str, str] | None = None
    otherwise: str | None = None
    """For a column with `words`: the value of any other text; None: the text itself."""
    time: str = "rfc3339"
    zone: Annotated[str, AfterValidator(_check_zone)] = "UTC"
    separator: str = ";"

    @model_validator(mode="after")
    def _one_of_both(self) -> Source:
        if (self.column is None) == (self.value is None):
            raise ValueError("expected either column or value")
        return self


def _named(source: Any) -> Any:
    return {"column": source} if isinstance(source, str) else source


class Csv(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Annotated[str, Field(min_length=1, max_length=1)] = "."
    encoding: str = "utf-8"


class Table(BaseModel):
    """A mapping file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    csv: Csv = Csv()
    fields: dict[str, Annotated[Source, BeforeValidator(_named)]] = {}

    @model_validator(mode="after")
    def _known_fields(self) -> Table:
        for name in self.fields:
            if name not in (*NAMES, "lasts"):
                raise ValueError(f"fields.{name}: expected one of {', '.join((*NAMES, 'lasts'))}")
        return self

    def episode(self, row: Mapping[str, Any], number: int) -> dict[str, Any]:
        """The fields of a row. Raises `Malformed`."""
        found = {name: self._field(name, row) for name in NAMES}
        for name, fallback in (
            *_FALLBACKS.items(),
            ("alarm_id", str(number)),
            ("bed", found["device_id"] or "?"),
        ):
            found[name] = fallback if found[name] is None else found[name]
        for name in _TIMES:
            found[name] = None if found[name] is None else self._moment(name, found[name])
        for name in _NUMBERS:
            found[name] = None if found[name] is None else float(self._number(name, found[name]))
        if (lasts := self._field("lasts", row)) is not None and found["start"] is not None:
            found["end"] = found["start"] + _milliseconds(
                "lasts", self._number("lasts", lasts) * 1000
            )
        found["clinicians"] = self._people(found["clinicians"])
        return {name: one for name, one in found.items() if one is not None}

    def _field(self, name: str, row: Mapping[str, Any]) -> Any:
        """The value of a field, or None."""
        source = self.fields.get(name)
        if source is None:
            found = row.get(name)
        elif source.value is not None:
            return source.value
        else:
            assert source.column is not None
            found = row.get(source.column)
            if source.words is not None and found is not None:
                found = source.words.get(
                    str(found), found if source.otherwise is None else source.otherwise
                )
        return None if isinstance(found, str) and not found.strip() else found

    def _moment(self, name: str, value: Any) -> int:
        source = self.fields.get(name) or Source(column=name)
        if isinstance(value, datetime):
            return _since(value, source.zone, name)
        if source.time in ("ms", "s"):
            return _milliseconds(
                name, self._number(name, value) * (1 if source.time == "ms" else 1000)
            )
        if source.time == "rfc3339":
            return value if isinstance(value, int) else milliseconds(str(value), name)
        try:
            # the text has no zone, so that of the mapping applies
            return _since(datetime.strptime(str(value), source.time), source.zone, name)
        except ValueError:
            raise Malformed(f"{name}: expected a time like {source.time}") from None

    def _number(self, name: str, value: Any) -> Decimal:
        try:
            found = Decimal(str(value).strip().replace(self.csv.decimal, "."))
            if found.is_finite() and isfinite(float(found)):
                return found
        except (InvalidOperation, OverflowError):
            pass
        raise Malformed(f"{name}: expected a number")

    def _people(self, value: Any) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, str):
            return tuple(map(str, value))
        source = self.fields.get("clinicians")
        return tuple(
            one.strip() for one in value.split(source.separator if source else ";") if one.strip()
        )


def _milliseconds(name: str, found: Decimal) -> int:
    """A duration or a time as an integer. It is bounded first: an unbounded integer may have
    millions of digits. Raises `Malformed`.
    """
    if abs(found) > LATEST:
        raise Malformed(f"{name}: expected no more than the milliseconds from 1970 to 2100")
    return int(found)


def _since(moment: datetime, zone: str, name: str) -> int:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))
    try:
        return since_epoch(aware)
    except (OverflowError, ValueError):  # the zone moves it before year 1 or after 9999
        raise Malformed(f"{name}: expected a time from 1970 to 2100") from None


def load_mapping(path: Path | None) -> Table:
    """Read a mapping file; None: every field has a column of its own name. Raises `InputError`."""
    if path is None:
        return Table()
    try:
        return Table.model_validate(yaml.safe_load(path.read_text()) or {})
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except ValidationError as error:  # a ValueError, too
        one = error.errors()[0]
        where = ".".join(map(str, one["loc"]))
        raise InputError(
            f"{path}: {where}{': ' if where else ''}{one['msg'].removeprefix('Value error, ')}"
        ) from None
    # not UTF-8, an impossible date, nested too deeply
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InputError(f"{path}: expected YAML") from None


def csv_rows(path: Path, table: Table) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a CSV file with their line numbers. Raises `InputError`."""
    try:
        with path.open(newline="", encoding=table.csv.encoding, errors="replace") as file:
            reader = csv.DictReader(file, delimiter=table.csv.delimiter)
            for row in reader:
                yield reader.line_num, row
    except (OSError, LookupError, UnicodeError, csv.Error) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def parquet_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a Parquet file, numbered from 1. Raises `InputError`."""
    try:
        import polars
    except ImportError:
        raise InputError(f"Parquet needs polars; run: {install('parquet')}") from None
    try:
        frame = polars.read_parquet(path)
    except (OSError, polars.exceptions.PolarsError) as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}") from None
    number = 0
    for part in frame.iter_slices(_ROWS_AT_ONCE):
        for row in part.iter_rows(named=True):
            number += 1
            yield number, row
