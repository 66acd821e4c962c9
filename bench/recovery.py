"""Recovery: how long a worker that holds many alarms takes after a SIGKILL and a restart."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench import kafka, machine
from bench.hospital import Load
from bench.worker import STARTING, BenchError, Worker, burdens, wait_until_idle
from streams.settings import Settings

FACILITIES = 60  # a day of them has about a million alarms, all within the horizon
_ASSIGNMENTS = 435  # of one facility and day
_TAIL = 50  # 1/50 of the input arrives after the checkpoint, just before the kill
_SENT = 2.0  # seconds from a commit until its episodes are sent and freed memory is given back


@dataclass(frozen=True, slots=True)
class Recovery:
    """Alarms `held`, seconds from the start of the new process to `/ready` and to the numbers
    before the kill, and bytes of memory per alarm.
    """

    held: int
    ready_seconds: float
    correct_seconds: float
    bytes_per_alarm: float


def load_of(alarms: int) -> Load:
    """Starts and ends of about this many alarms, and the assignments."""
    return Load(
        records=alarms * 2 + FACILITIES * _ASSIGNMENTS,
        facilities=FACILITIES,
        phases=("start", "end"),
    )


def measure(broker: kafka.BenchKafka, folder: Path, alarms: int, limit: float) -> Recovery:
    """Count and store `alarms`, count a few more, SIGKILL, restart. Each phase may take `limit`
    seconds.

    Raises `BenchError`.
    """
    group = f"bench-recovery-{alarms}"
    broker.new_topics(group)
    load = load_of(alarms)
    rows = list(load.rows())
    early = len(rows) - max(len(rows) // _TAIL, 1)
    with Worker(broker.settings, group, folder, name=f"{group}-1", instance="bench").start(
        machine.MEASURED
    ) as first:
        first.wait_for("partitions held", STARTING)
        empty = first.rss_mb
        ends = kafka.produce(broker.settings, load, islice(rows, early))
        wait_until_idle([first], time.time() + limit)
        _wait_until_stored(broker.settings, group, ends, limit)
        time.sleep(_SENT)
        full = first.rss_mb
        kafka.produce(broker.settings, load, islice(rows, early, None))
        wait_until_idle([first], time.time() + limit)
        before = _numbers(first, limit)
        first.kill()
    with Worker(broker.settings, group, folder, name=f"{group}-2", instance="bench").start(
        machine.MEASURED
    ) as second:
        deadline = time.time() + limit
        while second.get("/ready")[0] != 200:
            _give_up(second, deadline, "is not ready")
        ready = time.time() - second.started
        while _numbers(second, limit) != before:
            _give_up(second, deadline, "does not show the numbers from before the kill")
        correct = time.time() - second.started
        held = int((second.logged("partitions held") or {}).get("episodes", 0))
    return Recovery(held, ready, correct, (full - empty) * 1e6 / held if held else 0.0)


def _numbers(worker: Worker, limit: float) -> dict[str, str]:
    return burdens(worker.get("/metrics", timeout=limit)[1])


def _give_up(worker: Worker, deadline: float, what: str) -> None:
    if worker.process.poll() is not None:
        raise BenchError(f"the restarted worker ended: {worker.last_log_line}")
    if time.time() > deadline:
        raise BenchError(f"the restarted worker {what}: {worker.last_log_line}")
    time.sleep(0.05)


def _wait_until_stored(
    at: Settings, group: str, ends: dict[kafka.TopicAndPartition, int], limit: float
) -> None:
    deadline = time.time() + limit
    while kafka.committed(at, group, ends) < sum(ends.values()):
        if time.time() > deadline:
            raise BenchError(f"not everything was counted and stored within {limit:.0f} s")
        time.sleep(0.5)
