"""Paths that a command is given: an output never destroys an input, and odd files are named."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.harness.workers import COMMAND, run


def assert_refused(option: str, path: Path, *arguments: str | Path) -> None:
    """The command ends before it writes: the file stays as it was."""
    before = path.read_bytes()
    done = run(*arguments)
    assert (done.status, done.out, path.read_bytes()) == (2, b"", before)
    assert done.err == f"error: {option}: {path} is read, too; expected another file\n"


@pytest.mark.parametrize("option", ["--episodes", "--overload"])
def test_replay_does_not_write_over_the_alarms(alarms: Path, option: str) -> None:
    assert_refused(option, alarms, "replay", "--alarms", alarms, option, alarms)


def test_a_link_to_an_input_is_that_input(alarms: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.jsonl"
    link.symlink_to(alarms)
    assert_refused("--episodes", link, "replay", "--alarms", alarms, "--episodes", link)


def test_replay_does_not_write_over_its_settings(alarms: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("clock: event\n")
    assert_refused(
        "--episodes",
        settings,
        *("replay", "--alarms", alarms, "--config", settings, "--episodes", settings),
    )


def test_two_outputs_are_two_files(alarms: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    done = run("replay", "--alarms", alarms, "--episodes", out, "--overload", out)
    assert (done.status, out.exists()) == (2, False)
    assert done.err == f"error: --overload: {out} is the file of --episodes, too; " + (
        "expected another one\n"
    )


def test_outputs_can_both_be_thrown_away(alarms: Path) -> None:
    null = "/dev/null"
    assert run("replay", "--alarms", alarms, "--episodes", null, "--overload", null).status == 0


def test_reports_and_decisions_do_not_write_over_what_they_read(
    alarms: Path, tmp_path: Path
) -> None:
    episodes, answer = tmp_path / "episodes.jsonl", tmp_path / "answer.json"
    assert run("replay", "--alarms", alarms, "--episodes", episodes).status == 0
    answer.write_text("{}")
    decided = ("--owner", "o", "--review", "2026-06-30", "--change-control", "1", "--at", "0")
    moment = ("--at", "2026-03-01T07:00:00Z")
    of_unit = (*moment, "--facility", "H01", "--unit", "MICU")
    assert_refused(
        "--report",
        episodes,
        *("tune", "--episodes", episodes, "--delay", "5", "--report", episodes),
    )
    assert_refused(
        "--report", episodes, *("compare", "--episodes", episodes, *moment, "--report", episodes)
    )
    assert_refused("--out", alarms, "incident", "--alarms", alarms, *of_unit, "--out", alarms)
    assert_refused("--out", answer, "tune", "apply", answer, *decided, "--out", answer)
    assert_refused(
        "--out",
        answer,
        *("incident", "apply", answer, "--action", "1", *decided, "--out", answer),
    )


def test_a_pipe_and_a_device_are_named_as_what_they_are(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for command in (("replay", "--alarms"), ("tune", "--delay", "5", "--episodes")):
        assert run(*command, pipe).err == (
            f"error: {pipe}: expected a file, found a pipe; - reads standard input\n"
        )
    done = run("replay", "--alarms", "/dev/null")
    assert (done.status, done.err) == (1, "error: /dev/null: expected a file, found a device\n")


def test_a_file_of_records_is_given_once(alarms: Path) -> None:
    """Of two, the command would silently read the last."""
    command = [COMMAND, "replay", "--alarms", str(alarms), f"--alarms={alarms}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: --alarms: given twice, and only one file is read; join them first (cat)\n"
    )


def test_a_full_disk_is_one_error_line(alarms: Path) -> None:
    for command in (f"replay --alarms {alarms}", "config check", "replay --help"):
        done = subprocess.run(
            ["sh", "-c", f"{COMMAND} {command} > /dev/full"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr == "error: cannot write: No space left on device\n"


def test_a_closed_standard_output_is_no_error(alarms: Path, tmp_path: Path) -> None:
    out = tmp_path / "episodes.jsonl"
    done = subprocess.run(
        ["sh", "-c", f"{COMMAND} replay --alarms {alarms} --episodes {out} >&-"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr, out.exists()) == (0, "", True)
