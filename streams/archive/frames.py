"""Rows of the archive as frames: from the records of the output topics, and from facts."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import polars as pl

from analyzer import FACT_TYPES, Columns
from streams.archive.tables import TABLES, TIME, Table, TableName
from streams.formats.pseudonyms import shown_each

EDITION, OFFSET, GONE = "_edition", "_offset", "_gone"
"""Columns of `Rows.frame` beside those of the table: the fencing token and the offset of the
record, which order editions of one thing; and whether the record retracts the row.
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows for one table, in order of arrival: its columns, `facility`, and the three above.

    `unreadable` counts records that are not of this table, which are left out.
    """

    table: Table
    frame: pl.DataFrame
    unreadable: int = 0

    @classmethod
    def empty(cls, table: Table) -> Rows:
        marks = {EDITION: pl.Int64(), OFFSET: pl.Int64(), GONE: pl.Boolean()}
        columns: dict[str, pl.DataType] = {"facility": pl.String(), **table.columns, **marks}
        return cls(table, pl.DataFrame(schema=columns))


def record_rows(
    name: TableName, values: Sequence[bytes], editions: Sequence[int], offsets: Sequence[int]
) -> Rows:
    """The rows of the records of the topic `episodes` or `overload`; an edition and offset each."""
    table = TABLES[name]
    good = [number for number, value in enumerate(values) if _is_record(table, value)]
    try:
        frame = _frame(table, [values[number] for number in good])
    except pl.exceptions.PolarsError:  # find the record to blame
        good = [number for number in good if _fits(table, values[number])]
        frame = _frame(table, [values[number] for number in good])
    marks = {
        EDITION: [editions[number] for number in good],
        OFFSET: [offsets[number] for number in good],
    }
    withdrawn = pl.col("withdrawn") if "withdrawn" in table.columns else pl.lit(False)
    return Rows(
        table,
        frame.with_columns(
            *(pl.col(one).cast(TIME) for one in table.times),
            *(pl.Series(one, numbers, dtype=pl.Int64) for one, numbers in marks.items()),
            withdrawn.alias(GONE),
        ),
        len(values) - len(good),
    )


def fact_rows(name: TableName, columns: Columns, pseudonym: Callable[[str], str]) -> Rows:
    """The rows of decoded assignments or responses; columns as `decode_slice` gives them."""
    table = TABLES[name]
    fields = dict(zip(FACT_TYPES[name].__slots__, columns, strict=True))  # type: ignore[index]
    moments = fields["start" if name == "assignments" else "at"]
    fields["clinician"] = shown_each(pseudonym, fields["clinician"], moments)
    data = {
        column: pl.Series(
            column, fields[_FIELDS.get(column, column)], dtype=_plain(type_), strict=True
        ).cast(type_)
        for column, type_ in {"facility": pl.String(), **table.columns}.items()
    }
    nothing = {EDITION: pl.lit(0, pl.Int64), OFFSET: pl.lit(0, pl.Int64), GONE: pl.lit(False)}
    return Rows(table, pl.DataFrame(data).with_columns(**nothing))


_FIELDS = {"from": "start", "to": "end"}


def _plain(type_: pl.DataType) -> pl.DataType:
    return pl.Int64() if type_ == TIME else type_


def _json_schema(table: Table) -> dict[str, pl.DataType]:
    columns = {"facility": pl.String(), **table.columns}
    return {name: _plain(type_) for name, type_ in columns.items()}


def _frame(table: Table, values: Sequence[bytes]) -> pl.DataFrame:
    return pl.read_ndjson(io.BytesIO(b"\n".join(values)), schema=_json_schema(table))


def _fits(table: Table, value: bytes) -> bool:
    try:
        _frame(table, [value])
    except pl.exceptions.PolarsError:
        return False
    return True


class _Named(msgspec.Struct):
    """The fields that decide in which file of the archive a record belongs."""

    facility: str
    id: str


def _is_record(table: Table, value: bytes | None) -> bool:
    try:
        _named(value)  # type: ignore[arg-type]  # None is no JSON
        moment = _time_of[table.time](value)  # type: ignore[arg-type]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        return False
    return moment is not None


_named = msgspec.json.Decoder(_Named).decode
_time_of = {
    name: msgspec.json.Decoder(msgspec.defstruct("_Timed", [(name, int)])).decode
    for name in ("start", "at")
}
