"""Rows that are events of alarms: raised, changed, ended.

If the table has no ids, an end belongs to the active alarm of the same device, source and code. An
alarm that is raised again while it is active is the same alarm, because the table does not show
that it was off in between, unless the mapping says `again: new`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

import polars as pl

from analyzer.model import Phase
from streams.files.importing.alarms import (
    REQUIRED,
    check_alarms,
    check_id,
    check_words,
    event_columns,
    own_id,
    static_fields,
    word,
)
from streams.files.importing.cells import Cells
from streams.files.importing.clocks import Aside, Order
from streams.files.importing.faults import Fault, Faults, missing
from streams.files.importing.intervals import add_undecided
from streams.files.importing.moments import in_range, moments
from streams.files.importing.sections import Section
from streams.files.importing.spool import Spool

KEY = ("facility", "unit", "bed", "device_id", "device_type", "source", "code")
Facts = Iterator[tuple[str, pl.DataFrame]]
Refuse = Callable[[int, Fault], None]
_NO_START = Fault("phase", "no_start", "expected a start before this end")


class TimedRows:
    """Rows with one time `at`. In an hour that occurs twice, the order of the rows decides."""

    def __init__(self, refuse: Refuse, phases: bool, order: Order = None) -> None:
        self._refuse, self._phases = refuse, phases
        self._aside = Aside(("at",), order)

    def take(self, cells: Cells, lines: pl.Series) -> pl.DataFrame:
        found = static_fields(cells, lines)
        if self._phases:
            found["phase"], found["event_id"] = word(cells, "phase"), cells.text("event_id")
        at = moments(cells, "at")
        found["at"] = at.at
        frame, faults = pl.DataFrame(found), cells.faults
        faults.add(frame["at"].is_null(), missing("at"))
        if self._phases:
            check_alarms(frame, faults, ("phase", *REQUIRED))
            check_words(frame, "phase", get_args(Phase), faults)
            check_id(frame, "event_id", faults)
        else:  # without a code, the row says that no alarm is on
            frame = frame.with_columns(
                pl.when(pl.col("code").is_null())
                .then(pl.col("priority").fill_null("info"))
                .otherwise(pl.col("priority"))
                .alias("priority")
            )
            check_alarms(frame, faults, [one for one in REQUIRED if one != "code"])
        frame = frame.with_columns(pl.col("kind").fill_null("physiological"))
        twice = {"at": at.twice} if at.twice else {}
        stays = self._aside.take(frame, faults.none, twice)
        in_range(faults, "at", frame["at"].set(pl.Series(~stays), None))
        return self._good(frame, faults).filter(pl.Series(stays[faults.none]))

    def finish(self) -> pl.DataFrame | None:
        settled = self._aside.settled()
        if settled is None:
            return None
        frame, undecided = settled
        faults = Faults(frame.height)
        add_undecided(faults, undecided)
        in_range(faults, "at", frame["at"])
        return self._good(frame, faults)

    def _good(self, frame: pl.DataFrame, faults: Faults) -> pl.DataFrame:
        for place, fault in faults:
            self._refuse(frame["line"][place], fault)
        return frame.filter(pl.Series(faults.none))


def facts_with_ids(frame: pl.DataFrame, suffix: str) -> Facts:
    """The facts of events that have an alarm id."""
    if frame.height:
        own = pl.format("{}-{}", own_id("at", suffix), "phase")
        yield (
            "alarms",
            frame.select(
                pl.col("event_id").fill_null(own), "alarm_id", "phase", "at", *event_columns(frame)
            ),
        )


class Correlated:
    """Events without ids, of one table or of several."""

    def __init__(self, section: Section, refuse: Callable[[int, int, Fault], None]) -> None:
        """`refuse` gets the number of the table, the row and the fault."""
        self._again_is_new = section.again == "new"
        self._refuse = refuse
        self._spool = Spool(section.order)
        self._repeated = 0

    def add(self, frame: pl.DataFrame, table: int) -> None:
        self._spool.add(frame.with_columns(pl.lit(table, pl.Int32).alias("table")))

    def finish(self) -> Facts:
        on: pl.DataFrame | None = None
        for part in self._spool.ordered():
            frame = part.with_columns(
                pl.concat_str([pl.col(name).fill_null("") for name in KEY], separator="\x1f").alias(
                    "key"
                ),
                pl.format("{}-{}", own_id("at", ""), "table").alias("id"),
                pl.lit(False).alias("carried"),
            )
            if on is not None:
                frame = pl.concat([on, frame], rechunk=True)
            frame = self._told_apart(frame)
            yield from self._facts(frame)
            on = (
                frame.group_by("key", maintain_order=True)
                .last()
                .filter(pl.col("phase") != "end")
                .with_columns(
                    pl.col("alarm_id").alias("id"),
                    pl.lit(True).alias("carried"),
                    pl.lit(None, pl.String).alias("alarm_id"),
                )
                .select([*part.columns, "key", "id", "carried"])
            )

    def words(self) -> Iterator[str]:
        if self._repeated:
            one = self._repeated == 1
            yield (
                f"{self._repeated:,} {'start is' if one else 'starts are'} of an alarm that is on "
                "already: taken as the same alarm (again: new makes an alarm of each)"
            )

    def _told_apart(self, frame: pl.DataFrame) -> pl.DataFrame:
        on = pl.col("phase") != "end"
        frame = frame.with_columns(on.shift(1, fill_value=False).over("key").alias("was_on"))
        begins = on & ~pl.col("was_on")
        if self._again_is_new:
            begins = begins | (pl.col("phase") == "start")
        return frame.with_columns(
            begins.alias("begins"),
            pl.when(begins).then("id").forward_fill().over("key").alias("alarm_id"),
        )

    def _facts(self, frame: pl.DataFrame) -> Facts:
        lost = frame.filter((pl.col("phase") == "end") & ~pl.col("was_on"))
        for table, line in lost.select("table", "line").iter_rows():
            self._refuse(table, line, _NO_START)
        new = frame.filter(~pl.col("carried") & ((pl.col("phase") != "end") | pl.col("was_on")))
        again = (new["phase"] == "start") & ~new["begins"]
        self._repeated += int(again.sum())
        if new.height:
            yield (
                "alarms",
                new.select(
                    pl.col("event_id").fill_null(pl.format("{}-{}", "id", "phase")),
                    "alarm_id",
                    pl.when("begins")
                    .then(pl.lit("start"))
                    .when(pl.col("phase") == "end")
                    .then(pl.lit("end"))
                    .otherwise(pl.lit("update"))
                    .alias("phase"),
                    "at",
                    *event_columns(new),
                ),
            )
