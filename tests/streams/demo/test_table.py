"""The table of the demo says what the metrics say, at any width."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from analyzer import STATES
from streams.demo.screen import save_picture
from streams.demo.snapshot import ClinicianRow, Snapshot, UnitRow, read, said
from streams.demo.table import MARKS, Status, plain, render

EXPOSITION = """\
# HELP alarm_fatigue_unit_alarms Alarms of the unit that started in the window.
# TYPE alarm_fatigue_unit_alarms gauge
alarm_fatigue_unit_alarms{facility="H01",unit="MICU",window="10m",priority="high"} 4
alarm_fatigue_unit_alarms{facility="H01",unit="MICU",window="10m",priority="medium"} 7
alarm_fatigue_unit_alarms{facility="H01",unit="MICU",window="1h",priority="high"} 71
alarm_fatigue_unit_alarms{facility="H01",unit="MICU",window="2h",priority="high"} 130
alarm_fatigue_unit_alarms{facility="H01",unit="MICU",window="12h",priority="low"} 1234
alarm_fatigue_unit_alarms{facility="H02",unit="MICU",window="10m",priority="high"} 500
alarm_fatigue_unit_alarms{facility="H01",unit="CCU",window="10m",priority="high"} 1
# TYPE alarm_fatigue_unit_nonactionable_ratio gauge
alarm_fatigue_unit_nonactionable_ratio{@MICU,window="1h",scope="clinical"} 0.5
alarm_fatigue_unit_nonactionable_ratio{@MICU,window="12h",scope="all"} 0.95
alarm_fatigue_unit_nonactionable_ratio{@MICU,window="12h",scope="clinical"} 0.871
# TYPE alarm_fatigue_unit_open_alarms gauge
alarm_fatigue_unit_open_alarms{facility="H01",unit="MICU"} 2
alarm_fatigue_unit_open_alarms{facility="H01",unit="CCU"} 0
alarm_fatigue_unit_open_alarms{facility="H02",unit="MICU"} 9
# TYPE alarm_fatigue_unit_unassigned_alarms gauge
alarm_fatigue_unit_unassigned_alarms{facility="H01",unit="MICU",window="1h"} 3
alarm_fatigue_unit_unassigned_alarms{facility="H01",unit="MICU",window="12h"} 33
# TYPE alarm_fatigue_unit_clinicians gauge
alarm_fatigue_unit_clinicians{facility="H01",unit="MICU"} 2
# TYPE alarm_fatigue_unit_beds gauge
alarm_fatigue_unit_beds{facility="H01",unit="MICU"} 9
# TYPE alarm_fatigue_unit_overload_state gauge
alarm_fatigue_unit_overload_state{facility="H01",unit="MICU"} 1
# TYPE alarm_fatigue_clinician_overload_state gauge
alarm_fatigue_clinician_overload_state{@F} 0
alarm_fatigue_clinician_overload_state{@0} 2
# TYPE alarm_fatigue_clinician_beds gauge
alarm_fatigue_clinician_beds{@F} 3
alarm_fatigue_clinician_beds{@0} 2
alarm_fatigue_clinician_beds{@7} 0
# TYPE alarm_fatigue_clinician_acuity gauge
alarm_fatigue_clinician_acuity{@F} 4.5
# TYPE alarm_fatigue_clinician_alarms gauge
alarm_fatigue_clinician_alarms{@F,window="10m",priority="high"} 1
alarm_fatigue_clinician_alarms{@F,window="1h",priority="high"} 2
alarm_fatigue_clinician_alarms{@F,window="2h",priority="high"} 6
alarm_fatigue_clinician_alarms{@0,window="10m",priority="high"} 12
# TYPE alarm_fatigue_clinician_protected_ratio gauge
alarm_fatigue_clinician_protected_ratio{@F,window="1h"} 0.125
# TYPE alarm_fatigue_clinician_nonactionable_ratio gauge
alarm_fatigue_clinician_nonactionable_ratio{@F,window="2h",scope="clinical"} 1.0
# TYPE alarm_fatigue_events_total counter
alarm_fatigue_events_total{topic="alarms",outcome="accepted"} 1000
alarm_fatigue_events_total{topic="labels",outcome="late"} 20
# TYPE alarm_fatigue_consumer_lag_records gauge
alarm_fatigue_consumer_lag_records{topic="alarms",partition="0"} 1500
alarm_fatigue_consumer_lag_records{topic="labels",partition="0"} 5
# TYPE alarm_fatigue_watermark_timestamp_seconds gauge
alarm_fatigue_watermark_timestamp_seconds{facility="H01"} 1.7729505e+09
alarm_fatigue_watermark_timestamp_seconds{facility="H02"} 1.0
"""
CLINICIANS = {"@F": "ffff26cd5faccd1f", "@0": "0a6f4c2e9b1d7788", "@7": "77770000aaaa0000"}
MICU = 'facility="H01",unit="MICU"'


for _mark, _clinician in CLINICIANS.items():
    EXPOSITION = EXPOSITION.replace(_mark, f'{MICU},clinician="{_clinician}"')


EXPOSITION = EXPOSITION.replace("@MICU", MICU)
WHY = (
    "elevated since 06:02 (35.5 alarms per clinician in 1 h, limit 30); stays so until 24 or fewer "
    "for 10 min; now 31"
)
SAID = said(
    {
        "units": [
            {"facility": "H01", "unit": "MICU", "says": WHY},
            {"facility": "H02", "unit": "MICU", "says": "normal"},
        ]
    },
    "H01",
)
SNAPSHOT = read(EXPOSITION, "H01", SAID)
STATUS = Status("H01", 60.0, 43.4, "http://127.0.0.1:9464/metrics")


def drawn(
    snapshot: Snapshot, width: int, height: int, turn: int = 0, status: Status = STATUS
) -> list[str]:
    console = Console(width=width, file=StringIO(), color_system=None)
    console.print(render(snapshot, status, width, height, turn))
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def cells(lines: list[str]) -> dict[str, list[str]]:
    """The cells of each row, by unit, or by pseudonym for clinicians."""
    rows = [
        re.split(r"\s+(?=\S)", line.strip().replace("too few", "too_few")) for line in lines if line
    ]
    return {
        next((cell for cell in row[:2] if re.match(r"[0-9a-f]{8}", cell)), row[0]): row
        for row in rows
    }


def test_a_snapshot_holds_the_samples_of_its_facility() -> None:
    assert (
        Snapshot(
            watermark=1772950500.0,
            records=1020,
            lag=1505,
            units=(
                UnitRow("CCU", 0, 0, 1, 0, 0, None, 0, 0, 0),
                UnitRow("MICU", 9, 2, 11, 71, 1234, 0.871, 2, 3, 1, WHY),
            ),
            clinicians=(
                ClinicianRow("MICU", "0a6f4c2e9b1d7788", 2, 0.0, 12, 0, 0, None, None, 2),
                ClinicianRow("MICU", "ffff26cd5faccd1f", 3, 4.5, 1, 2, 6, 0.125, 1.0, 0),
            ),
        )
        == SNAPSHOT
    )


def test_no_input_gives_an_empty_table() -> None:
    nothing = read("", "H01")
    assert nothing == Snapshot(None, 0, 0, (), ())
    assert (
        drawn(nothing, 100, 30)[1]
        == "43 records/s   0 waiting   http://127.0.0.1:9464/metrics   Ctrl-C stops all"
    )
    assert list(plain(nothing, STATUS)) == [": 43 records/s, 0 waiting"]


def test_a_wide_table_says_what_the_metrics_say() -> None:
    lines = drawn(SNAPSHOT, 100, 30)
    assert lines[0] == "Alarm fatigue   simulated hospital H01   Sun 08 Mar 06:15   60 x real time"
    assert (
        lines[1]
        == "43 records/s   1,505 waiting   http://127.0.0.1:9464/metrics   Ctrl-C stops all"
    )
    rows = cells(lines)
    assert rows["CCU"] == [
        "CCU",
        "0",
        "0",
        "1",
        "0",
        "0",
        "too_few",
        "0",
        "0",
        "nobody",
        "on",
        "duty",
    ]
    assert rows["MICU"][1:] == [
        "9",
        "2",
        "11",
        "71",
        "1,234",
        "87%",
        "2",
        "3",
        "5.5",
        "▲",
        "elevated",
    ]
    assert rows["0a6f4c2e9b1d7788"] == [
        "MICU",
        "0a6f4c2e9b1d7788",
        "2",
        "0",
        "12",
        "0",
        "0",
        "too_few",
        "■",
        "overloaded",
    ]
    # The unit stands on its first clinician's line only.
    assert rows["ffff26cd5faccd1f"] == [
        "ffff26cd5faccd1f",
        "3",
        "4.5",
        "1",
        "2",
        "6",
        "12%",
        "100%",
        "●",
        "normal",
    ]
    assert "Clinician" in rows["Unit"]


def test_eighty_columns_hold_every_number_and_word() -> None:
    lines = drawn(SNAPSHOT, 80, 24)
    assert max(map(len, lines)) <= 80
    rows = cells(lines)
    assert rows["MICU"][1:] == [
        "9",
        "2",
        "11",
        "71",
        "1,234",
        "87%",
        "2",
        "3",
        "5.5",
        "▲",
        "elevated",
    ]
    assert rows["0a6f4c2e…"] == [
        "MICU",
        "0a6f4c2e…",
        "2",
        "12",
        "0",
        "0",
        "too_few",
        "■",
        "overloaded",
    ]
    assert rows["ffff26cd…"] == ["ffff26cd…", "3", "1", "2", "6", "12%", "100%", "●", "normal"]
    assert "ISA-18.2, EEMUA 191" in " ".join(lines)


@pytest.mark.parametrize("width", [40, 80, 100, 200])
@pytest.mark.parametrize("height", [24, 30, 50])
def test_clinicians_who_do_not_fit_take_turns_and_nobody_is_left_out(
    width: int, height: int
) -> None:
    units = tuple(UnitRow(f"UNIT-{number}", 10, 10, 5, 5, 5, 0.5, 1, 0, 1) for number in range(4))
    people = tuple(
        ClinicianRow(f"UNIT-{number // 10}", f"{number:016x}"[::-1], 1, 1.0, 1, 1, 1, 0.5, None, 2)
        for number in range(40)
    )
    crowd = Snapshot(1.0, 1, 0, units, people)
    seen: list[str] = []
    for turn in range(40):
        lines = drawn(crowd, width, height, turn)
        assert max(map(len, lines)) <= width
        if width >= 80:
            assert len(lines) <= height
            seen += [found[0] for line in lines if (found := re.search(r"\b[0-9a-f]{8}", line))]
    if width >= 80:
        assert set(seen) == {row.clinician[:8] for row in people}


def test_a_warning_replaces_figures_that_are_no_longer_known() -> None:
    lines = drawn(
        SNAPSHOT,
        100,
        30,
        status=Status(
            "H01", 60.0, 0.0, "http://127.0.0.1:9464/metrics", "the worker has not answered for 5 s"
        ),
    )
    assert lines[1] == "the worker has not answered for 5 s"


def test_plain_lines_say_the_same_of_units() -> None:
    assert list(plain(SNAPSHOT, STATUS)) == [
        "Sun 08 Mar 06:15: 43 records/s, 1,505 waiting",
        "  CCU: 1 alarms in 10 min, 0 in 1 h, 0 in 12 h, "
        "too few classified for a non-actionable share, 0 open, 0 unassigned, 0 beds, "
        "0 on duty, nobody on duty",
        "  MICU: 11 alarms in 10 min, 71 in 1 h, 1,234 in 12 h, 87% non-actionable, 2 open, "
        f"3 unassigned, 9 beds, 2 on duty, 5.5 per clinician in 10 min: {WHY}",
    ]


def test_a_unit_that_is_not_normal_says_why_and_what_to_do_next() -> None:
    lines = drawn(SNAPSHOT, 160, 30)
    [place] = [number for number, line in enumerate(lines) if line.startswith("▲ MICU: ")]
    assert lines[place] == f"▲ MICU: {WHY}"
    assert lines[place + 1] == (
        "Next: bring in help, or move beds to colleagues with room. The page shows who has room: "
        "http://127.0.0.1:9464/"
    )
    quiet = replace(SNAPSHOT, units=(replace(SNAPSHOT.units[1], state=0),))
    assert not any("Next: " in line for line in drawn(quiet, 160, 30))


def test_states_differ_in_shape_where_their_colours_do_not() -> None:
    """A terminal of 16 colours shows orange and vermilion alike."""
    console = Console(width=100, file=StringIO(), color_system="standard", force_terminal=True)
    console.print(render(SNAPSHOT, STATUS, 100, 30))
    assert isinstance(console.file, StringIO)
    text = re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())
    assert all(f"{shape} {state}" in text for state, shape in zip(STATES, MARKS, strict=True))
    assert len(set(MARKS)) == len(STATES)


def test_colours_are_okabe_and_itos(tmp_path: Path) -> None:
    save_picture(SNAPSHOT, STATUS, tmp_path / "table.svg")
    picture = (tmp_path / "table.svg").read_text()
    assert picture.startswith("<svg")
    for colour in ("#009e73", "#e69f00", "#d55e00"):
        assert colour in picture.lower()
