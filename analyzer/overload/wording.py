"""Wording: the reason for a change of state as one line of text."""

from __future__ import annotations

from analyzer.model.overload import Reason
from analyzer.model.policy import LESS_IS_WORSE

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
