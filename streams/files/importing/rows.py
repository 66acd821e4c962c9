"""Selects and prepares the rows of a table for a section of the mapping.

It fills cells from above, keeps the rows with certain texts, and makes a row for each cell of some
columns, as the section says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import polars as pl

from streams.files.importing.batches import LINE
from streams.files.importing.cells import as_text, of_each
from streams.files.importing.sections import Section
from streams.files.lines import InputError


class Rows:
    """Prepares the frames of one table, one after the other."""

    def __init__(self, section: Section) -> None:
        self._section = section
        self._above: dict[str, str] = {}
        self.left_out = 0

    def prepared(self, frame: pl.DataFrame) -> pl.DataFrame:
        for name in self._section.fill_down:
            if name in frame.columns:
                frame = frame.with_columns(self._filled(name, frame))
        if (unpivot := self._section.unpivot) is not None:
            chosen = [one for one in frame.columns if re.fullmatch(unpivot.columns, one)]
            if not chosen:
                raise InputError(f"unpivot: no column fits {unpivot.columns}")
            frame = frame.with_columns(
                as_text(frame[one]) if as_text(frame[one]) is not None else frame[one]
                for one in chosen
            ).unpivot(
                chosen,
                index=[one for one in frame.columns if one not in chosen],
                variable_name=unpivot.name,
                value_name=unpivot.content,
            )
        before = frame.height
        for of, wanted in ((self._section.only, True), (self._section.leave_out, False)):
            for name, texts in of.items():
                column = as_text(frame[name])
                if column is not None:
                    among = _is_one_of(column.str.strip_chars(), texts)
                    frame = frame.filter(among if wanted else ~among)
        self.left_out += before - frame.height
        # in one chunk: polars 1.44 cannot concatenate texts of columns in different chunks
        return frame.rechunk()

    def notes(self, name: str) -> Iterator[str]:
        if self.left_out:
            yield (
                f"{name}: {self.left_out:,} {'row is' if self.left_out == 1 else 'rows are'} left "
                "out, as the mapping says (only, leave_out)"
            )

    def _filled(self, name: str, frame: pl.DataFrame) -> pl.Series:
        column = as_text(frame[name])
        if column is None or not frame.height:
            return frame[name]
        column = column.set(column.str.strip_chars() == "", None)
        if column[0] is None and name in self._above:
            column = pl.concat([pl.Series([self._above[name]]), column[1:]])
        column = column.forward_fill()
        if column[-1] is not None:
            self._above[name] = column[-1]
        return column.alias(name)


def _is_one_of(column: pl.Series, texts: Sequence[str]) -> pl.Series:
    """Whether a cell is one of the texts; a text between slashes is a pattern."""
    plain = [one for one in texts if not _is_pattern(one)]
    patterns = [re.compile(one[1:-1]).fullmatch for one in texts if _is_pattern(one)]
    found = column.is_in(plain)
    if patterns:
        fits = of_each(column, lambda one: any(fit(one) for fit in patterns), pl.Boolean)
        found = found | fits
    return found.fill_null(False)


def _is_pattern(text: str) -> bool:
    return len(text) > 2 and text[0] == text[-1] == "/"


def without_blank(frame: pl.DataFrame) -> pl.DataFrame:
    """Remove rows without any content, which spreadsheets write below the last row."""
    texts = [name for name in frame.columns if name != LINE]
    if not texts:
        return frame
    nothing = pl.all_horizontal(
        *(
            pl.col(name).is_null() | (pl.col(name).str.strip_chars() == "")
            if frame[name].dtype == pl.String
            else pl.col(name).is_null()
            for name in texts
        )
    )
    return frame.filter(~nothing)
