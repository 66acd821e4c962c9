"""Worker: measures `alarm-fatigue worker` as users run it, with scrapes, checkpoints, pseudonyms
and all output topics.

The topics are filled first. The clock starts when the worker logs that it holds its partitions. As
soon as it is idle it gets SIGTERM, stores its last checkpoint, commits and logs `drained`, which
stops the clock. The records counted are those that the group has committed, so a worker that is
stopped early is measured correctly, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import yaml

from bench import kafka, machine
from bench.hospital import Load
from bench.kafka import TopicAndPartition
from streams.dev.broker import free_port
from streams.settings import Settings

SCRAPE_SECONDS = 15.0
"""Between scrapes, as in deploy/prometheus."""
_FIRST_SCRAPE = 1.0  # seconds after the start: even the shortest run has one
STARTING = 60.0
"""Seconds that a worker may take to start."""
# seconds, and share of a core: a worker that used less for so long is idle
_IDLE = (0.25, 0.15)
_POLL = 0.02


class BenchError(Exception):
    """A measurement that failed: one line."""


@dataclass(frozen=True, slots=True)
class Run:
    """A measurement of one or more workers: `records` counted and checkpointed in `seconds` of wall
    clock time.
    """

    records: int
    expected: int
    seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    scrapes: int
    broker_cpu_seconds: float = 0.0
    """User and system time of the broker meanwhile, where it is measured."""

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds

    @property
    def cpu_per_million(self) -> float:
        """Seconds of user and system time for a million records."""
        return self.cpu_seconds / self.records * 1e6


class Worker:
    """One worker process."""

    def __init__(
        self, at: Settings, group: str, folder: Path, name: str = "worker", **settings: Any
    ) -> None:
        """`at` is the connection to Kafka."""
        self.port = free_port()
        self._log = folder / f"{name}.log"
        self._config = folder / f"{name}.yaml"
        ours = {
            "broker": at.broker,
            "kafka": at.kafka.model_dump(mode="json"),
            "group": group,
            "clock": "event",
            "web": {"port": self.port},
        }
        self._config.write_text(yaml.safe_dump(ours | settings))
        self._key = folder / "state"
        self._process: subprocess.Popen[bytes] | None = None
        self.started = 0.0

    def start(self, cpus: Collection[int], before: Sequence[str] = ()) -> Self:
        """`before`: a command that runs the worker's command, such as a profiler."""
        command = [
            *before,
            sys.executable,
            "-m",
            "streams.cli.main",
            "worker",
            "--config",
            str(self._config),
        ]
        self.started = time.time()
        self._process = machine.start(command, self._log, cpus, {"XDG_STATE_HOME": str(self._key)})
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    def logged(self, event: str) -> dict[str, Any] | None:
        """The last log entry of this event."""
        found = None
        for line in self._log.read_bytes().splitlines():
            if event.encode() in line:
                with contextlib.suppress(json.JSONDecodeError):  # an incomplete line
                    words = json.loads(line)
                    found = words if words.get("event") == event else found
        return found

    def logged_at(self, event: str) -> float | None:
        """The time of the last log entry of this event, in seconds since the epoch."""
        words = self.logged(event)
        return None if words is None else datetime.fromisoformat(words["timestamp"]).timestamp()

    def wait_for(self, event: str, seconds: float) -> float:
        """Wait for a log entry of this event and return its time.

        Raises `BenchError` if the worker ends first, or takes too long.
        """
        deadline = time.monotonic() + seconds
        while (moment := self.logged_at(event)) is None:
            if self.process.poll() is not None:
                raise BenchError(
                    f"the worker ended with status {self.process.returncode}: {self.last_log_line}"
                )
            if time.monotonic() > deadline:
                raise BenchError(
                    f"the worker did not log `{event}` within {seconds:.0f} s: {self.last_log_line}"
                )
            time.sleep(_POLL)
        return moment

    @property
    def last_log_line(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return lines[-1][-300:] if lines else "it printed nothing"

    @property
    def rss_mb(self) -> float:
        return machine.memory(self.pid)[0]

    def get(self, path: str, timeout: float = 60.0) -> tuple[int, str]:
        """Status and text; status 0 while nobody answers."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}{path}", timeout=timeout
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""

    def scrape(self) -> bool:
        """Whether it gave /metrics, compressed as Prometheus asks for it."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/metrics", headers={"Accept-Encoding": "gzip"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60.0) as answer:
                return answer.status == 200 and bool(answer.read())
        except OSError:
            return False

    def signal(self, number: signal.Signals) -> None:
        os.kill(_python(self.pid), number)

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class Scrapes:
    """Reads /metrics of workers at an interval, like Prometheus, until told to stop; counts the
    full answers.
    """

    def __init__(self, workers: Sequence[Worker], seconds: float = SCRAPE_SECONDS) -> None:
        self.count = 0
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=self._scrape, args=(worker, seconds), daemon=True)
            for worker in workers
        ]

    def _scrape(self, worker: Worker, seconds: float) -> None:
        wait = _FIRST_SCRAPE
        while not self._end.wait(wait):
            self.count += worker.scrape()
            wait = seconds

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()


def measure(
    at: Settings,
    folder: Path,
    ends: Mapping[TopicAndPartition, int],
    *,
    group: str,
    limit: float,
    cpus: Collection[int] = machine.MEASURED,
    before: Sequence[str] = (),
    **settings: Any,
) -> Run:
    """One worker reads the topics from the beginning to `ends`, for at most `limit` seconds."""
    kafka.add_topics(at, group)
    with Worker(at, group, folder, name=group, **settings).start(cpus, before) as worker:
        began = worker.wait_for("partitions held", STARTING)
        return _until_drained(at, [worker], ends, group, began, limit)


def measure_together(
    at: Settings,
    folder: Path,
    load: Load,
    *,
    group: str,
    number: int,
    limit: float,
    broker: int = 0,
) -> Run:
    """`number` workers of one group, on all cores. They are suspended while the topics are
    filled. `broker`: its process, if its time is to be measured.
    """
    kafka.new_topics(at, group)
    with contextlib.ExitStack() as stack:
        workers = [
            stack.enter_context(
                Worker(at, group, folder, name=f"{group}-{n}", session_timeout="60s").start(
                    machine.ALL
                )
            )
            for n in range(number)
        ]
        for worker in workers:
            worker.wait_for("partitions held", STARTING)
        _wait_until_shared(workers)
        for worker in workers:
            worker.signal(signal.SIGSTOP)
        ends = kafka.produce(at, load)
        began, used = time.time(), machine.cpu_seconds(broker)
        for worker in workers:
            worker.signal(signal.SIGCONT)
        found = _until_drained(at, workers, ends, group, began, limit)
        return replace(found, broker_cpu_seconds=machine.cpu_seconds(broker) - used)


def _wait_until_shared(workers: Sequence[Worker]) -> None:
    """Wait until the workers' logs say that each partition is held by one worker."""
    deadline = time.monotonic() + STARTING
    while True:
        held = [
            number
            for worker in workers
            for number in (worker.logged("partitions held") or {}).get("partitions", [])
        ]
        if sorted(held) == list(range(kafka.PARTITIONS)) and len(held) // len(
            workers
        ) == kafka.PARTITIONS // len(workers):
            return time.sleep(1.0)  # so that the first fetches have begun
        if time.monotonic() > deadline:
            raise BenchError(
                f"{len(workers)} workers did not share the partitions: they hold {held}"
            )
        time.sleep(_POLL)


def _until_drained(
    at: Settings,
    workers: Sequence[Worker],
    ends: Mapping[TopicAndPartition, int],
    group: str,
    began: float,
    limit: float,
) -> Run:
    used_before = sum(machine.cpu_seconds(_python(worker.pid)) for worker in workers)
    with Scrapes(workers) as scrapes:
        wait_until_idle(workers, began + limit)
    for worker in workers:
        worker.signal(signal.SIGTERM)
    cpu = dict.fromkeys(workers, 0.0)
    peak = dict.fromkeys(workers, 0.0)
    deadline = time.monotonic() + 60
    while any(worker.process.poll() is None for worker in workers) and time.monotonic() < deadline:
        for worker in workers:
            cpu[worker] = max(cpu[worker], machine.cpu_seconds(_python(worker.pid)))
            peak[worker] = max(peak[worker], machine.memory(_python(worker.pid))[1])
        time.sleep(_POLL)
    drained = [worker.logged_at("drained") for worker in workers]
    if None in drained:
        raise BenchError(f"the worker did not drain: {workers[drained.index(None)].last_log_line}")
    return Run(
        records=kafka.committed(at, group, ends),
        expected=sum(ends.values()),
        seconds=max(moment for moment in drained if moment is not None) - began,
        cpu_seconds=sum(cpu.values()) - used_before,
        peak_rss_mb=sum(peak.values()),
        scrapes=scrapes.count,
    )


def wait_until_idle(workers: Sequence[Worker], deadline: float) -> None:
    """Returns when all workers are idle, or at the `deadline` (seconds since the epoch).

    Processor time shows this without requests, which would cost them time.
    """
    length, share = _IDLE
    used = _used(workers)
    worked = False
    while time.time() < deadline:
        time.sleep(length)
        before, used = used, _used(workers)
        if any(worker.process.poll() is not None for worker in workers):
            raise BenchError(
                "a worker ended by itself: "
                f"{next(w.last_log_line for w in workers if w.process.poll() is not None)}"
            )
        idle = used - before < share * length * len(workers)
        # A busy machine or a slow broker also makes a worker look idle, so it must be nearly up to
        # date, too.
        if idle and worked and all(worker.get("/ready")[0] == 200 for worker in workers):
            return
        worked = worked or not idle


def _used(workers: Sequence[Worker]) -> float:
    return sum(machine.cpu_seconds(_python(worker.pid)) for worker in workers)


def _python(pid: int) -> int:
    """The process id of the worker itself if `pid` is that of a profiler."""
    with contextlib.suppress(OSError, IndexError):
        if "python" not in Path(f"/proc/{pid}/exe").readlink().name:
            return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    return pid


_SAMPLE = re.compile(
    r"^(alarm_fatigue_(?:clinician|unit|response_seconds)\w*\S*) (\S+)", re.MULTILINE
)


def burdens(exposition: str) -> dict[str, str]:
    """The series of clinicians and units, which depend on the records only."""
    return dict(_SAMPLE.findall(exposition))
