"""Measure: the cost of computing the numbers of a scrape, on random data, by module."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np

from analyzer import OPEN, Policy, Snapshot
from analyzer.model import Assignment
from analyzer.pipeline import ResponseTimes
from analyzer.windows import Posts
from analyzer.windows import snapshot as measuring

NOW = 1_772_350_200_000
TYPES = 60
BEDS = 2
HOUR = 3_600_000
MODULES: dict[str, tuple[str, ...]] = {
    "posts": (),
    "windows": ("counts", "covered_length"),
    "duty": ("stretches", "protected", "hours_on_duty"),
    "flood": ("flood_ratio",),
    "overlap": ("overlapping",),
    "bands": ("load_band", "exposure_band"),
    "chatter": ("chattering",),
    "frequent": ("most_frequent",),
    "spread": ("gini",),
}
"""The modules of `analyzer.windows` that take part, and their functions that are called."""
BURSTS = 0.3
"""Share of the alarms in bursts of about fifteen within 5 min, as in floods."""


def snapshot(clinicians: int, units: int, alarms: int, facilities: int = 25) -> Snapshot:
    """Random data: each clinician has two beds in this shift and the one before the last, and about
    `alarms` alarms in the policy's lookback (13 h 10 min).
    """
    random, policy = np.random.default_rng(1), Policy()
    count = clinicians * alarms
    start, who = -random.integers(0, policy.lookback, count), random.integers(0, clinicians, count)
    in_burst = np.flatnonzero(random.random(count) < BURSTS)
    first = random.integers(0, count // 50, len(in_burst))
    who[in_burst], start[in_burst] = (
        who[first],
        np.minimum(start[first] + random.integers(0, 300_000, len(in_burst)), 0),
    )
    order = np.argsort(start)
    start, who = start[order], who[order]
    long = random.random(count) < 0.001
    end = np.where(
        long, OPEN, np.minimum(start + random.exponential(40_000, count).astype(np.int64), 0)
    )
    type_ = random.integers(0, TYPES, count)
    waits = np.minimum(end, start + random.exponential(120_000, count).astype(np.int64))
    roster = [
        (
            number % facilities,
            Assignment(
                event_id=f"{number}-{bed}-{begin}",
                assignment_id=f"{number}-{bed}-{begin}",
                facility=f"H{number % facilities:03d}",
                unit=f"unit-{number % units:05d}",
                bed=f"bed-{number}-{bed}",
                clinician=f"nurse-{number:07d}",
                start=NOW - begin * HOUR,
                end=NOW - (begin - 12) * HOUR,
                at=NOW - 48 * HOUR,
            ),
        )
        for number in range(clinicians)
        for bed in range(BEDS)
        for begin in (30, 6)
    ]
    return Snapshot(
        policy=policy,
        now=np.full(facilities, NOW),
        facilities=[f"H{number:03d}" for number in range(facilities)],
        clinicians=[(number % facilities, f"nurse-{number:07d}") for number in range(clinicians)],
        units=[(number % facilities, f"unit-{number:05d}") for number in range(units)],
        types=[("monitor", f"MDC_SOURCE_{number}", "MDC_EVT_HI") for number in range(TYPES)],
        teams=[(), *((n,) for n in range(clinicians))],
        roster=roster,
        response_times=ResponseTimes(),
        clinician_states={},
        unit_states={},
        unit_reasons={},
        reliefs={},
        unit_since={},
        unit_present={},
        start=start,
        end=end,
        rank=random.integers(1, 4, count).astype(np.int8),
        klass=random.integers(0, 5, count).astype(np.int8),
        unit=(who % units).astype(np.int32),
        bed=(who * BEDS + random.integers(0, BEDS, count)).astype(np.int32),
        type=type_.astype(np.int32),
        team=(who + 1).astype(np.int32),
        signal=(who * TYPES + type_).astype(np.int32),
        twins=np.zeros(count, dtype=np.int32),
        waits=waits,
    )


def show_measuring(clinicians: int, units: int, alarms: int) -> None:
    """Print the seconds of processor time (best of five), and those of each module."""
    found = snapshot(clinicians, units, alarms)
    best = float("inf")
    for _ in range(5):
        begin = time.process_time()
        found.measure()
        best = min(best, time.process_time() - begin)
    print(
        f"{len(found.start):,} alarms and {len(found.roster):,} assignments measured in "
        f"{best:.2f} s of processor time, of which"
    )
    spent = dict.fromkeys(MODULES, 0.0)

    def timed(module: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            begin = time.process_time()
            try:
                return function(*arguments)
            finally:
                spent[module] += time.process_time() - begin

        return call

    names = [(module, name) for module, names in MODULES.items() for name in names]
    with ExitStack() as stack:
        for module, name in names:
            stack.enter_context(
                patch.object(measuring, name, timed(module, getattr(measuring, name)))
            )
        stack.enter_context(
            patch.object(measuring, "Posts", SimpleNamespace(of=timed("posts", Posts.of)))
        )
        found.measure()
    print("  " + ", ".join(f"{name} {seconds:.3f}" for name, seconds in spent.items()))
