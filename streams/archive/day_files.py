"""One file of the archive: the rows of a table, a facility and a day, with their editions."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl

from streams.archive.frames import EDITION, GONE, OFFSET
from streams.archive.tables import SCHEMA_VERSION, Table

Source = Path | IO[bytes]
"""A file, or an open one that can be sought in."""
_SCHEMA, _EDITIONS, _RETRACTED = "alarm_fatigue_schema", "editions", "retracted"


def read_day(source: Source, table: Table) -> pl.DataFrame:
    """The rows of a file and its retractions, with the columns of `Rows.frame` but `facility`.

    A retraction has only the columns of its key.
    """
    found = pl.read_parquet(source, hive_partitioning=False)
    # An older release did not know all columns.
    missing = {name: type_ for name, type_ in table.columns.items() if name not in found.columns}
    added = (pl.lit(None, type_).alias(name) for name, type_ in missing.items())
    rows = found.with_columns(*added).select(*table.columns)
    about = pl.read_parquet_metadata(_from_start(source))
    editions, offsets = _unpacked(about[_EDITIONS], rows.height)
    rows = rows.with_columns(
        pl.Series(EDITION, editions), pl.Series(OFFSET, offsets), pl.lit(False).alias(GONE)
    )
    retracted = json.loads(about[_RETRACTED])
    if not retracted:
        return rows
    names = [*table.key, EDITION, OFFSET]
    gone = pl.DataFrame(
        {
            name: list(values)
            for name, values in zip(names, zip(*retracted, strict=True), strict=True)
        },
        schema={name: pl.Int64 if name in table.times else rows.schema[name] for name in names},
    )
    return pl.concat(
        [
            rows,
            gone.with_columns(
                *(pl.col(name).cast(rows.schema[name]) for name in table.key),
                pl.lit(True).alias(GONE),
            ),
        ],
        how="diagonal",
    )


def write_day(target: Source, table: Table, frame: pl.DataFrame) -> None:
    """Write the rows and retractions of `frame`, as `read_day` gives them."""
    rows = frame.filter(~pl.col(GONE)).sort(table.order)
    gone = frame.filter(GONE).with_columns(*(pl.col(one).cast(pl.Int64) for one in table.times))
    retracted = gone.select(*table.key, EDITION, OFFSET).sort(table.key).rows()
    rows.select(*table.columns).write_parquet(
        target,
        compression="zstd",
        metadata={
            _SCHEMA: str(SCHEMA_VERSION),
            _EDITIONS: _packed(rows),
            _RETRACTED: json.dumps(retracted),
        },
    )


def ids(source: Source, table: Table) -> pl.DataFrame:
    """The first column of the key, of all rows."""
    return pl.read_parquet(source, columns=[table.key[0]], hive_partitioning=False)


def height(source: Source) -> int:
    """The number of rows in a file."""
    found = pl.scan_parquet(source, hive_partitioning=False).select(pl.len())
    return int(found.collect().item())


@contextlib.contextmanager
def replace(path: Path) -> Iterator[Path]:
    """Put what is written meanwhile in the place of a file, so that a crash leaves one of them
    whole.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    yield part
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def replace_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file by one with this content, as `replace` does."""
    with replace(path) as part:
        part.write_bytes(as_json(content))


def as_json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True).encode() + b"\n"


def _from_start(source: Source) -> Source:
    if not isinstance(source, Path):
        source.seek(0)
    return source


def _packed(rows: pl.DataFrame) -> str:
    numbers = np.stack([rows[EDITION].to_numpy(), rows[OFFSET].to_numpy()]).astype("<i8")
    # Differences are small numbers, and so are their bytes.
    return base64.b64encode(zlib.compress(np.diff(numbers, prepend=0).tobytes(), 6)).decode()


def _unpacked(text: str, rows: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    numbers = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype="<i8")
    return np.cumsum(numbers.reshape(2, rows), axis=1)
