"""Commands that read or change history stand in the audit, before they show anything."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

import pytest

from streams.audit.files import checked
from tests.harness.files import Files
from tests.harness.workers import run


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "audit" / "audit.jsonl"
    monkeypatch.setenv("ALARM_FATIGUE_AUDIT__FILE", str(path))
    return path


@pytest.fixture
def out(ward: Files, tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    episodes = ("--episodes", tmp_path / "episodes.jsonl")
    assert run("replay", *ward.arguments, *episodes, "--archive", folder).status == 0
    return folder


def entries(path: Path) -> list[dict[str, Any]]:
    checked([path], None, 1, frozenset())
    found = [json.loads(line) for line in path.read_bytes().splitlines()]
    return [
        {key: value for key, value in one.items() if key not in ("n", "at", "before", "hash")}
        for one in found
    ]


def test_each_command_is_one_entry_with_its_place_and_span(
    ward: Files, out: Path, audit: Path, tmp_path: Path
) -> None:
    place = ("--facility", "H01", "--unit", "MICU")
    episodes = ("--episodes", tmp_path / "episodes.jsonl")
    noon = "2026-03-01T12:00:00Z"
    for arguments in (
        ("incident", "--archive", out, "--at", noon, "--window", "30m", *place),
        ("tune", *episodes, "--delay", "10", "--unit", "MICU"),
        ("archive", "erase", "--archive", out, "--facility", "H01", "--before", "2026-01-01"),
    ):
        done = run(*arguments)
        assert done.status == 0, done.err
    run("compare", *episodes, "--at", noon, *place)  # too few days, but it was asked
    user = {"event": "command", "user": getpass.getuser()}
    where = {"facility": "H01", "unit": "MICU"}
    span = {"from": "2026-03-01T11:30:00.000Z", "to": "2026-03-01T12:00:00.000Z"}
    found = entries(audit)
    assert [one.pop("user").split(" ")[0] for one in found] == [user.pop("user")] * 4
    assert found == [
        user | {"command": "incident"} | where | span,
        user | {"command": "tune", "unit": "MICU"},
        user | {"command": "archive erase", "facility": "H01", "to": "2026-01-01T00:00:00.000Z"},
        user | {"command": "compare"} | where,
    ]


def test_a_report_is_recorded_with_its_span(out: Path, audit: Path) -> None:
    span = ("--from", "2026-03-01T00:00:00Z", "--to", "2026-03-02T00:00:00Z")
    run("report", "--archive", out, *span, "--unit", "MICU", "--json")  # maybe too few days
    [found] = entries(audit)
    assert (found["command"], found["unit"], found["from"], found["to"]) == (
        "report",
        "MICU",
        "2026-03-01T00:00:00.000Z",
        "2026-03-02T00:00:00.000Z",
    )


def test_a_command_that_cannot_be_audited_does_nothing(out: Path, audit: Path) -> None:
    audit.parent.mkdir()
    audit.write_bytes(b"")
    audit.chmod(0o666)
    before = sorted(out.rglob("*.parquet"))
    done = run("archive", "erase", "--archive", out, "--facility", "H01")
    assert (done.status, done.out) == (1, b"")
    assert "error: archive erase cannot be recorded, so it does nothing: " in done.err
    assert len(done.err.splitlines()) == 1
    assert sorted(out.rglob("*.parquet")) == before


def test_an_answer_is_not_shown_if_it_cannot_be_recorded(ward: Files, audit: Path) -> None:
    audit.parent.mkdir()
    audit.write_bytes(b"")
    audit.chmod(0o666)
    asked = ("--at", str(ward.watermark), "--facility", "H01", "--unit", "MICU")
    done = run("incident", *ward.arguments, *asked)
    assert (done.status, done.out) == (1, b"")
    assert "incident cannot be recorded" in done.err
