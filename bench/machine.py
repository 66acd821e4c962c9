"""Machine: which cores processes run on, and what they use, from /proc (Linux only)."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from streams.dev import processes

_TICK = 1 / os.sysconf("SC_CLK_TCK")

CPUS = sorted(os.sched_getaffinity(0))
MEASURED = frozenset(CPUS[-1:])
"""The core on which measured processes run."""
OTHERS = frozenset(CPUS[:-1] or CPUS)
"""The cores of the broker and of this program (with a single core, the same one)."""
ALL = frozenset(CPUS)


@contextmanager
def on(cpus: Collection[int]) -> Iterator[None]:
    """Processes started in this context run on these cores, with all their threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def start(
    command: Sequence[str],
    log: Path,
    cpus: Collection[int],
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child on `cpus` that writes to `log` and dies with this process."""
    with on(cpus):
        return processes.spawn(command, dict(os.environ) | dict(environment or {}), log)


def confine(pid: int, cpus: Collection[int]) -> None:
    """Move a process, with all its threads, to these cores."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # the thread has ended
            os.sched_setaffinity(int(thread.name), cpus)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far; 0 once it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * _TICK


def memory(pid: int) -> tuple[float, float]:
    """Resident memory of a process in MB (10^6 bytes): now, and at its peak; 0 once it is gone."""
    found = {"VmRSS": 0.0, "VmHWM": 0.0}
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in found:
                found[name] = int(rest.split()[0]) * 1024 / 1e6
    except OSError:
        pass
    return found["VmRSS"], found["VmHWM"]


def description() -> str:
    """Processor, cores and system, without which a figure means nothing."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in _lines("/proc/cpuinfo")
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    total = next(
        (
            int(line.split()[1]) / 1e6
            for line in _lines("/proc/meminfo")
            if line.startswith("MemTotal")
        ),
        0.0,
    )
    return f"{len(CPUS)} cores of {model}, {total:.0f} GB, Linux {os.uname().release.split('-')[0]}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def stamp() -> dict[str, str]:
    """Where and when a section was measured."""
    return {"machine": description(), "date": time.strftime("%Y-%m-%d")}


def commit() -> str:
    """The commit that is measured, short."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def circumstances(note: str) -> dict[str, Any]:
    """Date, commit, machine and load of a measurement, with a note, for its history."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit(),
        "note": note,
        "machine": description(),
        "load": os.getloadavg()[1],
    }
