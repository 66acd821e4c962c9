"""`compare` and `tune trend` on changes whose truth the simulator knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from analyzer.model import HOUR, SECOND
from streams.simulator import Change, Monitors, Ward, simulate
from tests.harness.recordings import episode, written
from tests.harness.workers import run

SPO2 = ("monitor", "MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO")
NAME = "/".join(SPO2)
DAY = 24 * HOUR
DAYS = 10
SEEDS = (1, 2, 3, 4)


def ward(seed: int, *changes: Change) -> Ward:
    return Ward(
        seed=seed,
        duration=2 * DAYS * DAY,
        units=3,
        beds=6,
        alarms_per_bed_day=30,
        changes=changes,
    )


AT = ward(1).start + DAYS * DAY
DELAY = Change(start=AT, unit="MICU", type=SPO2, delay=15 * SECOND)
LIMIT = Change(start=AT, unit="MICU", type=SPO2, limit=88.0)


@cache
def episodes(simulated: Ward) -> list[dict[str, Any]]:
    """The alarms of a ward that ended."""
    begun: dict[str, dict[str, Any]] = {}
    rows = []
    for record in simulate(simulated):
        if record.topic != "alarms":
            continue
        value: dict[str, Any] = dict(record.value)
        if value["phase"] == "end":
            if (one := begun.pop(value["alarm_id"], None)) is not None:
                rows.append(one | {"end": value["at"]})
        elif value["alarm_id"] not in begun:
            fields = ("alarm_id", "facility", "unit", "bed", "device_type", "source", "code")
            begun[value["alarm_id"]] = episode(1) | {
                **{name: value[name] for name in fields},
                "start": value["at"],
                "value": None,
                "limit": None,
            }
    return rows


def of_type(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in rows:
        if (one["device_type"], one["source"], one["code"]) == SPO2 and one["unit"] == "MICU":
            yield one


def truth(seed: int, change: Change) -> float:
    """How many of the alarms after the change there would have been without it: the patients are
    the same.
    """
    counts = [
        sum(one["start"] >= AT for one in of_type(episodes(simulated)))
        for simulated in (ward(seed, change), ward(seed))
    ]
    return counts[0] / counts[1]


def compared(folder: Path, simulated: Ward, at: int = AT) -> dict[str, Any]:
    path = written(folder, *episodes(simulated))
    ask = ("compare", "--episodes", path, "--at", str(at), "--unit", "MICU", "--type", NAME)
    found: dict[str, Any] = json.loads(run(*ask, "--json").out)
    assert found["no_verdict"] == []
    assert found["controls"] == ["CCU", "SICU"] or len(found["controls"]) == 2
    return found


def covers(ratio: dict[str, float], true: float) -> bool:
    return ratio["low"] <= true <= ratio["high"]


@pytest.mark.slow
@pytest.mark.parametrize("change", [DELAY, LIMIT], ids=["delay", "limit"])
def test_intervals_contain_the_truth_of_a_change(tmp_path: Path, change: Change) -> None:
    """Of four wards, one may be missed by chance: two are, with odds of 1 in 71."""
    missed = beyond = 0
    for seed in SEEDS:
        found, true = compared(tmp_path, ward(seed, change)), truth(seed, change)
        assert true < 0.8
        missed += not covers(found["alarms_a_day"]["changed"]["ratio"], true)
        beyond += not covers(found["beyond_control"], true)
    assert (missed <= 1, beyond <= 1) == (True, True), (missed, beyond)


@pytest.mark.slow
def test_a_placebo_date_shows_no_change(tmp_path: Path) -> None:
    """Nothing was changed at any of these dates; one interval may exclude it by chance."""
    wrong = 0
    for seed in SEEDS:
        for days in (-3, 0):
            found = compared(tmp_path, ward(seed), AT + days * DAY)
            assert covers(found["beyond_control"], 1) == (found["verdict"] == "no_clear_change")
            wrong += found["verdict"] != "no_clear_change"
    assert wrong <= 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_trend_reproduces_the_alarms_and_what_a_delay_loses(tmp_path: Path, seed: int) -> None:
    short = replace(ward(seed), duration=2 * DAY, alarms_per_bed_day=120)
    monitors = Monitors(short, SPO2[1], beds=6, hours=48)
    monitors.hear(simulate(short))
    readings = tmp_path / "readings.jsonl"
    with readings.open("w") as file:
        for one in monitors.readings():
            file.write(json.dumps(one._asdict()) + "\n")
    rows = [one | {"class": "actionable"} for one in of_type(episodes(short))]
    path = written(tmp_path, *rows)
    rule = ("--type", NAME, "--side", "low", "--from-limit", "90", "--limit", "90")
    ask = ("tune", "trend", "--trend", readings, "--episodes", path, *rule, "--delay", "15")
    found = json.loads(run(*ask, "--json").out)["recorded"]
    assert found["covered"] >= 0.95 * len(rows) > 50
    assert found["told_before"] == found["covered"]
    lasted = [one["end"] - one["start"] for one in rows]
    surely, perhaps = (sum(one <= most for one in lasted) for most in (14_000, 17_000))
    assert 0.9 * surely <= found["lost"]["count"] <= perhaps
