"""How many needed alarms a setting would hide, in words. It reads the JSON of `files.tuning`."""

from __future__ import annotations

from typing import Any

SOURCE_ADVICE = (
    "technical alarms are avoidable at the source: mend the sensor, cable, lead or battery; a "
    "delay would hide the fault"
)


def harm(loss: dict[str, Any]) -> str:
    """
    >>> loss = {"count": 5, "of": 9, "share": 0.556, "upper": 0.831, "effective": 9.0}
    >>> harm(loss | {"confidence": 0.95, "tolerated": 0.01, "promise": "broken"}).split(": ", 1)[0]
    'would hide 5 of 9 alarms that were needed (upper bound 95 %'
    """
    if loss["upper"] is None:
        return "would hide an unknown number of needed alarms: none is known to have been needed"
    if loss["effective"] is None:
        return f"hides none of {loss['of']} alarms that were needed, as nothing is changed"
    return f"would hide {lost_words(loss)}: {promise_words(loss['promise'], loss['tolerated'])}"


def lost_words(lost: dict[str, Any]) -> str:
    """
    >>> lost_words({"count": 0, "of": 299, "upper": 0.009969, "confidence": 0.95})
    '0 of 299 alarms that were needed (upper bound 95 %: 0.997 %)'
    """
    if lost["upper"] is None:
        return "an unknown number of needed alarms: none is known to have been needed"
    return (
        f"{lost['count']} of {lost['of']} alarms that were needed "
        f"(upper bound {100 * lost['confidence']:g} %: {bound_words(lost['upper'])})"
    )


def bound_words(upper: float | None) -> str:
    """Three digits, as a percentage.

    >>> bound_words(0.831), bound_words(0.00037), bound_words(None)
    ('83.1 %', '0.037 %', 'unknown')
    """
    return "unknown" if upper is None else f"{100 * upper:.3g} %"


def promise_words(promise: str, tolerated: float) -> str:
    """
    >>> promise_words("kept", 0.01)
    'within the tolerance of 1 %'
    """
    of = f"the tolerance of {100 * tolerated:g} %"
    return {
        "kept": f"within {of}",
        "open": f"NOT SHOWN to be within {of}, too few were needed to say",
        "broken": f"BEYOND {of}",
    }[promise]
