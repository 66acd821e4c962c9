"""A comparison in words: why there is no verdict, what was left out, and what a run chart shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from analyzer.stats import Signal
from analyzer.whatif import Excluded, Placebos, Reason
from streams.files.alarm_words import type_name
from streams.formats.calendars import Calendar
from streams.formats.texts import printable

_REASONS = {
    "feed_stopped": "{unit} has no alarm at all after {at}: its feed may have stopped. Missing "
    "data is no success.",
    "feed_began": "{unit} has no alarm at all before {at}: its feed may have begun then, so there "
    "is nothing to compare with.",
    "unit_renamed": "{from} has no alarm at all after {at}, and {to} begins then: the unit may "
    "have a new name.",
    "type_stopped": "{unit} has no alarm of this choice after {at}, while its other alarms go on: "
    "the alarm may have been switched off, or its messages may be lost. Ask before you call it a "
    "success.",
    "type_began": "{unit} has no alarm of this choice before {at}, while its other alarms were "
    "there: the alarm may have been switched on then, or called otherwise before.",
    "code_renamed": "{unit} has no {from} after {at}, and {to} begins then: the alarm may have a "
    "new name, as after an update of the device.",
    "hours_missing": "{unit} has no alarm for hours on many days {side} the change, at times of "
    "the day that have many otherwise: its feed may have been cut off for part of the day.",
    "unit_in_part": "{to} begins about {at} while {from} loses about as many alarms: some of the "
    "alarms or beds may have gone from one to the other.",
    "code_in_part": "{unit}: {to} begins about {at} while {from} loses about as many alarms: "
    "some of the devices may use a new name, as after an update.",
    "beds_stopped": "{unit}: {beds} of {of} beds have no alarm after {at}, all within a day: their "
    "feed may have stopped. Missing data is no success.",
    "beds_began": "{unit}: {beds} of {of} beds have no alarm before {at}, and all begin within a "
    "day: their feed may have begun then.",
    "days_missing": "{missing} of {days} days hold a long silence, as if the feed had stopped: too "
    "few are left on one side.",
}
_EXCLUSIONS = {
    "began": "its alarms begin at {at}",
    "ended": "its alarms end at {at}",
    "days_missing": "its feed was silent on more than a quarter of the days",
    "hours_missing": "its feed was silent for hours on many days",
}
_MOMENTS = ("at", "since", "until")
VERDICTS = {
    "fewer": "fewer alarms after the change",
    "more": "more alarms after the change",
    "no_clear_change": "no clear change: the interval contains no change",
}


def reason_words(reason: Reason, calendar: Calendar) -> str:
    """
    >>> reason = Reason("feed_stopped", {"unit": "MICU", "at": 1_773_185_124_898})
    >>> reason_words(reason, Calendar())[:53]
    'MICU has no alarm at all after 2026-03-10 23:25 UTC: '
    """
    return _REASONS[reason.kind].format(
        **{name: _shown(name, one, calendar) for name, one in reason.values.items()}
    )


def exclusion_words(excluded: Excluded, calendar: Calendar) -> str:
    """Why a unit is no control."""
    return _EXCLUSIONS[excluded.kind].format(at=calendar.written(excluded.at))


def _shown(name: str, value: Any, calendar: Calendar) -> Any:
    if name in _MOMENTS:
        return calendar.written(value)
    if isinstance(value, tuple):
        return type_name(value)
    return printable(value) if isinstance(value, str) else value


def placebo_words(found: Placebos) -> str:
    """
    >>> placebo_words(Placebos(3, 14))
    'as large by chance in 3 of 14 placebo comparisons (other units and earlier dates, unchanged)'
    """
    if not found.of:
        return "no other unit or earlier date to compare with by way of placebo"
    return (
        f"as large by chance in {found.as_large} of {found.of} placebo comparisons (other units "
        "and earlier dates, unchanged)"
    )


def signal_words(signal: Signal, first: str, last: str) -> str:
    """The finding of a run rule on the days `first` to `last`, in words.

    >>> signal_words(Signal("shift", 3, 11, 9, False), "2 March", "10 March")
    'shift: 9 days in a row below the median, from 2 March to 10 March'
    """
    high = signal.upwards
    if signal.rule == "astronomical":
        return f"astronomical point: {first} lies {'above' if high else 'below'} the limits"
    if signal.rule == "shift":
        side = "above" if high else "below"
        return f"shift: {signal.points} days in a row {side} the median, from {first} to {last}"
    if signal.rule == "trend":
        way = "rising" if high else "falling"
        return f"trend: {signal.points} days in a row {way}, from {first} to {last}"
    return (
        f"too few runs: the days before the change, {first} to {last}, cross the median too seldom "
        f"({signal.points} runs); they were not steady"
    )


def day_words(milliseconds: int, calendar: Calendar) -> str:
    """
    >>> day_words(1_773_185_124_898, Calendar())
    '2026-03-10'
    """
    return calendar.local(milliseconds).date().isoformat()


def listed(days: Iterable[int], calendar: Calendar) -> str:
    """Days (ms) by date; those in a row as from and to.

    >>> day = 86_400_000
    >>> listed([0, day, 2 * day, 5 * day], Calendar())
    '1970-01-01 to 1970-01-03, 1970-01-06'
    """
    rows: list[list[int]] = []
    for one in days:
        if rows and one - rows[-1][1] == 86_400_000:
            rows[-1][1] = one
        else:
            rows.append([one, one])
    return ", ".join(
        day_words(first, calendar)
        if first == last
        else f"{day_words(first, calendar)} to {day_words(last, calendar)}"
        for first, last in rows
    )
