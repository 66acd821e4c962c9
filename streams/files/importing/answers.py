"""Rows that are responses, and rows that are labels (verdicts of a review)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

import polars as pl

from analyzer import Topic
from analyzer.model import Action, Verdict
from streams.files.importing.alarms import check_id, check_words, cut, own_id, word
from streams.files.importing.cells import Cells
from streams.files.importing.clocks import Aside, Order
from streams.files.importing.faults import Fault, Faults, missing
from streams.files.importing.intervals import add_undecided
from streams.files.importing.moments import in_range, moments

_IDS = {
    "responses": ("facility", "unit", "bed", "alarm_id", "clinician", "event_id"),
    "labels": ("facility", "alarm_id", "event_id"),
}
_WORDS = {"responses": ("action", get_args(Action)), "labels": ("verdict", get_args(Verdict))}


class Answers:
    """The responses or the labels of one table."""

    def __init__(
        self, topic: Topic, refuse: Callable[[int, Fault], None], order: Order = None
    ) -> None:
        self._topic, self._refuse = topic, refuse
        self._aside = Aside(("at",), order)
        self._none = 0

    def take(self, cells: Cells, lines: pl.Series) -> pl.DataFrame:
        """Rows without a time or an action are not responses; rows without a verdict are not
        labels.
        """
        name, words = _WORDS[self._topic]
        found = {one: cells.text(one) for one in _IDS[self._topic]}
        found[name] = word(cells, name)
        if self._topic == "labels":
            found |= {one: cells.text(one) for one in ("reviewer", "reason")}
        at = moments(cells, "at")
        found["at"], found["line"] = at.at, lines
        frame, faults = pl.DataFrame(found), cells.faults
        nothing = found[name].is_null()
        if self._topic == "responses":
            nothing = nothing | cells.text("at", is_number=True).is_null()
        nothing = nothing & pl.Series(faults.none)
        self._none += int(nothing.sum())
        for one in (*(("alarm_id",) if self._topic == "labels" else ()), "facility", name, "at"):
            faults.add(frame[one].is_null() & ~nothing, missing(one))
        if self._topic == "responses":
            fault = Fault("alarm_id", "missing", "required, or a bed, but missing")
            faults.add(frame["alarm_id"].is_null() & frame["bed"].is_null() & ~nothing, fault)
        for one in _IDS[self._topic]:
            check_id(frame, one, faults)
        check_words(frame, name, words, faults)
        good = faults.none & ~nothing.to_numpy()
        stays = self._aside.take(frame, good, {"at": at.twice} if at.twice else {})
        in_range(faults, "at", frame["at"].set(pl.Series(~stays) | nothing, None))
        for place, fault in faults:
            if not nothing[place]:
                self._refuse(frame["line"][place], fault)
        return frame.filter(pl.Series(faults.none & ~nothing.to_numpy() & stays))

    def finish(self) -> pl.DataFrame | None:
        settled = self._aside.settled()
        if settled is None:
            return None
        frame, undecided = settled
        faults = Faults(frame.height)
        add_undecided(faults, undecided)
        in_range(faults, "at", frame["at"])
        for place, fault in faults:
            self._refuse(frame["line"][place], fault)
        return frame.filter(pl.Series(faults.none))

    def notes(self, name: str) -> Iterator[str]:
        if self._none:
            what = "response" if self._topic == "responses" else "verdict"
            one = self._none == 1
            yield f"{name}: {self._none:,} {'row has' if one else 'rows have'} no {what}"


def facts_of_answers(
    topic: Topic, frame: pl.DataFrame, suffix: str
) -> Iterator[tuple[str, pl.DataFrame]]:
    if not frame.height:
        return
    of = pl.coalesce("alarm_id", "bed") if topic == "responses" else pl.col("alarm_id")
    frame = frame.with_columns(of.alias("of"))
    own = pl.format("{}/{}", own_id("at", suffix, of="of"), _WORDS[topic][0])
    fields = [one for one in _IDS[topic] if one != "event_id"]
    rest = [_WORDS[topic][0], "at"]
    free = [one for one in ("reviewer", "reason") if one in frame.columns]
    yield (
        topic,
        frame.select(
            pl.col("event_id").fill_null(own),
            *fields,
            *rest,
            *(cut(one) for one in free if frame[one].null_count() < frame.height),
        ),
    )
