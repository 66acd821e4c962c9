"""Before and after: the effect of a real change, from the days before and after it.

Days are 24 h long and counted from the time of the change. The sample is days, not alarms: alarms
come in clusters, so the variation from day to day shows how certain a rate is. Unchanged units show
what would have happened anyway (difference in differences). A rate that rose by chance falls by
itself (regression to the mean), so the days before are compared with those before them, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np

from analyzer.arrays import Flags, Numbers
from analyzer.model.policy import HOUR, FindingsPolicy
from analyzer.pipeline.classes import ACTIONABLE
from analyzer.stats.bounds import beta_share
from analyzer.times import NEVER
from analyzer.whatif.episode_table import Recorded

DAY = 24 * HOUR
SLOW = FindingsPolicy().slow_answer
"""The default: records do not contain the policy that they were made with."""
LEAST_DAYS = 3
"""The least days on each side: fewer do not show how a rate varies (our own)."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of rates with its confidence interval; None where it cannot be computed."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def differs(self) -> bool:
        """Whether the interval excludes 1, which is no change."""
        return (self.low is not None and self.low > 1) or (self.high is not None and self.high < 1)


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
    """Actionable alarms with a first response after more than `SLOW`, or none."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Alarms by day, and what follows from them. Pairs are (before, after)."""

    days: tuple[int, int]
    changed: tuple[Numbers, Numbers]
    control: tuple[Numbers, Numbers]
    effect: Ratio
    """The rate of the changed alarms after the change, relative to before."""
    control_effect: Ratio
    beyond_control: Ratio
    """`effect` relative to `control_effect`."""
    earlier: Ratio
    """The rate before the change relative to that of the days before, as far as recorded. Above 1,
    some of a fall may be regression to the mean.
    """
    balance: tuple[Balance, Balance]


class TooShort(ValueError):
    """Too few whole days were recorded before or after the change."""


def compare(
    recorded: Recorded, changed: Flags, control: Flags, at: int, most_days: int, confidence: float
) -> Comparison:
    """Compare up to `most_days` before and after `at` (ms).

    `changed` are the alarms that the change concerns; `control` show what would have happened
    anyway. `confidence` is a share. Raises `TooShort`.
    """
    begin, last = recorded.span
    days = min((at - begin) // DAY, most_days), min((last - at) // DAY, most_days)
    if min(days) < LEAST_DAYS:
        found = " and ".join(str(max(one, 0)) for one in days)
        raise TooShort(
            f"expected at least {LEAST_DAYS} whole days recorded before the change and after it, "
            f"found {found}"
        )
    ours, theirs = (_daily(recorded.start[which], at, days) for which in (changed, control))
    effect, others = _log_ratio(*ours), _log_ratio(*theirs)
    earlier = (at - days[0] * DAY - begin) // DAY
    past = None
    if earlier >= LEAST_DAYS:
        past = _log_ratio(
            _daily(recorded.start[changed], at - days[0] * DAY, (earlier, 0))[0], ours[0]
        )
    beyond = None
    if effect is not None and others is not None:
        beyond = effect[0] - others[0], sqrt(effect[1] ** 2 + others[1] ** 2), effect[2] + others[2]
    inside = recorded.of(
        np.flatnonzero(
            changed & (recorded.start >= at - days[0] * DAY) & (recorded.start < at + days[1] * DAY)
        )
    )
    before = inside.start < at
    return Comparison(
        days=days,
        changed=ours,
        control=theirs,
        effect=_ratio(effect, confidence),
        control_effect=_ratio(others, confidence),
        beyond_control=_ratio(beyond, confidence),
        earlier=_ratio(past, confidence),
        balance=(_balance(inside, before), _balance(inside, ~before)),
    )


def _daily(start: Numbers, at: int, days: tuple[int, int]) -> tuple[Numbers, Numbers]:
    """The number of alarms of each day before and after."""
    day = (start - at) // DAY + days[0]
    counts = np.bincount(day[(day >= 0) & (day < sum(days))], minlength=sum(days))
    return counts[: days[0]], counts[days[0] :]


def _log_ratio(before: Numbers, after: Numbers) -> tuple[float, float, int] | None:
    """The log of the ratio of two daily rates, its standard error and its degrees of freedom.

    None if there were no alarms before. The variance is that of the days, but at least that of a
    Poisson process. No alarms count as half an alarm.
    """
    if not before.sum():
        return None
    rates, errors = [], []
    for counts in (before, after):
        total = max(float(counts.sum()), 0.5)
        mean = total / len(counts)
        varies = max(float(counts.var(ddof=1)), mean)
        rates.append(mean)
        errors.append(varies / (len(counts) * mean * mean))
    return log(rates[1] / rates[0]), sqrt(sum(errors)), len(before) + len(after) - 2


def _ratio(found: tuple[float, float, int] | None, confidence: float) -> Ratio:
    if found is None:
        return Ratio(None, None, None)
    middle, error, freedom = found
    reach = student(freedom, (1 + confidence) / 2) * error
    return Ratio(exp(middle), exp(middle - reach), exp(middle + reach))


def student(freedom: int, share: float) -> float:
    """The quantile of Student's t distribution; `share` must be above one half.

    >>> [round(student(freedom, 0.975), 3) for freedom in (4, 26, 1000)]
    [2.776, 2.056, 1.962]
    """
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        below = 1 - beta_share(freedom / (freedom + middle * middle), freedom / 2, 0.5) / 2
        low, high = (middle, high) if below < share else (low, middle)
    return high


def _balance(alarms: Recorded, which: Flags) -> Balance:
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
        slow=len(rows) - int((delays <= SLOW).sum()),
    )
