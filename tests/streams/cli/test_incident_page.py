"""The page that `incident --out` writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analyzer.incident import BANNED
from streams.simulator.archetypes import Truth, archetype
from streams.simulator.output import write_files
from tests.harness.workers import run


def written(scenario: str, folder: Path) -> tuple[Truth, str]:
    """The page of an archetype."""
    records, truth = archetype(scenario, 3)
    write_files(records, folder)
    files = [
        part
        for name in ("alarms", "assignments", "responses")
        for part in (f"--{name}", folder / f"{name}.jsonl")
    ]
    asked = ["--at", str(truth.at), "--facility", truth.facility, "--unit", truth.unit]
    asked += [] if truth.bed is None else ["--bed", truth.bed]
    out = folder / "review.html"
    done = run("incident", *files, *asked, "--out", out)
    assert (done.status, done.out) == (0, b""), done.err
    return truth, out.read_text()


@pytest.fixture(scope="module")
def staffing(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written("one-assignment", tmp_path_factory.mktemp("case"))[1]


def test_it_loads_nothing_and_carries_its_data(staffing: str) -> None:
    assert "default-src 'none'" in staffing
    for sign in ("http://", "https://", "<script src", "url(http", "@import"):
        assert sign not in staffing
    data = staffing.partition('id="answer">')[2].partition("</script>")[0]
    assert json.loads(data)["factors"][0]["kind"] == "staffing"


def test_no_clinician_is_named_and_nobody_is_blamed(staffing: str) -> None:
    assert "nurse-0" not in staffing
    prose = staffing.partition("<script")[0].lower()
    assert not [one for one in BANNED if one in prose]


def test_each_change_has_an_owner_a_measure_and_a_place_to_decide(staffing: str) -> None:
    changes = staffing.partition("<h2>Changes for the board to decide</h2>")[2].partition("<h2>")[0]
    sections = changes.split('<section class="action approval">')[1:]
    assert len(sections) >= 2
    for one in sections:
        for row in ("Owner (role)", "Strength", "Expected effect", "Measure", "Decision"):
            assert f"<td>{row}" in one
    assert "Keep to 8 beds for each clinician" in changes


def test_pictures_have_descriptions_in_words(staffing: str) -> None:
    assert staffing.count("<svg") == staffing.count('role="img"') == staffing.count("aria-label=")


def test_alarms_that_last_into_the_window_are_drawn_from_its_begin(tmp_path: Path) -> None:
    truth, page = written("leads-off-silenced", tmp_path)
    lane = page.partition(f">bed {truth.bed}</text>")[2].partition("</g>")[0]
    assert 'class="mute"' in lane
    assert "silenced: Heart rate leads off" in lane
    assert 'class="technical"' in lane


def test_a_quiet_hour_names_no_cause_and_no_change(tmp_path: Path) -> None:
    _, page = written("quiet", tmp_path)
    assert "No system condition beyond baseline.</b> No cause is named." in page
    assert "Nothing stood out, so no change is proposed." in page
    assert '<section class="action' not in page
