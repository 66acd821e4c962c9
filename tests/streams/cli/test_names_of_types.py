"""Alarm types whose parts contain slashes are found by the same name in every command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.recordings import episode, written
from tests.harness.workers import run

DAY = 86_400_000
AT = 1_772_344_800_000
CODE = {"source": "", "code": "CO2 LOW/HIGH"}
NAMED = "monitor//CO2 LOW/HIGH"
SOURCE = {"source": "CO2/exp", "code": "LOW"}


def days(**fields: Any) -> list[dict[str, Any]]:
    """Ten alarms on each of eight days around `AT`."""
    return [
        episode(
            1,
            alarm_id=f"{day}-{number}",
            bed=str(number),
            start=(start := AT + day * DAY + number * 7_200_000),
            end=start + 9_000,
            **fields,
        )
        for day in range(-4, 4)
        for number in range(10)
    ]


def readings(folder: Path, *sources: str) -> Path:
    """A reading below 90 for each of twenty seconds."""
    path = folder / "readings.jsonl"
    rows = [
        {"facility": "H", "unit": "icu", "bed": "1", "source": one, "at": AT + second * 1000}
        | {"value": 85.0 if second < 20 else 95.0}
        for one in sources
        for second in range(30)
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


RULE = ("--side", "low", "--from-limit", "90", "--limit", "88")


def test_compare_finds_a_type_with_a_slash(tmp_path: Path) -> None:
    path = written(tmp_path, *days(**CODE), episode(2, start=AT + 4 * DAY, end=AT + 4 * DAY + 1))
    ask = ("compare", "--episodes", path, "--at", str(AT), "--json", "--type")
    found = json.loads(run(*ask, NAMED).out)
    assert found["scope"]["type"]["code"] == "CO2 LOW/HIGH"
    assert found["alarms_a_day"]["changed"]["before"] == 10
    done = run(*ask, "monitor/CO2 LOW/HIGH")
    assert (done.status, done.out) == (2, b"")
    assert f"is not among the alarms; there are {NAMED}, monitor/SpO2/LO" in done.err


def test_compare_takes_a_change_record_of_such_a_type(tmp_path: Path) -> None:
    path, answer = written(tmp_path, *days(**CODE)), tmp_path / "answer.json"
    change = tmp_path / "change.json"
    ask = ("tune", "--episodes", path, "--type", NAMED, "--delay", "30", "--json")
    answer.write_bytes(run(*ask).out)
    decided = ("--owner", "biomed", "--review", "2026-06-30", "--change-control", "CC-7")
    assert run("tune", "apply", answer, *decided, "--at", str(AT), "--out", change).status == 0
    found = json.loads(run("compare", "--episodes", path, "--change", change, "--json").out)
    assert (found["scope"]["type"]["code"], found["expected_ratio"]) == ("CO2 LOW/HIGH", 0.0)


@pytest.mark.parametrize("with_episodes", [False, True])
def test_trend_finds_a_source_with_a_slash(tmp_path: Path, with_episodes: bool) -> None:
    path = readings(tmp_path, "CO2/exp", "SpO2")
    ask: tuple[object, ...] = ("tune", "trend", "--trend", path, *RULE, "--json")
    if with_episodes:
        recorded = episode(1, start=AT, end=AT + 20_000, **SOURCE)
        ask += ("--episodes", written(tmp_path, recorded, episode(2)))
    found = json.loads(run(*ask, "--type", "monitor/CO2/exp/LOW").out)
    assert found["type"]["source"] == "CO2/exp"
    assert (found["readings"], found["before"]["alarms"]) == (30, 1)
    if with_episodes:
        assert (found["recorded"]["alarms"], found["recorded"]["told_before"]) == (1, 1)


def test_trend_asks_where_a_name_fits_two_sources(tmp_path: Path) -> None:
    path = readings(tmp_path, "CO2/exp", "CO2")
    ask = ("tune", "trend", "--trend", path, *RULE, "--type", "monitor/CO2/exp/LOW")
    done = run(*ask)
    assert done.status == 2
    assert done.err == "error: --type: may be of the sources CO2 and CO2/exp; add --episodes\n"
    episodes = written(tmp_path, episode(1, start=AT, end=AT + 20_000, **SOURCE))
    found = json.loads(run(*ask, "--episodes", episodes, "--json").out)
    assert found["type"]["source"] == "CO2/exp"


def test_trend_without_readings_of_the_type_says_which_there_are(tmp_path: Path) -> None:
    path = readings(tmp_path, "SpO2", "HR")
    done = run("tune", "trend", "--trend", path, *RULE, "--type", "monitor/SPO2/LOW")
    assert (done.status, done.out) == (2, b"")
    assert done.err == "error: --type: no reading is of its source; there are SpO2, HR\n"
    episodes = written(tmp_path, episode(1, end=None))
    done = run(
        "tune", "trend", "--trend", path, *RULE, "--type", "monitor/HR/LO", "--episodes", episodes
    )
    assert done.status == 2
    assert "monitor/HR/LO is not among the alarms; there is monitor/SpO2/LO" in done.err


def test_trend_of_lines_that_are_no_readings_is_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    path.write_text("{}\n{}\n")
    done = run("tune", "trend", "--trend", path, *RULE, "--type", "monitor/SpO2/LO")
    assert (done.status, done.out) == (3, b"")
    assert done.err.endswith("error: none of 2 lines could be used\n")
