"""Words: what figures are called, how they are written, and what each one means."""

from __future__ import annotations

from datetime import datetime
from math import exp

from analyzer.history import Change, Slope
from streams.formats.calendars import Calendar
from streams.report.figures import Figure
from streams.report.patterns import ShiftRow, TypeRow
from streams.report.span import Grid

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Alarms per bed and day",
        tuple(
            f"alarms_per_bed_day.{one}"
            for one in (
                "all",
                "high",
                "medium",
                "low",
                "actionable",
                "non_actionable",
                "technical",
                "unknown",
            )
        ),
    ),
    ("Were they needed?", ("nonactionable_ratio", "coverage")),
    (
        "Response times",
        tuple(
            f"{key}.{one}"
            for one in ("high", "medium", "low")
            for key in ("response_median", "response_nine_in_ten", "answered")
        ),
    ),
    (
        "What it does to the people on duty",
        (
            "hours_over_30",
            "flood_share",
            "protected_share",
            "clinician_elevated",
            "clinician_overloaded",
        ),
    ),
    ("How often the whole unit was overloaded", ("unit_elevated", "unit_overloaded")),
    ("Alarms that should not be", ("chattering", "fleeting", "stale")),
)
MOST_DIGITS = 4
"""After the point, of a bound near 0."""
LABELS = {
    "alarms_per_bed_day": "{} alarms",
    "nonactionable_ratio": "Non-actionable, of clinical alarms of known class",
    "coverage": "Clinical alarms of known class, of all clinical alarms",
    "response_median": "{}: half were answered within",
    "response_nine_in_ten": "{}: nine in ten were answered within",
    "answered": "{}: alarms with any response",
    "hours_over_30": "Hours in which one clinician had more than 30 alarms",
    "flood_share": "Time on duty in an alarm flood",
    "protected_share": "Time on duty in stretches of 5 min and more without a new alarm",
    "clinician_elevated": "Time on duty in the state elevated",
    "clinician_overloaded": "Time on duty in the state overloaded",
    "unit_elevated": "Time in the state elevated",
    "unit_overloaded": "Time in the state overloaded",
    "chattering": "Chattering alarms",
    "fleeting": "Fleeting alarms",
    "stale": "Stale alarms",
}
DEFINITIONS = {
    "units": "An alarm is an episode of priority low, medium or high. A bed counts while it is in "
    "the roster. Fleeting: ended within 15 s. Chattering: at least the third of its signal within "
    "a minute. Stale: lasted more than 24 h. Alarms per bed and day are those at beds that were in "
    "the roster then.",
    "the-non-actionable-ratio": "Non-actionable alarms of all clinical alarms whose class is "
    "known. Technical alarms are left out: they are avoidable at the source. Alarms of unknown "
    "class are in neither number. Non-actionable is not false.",
    "response-times": "From the start of an alarm to the first response of any kind. Alarms "
    "without a response are not in the times; their share is the line below.",
    "overload": "Elevated and overloaded are states of an assignment or a unit. They begin when "
    "fixed limits are exceeded, such as 30 (elevated) or 60 (overloaded) alarms in an hour. Hours "
    "with more than 30 alarms are whole hours of the clock on duty.",
    "floods": "More than 10 alarms in 10 minutes, until fewer than 5 (ISA-18.2).",
    "alarm-time-and-protected-time": "Time on duty in stretches of at least five minutes without "
    "a new alarm. No published measure was found; this one is our own.",
}
"""By the anchor of the section in docs/semantics.md that says it in full."""
OWNERS = {
    "biomed": "biomedical engineering",
    "clinical engineering": "clinical engineering",
    "unit leadership": "unit leadership",
}
CONFOUNDERS = (
    "how ill the patients are: busy hours have more nurses and more alarms",
    "who is on duty: experience and skill mix",
    "tasks without alarms, such as admissions and rounds",
    "charting: a roster that is charted late or wrong moves the figure",
)


def label(figure: Figure) -> str:
    """
    >>> from streams.report.figures import Figure
    >>> label(Figure(key="answered.high", value=None, above=None, below=None, n="", before=None,
    ...     change=None, why=None, missing=None, definition="units"))
    'High priority: alarms with any response'
    """
    key, _, of = figure.key.partition(".")
    kinds = {
        "all": "All",
        "non_actionable": "Non-actionable",
        "actionable": "Actionable",
        "technical": "Technical",
        "unknown": "Of unknown class",
    }
    name = kinds.get(of, f"{of.capitalize()} priority")
    if key == "alarms_per_bed_day" and of == "unknown":
        return "Alarms of unknown class"
    return LABELS[key].format(name)


def _is_share(key: str) -> bool:
    return not key.startswith(("alarms_per_bed_day", "response_"))


def number(value: float | None) -> str:
    """Two digits where it is small, whole numbers with separators where it is large.

    >>> number(0.034), number(3.456), number(186.4), number(12345.0), number(None)
    ('0.03', '3.5', '186', '12,345', 'unknown')
    """
    if value is None:
        return "unknown"
    return f"{value:,.{_digits(value)}f}" if value else "0"


def _digits(value: float) -> int:
    """After the point, of a number of this size."""
    return 0 if abs(value) >= 100 else 1 if abs(value) >= 1 else 2


def plural(count: int, noun: str) -> str:
    """
    >>> plural(1, "hour"), plural(1200, "hour")
    ('1 hour', '1,200 hours')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(share: float | None) -> str:
    """
    >>> percent(0.1234), percent(0.0012), percent(0.0)
    ('12.3 %', '0.1 %', '0 %')
    """
    if share is None:
        return "unknown"
    if 0 < share < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= share < 1:
        return "> 99.9 %"
    return f"{100 * share:.1f} %" if 0 < share < 1 else f"{100 * share:.0f} %"


def seconds(value: float | None) -> str:
    """
    >>> seconds(17.2), seconds(620)
    ('17 s', '10.3 min')
    """
    if value is None:
        return "unknown"
    return f"{value:.0f} s" if abs(value) < 120 else f"{value / 60:.1f} min"


def shown(figure: Figure, value: float | None) -> str:
    if figure.key.startswith("response_"):
        return seconds(value)
    return percent(value) if _is_share(figure.key) else number(value)


def difference(figure: Figure) -> str:
    """The change since the span before, with its interval; a number has the digits of the figure.

    >>> from streams.report.figures import Figure
    >>> difference(Figure(key="alarms_per_bed_day.all", value=180.4, above=None, below=None, n="",
    ...     before=254.3, change=Change(-73.9, None, None), why=None, missing=None,
    ...     definition="units"))
    '-74, interval unknown'
    """
    if figure.change is None:
        return "" if figure.value is None else "no figure before"
    if figure.key.startswith("response_"):
        return change_words(figure.change, 1.0, "s", "{:+,.0f}")
    if _is_share(figure.key):
        return change_words(figure.change, 100.0, "points", "{:+.1f}")
    return change_words(figure.change, 1.0, "", _signed(figure.value, figure.before))


def _signed(value: float | None, before: float | None) -> str:
    return f"{{:+,.{_digits(value or before or 0.0)}f}}"


def change_words(found: Change, scale: float, unit: str, form: str) -> str:
    """
    >>> change_words(Change(-3.5, -6.0, -1.0), 1.0, "", "{:+.1f}")
    '-3.5 (-6.0 to -1.0)'

    Where a bound of an interval without 0 would be rounded to 0, there are more digits:

    >>> change_words(Change(4.6, 0.2, 9.0), 1.0, "s", "{:+.0f}")
    '+4.6 s (+0.2 to +9.0)'
    """

    def signed(one: float) -> str:
        text = form.format(one * scale)
        return text if any(digit in text for digit in "123456789") else "0"

    value, space = signed(found.value), f" {unit}" if unit else ""
    if found.low is None or found.high is None:
        return f"{value}{space}" if value == "0" else f"{value}{space}, interval unknown"
    low, high = signed(found.low), signed(found.high)
    digits = int(form[-3])
    if found.sure and "0" in (low, high) and digits < MOST_DIGITS:
        return change_words(found, scale, unit, f"{form[:-3]}{digits + 1}f}}")
    return f"{value}{space} ({low} to {high})"


def counted(figure: Figure) -> str:
    """The counts behind a figure, in words."""
    below = number_of(figure.below)
    if figure.above is None:
        return f"n = {below}"
    return f"{number_of(figure.above)} / {below}"


def number_of(value: float | None) -> str:
    """
    >>> number_of(12345.0), number_of(230.95)
    ('12,345', '231')
    """
    return "0" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


def trend(row: TypeRow) -> str:
    if row.change is None:
        return "no figure before"
    return change_words(row.change, 1.0, "", _signed(row.a_day, row.a_day_before))


def cell_name(row: ShiftRow, calendar: Calendar) -> str:
    """
    >>> row = ShiftRow(1, 60, 6.0, 2.0, None, 5.0, None, 0, None)
    >>> cell_name(row, Calendar())
    'Monday to Friday, 19:00 to 07:00'
    """
    begins = calendar.shifts
    if row.cell == len(begins):
        return "Saturday and Sunday"
    return (
        f"Monday to Friday, {begins[row.cell]:%H:%M} to "
        f"{begins[(row.cell + 1) % len(begins)]:%H:%M}"
    )


def slope_words(load: Slope | None, response: Slope | None, per_bed: Slope | None) -> list[str]:
    """How load and response time differ with one more bed per clinician, in this unit's hours."""
    if load is None:
        return [
            "What one more bed per clinician goes with cannot be told from this period: beds per "
            "clinician hardly varied at the same time of day, or there were fewer than 48 hours or "
            "six days with figures."
        ]
    lines = [
        f"With one more bed per clinician, a clinician had {load.value:+.1f} alarms an hour "
        f"({load.low:+.1f} to {load.high:+.1f}). At {load.x_low:.1f} beds per clinician that is "
        f"{max(load.y_low, 0):.1f} alarms an hour, at {load.x_high:.1f} beds "
        f"{max(load.y_high, 0):.1f} ({load.hours:,} hours)."
    ]
    if per_bed is not None:
        lines.append(
            f"The beds themselves sent {per_bed.value:+.1f} alarms an hour each "
            f"({per_bed.low:+.1f} to {per_bed.high:+.1f}): "
            + (
                "so the hours differed in more than staffing."
                if per_bed.sure
                else "no clear difference, so more beds mean more alarms to answer."
            )
        )
    if response is None:
        lines.append("There were too few responses to say how response times moved.")
    else:
        times = [100 * (exp(one) - 1) for one in (response.value, response.low, response.high)]
        sure = "" if response.sure else ", no clear difference"
        lines.append(
            f"Responses took {abs(times[0]):.0f} % {'longer' if times[0] > 0 else 'less'} "
            f"({times[1]:+.0f} to {times[2]:+.0f} %{sure}; "
            f"{response.hours:,} hours with responses)."
        )
    return lines


def span_words(grid: Grid, calendar: Calendar) -> str:
    """
    >>> span_words(Grid.of(1772323200000, 1772928000000, Calendar()), Calendar())
    '1 to 7 March 2026'
    >>> span_words(Grid.of(1772323200000, 1772409600000, Calendar()), Calendar())
    '1 March 2026'
    """
    first, last = calendar.local(grid.begin), calendar.local(grid.end)
    clock = {f"{one:%H:%M}" for one in (first, last)} != {"00:00"}
    if clock:
        return f"{_day(first)} {first:%Y %H:%M} to {_day(last)} {last:%Y %H:%M}"
    final = calendar.local(grid.end - 1)
    if first.date() == final.date():
        return f"{_day(final)} {final:%Y}"
    if (first.year, first.month) == (final.year, final.month):
        return f"{first.day} to {_day(final)} {final:%Y}"
    return f"{_day(first)} {first:%Y} to {_day(final)} {final:%Y}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B}"
