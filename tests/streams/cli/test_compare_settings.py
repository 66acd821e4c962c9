"""`compare` with the settings of a hospital: local times, and what its policy calls slow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streams.settings import load
from tests.harness.recordings import episode, written
from tests.harness.workers import run

DAY = 86_400_000
AT = 1_772_344_800_000
"""2026-03-01 06:00 UTC, 22:00 of the day before in Los Angeles."""
MINUTES = 60_000


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(
        "policy: {findings: {slow_answer: 3m}}\n"
        "calendar:\n"
        "  time_zone: Europe/Berlin\n"
        "  facilities: {H: {time_zone: America/Los_Angeles}}\n"
    )
    return path


def ward(facility: str = "H", silent: bool = False) -> list[dict[str, Any]]:
    """Eight days of two units, all alarms answered after four minutes."""
    return [
        episode(
            1,
            alarm_id=f"{unit}{day}-{number}",
            facility=facility,
            unit=unit,
            bed=str(number % 6),
            start=(start := AT + day * DAY + number * 3_600_000),
            end=start + 9_000,
            first_response=start + 4 * MINUTES,
            **{"class": "actionable"},
        )
        for unit in ("icu", "nicu")
        for day in range(-5, 6)
        for number in range(24)
        if not (silent and unit == "icu" and day >= 0)
    ]


def asked(path: Path, *more: object) -> tuple[object, ...]:
    return ("compare", "--episodes", path, "--at", str(AT), "--unit", "icu", *more)


def test_times_are_those_of_the_facility(tmp_path: Path, settings: Path) -> None:
    path = Path(written(tmp_path, *ward(silent=True)))
    text = run(*asked(path, "--config", settings)).out.decode()
    assert "no alarm at all after 2026-02-28 21:00 PST" in text
    found = json.loads(run(*asked(path, "--config", settings, "--json")).out)
    assert (found["at"], found["time_zone"]) == (AT, "America/Los_Angeles")
    assert "2026-03-01 05:00 UTC" in run(*asked(path)).out.decode()
    elsewhere = Path(written(tmp_path, *ward("I", silent=True)))
    text = run(*asked(elsewhere, "--config", settings)).out.decode()
    assert "no alarm at all after 2026-03-01 06:00 CET" in text


def test_slow_is_what_the_policy_says(tmp_path: Path, settings: Path) -> None:
    path = Path(written(tmp_path, *ward()))
    text = run(*asked(path, "--config", settings)).out.decode()
    assert "without response for 3 min: 120 of 120 -> 120 of 120" in text
    assert "without response for 10 min: 0 of 120 -> 0 of 120" in run(*asked(path)).out.decode()


def test_a_report_names_the_settings_and_shows_local_days(tmp_path: Path, settings: Path) -> None:
    path, out = Path(written(tmp_path, *ward())), tmp_path / "out.html"
    assert run(*asked(path, "--config", settings, "--report", out)).status == 0
    page = out.read_text()
    for expected in (
        "The change was made at 2026-02-28 22:00 PST.",
        "day (America/Los_Angeles), from the hour of the change",
        "without response for 3 min",
        f"fingerprint {load(settings).policy.fingerprint}",
        "settings.yaml (SHA-256",
    ):
        assert expected in page, expected


def test_settings_that_cannot_be_read_stop_it_before_the_file_is_read(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("polcy: {}\n")
    done = run(*asked(tmp_path / "none.jsonl", "--config", wrong))
    assert (done.status, done.out) == (1, b"")
    assert "polcy" in done.err
