"""Scenarios by the wall clock: normal hospitals on every partition whose alarms must be counted in
time, whatever happens.

`tests.chaos.scenarios` compares every number with the naive reference. Here most of what is sent is
no fact, and what counts is that nobody else's alarms wait, that the worker stays up, and that its
memory stays small.
"""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kafka.partitioner.default import murmur2

from streams.dev.broker import HOST, ApacheKafka, BrokerError
from streams.kafka.topics import Topics
from streams.settings import load
from tests.chaos.production import Failed
from tests.chaos.rig import Recovery
from tests.chaos.scenarios import Dose, Outcome
from tests.harness.poison import POISONS, many_units
from tests.harness.produce import Place, Poison, Refused, alarm, as_bytes, batch, produce
from tests.harness.workers import WorkerProcess, new_topics

COUNTED_SECONDS = 10.0
"""After this long, an alarm of a normal hospital must be counted."""
MEGABYTES = 500
"""A worker's greatest resident memory."""
PATIENCE = 120.0
PARTITIONS = 4
DISK_MEGABYTES = 200
_SERIES = re.compile(r"^alarm_fatigue_unit_alarms\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's own partitioner puts a key."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def facility_on(partition: int, prefix: str, partitions: int = PARTITIONS) -> str:
    """The first name with the prefix whose key leads there."""
    return next(
        name
        for number in range(10_000)
        if partition_of((name := f"{prefix}{number}").encode(), partitions) == partition
    )


class Live:
    """A worker by the wall clock over fresh topics, and two normal hospitals on each partition."""

    def __init__(
        self,
        broker: ApacheKafka,
        folder: Path,
        say: Callable[[str], object] = lambda _: None,
        **settings: Any,
    ) -> None:
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
        self._hospitals = [
            (facility_on(number % PARTITIONS, f"N{number}"), number % PARTITIONS)
            for number in range(2 * PARTITIONS)
        ]

    def __enter__(self) -> Self:
        self.worker.__enter__()
        self.until(lambda: self.worker.ready, "the worker is ready")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
        lines = [
            line
            for line in self.worker.log.read_text(errors="replace").splitlines()
            if line.strip()
        ]
        complaints = [
            line for line in lines if '"level": "error"' in line or '"level": "critical"' in line
        ]
        return "last words: " + (complaints or lines or ["none"])[-1][:400]

    def pass_time(self, seconds: float) -> None:
        """Let it go on for so long; the worker must stay."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.check_running()
            time.sleep(0.1)

    # -- normal hospitals

    def send_normal(self) -> None:
        """One alarm of each normal hospital, now."""
        for name, partition in self._hospitals:
            number = self.sent.get(name, 0)
            value = as_bytes(alarm(name, f"{number}", bed=str(number % 5)))
            produce(
                self.broker,
                "alarms",
                partition,
                [batch([(name.encode(), value)], stamp=int(time.time() * 1000))],
            )
            self.sent[name] = number + 1

    def counted(self) -> bool:
        """Whether each normal hospital shows all its alarms."""
        status, text = self.worker.get("/metrics")
        shown = {
            labels["facility"]: int(float(value))
            for labels, value in (
                (dict(_LABEL.findall(of)), value) for of, value in _SERIES.findall(text)
            )
            if labels["facility"] in self.sent
            and (labels["window"], labels["priority"]) == ("2h", "high")
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
        """SIGKILL or SIGTERM, a new process, and a round in time once it is ready; what was counted
        stays so.
        """
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
        """A facility of its own for poison `number`; partitions in rotation."""
        partition = number % PARTITIONS
        return Place(self.broker, facility_on(partition, f"P{number}-"), partition)


# --- scenarios


def take_poisons(live: Live, poisons: Sequence[Poison]) -> None:
    """Each poison between rounds of normal alarms; then all of them once more after restarts that
    read everything again.
    """
    live.round("the start")
    for number, poison in enumerate(poisons):
        began = time.monotonic()
        poison(live.place(number))
        live.say(f"  {poison.__name__}: sent in {time.monotonic() - began:.1f} s")
        live.round(poison.__name__)
    for how in ("SIGKILL", "SIGTERM"):
        live.restart(how)


def partitions_added(live: Live) -> None:
    """Partitions are added while the worker runs.

    The worker reads them, or logs one line that no worker does.
    """
    live.round("the start")
    with Topics(load(broker=live.broker.address, partitions=PARTITIONS)) as topics:
        topics.admin.create_partitions(
            dict.fromkeys(("alarms", "assignments", "responses", "labels"), PARTITIONS + 2)
        )

    def told() -> bool:
        if not live.worker.running:
            return "partitions" in live.last_words()
        status, text = live.worker.get("/ready")
        return status == 503 and "partition" in text

    deadline = time.monotonic() + 60
    while not told():
        if time.monotonic() > deadline:
            raise Failed(
                "not within 60 s: added partitions are reported; "
                f"/ready says {live.worker.get('/ready')}"
            )
        time.sleep(0.2)


def broker_suspended(live: Live) -> None:
    """SIGSTOP of the broker: the worker reports old data, ends in time when stopped, and catches
    up.
    """
    live.round("the start")
    live.broker.pause()
    try:
        live.until(
            lambda: live.worker.get("/ready")[0] == 503,
            "/ready says that the broker does not answer",
            30,
        )
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
    live.pass_time(20)
    live.broker.resume()
    live.until(lambda: live.worker.ready, "the worker is ready again", 60)
    live.round("a suspended broker that came back")


def disk_full(live: Live) -> None:
    """The broker's disk has no room: it ends, and once there is room again and it is back,
    everything acknowledged is counted.
    """
    live.round("the start")
    ballast = live.broker.data / "ballast"
    refused = 0
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    deadline = time.monotonic() + PATIENCE
    filler = [batch([(b"F", bytes(1 << 16))])]
    while live.broker.pid is not None and refused < 3 and time.monotonic() < deadline:
        try:
            produce(live.broker, "labels", 0, filler)
        except (Refused, OSError, struct.error):
            refused += 1
            time.sleep(1)
    if not refused:
        raise Failed("the broker took everything: its disk was not full")
    live.say("  the disk is full, the broker refuses or has ended")
    live.pass_time(10)
    live.broker.kill()
    ballast.unlink()
    live.broker.start()
    live.until(lambda: live.worker.ready, "the worker is ready again", 60)
    live.round("a full disk")


def slow_scraper(live: Live) -> None:
    """Fifty clients that read a long /metrics page a few bytes a second; normal alarms and other
    readers do not wait.
    """
    many_units(live.place(0))
    live.round("many units")
    slow: list[socket.socket] = []
    try:
        for _ in range(50):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect((HOST, live.worker.port))
            one.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            slow.append(one)
        for _ in range(10):
            for one in slow:
                one.setblocking(False)
                with contextlib.suppress(OSError):
                    one.recv(16)
            if "ok" not in live.worker.get("/healthz")[1]:
                raise Failed("/healthz does not answer while others read slowly")
            live.round("slow scrapers")
    finally:
        for one in slow:
            one.close()


LiveScenario = Callable[[Live], None]


def poison_list(live: Live) -> None:
    """All poisons, see `tests.harness.poison`."""
    take_poisons(live, POISONS)


LIVE: dict[str, LiveScenario] = {
    "poison list": poison_list,
    "partitions added": partitions_added,
    "broker suspended": broker_suspended,
    "disk full": disk_full,
    "slow scraper": slow_scraper,
}


def run_live(
    scenario: LiveScenario, dose: Dose, folder: Path, say: Callable[[str], object] = lambda _: None
) -> Outcome:
    """The scenario on a broker of its own, whose disk is small where it is to be full; difference
    None: all was counted in time.
    """
    began, difference, live = time.monotonic(), None, None
    with contextlib.ExitStack() as stack:
        disk = stack.enter_context(small_disk()) if scenario is disk_full else None
        kafka = stack.enter_context(ApacheKafka(data=disk))
        try:
            live = Live(kafka, folder, say)
            with live:
                scenario(live)
        except (Failed, BrokerError, AssertionError) as error:
            difference = " ".join(str(error).split())
    records = 0 if live is None else sum(live.sent.values())
    kills, recoveries = (0, []) if live is None else (live.kills, live.recoveries)
    name = scenario.__name__.replace("_", " ")
    return Outcome(name, dose, records, kills, 0, recoveries, time.monotonic() - began, difference)


@contextlib.contextmanager
def small_disk() -> Iterator[Path]:
    """A file system in memory, little larger than the topics; mounting it needs root."""
    folder = Path(tempfile.mkdtemp(prefix="alarm-fatigue-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    try:
        if mounted.returncode:
            raise BrokerError("disk full: needs root, to mount a small file system for the broker")
        yield folder
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)
