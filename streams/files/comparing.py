"""Before and after a change, in JSON and in words.

    {"at": ms since 1970,
     "days": {"before", "after"}: how many were compared,
     "scope": as in `streams.files.tuning`,
     "controls": names of the control units,
     "confidence",
     "alarms_a_day": {"changed" | "control": {"before", "after", "ratio": RATIO}},
     "beyond_control": RATIO,
     "days_before_to_earlier": RATIO,
     "expected_ratio": the forecast of the change record, or null,
     "balance": {"before" | "after": {"actionable", "answered", "slow",
         "response_seconds": {"median", "ninth_decile"}}},
     "caveats": sentences}

RATIO is {"value", "low", "high"}, each null if it cannot be computed.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from analyzer.arrays import Numbers
from analyzer.whatif import (
    Balance,
    Ratio,
    Recorded,
    Scope,
    caveats_of_comparison,
    choose_controls,
    compare,
)
from streams.files.caveat_words import caveat_words
from streams.files.findings import printable
from streams.files.tune_words import scope_words
from streams.files.tuning import scope_fields


def compared(
    recorded: Recorded,
    scope: Scope,
    at: int,
    most_days: int,
    controls: list[str] | None,
    confidence: float,
    expected: float | None,
) -> dict[str, Any]:
    """The JSON object.

    `controls` are names of control units, None: see `choose_controls`. `expected` is the forecast
    ratio of alarms. Raises `TooShort`.
    """
    groups = choose_controls(recorded, scope, controls)
    found = compare(recorded, groups.changed, groups.control, at, most_days, confidence)
    caveats = caveats_of_comparison(found, controlled=bool(groups.control_units))
    return {
        "at": at,
        "days": dict(zip(("before", "after"), found.days, strict=True)),
        "scope": scope_fields(scope),
        "controls": groups.control_units,
        "confidence": confidence,
        "alarms_a_day": {
            "changed": _rates(found.changed) | {"ratio": _ratio(found.effect)},
            "control": _rates(found.control) | {"ratio": _ratio(found.control_effect)},
        },
        "beyond_control": _ratio(found.beyond_control),
        "days_before_to_earlier": _ratio(found.earlier),
        "expected_ratio": expected,
        "balance": {
            name: _balance(one)
            for name, one in zip(("before", "after"), found.balance, strict=True)
        },
        "caveats": list(map(caveat_words, caveats)),
    }


def _rates(halves: tuple[Numbers, Numbers]) -> dict[str, float]:
    return {
        name: round(float(days.mean()), 3)
        for name, days in zip(("before", "after"), halves, strict=True)
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
        f"{scope_words(found)}: {days['before']} days before the change, {days['after']} after it"
    ]
    lines.append(f"  alarms a day {_rate(rates['changed'], sure)}")
    if found["controls"]:
        names = ", ".join(map(printable, found["controls"]))
        lines.append(f"  control units ({names}) {_rate(rates['control'], sure)}")
        lines.append(
            f"  change relative to the control units: {_interval(found['beyond_control'], sure)}"
        )
    if found["expected_ratio"] is not None:
        lines.append(f"  forecast when the change was decided: {_change(found['expected_ratio'])}")
    lines.append(
        "  days before the change, relative to earlier days: "
        f"{_interval(found['days_before_to_earlier'], sure)}"
    )
    lines.append("  what must not get worse, before -> after:")
    before, after = found["balance"]["before"], found["balance"]["after"]
    lines.append(
        f"    actionable alarms a day: {before['actionable'] / days['before']:.1f} -> "
        f"{after['actionable'] / days['after']:.1f}"
    )
    for name, key in (("median", "median"), ("90th percentile", "ninth_decile")):
        pair = [one["response_seconds"][key] for one in (before, after)]
        lines.append(
            f"    time to response, {name}: "
            f"{' -> '.join('unknown' if one is None else f'{one:.0f} s' for one in pair)}"
        )
    pair = [f"{one['slow']} of {one['actionable']}" for one in (before, after)]
    lines.append(f"    without response for 10 min: {' -> '.join(pair)}")
    return [*lines, "  caveats:", *(f"    - {one}" for one in found["caveats"])]


def _rate(rates: dict[str, Any], sure: str) -> str:
    return f"{rates['before']:g} -> {rates['after']:g}: {_interval(rates['ratio'], sure)}"


def _interval(ratio: dict[str, float | None], sure: str) -> str:
    of = Ratio(**ratio)
    if of.value is None or of.low is None or of.high is None:
        return "unknown"
    verdict = "" if of.differs else "; possibly no change"
    return f"{_change(of.value)} ({sure} interval {_change(of.low)} to {_change(of.high)}{verdict})"


def _change(ratio: float) -> str:
    """
    >>> _change(0.5), _change(1.25)
    ('-50 %', '+25 %')
    """
    return f"{100 * (ratio - 1):+.0f} %"
