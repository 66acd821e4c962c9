"""Before and after a change, in JSON and in words.

    {"at": ms since 1970,
     "time_zone": in which texts give times,
     "days": {"before", "after"}: how many were compared,
     "scope": as in `streams.files.tuning`,
     "controls": names of the control units,
     "controls_excluded": [{"unit", "kind", "text"}],
     "confidence",
     "verdict": "fewer", "more" or "no_clear_change"; null if there is none,
     "no_verdict": [{"kind", "text"}]: why there is none,
     "missing_days": when the days begin that were left out (ms since 1970),
     "alarms_a_day": {"changed" | "control": {"before", "after", "ratio": RATIO}},
     "beyond_control": RATIO,
     "placebo": {"as_large", "of"},
     "days_before_to_earlier": RATIO,
     "expected_ratio": the forecast of the change record, or null,
     "slow_seconds": from which on a response is slow,
     "balance": {"before" | "after": {"actionable", "answered", "slow",
         "response_seconds": {"median", "ninth_decile"}}},
     "daily": [{"from": ms since 1970, "alarms", "kind": compared, beside, missing or part}],
     "run_chart": {"median", "low", "high",
         "signals": [{"rule", "from", "to": days that begin then (ms), "points", "text"}]},
     "caveats": sentences}

RATIO is {"value", "low", "high"}, each null if it cannot be computed. Each day of the week counts
alike in `alarms_a_day`. The kinds are those of `analyzer.whatif.validity`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from analyzer.model import Policy
from analyzer.whatif import (
    DAY,
    Balance,
    Comparison,
    Placebos,
    Ratio,
    Recorded,
    Scope,
    caveats_of_comparison,
    choose_controls,
    compare,
)
from streams.files.caveat_words import caveat_words
from streams.files.compare_words import (
    VERDICTS,
    day_words,
    exclusion_words,
    listed,
    placebo_words,
    reason_words,
    signal_words,
)
from streams.files.tune_words import scope_words
from streams.files.tuning import scope_fields
from streams.formats.calendars import UTC_CALENDARS, Calendar, Calendars
from streams.formats.texts import printable

DEFAULTS = Policy()


def compared(
    recorded: Recorded,
    scope: Scope,
    at: int,
    most_days: int,
    controls: list[str] | None,
    confidence: float,
    expected: float | None,
    policy: Policy = DEFAULTS,
    calendars: Calendars = UTC_CALENDARS,
) -> dict[str, Any]:
    """The JSON object.

    `controls` are names of control units, None: see `choose_controls`. `expected` is the forecast
    ratio of alarms. Times are those of the changed facility; of several, the default ones. Raises
    `TooShort`.
    """
    groups = choose_controls(recorded, scope, controls)
    slow = policy.findings.slow_answer
    found = compare(recorded, groups.changed, groups.control, at, most_days, confidence, slow)
    places = np.unique(recorded.facility[groups.changed]).tolist()
    calendar = (
        calendars.of(recorded.facilities[places[0]]) if len(places) == 1 else calendars.default
    )
    caveats = caveats_of_comparison(found, controlled=bool(found.controls))
    changed, control = (
        {name: round(one, 3) for name, one in zip(("before", "after"), rates, strict=True)}
        for rates in found.a_day
    )
    return {
        "at": at,
        "time_zone": str(calendar.zone),
        "days": dict(zip(("before", "after"), found.days, strict=True)),
        "scope": scope_fields(scope),
        "controls": sorted({recorded.units[number][1] for number in found.controls}),
        "controls_excluded": [
            {"unit": one.unit, "kind": one.kind, "text": exclusion_words(one, calendar)}
            for one in found.excluded
        ],
        "confidence": confidence,
        "verdict": found.direction,
        "no_verdict": [
            {"kind": one.kind, "text": reason_words(one, calendar)} for one in found.reasons
        ],
        "missing_days": [at + day * DAY for day in found.missing],
        "alarms_a_day": {
            "changed": changed | {"ratio": _ratio(found.effect)},
            "control": control | {"ratio": _ratio(found.control_effect)},
        },
        "beyond_control": _ratio(found.beyond_control),
        "placebo": asdict(found.placebos),
        "days_before_to_earlier": _ratio(found.earlier),
        "expected_ratio": expected,
        "slow_seconds": slow / 1000,
        "balance": {
            name: _balance(one)
            for name, one in zip(("before", "after"), found.balance, strict=True)
        },
        "daily": [
            {"from": at + one.day * DAY, "alarms": one.alarms, "kind": one.kind}
            for one in found.series
        ],
        "run_chart": _run_chart(found, at, calendar),
        "caveats": list(map(caveat_words, caveats)),
    }


def _run_chart(found: Comparison, at: int, calendar: Calendar) -> dict[str, Any]:
    whole = [at + one.day * DAY for one in found.series if one.kind in ("compared", "beside")]
    signals = []
    for one in found.chart.signals:
        first, last = whole[one.first], whole[one.last]
        text = signal_words(one, day_words(first, calendar), day_words(last, calendar))
        signals.append(
            {"rule": one.rule, "from": first, "to": last, "points": one.points, "text": text}
        )
    return {
        "median": found.chart.median,
        "low": round(found.chart.low, 3),
        "high": round(found.chart.high, 3),
        "signals": signals,
    }


def _ratio(ratio: Ratio) -> dict[str, float | None]:
    return {name: None if one is None else round(one, 4) for name, one in asdict(ratio).items()}


def _balance(one: Balance) -> dict[str, Any]:
    seconds = {
        name: None if (time := getattr(one, name)) is None else time / 1000
        for name in ("median", "ninth_decile")
    }
    return {
        "actionable": one.actionable,
        "answered": one.answered,
        "response_seconds": seconds,
        "slow": one.slow,
    }


def words(found: dict[str, Any]) -> list[str]:
    """Lines for a terminal."""
    days, rates, sure = found["days"], found["alarms_a_day"], f"{100 * found['confidence']:g} %"
    lines = [
        f"{scope_words(found)}: {days['before']} days before the change, {days['after']} after it",
        f"  {verdict_words(found)}",
        *(f"    {one['text']}" for one in found["no_verdict"]),
    ]
    if found["missing_days"] and not found["no_verdict"]:
        days_lost = listed(found["missing_days"], calendar_of(found))
        lines.append(f"  left out as a feed was silent: {days_lost}")
    lines.append(f"  alarms a day {_rate(rates['changed'], sure, found)}")
    if found["controls"]:
        names = ", ".join(map(printable, found["controls"]))
        lines.append(f"  control units ({names}) {_rate(rates['control'], sure, found)}")
    lines += [
        f"  no control: {printable(one['unit'])}, as {one['text']}"
        for one in found["controls_excluded"]
    ]
    if not found["no_verdict"]:
        if found["controls"]:
            beyond = interval_words(found["beyond_control"], sure)
            lines.append(f"  change relative to the control units: {beyond}")
        lines.append(f"  {placebo_words(Placebos(**found['placebo']))}")
    if found["expected_ratio"] is not None:
        lines.append(
            f"  forecast when the change was decided: {change_words(found['expected_ratio'])}"
        )
    if not found["no_verdict"]:
        earlier = interval_words(found["days_before_to_earlier"], sure)
        lines.append(f"  days before the change, relative to earlier days: {earlier}")
    vain = " (not comparable)" if found["no_verdict"] else ""
    lines.append(f"  what must not get worse, before -> after{vain}:")
    lines += [f"    {name}: {before} -> {after}" for name, before, after in balance_rows(found)]
    signals = found["run_chart"]["signals"]
    if signals and not found["no_verdict"]:
        lines.append("  run rules (they take days for independent, so they fire early):")
        lines += [f"    {one['text']}" for one in signals]
    return [*lines, "  caveats:", *(f"    - {one}" for one in found["caveats"])]


def calendar_of(found: dict[str, Any]) -> Calendar:
    """The calendar of the facility in an answer."""
    return Calendar(ZoneInfo(found["time_zone"]))


def verdict_words(found: dict[str, Any]) -> str:
    """The verdict in one line."""
    if found["no_verdict"]:
        return "no verdict:"
    if found["verdict"] is None:
        return "no verdict: there were no alarms of this choice before the change"
    beside = " than the control units let expect" if found["controls"] else ""
    if found["verdict"] == "no_clear_change":
        return f"verdict: {VERDICTS['no_clear_change']}"
    return f"verdict: {VERDICTS[found['verdict']]}{beside}"


def balance_rows(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The balancing measures, which must not get worse: name, before and after."""
    halves = [(found["balance"][name], found["days"][name]) for name in ("before", "after")]

    def row(name: str, of: Callable[[dict[str, Any], int], str]) -> tuple[str, str, str]:
        before, after = (of(*half) for half in halves)
        return name, before, after

    def seconds(key: str) -> Callable[[dict[str, Any], int], str]:
        def of(one: dict[str, Any], _: int) -> str:
            time = one["response_seconds"][key]
            return "unknown" if time is None else f"{time:.0f} s"

        return of

    return [
        row("actionable alarms a day", lambda one, days: f"{one['actionable'] / days:.1f}"),
        row(
            "actionable alarms with a response",
            lambda one, _: f"{one['answered']} of {one['actionable']}",
        ),
        row("time to response, median", seconds("median")),
        row("time to response, 90th percentile", seconds("ninth_decile")),
        row(
            f"without response for {found['slow_seconds'] / 60:g} min",
            lambda one, _: f"{one['slow']} of {one['actionable']}",
        ),
    ]


def _rate(rates: dict[str, Any], sure: str, found: dict[str, Any]) -> str:
    said = f"{rate_words(rates['before'])} -> {rate_words(rates['after'])}"
    return said if found["no_verdict"] else f"{said}: {interval_words(rates['ratio'], sure)}"


def rate_words(a_day: float) -> str:
    """
    >>> rate_words(75.321), rate_words(60.0)
    ('75.3', '60')
    """
    return f"{round(a_day, 1):g}"


def interval_words(ratio: dict[str, float | None], sure: str) -> str:
    of = Ratio(**ratio)
    if of.value is None or of.low is None or of.high is None:
        return "unknown"
    verdict = "" if of.differs else "; possibly no change"
    value, low, high = map(change_words, (of.value, of.low, of.high))
    return f"{value} ({sure} interval {low} to {high}{verdict})"


def change_words(ratio: float) -> str:
    """
    >>> change_words(0.5), change_words(1.25)
    ('-50 %', '+25 %')
    """
    return f"{100 * (ratio - 1):+.0f} %"
