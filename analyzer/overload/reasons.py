"""Reasons: the measures that raise, lower or hold an overload state, and their wording."""

from __future__ import annotations

from collections.abc import Collection
from math import isnan

from analyzer.model.overload import ELEVATED, NORMAL, OVERLOADED, STATES, Reason
from analyzer.model.policy import LESS_IS_WORSE, MEASURES, Levels


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
            limit = float(level.enter if rising else level.leave)
            found.append(Reason(measure, value, STATES[state], limit))
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
                found.append(Reason(measure, value, STATES[candidate], float(level.leave)))
                break
    return tuple(found)


def _sign(measure: str) -> int:
    """-1 for measures of which less is worse."""
    return -1 if measure in LESS_IS_WORSE else 1


_VALUES = {
    "alarms_10m": "{} alarms{} in the last 10 min",
    "alarms_1h": "{} alarms{} in the last hour",
    "protected_1h": "{} of the last hour on duty in alarm-free stretches of 5 min or more",
    "unanswered": "{} alarms{} sounding without a response",
    "beds": "{} beds{}",
}
_LIMITS = {
    (False, False): "at most {}",
    (False, True): "more than {}",
    (True, False): "at least {}",
    (True, True): "less than {}",
}
"""By whether less is worse, and whether the state rises."""


def in_words(reason: Reason, of_unit: bool, rising: bool) -> str:
    """A reason in words, for a clinician or a unit, when the state rises or falls.

    >>> in_words(Reason("alarms_10m", 14.0, "overloaded", 10.0), of_unit=False, rising=True)
    '14 alarms in the last 10 min, more than 10'
    >>> in_words(Reason("protected_1h", 0.5, "elevated", 0.4), of_unit=True, rising=False)
    '50 % of the last hour on duty in alarm-free stretches of 5 min or more, at least 40 % again'
    """
    less = reason.measure in LESS_IS_WORSE
    per_clinician = " per clinician on duty" if of_unit else ""
    value = _VALUES[reason.measure].format(_number(reason.value, less), per_clinician)
    limit = _LIMITS[less, rising].format(_number(reason.limit, less))
    return f"{value}, {limit}{'' if rising else ' again'}"


def _number(value: float, is_share: bool) -> str:
    return f"{100 * value:.3g} %" if is_share else f"{value:.3g}"
