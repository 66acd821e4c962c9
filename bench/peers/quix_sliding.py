"""Quix Streams as its documentation shows it: a sliding window of 10 min that counts a unit's alarm
events.

    python bench/peers/quix_sliding.py BROKER GROUP SECONDS

State is kept by message key, so the stream is grouped by unit first, through a topic of Quix
itself. Records count when they have passed the window; the clock starts with the first of them.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import timedelta
from typing import Any

from quixstreams import Application


def main(broker: str, group: str, limit: float) -> None:
    app = Application(
        broker_address=broker,
        consumer_group=group,
        auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(prefix="bench-quix-"),
        loglevel="ERROR",
    )
    seen, began = 0, 0.0

    def passed(_value: Any) -> None:
        nonlocal seen, began
        began = began or time.perf_counter()
        seen += 1
        seconds = time.perf_counter() - began
        if seconds >= limit:
            print(json.dumps({"records": seen, "seconds": seconds}), flush=True)
            time.sleep(60)  # the parent process kills this one when it has read the line

    alarms = app.dataframe(app.topic("alarms", value_deserializer="json"))
    by_unit = alarms.group_by(lambda alarm: f"{alarm['facility']}/{alarm['unit']}", name="unit")
    by_unit.update(passed).sliding_window(
        duration_ms=timedelta(minutes=10), grace_ms=timedelta(minutes=10)
    ).count().current()
    app.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
