"""A month of a 77-bed hospital in one process: reading, folding and answering by the library, by
`replay`, and pandas and polars doing nothing but the counts by class.

The peers read the same files and apply the rules of docs/semantics.md to alarms whose events stand
as the simulator writes them: no duplicates, no ids used again, no late charting. Their counts must
equal ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from analyzer import TOPICS, Topic
from analyzer.model import HOUR, Policy
from bench import machine
from bench.full import render, store, stored
from bench.hospital import CACHE, Load, day
from bench.report import say
from bench.worker import BenchError
from streams.simulator import Ward
from streams.simulator.calibration import AUDIBLE_PER_BED_DAY

ALARMS, BEDS, DAYS = 2_558_760, 77, 31  # Drew 2014
WARD = Ward(alarms_per_bed_day=4.7 * AUDIBLE_PER_BED_DAY)
"""As many alarms as in Drew 2014, who counted the inaudible ones, too."""
MEASURES = ("library", "burden", "replay", "polars", "pandas")
BURDEN_EVERY = "1h"
POLICY = Policy()


def files(days: int) -> dict[Topic, Path]:
    """The month as JSON lines, by topic; written once."""
    folder = CACHE / f"month-{days}"
    paths = {topic: folder / f"{topic}.jsonl" for topic in TOPICS}
    if not folder.exists():
        say(f"writing {days} days into {folder}")
        partial = folder.with_suffix(".part")
        partial.mkdir(parents=True, exist_ok=True)
        load = Load(records=len(day(WARD)) * days, facilities=1, ward=WARD)
        opened = {topic: (partial / f"{topic}.jsonl").open("wb") for topic in TOPICS}
        for row in load.rows():
            opened[row.topic].write(row.head + b"H0001" + row.tail + b"\n")
        for file in opened.values():
            file.close()
        partial.replace(folder)
    return paths


def run(days: int, results: Path, only: Sequence[str] | None = None) -> None:
    """Measure each (or `only` these) in a process of its own on one core, store the figures in
    results.json, and render the results. Raises `BenchError`.
    """
    if unknown := set(only or ()) - set(MEASURES):
        raise BenchError(f"--only: expected {', '.join(MEASURES)}; got {', '.join(unknown)}")
    paths = files(days)
    found = dict(stored(results).get("month", {}))
    if found.get("days") != days:
        found = {"days": days, "beds": BEDS, "facts": sum(map(_lines, paths.values()))}
    for name in MEASURES:
        if only and name not in only:
            continue
        say(name)
        environment = os.environ | {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "bench.month", name, str(paths["alarms"].parent)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env=environment,
        )
        found |= json.loads(done.stdout.splitlines()[-1])
        found |= machine.stamp()
        store(results, "month", found)
    render(results)
    steps = {name: one for name, one in found.items() if isinstance(one, dict)}
    counts = {name: one["classes"] for name, one in steps.items() if "classes" in one}
    if len({json.dumps(one) for one in counts.values()}) > 1:
        raise BenchError(f"the counts by class differ: {counts}")


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(some.count(b"\n") for some in iter(lambda: file.read(1 << 24), b""))


def _ours(paths: dict[Topic, Path]) -> dict[str, Any]:
    import alarm_fatigue as af

    found: dict[str, Any] = {}
    history = _timed(found, "read", lambda: af.read(**paths))
    episodes = _timed(found, "episodes", history.episodes)
    found["episodes"] |= {
        "alarms": len(episodes),
        "classes": _counts(episodes),
    }
    _timed(found, "findings", history.findings)
    return found


def _burden(paths: dict[Topic, Path]) -> dict[str, Any]:
    import alarm_fatigue as af

    found: dict[str, Any] = {}
    history = af.read(**paths)
    rows = _timed(found, "burden of units", lambda: history.burden(every=BURDEN_EVERY))
    found["burden of units"]["moments"] = rows["at"].n_unique()
    return found


def _replay(paths: dict[Topic, Path]) -> dict[str, Any]:
    from typer.testing import CliRunner

    from streams.cli.main import app

    arguments = [part for topic, path in paths.items() for part in (f"--{topic}", str(path))]
    found: dict[str, Any] = {}
    _timed(
        found,
        "replay",
        lambda: CliRunner().invoke(
            app, ["replay", *arguments, "--pseudonyms", "off"], catch_exceptions=False
        ),
    )
    return found


def _timed(found: dict[str, Any], name: str, do: Callable[[], Any]) -> Any:
    began, spent = time.perf_counter(), time.process_time()
    result = do()
    found[name] = {
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(time.process_time() - spent, 1),
        "peak_rss_mb": _peak(),
    }
    say(f"  {name}: {found[name]}")
    return result


def _peak() -> int:
    """MB; `getrusage` would count the process that started this one, too."""
    status = Path("/proc/self/status").read_text()
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def _counts(frame: Any) -> dict[str, int]:
    alarms = frame.filter((frame["kind"] != "advisory") & (frame["priority"] != "info"))
    return dict(sorted(alarms["class"].cast(str).value_counts().rows()))


def _polars(paths: dict[Topic, Path]) -> dict[str, Any]:
    import polars as pl

    found: dict[str, Any] = {}

    def count() -> dict[str, int]:
        events = pl.scan_ndjson(paths["alarms"])
        responses = pl.read_ndjson(paths["responses"])
        labels = pl.read_ndjson(paths["labels"])
        start = pl.col("at").filter(pl.col("phase") != "end").min()
        rank = pl.col("priority").replace_strict(
            {"info": 0, "low": 1, "medium": 2, "high": 3}, return_dtype=pl.Int8
        )
        alarms = (
            events.select("alarm_id", "phase", "at", "unit", "bed", "kind", "priority")
            .group_by("alarm_id")
            .agg(
                start=start,
                end=pl.col("at").filter(pl.col("phase") == "end").min(),
                unit=pl.col("unit").first(),
                bed=pl.col("bed").first(),
                kind=pl.col("kind").first(),
                rank=rank.max(),
            )
            .collect()
        )
        watermark = events.select(pl.col("at").max()).collect().item()
        final = alarms.filter(
            (pl.col("end") <= watermark - POLICY.action_window)
            & (pl.col("kind") != "advisory")
            & (pl.col("rank") > 0)
        ).with_columns(closing=pl.col("end") + POLICY.action_window)
        responses = responses.filter(pl.col("at") <= watermark).sort("at")
        by_id = responses.filter(pl.col("alarm_id").is_not_null()).join(
            final.select("alarm_id", "start", "closing"), on="alarm_id"
        )
        intervening = pl.col("action").is_in(["intervene", "consult"])
        named = by_id.group_by("alarm_id").agg(
            acted=(intervening & pl.col("at").is_between("start", "closing")).any()
        )
        final = final.join(named, on="alarm_id", how="left").sort("start")
        if "bed" in responses.columns:
            at_bed = responses.filter(pl.col("alarm_id").is_null() & pl.col("bed").is_not_null())
            for name, some in (
                ("touched", at_bed),
                ("acted_at_bed", at_bed.filter(intervening)),
            ):
                final = final.join_asof(
                    some.select(pl.col("at").alias(name), "bed"),
                    left_on="start", right_on=name, by="bed", strategy="forward",
                    check_sortedness=False,
                )  # fmt: skip
        else:
            final = final.with_columns(
                touched=pl.lit(None, pl.Int64), acted_at_bed=pl.lit(None, pl.Int64)
            )
        cover = responses.filter(pl.col("action").is_in(list(POLICY.cover_by)))
        final = final.sort("closing").join_asof(
            cover.select(pl.col("at").alias("covered"), "unit"),
            left_on="closing", right_on="covered", by="unit", strategy="backward",
            check_sortedness=False,
        )  # fmt: skip
        verdicts = (
            labels.filter(pl.col("at") <= watermark)
            .sort("at", "event_id")
            .group_by("alarm_id", maintain_order=True)
            .agg(pl.col("verdict").last())
        )
        final = final.join(verdicts, on="alarm_id", how="left")
        classes = final.select(
            pl.when(pl.col("verdict").is_not_null())
            .then(pl.col("verdict"))
            .when(pl.col("kind") == "technical")
            .then(pl.lit("technical"))
            .when(pl.col("acted") | (pl.col("acted_at_bed") <= pl.col("closing")).fill_null(False))
            .then(pl.lit("actionable"))
            .when(
                pl.col("acted").is_null()
                & ~(pl.col("touched") <= pl.col("closing")).fill_null(False)
                & (pl.col("end") - pl.col("start") < POLICY.fleeting)
            )
            .then(pl.lit("non_actionable"))
            .when(pl.col("covered") >= pl.col("closing") - 12 * HOUR)
            .then(pl.lit("non_actionable"))
            .otherwise(pl.lit("unknown"))
            .alias("class")
        )
        return dict(sorted(classes["class"].value_counts().rows()))

    classes = _timed(found, "polars", count)
    found["polars"]["classes"] = classes
    return found


def _pandas(paths: dict[Topic, Path]) -> dict[str, Any]:
    import numpy as np
    import pandas as pd

    found: dict[str, Any] = {}

    def read(topic: Topic, columns: list[str]) -> Any:
        parts = [
            one.reindex(columns=columns)
            for one in pd.read_json(paths[topic], lines=True, chunksize=500_000, dtype=False)
        ]
        return pd.concat(parts, ignore_index=True)

    def count() -> dict[str, int]:
        columns = ["alarm_id", "phase", "at", "unit", "bed", "kind", "priority"]
        events = read("alarms", columns)
        watermark = int(events["at"].max())
        events["rank"] = events["priority"].map({"info": 0, "low": 1, "medium": 2, "high": 3})
        ending = events["phase"] == "end"
        alarms = events.groupby("alarm_id").agg(
            unit=("unit", "first"), bed=("bed", "first"), kind=("kind", "first"),
            rank=("rank", "max"),
        )  # fmt: skip
        alarms["start"] = events[~ending].groupby("alarm_id")["at"].min()
        alarms["end"] = events[ending].groupby("alarm_id")["at"].min()
        final = alarms[
            (alarms["end"] <= watermark - POLICY.action_window)
            & (alarms["kind"] != "advisory")
            & (alarms["rank"] > 0)
        ].reset_index()
        final["start"], final["end"] = (final[one].astype("int64") for one in ("start", "end"))
        final["closing"] = final["end"] + POLICY.action_window
        responses = read("responses", ["alarm_id", "bed", "unit", "at", "action"])
        responses = responses[responses["at"] <= watermark].sort_values("at")
        acting = responses["action"].isin(["intervene", "consult"])
        by_id = responses[responses["alarm_id"].notna()].merge(
            final[["alarm_id", "start", "closing"]], on="alarm_id"
        )
        within = (by_id["at"] >= by_id["start"]) & (by_id["at"] <= by_id["closing"])
        by_id["acted"] = by_id["action"].isin(["intervene", "consult"]) & within
        named = by_id.groupby("alarm_id")["acted"].any()
        final["acted"] = final["alarm_id"].map(named)
        final = final.sort_values("start")
        at_bed = responses[responses["alarm_id"].isna() & responses["bed"].notna()]
        for name, some in (("touched", at_bed), ("acted_at_bed", at_bed[acting[at_bed.index]])):
            if len(some):
                some = some[["at", "bed"]].rename(columns={"at": name})
                final = pd.merge_asof(
                    final, some, left_on="start", right_on=name, by="bed", direction="forward"
                )
            else:
                final[name] = np.nan
        cover = responses[responses["action"].isin(POLICY.cover_by)][["at", "unit"]]
        final = pd.merge_asof(
            final.sort_values("closing"), cover.rename(columns={"at": "covered"}),
            left_on="closing", right_on="covered", by="unit",
        )  # fmt: skip
        labels = read("labels", ["event_id", "alarm_id", "verdict", "at"])
        labels = labels[labels["at"] <= watermark].sort_values(["at", "event_id"])
        verdict = final["alarm_id"].map(labels.groupby("alarm_id")["verdict"].last())
        no_response = final["acted"].isna() & ~(final["touched"] <= final["closing"])
        fleeting = no_response & (final["end"] - final["start"] < POLICY.fleeting)
        classes = np.select(
            [
                verdict.notna(),
                final["kind"] == "technical",
                (final["acted"] == True) | (final["acted_at_bed"] <= final["closing"]),  # noqa: E712
                fleeting | (final["covered"] >= final["closing"] - 12 * HOUR),
            ],
            [verdict, "technical", "actionable", "non_actionable"],
            "unknown",
        )
        return dict(sorted(pd.Series(classes).value_counts().items()))

    classes = _timed(found, "pandas", count)
    found["pandas"]["classes"] = {one: int(of) for one, of in classes.items()}
    return found


def main(name: str, folder: str) -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    paths = {topic: Path(folder) / f"{topic}.jsonl" for topic in TOPICS}
    measures = {
        "library": _ours,
        "burden": _burden,
        "replay": _replay,
        "polars": _polars,
        "pandas": _pandas,
    }
    measure = measures[name]
    sys.stdout.write(json.dumps(measure(paths)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
