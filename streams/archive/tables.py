"""The tables of the archive: their columns, what identifies a row, and the time that dates it.

Columns have the names of the fields in JSON (docs/reference/topics.md). `facility` and `date` are
directories, `facility=F/date=YYYY-MM-DD`, which readers of Parquet turn into columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import polars as pl

SCHEMA_VERSION = 1
"""Raised when a column changes its name, type or meaning. Columns may be added without."""

TableName = Literal["episodes", "overload", "assignments", "responses"]
TABLE_NAMES: tuple[TableName, ...] = get_args(TableName)

TIME = pl.Datetime("ms", "UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of the archive.

    `time` is the column whose UTC date is the row's directory. Rows with the same `key` are
    editions of one thing. `reach_days` is how far apart their dates can be: so many days around a
    new edition are searched for the one before it.
    """

    name: TableName
    columns: Mapping[str, pl.DataType]
    key: tuple[str, ...]
    time: str
    reach_days: int

    @property
    def times(self) -> list[str]:
        return [name for name, type_ in self.columns.items() if type_ == TIME]

    @property
    def order(self) -> tuple[str, ...]:
        """The columns by which the rows of a file are sorted."""
        return (self.time, *(name for name in self.key if name != self.time))


_TEXT, _NUMBER, _YES = pl.String(), pl.Float64(), pl.Boolean()
_TEXTS = pl.List(pl.String)
_REASON = {
    "measure": pl.String,
    "value": pl.Float64,
    "limit": pl.Float64,
    "state": pl.String,
    "enter": pl.Float64,
    "leave": pl.Float64,
    "text": pl.String,
}
_TYPE = {
    "device_type": pl.String,
    "source": pl.String,
    "code": pl.String,
    "name": pl.String,
    "alarms": pl.Int64,
}
_GIVER = {"clinician": pl.String, "alarms_1h": pl.Float64, "alarms_1h_after": pl.Float64}
_RELIEF: dict[str, pl.DataType] = {
    "bed": pl.String(),
    "from": pl.Struct(_GIVER),
    "to": pl.Struct(_GIVER | {"beds_after": pl.Int64}),
    "text": pl.String(),
}
_CORRECTS = {"from": pl.String, "to": pl.String, "at": pl.Int64}

TABLES: dict[TableName, Table] = {
    one.name: one
    for one in (
        Table(
            name="episodes",
            columns={
                "id": _TEXT,
                "unit": _TEXT,
                "bed": _TEXT,
                "alarm_id": _TEXT,
                "device_id": _TEXT,
                "device_type": _TEXT,
                "source": _TEXT,
                "code": _TEXT,
                "kind": _TEXT,
                "label": _TEXT,
                "priority": _TEXT,
                "start": TIME,
                "end": TIME,
                "value": _NUMBER,
                "limit": _NUMBER,
                "clinicians": _TEXTS,
                "class": _TEXT,
                "basis": _TEXT,
                "first_response": TIME,
                "pseudonym_key": _TEXT,
                "pseudonym_period": _TEXT,
            },
            key=("alarm_id",),
            time="start",
            reach_days=2,  # a later fact moves a start within the horizon of 26 h
        ),
        Table(
            name="overload",
            columns={
                "id": _TEXT,
                "unit": _TEXT,
                "level": _TEXT,
                "clinician": _TEXT,
                "at": TIME,
                "from": _TEXT,
                "to": _TEXT,
                "reasons": pl.List(pl.Struct(_REASON)),
                "top_types": pl.List(pl.Struct(_TYPE)),
                "relief": pl.Struct(_RELIEF),
                "relief_text": _TEXT,
                "withdrawn": _YES,
                "corrected_at": TIME,
                "corrected_by": _TEXTS,
                "corrects": pl.Struct(_CORRECTS),
                "pseudonym_key": _TEXT,
                "pseudonym_period": _TEXT,
            },
            key=("unit", "clinician", "at"),
            time="at",
            reach_days=0,
        ),
        Table(
            name="assignments",
            columns={
                "event_id": _TEXT,
                "assignment_id": _TEXT,
                "unit": _TEXT,
                "bed": _TEXT,
                "clinician": _TEXT,
                "from": TIME,
                "to": TIME,
                "at": TIME,
                "role": _TEXT,
                "acuity": _NUMBER,
            },
            key=("assignment_id",),
            time="from",
            reach_days=35,  # a roster is planned by the month
        ),
        Table(
            name="responses",
            columns={
                "event_id": _TEXT,
                "unit": _TEXT,
                "bed": _TEXT,
                "alarm_id": _TEXT,
                "clinician": _TEXT,
                "at": TIME,
                "action": _TEXT,
            },
            key=("event_id",),
            time="at",
            reach_days=0,
        ),
    )
}
"""By name. Times are UTC timestamps in ms, `clinician` and `clinicians` are pseudonyms."""
