"""Mappings: which columns of a table are which field of a fact, from a YAML file.

    csv: {delimiter: ";", decimal: ",", encoding: cp1252, skip: 2}    # recognised where left out
    sheet: Alarms                   # of a workbook; the first one if left out
    zone: Europe/Berlin             # of all times without an offset
    absent: ["-999"]                # what else is no value, beside ---, n/a, NaN and the like
    texts:                          # columns that hold several things
      - column: Text
        patterns:                   # the first one that fits the whole text; names are new columns
          - '(?P<source>.+?) (?P<value>[0-9.]+) (?P<code>[<>]) (?P<limit>[0-9.]+)'
          - '(?P<code>.+)'
    alarms:
      rows: intervals               # or events, or snapshots
      fill_down: [Ward]
      fields:
        facility: {value: General}    # the same for all rows
        unit: Ward                    # a column
        alarm_id: {columns: [Bed, No], join: "/"}    # several, as one text
        # time: a format, or ms, s or rfc3339
        start: {column: onset, time: "%d.%m.%Y %H:%M:%S"}
        lasts: {column: seconds}      # instead of end: seconds after start
        priority: {column: Text, marks: {"***": high, "**": medium, "*": low}}
        class: {column: judged, words: {TP: actionable, FP: non_actionable}, otherwise: unknown}
        clinicians: {column: staff, separator: ","}
    assignments: {fields: {...}}
    responses: {fields: {...}}
    labels: {fields: {...}}

A section makes the facts of one topic. Without any section, `fields` are those of `alarms`, whose
rows are intervals. A field that is not listed is read from the column of the same name. A column
that is named and not there, or none for a required field, is an error; an empty cell of such a
field makes its row malformed.

All that the file says is text: `Yes`, `No`, `On`, `Off` and numbers are not changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from analyzer import Topic
from streams.files.importing.sections import INTERVAL_FIELDS, Section
from streams.files.importing.sources import Fields, Source, Text, Zone
from streams.files.lines import InputError, shown
from streams.files.tables import Csv, names_shown
from streams.formats.texts import printable
from streams.formats.yaml_files import SafeLoader, expected

NAMES = INTERVAL_FIELDS
SECTIONS: tuple[Topic, ...] = ("alarms", "assignments", "responses", "labels")
__all__ = ["NAMES", "SECTIONS", "Csv", "Source", "Table", "load_mapping"]


class Table(BaseModel):
    """A mapping file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    csv: Csv = Csv()
    sheet: str | None = None
    zone: Zone = None
    absent: frozenset[str] = frozenset()
    texts: tuple[Text, ...] = ()
    fields: Fields | None = None
    alarms: Section | None = None
    assignments: Section | None = None
    responses: Section | None = None
    labels: Section | None = None

    @model_validator(mode="after")
    def _known_fields(self) -> Table:
        named = [topic for topic in SECTIONS if getattr(self, topic) is not None]
        if self.fields is not None and named:
            raise ValueError(f"fields: expected within a section, as under {named[0]}")
        for topic, section in self.sections.items():
            try:
                section.check(topic)
            except ValueError as error:
                raise ValueError(f"{f'{topic}.' if named else ''}{error}") from None
        return self

    @property
    def sections(self) -> dict[Topic, Section]:
        """The sections of the mapping, by topic."""
        found: dict[Topic, Section] = {
            topic: section for topic in SECTIONS if (section := getattr(self, topic)) is not None
        }
        return found or {"alarms": Section(fields=self.fields or {})}

    @property
    def topics(self) -> tuple[Topic, ...]:
        """The topics for which the tables may hold facts. Rows that are whole alarms also have
        responses and verdicts.
        """
        found = set(self.sections)
        if (alarms := self.sections.get("alarms")) is not None and alarms.rows == "intervals":
            found |= {"responses", "labels"}
        return tuple(topic for topic in SECTIONS if topic in found)

    def place(self, topic: Topic) -> str:
        """How messages begin that are about a section."""
        return f"{topic}." if getattr(self, topic) is not None else ""

    @property
    def known(self) -> set[str]:
        """The names of columns that a table may have for this mapping."""
        found = {text.column for text in self.texts}
        for topic, section in self.sections.items():
            found |= {column for _, column in section.named_columns()}
            found |= {name for name in section.names(topic) if name not in section.fields}
        return found

    def missing(self, topic: Topic, columns: Sequence[str]) -> list[tuple[str, str]]:
        """Columns that a section names and a table does not have, each with where it is named."""
        there = {*columns, *(name for text in self._texts_of(columns) for name in text.groups)}
        section = self.sections[topic]
        found = [
            (self.place(topic) + of, name)
            for of, name in section.named_columns()
            if name not in there
        ]
        groups = {name for text in self.texts for name in text.groups}
        if groups & {name for _, name in found} or not self.place(topic):
            found += [
                (f"texts.{number}", text.column)
                for number, text in enumerate(self.texts)
                if text.column not in columns
            ]
        return found

    def lacking(self, topic: Topic, columns: Sequence[str]) -> list[str]:
        """Required fields for which there is neither a line nor a column."""
        there = {*columns, *(name for text in self._texts_of(columns) for name in text.groups)}
        section = self.sections[topic]
        return [
            name
            for name in section.required(topic)
            if name not in section.fields and name not in there
        ]

    def check(self, topic: Topic, columns: Sequence[str], path: Path, mapping: Path | None) -> None:
        """Raise `InputError` if the table has not all columns that a section needs."""
        has = f"(it has: {names_shown(columns)})"
        if missing := self.missing(topic, columns):
            of = ", ".join(dict.fromkeys(of for of, _ in missing))
            names = names_shown(list(dict.fromkeys(name for _, name in missing)))
            raise InputError(f"{mapping}: {of}: {shown(path)} has no column {names} {has}")
        if without := self.lacking(topic, columns):
            raise InputError(
                f"{shown(path)} has no column {', '.join(without)} {has}; "
                "--mapping says which column is what"
            )

    def _texts_of(self, columns: Sequence[str]) -> Iterator[Text]:
        return (text for text in self.texts if text.column in columns)


_KEPT = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")


class _AsText(SafeLoader):
    """Reads every word as text: `No` is a column's name or a verdict, and no truth value."""


_AsText.yaml_implicit_resolvers = {
    first: [one for one in resolvers if one[0] in _KEPT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


_MAPS = Path(__file__).parent / "maps"
"""Ready mappings, each with a table of the same form."""


def ready_maps() -> Iterator[tuple[str, str]]:
    """The names of the ready mappings, each with the first line of its comment."""
    for path in sorted(_MAPS.glob("*.yml")):
        yield path.stem, path.read_text().partition("\n")[0].removeprefix("# ")


def load_mapping(path: Path | None) -> Table:
    """Read a mapping file, or a ready one by its name; None: every field has a column of its own
    name. Raises `InputError`.
    """
    if path is None:
        return Table()
    if path.parent == Path() and not path.suffix and not path.is_file():
        ready = _MAPS / f"{path}.yml"
        if not ready.is_file():
            names = ", ".join(name for name, _ in ready_maps())
            raise InputError(f"{path}: no such file, and no ready mapping (there are: {names})")
        path = ready
    try:
        # it is a SafeLoader
        found = Table.model_validate(yaml.load(path.read_text("utf-8-sig"), _AsText) or {})  # noqa: S506
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except ValidationError as error:  # a ValueError, too
        one = error.errors()[0]
        where = ".".join(map(str, one["loc"]))
        says = one["msg"].removeprefix("Value error, ")
        if not where and one["type"] == "model_type":
            says = "expected a mapping, as `name: value`"
        # a name in the file may hold any character
        raise InputError(printable(f"{path}: {where}{': ' if where else ''}{says}")) from None
    # not UTF-8, an impossible date, nested too deeply
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f" (line {mark.line + 1})"
        raise InputError(printable(f"{path}: {expected(error)}{line}")) from None
    return found
