"""Rows that are whole alarms: start, end, the first response and a verdict in one row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, get_args

import numpy as np
import polars as pl

from analyzer import CLASSES
from analyzer.model import Action, Verdict
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
from streams.files.importing.moments import in_range, lasting, moments

_TIMES = ("start", "end", "first_response")
_VERDICTS = get_args(Verdict)
Refuse = Callable[[int, Fault], None]


class IntervalRows:
    """Whole alarms as frames with the fields of an interval; times in ms."""

    def __init__(
        self, refuse: Refuse, earliest: int, keeps_undecided: bool, order: Order = None
    ) -> None:
        """`refuse` gets rows that are not alarms. `earliest`: the earliest allowed time (ms).
        `keeps_undecided`: undecided rows of an hour that occurs twice count as of the first one.
        """
        self._refuse, self._earliest, self._keeps = refuse, earliest, keeps_undecided
        self._aside = Aside(_TIMES, order)

    def take(self, cells: Cells, lines: pl.Series) -> pl.DataFrame:
        """The alarms of some rows. `finish` gives those in hours that occur twice."""
        found = static_fields(cells, lines)
        found["class"] = word(cells, "class")
        _classify(found)
        times = {name: moments(cells, name) for name in _TIMES}
        for name in _TIMES:
            found[name] = times[name].at
        cells.faults.add(found["start"].is_null(), missing("start"))
        found["lasts"] = lasting(cells)
        found["end"] = found["end"].zip_with(
            found["lasts"].is_null(), found["start"] + found["lasts"]
        )
        found["action"], found["responder"] = word(cells, "action"), cells.text("responder")
        frame = pl.DataFrame(found)
        faults = cells.faults
        check_alarms(frame, faults, REQUIRED)
        check_id(frame, "responder", faults)
        check_words(frame, "class", CLASSES, faults)
        check_words(frame, "action", get_args(Action), faults)
        twice = {name: of.twice for name, of in times.items() if of.twice}
        kept = self._aside.take(frame, faults.none, twice)
        self._check_times(frame, faults, kept)
        for place, fault in faults:
            self._refuse(frame["line"][place], fault)
        return frame.filter(pl.Series(faults.none & kept))

    def finish(self) -> pl.DataFrame | None:
        """The alarms in hours that occur twice."""
        settled = self._aside.settled()
        if settled is None:
            return None
        frame, undecided = settled
        faults = Faults(frame.height)
        if not self._keeps:
            add_undecided(faults, undecided)
        self._check_times(frame, faults, np.ones(frame.height, bool))
        for place, fault in faults:
            self._refuse(frame["line"][place], fault)
        return frame.filter(pl.Series(faults.none))

    def words(self, name: str) -> Iterator[str]:
        """Warnings about the times, one line each."""
        yield from self._aside.words(name, self._keeps)

    def _check_times(self, frame: pl.DataFrame, faults: Faults, of: np.ndarray[Any, Any]) -> None:
        for name in _TIMES:
            in_range(faults, name, frame[name].set(pl.Series(~of), None), self._earliest)
        early = (frame["end"] < frame["start"]).fill_null(False).to_numpy() & of
        faults.add(early, Fault("end", "ends_before_start", "expected no earlier than start"))


def add_undecided(faults: Faults, undecided: list[str | None]) -> None:
    """Add faults for times in an hour that occurs twice, if nothing decides which one is meant."""
    for name in dict.fromkeys(one for one in undecided if one is not None):
        expected = "expected a time of one meaning, but the clocks were changed in this hour"
        rows = np.array([one == name for one in undecided])
        faults.add(rows, Fault(name, "ambiguous_time", expected))


def facts_of_intervals(
    alarms: pl.DataFrame, has_ids: bool, suffix: str
) -> Iterator[tuple[str, pl.DataFrame]]:
    """The facts of whole alarms, by topic. `suffix` identifies the table if there are several."""
    if not alarms.height:
        return
    own = own_id("start", suffix)
    id_ = pl.col("alarm_id") if has_ids else own
    alarms = alarms.with_columns(id_.fill_null(own).alias("alarm_id"))
    event = alarms.select(
        pl.format("{}/start", "alarm_id").alias("event_id"),
        "alarm_id",
        pl.lit("start").alias("phase"),
        pl.col("start").alias("at"),
        *event_columns(alarms),
    )
    ended = alarms["end"].is_not_null()
    ends = event.with_columns(
        pl.format("{}/end", "alarm_id").alias("event_id"),
        pl.lit("end").alias("phase"),
        alarms["end"].alias("at"),
    ).filter(ended)
    yield "alarms", pl.concat([event, ends])
    answered = alarms.filter(pl.col("first_response").is_not_null())
    if answered.height:
        yield (
            "responses",
            answered.select(
                pl.format("{}/response", "alarm_id").alias("event_id"),
                "facility",
                "unit",
                "alarm_id",
                pl.col("first_response").alias("at"),
                pl.col("action").fill_null("acknowledge"),
                pl.col("responder").alias("clinician"),
            ),
        )
    judged = alarms.filter(pl.col("class").is_in(_VERDICTS))
    if judged.height:
        yield (
            "labels",
            judged.select(
                pl.format("{}/verdict", "alarm_id").alias("event_id"),
                "facility",
                "alarm_id",
                pl.col("class").alias("verdict"),
                pl.col("start").alias("at"),
            ),
        )


def _classify(found: dict[str, pl.Series]) -> None:
    """Give technical alarms the class technical, and alarms of this class the kind technical."""
    pair = pl.DataFrame({"kind": found["kind"], "class": found["class"]}).select(
        pl.col("kind").fill_null(
            pl.when(pl.col("class") == "technical")
            .then(pl.lit("technical"))
            .otherwise(pl.lit("physiological"))
        ),
        "class",
    )
    open_class = pl.col("class").is_null() | pl.col("class").is_in(["unknown", "pending"])
    pair = pair.with_columns(
        pl.when((pl.col("kind") == "technical") & open_class)
        .then(pl.lit("technical"))
        .otherwise(pl.col("class").fill_null("unknown"))
        .alias("class")
    )
    found["kind"], found["class"] = pair["kind"], pair["class"]
