"""Placebo: how often as large a difference appears where nothing was changed.

The same comparison is made for units without the change, and for earlier dates, and the results are
counted (Abadie, Diamond & Hainmueller, JASA 2010, on placebos in space and in time). It is shown
beside the interval, which doesn't depend on it: few units give few placebos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analyzer.arrays import Floats
from analyzer.stats.serial import WEEK, Stretches
from analyzer.whatif.rates import Rates

ALIKE = 1 / 3
"""The least rate of a unit before the change, relative to that of the changed one, to be compared
with it: small units vary more (our own).
"""


@dataclass(frozen=True, slots=True)
class Placebos:
    """How many of the comparisons `of` what was not changed found a difference `as_large`."""

    as_large: int
    of: int


def placebos(
    ours: Floats,
    others: Sequence[Floats],
    days: tuple[int, ...],
    stretches: Stretches,
) -> Placebos:
    """Placebo comparisons of the changed alarms by day, and of the alarms of each other unit.

    `days` are the days of the series, counted from the change, those before it being negative;
    `stretches` is what was compared. With at least two other units, each series is compared with
    the sum of the others; the changed one is part of no sum. Earlier dates lie whole weeks back,
    so that the days of the week stay in place, and the days after them end before the change.
    """
    place = {day: number for number, day in enumerate(days)}
    series = [ours, *others]

    def found(one: int, back: int) -> float | None:
        moved = [place[day - back] for day in stretches.days if day - back in place]
        if len(moved) < len(stretches.days):
            return None
        rest = [number for number in range(1, len(series)) if number != one]
        result = 0.0
        for sign, rows in ((1, [one]), (-1, rest)):
            if rows:
                sums = np.sum([series[number][moved] for number in rows], axis=0)
                result += sign * Rates(stretches, sums[None]).log_ratio
        return result

    actual = found(0, 0)
    before = [place[day] for day in stretches.days[: stretches.before]]
    least = ALIKE * float(ours[before].mean())
    alike = [
        number for number in range(1, len(series)) if float(series[number][before].mean()) >= least
    ]
    results = [found(number, 0) for number in alike]
    back = -(-(stretches.days[-1] + 1) // WEEK) * WEEK
    while stretches.days[0] - back >= days[0]:
        results += [found(number, back) for number in [0, *alike]]
        back += WEEK
    known = [abs(one) for one in results if one is not None]
    if actual is None:
        return Placebos(0, 0)
    return Placebos(sum(one >= abs(actual) - 1e-12 for one in known), len(known))
