"""The command `incident`, on files and on an archive of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.files import Files
from tests.harness.workers import run


@pytest.fixture
def question(ward: Files) -> list[str]:
    return ["--at", str(ward.watermark), "--facility", "H01", "--unit", "MICU"]


def answer(*arguments: Any) -> dict[str, Any]:
    done = run("incident", *arguments, "--json")
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_the_answer_has_the_documented_keys(ward: Files, question: list[str]) -> None:
    found = answer(*ward.arguments, *question)
    assert list(found) == [
        "scope",
        "summary",
        "completeness",
        "timeline",
        "conditions",
        "factors",
        "not_factors",
        "counterfactuals",
        "actions",
        "beds",
        "own_alarms",
        "method",
    ]
    assert found["scope"]["to"] - found["scope"]["from"] == 3_600_000
    assert len(found["conditions"]) == 60
    looked_at = {one["kind"] for one in found["factors"] + found["not_factors"]}
    assert {"flood", "overload", "silenced", "signal_lost", "feed_gap"} <= looked_at


def test_shuffled_files_give_the_same_bytes(
    ward: Files, question: list[str], tmp_path: Path
) -> None:
    again = ward.rewritten(tmp_path / "reversed", lambda lines: [*reversed(lines), *lines[:5]])
    first = run("incident", *ward.arguments, *question, "--json")
    assert run("incident", *again.arguments, *question, "--json").out == first.out


def test_no_clinician_is_named(ward: Files, question: list[str]) -> None:
    names = {
        json.loads(one)["clinician"].encode()
        for one in ward.lines["assignments"] + ward.lines["responses"]
        if json.loads(one).get("clinician")
    }
    done = run("incident", *ward.arguments, *question, "--json")
    assert names
    assert not [name for name in names if name in done.out]


def test_an_archive_gives_the_figures_of_its_finished_alarms(
    ward: Files, question: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    assert run("replay", *ward.arguments, "--archive", folder).status == 0
    found = answer("--archive", folder, *question)
    expected = answer(*ward.arguments, *question)
    unsaid = found["completeness"]["alarms"]["not_assessable"]
    assert unsaid == ["alarms that had not ended when the archive was written"]
    for one, other in zip(found["conditions"], expected["conditions"], strict=True):
        assert 0 <= other["unit"]["alarms_1h"] - one["unit"]["alarms_1h"] <= 5


def test_wrong_questions_are_refused_in_one_line(ward: Files, tmp_path: Path) -> None:
    at = ["--at", str(ward.watermark), "--facility", "H01"]
    for arguments, words in (
        ([*ward.arguments, *at, "--unit", "XICU"], "nothing was recorded of unit XICU"),
        ([*ward.arguments, *at, "--unit", "MICU", "--window", "25h"], "window: expected 1 min"),
        ([*ward.arguments, *at, "--unit", "MICU", "--bed", "X9"], "nothing was recorded of bed X9"),
        ([*at, "--unit", "MICU"], "expected --alarms"),
        (["--archive", tmp_path, *at, "--unit", "MICU"], "expected an archive"),
    ):
        done = run("incident", *arguments)
        assert done.status in (1, 2)
        assert words in done.err
        assert len(done.err.splitlines()) == 1
