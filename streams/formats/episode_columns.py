"""Episodes of a frame as the columns of a what-if, without Python objects for each row."""

from __future__ import annotations

import numpy as np
import polars as pl

from analyzer.arrays import Codes, Floats, Numbers
from analyzer.columns import Packed
from analyzer.times import NEVER, OPEN
from analyzer.whatif import STATIC, Coded, Columns

_ROW = "\x00row"


def episode_columns(frame: pl.DataFrame) -> Columns:
    """The columns of valid episodes, named as in JSON; times are in ms since 1970.

    A missing `device_id`, `source` or list of clinicians is as an empty one.
    """
    plain = frame.with_columns(pl.col("device_id", "source").fill_null(""))
    statics, numbers = distinct(plain.select(STATIC))
    teams, of_team = distinct(plain.select("clinicians"))
    return Columns(
        statics=Coded(statics.rows(), numbers),
        alarm_id=_packed(frame["alarm_id"]),
        priority=_coded(frame, "priority"),
        start=_times(frame["start"], 0),
        end=_times(frame["end"], OPEN),
        value=_floats(frame["value"]),
        limit=_floats(frame["limit"]),
        clinicians=Coded([tuple(one or ()) for one in teams["clinicians"].to_list()], of_team),
        class_=_coded(frame, "class"),
        first_response=_times(frame["first_response"], NEVER),
    )


def distinct(frame: pl.DataFrame) -> tuple[pl.DataFrame, Codes]:
    """The distinct rows in order of first appearance, and the number of each row's."""
    groups = frame.with_row_index(_ROW).group_by(frame.columns, maintain_order=True).agg(_ROW)
    sizes = groups[_ROW].list.len().to_numpy()
    numbers = np.empty(frame.height, dtype=np.int32)
    numbers[groups[_ROW].explode(empty_as_null=False).to_numpy()] = np.repeat(
        np.arange(len(sizes), dtype=np.int32), sizes
    )
    return groups.drop(_ROW), numbers


def _coded(frame: pl.DataFrame, name: str) -> Coded[str]:
    words, numbers = distinct(frame.select(name))
    return Coded(words[name].to_list(), numbers)


def _packed(texts: pl.Series) -> Packed:
    together = texts.str.join("").item() if len(texts) else ""
    return Packed(together.encode(), texts.str.len_bytes().to_numpy().astype(np.uint16))


def _times(column: pl.Series, otherwise: int) -> Numbers:
    found: Numbers = column.cast(pl.Int64).fill_null(otherwise).to_numpy()
    return found


def _floats(column: pl.Series) -> Floats:
    found: Floats = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return found
