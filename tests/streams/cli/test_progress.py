"""A command that takes a while shows that it works, to people alone."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.workers import run


def on_a_terminal(*arguments: str | Path) -> str:
    """What a command shows on standard error if that is a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "streams.cli.main", *map(str, arguments)]
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = b""
        try:
            while some := os.read(ours, 1 << 16):
                shown += some
        except OSError:  # how Linux says that the other side is closed
            pass
    os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode()


@pytest.mark.parametrize(
    ("command", "steps"),
    [
        ("replay --alarms {alarms}", ["reading", "computing", "measuring"]),
        ("replay --alarms {alarms} --episodes {out}", ["writing out.jsonl"]),
        ("findings --alarms {alarms}", ["reading", "computing", "measuring"]),
        ("tune --episodes {episodes} --search", ["reading", "searching"]),
        ("simulate --out {folder} --duration 1h", ["simulating"]),
    ],
)
def test_each_step_is_named_on_a_terminal(
    command: str, steps: list[str], calibrated: Path, tmp_path: Path
) -> None:
    names = {
        "alarms": calibrated.with_name("alarms.jsonl"),
        "episodes": calibrated,
        "out": tmp_path / "out.jsonl",
        "folder": tmp_path / "ward",
    }
    shown = on_a_terminal(*(part.format(**names) for part in command.split()))
    assert [step for step in steps if step not in shown] == []


def test_a_file_or_a_pipe_gets_no_progress(calibrated: Path) -> None:
    assert run("tune", "--episodes", calibrated, "--search").err == ""
