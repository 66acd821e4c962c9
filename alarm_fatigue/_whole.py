"""Whole: what follows from everything recorded, as of the watermark, in one walk through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import msgspec
import numpy as np
import polars as pl

from alarm_fatigue._facts import Recording, lists
from analyzer import ChangeRecord, Engine, EpisodeRecord, Finished, Policy
from streams.files.extent import WHOLE
from streams.files.findings import written
from streams.formats.sinks import encode_change

_ROW = "row"
_CHANGES_AT_ONCE = 1000
_MOMENT = pl.Datetime("ms", "UTC")
EPISODES: dict[str, Any] = {
    "class" if name == "class_" else name: kind
    for name, kind in {
        **dict.fromkeys(EpisodeRecord.__slots__, pl.Categorical),
        "alarm_id": pl.String,
        "start": _MOMENT,
        "end": _MOMENT,
        "first_response": _MOMENT,
        "value": pl.Float64,
        "limit": pl.Float64,
        "clinicians": pl.List(pl.String),
    }.items()
}
_TYPE = {"device_type": pl.String, "source": pl.String, "code": pl.String}
_REASON = {
    "measure": pl.String,
    "value": pl.Float64,
    "limit": pl.Float64,
    "state": pl.String,
    "enter": pl.Float64,
    "leave": pl.Float64,
    "text": pl.String,
}
CHANGES: dict[str, Any] = {
    "facility": pl.String,
    "unit": pl.String,
    "level": pl.String,
    "clinician": pl.String,
    "at": pl.Int64,
    "from": pl.String,
    "to": pl.String,
    "reasons": pl.List(pl.Struct(_REASON)),
    "top_types": pl.List(pl.Struct(_TYPE | {"name": pl.String, "alarms": pl.Int64})),
    "relief_text": pl.String,
}
FINDINGS: dict[str, Any] = {
    "facility": pl.String,
    "unit": pl.String,
    "rank": pl.Int64,
    **_TYPE,
    "name": pl.String,
    "alarms": pl.Int64,
    "alarms_share": pl.Float64,
    "load": pl.Int64,
    "load_share": pl.Float64,
    "nonactionable_share": pl.Float64,
    "nonactionable_low": pl.Float64,
    "nonactionable_high": pl.Float64,
    "technical": pl.Int64,
    "priority": pl.String,
    "sounding_seconds": pl.Float64,
    "beds": pl.Int64,
    "verdict": pl.String,
    "advice": pl.String,
    "remedy": pl.String,
    "owner": pl.String,
    "clinical_review": pl.Boolean,
    "delay_seconds": pl.Float64,
    "hidden": pl.Int64,
    "hidden_of": pl.Int64,
    "hidden_upper": pl.Float64,
    "says": pl.String,
}


@dataclass(frozen=True, slots=True)
class Whole:
    """Frames with the columns `EPISODES` and `CHANGES`, and what knows the findings."""

    episodes: pl.DataFrame
    changes: pl.DataFrame
    engines: list[Engine]


def whole(
    recordings: Iterable[Recording],
    policy: Policy,
    pseudonym: Callable[[str], str],
    progress: Callable[[int], object],
) -> Whole:
    """`progress` is called with how many facts more are taken in."""
    episodes: list[pl.DataFrame] = []
    changes: list[pl.DataFrame] = []
    engines: list[Engine] = []
    for recording in recordings:
        found = _Episodes(pseudonym)
        engine = recording.through(policy, found, progress)
        episodes += found.frames()
        changes.append(_changes(engine.emit_changes(), pseudonym))
        engines.append(engine)
    return Whole(
        pl.concat(episodes, rechunk=False) if episodes else pl.DataFrame(schema=EPISODES),
        pl.concat(changes) if changes else pl.DataFrame(schema=CHANGES | {"at": _MOMENT}),
        engines,
    )


class _Episodes:
    """The records of finished episodes, in the order of `replay --episodes`."""

    def __init__(self, pseudonym: Callable[[str], str]) -> None:
        self._pseudonym = pseudonym
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._parts: list[pl.DataFrame] = []
        """Each has all episodes that ended between those of the part before and after it."""
        self._later: list[pl.DataFrame] = []
        """Records of episodes that were told before."""
        self._start = np.empty(0, dtype=np.int64)
        """By row of the state: the start of its last episode. A row is used again later."""

    def take(self, found: Finished) -> None:
        if not len(found):
            return
        rows = found.rows
        frame = self._frame(found)
        more = int(rows.max()) + 1 - len(self._start)
        if more > 0:
            self._start = np.append(self._start, np.full(more + len(self._start) // 8, -1))
        start = frame["start"].to_physical().to_numpy()
        again = self._start[rows] == start
        self._start[rows] = start
        if again.any():
            self._later.append(frame.filter(again))
            frame = frame.filter(~again)
        self._parts.append(frame.shrink_to_fit())

    def _frame(self, found: Finished) -> pl.DataFrame:
        """With the row of the state that each record is about."""
        columns = []
        for (name, kind), column in zip(EPISODES.items(), found.columns, strict=True):
            if name == "clinicians":
                columns.append(lists(name, column, lambda team: sorted(map(self._pseudonym, team))))
            else:
                some = pl.Series(name, column, dtype=pl.Int64 if kind == _MOMENT else kind)
                columns.append(some.cast(kind))
        return pl.DataFrame([*columns, pl.Series(_ROW, found.rows, dtype=pl.Int32)])

    def frames(self) -> Iterator[pl.DataFrame]:
        """The last record of each episode, part by part."""
        later = pl.DataFrame()
        if self._later:
            later = pl.concat(self._later).unique([_ROW, "start"], keep="last")
        for part in self._parts:
            if len(later):
                part = self._brought_up_to_date(part, later)
            yield part.drop(_ROW)

    def _brought_up_to_date(self, part: pl.DataFrame, later: pl.DataFrame) -> pl.DataFrame:
        known = part.select(_ROW, "start")
        new = later.join(known, on=[_ROW, "start"], how="semi")
        if not len(new):
            return part
        kept = part.join(new.select(_ROW, "start"), on=[_ROW, "start"], how="anti")
        return pl.concat([kept, new]).sort("end", "alarm_id", maintain_order=True)


def _changes(changes: list[ChangeRecord], pseudonym: Callable[[str], str]) -> pl.DataFrame:
    told = [one for one in changes if not one.retracted]
    parts = [pl.DataFrame(schema=CHANGES)]
    for begin in range(0, len(told), _CHANGES_AT_ONCE):
        rows = [
            msgspec.json.decode(encode_change(one, pseudonym))
            for one in told[begin : begin + _CHANGES_AT_ONCE]
        ]
        part = pl.DataFrame([{name: row[name] for name in CHANGES} for row in rows], schema=CHANGES)
        # frames of lists built from rows have room for many more: a copy takes a tenth
        part.write_ipc(file := BytesIO())
        parts.append(pl.read_ipc(file.getvalue(), memory_map=False))
    return pl.concat(parts).with_columns(pl.col("at").cast(_MOMENT))


def findings(engines: Iterable[Engine], policy: Policy) -> pl.DataFrame:
    """The columns `FINDINGS`, by facility, unit and rank."""
    units = [
        unit
        for engine in engines
        for evidence in engine.evidence_since(None)
        for unit in evidence.findings()
    ]
    rows = []
    for text in written(units, WHOLE, policy):
        for one in map(msgspec.json.decode, text.findings):
            delay, hidden = one["delay"] or {}, one["hidden"] or {}
            rows.append(
                one
                | {
                    "facility": text.facility,
                    "unit": text.unit,
                    "alarms": one["alarms"]["count"],
                    "alarms_share": one["alarms"]["share"],
                    "load": one["load"]["count"],
                    "load_share": one["load"]["share"],
                    "nonactionable_share": one["nonactionable"]["share"],
                    "nonactionable_low": one["nonactionable"]["low"],
                    "nonactionable_high": one["nonactionable"]["high"],
                    "technical": one["technical"]["count"],
                    "delay_seconds": delay.get("seconds"),
                    "hidden": hidden.get("count"),
                    "hidden_of": hidden.get("of"),
                    "hidden_upper": hidden.get("upper"),
                }
            )
    return pl.DataFrame([{name: row[name] for name in FINDINGS} for row in rows], schema=FINDINGS)
