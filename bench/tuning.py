"""Tuning: a month of a 77-bed hospital under 500 settings, on one core, compared with one polars
query per setting.
"""

from __future__ import annotations

import os
import resource
import time
from typing import Any

import numpy as np

from analyzer.model import HOUR, SECOND
from analyzer.pipeline import ACTIONABLE, CLASSES, NON_ACTIONABLE, TECHNICAL, UNKNOWN
from analyzer.times import NEVER
from analyzer.whatif import Grid, Recorded, Searched, Setting, search
from bench.report import say
from streams.simulator import calibration as cal
from streams.simulator.calibration import ALARM_TYPES

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # polars reads it when it is imported

ALARMS, BEDS, DAYS = 2_558_760, 77, 31  # Drew 2014
START = 1_772_344_800_000
GRIDS = {
    "delay x hold-off, all alarms": Grid(
        delays=(None, *range(SECOND, 25 * SECOND, SECOND)),
        holdoffs=(None, *range(5 * SECOND, 100 * SECOND, 5 * SECOND)),
    ),
    "delay, all alarms": Grid(delays=(None, *range(100, 50_000, 100))),
    "limit x delay, one type": Grid(
        limits=(None, *(90 - 0.4 * step for step in range(1, 20))),
        delays=(None, *range(SECOND, 25 * SECOND, SECOND)),
    ),
}
SAMPLE = 20
"""Number of settings, spread evenly over a grid, that polars also computes; all would take minutes.
"""


def month(alarms: int = ALARMS) -> Recorded:
    """Alarms with the simulator's types, durations and depths, spread evenly over month and
    beds.
    """
    rng = np.random.default_rng(7)
    kinds = [one for one in ALARM_TYPES if one.priority != "info"]
    weights = np.array([one.weight for one in kinds])
    type_ = rng.choice(len(kinds), alarms, p=weights / weights.sum()).astype(np.int32)
    technical = np.array([one.kind == "technical" for one in kinds])[type_]
    bed = rng.integers(0, BEDS, alarms).astype(np.int32)
    start = np.sort(rng.integers(0, DAYS * 24 * HOUR, alarms)) + START
    needed, unknown = rng.random(alarms) < cal.EFFECTIVE, rng.random(alarms) < 0.05
    normal = rng.standard_normal(alarms)
    lasts = np.where(
        needed,
        cal.ACTIONABLE_DURATION * np.exp(normal),
        cal.DELAY_HALF * np.exp(cal.IDLE_SIGMA * normal),
    )
    klass = np.select(
        [unknown, technical, needed], [UNKNOWN, TECHNICAL, ACTIONABLE], NON_ACTIONABLE
    ).astype(np.int8)
    limit = np.array([np.nan if one.limit is None else one.limit for one in kinds])[type_]
    depth = np.array([one.depth for one in kinds])[type_]
    return Recorded(
        ["H01"],
        [(0, f"U{number}") for number in range(8)],
        [(one.device, one.source, one.code) for one in kinds],
        [(bed // 10, str(bed)) for bed in range(BEDS)],
        [(0, f"nurse-{number}") for number in range(40)],
        [(), *((number,) for number in range(40))],
        np.zeros(alarms, dtype=np.int32),
        bed // 10,
        type_,
        bed,
        bed * np.int32(len(kinds)) + type_,
        bed // 2 + np.int32(1),
        technical,
        np.full(alarms, 2, dtype=np.int8),
        klass,
        start,
        start + np.clip(lasts, cal.SHORTEST, cal.LONGEST).astype(np.int64),
        limit + depth * rng.exponential(size=alarms),
        limit,
        np.full(alarms, NEVER),
    )


def run(alarms: int = ALARMS) -> dict[str, Any]:
    """Measure and compare; returns the content of the last line."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    recorded = month(alarms)
    say(f"{len(recorded)} alarms of {BEDS} beds in {DAYS} days, on core {core}")
    low_spo2 = recorded.of(np.flatnonzero(recorded.type == 0))
    found: dict[str, Any] = {"alarms": len(recorded), "grids": {}}
    answers = {}
    for name, grid in GRIDS.items():
        some = recorded if grid.limits == (None,) else low_spo2
        began, spent = time.perf_counter(), time.process_time()
        answers[name] = search(some, grid)
        seconds, processor = time.perf_counter() - began, time.process_time() - spent
        figures = {
            "alarms": len(some),
            "settings": len(grid),
            "seconds": round(seconds, 2),
            "cpu_seconds": round(processor, 3),
        }
        found["grids"][name] = figures
        say(
            f"{name}: {len(grid)} settings x {len(some)} alarms in {seconds:.2f} s "
            f"({processor:.2f} s of processor time)"
        )
    found["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    say(f"{found['peak_rss_mb']} MB at most, before polars was loaded")
    for name, grid in GRIDS.items():
        some = recorded if grid.limits == (None,) else low_spo2
        figures, (prepared, each) = (
            found["grids"][name],
            _polars(some, answers[name], some is low_spo2),
        )
        whole = prepared + each * len(grid)
        figures |= {
            "polars_cpu_seconds": round(whole, 1),
            "times_polars": round(whole / figures["cpu_seconds"], 1),
        }
        say(
            f"{name}: polars, on {SAMPLE} of the settings with equal counts, {1000 * each:.1f} ms "
            f"of processor time each: {whole:.1f} s for all, {figures['times_polars']:.0f} times "
            "as much"
        )
    return found


def _polars(alarms: Recorded, ours: Searched, with_limit: bool) -> tuple[float, float]:
    """Processor time (s) of preparing the frame, and of the average query.

    Asserts that polars counts the same as `ours`.
    """
    import polars as pl

    began = time.process_time()
    names = ("signal", "start", "end", "klass", "value", "technical")
    frame = pl.DataFrame({name: getattr(alarms, name) for name in names}).with_columns(
        lasts=pl.col("end") - pl.col("start")
    )
    frame = frame.sort("signal", "start", "klass")
    prepared = time.process_time() - began
    indices = np.linspace(0, len(ours.settings) - 1, SAMPLE).astype(int).tolist()
    spent = 0.0
    for index in indices:
        setting = ours.settings[index]
        began = time.process_time()
        counts = dict(_query(pl, frame, setting, with_limit).rows())
        spent += time.process_time() - began
        kept = [counts.get(number, 0) for number in range(len(CLASSES))]
        assert kept == (ours.before - ours.removed[index]).tolist(), setting
    return prepared, spent / len(indices)


def _query(pl: Any, frame: Any, setting: Setting, with_limit: bool) -> Any:
    query = frame.lazy()
    if with_limit and setting.limit is not None:
        query = query.filter(pl.col("technical") | (pl.col("value") < setting.limit))
    if setting.delay is not None:
        query = query.filter(pl.col("lasts") > setting.delay)
    if setting.holdoff is not None:
        quiet = pl.col("start") - pl.col("end").cum_max().shift(1).over("signal")
        query = query.with_columns(quiet=quiet).filter(
            pl.col("quiet").is_null() | (pl.col("quiet") > setting.holdoff)
        )
    return query.group_by("klass").len().collect()
