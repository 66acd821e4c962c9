"""Changed settings and readings against the truth that the simulator knows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analyzer.model import HOUR, SECOND
from streams.simulator import Change, Monitors, Ward, simulate
from tests.harness.workers import run

SPO2 = ("monitor", "MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO")
NAME = "/".join(SPO2)
DAY = 24 * HOUR
WARD = Ward(seed=15, duration=2 * DAY, units=2, beds=6)
AT = WARD.start + DAY


def alarms(ward: Ward) -> dict[str, dict[str, Any]]:
    """Start, end, limit, unit and type of each alarm, by id."""
    found: dict[str, dict[str, Any]] = {}
    for record in simulate(ward):
        if record.topic != "alarms":
            continue
        value: dict[str, Any] = dict(record.value)
        one = found.setdefault(value["alarm_id"], {"start": value["at"], "end": None})
        one["start"] = min(one["start"], value["at"])
        one["unit"], one["limit"] = value["unit"], value.get("limit")
        one["type"] = (value["device_type"], value["source"], value["code"])
        if value["phase"] == "end":
            one["end"] = value["at"]
    return found


def lasts(one: dict[str, Any]) -> float:
    return float("inf") if one["end"] is None else float(one["end"] - one["start"])


def test_a_delay_from_a_date_on_removes_shorter_alarms_and_no_others() -> None:
    change = Change(start=AT, unit="MICU", type=SPO2, delay=15 * SECOND)
    before, after = alarms(WARD), alarms(replace(WARD, changes=(change,)))
    concerned = {
        name
        for name, one in before.items()
        if (one["unit"], one["type"]) == ("MICU", SPO2) and one["start"] >= AT
    }
    # an alarm whose end got lost was as long as others
    silent = {name for name in concerned if lasts(before[name]) <= 15 * SECOND}
    lost_ends = {name for name in concerned if before[name]["end"] is None}
    assert len(silent) > 20
    assert silent <= before.keys() - after.keys() <= silent | lost_ends
    for name, one in after.items():
        late = 15 * SECOND if name in concerned else 0
        assert (one["start"], one["end"]) == (before[name]["start"] + late, before[name]["end"])


def test_a_limit_from_a_date_on_silences_what_does_not_go_beyond_it() -> None:
    change = Change(start=AT, unit="MICU", type=SPO2, limit=88.0)
    after = alarms(replace(WARD, changes=(change,)))
    of_type = [one for one in after.values() if one["type"] == SPO2 and one["unit"] == "MICU"]
    changed = [one for one in of_type if one["start"] >= AT]
    assert {one["limit"] for one in changed} == {88.0}
    assert {one["limit"] for one in of_type if one["start"] < AT} == {90.0}
    assert 0 < len(changed) < 0.6 * (len(of_type) - len(changed))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"limit": 92.0}, "less sensitive than 90"),
        ({"delay": -1}, "zero or more"),
        ({}, "a delay, a limit or both"),
        ({"delay": 1, "type": ("monitor", "", "NONE")}, "an alarm type that the simulator has"),
    ],
)
def test_impossible_changes_are_refused(changed: dict[str, Any], says: str) -> None:
    usual: dict[str, Any] = {"start": AT, "unit": "MICU", "type": SPO2}
    with pytest.raises(ValueError, match=says):
        Change(**usual | changed)
    with pytest.raises(ValueError, match="one of the units MICU, SICU"):
        replace(WARD, changes=(Change(start=AT, unit="CCU", type=SPO2, delay=1),))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of two units with readings of every bed, and a delay in one unit on the second."""
    folder = tmp_path_factory.mktemp("measured")
    done = run(
        *("simulate", "--out", folder, "--seed", "15", "--duration", "2d", "--units", "2"),
        *("--beds", "6", "--readings-beds", "6", "--readings-hours", "48"),
        *("--change", f"SICU {NAME} delay=15s from={AT}"),
    )
    assert done.status == 0, done.err
    paths = [
        part
        for name in ("alarms", "assignments", "responses", "labels")
        for part in (f"--{name}", folder / f"{name}.jsonl")
    ]
    done = run("replay", *paths, "--pseudonyms", "off", "--episodes", folder / "episodes.jsonl")
    assert done.status == 0, done.err
    return folder


def trend(folder: Path, episodes: Path, *more: object) -> dict[str, Any]:
    rule = ("--type", NAME, "--side", "low", "--from-limit", "90")
    ask = ("tune", "trend", "--trend", folder / "readings.jsonl", "--episodes", episodes, *rule)
    found: dict[str, Any] = json.loads(run(*ask, *more, "--json").out)["recorded"]
    return found


def of_unit(folder: Path, unit: str) -> tuple[Path, list[dict[str, Any]]]:
    """The episodes of the type in one unit, as a file and as objects."""
    rows = [json.loads(line) for line in (folder / "episodes.jsonl").read_text().splitlines()]
    some = [
        one
        for one in rows
        if (one["unit"], one["device_type"], one["source"], one["code"]) == (unit, *SPO2)
    ]
    path = folder / f"{unit}.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in some))
    return path, some


@pytest.mark.slow
def test_readings_reproduce_the_alarms_that_the_monitors_raised(measured: Path) -> None:
    path, rows = of_unit(measured, "MICU")
    found = trend(measured, path, "--limit", "90")
    assert found["covered"] >= 0.99 * len(rows) > 100
    assert found["told_before"] == found["told_after"] == found["covered"]
    assert (found["lost"]["count"], found["lost"]["upper"]) == (0, 0.0)


@pytest.mark.slow
def test_a_delay_loses_in_readings_what_it_loses_in_truth(measured: Path) -> None:
    """Readings come each second, so only alarms about as long as the delay are in doubt."""
    path, rows = of_unit(measured, "MICU")
    found = trend(measured, path, "--limit", "90", "--delay", "15")
    needed = [lasts(one) for one in rows if one["class"] == "actionable"]
    surely, perhaps = (sum(one <= most for one in needed) for most in (14_000, 17_000))
    assert 0 < surely <= found["lost"]["count"] <= perhaps


@pytest.mark.slow
def test_silenced_alarms_are_still_measured(measured: Path) -> None:
    """After the change the unit has fewer alarms, while its readings go below 90 as often."""
    _, rows = of_unit(measured, "SICU")
    before, after = sum(one["start"] < AT for one in rows), sum(one["start"] > AT for one in rows)
    lines = (measured / "readings.jsonl").read_bytes().splitlines()
    readings = map(msgspec.json.Decoder().decode, lines)
    below = [one["at"] for one in readings if one["unit"] == "SICU" and one["value"] < 90]
    assert after < 0.75 * before
    assert sum(at >= AT for at in below) > 0.6 * sum(at < AT for at in below)


def test_readings_are_bounded_and_the_same_for_the_same_seed() -> None:
    with pytest.raises(ValueError, match="at most 20000000"):
        Monitors(replace(WARD, duration=400 * DAY), SPO2[1], 6, 400 * 24)
    with pytest.raises(ValueError, match="one of the sources MDC_ECG_HEART_RATE"):
        Monitors(WARD, "MDC_NONE", 1, 1)
    some = []
    for _ in range(2):
        monitors = Monitors(WARD, SPO2[1], 1, 2)
        monitors.hear(simulate(WARD))
        some.append(list(monitors.readings()))
    assert some[0] == some[1]
    assert 0.9 * 2 * 7_200 < len(some[0]) <= 2 * 7_200
    assert {one.at % SECOND for one in some[0]} == {0}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--change", "MICU"), "--change: expected 'UNIT TYPE delay=15s from=TIME'"),
        (("--change", f"MICU {NAME} from={AT}"), "--change: expected a delay, a limit or both"),
        (("--change", f"MICU {NAME} delay=x from={AT}"), "--change delay: expected a duration"),
        (("--readings-beds", "1", "--readings-source", "x"), "--readings-beds: expected one of"),
    ],
)
def test_an_impossible_simulation_is_one_error_line(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = run("simulate", "--out", tmp_path / "out", *arguments)
    assert (done.status, done.err.startswith(f"error: {says}")) == (2, True), done.err
