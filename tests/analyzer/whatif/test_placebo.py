"""How often as large a difference appears where nothing was changed."""

from __future__ import annotations

from math import log

import numpy as np

from analyzer.stats.serial import Stretches
from analyzer.whatif.placebo import Placebos, placebos

DAYS = tuple(range(-21, 7))
COMPARED = Stretches(tuple(range(-7, 7)), 7)


def test_it_counts_other_units_and_earlier_dates_as_a_plain_recomputation_does() -> None:
    rng = np.random.default_rng(2)
    ours, *others = rng.poisson(20, (4, len(DAYS))).astype(np.float64)
    place = {day: number for number, day in enumerate(DAYS)}

    def beyond(one: int, back: int) -> float:
        series = [ours, *others]
        rest = sum(series[number] for number in (1, 2, 3) if number != one)
        found = 0.0
        for sign, of in ((1, series[one]), (-1, rest)):
            halves = [
                sum(of[place[day - back]] for day in some) for some in (range(-7, 0), range(7))
            ]
            found += sign * log(halves[1] / halves[0])
        return abs(found)

    chance = [beyond(one, 0) for one in (1, 2, 3)]
    chance += [beyond(one, back) for back in (7, 14) for one in (0, 1, 2, 3)]
    expected = Placebos(sum(one >= beyond(0, 0) for one in chance), len(chance))
    assert placebos(ours, others, DAYS, COMPARED) == expected
    assert expected.of == 11


def test_small_units_are_no_placebo_and_missing_days_make_no_date() -> None:
    ours, tiny = np.full(len(DAYS), 30.0), np.full(len(DAYS), 2.0)
    assert placebos(ours, [tiny], DAYS, COMPARED).of == 2
    gap = [number for number, day in enumerate(DAYS) if day != -20]
    kept = tuple(DAYS[number] for number in gap)
    assert placebos(ours[gap], [tiny[gap]], kept, COMPARED).of == 1


def test_without_another_unit_or_an_earlier_date_there_is_none() -> None:
    days = COMPARED.days
    assert placebos(np.full(14, 9.0), [], days, COMPARED) == Placebos(0, 0)
