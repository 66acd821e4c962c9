"""`hl7 check` and `hl7 convert`: what a person sees, and files that replay reads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.analyzer.hl7.messages import PATIENT, STORY, alert, message


def run(*arguments: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli.main", *map(str, arguments)],
        input=given,
        capture_output=True,
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.hl7"
    waveform = message(PATIENT, kind="ORU^R01^ORU_R01")
    path.write_bytes(b"".join(STORY) + b"\r\nCanarysson was here\r\n\r\n" + waveform)
    return path


def test_check_tells_of_each_message_and_sums_up(recording: Path) -> None:
    done = run("hl7", "check", recording)
    assert done.returncode == 0
    each, _, summary = done.stdout.partition("\n\n")
    assert len(each.splitlines()) == len(STORY) + 2
    assert f"{recording}:1 | ORU^R40 | alarm | start" in each
    assert "SpO2 low 88 (limit 90), medium physiological" in each
    assert "not production | a test or demo (MSH-11)" in each
    assert "rejected | MSH: expected a message that begins with MSH" in each
    assert len(summary.splitlines()) <= 10
    assert "6 alarm events (3 starts, 1 updates, 2 ends), 1 responses" in summary
    assert "anary" not in done.stdout


def test_check_answers_programs_with_one_object(recording: Path) -> None:
    done = run("hl7", "check", recording, "--json", "--strict")
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert found["messages"] == len(found["each"]) == len(STORY) + 2
    assert found["became"]["heartbeat"] == 1
    assert found["each"][0]["facts"][0]["phase"] == "start"


def test_converted_messages_can_be_replayed(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "facts"
    done = run("hl7", "convert", recording, "--out", out, "--strict")
    assert done.returncode == 3
    assert "alarms.jsonl 6" in done.stderr
    assert sorted(one.name for one in out.iterdir()) == [
        "alarms.jsonl",
        "assignments.jsonl",
        "labels.jsonl",
        "rejected.jsonl",
        "responses.jsonl",
    ]
    [rejected] = map(json.loads, (out / "rejected.jsonl").read_text().splitlines())
    assert rejected == {
        "file": str(recording),
        "line": b"".join(STORY).count(b"\r") + 2,
        "field": "MSH",
        "reason": "no message",
        "expected": "a message that begins with MSH",
        "sender": "?",
    }
    for one in out.iterdir():
        assert "anary" not in one.read_text()
    inputs = [
        argument
        for name in ("alarms", "assignments", "responses", "labels")
        for argument in (f"--{name}", out / f"{name}.jsonl")
    ]
    replayed = run("replay", *inputs)
    assert replayed.returncode == 0
    assert replayed.stderr == ""
    assert 'alarm_fatigue_unit_open_alarms{facility="General",unit="ICU"} 1.0' in replayed.stdout


def test_frames_and_standard_input_give_the_same_facts(recording: Path, tmp_path: Path) -> None:
    framed = tmp_path / "framed"
    framed.write_bytes(b"".join(b"\x0b" + one + b"\x1c\r" for one in STORY))
    one, two, three = (tmp_path / name for name in "abc")
    run("hl7", "convert", recording, "--out", one)
    run("hl7", "convert", framed, "--out", two)
    run("hl7", "convert", "-", "--out", three, given=framed.read_bytes())
    facts = [(out / "alarms.jsonl").read_text() for out in (one, two, three)]
    assert facts[0]
    assert facts[0] == facts[1] == facts[2]


def test_a_profile_changes_what_messages_mean(tmp_path: Path) -> None:
    local = tmp_path / "local.hl7"
    local.write_bytes(
        alert(onset="20260301120000", time="20260301120001", priority="crisis", code="7^X^99V")
    )
    assert "set the sender's zone in a profile" in run("hl7", "check", local).stdout
    profiles = tmp_path / "p.yml"
    profiles.write_text(
        "defaults: {zone: Europe/Berlin}\n"
        "profiles:\n"
        "- name: ICU gateway\n"
        "  application: GW\n"
        "  facility: H1\n"
        "  codes: {7: MDC_EVT_LO}\n"
        "  words: {priority: {Crisis: high}}\n"
        "  units: {ICU: 3 West}\n"
    )
    done = run("hl7", "check", local, "--profiles", profiles)
    assert "start 2026-03-01 11:00 UTC, 3 West B7, SpO2 low 88 (limit 90), high" in done.stdout
    assert "senders: ICU gateway 1; facilities: H1 1" in done.stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("profiles: [{name: A, zone: Mars}]", "profiles.0.zone: expected a time zone such as"),
        ("profiles: [{name: A, priority: loud}]", "profiles.0.priority: expected 'high', 'medium'"),
        ("profiles: [{zone: UTC}]", "profiles.0.name: Field required"),
        ('profiles: [{name: A, "zo\\nne": Mars}]', "profiles.0.zo\\nne: unknown; expected one of"),
        ("profiles: [{name: A}, {name: A}]", "profiles: two are called A"),
        ("profile: []", "profile: unknown; expected one of"),
        ("defaults: {bed: B}", "defaults.bed: expected a text with {room} or {bed}"),
        ("defaults: {bed_pattern: '('}", "defaults.bed_pattern: expected a regular expression"),
        ("a: [", "expected YAML (line 1)"),
        ("- a", "valid dictionary"),
    ],
)
def test_a_wrong_profile_is_one_line(text: str, says: str, recording: Path, tmp_path: Path) -> None:
    profiles = tmp_path / "p.yml"
    profiles.write_text(text)
    done = run("hl7", "check", recording, "--profiles", profiles)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {profiles}: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unusable_file_is_one_error_line(tmp_path: Path) -> None:
    table = tmp_path / "alarms.csv"
    table.write_text("time;bed\n1;2\n")
    for path, says in ((table, "no HL7 message"), (tmp_path / "none", "No such file")):
        done = run("hl7", "convert", path, "--out", tmp_path / "out")
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {path}: ")
        assert says in done.stderr
    assert not (tmp_path / "out" / "alarms.jsonl").exists()
