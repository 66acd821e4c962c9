"""Answers: what `tune --json` and `compare --json` print for the same alarms."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import alarm_fatigue as af
from tests.harness.files import Files
from tests.harness.workers import run

SPO2 = "monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO"


@pytest.fixture(scope="module")
def episodes(shift: Files) -> pl.DataFrame:
    return af.read(**shift.paths).episodes()


@pytest.fixture(scope="module")
def file(shift: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("answers") / "episodes.jsonl"
    run("replay", *shift.arguments, "--pseudonyms", "off", "--episodes", str(out))
    return out


@pytest.mark.parametrize(
    ("asked", "options"),
    [
        ({"delay": "15s"}, ["--delay", "15"]),
        ({"unit": "MICU", "type": SPO2, "delay": 10, "limit": 85},
         ["--unit", "MICU", "--type", SPO2, "--delay", "10", "--limit", "85"]),
        ({"hold_off": timedelta(seconds=60)}, ["--holdoff", "60"]),
        ({"to_priority": "low", "sent_from": "medium"},
         ["--to-priority", "low", "--sent-from", "medium"]),
        ({"priority": "medium", "beside": SPO2, "tolerance": 0.05, "confidence": 0.9},
         ["--priority", "medium", "--beside", SPO2, "--tolerance", "5", "--confidence", "90"]),
    ],
)  # fmt: skip
def test_a_what_if_holds_what_tune_prints(
    episodes: pl.DataFrame, file: Path, asked: dict[str, Any], options: list[str]
) -> None:
    printed = json.loads(run("tune", "--episodes", str(file), *options, "--json").out)
    for given in (episodes, episodes.to_pandas(), file):
        assert json.loads(af.whatif(given, **asked).to_json()) == printed


def test_the_most_used_figures_are_attributes(episodes: pl.DataFrame) -> None:
    found = af.whatif(episodes, unit="MICU", delay="15s")
    assert found.before.alarms == found.after.alarms + found.removed.alarms > 0
    assert found.removed.classes["non_actionable"] > 0
    assert found.before["alarms"] == sum(found.before.classes.values())
    assert found.delayed.alarms == found["delayed"]["alarms"]
    assert found.lost == found["lost"]["count"]
    assert found.lost_upper == found["lost"]["upper"]
    assert found.lost_upper is not None
    assert found.promise in ("kept", "open", "broken")
    assert "removed" in repr(found)


def test_an_answer_does_not_change(episodes: pl.DataFrame) -> None:
    found = af.whatif(episodes, delay=5)
    with pytest.raises(AttributeError):
        found.other = 1  # type: ignore[attr-defined]  # that is the point
    with pytest.raises(TypeError):
        found["before"]["alarms"] = 0
    found.to_dict()["before"]["alarms"] = -1
    assert found.before.alarms > 0
    assert hash(found) == hash(af.whatif(episodes, delay=5))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"unit": "MCU", "delay": 5}, "unit: MCU is not among the alarms; there are MICU"),
        ({"type": "monitor/X/Y"}, "type: monitor/X/Y is not among the alarms; there are monitor"),
        ({"limit": 88}, "limit: needs type"),
        ({"delay": "soon"}, "delay: expected a duration such as 15s, or seconds"),
        ({"type": SPO2, "limit": 99}, "limit: "),
        ({"to_priority": "urgent"}, "to_priority: expected one of high, medium, low, info"),
    ],
)
def test_a_setting_that_cannot_be_evaluated_says_why(
    episodes: pl.DataFrame, asked: dict[str, Any], says: str
) -> None:
    with pytest.raises(af.InputError, match=says):
        af.whatif(episodes, **asked)


def test_a_frame_that_holds_no_episodes_says_why() -> None:
    with pytest.raises(af.InputError, match="episodes: expected finished alarms, found none"):
        af.whatif(pl.DataFrame({"facility": ["F"]}), delay=5)


def days(count: int, fewer_from: int) -> pl.DataFrame:
    """Ten alarms a day on each of two wards; six of the first one's from a day on."""
    start = 1_772_323_200_000
    rows = [
        {
            "facility": "F", "unit": unit, "bed": str(number % 4), "device_type": "monitor",
            "alarm_id": f"{unit}-{day}-{number}", "source": "S", "code": "C", "priority": "medium",
            "kind": "physiological", "class": "non_actionable",
            "start": start + (day * 24 + number * 2) * 3_600_000 + day % 7 * 60_000,
        }
        for day in range(count)
        for unit in ("A", "B")
        for number in range(6 if unit == "A" and day >= fewer_from else 10 + day % 3)
    ]  # fmt: skip
    return pl.DataFrame(rows).with_columns(end=pl.col("start") + 20_000)


def test_a_comparison_holds_what_compare_prints(tmp_path: Path) -> None:
    frame = days(40, 20)
    file = tmp_path / "episodes.jsonl"
    frame.write_ndjson(file)
    at = "2026-03-21T00:00:00Z"
    options = ["--at", at, "--unit", "A", "--control", "B", "--days", "14", "--json"]
    printed = json.loads(run("compare", "--episodes", str(file), *options).out)
    found = af.compare(frame, at=at, unit="A", control_units=["B"], days=14)
    assert json.loads(found.to_json()) == printed
    assert found.verdict == "fewer"
    assert found.effect["value"] is not None
    assert found.effect["value"] < 0.7
    assert found.daily["alarms"].sum() > 200


def test_a_change_record_says_when_and_which(tmp_path: Path) -> None:
    frame = days(40, 20)
    answer = tmp_path / "answer.json"
    answer.write_text(af.whatif(frame, unit="A", delay=5).to_json())
    change = tmp_path / "change.json"
    done = run(
        "tune", "apply", str(answer), "--owner", "biomed", "--review", "2026-06-30",
        "--change-control", "CC-1", "--at", "2026-03-21T00:00:00Z", "--out", str(change),
    )  # fmt: skip
    assert done.status == 0, done.err
    found = af.compare(frame, change=change)
    assert found["scope"]["unit"] == "A"
    assert found.verdict == "fewer"
    assert af.compare(frame, change=json.loads(change.read_text())) == found


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "expected either change or at"),
        ({"at": "2026-03-21"}, "at: expected an RFC 3339 time"),
        ({"at": "2026-03-02T00:00:00Z"}, "expected at least 3 whole days"),
        ({"at": "2026-03-21T00:00:00Z", "control_units": ["C"]}, "control_units: C is not among"),
        ({"change": {"at": 1}}, "change: expected what tune apply wrote"),
    ],
)
def test_an_impossible_comparison_says_why(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(af.InputError, match=says):
        af.compare(days(30, 20), **asked)
