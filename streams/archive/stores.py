"""Stores of an archive's files: a folder (`streams.archive.folder`), or a bucket of an object store
(`streams.archive.bucket`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol
from urllib.parse import quote, unquote

import polars as pl

from streams.archive.tables import Table

ROWS = "rows.parquet"
SCHEMA, FORGOTTEN = "_schema.json", "_forgotten.json"

Json = dict[str, Any]
Change = tuple[date, pl.DataFrame | None]
"""A day's new rows and retractions, as `read_day` gives them. None: delete the whole day."""


class ArchiveError(Exception):
    """Why the archive cannot be used, in one line."""


def cause(error: Exception) -> str:
    """The relevant line of an error of polars, which may contain an error of our own.

    >>> cause(ValueError("caught exception, exception: Unreachable: s3://b: it answered 503"))
    's3://b: it answered 503'
    """
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return re.sub(r"^.*exception: \w+: ", "", line)


class Turn(Protocol):
    """The days of one table and facility, as a change sees them."""

    @property
    def unfinished(self) -> Collection[date]:
        """Days that an interrupted writer may have changed."""

    def days(self, near: Collection[date] | None = None) -> Sequence[date]:
        """The days that have a file, in order; only those of `near`, unless it is None."""

    def read(self, day: date) -> pl.DataFrame:
        """See `read_day`."""

    def ids(self, day: date) -> pl.DataFrame:
        """The first column of the table's key."""

    def height(self, day: date) -> int:
        """The number of rows."""


Plan = Callable[[Turn], Iterable[Change]]
"""The days to change, in order. Called again if another writer interfered."""


class Store(Protocol):
    """The files of an archive. All methods raise `ArchiveError` or `OSError`."""

    @property
    def shown(self) -> str:
        """Its name in messages."""

    def prepare(self, schema: Mapping[str, Any]) -> None:
        """Prepare it for writing. `schema` is written as `_schema.json` unless there is one."""

    def load(self, name: str) -> Json | None:
        """The content of a JSON file of the archive itself; None if it does not exist."""

    def edit(self, name: str, change: Callable[[Json], Json]) -> None:
        """Replace such a file by the result of `change`, which gets {} if it does not exist."""

    def facilities(self, table: Table) -> list[str]: ...

    def days(self, table: Table, facility: str) -> list[date]:
        """The days that have a file, in order."""

    def scan(self, table: Table, places: Sequence[tuple[str, date]]) -> pl.LazyFrame:
        """The rows of the files of these facilities and days, with `facility` and `date`."""

    def change(self, table: Table, facility: str, plan: Plan) -> int:
        """Carry out a plan, isolated from other writers. Returns the number of days changed.

        If it is killed at any point, each file is complete. The same change made again completes
        the rest.
        """

    def fence(self, table: Table, facility: str) -> None:
        """Ensure that no change that began before this call is completed after it."""

    def unfinished(self) -> Iterable[tuple[Table, str]]:
        """Tables and facilities whose last change may be incomplete."""


HIVE: dict[str, pl.DataType] = {"facility": pl.String(), "date": pl.Date()}
"""The columns that are directories."""


def facility_folder(facility: str) -> str:
    """
    >>> facility_folder("St. Marien / Süd")
    'facility=St.%20Marien%20%2F%20S%C3%BCd'
    """
    return f"facility={quote(facility, safe='')}"


def named(folder: str) -> str:
    """The value in the name of a directory.

    >>> named("facility=St.%20Marien")
    'St. Marien'
    """
    return unquote(folder.partition("=")[2])
