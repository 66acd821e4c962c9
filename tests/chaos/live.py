"""Scenarios by the wall clock: normal hospitals on every partition whose alarms must be counted in time, whatever happens.

`tests.chaos.scenarios` compares every number with the naive reference. Here most of what is sent is no fact, and what counts is
that nobody else's alarms wait, that the worker stays up, and that its memory stays small.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kafka.partitioner.default import murmur2

from streams.broker import ApacheKafka
from streams.settings import load
from streams.topics import Topics
from tests.chaos.rig import Failed, Recovery
from tests.poison import Place, Poison, alarm, as_bytes, batch, produce
from tests.workers import WorkerProcess, eventually, new_topics

COUNTED_SECONDS = 10.0
"""After this long, an alarm of a normal hospital must be counted."""
MEGABYTES = 500
"""A worker's greatest resident memory."""
PATIENCE = 120.0
PARTITIONS = 4
_SERIES = re.compile(r"^alarm_fatigue_unit_alarms\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's own partitioner puts a key."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def facility_on(partition: int, prefix: str, partitions: int = PARTITIONS) -> str:
    """The first name with the prefix whose key leads there."""
    return next(name for number in range(10_000) if partition_of((name := f"{prefix}{number}").encode(), partitions) == partition)


class Live:
    """A worker by the wall clock over fresh topics, and two normal hospitals on each partition."""

    def __init__(self, broker: ApacheKafka, folder: Path, say: Callable[[str], object] = lambda _: None, **settings: Any) -> None:
        self.broker = broker
        self.say = say
        self.slowest = 0.0
        """Seconds that the slowest round took until it was counted."""
        self.recoveries: list[Recovery] = []
        self.kills = 0
        self.sent: dict[str, int] = {}
        self._partitions = PARTITIONS
        new_topics(broker, PARTITIONS)
        self.worker = WorkerProcess(broker, folder, clock="wall", session_timeout="3s", **settings)
        self._hospitals = [(facility_on(number % PARTITIONS, f"N{number}"), number % PARTITIONS) for number in range(2 * PARTITIONS)]
        self._dice = random.Random(1)

    def __enter__(self) -> Self:
        self.worker.__enter__()
        self.until(lambda: self.worker.ready, "the worker is ready")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.worker.__exit__(kind, error, trace)

    def until(self, holds: Callable[[], Any], what: str, seconds: float = PATIENCE) -> float:
        """How long it took."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > seconds:
                raise Failed(f"not within {seconds:.0f} s: {what}; {self.last_words()}")
            self.check_running()
            time.sleep(0.1)
        return time.monotonic() - began

    def check_running(self) -> None:
        if not self.worker.running:
            raise Failed(f"the worker ended: {self.last_words()}")

    def last_words(self) -> str:
        lines = [line for line in self.worker.log.read_text(errors="replace").splitlines() if line.strip()]
        complaints = [line for line in lines if '"level": "error"' in line or '"level": "critical"' in line]
        return "last words: " + (complaints or lines or ["none"])[-1][:400]

    # -- normal hospitals

    def send_normal(self) -> None:
        """One alarm of each normal hospital, now."""
        for name, partition in self._hospitals:
            number = self.sent.get(name, 0)
            value = as_bytes(alarm(name, f"{number}", bed=str(number % 5)))
            produce(self.broker, "alarms", partition, [batch([(name.encode(), value)], stamp=int(time.time() * 1000))])
            self.sent[name] = number + 1

    def counted(self) -> bool:
        """Whether each normal hospital shows all its alarms."""
        status, text = self.worker.get("/metrics")
        shown = {
            labels["facility"]: int(float(value))
            for labels, value in ((dict(_LABEL.findall(of)), value) for of, value in _SERIES.findall(text))
            if labels["facility"] in self.sent and (labels["window"], labels["priority"]) == ("2h", "high")
        }
        return status == 200 and shown == self.sent

    def round(self, after: str, seconds: float = COUNTED_SECONDS) -> None:
        """Normal alarms, counted in time; the worker up, and its memory small."""
        self.send_normal()
        took = self.until(self.counted, f"normal alarms are counted after {after}", seconds)
        self.slowest = max(self.slowest, took)
        peak = self.peak_megabytes()
        self.say(f"  {after}: counted after {took:.1f} s, peak memory {peak:.0f} MB")
        if peak > MEGABYTES:
            raise Failed(f"{peak:.0f} MB of memory after {after}, expected at most {MEGABYTES}")

    def peak_megabytes(self) -> float:
        """The worker's greatest resident memory so far."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.worker.pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0

    def restart(self, how: str) -> None:
        """SIGKILL or SIGTERM, a new process, and a round in time once it is ready; what was counted stays so."""
        began = time.monotonic()
        if how == "SIGKILL":
            self.worker.kill()
            self.kills += 1
        elif (status := self.worker.stop()) != 0:
            raise Failed(f"ended with status {status} at SIGTERM: {self.last_words()}")
        again = time.monotonic()
        self.worker.start()
        self.until(lambda: self.worker.ready, f"the worker is ready after {how}")
        self.until(self.counted, f"what was counted is so after {how}", COUNTED_SECONDS)
        self.recoveries.append(Recovery(time.monotonic() - began, time.monotonic() - again))
        self.round(how)

    def place(self, number: int) -> Place:
        """For poison number so and so: a facility of its own, on partitions in turn."""
        partition = number % PARTITIONS
        return Place(self.broker, facility_on(partition, f"P{number}-"), partition)


# --- scenarios ---------------------------------------------------------------------------------------------------------


def take_poisons(live: Live, poisons: Sequence[Poison]) -> None:
    """Each poison between rounds of normal alarms; then all of them once more after restarts that read everything again."""
    live.round("the start")
    for number, poison in enumerate(poisons):
        began = time.monotonic()
        poison(live.place(number))
        live.say(f"  {poison.__name__}: sent in {time.monotonic() - began:.1f} s")
        live.round(poison.__name__)
    for how in ("SIGKILL", "SIGTERM"):
        live.restart(how)


def partitions_added(live: Live) -> None:
    """The inputs grow while the worker runs. It reads the new partitions, or says in one line that nobody does."""
    live.round("the start")
    with Topics(load(broker=live.broker.address, partitions=PARTITIONS)) as topics:
        topics._admin.create_partitions(dict.fromkeys(("alarms", "assignments", "responses", "labels"), PARTITIONS + 2))

    def told() -> bool:
        if not live.worker.running:
            return "partitions" in live.last_words()
        status, text = live.worker.get("/ready")
        return status == 503 and "partition" in text

    eventually(told, "added partitions are noticed", 60)


def broker_suspended(live: Live) -> None:
    """SIGSTOP of the broker: the worker says that it is not current, ends in time when told to, and catches up."""
    live.round("the start")
    live.broker.pause()
    try:
        live.until(lambda: live.worker.get("/ready")[0] == 503, "/ready says that the broker does not answer", 30)
        if "ok" not in live.worker.get("/healthz")[1]:
            raise Failed("/healthz does not answer while the broker hangs")
        began = time.monotonic()
        live.worker.stop()
        if (took := time.monotonic() - began) > 12:
            raise Failed(f"ended {took:.0f} s after SIGTERM while the broker hung")
    finally:
        live.broker.resume()
    live.worker.start()
    live.until(lambda: live.worker.ready, "the worker is ready")
    live.round("a suspended broker")
    live.broker.pause()
    time.sleep(20)
    live.broker.resume()
    live.until(lambda: live.worker.ready, "the worker is ready again", 60)
    live.round("a suspended broker that came back")
