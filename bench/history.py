"""History: the report on a month and on a year, and the same counts in DuckDB's SQL.

The archive is of one hospital of 77 beds with 2,558,760 alarms a month (Drew 2014), made of random
numbers. The report does far more than the SQL, which is given as the price of reading and counting.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

from streams.archive import TABLES, Archive

BEDS, UNITS, NURSES = 77, 7, 6
"""Beds of the hospital, its units, and the clinicians of a unit and shift."""
A_MONTH = 2_558_760
FIRST = date(2026, 3, 1)
_DAY = 86_400_000
_PRIORITIES = ("low", "medium", "high", "info")
_CLASSES = ("actionable", "non_actionable", "non_actionable", "technical")


DRAWN = 3
"""Days that are drawn at random; the others are these, moved in time."""


def make(folder: Path, days: int, a_day: int) -> Archive:
    """An archive of so many days and alarms a day."""
    archive, rng = Archive.create(folder), np.random.default_rng(1)
    drawn: list[pl.DataFrame] = []
    for number in range(days):
        day = FIRST + timedelta(days=number)
        begin = round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
        if number < DRAWN:
            drawn.append(_episodes(rng, begin, a_day))
        of = number % DRAWN
        later = (number - of) * _DAY
        moved = drawn[of].with_columns(
            *(pl.col(name) + later for name in ("start", "end", "first_response")),
            (pl.lit(f"a{number}") + pl.col("alarm_id").str.extract("(-.*)")).alias("alarm_id"),
        )
        _write(archive, "episodes", day, moved)
        _write(archive, "assignments", day, _assignments(begin))
    return archive


def _episodes(rng: np.random.Generator, begin: int, count: int) -> pl.DataFrame:
    start = begin + np.sort(rng.integers(0, _DAY, count))
    bed = rng.integers(0, BEDS, count)
    unit = bed % UNITS
    kind = rng.integers(0, 22, count)
    klass = rng.integers(0, 4, count)
    nurse = (start // (_DAY // 2)) % 6 * 100 + bed // UNITS % NURSES
    answered = np.where(rng.random(count) < 0.2, start + rng.integers(1000, 600_000, count), -1)
    who = [
        [f"{one:04}-{of:02}-nurse"] for one, of in zip(nurse.tolist(), unit.tolist(), strict=True)
    ]
    return pl.DataFrame(
        {
            "id": [f"{one:032x}" for one in range(count)],
            "unit": [f"ICU{one}" for one in unit.tolist()],
            "bed": [f"B{one:02}" for one in bed.tolist()],
            "alarm_id": [f"a{begin}-{one}" for one in range(count)],
            "device_id": [f"mon-{one}" for one in bed.tolist()],
            "device_type": ["monitor"] * count,
            "source": [f"S{one}" for one in kind.tolist()],
            "code": ["LO"] * count,
            "kind": ["technical" if one == 3 else "physiological" for one in klass.tolist()],
            "label": [None] * count,
            "priority": [_PRIORITIES[one] for one in rng.integers(0, 4, count).tolist()],
            "start": start,
            "end": start + rng.integers(1000, 90_000, count),
            "value": rng.normal(86, 2, count),
            "limit": np.full(count, 90.0),
            "clinicians": who,
            "class": [_CLASSES[one] for one in klass.tolist()],
            "basis": [None] * count,
            "first_response": [one if one > 0 else None for one in answered.tolist()],
        }
    )


def _assignments(begin: int) -> pl.DataFrame:
    rows = []
    for half in range(2):
        at = begin + half * _DAY // 2
        for bed in range(BEDS):
            nurse = (at // (_DAY // 2)) % 6 * 100 + bed // UNITS % NURSES
            rows.append((f"{at}-{bed}", f"ICU{bed % UNITS}", f"B{bed:02}",
                         f"{nurse:04}-{bed % UNITS:02}-nurse", at, at + _DAY // 2))  # fmt: skip
    names = ("event_id", "unit", "bed", "clinician", "from", "to")
    frame = pl.DataFrame(rows, schema=list(names), orient="row")
    return frame.with_columns(
        pl.col("event_id").alias("assignment_id"),
        pl.col("from").alias("at"),
        pl.lit("nurse").alias("role"),
        pl.lit(1.0).alias("acuity"),
    )


def _write(archive: Archive, name: Any, day: date, frame: pl.DataFrame) -> None:
    table = TABLES[name]
    path = archive.folder / name / "facility=H01" / f"date={day}" / "rows.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [
        (pl.col(one) if one in frame.columns else pl.lit(None)).cast(type_).alias(one)
        for one, type_ in table.columns.items()
    ]
    frame.select(columns).write_parquet(path, compression="zstd")


_SQL = (
    """select unit, priority, class, count(*) from alarms group by all""",
    """select unit, isodow(start), hour(start), count(*) from alarms group by all""",
    """select unit, device_type, source, code, count(*) from alarms group by all""",
    """select unit, priority, median(epoch_ms(first_response) - epoch_ms(start)),
    quantile_cont(epoch_ms(first_response) - epoch_ms(start), 0.9) from alarms group by all""",
    """select unit, count(*) from (select unit, who, date_trunc('hour', start), count(*) as n from
    (select unit, unnest(clinicians) as who, start from alarms) group by all) where n > 30
    group by all""",
)


def run(folder: Path, days: int) -> dict[str, Any]:
    """Seconds and MB of a report on the last 31 of `days` days beside the 31 before, of one on all
    of them, and of the SQL over the same days.
    """
    archive = make(folder / "archive", days, A_MONTH // 31)
    end = FIRST + timedelta(days=days)
    month = _measured(folder, archive, end - timedelta(days=31), end, 2)
    whole = _measured(folder, archive, FIRST, end, 1)
    return {"alarms": days * (A_MONTH // 31), "days": days, "month": month, "whole": whole}


def _measured(folder: Path, archive: Archive, begin: date, end: date, spans: int) -> dict[str, Any]:
    """`spans`: 2 where the archive holds the span before, too."""
    page = folder / "report.html"
    command = [sys.executable, "-m", "streams.cli.main", "report", "--archive",
               str(archive.folder), "--from", f"{begin}T00:00:00Z", "--to", f"{end}T00:00:00Z",
               "--out", str(page)]  # fmt: skip
    began = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    assert status == 0
    cpu = time.process_time()
    with duckdb.connect() as database:
        for place in range(spans):
            low, high = (one - place * (end - begin) for one in (begin, end))
            database.sql(
                f"""create or replace view alarms as select * from
                '{archive.folder}/episodes/*/*/*.parquet' where priority <> 'info'
                and date >= '{low}' and date < '{high}'"""
            )
            for query in _SQL:
                database.sql(query).fetchall()
    return {
        "report_s": round(seconds, 2),
        "report_cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "report_mb": round(usage.ru_maxrss / 1024),
        "duckdb_cpu_s": round(time.process_time() - cpu, 2),
        "page_kb": round(page.stat().st_size / 1024),
    }


def line(found: dict[str, Any]) -> str:
    return json.dumps(found)
