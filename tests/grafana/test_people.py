"""What the boards show about people on long ranges: nothing about one clinician that is older than
a shift, and nothing about the few clinicians of a small unit. Every query is asked, by promtool.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.promql import FEW
from tests.harness.boards import UIDS, Asked, asked
from tests.harness.needs import need
from tests.harness.panels import labelled

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules" / "workload.yml"
PEOPLE = re.compile(
    r"alarm_fatigue_(?:clinician_|response_seconds|unit_overload_|unit_load_spread|unit_relief_)"
)
"""Series that follow from what single clinicians do or have to do."""
NAMES_UNITS = re.compile(r"count by \(\w+\) \(alarm_fatigue_unit_overload_state")
"""The lists of facilities and units in the boards' variables."""
EVERYTHING = [one for uid in UIDS for one in asked(uid)]
ABOUT_PEOPLE = [
    one
    for one in EVERYTHING
    if PEOPLE.search(one.expression) and not NAMES_UNITS.match(one.expression)
]
OF_CLINICIANS = [
    one
    for one in ABOUT_PEOPLE
    if re.match(r"[\s(\d*]*(?:max|sum) by \([a-z, ]*clinician\)", one.expression)
]
BUILT_IN = {"__rate_interval": "30m", "window": "1h"}
STEPS = 20 * 12
"""The series have a value every 5 min for 20 h."""
LONG_AGO, THIS_SHIFT = "2h", "9h"
"""18 h and 11 h before the end of the series."""


def series(unit: str, clinicians: int) -> dict[str, str]:
    """A unit with so many overloaded clinicians, and all that the boards ask of it, in
    promtool's notation.
    """
    of, days = f'facility="H1", unit="{unit}"', STEPS
    found = {
        f"alarm_fatigue_unit_clinicians{{{of}}}": f"{clinicians}x{days}",
        f"alarm_fatigue_unit_beds_per_clinician{{{of}}}": f"2x{days}",
        f"alarm_fatigue_unit_overload_state{{{of}}}": f"2x{days}",
        f"alarm_fatigue_unit_overload_since_timestamp_seconds{{{of}}}": f"1x{days}",
        f"alarm_fatigue_unit_relief_available{{{of}}}": f"1x{days}",
        f"alarm_fatigue_unit_relief_alarms{{{of}}}": f"9x{days}",
        f"alarm_fatigue_unit_relief_taker_alarms{{{of}}}": f"9x{days}",
    }
    for window in ("10m", "1h", "12h"):
        found[f'alarm_fatigue_unit_load_spread{{{of}, window="{window}"}}'] = f"0.5x{days}"
        found[f'alarm_fatigue_unit_alarms{{{of}, window="{window}", priority="high"}}'] = (
            f"40x{days}"
        )
    for kind in ("reason", "present"):
        found[f'alarm_fatigue_unit_overload_{kind}{{{of}, measure="alarms_1h"}}'] = f"40x{days}"
    for edge in ("enter", "leave"):
        limit = f'{of}, measure="alarms_1h", state="overloaded", edge="{edge}"'
        found[f"alarm_fatigue_unit_policy_limit{{{limit}}}"] = f"12x{days}"
    for priority in ("high", "medium", "low"):
        for le in ("60", "+Inf"):
            labels = f'{of}, priority="{priority}", le="{le}"'
            found[f"alarm_fatigue_response_seconds_bucket{{{labels}}}"] = f"0+1x{days}"
    for number in range(clinicians):
        who = f'{of}, clinician="{unit}-{number}"'
        for name in ("overload_state", "beds", "acuity", "shift_hours", "nonactionable_exposure"):
            found[f"alarm_fatigue_clinician_{name}{{{who}}}"] = f"2x{days}"
        for name in ("protected_ratio", "flood_ratio", "overlapping_alarms", "alarm_seconds"):
            for window in ("1h", "12h"):
                labels = f'{who}, window="{window}"'
                found[f"alarm_fatigue_clinician_{name}{{{labels}}}"] = f"0.5x{days}"
        for window in ("10m", "1h"):
            labels = f'{who}, window="{window}", priority="high"'
            found[f"alarm_fatigue_clinician_alarms{{{labels}}}"] = f"20x{days}"
        for kind in ("actionable", "non_actionable", "technical", "unknown", "pending"):
            labels = f'{who}, window="1h", class="{kind}"'
            found[f"alarm_fatigue_clinician_classified_alarms{{{labels}}}"] = f"4x{days}"
        for band in ("manageable", "over_demanding", "unacceptable"):
            found[f'alarm_fatigue_clinician_load_band{{{who}, band="{band}"}}'] = f"0x{days}"
    return found


def answered(folder: Path, given: dict[str, str], queries: list[str], at: str) -> set[str]:
    """The queries that have an answer `at` that time after the series begin."""
    given = given | {
        'alarm_fatigue_build_info{version="1", policy="p"}': f"1x{STEPS}",
        "alarm_fatigue_smallest_group": f"3x{STEPS}",
    }
    test: dict[str, Any] = {
        "interval": "5m",
        "input_series": [
            {"series": labelled(one if "{" in one else one + "{}").replace("{, ", "{"), "values": v}
            for one, v in given.items()
        ],
        # What is asked last says up to when series are known.
        "promql_expr_test": [{"expr": "vector(0) > 1", "eval_time": "20h", "exp_samples": []}]
        + [{"expr": one, "eval_time": at, "exp_samples": []} for one in queries],
    }
    everything = yaml.safe_load(RULES.read_text())["groups"]
    [few] = [one for of in everything for one in of["rules"] if one.get("record") == FEW]
    path, rules = folder / "test.yml", folder / "rules.yml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "few", "rules": [few]}]}))
    content = {
        "rule_files": [str(rules)],
        "evaluation_interval": "30m",
        "tests": [test],
    }
    path.write_text(yaml.safe_dump(content, width=10_000))
    done = subprocess.run(
        [need("promtool"), "test", "rules", path], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert "parse error" not in said, said
    failed = {one.strip() for one in re.findall(r'expr: "((?:[^"\\]|\\.)*)"', said)}
    plain = {one.encode().decode("unicode_escape") for one in failed}
    assert plain <= set(queries)
    return plain


def filled(some: list[Asked], unit: str, clinician: str) -> list[str]:
    found = (one.filled(facility="H1", unit=unit, clinician=clinician, **BUILT_IN) for one in some)
    return list(dict.fromkeys(found))


def test_most_queries_about_people_are_known_as_such() -> None:
    assert len(OF_CLINICIANS) >= 25
    assert len(ABOUT_PEOPLE) >= 60
    assert {one.board for one in ABOUT_PEOPLE} == set(UIDS) - {
        "alarm-fatigue-pipeline",
        "alarm-fatigue-history",  # of hourly totals of units, without those of few clinicians
    }


@pytest.mark.parametrize(
    ("clinicians", "at", "expected"),
    [
        pytest.param(2, LONG_AGO, set(), id="a small unit, 18 h ago: nothing"),
        pytest.param(2, THIS_SHIFT, ABOUT_PEOPLE, id="a small unit, 11 h ago: everything"),
        pytest.param(3, LONG_AGO, ABOUT_PEOPLE, id="a large one, 18 h ago: all but single people"),
    ],
)
def test_queries_about_people_depend_on_their_number_and_on_the_age_of_the_data(
    tmp_path: Path, clinicians: int, at: str, expected: list[Asked]
) -> None:
    given = series("ICU", clinicians)
    found = answered(tmp_path, given, filled(ABOUT_PEOPLE, "ICU", "ICU-0"), at)
    wanted = set(filled(list(expected), "ICU", "ICU-0"))
    if at == LONG_AGO:
        wanted -= set(filled(OF_CLINICIANS, "ICU", "ICU-0"))
    assert found == wanted


def test_the_hospital_less_its_large_unit_leaves_nothing_of_the_small_one(tmp_path: Path) -> None:
    """What is summed over units is summed over those with enough clinicians alone."""
    everywhere = filled(ABOUT_PEOPLE, "ICU|WARD", "ICU-0")
    summed = [one for one in everywhere if re.match(r"(?:sum|histogram_quantile)", one)]
    assert len(summed) >= 3
    alone, both = series("ICU", 3), series("ICU", 3) | series("WARD", 1)
    same = [f"(({one}) - ({one.replace('ICU|WARD', 'ICU')})) != 0" for one in summed]
    assert answered(tmp_path, both, same, LONG_AGO) == set()
    assert answered(tmp_path, both, same, THIS_SHIFT) != set()
    assert answered(tmp_path, alone, same, THIS_SHIFT) == set()
