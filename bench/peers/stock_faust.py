"""Faust as its documentation shows it, over the topic `alarms`: typed records, an agent, a table.

    python bench/peers/stock_faust.py BROKER GROUP SECONDS nothing|plain|hopping

`nothing`: the agent reads each event. `plain`: a count per unit in a table. `hopping`: the same in
windows of 10 min that begin each minute, by the records' timestamps. It runs for SECONDS from its
first event, prints the result, and waits to be killed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import timedelta

import faust

PARTITIONS = 4


class Alarm(faust.Record, serializer="json"):
    event_id: str
    alarm_id: str
    phase: str
    at: int
    facility: str
    unit: str
    bed: str
    device_id: str
    device_type: str
    code: str
    kind: str
    priority: str
    source: str = ""
    label: str | None = None
    value: float | None = None
    limit: float | None = None


def create_app(broker: str, group: str, limit: float, mode: str) -> faust.App:
    app = faust.App(
        group,
        broker=f"kafka://{broker}",
        datadir=tempfile.mkdtemp(prefix="bench-faust-"),
        store="memory://",
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
    )
    alarms = app.topic("alarms", value_type=Alarm)
    counts = None
    if mode != "nothing":
        counts = app.Table("counts", default=int, partitions=PARTITIONS)
        if mode == "hopping":
            counts = counts.hopping(
                timedelta(minutes=10), timedelta(minutes=1), expires=timedelta(minutes=10)
            )

    @app.agent(alarms)
    async def count(stream: faust.Stream[Alarm]) -> None:
        seen, began = 0, 0.0
        async for alarm in stream:
            began = began or time.perf_counter()
            if counts is not None:
                counts[f"{alarm.facility}/{alarm.unit}"] += 1
            seen += 1
            seconds = time.perf_counter() - began
            if seconds >= limit:
                print(json.dumps({"records": seen, "seconds": seconds}), flush=True)
                limit_reached()

    return app


def limit_reached() -> None:
    """The measurement is over: the parent process kills this one when it has read the line."""
    time.sleep(60)


if __name__ == "__main__":
    worker = faust.Worker(
        create_app(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]),
        loglevel="error",
        quiet=True,
        redirect_stdouts=False,
    )
    worker.spinner = None  # it draws on standard output, terminal or not
    worker.execute_from_commandline()
