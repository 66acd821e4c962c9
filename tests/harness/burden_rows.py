"""Rows of `History.burden` beside an exposition: what each column must hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from analyzer import Engine, Policy
from streams.files.replay import Exposition
from streams.metrics.definitions import DEFINITIONS, PREFIX
from streams.metrics.library import as_metrics
from tests.harness.files import Files
from tests.harness.whole_files import take_in

Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]
Row = dict[str, Any]
KEYS = ("facility", "unit", "clinician")
APART = {"alarms", "type_alarms", "at", *KEYS}


def replayed(files: Files, now: int, policy: Policy | None = None) -> Samples:
    """The output of `replay --at`, which reads all facts again."""
    policy = policy or Policy()
    engine = Engine(policy)
    take_in(engine, files.paths.items())
    engine.advance(now)
    return samples_of(Exposition(engine, policy, str))


def samples_of(exposition: Exposition) -> Samples:
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for metric in as_metrics(exposition.tables())
        for one in metric.samples
    }


def expected(samples: Samples, by: str, window: str) -> dict[tuple[str, ...], Row]:
    """By (facility, unit(, clinician)), the figures that a row must hold."""
    prefix = f"alarm_fatigue_{by}_"
    keys = KEYS if by == "clinician" else KEYS[:2]
    rows: dict[tuple[str, ...], Row] = {}
    for (name, labels), value in samples.items():
        if not name.startswith(prefix):
            continue
        given, order = dict(labels), DEFINITIONS[name.removeprefix(PREFIX)].labels
        of = {label: given[label] for label in order}
        if of.pop("window", window) != window:
            continue
        row = rows.setdefault(tuple(of.pop(key) for key in keys), {"alarms": 0, "types": {}})
        name = name.removeprefix(prefix)
        if name.startswith("type_"):
            type_ = of.pop("device_type"), of.pop("source"), of.pop("code")
            part = "_".join([name.removeprefix("type_"), *of.values()])
            row["types"].setdefault(type_, {})[part] = value
            continue
        row["_".join([name, *of.values()])] = value
        if name == "alarms":
            row["alarms"] += value
    return rows


def assert_same(frame: pl.DataFrame, now: int, wanted: Mapping[tuple[str, ...], Row]) -> None:
    """The rows of the moment are exactly these: nothing absent, nothing more."""
    keys = [name for name in KEYS if name in frame.columns]
    moment = pl.from_epoch(pl.lit(now), "ms").dt.replace_time_zone("UTC")
    rows = frame.filter(pl.col("at") == moment).to_dicts()
    assert sorted(tuple(row[key] for key in keys) for row in rows) == sorted(wanted)
    for row in rows:
        want = wanted[tuple(row[key] for key in keys)]
        figures = {
            name: value
            for name, value in row.items()
            if value is not None and (name == "alarms" or name not in APART)
        }
        assert figures == {name: value for name, value in want.items() if name != "types"}
        if "type_alarms" in row:
            found = {
                (one.pop("device_type"), one.pop("source"), one.pop("code")): {
                    name: value for name, value in one.items() if value is not None
                }
                for one in map(dict, row["type_alarms"])
            }
            assert found == want["types"]


def moments(frame: pl.DataFrame) -> list[int]:
    return frame["at"].dt.epoch("ms").unique().sort().to_list()
