"""What is lost in part only looks like a success as well: no verdict, and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.whatif import DAY, compare
from bench.calibration import AT as AT_OF_MONTHS
from bench.calibration import KINDS, Plan, month
from tests.harness.recordings import episode, written
from tests.harness.workers import run

AT = 1_772_323_200_000
HOUR = 3_600_000
DAYS = 14
Row = dict[str, Any]


def ward(seed: int, change: Callable[[Row], Row | None]) -> list[Row]:
    """28 days of three units of ten beds, each with 40 alarms of two types a day, fewer at night.

    `change` is what becomes of each alarm; None: it is not recorded.
    """
    return [kept for row in unchanged(seed) if (kept := change(row)) is not None]


@cache
def unchanged(seed: int) -> list[Row]:
    rng, rows = np.random.default_rng(seed), []
    hours = np.array([1.0] * 6 + [2.0] * 18)
    for unit in ("MICU", "SICU", "CCU"):
        for day in range(-DAYS, DAYS):
            for number in range(int(rng.poisson(80 * rng.gamma(20, 1 / 20)))):
                hour = int(rng.choice(24, p=hours / hours.sum()))
                start = AT + day * DAY + hour * HOUR + int(rng.integers(HOUR))
                row = episode(
                    1,
                    alarm_id=f"{unit}{day}-{number}",
                    unit=unit,
                    bed=f"{unit}{rng.integers(10)}",
                    device_id="old" if rng.random() < 0.5 else "new",
                    code="LO" if rng.random() < 0.5 else "HI",
                    source="SpO2",
                    start=start,
                    end=start + 9_000,
                )
                rows.append(row)
    return rows


def micu_after(row: Row, day: int = 0) -> bool:
    return row["unit"] == "MICU" and row["start"] >= AT + day * DAY


def hour(row: Row) -> int:
    return int(row["start"] - AT) // HOUR % 24


def day_of(row: Row) -> int:
    return int(row["start"] - AT) // DAY


def cut_evenings(row: Row) -> Row | None:
    return None if micu_after(row) and hour(row) >= 12 else row


def cut_every_other_morning(row: Row) -> Row | None:
    return None if micu_after(row) and day_of(row) % 2 and 6 <= hour(row) < 18 else row


def cut_before(row: Row) -> Row | None:
    return None if row["unit"] == "MICU" and row["start"] < AT and hour(row) >= 12 else row


def new_code(row: Row) -> Row:
    renamed = micu_after(row) and row["code"] == "LO" and row["device_id"] == "new"
    return row | {"code": "LO2"} if renamed else row


def new_code_mid_span(row: Row) -> Row:
    return row | {"code": "LO2"} if micu_after(row, 5) and row["code"] == "LO" else row


def new_code_in_part_mid_span(row: Row) -> Row:
    return new_code(row) if micu_after(row, 6) else row


def new_unit_for_some_beds(row: Row) -> Row:
    moved = micu_after(row) and row["bed"] in {"MICU0", "MICU1", "MICU2", "MICU3"}
    return row | {"unit": "MICU 2"} if moved else row


def new_unit_mid_span(row: Row) -> Row:
    return row | {"unit": "MICU 2"} if micu_after(row, 4) else row


def dead_gateway(row: Row) -> Row | None:
    return None if micu_after(row) and row["bed"] in {"MICU0", "MICU1", "MICU2", "MICU3"} else row


LOW = ("--type", "monitor/SpO2/LO")
CASES: dict[str, tuple[Callable[[Row], Row | None], tuple[str, ...], str, str]] = {
    "half of each day": (cut_evenings, (), "hours_missing", "cut off for part of the day"),
    "half of every other day": (
        cut_every_other_morning,
        (),
        "hours_missing",
        "for hours on many days after the change",
    ),
    "half of each day before": (cut_before, (), "hours_missing", "many days before the change"),
    "half of each day, one type": (cut_evenings, LOW, "hours_missing", "cut off for part"),
    "code, some devices": (new_code, LOW, "code_in_part", "some of the devices may use a new name"),
    "code, mid-span": (new_code_mid_span, LOW, "code_renamed", "and SpO2: LO2"),
    "code, some devices, mid-span": (
        new_code_in_part_mid_span,
        LOW,
        "code_in_part",
        "about 2026-03-07",
    ),
    "unit, some beds": (
        new_unit_for_some_beds,
        (),
        "unit_in_part",
        "MICU 2 begins about 2026-03-01",
    ),
    "unit, mid-span": (new_unit_mid_span, (), "unit_renamed", "and MICU 2 begins then"),
    "some beds": (dead_gateway, (), "beds_stopped", "MICU: 4 of 10 beds have no alarm after"),
}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("case", CASES)
def test_a_partly_lost_recording_has_no_verdict(tmp_path: Path, case: str, seed: int) -> None:
    change, choice, kind, said = CASES[case]
    path = written(tmp_path, *ward(seed, change))
    ask = ("compare", "--episodes", path, "--at", str(AT), "--unit", "MICU", *choice)
    found = json.loads(run(*ask, "--json").out)
    assert (found["verdict"], [one["kind"] for one in found["no_verdict"]]) == (None, [kind])
    assert said in found["no_verdict"][0]["text"]
    assert found["alarms_a_day"]["changed"]["ratio"]["value"] is None
    assert "MICU 2" not in found["controls"]
    assert {"CCU", "SICU"} == set(found["controls"])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_feed_that_was_cut_once_loses_that_day_only(tmp_path: Path, seed: int) -> None:
    def cut(row: Row) -> Row | None:
        lost = row["unit"] == "MICU" and day_of(row) == 4 and 8 <= hour(row) < 19
        return None if lost else row

    path = written(tmp_path, *ward(seed, cut))
    ask = ("compare", "--episodes", path, "--at", str(AT), "--unit", "MICU", "--json")
    found = json.loads(run(*ask).out)
    assert found["missing_days"] == [AT + 4 * DAY]
    assert found["verdict"] == "no_clear_change"


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("choice", [(), LOW])
def test_a_real_success_has_a_verdict(tmp_path: Path, seed: int, choice: tuple[str, ...]) -> None:
    """Three quarters of the low alarms of a unit are gone, at all hours and beds."""
    rng = np.random.default_rng(seed)

    def fewer(row: Row) -> Row | None:
        gone = micu_after(row) and row["code"] == "LO" and rng.random() < 0.75
        return None if gone else row

    path = written(tmp_path, *ward(seed, fewer))
    ask = ("compare", "--episodes", path, "--at", str(AT), "--unit", "MICU", *choice, "--json")
    found = json.loads(run(*ask).out)
    assert (found["verdict"], found["no_verdict"], found["missing_days"]) == ("fewer", [], [])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_control_units_with_an_interrupted_feed_are_not_used(tmp_path: Path, seed: int) -> None:
    def cut(row: Row) -> Row | None:
        lost = row["unit"] == "SICU" and row["start"] >= AT and hour(row) >= 12
        return None if lost else row

    path = written(tmp_path, *ward(seed, cut))
    ask = ("compare", "--episodes", path, "--at", str(AT), "--unit", "MICU")
    found = json.loads(run(*ask, "--json").out)
    assert found["controls"] == ["CCU"]
    assert found["controls_excluded"] == [
        {
            "unit": "SICU",
            "kind": "hours_missing",
            "text": "its feed was silent for hours on many days",
        }
    ]
    assert found["verdict"] == "no_clear_change"


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_complete_feed_is_seldom_taken_for_interrupted(kind: str) -> None:
    rng, plan = np.random.default_rng(4), Plan(14, 14, earlier=14, controls=2)
    lost = refused = 0
    for _ in range(60):
        recorded = month(kind, plan, rng)
        ours = recorded.unit == 0
        found = compare(recorded, ours, ~ours, AT_OF_MONTHS, 14, 0.95)
        refused += bool(found.reasons or found.excluded)
        lost += bool(found.missing)
    assert (refused, lost) <= (1, 2)
