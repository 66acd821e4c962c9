"""Gives the rows of records and facts the archive's own names of clinicians."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl

from streams.archive.frames import Rows
from streams.formats.advice import short
from streams.formats.archive_names import Names
from streams.formats.pseudonyms import period_of


def renamed(rows: Rows, names: Names | None) -> Rows:
    """The rows with names of the archive instead of pseudonyms of the topics.

    `pseudonym_period` becomes that of the name, unless the pseudonym has a period already.
    """
    if names is None or rows.frame.is_empty():
        return rows
    frame = rows.frame
    moments = frame[rows.table.time].dt.epoch("ms").to_list()

    def anew(column: str, change: Callable[[Any, int], Any]) -> pl.Series:
        values = [
            None if one is None else change(one, moment)
            for one, moment in zip(frame[column].to_list(), moments, strict=True)
        ]
        return pl.Series(column, values, dtype=frame.schema[column])

    columns = rows.table.columns
    found = []
    if "clinician" in columns:
        found.append(anew("clinician", names))
    if "clinicians" in columns:
        found.append(anew("clinicians", lambda some, at: [names(one, at) for one in some]))
    if "relief" in columns:
        found.append(anew("relief", lambda one, at: _relief(one, at, names)))
        texts = [
            text if relief is None or text is None else _retold(text, relief, at, names)
            for text, relief, at in zip(
                frame["relief_text"].to_list(), frame["relief"].to_list(), moments, strict=True
            )
        ]
        found.append(pl.Series("relief_text", texts, dtype=pl.String))
    if "pseudonym_period" in columns:
        periods = [period_of(moment, names.period) for moment in moments]
        found.append(frame["pseudonym_period"].fill_null(pl.Series(periods, dtype=pl.String)))
    return replace(rows, frame=frame.with_columns(found))


def _relief(relief: dict[str, Any], moment: int, names: Names) -> dict[str, Any]:
    changed = dict(relief)
    for side in ("from", "to"):
        one = relief[side]
        if one is not None and one["clinician"] is not None:
            changed[side] = one | {"clinician": names(one["clinician"], moment)}
    if relief["text"] is not None:
        changed["text"] = _retold(relief["text"], relief, moment, names)
    return changed


def _retold(text: str, relief: dict[str, Any], moment: int, names: Names) -> str:
    """An advice whose people have other names."""
    for side in ("from", "to"):
        one = relief[side]
        if one is not None and one["clinician"] is not None:
            text = text.replace(short(one["clinician"]), short(names(one["clinician"], moment)))
    return text
