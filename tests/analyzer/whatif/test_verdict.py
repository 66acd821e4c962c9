"""Verdicts, caveats and promises: the rules that turn counted alarms into advice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.pipeline.classes import CLASSES
from analyzer.stats import Risk, run_chart
from analyzer.whatif.before_after import Balance, Comparison
from analyzer.whatif.breakdown import by_day, by_hour, by_unit, types_by_load
from analyzer.whatif.caveats import CaveatKind, caveats_of_comparison, caveats_of_settings
from analyzer.whatif.controls import choose_controls
from analyzer.whatif.levers import Scope, Setting, fates
from analyzer.whatif.placebo import Placebos
from analyzer.whatif.rates import Ratio
from analyzer.whatif.trends import faithful
from analyzer.whatif.verdict import Verdict, judge
from tests.harness.recordings import SPO2, episode, recorded

DELAY = Setting(delay=30_000)
"""Longer than an `episode` of the harness lasts (20 s)."""


def judged(folder: Path, setting: Setting, *alarms: dict[str, Any]) -> Verdict:
    found = recorded([episode(number, **one) for number, one in enumerate(alarms, 1)], folder)
    rows = Scope().rows(found)
    return judge(found, rows, fates(found, rows, setting))


def of_class(name: str, **more: Any) -> dict[str, Any]:
    return {"class": name} | more


def test_a_verdict_counts_what_a_setting_removes_by_class(tmp_path: Path) -> None:
    long = {"end": 600_000}
    found = judged(
        tmp_path,
        DELAY,
        of_class("actionable"),
        of_class("actionable", **long),
        of_class("non_actionable"),
        of_class("unknown", priority="high"),
    )
    assert dict(zip(CLASSES, found.removed.tolist(), strict=True)) == {
        "actionable": 1,
        "non_actionable": 1,
        "technical": 0,
        "pending": 0,
        "unknown": 1,
    }
    assert (found.lost, found.among_removed) == (Risk(1, 2, 1.0), Risk(1, 2, 1.0))
    assert (found.unknown, found.unknown_removed) == (1, 1)
    assert (found.high_priority, found.high_priority_removed) == (1, 1)
    assert found.by_lever["delay"] == found.removed.sum() == 3
    assert found.late.tolist() == found.after.tolist()
    # The alarm that still sounds begins at 2 min; it sounds later by the delay.
    assert found.sounding == (3 * 20_000 + 480_000, 450_000)


@pytest.mark.parametrize(
    ("setting", "alarms", "expected"),
    [
        (DELAY, [], {"no_alarms"}),
        (DELAY, ["non_actionable"], {"none_actionable"}),
        (DELAY, ["unknown", "pending"], {"none_actionable", "class_unknown", "no_class_known"}),
        (DELAY, ["actionable"], {"all_actionable"}),
        (DELAY, ["actionable", "unknown"], {"class_unknown", "all_actionable"}),
        (DELAY, ["actionable", "technical"], {"technical"}),
        (Setting(limit=85.0), ["actionable", "technical"], {"other_limit", "technical"}),
        (Setting(limit=87.0), ["actionable", "technical"], {"other_limit"}),
        (Setting(holdoff=5_000), ["actionable", "technical"], {"merged"}),
        (
            Setting(priority="low", sent_from="medium"),
            ["actionable", "technical"],
            {"not_sent", "technical"},
        ),
    ],
)
def test_each_caveat_has_its_condition(
    tmp_path: Path, setting: Setting, alarms: list[str], expected: set[CaveatKind]
) -> None:
    found = caveats_of_settings(judged(tmp_path, setting, *map(of_class, alarms)), (setting,), None)
    always = {"similar_alarms"} if alarms else set()
    assert {one.kind for one in found} == expected | always


def test_alarms_without_a_reading_are_a_caveat_if_a_limit_moves(tmp_path: Path) -> None:
    setting = Setting(limit=85.0)
    verdict = judged(tmp_path, setting, {"value": None}, {"value": 90.0}, {})
    values = {one.kind: one.values for one in caveats_of_settings(verdict, (setting,), None)}
    assert values["not_evaluable"] == {"not_evaluable": 1, "at_limit": 1}


def test_high_priority_needs_a_review_if_such_an_alarm_is_removed_or_delayed(
    tmp_path: Path,
) -> None:
    def reviewed(setting: Setting) -> bool:
        verdict = judged(tmp_path, setting, {"priority": "high"}, {})
        found = caveats_of_settings(verdict, (setting,), None)
        return "high_priority" in {one.kind for one in found}

    assert reviewed(DELAY)
    assert reviewed(Setting(delay=1_000))  # delayed only
    assert reviewed(Setting(limit=80.0))
    assert not reviewed(Setting(limit=88.0))
    assert not reviewed(Setting())


def test_only_figures_that_depend_on_inferred_duty_say_so(tmp_path: Path) -> None:
    verdict = judged(tmp_path, DELAY, {})
    kinds = [
        [one.kind for one in caveats_of_settings(verdict, (DELAY,), source)]
        for source in ("alarms", "roster", None)
    ]
    assert kinds[1] == kinds[2] == kinds[0][:-1]
    assert kinds[0][-1] == "inferred_duty"


def test_control_units_have_the_same_alarms_and_not_the_change(tmp_path: Path) -> None:
    names = (("H", "icu"), ("H", "nicu"), ("H", "ccu"), ("I", "ward"))
    rows = [
        episode(number, facility=facility, unit=unit, code=code)
        for number, ((facility, unit), code) in enumerate(
            (one, code) for one in names for code in ("LO", "HI")
        )
    ]
    alarms = recorded(rows, tmp_path)
    found = choose_controls(alarms, Scope(facility="H", unit="icu", type=SPO2))
    assert found.control_units == ["ccu", "nicu"]
    assert (found.changed.sum(), found.control.sum()) == (1, 2)
    anywhere = Scope(unit="icu")
    assert choose_controls(alarms, anywhere).control_units == ["ccu", "nicu", "ward"]
    assert choose_controls(alarms, anywhere, ["ward", "icu"]).control_units == ["ward"]
    assert choose_controls(alarms, Scope()).control_units == []
    assert not choose_controls(alarms, Scope()).control.any()


def comparison(**changes: Any) -> Comparison:
    unknown, balance = Ratio(None, None, None), Balance(9, 9, 0, 0, 0)
    days = (np.ones(3, dtype=np.int64), np.ones(3, dtype=np.int64))
    whole = Comparison(
        days=(3, 3),
        changed=days,
        control=days,
        effect=unknown,
        control_effect=unknown,
        beyond_control=unknown,
        earlier=Ratio(1.0, 0.8, 1.2),
        balance=(balance, balance),
        missing=[],
        a_day=((1.0, 1.0), (1.0, 1.0)),
        controls=[],
        excluded=[],
        placebos=Placebos(0, 0),
        few_beds=False,
        reasons=[],
        series=[],
        chart=run_chart(np.ones(6), 3),
    )
    return replace(whole, **changes)


@pytest.mark.parametrize(
    ("changes", "controlled", "expected"),
    [
        ({}, True, []),
        ({"earlier": Ratio(None, None, None)}, True, ["no_earlier_days"]),
        ({"earlier": Ratio(3.0, 2.0, 4.0)}, True, ["unusual_before"]),
        ({}, False, ["no_controls"]),
        ({"few_beds": True}, True, ["few_beds"]),
        (
            {"balance": (Balance(9, 9, 0, 0, 0), Balance(0, 0, None, None, 0))},
            True,
            ["cost_unknown"],
        ),
    ],
)
def test_each_caveat_of_a_comparison_has_its_condition(
    changes: dict[str, Any], controlled: bool, expected: list[CaveatKind]
) -> None:
    found = caveats_of_comparison(comparison(**changes), controlled)
    assert [one.kind for one in found] == [
        "regression_to_the_mean",
        *expected,
        "no_adverse_events",
    ]


def test_a_ratio_differs_if_its_interval_excludes_no_change() -> None:
    assert Ratio(2.0, 1.1, 4.0).differs
    assert Ratio(0.5, 0.2, 0.9).differs
    assert not Ratio(2.0, 0.9, 4.0).differs
    assert not Ratio(None, None, None).differs


def test_a_rule_in_force_must_reproduce_nine_tenths_of_the_recorded_alarms() -> None:
    assert [faithful(count, 10) for count in (8, 9, 10)] == [False, True, True]
    assert faithful(0, 0)


def test_types_stand_in_the_order_of_alarms_not_known_to_be_actionable(tmp_path: Path) -> None:
    needed, load = {"class": "actionable"}, {"class": "unknown"}
    rows = [("c", needed)] * 3 + [("b", load), ("a", load), ("d", load), ("d", needed), ("d", load)]
    alarms = recorded(
        [episode(number, code=code, **more) for number, (code, more) in enumerate(rows)], tmp_path
    )
    ranked = [(alarms.types[number][2], count) for number, count in types_by_load(alarms)]
    assert ranked == [("d", 2), ("a", 1), ("b", 1), ("c", 0)]


def test_alarms_are_broken_down_by_unit_hour_and_day(tmp_path: Path) -> None:
    hour, day = 3_600_000, 24 * 3_600_000
    starts = ((0, "b"), (hour, "a"), (2 * day, "a"), (2 * day + hour, "a"))
    alarms = recorded(
        [
            episode(number, start=start, end=start + 1, unit=unit)
            for number, (start, unit) in enumerate(starts)
        ],
        tmp_path,
    )
    rows, sounds = Scope().rows(alarms), alarms.start < 2 * day + hour
    local = alarms.start[rows]
    units = [
        (one.unit, int(one.before.sum()), int(one.after.sum()))
        for one in by_unit(alarms, rows, sounds)
    ]
    assert units == [("a", 3, 2), ("b", 1, 1)]
    assert [one.tolist()[:3] for one in by_hour(local, sounds)] == [[2, 2, 0], [2, 1, 0]]
    assert [one.tolist() for one in by_day(local, sounds)] == [[0, 2], [2, 2], [2, 1]]
