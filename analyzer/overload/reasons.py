"""Reasons: the measures that raise, lower or hold an overload state."""

from __future__ import annotations

from collections.abc import Collection
from math import isnan

from analyzer.model.overload import ELEVATED, NORMAL, OVERLOADED, STATES, Reason
from analyzer.model.policy import LESS_IS_WORSE, MEASURES, Level, Levels


def reasons_for(
    before: int,
    after: int,
    levels: dict[str, Levels],
    values: dict[str, float],
    drivers: Collection[str],
) -> tuple[Reason, ...]:
    """Why the state changes from `before` to `after`.

    Going up: the measures beyond a limit to enter. Going down: the measures `drivers`, which raised
    the state, with the limit to leave that they are no longer beyond.
    """
    rising = after > before
    candidates = (OVERLOADED, ELEVATED) if rising or after == NORMAL else (OVERLOADED,)
    found = []
    for measure in MEASURES:
        value, sign = values[measure], _sign(measure)
        if isnan(value) or not (rising or measure in drivers):
            continue
        for state in candidates:
            level = getattr(levels[measure], STATES[state])
            if level is None or (rising and sign * value <= sign * level.enter):
                continue
            found.append(_reason(measure, value, STATES[state], level, rising))
            break
    return tuple(found)


def reasons_to_hold(
    levels: dict[str, Levels], values: dict[str, float], state: int
) -> tuple[Reason, ...]:
    """The measures that keep a state from being left: those beyond a limit to leave it.

    For elevated, the limits of overloaded count as well.
    """
    candidates = (OVERLOADED,) if state == OVERLOADED else (ELEVATED, OVERLOADED)
    found = []
    for measure in MEASURES:
        value, sign = values[measure], _sign(measure)
        for candidate in candidates:
            level = getattr(levels[measure], STATES[candidate])
            # never true if the value is NaN
            if level is not None and sign * value > sign * level.leave:
                found.append(_reason(measure, value, STATES[candidate], level, rising=False))
                break
    return tuple(found)


def to_leave(
    levels: dict[str, Levels], values: dict[str, float], state: int, drivers: Collection[str]
) -> tuple[Reason, ...]:
    """The reasons why a state lasts, with present values: the measures `drivers`, which raised the
    state, and the measures that hold it.

    Where a measure has several limits for leaving, the strictest counts. A value is NaN where it
    is not known now.
    """
    candidates = (OVERLOADED,) if state == OVERLOADED else (ELEVATED, OVERLOADED)
    holding = {one.measure for one in reasons_to_hold(levels, values, state)}
    found = []
    for measure in MEASURES:
        sign = _sign(measure)
        known = [
            (STATES[candidate], level)
            for candidate in candidates
            if (level := getattr(levels[measure], STATES[candidate])) is not None
        ]
        if known and (measure in drivers or measure in holding):
            name, level = min(known, key=lambda one: sign * one[1].leave)
            found.append(_reason(measure, values[measure], name, level, rising=False))
    return tuple(found)


def _reason(measure: str, value: float, state: str, level: Level, rising: bool) -> Reason:
    enter, leave = float(level.enter), float(level.leave)
    return Reason(measure, value, state, enter if rising else leave, enter, leave)


def _sign(measure: str) -> int:
    """-1 for measures of which less is worse."""
    return -1 if measure in LESS_IS_WORSE else 1
