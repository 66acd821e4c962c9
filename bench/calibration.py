"""How often the intervals of `compare` cover the truth, on simulated months in which nothing was
changed.

Each kind of month has a unit of beds, compared at a random date with or without control units. The
true ratio is 1, so an interval of 95 % ought to contain 1 in 95 of 100 months.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analyzer.arrays import Floats, Numbers
from analyzer.whatif import Ratio, Recorded, compare

DAY = 86_400_000
AT = 20_000 * DAY
BEDS = 12
A_DAY = 8.0
"""Alarms of a bed and day."""
KINDS = ("alike", "busy days", "weekly", "AR 0.3", "AR 0.5", "AR 0.7", "patients", "all of it")


@dataclass(frozen=True, slots=True)
class Plan:
    """The recorded and compared spans, in days."""

    before: int
    after: int
    earlier: int = 0
    controls: int = 0

    def __str__(self) -> str:
        more = f", {self.earlier} before them" if self.earlier else ""
        beside = f", {self.controls} control units" if self.controls else ""
        return f"{self.before} v {self.after} days{more}{beside}"


PLANS = (
    Plan(7, 7),
    Plan(7, 7, earlier=21, controls=3),
    Plan(10, 14, earlier=14, controls=2),
    Plan(14, 14),
    Plan(14, 14, earlier=28, controls=3),
    Plan(28, 28),
    Plan(28, 28, controls=3),
)


def day_effects(kind: str, days: int, rng: np.random.Generator) -> Floats:
    """The relative rate of each day, common to the beds of a unit."""
    effects = np.ones(days)
    if kind == "busy days":
        effects = rng.gamma(1 / 0.09, 0.09, days)
    elif kind.startswith("AR") or kind == "all of it":
        alike = 0.4 if kind == "all of it" else float(kind[3:])
        spread = 0.15 if kind == "all of it" else 0.3
        noise = rng.normal(0, spread, days + 40)
        level = np.empty(days + 40)
        level[0] = noise[0]
        for day in range(1, days + 40):
            level[day] = alike * level[day - 1] + np.sqrt(1 - alike**2) * noise[day]
        effects = np.exp(level[40:])
    if kind in ("weekly", "all of it"):
        weekday = (np.arange(days) + rng.integers(7)) % 7
        effects = effects * np.where(weekday < 2, 0.6, 1.16)
    return effects


def beds(kind: str, days: int, rng: np.random.Generator) -> Floats:
    """The rate of each bed and day. Where there are patients, each stays for 3 to 7 days and has a
    rate of his own, so skewed that a tenth of them make more than half of the alarms (Lansdowne
    2016).
    """
    rates = np.full((BEDS, days), A_DAY)
    if kind not in ("patients", "all of it"):
        return rates
    for bed in rates:
        day = -int(rng.integers(7))
        while day < days:
            stay = int(rng.integers(3, 8))
            bed[max(day, 0) : max(day + stay, 0)] = A_DAY * np.exp(rng.normal(0, 1.5) - 0.7)
            day += stay
    return rates


def month(kind: str, plan: Plan, rng: np.random.Generator) -> Recorded:
    """Alarms of a changed unit, the first one, and of the control units."""
    days = plan.earlier + plan.before + plan.after
    counts = np.concatenate(
        [
            rng.poisson(beds(kind, days, rng) * day_effects(kind, days, rng))
            for _ in range(plan.controls + 1)
        ]
    )
    return recorded(counts, plan, rng)


def recorded(counts: Numbers, plan: Plan, rng: np.random.Generator) -> Recorded:
    """So many alarms by bed and day, at random moments; a unit for each `BEDS` of the beds."""
    alarms = int(counts.sum())
    bed, day = (np.repeat(one.ravel(), counts.ravel()) for one in np.indices(counts.shape))
    begin = AT - (plan.earlier + plan.before) * DAY
    start = begin + day * DAY + rng.integers(0, DAY, alarms)
    end = start + 10_000
    if alarms:  # the recording is whole days
        start[0], end[-1] = begin, AT + plan.after * DAY
    units = -(-len(counts) // BEDS)
    none = np.zeros(alarms, dtype=np.int32)
    return Recorded(
        facilities=["H"],
        units=[(0, f"unit {number}") for number in range(units)],
        types=[("monitor", "SpO2", "LO")],
        beds=[(number // BEDS, str(number)) for number in range(len(counts))],
        clinicians=[],
        teams=[()],
        facility=none,
        unit=(bed // BEDS).astype(np.int32),
        type=none,
        bed=bed.astype(np.int32),
        signal=none,
        team=none,
        technical=none == 1,
        rank=np.ones(alarms, dtype=np.int8),
        klass=np.zeros(alarms, dtype=np.int8),
        start=start,
        end=end,
        value=np.full(alarms, np.nan),
        limit=np.full(alarms, np.nan),
        answered=np.full(alarms, 1 << 62),
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many intervals covered the truth, among the placebo changes."""

    kind: str
    plan: Plan
    measure: str
    covered: int
    of: int
    width: float
    """The median ratio of the interval's upper to its lower bound."""


def coverage(
    kind: str, plan: Plan, months: int, seed: int, confidence: float = 0.95
) -> Iterator[Coverage]:
    """The coverage for the change alone, and beyond control units if the plan has some."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[Ratio]] = {"change": []}
    if plan.controls:
        found["beyond control"] = []
    for _ in range(months):
        alarms = month(kind, plan, rng)
        ours = alarms.unit == 0
        result = compare(alarms, ours, ~ours, AT, max(plan.before, plan.after), confidence)
        found["change"].append(result.effect)
        if plan.controls:
            found["beyond control"].append(result.beyond_control)
    for measure, ratios in found.items():
        known = [(one.low, one.high) for one in ratios if one.low is not None and one.high]
        yield Coverage(
            kind,
            plan,
            measure,
            sum(low <= 1 <= high for low, high in known),
            len(known),
            float(np.median([high / low for low, high in known])),
        )


def table(months: int, seed: int, confidence: float) -> Iterator[str]:
    """Lines to print."""
    yield f"intervals of {100 * confidence:g} % that cover the truth, in {months} placebo changes"
    for plan in PLANS:
        yield ""
        yield str(plan)
        for kind in KINDS:
            for one in coverage(kind, plan, months, seed, confidence):
                yield (
                    f"  {one.kind:10} {one.measure:15} {100 * one.covered / max(one.of, 1):5.1f} %"
                    f"  of {one.of}; upper/lower {one.width:.2f}"
                )
