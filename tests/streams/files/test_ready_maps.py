"""The ready mappings, each over a table of the same form."""

from __future__ import annotations

from pathlib import Path

import pytest

import streams.files.mapping
from tests.harness.imports import written
from tests.harness.workers import run

MAPS = Path(streams.files.mapping.__file__).parent / "maps"
EXPECTED = {
    "bedmaster": "7 rows: 14 alarms; 0 rejected",
    "central-monitor-jp": "6 rows: 11 alarms; 0 rejected",
    "nurse-call": "8 rows: 5 alarms, 3 responses; 0 rejected",
    "philips-events": "9 rows: 8 alarms, 1 responses; 0 rejected",
    "roster": "6 rows: 12 assignments; 0 rejected",
    "spacelabs": "4 rows: 7 alarms; 0 rejected",
}


def test_each_ready_mapping_has_a_table_and_is_listed() -> None:
    assert {path.stem for path in MAPS.glob("*.yml")} == set(EXPECTED)
    assert {path.stem for path in MAPS.glob("*.csv")} == set(EXPECTED)
    listed = run("import", "--maps").out.decode().splitlines()
    assert [line.split()[0] for line in listed] == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_ready_mapping_reads_its_table(name: str, tmp_path: Path) -> None:
    done = run("import", "--mapping", name, MAPS / f"{name}.csv", "--out", tmp_path / "o")
    assert (done.status, done.err.splitlines()[-1]) == (0, EXPECTED[name])
    found = written(tmp_path / "o")
    for one in found.get("alarms", []):
        assert one["kind"] == ("technical" if is_technical(one["code"]) else "physiological")


def is_technical(code: str) -> bool:
    return any(word in code.upper() for word in ("LEADS", "電極", "ﾊﾞｯﾃﾘ"))
