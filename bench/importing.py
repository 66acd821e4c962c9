"""`import` on one core, beside polars doing nothing but reading the same file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

_MAPPING = r"""
texts:
  - column: Text
    patterns:
      - '\** *(?P<source>.+?) *(?P<value>[0-9.]+) *(?P<code>[<>]) *(?P<limit>[0-9.]+)'
      - '\** *(?P<code>[^<>]+)'
alarms:
  fields:
    facility: {value: H1}
    unit: Ward
    bed: Bed
    device_type: {value: monitor}
    code: {column: code, words: {"<": low, ">": high}}
    priority: {column: Priority, words: {Red: high, Yellow: medium, Cyan: low}}
    kind: {column: Priority, words: {Cyan: technical}, otherwise: physiological}
    start: {column: Alarm Time, time: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}
    end: {column: End Time, time: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}
    first_response: {column: Ack Time, time: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}
"""
_READ = "import sys, polars; print(polars.read_csv(sys.argv[1], separator=';').height)"
_TEXTS = ("** SpO2 {} < 90", "*** VTACH", "LEADS OFF", "** HF 1{} > 120")
_COLOURS = ("Yellow", "Red", "Cyan", "Yellow")


@dataclass(frozen=True, slots=True)
class _Run:
    seconds: float
    cpu: float
    peak_mb: float


def run(rows: int) -> dict[str, Any]:
    """The content of the last line: rows a second of processor time, for one thread."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        table, mapping = Path(folder) / "alarms.csv", Path(folder) / "map.yml"
        mapping.write_text(_MAPPING)
        _write(table, rows)
        size = table.stat().st_size
        ours = _measured(
            *("-m", "streams.cli.main", "import", "--mapping", mapping, table),
            *("--out", Path(folder) / "out"),
        )
        plain = _measured("-c", _READ, table)
    return {
        "rows": rows,
        "megabytes": round(size / 1e6),
        "import_rows_per_s": round(rows / ours.cpu),
        "polars_read_rows_per_s": round(rows / plain.cpu),
        "share_of_polars_read": round(plain.cpu / ours.cpu, 3),
        "seconds": round(ours.seconds, 2),
        "peak_rss_mb": round(ours.peak_mb),
        "polars_read_peak_rss_mb": round(plain.peak_mb),
    }


def line(found: dict[str, Any]) -> str:
    return json.dumps(found)


def _write(path: Path, rows: int) -> None:
    begin = datetime(2026, 3, 30)  # after the change of clocks
    with path.open("w") as file:
        file.write("Alarm Time;Ward;Bed;Priority;Text;End Time;Ack Time\n")
        for number in range(rows):
            at = begin + timedelta(seconds=number)
            kind = number % 4
            ack = f"{at + timedelta(seconds=9):%d.%m.%Y %H:%M:%S}" if number % 3 == 0 else ""
            file.write(
                f"{at:%d.%m.%Y %H:%M:%S};ICU-{number % 4};B{number % 77};{_COLOURS[kind]};"
                f"{_TEXTS[kind].format(30 + number % 60)};"
                f"{at + timedelta(seconds=10 + number % 50):%d.%m.%Y %H:%M:%S};{ack}\n"
            )


def _measured(*arguments: str | Path) -> _Run:
    began = time.monotonic()
    command = [sys.executable, *map(str, arguments)]
    environment = os.environ | {"POLARS_MAX_THREADS": "1"}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        _, status, used = os.wait4(process.pid, 0)  # its own peak, not that of all children
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(said.read().decode())
    cpu = used.ru_utime + used.ru_stime
    return _Run(time.monotonic() - began, cpu, used.ru_maxrss / 1024)
