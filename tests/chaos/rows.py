"""Rows of archives, compared by DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb

from streams.archive import TABLES

_UNEQUAL = ("corrected_at", "corrected_by", "corrects")
"""Columns that depend on the order in which facts arrived."""


def _source(folder: Path, table: str) -> str:
    return (
        f"read_parquet('{folder}/{table}/*/*/*.parquet', "
        "hive_types = {'facility': varchar, 'date': date})"
    )


def count(folder: Path, table: str) -> int:
    with duckdb.connect() as database:
        if not list((folder / table).glob("*/*/*.parquet")):
            return 0
        query = f"select count(*) from {_source(folder, table)}"
        [(found,)] = database.execute(query).fetchall()
        return int(found)


def difference(found: Path, expected: Path) -> str | None:
    """How the rows of two archives differ: in a line, or None."""
    said = []
    with duckdb.connect() as database:
        for name, table in TABLES.items():
            if not list((found / name).glob("*/*/*.parquet")):
                said.append(f"{name}: nothing is there")
                continue
            wanted = [f'"{one}"' for one in table.columns if one not in _UNEQUAL]
            columns = ", ".join([*wanted, "facility", '"date"'])
            sides = [f"select {columns} from {_source(one, name)}" for one in (found, expected)]
            for title, (one, other) in (
                ("too many", sides),
                ("missing", reversed(sides)),
            ):
                rows = database.execute(f"{one} except all {other}").fetchall()
                if rows:
                    said.append(f"{name}: {len(rows)} {title}, such as {rows[0]}")
    return "; ".join(said) or None
