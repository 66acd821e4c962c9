"""Start: processor time of a worker until it holds its partitions, with nothing stored, and of each
command's `--help`.

Byte code is compiled before, as it is in the images.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from bench import kafka, machine
from bench.worker import STARTING, BenchError, Worker
from streams.cli.main import COMMANDS

_WORKER = "worker until partitions held"
_COMMAND = (sys.executable, "-m", "streams.cli.main")


def run(folder: Path, results: Path, repeat: int, note: str = "") -> list[str]:
    """Measure each start `repeat` times, append the medians to `results`/start.json, and describe
    them beside the last ones.

    Raises `BenchError`.
    """
    path = results / "start.json"
    history: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "byte-code")
    found = {"import streams.worker.run": _imported(repeat), _WORKER: _worker(folder, repeat)}
    found["--version"] = _command(("--version",), repeat)
    found |= {f"{name} --help": _command((name, "--help"), repeat) for name in COMMANDS}
    entry = machine.circumstances(note) | {"cpu_seconds": found}
    path.write_text(json.dumps([*history, entry], indent=1) + "\n")
    return list(table(found, history[-1]["cpu_seconds"] if history else {}))


def table(found: Mapping[str, float], before: Mapping[str, float]) -> Iterator[str]:
    """Lines of seconds of processor time, with the change since `before`.

    >>> list(table({"--version": 0.1}, {"--version": 0.2}))[1]
    '    0.10  -50%  --version'
    """
    yield "seconds of processor time, user and system"
    for name, seconds in found.items():
        change = f"{seconds / before[name] - 1:+6.0%}" if name in before else " " * 6
        yield f"{seconds:8.2f}{change}  {name}"


def _worker(folder: Path, repeat: int) -> float:
    spent = []
    with kafka.BenchKafka() as broker:
        for number in range(repeat + 1):
            group = f"bench-start-{number}"
            broker.new_topics(group)
            with Worker(broker.settings, group, folder, name=group).start(machine.ALL) as worker:
                worker.wait_for("partitions held", STARTING)
                spent.append(machine.cpu_seconds(worker.pid))
    return round(median(spent[1:]), 2)  # the first compiles


def _command(arguments: tuple[str, ...], repeat: int) -> float:
    return _spent([*_COMMAND, *arguments], repeat)


def _imported(repeat: int) -> float:
    return _spent([sys.executable, "-c", "import streams.worker.run"], repeat)


def _spent(command: list[str], repeat: int) -> float:
    spent = []
    for _ in range(repeat + 1):
        before = _children()
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise BenchError(f"{' '.join(command)} ended with status {done.returncode}")
        spent.append(_children() - before)
    return round(median(spent[1:]), 2)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
