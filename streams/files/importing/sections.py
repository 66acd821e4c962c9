"""Sections of a mapping: what the rows of a table are, and which columns are which fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from analyzer.whatif import FIELDS
from streams.files.importing.sources import Fields, Source, Texts, compiled
from streams.formats.times import parse_duration

INTERVAL_FIELDS = (*("class" if name == "class_" else name for name in FIELDS), "label")
"""Fields of a row that is a whole alarm."""
_OF_INTERVALS = (*INTERVAL_FIELDS, "lasts", "action", "responder")
_OF_EVENTS = (
    "facility",
    "unit",
    "bed",
    "alarm_id",
    "device_id",
    "device_type",
    "source",
    "code",
    "kind",
    "priority",
    "label",
    "value",
    "limit",
    "clinicians",
    "at",
)
_REQUIRED_OF_ALARMS = ("facility", "unit", "device_type", "code", "priority")
FIELDS_OF: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "intervals": (_OF_INTERVALS, (*_REQUIRED_OF_ALARMS, "start")),
    "events": ((*_OF_EVENTS, "phase", "event_id"), (*_REQUIRED_OF_ALARMS, "phase", "at")),
    "snapshots": (_OF_EVENTS, (*_REQUIRED_OF_ALARMS, "at")),
    "assignments": (
        (
            "facility",
            "unit",
            "bed",
            "clinician",
            "from",
            "to",
            "lasts",
            "date",
            "shift",
            "at",
            "role",
            "acuity",
            "assignment_id",
            "event_id",
        ),
        ("facility", "unit", "bed", "clinician"),
    ),
    "responses": (
        ("facility", "unit", "bed", "alarm_id", "clinician", "action", "at", "event_id"),
        ("facility", "action", "at"),
    ),
    "labels": (
        ("facility", "alarm_id", "verdict", "at", "reviewer", "reason", "event_id"),
        ("facility", "alarm_id", "verdict", "at"),
    ),
}
"""The fields that a section may have, and those that it must have."""


def _check_duration(text: str | None) -> str | None:
    if text is not None:
        parse_duration(text)
    return text


def _check_patterns(texts: tuple[str, ...]) -> tuple[str, ...]:
    for one in texts:
        if len(one) > 2 and one[0] == one[-1] == "/":
            compiled(one[1:-1])
    return texts


class Unpivot(BaseModel):
    """Columns that become rows (for example, one column for each day): each of their cells becomes
    a row, with the name of the column and the content of the cell as two new columns.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: Annotated[str, AfterValidator(lambda one: compiled(one).pattern)]
    """A pattern for the whole names of the columns."""
    name: str = "name"
    content: str = "content"


class Section(BaseModel):
    """The description of one kind of facts in a table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tables: Texts | None = None
    """Names of its files, such as `roster*.csv`; None: the files that have its columns."""
    rows: Literal["intervals", "events", "snapshots"] = "intervals"
    order: Literal["oldest first", "newest first"] | None = None
    """The order of rows with one time; None: the times show it."""
    again: Literal["same", "new"] = "same"
    """For events: whether an alarm that is raised again before its end is the same alarm."""
    of: Literal["bed", "table"] = "bed"
    """For snapshots: whether a snapshot covers one bed, or all beds of the table."""
    lost_after: Annotated[str | None, AfterValidator(_check_duration)] = None
    """For snapshots: after a longer silence, the alarms of the last snapshot have ended."""
    over_midnight: bool = False
    """For assignments: a time `to` that is not after `from` is on the next day."""
    fill_down: Annotated[tuple[str, ...], BeforeValidator(lambda one: one or ())] = ()
    """Columns whose empty cells repeat the one above."""
    only: dict[str, Annotated[Texts, AfterValidator(_check_patterns)]] = {}
    """Rows that count: those with one of these texts in this column. A text between slashes is a
    pattern.
    """
    leave_out: dict[str, Annotated[Texts, AfterValidator(_check_patterns)]] = {}
    unpivot: Unpivot | None = None
    fields: Fields = Field(default_factory=dict)

    def form(self, topic: str) -> str:
        """The kind of its rows: a key of the table of fields."""
        return self.rows if topic == "alarms" else topic

    def check(self, topic: str) -> None:
        """Raise `ValueError` for a field that this kind of facts does not have."""
        names = FIELDS_OF[self.form(topic)][0]
        for name in self.fields:
            if name not in names:
                raise ValueError(f"fields.{name}: expected one of {', '.join(names)}")

    def names(self, topic: str) -> tuple[str, ...]:
        return FIELDS_OF[self.form(topic)][0]

    def required(self, topic: str) -> tuple[str, ...]:
        found = FIELDS_OF[self.form(topic)][1]
        if topic == "assignments" and "date" not in self.fields:
            return (*found, "from")
        return (*found, "shift") if topic == "assignments" else found

    def source(self, name: str) -> Source:
        """The source of a field; by default, the column with its name."""
        return self.fields.get(name) or Source(column=name)

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """The columns that the section names, each with its place in the mapping."""
        made = set() if self.unpivot is None else {self.unpivot.name, self.unpivot.content}
        for name, source in self.fields.items():
            for column in source.names:
                if column not in made:
                    yield f"fields.{name}", column
        for key in ("fill_down", "only", "leave_out"):
            for column in getattr(self, key):
                if column not in made:
                    yield key, column

    @model_validator(mode="after")
    def _hours_or_times(self) -> Section:
        if "shift" in self.fields and "from" in self.fields:
            raise ValueError("fields: expected either date and shift, or from and to")
        return self
