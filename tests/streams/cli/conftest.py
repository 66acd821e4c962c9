"""Recorded files that several tests of the commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

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
