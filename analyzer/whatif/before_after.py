"""Before and after: the effect of a real change, from the days before and after it.

Days are 24 h long and counted from the time of the change. Unchanged units show what would have
happened anyway (difference in differences). A rate that rose by chance falls by itself (regression
to the mean), so the days before are compared with those before them, too. How certain a ratio is
follows from `analyzer.whatif.rates`; whether there is one at all, from `analyzer.whatif.validity`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from analyzer.arrays import Flags, Numbers
from analyzer.model.policy import FindingsPolicy
from analyzer.pipeline.classes import ACTIONABLE
from analyzer.stats.run_rules import RunChart, run_chart
from analyzer.stats.serial import WEEK, Stretches
from analyzer.times import NEVER
from analyzer.whatif.episode_table import Recorded
from analyzer.whatif.placebo import Placebos, placebos
from analyzer.whatif.rates import (
    DAY,
    LEAST_BEDS,
    LEAST_DAYS,
    UNKNOWN,
    Evidence,
    Rates,
    Ratio,
    rates,
    ratio,
)
from analyzer.whatif.reasons import Excluded, Reason
from analyzer.whatif.validity import look_at_feeds

SLOW = FindingsPolicy().slow_answer
PAST = 12 * WEEK
"""How many days before the compared ones show the usual level and the correlation of days, at most
(our own).
"""
MOST_MISSING = 1 / 3
"""The share of days missing on one side above which there is no verdict (our own)."""

Direction = Literal["fewer", "more", "no_clear_change"]


@dataclass(frozen=True, slots=True)
class Balance:
    """Balancing measures: what must not get worse. Times are in ms; None: no responses."""

    actionable: int
    answered: int
    """Actionable alarms with a response."""
    median: int | None
    ninth_decile: int | None
    """From the start of an actionable alarm to the first response."""
    slow: int
    """Actionable alarms with a slow first response, or none."""


DayKind = Literal["compared", "beside", "missing", "part"]


class Day(NamedTuple):
    """A day, counted from the change, and its changed alarms.

    `missing`: a feed was silent. `part`: the recording begins or ends in it. `beside`: a whole day
    that was not compared.
    """

    day: int
    alarms: int
    kind: DayKind


@dataclass(frozen=True, slots=True)
class Comparison:
    """Alarms by day, and what follows from them. Pairs are (before, after)."""

    days: tuple[int, int]
    """How many days were compared."""
    missing: list[int]
    """Days in the compared time that were not, as a feed was silent; counted from the change, those
    before it being negative.
    """
    changed: tuple[Numbers, Numbers]
    control: tuple[Numbers, Numbers]
    a_day: tuple[tuple[float, float], tuple[float, float]]
    """Changed alarms a day before and after, and alarms of the controls; each day of the week
    counts alike.
    """
    controls: list[int]
    """Numbers of the control units."""
    excluded: list[Excluded]
    """Units that would be controls, but whose feeds were not there."""
    effect: Ratio
    """The rate of the changed alarms after the change, relative to before."""
    control_effect: Ratio
    beyond_control: Ratio
    """`effect` relative to `control_effect`."""
    earlier: Ratio
    """The rate before the change relative to that of the days before, as far as recorded. Above 1,
    some of a fall may be regression to the mean.
    """
    placebos: Placebos
    balance: tuple[Balance, Balance]
    few_beds: bool
    """Whether too few beds had changed alarms to show how patients differ."""
    reasons: list[Reason]
    """Why there is no verdict. Then the ratios are unknown."""
    series: list[Day]
    """The recorded days, up to `PAST` before and after the compared days."""
    chart: RunChart
    """The run chart of the whole days in `series`; its positions count only whole days."""

    @property
    def direction(self) -> Direction | None:
        """The verdict of the interval: beyond control units, if there are any. None: no verdict."""
        best = self.beyond_control if self.beyond_control.value is not None else self.effect
        if best.low is None or best.high is None:
            return None
        if best.high < 1:
            return "fewer"
        return "more" if best.low > 1 else "no_clear_change"


class TooShort(ValueError):
    """Too few whole days were recorded before or after the change."""


def compare(
    recorded: Recorded,
    changed: Flags,
    control: Flags,
    at: int,
    most_days: int,
    confidence: float,
    slow: int = SLOW,
) -> Comparison:
    """Compare up to `most_days` before and after `at` (ms).

    `changed` are the alarms that the change concerns; `control` show what would have happened
    anyway. `confidence` is a share. A response after more than `slow` ms is slow. Raises
    `TooShort`.
    """
    begin, last = recorded.span
    days = min((at - begin) // DAY, most_days), min((last - at) // DAY, most_days)
    if min(days) < LEAST_DAYS:
        found = " and ".join(str(max(one, 0)) for one in days)
        raise TooShort(
            f"expected at least {LEAST_DAYS} whole days recorded before the change and after it, "
            f"found {found}"
        )
    window = at - days[0] * DAY, at + days[1] * DAY
    valid = look_at_feeds(recorded, changed, control, at, window)
    reasons = valid.reasons
    if not reasons:
        days = min((at - valid.since) // DAY, days[0]), days[1]
    kept = [day for day in range(-days[0], days[1]) if day not in valid.missing]
    missing = sorted(valid.missing.intersection(range(-days[0], days[1])))
    halves = sum(day < 0 for day in kept), sum(day >= 0 for day in kept)
    if not reasons and any(
        now < LEAST_DAYS or now < (1 - MOST_MISSING) * full
        for now, full in zip(halves, days, strict=True)
    ):
        values = {"missing": len(missing), "days": sum(days)}
        reasons = [Reason("days_missing", values)]
    past = range(-min((at - begin) // DAY, days[0] + PAST), days[1])
    if reasons:
        kept, halves = list(range(-days[0], days[1])), days
    whole = [day for day in past if day not in valid.missing]
    compared = Stretches(tuple(kept), halves[0])
    ours = rates(recorded, changed, at, compared)
    theirs = rates(recorded, valid.control, at, compared)
    units = np.unique(recorded.unit[valid.control]).tolist()
    result = _Found(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, Placebos(0, 0))
    if not reasons:
        result = _ratios(
            recorded, changed, valid.control, units, at, compared, whole, max(valid.since, begin),
            confidence,
        )  # fmt: skip
    here = changed & (recorded.start >= at - days[0] * DAY) & (recorded.start < at + days[1] * DAY)
    here &= np.isin((recorded.start - at) // DAY, kept)
    inside = recorded.of(np.flatnonzero(here))
    before = inside.start < at
    series = _series(recorded, changed, at, days, valid.missing)
    whole_days = [one for one in series if one.kind in ("compared", "beside")]
    # If nothing was recorded before, the days after have but their own level.
    usual = sum(one.day < 0 for one in whole_days) or len(whole_days)
    chart = run_chart(np.array([one.alarms for one in whole_days], dtype=np.float64), usual)
    return Comparison(
        days=halves,
        missing=missing,
        changed=_days(ours),
        control=_days(theirs),
        a_day=(ours.a_day, theirs.a_day),
        controls=units,
        excluded=valid.excluded,
        effect=result.effect,
        control_effect=result.control_effect,
        beyond_control=result.beyond_control,
        earlier=result.earlier,
        placebos=result.placebos,
        balance=(_balance(inside, before, slow), _balance(inside, ~before, slow)),
        few_beds=len(ours.counts) < LEAST_BEDS,
        reasons=reasons,
        series=series,
        chart=chart,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    effect: Ratio
    control_effect: Ratio
    beyond_control: Ratio
    earlier: Ratio
    placebos: Placebos


def _ratios(
    recorded: Recorded,
    changed: Flags,
    control: Flags,
    units: list[int],
    at: int,
    compared: Stretches,
    whole: list[int],
    since: int,
    confidence: float,
) -> _Found:
    whole = [day for day in whole if at + day * DAY >= since]
    all_days = Stretches(tuple(whole), sum(day < 0 for day in whole))
    ours, theirs = (rates(recorded, one, at, compared) for one in (changed, control))
    own = rates(recorded, changed, at, all_days)
    beside = [
        one
        for unit in units
        if min((one := rates(recorded, control & (recorded.unit == unit), at, all_days)).means) >= 1
    ]
    alone = Evidence.of(own, beside)
    effect = ratio(ours, None, alone, confidence)
    others = beyond = UNKNOWN
    if theirs.counts.any():
        others = ratio(theirs, None, alone, confidence)
        apart = Evidence.beyond(own, beside or [rates(recorded, control, at, all_days)])
        beyond = ratio(ours, theirs, apart, confidence)
    earlier = [day for day in whole if day < compared.days[0]]
    past = UNKNOWN
    if len(earlier) >= LEAST_DAYS:
        until = [day for day in compared.days if day < 0]
        stretches = Stretches((*earlier, *until), len(earlier))
        past = ratio(rates(recorded, changed, at, stretches), None, alone, confidence)
    chance = placebos(
        own.counts.sum(axis=0),
        [one.counts.sum(axis=0) for one in beside],
        all_days.days,
        compared,
    )
    return _Found(effect, others, beyond, past, chance)


def _series(
    recorded: Recorded, changed: Flags, at: int, days: tuple[int, int], missing: set[int]
) -> list[Day]:
    begin, last = ((one - at) // DAY for one in recorded.span)
    first, final = max(begin, -days[0] - PAST), min(last, days[1] - 1 + PAST)
    day = (recorded.start[changed] - at) // DAY
    counts = np.bincount(
        day[(day >= first) & (day <= final)] - first, minlength=final - first + 1
    ).tolist()
    found = []
    for one, alarms in enumerate(counts, first):
        whole = recorded.span[0] <= at + one * DAY and at + (one + 1) * DAY <= recorded.span[1]
        kind: DayKind = "compared" if -days[0] <= one < days[1] else "beside"
        if not whole:
            kind = "part"
        elif one in missing:
            kind = "missing"
        found.append(Day(one, alarms, kind))
    return found


def _days(found: Rates) -> tuple[Numbers, Numbers]:
    """The number of alarms of each day before and after."""
    first, second = (half.sum(axis=0).astype(np.int64) for half in found.halves)
    return first, second


def _balance(alarms: Recorded, which: Flags, slow: int) -> Balance:
    rows = np.flatnonzero(which & (alarms.klass == ACTIONABLE))
    waited = alarms.answered[rows] - alarms.start[rows]
    delays = np.sort(np.maximum(waited[alarms.answered[rows] != NEVER], 0))

    def at(share: float) -> int | None:
        return int(delays[max(int(np.ceil(share * len(delays))) - 1, 0)]) if len(delays) else None

    return Balance(
        actionable=len(rows),
        answered=len(delays),
        median=at(0.5),
        ninth_decile=at(0.9),
        slow=len(rows) - int((delays <= slow).sum()),
    )
