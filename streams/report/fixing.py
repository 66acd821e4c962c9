"""What to fix next: the findings of `analyzer.findings` about a span of the archive."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from analyzer import CLASSES, Evidence, Policy, UnitFindings
from analyzer.times import NEVER, OPEN
from streams.report.measuring import UnitDays
from streams.report.reading import Alarms, numbered
from streams.report.span import Grid

Flags = npt.NDArray[np.bool_]

_DAY = 86_400_000


def evidence(alarms: Alarms, facility: str, grid: Grid, policy: Policy, shown: Flags) -> Evidence:
    """The alarms of a span as findings need them; `alarms` were read with their readings.

    An actionable alarm without a response counts as unanswered only where its unit has recorded
    responses on that day, and any alarm only if it is `shown`: the others are about too few
    clinicians.
    """
    assert alarms.value is not None
    assert alarms.limit is not None
    now = grid.end
    start, end = alarms.start - now, np.where(alarms.end >= OPEN, OPEN, alarms.end - now)
    day = alarms.start // _DAY
    answered = alarms.answered < NEVER
    days = day - int(day.min())
    keys = alarms.unit.astype(np.int64) * (int(days.max()) + 1) + days
    with_responses = np.bincount(keys[answered], minlength=int(keys.max()) + 1) > 0
    covered = with_responses[keys] & ~answered
    hidden = ~shown
    technical = alarms.klass == CLASSES.index("technical")
    beds = alarms.unit.astype(np.int64) * max(len(alarms.beds), 1) + alarms.bed
    bed = numbered(beds)[1]
    return Evidence(
        policy=policy,
        window=grid.end - grid.begin + 1,
        now=np.array([now], np.int64),
        facilities=[facility],
        units=[(0, one) for one in alarms.units],
        types=alarms.types,
        statics=[],
        start=start,
        end=end,
        rank=alarms.rank,
        klass=alarms.klass,
        static=np.zeros(len(start), np.int32),
        unit=alarms.unit,
        type=alarms.type,
        bed=bed,
        technical=technical,
        value=alarms.value,
        limit=alarms.limit,
        answered=np.where(hidden, start, np.where(answered, alarms.answered - now, NEVER)),
        covered=covered & ~hidden,
        signal=alarms.signal,
        twins=np.zeros(len(start), np.int32),
    )


def to_fix(
    alarms: Alarms,
    facility: str,
    grid: Grid,
    policy: Policy,
    units: Mapping[str, UnitDays],
    top: int,
) -> list[UnitFindings]:
    """By unit, the `top` types by non-actionable and technical alarms."""
    alarms = alarms.upto(grid.end)
    cut, shown = (np.zeros(len(alarms), np.bool_) for _ in range(2))
    inside = alarms.start >= grid.begin
    hour = grid.hour_of(alarms.start)
    day = np.maximum(grid.day_of(alarms.start), 0)
    for number, name in enumerate(alarms.units):
        mine = alarms.unit == number
        if name not in units:
            cut |= mine
            continue
        mine &= inside
        cut[mine] = units[name].cut[day[mine]]
        mine &= hour >= 0
        shown[mine] = units[name].shown[hour[mine]]
    if cut.any():
        alarms, shown = alarms.only(~cut), shown[~cut]
    if not len(alarms):
        return []
    return evidence(alarms, facility, grid, policy, shown).findings(top)
