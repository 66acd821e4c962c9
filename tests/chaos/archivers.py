"""Archivers as processes, and what is done to them."""

from __future__ import annotations

import random
import signal
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import yaml

from streams.dev.broker import ApacheKafka, free_port
from streams.dev.processes import _die_with_parent
from tests.harness.objects import ObjectServer
from tests.harness.workers import COMMAND

SESSION = 3.0
PATIENCE = 30.0
"""Seconds until an archiver writes, on a machine that is busy otherwise."""
EVERY = "200ms"


class Archiver:
    """`alarm-fatigue archive` as a process; its log is kept from one life to the next."""

    def __init__(self, broker: ApacheKafka, to: str, group: str, folder: Path, name: str) -> None:
        config = folder / f"{name}.yaml"
        config.write_text(
            yaml.safe_dump(
                {
                    "broker": broker.address,
                    "group": group,
                    "pseudonyms": False,
                    "session_timeout": f"{SESSION:.0f}s",
                }
            )
        )
        self.name = name
        self.log = folder / f"{name}.log"
        self.suspended = False
        self._port = free_port()
        self._command = [COMMAND, "archive", "--config", str(config), "--to", to, "--every", EVERY]
        self._command += ["--port", str(self._port)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str) -> None:
        self.suspended = False
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, *more], stdout=log, stderr=log, preexec_fn=_die_with_parent()
            )

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self.suspended = number == signal.SIGSTOP

    def wait(self, seconds: float) -> int:
        assert self._process is not None
        return self._process.wait(seconds)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def writes(self) -> bool:
        """Whether it has brought the archive up to date since it was started."""
        if self.suspended or not self.running:
            return False
        try:
            address = f"http://127.0.0.1:{self._port}/metrics"
            with urllib.request.urlopen(address, timeout=2) as answer:
                text = answer.read().decode()
        except OSError:
            return False
        name = "alarm_fatigue_archive_timestamp_seconds "
        return any(float(one.split()[1]) > 0 for one in text.splitlines() if one.startswith(name))

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.suspended = False


class Torment:
    """What is done to two archivers while records come."""

    def __init__(
        self,
        archivers: Sequence[Archiver],
        dice: random.Random,
        server: ObjectServer | None,
        say: Callable[[str], object],
    ) -> None:
        self.faults: Counter[str] = Counter()
        self._archivers, self._dice, self._server, self._say = archivers, dice, server, say
        self._wakes: dict[str, float] = {}

    def tend(self) -> None:
        """Wake up those whose time has come; start those that ended by themselves, as they may
        where the store is away.
        """
        for one in self._archivers:
            if one.suspended and time.monotonic() > self._wakes[one.name]:
                one.signal(signal.SIGCONT)
            if not one.running:
                self._told("ended", one.name)
                one.start()

    def until_one_writes(self) -> None:
        """Those that are only starting suffer nothing of interest, save now and then."""
        deadline = time.monotonic() + (PATIENCE if self._dice.random() < 0.85 else 1)
        while not any(one.writes for one in self._archivers) and time.monotonic() < deadline:
            self.tend()
            time.sleep(0.1)

    def strike(self) -> None:
        """One fault."""
        self.tend()
        one = self._dice.choice(self._archivers)
        if self._dice.random() < 0.8:
            one = next((some for some in self._archivers if some.writes), one)
        what = self._dice.choice(["kill", "kill", "suspend", "stop", "store"])
        if what == "kill":
            self._told("kill, suspended" if one.suspended else "kill", one.name)
            one.kill()
            one.start()
        elif what == "suspend" and not any(other.suspended for other in self._archivers):
            seconds = self._dice.choice([0.3, SESSION + 1.5])
            self._told("suspend" if seconds < SESSION else "suspend beyond session", one.name)
            self._wakes[one.name] = time.monotonic() + seconds
            one.signal(signal.SIGSTOP)
        elif what == "stop" and not one.suspended:
            self._told("stop", one.name)
            one.signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                one.wait(20)
            one.kill()
            one.start()
        elif what == "store" and self._server is not None:
            fault = self._dice.choice(["lost", "unavailable"])
            key = self._dice.choice(["rows.parquet", "_writing", "date=2026-03-02"])
            self._told(f"store: {fault}", key)
            self._server.fail(fault, key, times=self._dice.randrange(1, 4))

    def _told(self, what: str, whom: str) -> None:
        self.faults[what] += 1
        self._say(f"    {what}: {whom}")
