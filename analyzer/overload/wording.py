"""Wording: overload states, their reasons and limits in words, the same on every surface.

A limit to enter is called "limit". What must be reached to leave a state reads "4 or fewer".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isnan

from analyzer.model.overload import Correction, Reason
from analyzer.model.policy import LESS_IS_WORSE, MEASURES, MINUTE, SECOND, Level, Levels
from analyzer.overload.status import Standing

Show = Callable[[int], str]
"""A time (ms since 1970) as a reader's clock shows it."""

_MEASURED = {
    "alarms_10m": "alarms{} in 10 min",
    "alarms_1h": "alarms{} in 1 h",
    "protected_1h": "of the last hour on duty undisturbed",
    "unanswered": "alarms{} without a response",
    "beds": "beds{}",
}
"""The words after the number; `{}` is filled where the number is an average."""
_LATE = {
    "alarms": "alarms arrived late",
    "responses": "responses arrived late",
    "assignments": "assignments were charted late",
}


def in_words(reason: Reason, of_unit: bool, rising: bool) -> str:
    """A reason in words, for a clinician or a unit, when the state rises or falls.

    >>> why = Reason("alarms_10m", 14.0, "overloaded", 10.0, enter=10.0, leave=4.0)
    >>> in_words(why, of_unit=False, rising=True)
    '14 alarms in 10 min, limit 10'
    >>> in_words(why._replace(value=3.5, limit=4.0), of_unit=True, rising=False)
    '3.5 alarms per clinician in 10 min, back to 4 or fewer'
    """
    value = _quantity(reason.measure, reason.value, of_unit)
    if rising:
        return f"{value}, limit {_number(reason.measure, reason.enter)}"
    return f"{value}, back to {_left_at(reason.measure, reason.leave)}"


def holding_in_words(reason: Reason, of_unit: bool, tick: str) -> str:
    """A measure that keeps a state from being left, in words; `tick`: when it was measured.

    >>> why = Reason("alarms_10m", 5.0, "overloaded", 4.0, enter=10.0, leave=4.0)
    >>> holding_in_words(why, of_unit=False, tick="19:03")
    '5 alarms in 10 min at 19:03; the state ends at 4 or fewer'
    """
    value = _quantity(reason.measure, reason.value, of_unit)
    return f"{value} at {tick}; the state ends at {_left_at(reason.measure, reason.leave)}"


def standing_in_words(
    state: str, standing: Standing, of_unit: bool, cool_down: int, show: Show, measured: int
) -> str:
    """A state above normal in one sentence: since when and why, when it ends, and whether it was
    corrected.

    `cool_down` in ms: see `OverloadPolicy`. `measured`: the last tick, when the measures had their
    values (ms). The result has no full stop.
    """
    parts = [_since(state, standing, of_unit, show)]
    if ends := _ends(standing, of_unit, cool_down, show, show(measured)):
        parts.append(ends)
    if standing.correction is not None:
        parts.append(correction_in_words(standing.correction, show))
    return "; ".join(parts)


def correction_in_words(correction: Correction, show: Show) -> str:
    """When a change was corrected, and why.

    >>> correction_in_words(Correction(0, ("assignments",), None), lambda _: "20:11")
    'corrected at 20:11: assignments were charted late'
    """
    causes = [_LATE[topic] for topic in correction.by if topic in _LATE]
    return f"corrected at {show(correction.at)}: {' and '.join(causes) or 'records arrived late'}"


def limits_in_words(levels: Mapping[str, Levels], state: str, of_unit: bool = False) -> list[str]:
    """The limits of a state, by measure, each with what must be reached to leave it.

    >>> limits_in_words({"beds": Levels(elevated=Level(8, 6))}, "elevated")
    ['more than 8 beds (until 6 or fewer)']
    >>> limits_in_words({"protected_1h": Levels(overloaded=Level(0.05, 0.15))}, "overloaded")
    ['less than 5 % of the last hour on duty undisturbed (until 15 % or more)']
    """
    return [
        limit_in_words(measure, level, of_unit)
        for measure in MEASURES
        if measure in levels and (level := getattr(levels[measure], state)) is not None
    ]


def limit_in_words(measure: str, level: Level, of_unit: bool) -> str:
    """One limit, with what must be reached to leave its state."""
    beyond = "less than" if measure in LESS_IS_WORSE else "more than"
    value = _quantity(measure, level.enter, of_unit)
    return f"{beyond} {value} (until {_left_at(measure, level.leave)})"


def duration_in_words(milliseconds: int) -> str:
    """A duration of the policy.

    >>> duration_in_words(10 * MINUTE), duration_in_words(90 * SECOND)
    ('10 min', '90 s')
    """
    if milliseconds % MINUTE:
        return f"{milliseconds / SECOND:g} s"
    return f"{milliseconds // MINUTE} min"


def _since(state: str, standing: Standing, of_unit: bool, show: Show) -> str:
    rise = standing.rise
    why = "; ".join(in_words(one, of_unit, rising=True) for one in rise.reasons)
    given = f" ({why})" if why else ""
    if standing.since == rise.at:
        return f"{state} since {show(standing.since)}{given}"
    return f"{state} since {show(standing.since)}, {rise.after} from {show(rise.at)}{given}"


def _ends(standing: Standing, of_unit: bool, cool_down: int, show: Show, tick: str) -> str:
    """When the state ends."""
    leaving = [one for one in standing.leaving if not isnan(one.value)]
    if standing.quiet_since is not None:
        now = _listed(
            f"{_quantity(one.measure, one.value, of_unit)}, {_left_at(one.measure, one.leave)}"
            for one in leaving
        )
        return (
            f"back within its limits since {show(standing.quiet_since)}"
            f"{f' (at {tick}: {now})' if now else ''}, "
            f"ends at {show(standing.quiet_since + cool_down)} if that lasts"
        )
    beyond = {one.measure for one in standing.holding}
    leaving = [one for one in leaving if one.measure in beyond]
    if not leaving:
        return ""
    lasting = f" for {duration_in_words(cool_down)}" if cool_down else ""
    if len(leaving) == 1:
        [one] = leaving
        limit, now = _left_at(one.measure, one.leave), _number(one.measure, one.value)
        if {why.measure for why in standing.rise.reasons} != {one.measure}:
            limit = _quantity(one.measure, None, of_unit, limit)
        return f"stays so until {limit}{lasting}; {now} at {tick}"
    limits = _listed(
        f"{_quantity(one.measure, None, of_unit, _left_at(one.measure, one.leave))} "
        f"({_number(one.measure, one.value)} at {tick})"
        for one in leaving
    )
    return f"stays so until {limits}{f',{lasting}' if lasting else ''}"


def _listed(texts: Iterable[str]) -> str:
    found = list(texts)
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)


def _quantity(measure: str, value: float | None, of_unit: bool, shown: str = "") -> str:
    number = shown if value is None else _number(measure, value)
    noun = _MEASURED[measure].format(" per clinician" if of_unit else "")
    return f"{number} {noun.replace('s', '', 1) if number == '1' and 's' in noun else noun}"


def _left_at(measure: str, leave: float) -> str:
    more = "or more" if measure in LESS_IS_WORSE else "or fewer"
    return f"{_number(measure, leave)} {more}"


def _number(measure: str, value: float) -> str:
    return f"{100 * value:.3g} %" if measure in LESS_IS_WORSE else f"{value:.3g}"
