"""Limits: the values at which the colour and the word of a panel change, with their sources.

A colour never stands alone: each threshold and state also has a word. The colours are those of
Okabe and Ito (2008), which people with any common form of colour blindness can tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from grafana import promql

ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, GREY = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#8C8C8C",
)
"""The palette without yellow, which is illegible on white, plus a grey for series to compare with.
"""

SHADES = ("#E6F1FA", "#BFDDF2", "#8FC4EA", BLUE, "#00405F")
"""From few to many. Numbers are legible on each, in the black or white that Grafana chooses."""

Steps: TypeAlias = Sequence[tuple[float | None, str, str]]
"""The value at which a step begins (None: no lower bound), its colour and its word."""

MORE = 0.001
"""Added to a limit, because a value at the limit does not exceed it, and Grafana's steps include
their lower bound.
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A limit on a graph: its name in the legend, its value as a query, and its colour. It is
    dashed, or dotted.
    """

    name: str
    expression: str
    colour: str
    dotted: bool = False


STATES: Steps = ((None, GREEN, "normal"), (1, ORANGE, "elevated"), (2, VERMILION, "overloaded"))
STATES_SOURCE = "The levels, hold and cool-down of the overload states are set in policy.overload."

RELIEF: Steps = ((None, VERMILION, "no: ask outside"), (1, GREEN, "yes, one"))

LOAD_AN_HOUR: Steps = (
    (None, GREEN, "recommended"),
    (6, SKY, "manageable"),
    (12 + MORE, ORANGE, "over-demanding"),
    (60 + MORE, VERMILION, "unacceptable"),
)
LOAD_SOURCE = (
    "EEMUA-191 bands for one operating position (here: one clinician on duty): under 6 alarms an "
    "hour is recommended, up to 12 manageable, up to 60 over-demanding, more is unacceptable."
)
RATE_10M: Steps = (
    (None, GREEN, "acceptable"),
    (1 + MORE, SKY, "manageable"),
    (2 + MORE, ORANGE, "too many"),
    (10 + MORE, VERMILION, "flood"),
)
RATE_SOURCE = (
    "ISA-18.2-2016, for one operating position (here: one clinician on duty): about 1 alarm in "
    "10 min is very likely acceptable, and about 2 is the maximum manageable. A flood begins "
    "above 10 and ends below 5."
)
RATE_LINES = (
    Line("maximum manageable: 2 (ISA-18.2)", "vector(2)", ORANGE),
    Line("flood begins above 10 (ISA-18.2)", "vector(10)", VERMILION),
)
PROTECTED_SOURCE = (
    "Protected time is the share of duty in stretches of 5 min or more without a new alarm. "
    "Its limits are set in policy.overload. No limit is published; the defaults are our own."
)
BEDS_SOURCE = (
    "The limit is set in policy.overload, for all units or for one. By default it is 8: with more "
    "beds per nurse by day, harm becomes likelier on any ward (NICE SG1, 2014). Most units need a "
    "lower one."
)
POLICY_SOURCE = (
    "Dashed: the limits of policy.overload beyond which a state is entered. Dotted: those at which "
    "it is left, after the cool-down. Where the policy has no limit, there is no line."
)


def policy_lines(measure: str, where: str) -> tuple[Line, ...]:
    """The limits in force for a measure of one unit."""
    return tuple(
        Line(
            f"{state}: {edge}",
            promql.policy_limit(measure, state, edge, where),
            colour,
            dotted=edge == "leave",
        )
        for _, colour, state in STATES[1:]
        for edge in ("enter", "leave")
    )


PRIORITIES = {"high": VERMILION, "medium": ORANGE, "low": SKY}
CLASSES = {
    "actionable": GREEN,
    "non_actionable": VERMILION,
    "technical": ORANGE,
    "pending": SKY,
    "unknown": GREY,
}
"""The colour of each class of alarms."""


def word(name: str) -> str:
    """A class as people read it.

    >>> word("non_actionable")
    'non-actionable'
    """
    return name.replace("_", "-")


SOME: Steps = ((None, GREEN, "none"), (1, VERMILION, "some"))
SOME_ELEVATED: Steps = ((None, GREEN, "none"), (1, ORANGE, "some"))
AGE: Steps = (
    (None, GREEN, "current"),
    (60 + MORE, ORANGE, "behind"),
    (600 + MORE, VERMILION, "old"),
)
AGE_SOURCE = (
    "Time since the latest accepted alarm event. It also grows while a hospital is quiet; the "
    "board Pipeline health shows the cause. Above 60 s the worker may be behind (see its /ready). "
    "Above 10 min, new events may be rejected as late (policy.allowed_lateness)."
)


def thresholds(steps: Steps) -> Builder[models.ThresholdsConfig]:
    found = [models.Threshold(value=value, color=colour) for value, colour, _ in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(found)


def words(steps: Steps) -> list[models.ValueMapping]:
    """Maps every value to the word of its step.

    Steps 0, 1, 2, ... map exactly these values.
    """
    states = [0 if value is None else value for value, *_ in steps] == list(range(len(steps)))
    results = [
        models.ValueMappingResult(text=word, color=colour, index=index)
        for index, (_, colour, word) in enumerate(steps)
    ]
    if states:
        return [
            models.ValueMap(options={str(index): result for index, result in enumerate(results)})
        ]
    begins = [value for value, *_ in steps]
    ends = [*begins[1:], None]
    ranges = [
        models.RangeMap(
            options=models.DashboardRangeMapOptions(from_val=begin, to=end, result=result)
        )
        for begin, end, result in zip(begins, ends, results, strict=True)
    ]
    return [*reversed(ranges)]  # Grafana takes the first that fits, and both ends belong to a range


def described(source: str, steps: Steps) -> str:
    """A panel's description: its meaning, and then the meaning of its colours."""
    if len(steps) < 2:
        return source
    levels = [f"{word} {_beginning(value)}" for value, _, word in steps[1:]]
    return f"{source} Colours: {steps[0][2]}, {', '.join(levels)}."


def _beginning(value: float | None) -> str:
    """Where a step begins, in words.

    >>> _beginning(12 + MORE), _beginning(0.05)
    ('above 12', 'from 0.05')
    """
    assert value is not None, "only the first step begins with the least"
    below = round(value - MORE, 6)
    return f"above {below:g}" if below == int(below) else f"from {value:g}"
