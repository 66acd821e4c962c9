"""Profile: the worker under py-spy, a sampling profiler; its stacks and the most expensive
functions.
"""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path

from bench import kafka, machine, worker
from bench.hospital import Load
from bench.report import say

_SHOWN = 30
_RATE = 200  # samples a second


def run(folder: Path, load: Load, limit: float, out: Path) -> None:
    """Profile one run. Only threads that hold the GIL count; native code counts for its caller.

    Needs py-spy, and on most systems root. Raises `BenchError`.
    """
    profiler = Path(sys.executable).with_name("py-spy")
    if not profiler.exists() and shutil.which("py-spy") is None:
        raise worker.BenchError(
            "py-spy is missing: it comes with the development environment (make bench-profile "
            "sets it up)"
        )
    stacks = folder / "stacks.txt"
    command = [
        str(profiler),
        "record",
        "--format",
        "raw",
        "--rate",
        str(_RATE),
        "--gil",
        "--output",
        str(stacks),
        "--",
    ]
    with kafka.BenchKafka() as broker:
        broker.new_topics("bench")
        ends = broker.fill(load)
        say(f"{sum(ends.values())} records in Kafka; the worker under py-spy ...")
        found = worker.measure(
            broker.settings,
            folder,
            ends,
            group="bench",
            limit=limit,
            before=command,
            cpus=machine.ALL,
        )
    say(f"{found.rate:,.0f} events/s while profiled")
    _report(stacks.read_text())
    out.write_text(stacks.read_text())
    say(f"stacks in {out}")


def _report(stacks: str) -> None:
    """Print the share of each function, by itself and with what it calls."""
    alone, whole = shares(stacks)
    say("share of samples: function itself | with what it calls")
    for name, share in alone.most_common(_SHOWN):
        say(f"{share:6.1%} | {whole[name]:6.1%}  {name}")


def shares(stacks: str) -> tuple[Counter[str], Counter[str]]:
    """From collapsed stacks (`outer;inner COUNT` a line), the share of each function alone and with
    the functions that it calls.

    >>> alone, whole = shares("run (a.py:1);decode (b.py:2) 3\\nrun (a.py:1) 1\\n")
    >>> dict(alone), dict(whole)
    ({'decode (b.py)': 0.75, 'run (a.py)': 0.25}, {'run (a.py)': 1.0, 'decode (b.py)': 0.75})
    """
    alone: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        names = [_without_line(frame) for frame in stack.split(";")]
        alone[names[-1]] += int(count)
        for name in dict.fromkeys(names):
            whole[name] += int(count)
    total = sum(alone.values()) or 1
    return tuple(
        Counter({name: count / total for name, count in each.items()}) for each in (alone, whole)
    )  # type: ignore[return-value]


def _without_line(frame: str) -> str:
    name, _, location = frame.rpartition(" (")
    return f"{name} ({location.partition(':')[0].rstrip(')')})" if name else frame or "(unknown)"
