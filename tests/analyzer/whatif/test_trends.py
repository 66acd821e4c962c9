"""Alarms simulated again from readings equal a reference that goes reading by reading; their
agreement with the recorded alarms.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.whatif.trends import GAP, Rule, Trend, draw
from tests.harness.recordings import episode, written
from tests.harness.workers import run

Reading = tuple[str, int, float]


def naive(readings: list[Reading], rule: Rule) -> list[tuple[str, int, int]]:
    """(bed, start, end) of the alarms that sound, one reading after the other."""
    found = []
    for bed in sorted({one[0] for one in readings}):
        own = sorted({at: value for of, at, value in readings if of == bed}.items())
        started: int | None = None
        for (at, value), following in zip(own, [*own[1:], None], strict=True):
            excess = value - rule.limit if rule.side == "high" else rule.limit - value
            if started is None and excess > 0:
                started = at
            elif started is not None and excess <= -rule.deadband and excess <= 0:
                found.append((bed, started, at))
                started = None
            if started is not None and (following is None or following[0] - at > GAP):
                found.append((bed, started, at))
                started = None
    return [(bed, start, end) for bed, start, end in found if end - start > rule.delay]


READINGS = st.lists(
    st.tuples(
        st.sampled_from("12"),
        st.integers(0, 40).map(lambda second: second * 1000),
        st.sampled_from((88.0, 89.0, 90.0, 91.0, 92.0)),
    ),
    max_size=60,
    unique_by=lambda one: one[:2],
)
RULES = st.builds(
    Rule,
    side=st.sampled_from(("low", "high")),
    limit=st.sampled_from((89.0, 90.0, 90.5)),
    delay=st.sampled_from((0, 1_000, 3_000)),
    deadband=st.sampled_from((0.0, 1.0, 1.5)),
)


@settings(max_examples=4 * settings.default.max_examples)
@given(READINGS, RULES)
def test_alarms_are_those_of_one_reading_after_the_other(
    readings: list[Reading], rule: Rule
) -> None:
    # with gaps behind half a minute
    spread = [(bed, at * (12 if at > 30_000 else 1), value) for bed, at, value in readings]
    count = len(spread)
    beds, times, values = zip(*spread, strict=True) if spread else ((), (), ())
    trend = Trend.of(["H"] * count, ["icu"] * count, beds, times, values)
    drawn = draw(trend, rule)
    found = [
        (trend.beds[bed][2], start, end)
        for bed, start, end in zip(drawn.bed.tolist(), drawn.start, drawn.end, strict=True)
    ]
    assert sorted(found) == naive(spread, rule)
    assert (drawn.sounds - drawn.start == rule.delay).all()


def dips(*spans: tuple[int, int, float]) -> list[dict[str, Any]]:
    """Ten minutes of SpO2 at 95 %, once a second, but for the spans (seconds)."""
    value = np.full(600, 95.0)
    for begin, end, depth in spans:
        value[begin:end] = depth
    where = {"facility": "H", "unit": "icu", "bed": "1", "source": "SpO2"}
    return [where | {"at": second * 1000, "value": float(one)} for second, one in enumerate(value)]


ASK = ("--type", "monitor/SpO2/LO", "--side", "low", "--from-limit", "90", "--json")
ROWS = dips((100, 120, 86), (200, 205, 89), (300, 340, 88.5), (400, 450, 91))


def asked(path: Path, *more: Any) -> dict[str, Any]:
    done = run("tune", "trend", "--trend", path, *ASK, *more)
    assert done.status == 0, done.err
    return dict(json.loads(done.out))


@pytest.fixture
def readings(tmp_path: Path) -> Path:
    path = tmp_path / "trend.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in ROWS))
    return path


def test_a_limit_is_judged_in_both_directions_and_so_are_delays(readings: Path) -> None:
    assert asked(readings, "--limit", "92")["after"]["alarms"] == 4
    assert asked(readings, "--limit", "88")["after"] == {
        "limit": 88.0,
        "delay_seconds": 0.0,
        "deadband": 0.0,
        "alarms": 1,
        "sounding_seconds": 20.0,
    }
    found = asked(readings, "--limit", "90", "--delay", "5")
    assert (
        found["before"]["alarms"],
        found["after"]["alarms"],
        found["after"]["sounding_seconds"],
    ) == (3, 2, 15.0 + 35.0)


def test_recorded_actionable_alarms_are_told_later_or_lost(readings: Path, tmp_path: Path) -> None:
    episodes = written(
        tmp_path,
        *(
            episode(
                1,
                alarm_id=str(begin),
                start=begin * 1000 + 400,
                end=end * 1000 + 900,
                **{"class": klass},
            )
            for begin, end, klass in (
                (100, 120, "actionable"),
                (200, 205, "actionable"),
                (300, 340, "non_actionable"),
                (900, 950, "actionable"),
            )
        ),
    )
    found = asked(readings, "--limit", "90", "--delay", "10", "--episodes", episodes)["recorded"]
    assert (
        found["alarms"],
        found["covered"],
        found["told_before"],
        found["told_after"],
        found["actionable"],
    ) == (4, 3, 3, 2, 2)
    assert (found["lost"]["count"], found["lost"]["of"]) == (1, 2)
    assert found["late"] == {"actionable": 1, "most_seconds": 9.6}
    said = run(
        "tune",
        "trend",
        "--trend",
        readings,
        *ASK[:-1],
        "--limit",
        "90",
        "--delay",
        "10",
        "--episodes",
        episodes,
    ).out.decode()
    assert "actionable alarms lost, of those that the setting in force reproduces: 1 of 2" in said


def test_csv_and_parquet_give_the_same_and_bad_rows_are_told(
    readings: Path, tmp_path: Path
) -> None:
    expected = asked(readings, "--limit", "92")
    frame = polars.DataFrame(ROWS)
    frame.write_csv(tmp_path / "trend.csv")
    frame.write_parquet(tmp_path / "trend.parquet")
    assert asked(tmp_path / "trend.csv", "--limit", "92") == expected
    assert asked(tmp_path / "trend.parquet", "--limit", "92") == expected
    with readings.open("a") as file:
        file.write(
            'nothing\n{"facility":"H"}\n{"facility":"H","unit":"icu","bed":"1","source":"SpO2","at":1,"value":null}\n'
        )
    done = run("tune", "trend", "--trend", readings, *ASK, "--limit", "92")
    assert done.err.splitlines() == [
        f"malformed: {readings}:601: value: expected JSON",
        f"malformed: {readings}:602: unit: required, but missing",
    ]
    assert json.loads(done.out) == expected | {"malformed": 2}


def test_drawn_alarms_do_not_overlap() -> None:
    rng = np.random.default_rng(2)
    value = 90 + np.sin(np.arange(20_000) / 200) + rng.standard_normal(20_000) / 20
    trend = Trend.of(
        ["H"] * 20_000,
        ["icu"] * 20_000,
        ["1"] * 20_000,
        list(range(0, 20_000_000, 1_000)),
        value.tolist(),
    )
    drawn = draw(trend, Rule(side="low", limit=90, deadband=0.2))
    assert len(drawn) > 10
    assert all(
        ended < begun
        for (_, ended), (begun, _) in pairwise(
            zip(drawn.start.tolist(), drawn.end.tolist(), strict=True)
        )
    )
    assert len(draw(trend, Rule(side="low", limit=90))) > len(drawn)
