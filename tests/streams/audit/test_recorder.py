"""The recorder: what it writes, and that neither a disk nor a server can hold it up."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from streams.audit import Recorder, Trail
from streams.audit.files import checked
from streams.audit.recorder import EVERYBODY, MOST_READS, MOST_WAITING, Read
from streams.audit.syslog import Syslog
from streams.audit_settings import AuditSettings
from streams.settings import SettingsError, load
from tests.harness.certificates import Authority
from tests.harness.syslogs import SyslogServer
from tests.harness.workers import eventually


class Time:
    now = 1_772_348_400.0  # 2026-03-01T07:00:00Z

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def read(**fields: Any) -> Read:
    known = {
        "event": "read",
        "reader": "micu",
        "by": "token",
        "address": "10.0.0.7",
        "path": "/api/v1/units",
        "facility": "H01",
        "unit": "MICU",
        "status": 200,
    }
    return Read(**(known | fields))


def written(path: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in path.read_bytes().splitlines()]
    return [
        {name: value for name, value in one.items() if name not in ("n", "before", "hash")}
        for one in found
    ]


def test_equal_reads_are_one_entry_with_their_number_and_whom_they_named(path: Path) -> None:
    clock = Time()
    recorder = Recorder(Trail(path), 60.0, wall=clock, wake=0.01)
    recorder.read(read(), {"b", "a"})
    eventually(lambda: path.exists() and path.stat().st_size, "the first is written at once")
    for number in range(5):
        clock.now += 5
        recorder.read(read(), {f"c{number}"})
    recorder.read(read(unit="PICU"))
    recorder.close()
    common = {"reader": "micu", "by": "token", "address": "10.0.0.7", "path": "/api/v1/units"}
    assert written(path) == [
        {
            "at": "2026-03-01T07:00:00.000Z",
            "event": "read",
            **common,
            "facility": "H01",
            "unit": "MICU",
            "status": 200,
            "clinicians": ["a", "b"],
        },
        {
            "at": "2026-03-01T07:00:05.000Z",
            "event": "read",
            **common,
            "facility": "H01",
            "unit": "MICU",
            "status": 200,
            "clinicians": ["c0", "c1", "c2", "c3", "c4"],
            "count": 5,
            "until": "2026-03-01T07:00:25.000Z",
        },
        {
            "at": "2026-03-01T07:00:25.000Z",
            "event": "read",
            **common,
            "facility": "H01",
            "unit": "PICU",
            "status": 200,
        },
    ]
    assert checked([path]).count == 3


def test_where_ids_are_shown_they_are_counted_and_not_recorded(path: Path) -> None:
    recorder = Recorder(Trail(path), 60.0, named=False, wake=0.01)
    recorder.read(read(), {"anna", "ben"})
    recorder.read(read(path="/metrics"), EVERYBODY)
    recorder.close()
    assert [one["clinicians"] for one in written(path)] == [2, "all"]
    assert "anna" not in path.read_text()


def test_however_many_different_reads_memory_is_bounded_and_none_is_uncounted(path: Path) -> None:
    recorder = Recorder(Trail(path), 60.0, wake=1000.0)
    count = MOST_READS + 1000
    for number in range(count):
        recorder.read(read(address=str(number)))
    recorder.close(30)
    found = written(path)
    assert len(found) == MOST_READS + 1
    assert sum(one.get("count", 1) for one in found) == count
    assert sum("address" not in one for one in found) == 1


def test_while_the_disk_is_full_entries_wait_and_lost_ones_are_counted(
    path: Path, tmp_path: Path
) -> None:
    path.mkdir()  # no file can be opened there
    recorder = Recorder(Trail(path), 60.0, wake=1000.0)
    began = time.monotonic()
    for number in range(MOST_WAITING + 7):
        recorder.event("test", number=number)
    recorder._turn(time.time())
    assert time.monotonic() - began < 30
    assert (recorder.counts_now().written, recorder.counts_now().lost) == (0, 7)
    path.rmdir()
    recorder.close(30)
    found = written(path)
    assert [one["number"] for one in found[:-1]] == [*range(MOST_WAITING)]
    assert (found[-1]["event"], found[-1]["entries"]) == ("lost", 7)
    assert checked([path]).count == MOST_WAITING + 1


# --- syslog


def settings(path: Path, port: int, ca: Path | None, queue: int = 1000) -> AuditSettings:
    return AuditSettings(
        file=path, syslog=f"127.0.0.1:{port}", syslog_ca_file=ca, syslog_queue=queue
    )


def test_copies_arrive_as_rfc_5424_over_tls(path: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    with SyslogServer(*authority.sign("logs")) as server:
        syslog = Syslog(settings(path, server.port, authority.cert))
        recorder = Recorder(Trail(path), 60.0, syslog, wake=0.01)
        for number in range(3):
            recorder.event("start", number=number, name="Zürich")
        recorder.read(read(event="refused", status=403))
        eventually(lambda: len(server.messages) == 4, "the copies arrive")
        recorder.close()
        heads = [one.partition(" {")[0].split(" ") for one in server.messages]
        bodies = ["{" + one.partition(" {")[2] for one in server.messages]
    assert [head[0] for head in heads] == ["<109>1"] * 3 + ["<108>1"]
    assert {head[3] for head in heads} == {"alarm-fatigue"}
    assert [head[5:] for head in heads] == [["start", "-"]] * 3 + [["refused", "-"]]
    assert "\n".join(bodies) + "\n" == path.read_text()


def test_one_connection_carries_entries_that_come_one_by_one(path: Path, tmp_path: Path) -> None:
    """The server's session tickets (TLS 1.3) arrive in between, and hold no entry up."""
    authority = Authority(tmp_path, "ca")
    with SyslogServer(*authority.sign("logs")) as server:
        syslog = Syslog(settings(path, server.port, authority.cert))
        for number in range(4):
            syslog.offer(b"{}", {"at": "2026-03-01T07:00:00.000Z", "event": "start"})
            eventually(lambda n=number: len(server.messages) > n, "the entry arrives")
        syslog.close()
        eventually(lambda: server.ended == 1, "the client says that it has ended")
        assert server.connections == 1
    assert (syslog.sent, syslog.dropped) == (4, 0)


def test_after_the_server_has_closed_the_connection_the_next_entry_arrives(
    path: Path, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, "ca")
    with SyslogServer(*authority.sign("logs")) as server:
        syslog = Syslog(settings(path, server.port, authority.cert), rest=0.05)
        for number in range(3):
            syslog.offer(b"{}", {"at": "2026-03-01T07:00:00.000Z", "event": "start"})
            eventually(lambda n=number: len(server.messages) > n, "the entry arrives")
            server.hang_up()
        syslog.close()
        assert server.connections == 3


def test_while_the_server_is_away_entries_wait_and_drops_are_recorded(
    path: Path, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, "ca")
    with SyslogServer(*authority.sign("logs"), listen=False) as server:
        syslog = Syslog(settings(path, server.port, authority.cert, queue=5), rest=0.05)
        recorder = Recorder(Trail(path), 60.0, syslog, wake=0.01)
        for number in range(12):
            recorder.event("test", number=number)
        eventually(lambda: recorder.counts_now().unsent >= 7, "what does not fit is dropped")
        recorder.event("test", number=12)
        eventually(lambda: "syslog_dropped" in path.read_text(), "that is recorded")
        server.listen()
        eventually(lambda: len(server.messages) >= 5, "what waited arrives")
        recorder.close()
    assert [one["number"] for one in written(path) if one["event"] == "test"] == [*range(13)]
    assert checked([path]).count >= 14


def test_a_server_that_reads_nothing_holds_nobody_up(path: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    with SyslogServer(*authority.sign("logs"), read=False) as server:
        syslog = Syslog(settings(path, server.port, authority.cert, queue=2), rest=0.05)
        recorder = Recorder(Trail(path), 60.0, syslog, wake=0.01)
        for number in range(12):
            recorder.event("test", number=number, text="x" * (1 << 20))
        eventually(lambda: recorder.counts_now().unsent, "what does not fit is dropped")
        eventually(lambda: recorder.counts_now().written >= 12, "the file has everything")
        server.reading.set()
        eventually(lambda: len(server.messages) >= 2, "the server gets the rest when it reads")
        recorder.close()
    assert [one["number"] for one in written(path) if one["event"] == "test"] == [*range(12)]


def test_a_server_with_a_certificate_of_somebody_else_gets_nothing(
    path: Path, tmp_path: Path
) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    with SyslogServer(*theirs.sign("logs")) as server:
        recorder = Recorder(
            Trail(path), 60.0, Syslog(settings(path, server.port, ours.cert), rest=0.05), wake=0.01
        )
        recorder.event("test")
        recorder.close()
        assert server.messages == []
    assert recorder.counts_now().unsent == 1
    assert checked([path]).count == 1


@pytest.mark.parametrize(
    ("audit", "error"),
    [
        ({"syslog": "logs:6514"}, "audit: file: expected it beside syslog and key_file: .*"),
        ({"file": "a", "syslog": "logs"}, "audit: syslog: expected HOST:PORT"),
        ({"file": "a", "syslog_cert_file": "c"}, "audit: syslog_cert_file: expected .*"),
    ],
)
def test_settings_that_cannot_be_are_told(audit: dict[str, Any], error: str) -> None:
    with pytest.raises(SettingsError, match=f"^{error}$"):
        load(None, audit=audit)


def test_the_position_read_is_before_the_end(path: Path) -> None:
    recorder = Recorder(Trail(path), 60.0, wall=Time(), wake=60.0)
    for _ in range(3):
        recorder.read(read())
    recorder.close(last="stop")
    assert [(one["event"], one.get("count")) for one in written(path)] == [
        ("read", 3),
        ("stop", None),
    ]
