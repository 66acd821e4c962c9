"""Peer runs: run each peer in a process on the measured core until it has printed its result."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench import machine
from bench.worker import BenchError

PEERS = Path(__file__).parent / "peers"
_ENVIRONMENT = Path(__file__).resolve().parent.parent / ".cache" / "bench-peers"
PYTHON = _ENVIRONMENT / "bin" / "python"
"""The environment of peers that are no dependencies; `make bench` creates it from
bench/requirements.lock.
"""


def flink_connector() -> Path | None:
    """Flink's Kafka connector, if Maven could fetch it."""
    return next(iter(sorted(_ENVIRONMENT.glob("flink-sql-connector-kafka-*.jar"))), None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A peer processed `records` in `seconds`, counted from its first record."""

    records: int
    seconds: float

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def parse(text: str) -> Outcome | None:
    """The result in the output of a peer; None if it is not there yet.

    >>> parse('a warning\\n{"records": 10, "seconds": 2.0}\\n').rate
    5.0
    """
    for line in text.splitlines():
        if line.startswith('{"records":') and line.endswith("}"):
            found = json.loads(line)
            return Outcome(int(found["records"]), float(found["seconds"]))
    return None


def run(
    folder: Path,
    program: str,
    *arguments: object,
    patience: float = 60.0,
    python: str | Path = sys.executable,
    cpus: Collection[int] = machine.MEASURED,
) -> Outcome:
    """Run a peer, and kill it when it has printed its result.

    Raises `BenchError` if it ends without a result, or takes longer than `patience` seconds.
    """
    log = folder / f"{program}-{len(list(folder.iterdir()))}.log"
    command = [str(python), str(PEERS / f"{program}.py"), *map(str, arguments)]
    process = machine.start(command, log, cpus, {"TMPDIR": str(folder)})
    try:
        deadline = time.monotonic() + patience
        while (found := parse(log.read_text(errors="replace"))) is None:
            if (
                process.poll() is not None
                and (found := parse(log.read_text(errors="replace"))) is None
            ):
                raise BenchError(
                    f"{program} ended with status {process.returncode}: {_last_line(log)}"
                )
            if found is None and time.monotonic() > deadline:
                raise BenchError(
                    f"{program} printed no result within {patience:.0f} s: {_last_line(log)}"
                )
            time.sleep(0.05)
        return found
    finally:
        with suppress(ProcessLookupError):  # it ended by itself
            os.killpg(process.pid, signal.SIGKILL)  # Flink's Java, too
        process.wait()


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][-300:] if lines else "it printed nothing"
