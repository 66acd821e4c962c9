"""Alarms for live workers, and a worker with a fault built in."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, Self

from analyzer.model.policy import HOUR
from streams.dev.broker import Broker
from streams.kafka.state_version import STATE_VERSION
from streams.simulator import Ward
from tests.harness.devices import LOW_ALARM
from tests.harness.workers import Delivery, Message, WorkerProcess, events, eventually, union


def wait_until_taken_in(workers: list[WorkerProcess], count: int) -> None:
    """Wait until these workers have processed `count` records, including those before a restart."""
    eventually(
        lambda: sum(events(union(workers)).values()) >= count, f"{count} records are taken in"
    )


AT = 1_772_348_400_000

BASE: dict[str, Any] = {
    "event_id": "e",
    "alarm_id": "a",
    "phase": "start",
    "at": AT,
    "facility": "H01",
    **LOW_ALARM,
}


def alarm(number: int, **changes: Any) -> bytes:
    return json.dumps(
        BASE | {"event_id": f"e{number}", "alarm_id": f"a{number}"} | changes
    ).encode()


def unit_alarms(
    facility: str, unit: str, priority: str = "high", window: str = "12h"
) -> tuple[str, frozenset[tuple[str, str]]]:
    return "alarm_fatigue_unit_alarms", frozenset(
        {"facility": facility, "unit": unit, "priority": priority, "window": window}.items()
    )


def hours(first: int, count: int) -> list[Message]:
    """One alarm a minute."""
    return [
        Message("alarms", b"H01", alarm(number, at=AT + number * 60_000), AT + number * 60_000)
        for number in range(first, first + count)
    ]


def told(worker: WorkerProcess, begin: str) -> list[dict[str, Any]]:
    return [line for line in worker.words if line["event"].startswith(begin)]


SABOTAGED = """
{first}
import asyncio, sys
from functools import cache
from pathlib import Path
from streams.kafka import transport
from streams.worker import run as worker
from streams.settings import load
{sabotage}
try:
    worker.run(load(Path(sys.argv[1])))
except worker.WorkerError as error:
    sys.exit(f"error: {{error}}")
"""


class SabotagedWorker(WorkerProcess):
    """A worker whose Faust stops silently."""

    first, sabotage = "", ""
    """Lines of Python before the service is imported, and after it."""

    def start(self) -> Self:
        with self.log.open("ab") as log:
            command = [
                sys.executable,
                "-c",
                SABOTAGED.format(first=self.first, sabotage=self.sabotage),
                str(self._config),
            ]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def wait(self, seconds: float) -> int:
        """The exit status."""
        assert self._process is not None
        return self._process.wait(seconds)


def no_errors(*workers: WorkerProcess) -> bool:
    """No errors in the logs, except those of the Kafka client about a missing coordinator."""
    said = [word for one in workers for word in one.words if word["level"] in ("error", "critical")]
    return [word for word in said if not word["logger"].startswith("aiokafka")] == []


@cache
def small_ward(seed: int) -> Delivery:
    return Delivery.of(
        Ward(
            seed=seed,
            duration=6 * HOUR,
            facilities=4,
            units=1,
            beds=3,
            alarms_per_bed_day=200,
            storms=4.0,
            duplicates=0.03,
            late=0.03,
            late_beyond=0.02,
            late_charting=0.4,
            adjudicated=0.5,
        )
    )


class Versioned(SabotagedWorker):
    """A worker of a program with this version of the stored state."""

    def __init__(
        self,
        broker: Broker,
        folder: Path,
        name: str,
        version: int = STATE_VERSION,
        **settings: Any,
    ) -> None:
        super().__init__(broker, folder, name, **settings)
        self.first = (
            f"from streams.kafka import state_version; state_version.STATE_VERSION = {version}"
        )
