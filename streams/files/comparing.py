"""Before and after a change, in JSON and in words.

    {"at": ms, "days": {"before", "after"}, "scope": as in `streams.files.tuning`, "controls": [units], "confidence",
     "alarms_a_day": {"changed" | "control": {"before", "after", "ratio": RATIO}}, "beyond_control": RATIO, "days_before_to_earlier": RATIO,
     "expected_ratio": what the change record forecast, or null,
     "balance": {"before" | "after": {"actionable", "answered", "response_seconds": {"median", "ninth_decile"}, "slow"}}, "caveats"}

RATIO is {"value", "low", "high"}, null where it cannot be told.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from analyzer.arrays import Numbers
from analyzer.whatif import Balance, Comparison, Ratio, Recorded, Scope, compare
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

    `controls`: units to compare with; None: all others of the facility. Raises `TooShort`.
    """
    changed = np.zeros(len(recorded), dtype=np.bool_)
    changed[scope.rows(recorded)] = True
    elsewhere = Scope(facility=scope.facility, type=scope.type, priority=scope.priority).rows(
        recorded
    )
    control = np.zeros(len(recorded), dtype=np.bool_)
    control[elsewhere] = True
    touched = np.isin(recorded.unit, recorded.unit[changed])
    if controls is not None:
        touched |= ~np.array([name in controls for _, name in recorded.units], dtype=np.bool_)[
            recorded.unit
        ]
    control &= ~touched
    found = compare(recorded, changed, control, at, most_days, confidence)
    names = sorted({recorded.units[unit][1] for unit in np.unique(recorded.unit[control]).tolist()})
    return {
        "at": at,
        "days": dict(zip(("before", "after"), found.days, strict=True)),
        "scope": scope_fields(scope),
        "controls": names,
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
        "caveats": _caveats(found, names),
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


def _caveats(found: Comparison, controls: list[str]) -> list[str]:
    said = [
        "Regression to the mean: alarms that were chosen because they were bad tend to improve "
        "by themselves. Compare with the control units, and with the earlier days."
    ]
    if found.earlier.value is None:
        said.append(
            "Too little was recorded before the compared days to tell whether these were typical."
        )
    elif found.earlier.low is not None and found.earlier.low > 1:
        said.append(
            f"The days before the change had {found.earlier.value:.2f} times the alarms of the "
            "earlier days: part of any fall may be a return to the usual level."
        )
    if not controls:
        said.append(
            "There are no control units: any other change at that time is part of the effect."
        )
    if not found.balance[0].actionable or not found.balance[1].actionable:
        said.append(
            "Without actionable alarms both before and after the change, its cost is unknown."
        )
    said.append(
        "Adverse events are not part of these records: check the hospital's incident reports for "
        "the same days."
    )
    return said


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
            f"  change relative to the control units: {_said(found['beyond_control'], sure)}"
        )
    if found["expected_ratio"] is not None:
        lines.append(f"  forecast when the change was decided: {_change(found['expected_ratio'])}")
    lines.append(
        "  days before the change, relative to earlier days: "
        f"{_said(found['days_before_to_earlier'], sure)}"
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
    return f"{rates['before']:g} -> {rates['after']:g}: {_said(rates['ratio'], sure)}"


def _said(ratio: dict[str, float | None], sure: str) -> str:
    if ratio["value"] is None or ratio["low"] is None or ratio["high"] is None:
        return "unknown"
    verdict = "" if ratio["low"] > 1 or ratio["high"] < 1 else "; possibly no change"
    return (
        f"{_change(ratio['value'])} ({sure} interval {_change(ratio['low'])} to "
        f"{_change(ratio['high'])}{verdict})"
    )


def _change(ratio: float) -> str:
    """
    >>> _change(0.5), _change(1.25)
    ('-50 %', '+25 %')
    """
    return f"{100 * (ratio - 1):+.0f} %"
