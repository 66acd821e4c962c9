"""The source of a field in a mapping, and the meanings of its texts."""

from __future__ import annotations

import re
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)


def _check_zone(name: str | None) -> str | None:
    try:
        return None if name is None else ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected a time zone such as Europe/Berlin") from None


def _with_a_group(pattern: str) -> str:
    if not compiled(pattern).groupindex:
        raise ValueError("expected a named group such as (?P<code>.+)")
    return pattern


def _of_one_part(pattern: str) -> str:
    if compiled(pattern).groups > 1:
        raise ValueError("expected at most one group: the part that is the value")
    return pattern


def compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        raise ValueError("expected a regular expression") from None


def _as_tuple(found: Any) -> Any:
    return (found,) if isinstance(found, str) else found


Zone = Annotated[str | None, AfterValidator(_check_zone)]
Texts = Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_as_tuple)]


class Source(BaseModel):
    """The source of a field: a column, several joined columns, or one value for all rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str | None = None
    columns: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    join: str = " "
    value: str | None = None
    pattern: Annotated[str, AfterValidator(_of_one_part)] | None = None
    """A pattern that is searched for in the text. Its group, or else the match, is the value."""
    marks: dict[str, str] | None = None
    """Marks at the beginning of a text, such as `***`, and their values: the longest one counts."""
    words: dict[str, str | None] | None = None
    otherwise: str | None = None
    """For a column with `words`, `marks` or `pattern`: the value of any other text. None: with
    words the text itself, with a pattern or marks no value.
    """
    time: Texts = ("rfc3339",)
    """Formats; the first one that fits counts."""
    zone: Zone = None
    separator: Annotated[str, Field(min_length=1)] | None = None
    """The separator of several values in a cell."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Source:
        if sum(one is not None for one in (self.column, self.columns, self.value)) != 1:
            raise ValueError("expected either column or value, or several columns")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The columns from which it is read."""
        return self.columns or (() if self.column is None else (self.column,))


def _named(source: Any) -> Any:
    if isinstance(source, list):
        return {"columns": source}
    return {"column": source} if isinstance(source, str) else source


Fields = dict[str, Annotated[Source, BeforeValidator(_named)]]


class Text(BaseModel):
    """A column that patterns split; each named group becomes a column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    patterns: Annotated[
        tuple[Annotated[str, AfterValidator(_with_a_group)], ...], Field(min_length=1)
    ]

    @property
    def groups(self) -> set[str]:
        return {name for one in self.patterns for name in re.compile(one).groupindex}
