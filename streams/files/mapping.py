"""Mappings: which columns of a table are which field of an alarm, from a YAML file.

    csv: {delimiter: ";", decimal: ",", encoding: cp1252, skip: 2}    # recognised where left out
    absent: ["-999"]                # what else is no value, beside ---, n/a, NaN and the like
    texts:                          # columns that hold several things
      - column: Text
        patterns:                   # the first one that fits the whole text; names are new columns
          - '(?P<source>.+?) (?P<value>[0-9.]+) (?P<code>[<>]) (?P<limit>[0-9.]+)'
          - '(?P<code>.+)'
    fields:
      facility: {value: General}    # the same for all rows
      unit: ward                    # a column
      alarm_id: {columns: [Bed, No], join: "/"}    # several, as one text
      # time: a format, or ms, s or rfc3339
      start: {column: onset, time: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}
      lasts: {column: seconds}      # instead of end: seconds after start
      class:
        column: judged
        words: {TP: actionable, FP: non_actionable}
        otherwise: unknown
      clinicians: {column: staff, separator: ","}

A field that is not listed is read from the column of the same name. Without such a column,
`alarm_id` is the number of the row, `kind` is physiological, `class` is unknown, and `bed` is the
device or else `?`. The class of a technical alarm without a verdict is technical. A column that is
named and not there, or none for another required field, is an error; an empty cell of such a field
makes its row malformed.

All that the file says is text: `Yes`, `No`, `On`, `Off` and numbers are not changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from analyzer.model import EARLIEST, LATEST, expected_time
from analyzer.whatif import FIELDS
from streams.files.lines import InputError, shown
from streams.files.local_times import Twice, reading
from streams.files.tables import Csv, names_shown
from streams.formats.codec import Malformed, milliseconds
from streams.formats.times import since_epoch

NAMES = (*("class" if name == "class_" else name for name in FIELDS), "label")
REQUIRED = ("facility", "unit", "device_type", "code", "priority", "start")
"""Fields without which a row is no alarm, and which have no fallback."""
_TIMES = ("start", "end", "first_response")
_NUMBERS = ("value", "limit")
_IDS = (
    "facility",
    "unit",
    "bed",
    "alarm_id",
    "device_id",
    "device_type",
    "source",
    "code",
)
_NO_TEXT = re.compile(r"[-\u2013\u2014\s]*|#?n/a|n\.a\.|#?nan|null|<na>|nat", re.IGNORECASE)
_NO_NUMBER = re.compile(rf"[-\u2013\u2014\s.?*_]*|na|none|{_NO_TEXT.pattern}", re.IGNORECASE)
"""How programs write that there is no value."""
_MAY_BEGIN_NONE = frozenset("-\u2013\u2014.?*_#<nN")
"""What such a text begins with; most texts do not, and need no look by a pattern."""
_MILLISECONDS = re.compile(r"[+-]?\d+(\.0*)?")
_LONGEST_TEXT = 1024
"""Characters of a text that patterns take apart."""


def _check_zone(name: str | None) -> str | None:
    try:
        return None if name is None else ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("expected a time zone such as Europe/Berlin") from None


def _compiled(pattern: str) -> str:
    try:
        if not re.compile(pattern).groupindex:
            raise ValueError("expected a named group such as (?P<code>.+)")
    except (re.error, RecursionError, OverflowError):
        raise ValueError("expected a regular expression") from None
    return pattern


class Source(BaseModel):
    """Where a field comes from: a column, several that are joined, or one value for all rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str | None = None
    columns: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    join: str = " "
    value: str | None = None
    words: dict[str, str | None] | None = None
    otherwise: str | None = None
    """For a column with `words`: the value of any other text; None: the text itself."""
    time: str = "rfc3339"
    zone: Annotated[str | None, AfterValidator(_check_zone)] = None
    separator: Annotated[str, Field(min_length=1)] = ";"

    @model_validator(mode="after")
    def _one_of_them(self) -> Source:
        if sum(one is not None for one in (self.column, self.columns, self.value)) != 1:
            raise ValueError("expected either column or value, or several columns")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it is read from."""
        return self.columns or (() if self.column is None else (self.column,))


def _named(source: Any) -> Any:
    if isinstance(source, list):
        return {"columns": source}
    return {"column": source} if isinstance(source, str) else source


class Text(BaseModel):
    """A column that patterns take apart; the names of their groups are columns, too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    patterns: Annotated[tuple[Annotated[str, AfterValidator(_compiled)], ...], Field(min_length=1)]

    @property
    def groups(self) -> set[str]:
        return {name for one in self.patterns for name in re.compile(one).groupindex}

    def parts(self, text: Any) -> dict[str, str | None]:
        """The groups of the first pattern that fits. Raises `Malformed`."""
        if text is None or _NO_TEXT.fullmatch(found := str(text).strip()):
            return {}
        if len(found) <= _LONGEST_TEXT:
            for one in self.patterns:
                if match := re.fullmatch(one, found):
                    return match.groupdict()
        raise Malformed(f"{self.column[:40]}: expected a text that fits one of the patterns")


class Table(BaseModel):
    """A mapping file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    csv: Csv = Csv()
    absent: frozenset[str] = frozenset()
    texts: tuple[Text, ...] = ()
    fields: dict[str, Annotated[Source, BeforeValidator(_named)]] = {}

    @model_validator(mode="after")
    def _known_fields(self) -> Table:
        for name in self.fields:
            if name not in (*NAMES, "lasts"):
                raise ValueError(f"fields.{name}: expected one of {', '.join((*NAMES, 'lasts'))}")
        return self

    @property
    def known(self) -> set[str]:
        """The names of columns that a table may have for this mapping."""
        named = {one for _, one in self._named_columns()}
        return named | {name for name in (*NAMES, "lasts") if name not in self.fields}

    def _named_columns(self) -> Iterator[tuple[str, str]]:
        for name, source in self.fields.items():
            for column in source.names:
                yield f"fields.{name}", column
        for number, text in enumerate(self.texts):
            yield f"texts.{number}", text.column

    def check(self, columns: Sequence[str], path: Path, mapping: Path | None) -> None:
        """Raise `InputError` if the table has not all columns that are needed."""
        there = {*columns, *(name for text in self.texts for name in text.groups)}
        has = f"(it has: {names_shown(columns)})"
        missing = [(of, name) for of, name in self._named_columns() if name not in there]
        if missing:
            of = ", ".join(dict.fromkeys(of for of, _ in missing))
            names = names_shown(list(dict.fromkeys(name for _, name in missing)))
            raise InputError(f"{mapping}: {of}: {shown(path)} has no column {names} {has}")
        without = [name for name in REQUIRED if name not in self.fields and name not in there]
        if without:
            raise InputError(
                f"{shown(path)} has no column {', '.join(without)} {has}; "
                "--mapping says which column is what"
            )

    def episode(self, row: Mapping[str, Any], number: int) -> dict[str, Any]:
        """The fields of a row. Times by a clock that was changed are `Twice`. Raises
        `Malformed`.
        """
        if self.texts:
            row = dict(row)
            for text in self.texts:
                row |= text.parts(row.get(text.column))
        found = {name: self._field(name, row) for name in NAMES}
        for name in _IDS:
            found[name] = _as_text(found[name])
        for name, fallback in (("alarm_id", str(number)), ("bed", found["device_id"] or "?")):
            found[name] = fallback if found[name] is None else found[name]
        self._classify(found)
        for name in _TIMES:
            found[name] = None if found[name] is None else self._moment(name, found[name])
        for name in _NUMBERS:
            found[name] = None if found[name] is None else float(self._number(name, found[name]))
        if found["start"] is None:
            raise Malformed("start: required, but missing")
        if (lasts := self._field("lasts", row)) is not None:
            lasting = _milliseconds("lasts", self._number("lasts", lasts) * 1000)
            if isinstance(found["start"], Twice):
                found["lasts"] = lasting
            else:
                found["end"] = found["start"] + lasting
        found["clinicians"] = self._people(found["clinicians"])
        found["label"] = _as_text(found["label"])
        return {name: one for name, one in found.items() if one is not None}

    @staticmethod
    def _classify(found: dict[str, Any]) -> None:
        """A technical alarm without a verdict is of class technical, and the other way round."""
        if found["kind"] is None:
            found["kind"] = "technical" if found["class"] == "technical" else "physiological"
        if found["kind"] == "technical" and found["class"] in (None, "unknown", "pending"):
            found["class"] = "technical"
        elif found["class"] is None:
            found["class"] = "unknown"

    def _field(self, name: str, row: Mapping[str, Any]) -> Any:
        """The value of a field, or None."""
        source = self.fields.get(name)
        if source is None:
            found = row.get(name)
        elif source.value is not None:
            return source.value
        elif source.column is not None:
            found = row.get(source.column)
        else:
            found = self._joined(source, row)
        if source is not None and source.words is not None and found is not None:
            text = str(found).strip()
            if text in source.words:
                found = source.words[text]
            elif source.otherwise is not None:
                return source.otherwise
        return None if self._is_absent(name, found) else found

    def _joined(self, source: Source, row: Mapping[str, Any]) -> str | None:
        parts = [row.get(one) for one in source.names]
        if all(self._is_absent("", one) for one in parts):
            return None
        return source.join.join("" if one is None else str(_as_text(one)).strip() for one in parts)

    def _is_absent(self, name: str, value: Any) -> bool:
        if not isinstance(value, str):  # NaN is no number, not even itself
            return value is None or (isinstance(value, float) and value != value)
        text = value.strip()
        if not text or (self.absent and text in self.absent):
            return True
        if text[0] not in _MAY_BEGIN_NONE:
            return False
        is_no_text = name in (*_TIMES, *_NUMBERS, "lasts")
        return (_NO_NUMBER if is_no_text else _NO_TEXT).fullmatch(text) is not None

    def _moment(self, name: str, value: Any) -> int | Twice:
        source = self.fields.get(name) or Source(column=name)
        if isinstance(value, datetime):
            return _since(value, source.zone, name)
        if source.time in ("ms", "s"):
            return _milliseconds(
                name, self._number(name, value) * (1 if source.time == "ms" else 1000)
            )
        text = str(value).strip()
        if source.time == "rfc3339":
            return self._plain_time(name, text, source.zone)
        try:
            # the text has no zone, so that of the mapping applies
            return _since(datetime.strptime(text, source.time), source.zone, name)
        except (ValueError, re.error):
            raise Malformed(f"{name}: expected a time like {source.time}") from None

    def _plain_time(self, name: str, text: str, zone: str | None) -> int | Twice:
        """Milliseconds, RFC 3339, or the same without an offset if the mapping names a zone."""
        if _MILLISECONDS.fullmatch(text):
            found = _milliseconds(name, Decimal(text))
            if found < EARLIEST <= found * 1000 <= LATEST:
                raise Malformed(f"{name}: expected {expected_time(found)} (time: s in the mapping)")
            return found
        if zone is not None:
            try:
                return _since(datetime.fromisoformat(text), zone, name)
            except ValueError:
                pass
        return milliseconds(text, name)

    def _number(self, name: str, value: Any) -> Decimal:
        try:
            found = Decimal(str(value).strip().replace(self.csv.decimal, "."))
            if found.is_finite() and isfinite(float(found)):
                return found
        except (InvalidOperation, OverflowError):
            pass
        raise Malformed(f"{name}: expected a number")

    def _people(self, value: Any) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, str | list | tuple):
            value = str(_as_text(value))
        source = self.fields.get("clinicians")
        some = value.split(source.separator if source else ";") if isinstance(value, str) else value
        return tuple(
            text for one in some if not self._is_absent("", one) and (text := str(one).strip())
        )


def _as_text(value: Any) -> Any:
    """An id: without spaces around it, and as text where the table has numbers.

    >>> _as_text(" B1 "), _as_text(12), _as_text(12.0)
    ('B1', '12', '12')
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float | Decimal) else value


def _milliseconds(name: str, found: Decimal) -> int:
    """A duration or a time as an integer. It is bounded first: an unbounded integer may have
    millions of digits. Raises `Malformed`.
    """
    if abs(found) > LATEST:
        raise Malformed(f"{name}: expected no more than the milliseconds from 1970 to 2100")
    return int(found)


def _since(moment: datetime, zone: str | None, name: str) -> int | Twice:
    try:
        if moment.tzinfo is not None:
            return since_epoch(moment)
        return reading(moment, zone or "UTC")
    except (OverflowError, ValueError):  # the zone moves it before year 1 or after 9999
        raise Malformed(f"{name}: expected a time from 1970 to 2100") from None


_KEPT = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")


class _AsText(yaml.SafeLoader):
    """Reads every word as text: `No` is a column's name or a verdict, and no truth value."""


_AsText.yaml_implicit_resolvers = {
    first: [one for one in resolvers if one[0] in _KEPT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_mapping(path: Path | None) -> Table:
    """Read a mapping file; None: every field has a column of its own name. Raises `InputError`."""
    if path is None:
        return Table()
    try:
        # it is a SafeLoader
        return Table.model_validate(yaml.load(path.read_text("utf-8-sig"), _AsText) or {})  # noqa: S506
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except ValidationError as error:  # a ValueError, too
        one = error.errors()[0]
        where = ".".join(map(str, one["loc"]))
        raise InputError(
            f"{path}: {where}{': ' if where else ''}{one['msg'].removeprefix('Value error, ')}"
        ) from None
    # not UTF-8, an impossible date, nested too deeply
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InputError(f"{path}: expected YAML") from None
