"""Before and after a change: the coverage of the interval, the effect of control units, and the
caveats.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.arrays import Numbers
from analyzer.times import NEVER
from analyzer.whatif.before_after import compare
from analyzer.whatif.episode_table import Recorded, Recorder
from analyzer.whatif.rates import DAY, UNKNOWN, Ratio
from tests.harness.recordings import episode, written
from tests.harness.workers import run

AT = 1_772_344_800_000


def alarms(
    units: dict[str, list[int]], first_day: int, edges: Collection[str] | None = None
) -> Recorded:
    """A number of alarms a day in each unit at random moments, from `first_day` after AT on.

    In the units `edges` (None: all), the first and last alarm make the recorded days whole.
    """
    rng, recorder = np.random.default_rng(3), Recorder()
    for unit, days in units.items():
        start = np.concatenate(
            [
                AT + (first_day + day) * DAY + rng.integers(0, DAY, count)
                for day, count in enumerate(days)
            ]
        )
        if edges is None or unit in edges:
            start[0], start[-1] = AT + first_day * DAY, AT + (first_day + len(days)) * DAY
        count = len(start)
        recorder.take(
            [
                ["H"] * count,
                [unit] * count,
                ["1"] * count,
                [f"{unit}{number}" for number in range(count)],
                [""] * count,
                ["m"] * count,
                [""] * count,
                ["LO"] * count,
                ["physiological"] * count,
                ["medium"] * count,
                start.tolist(),
                start.tolist(),
                [None] * count,
                [None] * count,
                [()] * count,
                ["actionable"] * count,
                (start + 60_000).tolist(),
            ]
        )
    return recorder.recorded()


def of_unit(recorded: Recorded, name: str) -> Any:
    return np.array([unit == name for _, unit in recorded.units])[recorded.unit]


def whole(recorded: Recorded) -> tuple[Recorded, Any, Any]:
    everywhere = np.ones(len(recorded), dtype=np.bool_)
    return recorded, everywhere, ~everywhere


def covers(ratio: Ratio, truth: float) -> bool:
    assert ratio.low is not None
    assert ratio.high is not None
    return ratio.low <= truth <= ratio.high


def drawn(rng: np.random.Generator, mean: float, days: int, spread: float) -> list[int]:
    """Daily counts with overdispersion: negative binomial, with this standard deviation of the
    rate.
    """
    return (1 + rng.poisson(mean * rng.gamma(1 / spread**2, spread**2, days))).tolist()


@pytest.mark.slow
def test_intervals_cover_the_truth_where_days_are_clustered_and_both_units_fall() -> None:
    """Alarms halve in the changed unit, while all units have a fifth fewer. Of 400 intervals, 95 %
    should cover the truth.
    """
    rng, hits, beyond = np.random.default_rng(5), 0, 0
    for _ in range(400):
        ours = drawn(rng, 80, 14, 0.4) + drawn(rng, 80 * 0.5 * 0.8, 14, 0.4)
        theirs = drawn(rng, 120, 14, 0.3) + drawn(rng, 120 * 0.8, 14, 0.3)
        recorded = alarms({"A": ours, "B": theirs}, -14)
        found = compare(recorded, of_unit(recorded, "A"), of_unit(recorded, "B"), AT, 28, 0.95)
        hits += covers(found.effect, (1 + 80 * 0.5 * 0.8) / 81)
        beyond += covers(found.beyond_control, (1 + 80 * 0.5 * 0.8) / 81 / ((1 + 120 * 0.8) / 121))
    assert hits / 400 > 0.92
    assert beyond / 400 > 0.92


def test_days_are_counted_from_the_moment_of_the_change() -> None:
    recorded = alarms({"A": [10, 20, 30, 7, 8, 9]}, -3)
    everywhere = np.ones(len(recorded), dtype=np.bool_)
    found = compare(recorded, everywhere, ~everywhere, AT, 28, 0.95)
    halves: list[Numbers] = list(found.changed)
    # The last alarm starts at the end of the recording, so after the last whole day.
    assert [half.tolist() for half in halves] == [[10, 20, 30], [7, 8, 8]]
    assert found.effect.value == pytest.approx(23 / 60)
    assert (found.control_effect.value, found.beyond_control.value, found.earlier.value) == (
        None,
        None,
        None,
    )
    assert (found.balance[0].actionable, found.balance[0].median, found.balance[0].slow) == (
        60,
        60_000,
        0,
    )


def test_no_alarm_after_a_change_is_no_success() -> None:
    recorded = alarms({"A": [10] * 5 + [0] * 5, "B": [5] * 10}, -5)
    changed = of_unit(recorded, "A") & (recorded.start < AT)
    found = compare(recorded, changed, of_unit(recorded, "B"), AT, 28, 0.95)
    assert [one.kind for one in found.reasons] == ["feed_stopped"]
    assert (found.direction, found.effect, found.beyond_control) == (None, UNKNOWN, UNKNOWN)


def test_few_alarms_after_a_change_are_a_ratio_with_a_wide_interval() -> None:
    recorded = alarms({"A": [10] * 3 + [2, 1, 2], "B": [5] * 6}, -3)
    found = compare(recorded, of_unit(recorded, "A"), of_unit(recorded, "B"), AT, 28, 0.95)
    assert found.reasons == []
    assert found.effect.high is not None
    assert found.effect.low is not None
    assert found.effect.high > 5 * found.effect.low


def test_equal_days_do_not_make_an_interval_of_no_width() -> None:
    found = compare(*whole(alarms({"A": [40] * 28}, -14)), AT, 28, 0.95)
    assert found.effect.high is not None
    assert found.effect.low is not None
    assert found.effect.high > 1.05 * found.effect.low


def test_a_gap_in_a_feed_is_left_out_and_many_gaps_leave_no_verdict() -> None:
    """The true rate is unchanged; three days without a feed would make it a quarter less."""
    days = [40] * 12 + [40] * 4 + [0] * 3 + [40] * 5
    found = compare(*whole(alarms({"A": days}, -12)), AT, 28, 0.95)
    assert found.missing == [4, 5, 6]
    assert found.days == (12, 9)
    assert found.effect.value == pytest.approx(1, abs=0.02)
    days[15:21] = [0] * 6
    found = compare(*whole(alarms({"A": days}, -12)), AT, 28, 0.95)
    assert [one.kind for one in found.reasons] == ["days_missing"]
    assert found.direction is None


def test_a_feed_that_began_before_the_change_makes_the_time_shorter() -> None:
    units = {"A": [0] * 6 + [40] * 14, "B": [40] * 20}
    recorded = alarms(units, -12, edges="B")
    found = compare(recorded, of_unit(recorded, "A"), of_unit(recorded, "B"), AT, 28, 0.95)
    # It began during the first day with alarms, so that is no whole one.
    assert (found.days, found.reasons) == ((5, 8), [])


def test_a_feed_that_began_with_the_change_has_nothing_to_be_compared_with() -> None:
    units = {"A": [0] * 12 + [40] * 8, "B": [40] * 20}
    recorded = alarms(units, -12, edges="B")
    found = compare(recorded, of_unit(recorded, "A"), of_unit(recorded, "B"), AT, 28, 0.95)
    assert [one.kind for one in found.reasons] == ["feed_began"]


def test_a_unit_that_begins_or_ends_meanwhile_is_no_control() -> None:
    units = {
        "A": [40] * 20,
        "began": [0] * 10 + [40] * 10,
        "ended": [40] * 14 + [0] * 6,
        "there": [40] * 20,
    }
    recorded = alarms(units, -10, edges=("A", "there"))
    ours = of_unit(recorded, "A")
    found = compare(recorded, ours, ~ours, AT, 28, 0.95)
    assert [(one.unit, one.kind) for one in found.excluded] == [
        ("began", "began"),
        ("ended", "ended"),
    ]
    assert [recorded.units[one][1] for one in found.controls] == ["there"]
    assert found.direction == "no_clear_change"


def test_parts_of_days_are_marked_and_counted_in_no_rule() -> None:
    recorded = alarms({"A": [40] * 20}, -10)
    recorded.start[0] -= DAY // 2
    recorded.end[-1] += DAY // 2
    found = compare(*whole(recorded), AT, 7, 0.95)
    kinds = [one.kind for one in found.series]
    assert kinds == ["part", *["beside"] * 3, *["compared"] * 14, *["beside"] * 3, "part"]


def test_unusual_days_before_are_reported_as_regression_to_the_mean(tmp_path: Path) -> None:
    rows = []
    for day, count in enumerate([20] * 10 + [60] * 5 + [20] * 5 + [1]):
        rows += [
            episode(
                1,
                alarm_id=f"{day}-{number}",
                start=AT + (day - 15) * DAY + number * 60_000,
                end=None,
            )
            for number in range(count)
        ]
    done = run("compare", "--episodes", written(tmp_path, *rows), "--at", str(AT), "--days", "5")
    assert done.status == 0
    text = done.out.decode()
    assert "alarms a day 60 -> 20: -67 %" in text
    assert "had 3.00 times the alarms of the earlier days" in text
    assert "There are no control units" in text
    assert "its cost is unknown" in text


def test_other_units_of_the_facility_are_controls_and_response_times_are_balanced(
    tmp_path: Path,
) -> None:
    rows = []
    for day in range(-4, 5):
        for unit, count in (("icu", 12 if day < 0 else 6), ("nicu", 10), ("other", 10)):
            for number in range(count):
                start = AT + day * DAY + number * 3_600_000
                late = 700_000 if day >= 0 and number == 0 else 30_000
                rows.append(
                    episode(
                        1,
                        alarm_id=f"{unit}{day}-{number}",
                        unit=unit,
                        start=start,
                        end=start + 9_000,
                        first_response=start + late,
                        facility="I" if unit == "other" else "H",
                        **{"class": "actionable"},
                    )
                )
    path = written(tmp_path, *rows)
    found = json.loads(
        run(
            "compare",
            "--episodes",
            path,
            "--at",
            str(AT),
            "--facility",
            "H",
            "--unit",
            "icu",
            "--json",
        ).out
    )
    assert found["controls"] == ["nicu"]
    assert found["alarms_a_day"]["changed"] == {
        "before": 12.0,
        "after": 6.0,
        "ratio": found["beyond_control"] | {"value": 0.5},
    } | {"ratio": found["alarms_a_day"]["changed"]["ratio"]}
    assert found["beyond_control"]["value"] == 0.5
    assert found["balance"]["after"]["slow"] == 4
    assert found["balance"]["before"] == {
        "actionable": 48,
        "answered": 48,
        "response_seconds": {"median": 30.0, "ninth_decile": 30.0},
        "slow": 0,
    }
    named = json.loads(
        run(
            "compare",
            "--episodes",
            path,
            "--at",
            str(AT),
            "--unit",
            "icu",
            "--control",
            "other",
            "--json",
        ).out
    )
    assert named["controls"] == ["other"]


def test_a_change_record_gives_the_time_the_scope_and_the_forecast(tmp_path: Path) -> None:
    rows = [
        episode(
            1,
            alarm_id=f"{day}-{hour}",
            start=AT + day * DAY + hour * 3_600_000,
            end=AT + day * DAY + hour * 3_600_000 + 9_000,
        )
        for day in range(-4, 5)
        for hour in range(10)
    ]
    path, answer, change = (
        written(tmp_path, *rows),
        tmp_path / "answer.json",
        tmp_path / "change.json",
    )
    answer.write_bytes(
        run("tune", "--episodes", path, "--unit", "icu", "--delay", "10", "--json").out
    )
    decided = (
        "--owner",
        "biomed",
        "--review",
        "2026-06-30",
        "--change-control",
        "CC-7",
        "--at",
        str(AT),
    )
    assert run("tune", "apply", answer, *decided, "--out", change).status == 0
    found = json.loads(run("compare", "--episodes", path, "--change", change, "--json").out)
    assert (found["at"], found["scope"]["unit"], found["expected_ratio"]) == (AT, "icu", 0.0)
    assert run("compare", "--episodes", path, "--change", answer).status == 2


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--at", "yesterday"),
        ("--at", str(AT + 100 * DAY)),
        ("--at", str(AT), "--confidence", "100"),
    ],
)
def test_a_comparison_without_data_or_with_wrong_options_is_refused(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    done = run("compare", "--episodes", written(tmp_path, episode(1)), *more)
    assert (done.status, done.out) == (2, b"")
    assert done.err.startswith("error: ")


def test_without_responses_the_response_time_is_unknown() -> None:
    recorded = alarms({"A": [10] * 6}, -3)
    recorded.answered[:] = NEVER
    everywhere = np.ones(len(recorded), dtype=np.bool_)
    before, _ = compare(recorded, everywhere, ~everywhere, AT, 28, 0.95).balance
    assert (before.answered, before.median, before.slow) == (0, None, 30)
