"""Importing: turns tables of hospitals into facts, with the help of a mapping.

`facts_of_tables` returns frames, and `import_tables` writes files of JSON lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from streams.files.importing.faults import Rejection

__all__ = ["Imported", "TableFacts", "facts_of_tables", "import_tables"]


@dataclass(frozen=True, slots=True)
class TableFacts:
    """The facts of tables as frames with the columns of the topics; times in ms since 1970.

    None: there are no facts of this topic. `words`: what is suspicious about the tables, a line
    each.
    """

    alarms: pl.DataFrame | None
    assignments: pl.DataFrame | None
    responses: pl.DataFrame | None
    labels: pl.DataFrame | None
    rejected: pl.DataFrame
    """Rows that were rejected: file, line, field, reason, expected."""
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rows were read and rejected, how many facts of each topic there are, and what is
    suspicious, a line each.
    """

    rows: int
    rejected: int
    facts: dict[str, int]
    words: tuple[str, ...]
    notes: tuple[str, ...]
    """What was left out because the mapping says so, one line each."""


def facts_of_tables(
    tables: Sequence[Path | pl.DataFrame],
    mapping: Path | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> TableFacts:
    """The facts of tables: files (CSV, TSV, Parquet, workbooks) or polars frames.

    `mapping`: a YAML file, or the name of a built-in mapping; None: columns have the names of the
    fields. Raises `InputError` if the mapping or a table cannot be used.
    """
    from streams.files.importing.sinks import Frames
    from streams.files.importing.tables import Tables

    sink = Frames()
    found = Tables.open(tables, mapping, sink, progress=progress)
    found.write()
    return TableFacts(
        sink.of("alarms"),
        sink.of("assignments"),
        sink.of("responses"),
        sink.of("labels"),
        sink.rejected,
        tuple(found.words()),
    )


def import_tables(
    tables: Sequence[Path],
    mapping: Path | None,
    folder: Path,
    report: Callable[[Rejection], None],
    progress: Callable[[int], object] = lambda _: None,
) -> Imported:
    """Write the facts of tables into `folder`: a file of JSON lines for each topic that the mapping
    makes, and rejected.jsonl. `report` gets each rejected row, and `progress` the number of bytes
    read since its last call. Raises `InputError` and `OSError`.
    """
    from streams.files.importing.sinks import Files
    from streams.files.importing.tables import Tables
    from streams.files.mapping import load_mapping

    table = load_mapping(mapping)
    with Files(folder, table.topics, report, set(table.sections)) as sink:
        found = Tables.open(tables, table, sink, progress=progress, name=mapping)
        found.write()
    return Imported(
        found.rows, found.rejected, dict(found.counts), tuple(found.words()), tuple(found.notes())
    )
