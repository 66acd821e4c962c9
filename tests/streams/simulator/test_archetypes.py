"""What an analysis says of archetypes, held to the truth that is written beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analyzer import Policy
from analyzer.incident import Incident, Question, analyse, check, texts
from streams.simulator.archetypes import Truth, archetype
from streams.simulator.scenarios import SCENARIOS
from tests.harness.incidents import facts_in
from tests.harness.workers import run

pytestmark = pytest.mark.slow

SEEDS = range(1, 6)


def analysed(scenario: str, seed: int) -> tuple[Truth, Incident]:
    records, truth = archetype(scenario, seed)
    question = Question(at=truth.at, facility=truth.facility, unit=truth.unit, bed=truth.bed)
    return truth, analyse(facts_in(records), question, Policy())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_truth_is_found_and_nothing_else_is_said(scenario: str, seed: int) -> None:
    truth, found = analysed(scenario, seed)
    kinds = [one.kind for one in found.factors]
    assert kinds[:1] == ([] if truth.first_factor is None else [truth.first_factor])
    assert not set(kinds) & set(truth.not_said)
    prevented = {one.lever for one in found.counterfactuals if one.verdict == "prevented"}
    assert set(truth.preventing_levers) <= prevented
    assert not set(truth.innocent_levers) & prevented
    assert bool(found.actions) == bool(kinds)
    check(texts(found))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_factor_of_an_archetype_ends_in_a_change_that_is_not_weak(scenario: str) -> None:
    _, found = analysed(scenario, 7)
    owned = {number for one in found.actions for number in one.factors}
    assert owned == set(range(len(found.factors)))
    assert {one.strength for one in found.actions} <= {"stronger", "intermediate"}


def test_a_seed_gives_the_same_records() -> None:
    assert archetype("battery-dead", 3) == archetype("battery-dead", 3)
    assert archetype("battery-dead", 3) != archetype("battery-dead", 4)


def test_the_command_writes_the_files_and_the_truth(tmp_path: Path) -> None:
    out = tmp_path / "case"
    given = ("--out", out, "--scenario", "leads-off-silenced", "--seed", "3", "--prefix", "Test")
    done = run("simulate", *given)
    assert done.status == 0, done.err
    truth = json.loads((out / "truth.json").read_text())
    assert (truth["facility"], truth["first_factor"]) == ("Test01", "silenced")
    files = [part for name in ("alarms", "assignments", "responses") for part in _option(out, name)]
    asked = ("--at", str(truth["at"]), "--facility", truth["facility"], "--unit", truth["unit"])
    answered = run("incident", *files, *asked, "--bed", truth["bed"], "--json")
    assert answered.status == 0, answered.err
    factors = json.loads(answered.out)["factors"]
    assert factors[0]["kind"] == "silenced"
    assert "leads off silenced while it went on" in factors[0]["statement"]


def _option(folder: Path, name: str) -> tuple[str, Path]:
    return f"--{name}", folder / f"{name}.jsonl"


def test_an_unknown_scenario_and_one_without_a_directory_are_refused(tmp_path: Path) -> None:
    done = run("simulate", "--out", tmp_path, "--scenario", "harm")
    assert done.status == 2
    assert "--scenario: expected one of crisis-alarm-off, leads-off-silenced" in done.err
    done = run("simulate", "--scenario", "quiet")
    assert (done.status, "expected --out" in done.err) == (2, True)
