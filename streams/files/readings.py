"""Readings of monitors, from lines of JSON or from a table, as a trend of one source.

A row is {"facility", "unit", "bed", "source", "at": ms since 1970, "value": a number or null}.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from analyzer.model import LATEST
from streams.files.lines import BadLine, lines
from streams.files.tables import Csv, is_table
from streams.formats.codec import detail

if TYPE_CHECKING:
    import polars as pl

    from analyzer.arrays import Codes, Floats, Numbers
    from analyzer.whatif import Trend


class Reading(msgspec.Struct, gc=False):
    """One row."""

    facility: str
    unit: str
    bed: str
    source: str
    at: int
    value: float | None = None


NAMES = Reading.__struct_fields__
_TEXTS = NAMES[:4]
_PLAIN_TIME = r"^(0|[1-9][0-9]{0,14})$"
_PLAIN_VALUE = r"^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?$"
"""At most 15 digits, which every reader of decimals turns into the same float."""
_AT_ONCE = 1 << 15
_LINE = "\x00line"

_decode = msgspec.json.Decoder(Reading).decode


class Readings:
    """The readings of some sources; others are only named. Rows that are none are reported."""

    def __init__(self, path: Path, wanted: Collection[str], report: Callable[[BadLine], None]):
        self.seen: set[str] = set()
        """All sources that there are."""
        self._path, self._wanted, self._report = path, wanted, report
        self._beds: dict[tuple[str, str, str], int] = {}
        self._kept: list[tuple[Codes, Numbers, Floats]] = []

    def read(self, progress: Callable[[int], object]) -> None:
        """`progress` is called with how many rows were read. Raises `InputError`."""
        if is_table(self._path):
            self._table(progress)
        else:
            self._lines(progress)

    def trend(self) -> Trend:
        """Of readings of a bed at the same time, the last one counts."""
        import numpy as np

        from analyzer.whatif import Trend

        number, at, value = (
            np.concatenate(column) if column else np.empty(0, kind)
            for column, kind in zip(
                zip(*self._kept, strict=True) if self._kept else ((), (), ()),
                (np.int32, np.int64, np.float64),
                strict=True,
            )
        )
        return Trend.numbered(list(self._beds), number, at, value)

    def _lines(self, progress: Callable[[int], object]) -> None:
        numbered = lines(self._path)
        while some := list(islice(numbered, _AT_ONCE)):
            found = []
            for number, line in some:
                one = self._checked(number, lambda line=line: _decode(line))  # type: ignore[misc]
                if one is not None:
                    found.append(one)
            self._keep(found)
            progress(len(some))

    def _keep(self, rows: list[Reading]) -> None:
        import numpy as np

        self.seen.update(one.source for one in rows)
        rows = [one for one in rows if one.source in self._wanted]
        number = [self._number((one.facility, one.unit, one.bed)) for one in rows]
        value = [np.nan if one.value is None else one.value for one in rows]
        at = [one.at for one in rows]
        self._kept.append(
            (np.array(number, np.int32), np.array(at, np.int64), np.array(value, np.float64))
        )

    def _table(self, progress: Callable[[int], object]) -> None:
        from streams.files.importing.batches import open_table

        batches = open_table(self._path, Csv(), None, NAMES, self._report)
        for frame in batches.frames(NAMES):
            self._keep_columns(self._typed(frame))
            progress(frame.height)

    def _typed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows that are readings, in order. Plain ones are converted by columns, the others
        one by one, with the same result.
        """
        import polars as pl

        frame = frame.with_columns(
            pl.lit(None, pl.String).alias(name) for name in NAMES if name not in frame.columns
        )
        plain = pl.all_horizontal(
            *(_is_text(frame, name) for name in _TEXTS), _is_time(frame), _is_value(frame)
        )
        marked = frame.with_columns(plain.fill_null(False).alias("plain"))
        usual = marked.filter("plain").select(_LINE, *_TEXTS, _integer(frame), _float(frame))
        odd = marked.filter(~pl.col("plain")).select(_LINE, *NAMES)
        if not odd.height:
            return usual
        rows = []
        for row in odd.iter_rows(named=True):
            number = row.pop(_LINE)
            one = self._checked(number, lambda row=row: _of_row(row))  # type: ignore[misc]
            if one is not None:
                rows.append((number, *msgspec.structs.astuple(one)))
        usual = usual.with_columns(pl.col(_TEXTS).cast(pl.String))
        return pl.concat([usual, pl.DataFrame(rows, usual.schema, orient="row")]).sort(_LINE)

    def _keep_columns(self, frame: pl.DataFrame) -> None:
        import numpy as np
        import polars as pl

        from streams.formats.episode_columns import distinct

        self.seen.update(frame["source"].unique().to_list())
        frame = frame.filter(pl.col("source").is_in(list(self._wanted)))
        beds, place = distinct(frame.select("facility", "unit", "bed"))
        number = np.array([self._number(bed) for bed in beds.iter_rows()], np.int32)[place]
        value = frame["value"].fill_null(float("nan")).to_numpy()
        self._kept.append((number, frame["at"].to_numpy(), value))

    def _number(self, bed: tuple[str, ...]) -> int:
        facility, unit, name = bed
        return self._beds.setdefault((facility, unit, name), len(self._beds))

    def _checked(self, number: int, make: Callable[[], Reading]) -> Reading | None:
        try:
            reading = make()
        except msgspec.ValidationError as error:
            self._report(BadLine(self._path, number, detail(str(error))))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._report(BadLine(self._path, number, "value: expected JSON"))
        else:
            if 0 <= reading.at <= LATEST:
                return reading
            self._report(BadLine(self._path, number, "at: expected a time from 1970 to 2100"))
        return None


def _of_row(row: dict[str, Any]) -> Reading:
    fields = ((name, row.get(name)) for name in NAMES)
    return msgspec.convert(
        {name: one for name, one in fields if one not in (None, "")}, Reading, strict=False
    )


def _is_text(frame: pl.DataFrame, name: str) -> pl.Expr:
    import polars as pl

    return pl.col(name) != "" if frame.schema[name] == pl.String else pl.lit(False)


def _is_time(frame: pl.DataFrame) -> pl.Expr:
    import polars as pl

    kind = frame.schema["at"]
    if kind == pl.String:
        is_plain = pl.col("at").str.contains(_PLAIN_TIME)
    elif kind.is_integer():
        is_plain = pl.col("at").is_not_null()
    else:
        return pl.lit(False)
    return is_plain & _integer(frame).is_between(0, LATEST)


def _is_value(frame: pl.DataFrame) -> pl.Expr:
    import polars as pl

    kind, column = frame.schema["value"], pl.col("value")
    if kind == pl.String:
        return column.is_null() | (column == "") | column.str.contains(_PLAIN_VALUE)
    return pl.lit(kind.is_integer() or kind in (pl.Float32, pl.Float64, pl.Null))


def _integer(frame: pl.DataFrame) -> pl.Expr:
    import polars as pl

    if not (frame.schema["at"] == pl.String or frame.schema["at"].is_integer()):
        return pl.lit(None, pl.Int64).alias("at")
    return pl.col("at").cast(pl.Int64, strict=False)


def _float(frame: pl.DataFrame) -> pl.Expr:
    """Empty text is null."""
    import polars as pl

    if not (frame.schema["value"] == pl.String or frame.schema["value"].is_numeric()):
        return pl.lit(None, pl.Float64).alias("value")
    return pl.col("value").cast(pl.Float64, strict=False)
