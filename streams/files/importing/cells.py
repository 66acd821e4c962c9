"""Reads the cells of a frame as texts and numbers, as the mapping describes each field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import polars as pl

from streams.files.importing.faults import Fault, Faults
from streams.files.importing.sections import Section
from streams.files.importing.sources import Source, Text
from streams.files.mapping import Table

_NO_TEXT = r"[-\u2013\u2014\s]*|#?n/a|n\.a\.|#?nan|null|<na>|nat"
_NO_NUMBER = rf"[-\u2013\u2014\s.?*_]*|na|none|{_NO_TEXT}"
"""Texts with which programs mark a missing value."""
_LONGEST_TEXT = 1024
"""Most characters of a text to which patterns are applied."""
_MANY_TEXTS = 1 << 16
"""Most texts whose parts are cached."""


class Cells:
    """The fields of a section in a frame. Wrong values are added to `faults`."""

    def __init__(
        self, frame: pl.DataFrame, table: Table, section: Section, faults: Faults, parts: Parts
    ) -> None:
        self.table, self.section, self.faults = table, section, faults
        self.height = frame.height
        self.frame = frame
        for text in table.texts:
            if text.column in frame.columns:
                self.frame = self._taken_apart(text, parts)

    def has(self, name: str) -> bool:
        """Whether the mapping has a source for a field."""
        source = self.section.source(name)
        return source.value is not None or any(one in self.frame.columns for one in source.names)

    def text(self, name: str, is_number: bool = False) -> pl.Series:
        """The texts of a field without surrounding spaces; null: no value."""
        source = self.section.source(name)
        if source.value is not None:
            return pl.repeat(source.value, self.height, dtype=pl.String, eager=True)
        found = self._joined(name, source)
        there = found.is_not_null()
        if source.pattern is not None:
            found = _searched(found, source.pattern)
        if source.marks is not None:
            found = _marked(found, source.marks)
        if source.words is not None or source.otherwise is not None:
            found = _in_words(found, source, there)
        return found.set(self._is_absent(found, is_number), None)

    def number(self, name: str) -> pl.Series:
        """The numbers of a field; null: no value."""
        text = self.text(name, is_number=True)
        return self.as_number(name, text)

    def as_number(self, name: str, text: pl.Series) -> pl.Series:
        """Texts as numbers. Other texts are faults."""
        if text.null_count() == len(text):
            return pl.repeat(None, self.height, dtype=pl.Float64, eager=True)
        mark = self.table.csv.decimal
        found = _floats(text, mark)
        if found.null_count() > text.null_count():  # perhaps with thousands separators
            found = found.fill_null(_floats(_without_thousands(text, mark), mark))
        found = found.set(~found.is_finite().fill_null(True), None)
        self.faults.add(
            text.is_not_null() & found.is_null(), Fault(name, "not_a_number", "expected a number")
        )
        return found

    def several(self, name: str) -> pl.Series | None:
        """The list of texts in each cell; None: no cell has any."""
        if not self.has(name):
            return None
        separator = self.section.source(name).separator or ";"
        text = self.text(name)
        if text.null_count() == len(text):
            return None
        found = (
            text.str.split(separator)
            .to_frame("t")
            .select(
                pl.col("t")
                .list.eval(pl.element().str.strip_chars())
                .list.eval(pl.element().filter(~pl.element().str.contains(_whole(_NO_TEXT))))
            )
        )
        return found.to_series().fill_null(pl.Series([[]], dtype=pl.List(pl.String)))

    def is_absent(self, column: str) -> pl.Series:
        """For each cell of a column, whether it is empty."""
        found = as_text(self.frame[column])
        if found is None:
            return self.frame[column].is_null()
        found = found.str.strip_chars()
        return found.is_null() | self._is_absent(found, is_number=False)

    def _joined(self, name: str, source: Source) -> pl.Series:
        columns = [self._column(name, one, source.separator) for one in source.names]
        if len(columns) == 1:
            return columns[0]
        none = [found.is_null() | self._is_absent(found, is_number=False) for found in columns]
        parts = pl.DataFrame([one.alias(str(place)) for place, one in enumerate(columns)])
        joined = parts.select(
            pl.concat_str(pl.all().fill_null(""), separator=source.join)
        ).to_series()
        nothing = none[0]
        for one in none[1:]:
            nothing = nothing & one
        return joined.set(nothing, None)

    def _column(self, name: str, column: str, separator: str | None) -> pl.Series:
        if column not in self.frame.columns:
            return pl.repeat(None, self.height, dtype=pl.String, eager=True)
        found = as_text(self.frame[column], separator or ";")
        if found is None:
            self.faults.add(
                self.frame[column].is_not_null(), Fault(name, "not_flat", "expected a flat row")
            )
            return pl.repeat(None, self.height, dtype=pl.String, eager=True)
        return found.str.strip_chars()

    def _is_absent(self, found: pl.Series, is_number: bool) -> pl.Series:
        absent = found.str.contains(_whole(_NO_NUMBER if is_number else _NO_TEXT))
        if self.table.absent:
            absent = absent | found.is_in(list(self.table.absent))
        return absent.fill_null(False)

    def _taken_apart(self, text: Text, parts: Parts) -> pl.DataFrame:
        column = as_text(self.frame[text.column])
        if column is None:
            return self.frame
        column = column.str.strip_chars()
        column = column.set(column.str.contains(_whole(_NO_TEXT)), None).alias(text.column)
        known = parts.of(text, column.unique().drop_nulls())
        found = column.to_frame().join(known, on=text.column, how="left", maintain_order="left")
        self.faults.add(
            found["\x00fits"] == False,  # noqa: E712  # of a series
            Fault(text.column[:40], "no_pattern", "expected a text that fits one of the patterns"),
        )
        return self.frame.with_columns(found.select(sorted(text.groups)))


class Parts:
    """Splits texts into parts by patterns, with a cache."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], dict[str, dict[str, str | None] | None]] = {}

    def of(self, text: Text, texts: pl.Series) -> pl.DataFrame:
        """A row for each text: its parts, and whether a pattern matches."""
        known = self._known.setdefault(text.patterns, {})
        if len(known) > _MANY_TEXTS:
            known.clear()
        patterns = [re.compile(one).fullmatch for one in text.patterns]
        groups = sorted(text.groups)
        rows = []
        for one in texts.to_list():
            if one not in known:
                known[one] = _first_that_fits(patterns, one)
            found = known[one] or {}
            rows.append((one, known[one] is not None, *(found.get(name) for name in groups)))
        schema = {text.column: pl.String, "\x00fits": pl.Boolean}
        if text.column in groups:  # the part replaces the whole
            groups = [one for one in groups if one != text.column]
            place = sorted(text.groups).index(text.column) + 2
            rows = [(*one[:place], *one[place + 1 :]) for one in rows]
        schema |= dict.fromkeys(groups, pl.String)
        return pl.DataFrame(rows, schema=schema, orient="row")


def _first_that_fits(
    patterns: Iterable[Callable[[str], re.Match[str] | None]], text: str
) -> dict[str, str | None] | None:
    if len(text) <= _LONGEST_TEXT:
        for fits in patterns:
            if match := fits(text):
                return match.groupdict()
    return None


def of_each(texts: pl.Series, value: Callable[[str], Any], dtype: Any) -> pl.Series:
    """A value for each text, computed once for equal texts."""
    several = texts.unique().drop_nulls()
    if not len(several):
        return pl.repeat(None, len(texts), dtype=dtype, eager=True)
    values = pl.Series([value(one) for one in several.to_list()], dtype=dtype)
    return texts.replace_strict(several, values, default=None, return_dtype=dtype)


def _in_words(texts: pl.Series, source: Source, there: pl.Series) -> pl.Series:
    """The meanings of words. Other cells that are `there` get the other value, if there is one."""
    words = source.words
    if words is None:
        return texts.zip_with(
            texts.is_not_null() | ~there, pl.Series([source.otherwise], dtype=pl.String)
        )
    text = pl.col("t")
    known = text.is_in(list(words)).fill_null(False)
    named = text.replace_strict(
        list(words), list(words.values()), default=None, return_dtype=pl.String
    )
    if source.otherwise is not None:
        other = pl.when("there").then(pl.lit(source.otherwise))
    else:
        other = pl.when(True).then(text)
    frame = pl.DataFrame({"t": texts, "there": there})
    return frame.select(pl.when(known).then(named).otherwise(other)).to_series()


def _searched(texts: pl.Series, pattern: str) -> pl.Series:
    search = re.compile(pattern).search

    def part(text: str) -> str | None:
        match = search(text[:_LONGEST_TEXT])
        return None if match is None else match[match.lastindex or 0]

    return of_each(texts, part, pl.String).str.strip_chars()


def _marked(texts: pl.Series, marks: dict[str, str]) -> pl.Series:
    found: Any = pl.when(False).then(pl.lit(None, dtype=pl.String))
    for mark in sorted(marks, key=len, reverse=True):
        found = found.when(pl.col("t").str.starts_with(mark)).then(pl.lit(marks[mark]))
    return texts.to_frame("t").select(found.otherwise(None).alias("t")).to_series()


def _floats(text: pl.Series, mark: str) -> pl.Series:
    if mark != ".":
        text = text.str.replace_all(mark, ".", literal=True)
    return text.cast(pl.Float64, strict=False)


def _without_thousands(text: pl.Series, mark: str) -> pl.Series:
    """Remove thousands separators, as in `1.234,5`. A single mark stays, because it may be the
    decimal one.
    """
    other, ours = ("." if mark == "," else ","), re.escape(mark)
    group = rf"[{other} \u00a0']\d{{3}}"
    form = rf"\A[+-]?\d{{1,3}}(?:(?:{group})+{ours}\d+|(?:{group}){{2,}})\z"
    odd = text.str.contains(form).fill_null(False)
    return text.set(~odd, None).str.replace_all(rf"[{other} \u00a0']", "")


def _whole(pattern: str) -> str:
    return rf"(?i)\A(?:{pattern})\z"


def as_text(found: pl.Series, separator: str = ";") -> pl.Series | None:
    """Cells as text, whole numbers without a fraction; None: a cell has more than one value."""
    if found.dtype == pl.String:
        return found
    if found.dtype.is_float():
        whole = (found == found.floor()) & (found.abs() < 1e15)
        texts = found.to_frame("t").select(
            pl.when(pl.col("t").is_nan())
            .then(None)
            .when(whole)
            .then(pl.col("t").cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(pl.col("t").cast(pl.String))
        )
        return texts.to_series()
    if isinstance(found.dtype, pl.List) and found.dtype.inner == pl.String:
        return found.list.join(separator, ignore_nulls=True)
    if found.dtype.is_nested() or found.dtype in (pl.Binary, pl.Object):
        return None
    return found.cast(pl.String)
