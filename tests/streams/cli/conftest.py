"""Recorded files that several tests of the commands share."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from analyzer import TOPICS, Topic
from streams.simulator import simulate
from tests.harness.files import WARD, Files, event
from tests.harness.workers import run


@pytest.fixture(scope="session")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of two simulated intensive care units, replayed."""
    folder = tmp_path_factory.mktemp("calibrated")
    assert run("simulate", "--out", folder, "--duration", "24h", "--units", "2").status == 0
    files = [
        part
        for name in ("alarms", "assignments", "responses", "labels")
        for part in (f"--{name}", folder / f"{name}.jsonl")
    ]
    assert (
        run("replay", *files, "--pseudonyms", "off", "--episodes", folder / "episodes.jsonl").status
        == 0
    )
    return folder / "episodes.jsonl"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings and the key of the user who runs the tests out of them."""
    for name in os.environ:
        if name.startswith("ALARM_FATIGUE_") and "TESTS" not in name:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="session")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Files of a simulated ward, one a topic."""
    folder = tmp_path_factory.mktemp("ward")
    lines: dict[Topic, list[str]] = {topic: [] for topic in TOPICS}
    for record in simulate(WARD):
        lines[record.topic].append(json.dumps(record.value) + "\n")
    for topic, texts in lines.items():
        (folder / f"{topic}.jsonl").write_text("".join(texts))
    return Files({topic: folder / f"{topic}.jsonl" for topic in TOPICS})


@pytest.fixture
def alarms(tmp_path: Path) -> Path:
    """A file of one short alarm."""
    path = tmp_path / "alarms.jsonl"
    path.write_bytes(event("start", 0) + b"\n" + event("end", 20_000) + b"\n")
    return path
