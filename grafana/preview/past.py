"""Backfill: nine days of the demo's hospital as Prometheus blocks, as if a worker had been scraped.

`python -m grafana.preview.past FOLDER` writes the blocks within two minutes; `prometheus
--storage.tsdb.path=FOLDER` serves them. The engine computes the numbers and the exporter writes the
lines; only the scrape times and the labels of the target are invented.
"""

from __future__ import annotations

import hmac
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from analyzer import Engine, Policy
from analyzer.model import HOUR, MINUTE
from streams import __version__
from streams.demo.hospital import hospital
from streams.files.replay import Exposition
from streams.formats.calendars import UTC_CALENDARS
from streams.formats.codec import decode_slice
from streams.formats.pseudonyms import DIGITS
from streams.metrics.definitions import DEFINITIONS, PREFIX
from streams.metrics.exposition import END, Format, render
from streams.metrics.tables import Table, simple_table
from streams.simulator import simulate
from streams.simulator.perturbations import Record
from streams.simulator.ward import DAY, Storm, Ward

STEP = 2 * MINUTE
"""The scrape interval of the last hours."""
SHOWN = 25 * HOUR
"""A shift, the one before it for comparison, and an hour more."""
PAST, SELDOM = 9 * DAY, 15 * MINUTE
"""Scrapes before these hours: as often as panels of whole days ask."""
SMALLEST_GROUP = 2
"""Fewest clinicians of an hour that *History* shows; the demo's units have three."""
LONG = "--max-block-duration=480h"
TARGET = 'instance="worker:9464",job="alarm-fatigue"'


def ward() -> tuple[Ward, int]:
    """Yesterday's hospital and its end (ms), with storms in two units."""
    now = int(time.time() * 1000)
    end = (now - DAY) // DAY * DAY + 15 * HOUR + 20 * MINUTE
    storms = (
        Storm(start=end - 20 * MINUTE, duration=20 * MINUTE, factor=4.0, unit="SICU"),
        Storm(start=end - 5 * HOUR, duration=15 * MINUTE, factor=5.0, unit="MICU"),
    )
    start = end - PAST - 13 * HOUR
    return replace(hospital(1, now)[0], start=start, duration=end - start, storms=storms), end


def exposed(records: Iterable[Record], end: int) -> Iterator[str]:
    """The samples of every scrape until `end` (ms), by time, with their timestamps."""
    policy, key = Policy(), secrets.token_bytes(32)
    engine = Engine(policy)
    exposition = Exposition(
        engine, policy, lambda one: hmac.new(key, one.encode(), "sha256").hexdigest()[:DIGITS]
    )
    for moment, some in groupby(records, key=lambda one: one.due // STEP * STEP + STEP):
        for topic, of_topic in groupby(some, key=lambda one: one.topic):
            batch = list(of_topic)
            decoded = decode_slice(topic, [json.dumps(one.value).encode() for one in batch])
            engine.take(topic, decoded.columns, [one.due for one in batch])
        engine.advance(moment)
        engine.evaluate()
        engine.emit_changes()
        often = moment > end - SHOWN
        if end - PAST <= moment <= end and (often or moment % SELDOM < STEP):
            yield from _stamped([*exposition.tables(), *_health(engine, policy, moment)], moment)


def _health(engine: Engine, policy: Policy, moment: int) -> Iterator[Table]:
    nights: dict[tuple[str, ...], float] = {
        (name,): float(UTC_CALENDARS.of(name).is_night(moment)) for name in engine.facilities
    }
    yield simple_table("night_shift", nights)
    yield simple_table("build_info", {(__version__, policy.fingerprint): 1})
    yield simple_table("smallest_group", {(): SMALLEST_GROUP})
    yield simple_table("checkpoint_timestamp_seconds", {("0",): moment / 1000 - 4})


def _stamped(tables: Iterable[Table], moment: int) -> Iterator[str]:
    for block in render(tables, Format.OPENMETRICS):
        for line in block.splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                series = f"{name[:-1]},{TARGET}}}" if name.endswith("}") else f"{name}{{{TARGET}}}"
                yield f"{series} {value} {moment / 1000:.3f}\n"
    yield f"up{{{TARGET}}} 1 {moment / 1000:.3f}\n"


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    hospital_, end = ward()
    path = folder / "scrapes.openmetrics"
    with path.open("w") as file:
        for name, definition in DEFINITIONS.items():
            file.write(f"# TYPE {PREFIX}{name} {definition.kind}\n")
        file.writelines(exposed(simulate(hospital_), end))
        file.write(END[Format.OPENMETRICS])
    subprocess.run(
        # one long block: promtool reads the whole file again for each
        ["promtool", "tsdb", "create-blocks-from", LONG, "openmetrics", path, folder],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    path.unlink()
    print(f"{end / 1000:.0f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
