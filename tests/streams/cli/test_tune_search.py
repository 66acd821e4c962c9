"""The command `tune` on a calibrated ward: published effects, and what a search recommends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analyzer.model import HOUR
from tests.harness.recordings import bed_days, episode, written
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


def searched(*arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("tune", "--search", "--json", *arguments).out)
    return found


LOW, HIGH = {"code": "LO"}, {"code": "HI", "source": "HR", "value": None}
RED = {"code": "DESAT", "priority": "high", "value": None}
OFF = {"code": "OFF", "kind": "technical", "value": None}


def test_the_best_of_each_type_are_joined_and_tested_on_the_rest(tmp_path: Path) -> None:
    """Of 1,000 beds and days, 600 are searched; 299 independent alarms suffice for 1 %."""
    path = written(tmp_path, *bed_days(1_000, **LOW), *bed_days(1_000, **HIGH))
    found = searched("--episodes", path, "--delays", "2,5,30", "--holdoffs", "0")
    assert [
        (one["type"]["code"], one["setting"]["delay_seconds"]) for one in found["proposal"]
    ] == [
        ("HI", 5.0),
        ("LO", 5.0),
    ]
    search = found["search"]
    assert (search["lost"]["count"], search["lost"]["promise"]) == (0, "kept")
    assert search["held_out"]["promise"] == "kept"
    assert search["before"]["alarms"] + search["held_out"]["before"]["alarms"] == 8_000
    assert (found["removed"]["alarms"], found["lost"]["count"], found["lost"]["of"]) == (
        6_000,
        0,
        2_000,
    )
    assert found["late"] == {"actionable": 2_000, "by_seconds": 5.0}
    none_late = searched("--episodes", path, "--most-late", "3")
    assert none_late["proposal"] == []


def test_only_settings_that_keep_the_tolerance_are_shown(tmp_path: Path) -> None:
    short = bed_days(1_000, lasts=10_000)
    path = written(tmp_path, *short)
    found = searched("--episodes", path)
    [one] = found["types"]
    assert {each["lost"]["promise"] for each in one["search"]["pareto"]} == {"kept"}
    assert one["search"]["best"]["setting"]["delay_seconds"] < 10
    said = run("tune", "--search", "--episodes", path).out.decode()
    assert "BEYOND" not in said


def test_a_setting_that_exceeds_the_tolerance_on_the_held_out_part_is_not_proposed(
    tmp_path: Path,
) -> None:
    """In the second half, alarms that are needed became as short as those that are not."""
    first, second = bed_days(500), bed_days(1_000, lasts=4_000)[2_000:]
    found = searched("--episodes", written(tmp_path, *first, *second), "--train", "45")
    assert found["proposal"] == []
    assert found["after"] == found["before"]
    assert "beyond" in found["search"]["reason"]


def test_high_priority_is_left_out_unless_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, *bed_days(1_000, **RED))
    found = searched("--episodes", path)
    assert (found["proposal"], found["types"][0]["search"]) == ([], None)
    said = run("tune", "--search", "--episodes", path).out.decode()
    assert "not tuned: high priority (--include-high tunes it, too)" in said
    assert searched("--episodes", path, "--include-high")["proposal"] != []
    assert searched("--episodes", path, "--priority", "high")["proposal"] != []


def test_alarms_of_a_type_that_reach_high_priority_sound_as_before(tmp_path: Path) -> None:
    mixed = bed_days(1_000)
    for number, one in enumerate(mixed):
        if number % 8 == 1:
            one["priority"] = "high"
    found = searched("--episodes", written(tmp_path, *mixed))
    assert found["types"][0]["high_priority"] == 500
    assert found["removed"]["alarms"] == 2_500


def test_technical_types_are_mended_and_not_tuned(tmp_path: Path) -> None:
    path = written(tmp_path, *(one | {"class": "technical"} for one in bed_days(400, **OFF)))
    found = searched("--episodes", path)
    assert found["types"][0]["search"] is None
    said = run("tune", "--search", "--episodes", path).out.decode()
    assert "avoidable at the source: mend the sensor" in said
    said = run("tune", "--episodes", path, "--delay", "15").out.decode()
    assert "1600 of the alarms that would not sound, or would sound later, are technical" in said
    assert "a delay would hide the fault" in said


def test_a_search_is_the_same_bytes_each_time(calibrated: Path) -> None:
    ask = ("tune", "--episodes", calibrated, "--search", "--tolerance", "5", "--json")
    assert run(*ask).out == run(*ask).out


def test_with_too_few_actionable_alarms_nothing_is_recommended(tmp_path: Path) -> None:
    useless = [episode(number, end=number * 60_000 + 5_000) for number in range(400)]
    one_bed = [one | {"class": "actionable", "end": one["start"] + HOUR} for one in useless]
    for episodes, says in (
        (useless, "0 alarms are known to have been needed"),
        ([one | {"class": "unknown"} for one in useless], "0 alarms are known to have been needed"),
        (
            [*useless, *one_bed[1::2]],
            "138 alarms are known to have been needed; they tell as much as 1",
        ),
        ([], "there are no alarms of that scope"),
    ):
        path = written(tmp_path, *episodes)
        found = searched("--episodes", path)
        assert found["proposal"] == []
        assert found["search"]["reason"].startswith(says), found["search"]["reason"]
        assert found["after"] == found["before"]
        said = run("tune", "--episodes", path, "--search").out.decode()
        assert "nothing is proposed" in said or "no alarms" in said.lower()
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
    assert (technical["technical"], technical["search"]) == (technical["alarms"], None)
