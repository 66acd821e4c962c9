"""Rows that list the active alarms at some time.

An alarm begins with the first snapshot that has it, and ends with the first later one that does
not. A snapshot covers one bed, unless the mapping says `of: table`. A snapshot without a row of a
bed says nothing about this bed: its alarm ends with the next row of the bed, or where it was last
seen if `lost_after` says so.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from streams.files.importing.alarms import event_columns, own_id
from streams.files.importing.events import KEY, Facts
from streams.files.importing.sections import Section
from streams.files.importing.spool import Spool
from streams.formats.times import parse_duration

_OF_BED = ("facility", "unit", "bed", "device_id")


class Snapshots:
    """Snapshots of one table or of several."""

    def __init__(self, section: Section) -> None:
        self._scope = _OF_BED if section.of == "bed" else ("facility",)
        self._lost = None if section.lost_after is None else parse_duration(section.lost_after)
        self._spool = Spool(section.order)

    def add(self, frame: pl.DataFrame, table: int) -> None:
        self._spool.add(frame.with_columns(pl.lit(table, pl.Int32).alias("table")))

    def finish(self) -> Facts:
        last: pl.DataFrame | None = None
        for part in _whole(self._spool.ordered()):
            frame = part.with_columns(
                _joined(self._scope).alias("scope"),
                _joined(KEY).alias("key"),
                pl.format("{}-{}", own_id("at", ""), "table").alias("id"),
                pl.lit(False).alias("carried"),
            )
            columns = frame.columns
            if last is not None:
                frame = pl.concat([last, frame], rechunk=True)
            frame = self._in_runs(frame)
            yield from self._facts(frame)
            newest = frame.filter(pl.col("place") == pl.col("place").max().over("scope"))
            last = newest.with_columns(
                pl.col("alarm_id").alias("id"), pl.lit(True).alias("carried")
            ).select(columns)

    def words(self) -> Iterator[str]:
        yield from ()

    def _in_runs(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Each row with the number of its snapshot, the time of the next one, and its alarm."""
        changed = pl.col("at") != pl.col("at").shift(1).over("scope")
        frame = frame.with_columns(
            changed.fill_null(True).cast(pl.Int64).cum_sum().over("scope").alias("place")
        )
        times = frame.group_by("scope", "place").agg(pl.col("at").first().alias("next_at"))
        frame = frame.join(
            times.with_columns(pl.col("place") - 1),
            on=["scope", "place"],
            how="left",
            maintain_order="left",
        )
        gone = pl.col("next_at").is_not_null() & (
            pl.col("place").shift(-1).over("key") - pl.col("place") > 1
        ).fill_null(True)
        if self._lost is not None:
            silent = (pl.col("next_at") - pl.col("at") > self._lost).fill_null(False)
            # the second row of a snapshot completes it, not the first one
            again = (pl.col("place").shift(-1).over("key") == pl.col("place")).fill_null(False)
            gone = gone | (silent & ~again)
            frame = frame.with_columns(pl.when(silent).then("at").otherwise("next_at").alias("end"))
        else:
            frame = frame.with_columns(pl.col("next_at").alias("end"))
        frame = frame.with_columns(gone.alias("gone"))
        begins = pl.col("gone").shift(1, fill_value=True).over("key")
        return frame.with_columns(
            begins.alias("begins"),
            pl.when(begins).then("id").forward_fill().over("key").alias("alarm_id"),
            pl.col("priority").shift(1).over("key").alias("before"),
        )

    def _facts(self, frame: pl.DataFrame) -> Facts:
        on = frame.filter(pl.col("code").is_not_null())
        present = on.filter(
            ~pl.col("carried") & (pl.col("begins") | (pl.col("priority") != pl.col("before")))
        )
        if present.height:
            phase = pl.when("begins").then(pl.lit("start")).otherwise(pl.lit("update"))
            yield (
                "alarms",
                present.select(
                    pl.col("id").alias("event_id"),
                    "alarm_id",
                    phase.alias("phase"),
                    "at",
                    *event_columns(present),
                ),
            )
        ended = on.filter("gone")
        if ended.height:
            yield (
                "alarms",
                ended.select(
                    pl.format("{}/end", "alarm_id").alias("event_id"),
                    "alarm_id",
                    pl.lit("end").alias("phase"),
                    pl.col("end").alias("at"),
                    *event_columns(ended),
                ),
            )


def _whole(parts: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows in parts that contain whole snapshots."""
    held: pl.DataFrame | None = None
    for part in parts:
        frame = part if held is None else pl.concat([held, part], rechunk=True)
        is_last = frame["at"] == frame["at"][-1]
        held = frame.filter(is_last)
        if held.height < frame.height:
            yield frame.filter(~is_last)
    if held is not None:
        yield held


def _joined(names: tuple[str, ...]) -> pl.Expr:
    return pl.concat_str([pl.col(name).fill_null("") for name in names], separator="\x1f")
