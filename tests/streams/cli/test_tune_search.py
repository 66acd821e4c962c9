"""The command `tune` on a calibrated ward: published effects, and what a search recommends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.recordings import episode, written
from tests.harness.workers import run


def test_published_delays_remove_what_was_published_of_the_calibrated_ward(
    calibrated: Path,
) -> None:
    """Goerges 2009: 14 s removes 50 % of ignored and ineffective alarms, 19 s 67 %."""
    for delay, published in ((14, 0.50), (19, 0.67)):
        found = json.loads(
            run("tune", "--episodes", calibrated, "--delay", str(delay), "--json").out
        )
        idle = [
            sum(found[part]["classes"][name] for name in ("non_actionable",))
            for part in ("removed", "before")
        ]
        assert idle[1] > 1_000
        assert idle[0] / idle[1] == pytest.approx(published, abs=0.04)


def test_a_search_recommends_what_keeps_its_promise_and_tests_it_on_the_rest(
    calibrated: Path,
) -> None:
    ask = ("tune", "--episodes", calibrated, "--search", "--tolerance", "5", "--json")
    found = json.loads(run(*ask).out)["search"]
    best, held = found["best"], found["held_out"]
    assert best["lost"]["upper"] <= 0.05 < max(one["lost"]["upper"] for one in found["pareto"])
    assert best["spared"] == max(
        one["spared"] for one in found["pareto"] if one["lost"]["upper"] <= 0.05
    )
    assert held["before"]["alarms"] + found["before"]["alarms"] == 4160
    assert held["promise"] == (
        "kept"
        if held["lost"]["upper"] <= 0.05
        else "broken"
        if held["lost"]["share"] > 0.05
        else "open"
    )
    late = json.loads(run(*ask, "--most-late", "4").out)["search"]["best"]
    assert late["setting"]["delay_seconds"] in (None, 2.0, 4.0)
    assert run(*ask).out == run(*ask).out


def test_where_too_few_were_actionable_nothing_is_recommended(tmp_path: Path) -> None:
    useless = [episode(number, end=number * 60_000 + 5_000) for number in range(400)]
    for episodes, says in (
        (useless, "0 alarms are known to have been actionable; at least 299 are needed"),
        (
            [one | {"class": "unknown"} for one in useless],
            "0 alarms are known to have been actionable",
        ),
        ([], "there are no alarms of that scope"),
    ):
        path = written(tmp_path, *episodes)
        found = json.loads(run("tune", "--episodes", path, "--search", "--json").out)
        assert found["search"]["best"] is None
        assert found["search"]["reason"].startswith(says)
        assert found["after"] == found["before"]
        said = run("tune", "--episodes", path, "--search").out.decode()
        assert "no recommendation" in said or "no alarms" in said.lower()
        assert "safe" not in said


def test_pseudonyms_in_records_are_found_in_the_roster(calibrated: Path, tmp_path: Path) -> None:
    files = [
        part
        for name in ("alarms", "assignments")
        for part in (f"--{name}", calibrated.parent / f"{name}.jsonl")
    ]
    assert run("replay", *files, "--episodes", tmp_path / "e.jsonl").status == 0
    roster = ("--assignments", calibrated.parent / "assignments.jsonl", "--json")
    hidden, shown = (
        json.loads(run("tune", "--episodes", one, *roster).out)
        for one in (tmp_path / "e.jsonl", calibrated)
    )
    assert hidden["load"] == shown["load"]
    assert hidden["load"]["before"]["duty_hours"] > 200


def test_each_type_gets_a_search_of_its_own_with_limits_beyond_its_own(calibrated: Path) -> None:
    found = json.loads(
        run(
            "tune",
            "--episodes",
            calibrated,
            "--search",
            "--tolerance",
            "10",
            "--each-type",
            "3",
            "--json",
        ).out
    )
    assert [one["type"]["code"] for one in found["types"]] == [
        "MDC_EVT_LO",
        "MDC_EVT_SENSOR_DISCONN",
        "MDC_EVT_LEADS_OFF",
    ]
    spo2, technical = found["types"][:2]
    assert spo2["search"]["settings"] == 160 * 9
    assert {one["setting"]["limit"] for one in spo2["search"]["pareto"]} > {None}
    assert all(
        one["setting"]["limit"] is None or one["setting"]["limit"] < 90
        for one in spo2["search"]["pareto"]
    )
    assert (technical["search"]["settings"], technical["search"]["best"]) == (160, None)
