"""The kill loop of `archive`: python -m tests.chaos.archives

Archivers write what real Kafka brings, to a folder or to a bucket, while they are killed, suspended
beyond their session and started anew. Records come again, are corrected and are withdrawn. In the
end the rows must be those that `replay --archive` writes of the same facts; DuckDB compares them.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from kafka import KafkaProducer

from streams.archive import TABLES
from streams.archive.objects import Objects
from streams.dev.broker import ApacheKafka
from tests.chaos.archivers import SESSION, Archiver, Torment
from tests.chaos.outputs import Output, Recorded, record, sent_again
from tests.chaos.production import Failed
from tests.chaos.rows import count, difference
from tests.harness.objects import ObjectServer
from tests.harness.workers import new_topics

PLACES = ("folder", "bucket")


@dataclass
class Round:
    """What came of one round; `difference` None: all rows are right."""

    place: str
    seed: int
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    rows: dict[str, int] = field(default_factory=dict)
    difference: str | None = None


@contextmanager
def place_of(kind: str, server: ObjectServer | None, folder: Path) -> Iterator[tuple[str, Path]]:
    """Where archivers write, and a folder that has the same files once this ends."""
    if kind == "folder" or server is None:
        yield str(folder / "archive"), folder / "archive"
        return
    bucket, copy = server.new_bucket(), folder / "copy"
    yield f"s3://{bucket}/archive", copy
    objects = Objects("s3", bucket, "archive")
    for key, _ in objects.listed(""):
        found = objects.get(key)
        if found is not None:
            (copy / key).parent.mkdir(parents=True, exist_ok=True)
            (copy / key).write_bytes(found[0])


def one_round(
    broker: ApacheKafka,
    recorded: Recorded,
    folder: Path,
    kind: str,
    seed: int,
    server: ObjectServer | None,
    faults: int = 20,
    say: Callable[[str], object] = lambda _: None,
) -> Round:
    """Produce the records in as many parts as there are faults, then compare."""
    began, dice, made = time.monotonic(), random.Random(seed), Round(kind, seed)
    outputs = sent_again(recorded.outputs, dice)
    new_topics(broker)
    group = f"kill-{kind}-{seed}-{time.time_ns()}"
    with place_of(kind, server, folder) as (to, files):
        archivers = [Archiver(broker, to, group, folder, name) for name in ("first", "second")]
        torment = Torment(archivers, dice, server if kind == "bucket" else None, say)
        try:
            for one in archivers:
                one.start()
            size = len(outputs) // faults + 1
            for begin in range(0, len(outputs), size):
                torment.until_one_writes()
                _produce(broker, outputs[begin : begin + size])
                time.sleep(dice.uniform(0, 0.6))
                torment.strike()
            # Those who are suspended wake up after others have gone on.
            for one in archivers:
                if one.suspended:
                    time.sleep(dice.uniform(0, SESSION + 1))
                    one.signal(signal.SIGCONT)
                    time.sleep(dice.uniform(0, 0.5))
                if dice.random() < 0.5:
                    one.kill()
            for one in archivers:
                if one.running:
                    one.signal(signal.SIGTERM)
                    with suppress(subprocess.TimeoutExpired):
                        one.wait(60)
            if server is not None:
                server.mend()
            for one in archivers:
                one.kill()
            archivers[0].start("--once")
            if archivers[0].wait(120) != 0:
                raise Failed(f"the last archiver failed: {_last(archivers[0].log)}")
        except Failed as error:
            made.difference = str(error)
        finally:
            for one in archivers:
                one.kill()
        made.faults = torment.faults
    if made.difference is None:
        made.rows = {name: count(files, name) for name in TABLES}
        made.difference = difference(files, recorded.expected) or _traceback(archivers)
    made.seconds = time.monotonic() - began
    return made


def _produce(broker: ApacheKafka, outputs: Sequence[Output]) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.address, linger_ms=5)
    try:
        for one in outputs:
            headers = [] if one.edition is None else [("edition", str(one.edition).encode())]
            producer.send(
                one.topic, key=one.key, value=one.value, timestamp_ms=one.stamp, headers=headers
            )
        producer.flush(60)
    finally:
        producer.close()


def _last(log: Path) -> str:
    return (log.read_text(errors="replace").strip().splitlines() or ["nothing said"])[-1]


def _traceback(archivers: Sequence[Archiver]) -> str | None:
    for one in archivers:
        if "Traceback" in one.log.read_text(errors="replace"):
            return f"{one.name} has a traceback: {_last(one.log)}"
    return None


# --- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if all rows of all rounds are right."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.archives",
        description="Kill loop of `archive` on real Kafka; needs Java 17 and Maven.",
    )
    parser.add_argument("places", nargs="*", help=f"of {', '.join(PLACES)} (default: both)")
    parser.add_argument("--minutes", type=float, default=10, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--faults", type=int, default=20, help="in a round (default: %(default)s)")
    parser.add_argument("--verbose", action="store_true", help="tell each fault")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="alarm-fatigue-archives-"))
    done: list[Round] = []
    with ApacheKafka() as broker, serving() as server:
        broker.start()
        (folder / "recorded").mkdir()
        recorded = record(broker, folder / "recorded", options.seed)
        print(
            f"seed {options.seed}: {len(recorded.outputs)} records, {recorded.corrected} corrected "
            f"alarms, {recorded.withdrawn} withdrawn changes",
            flush=True,
        )
        until = time.monotonic() + options.minutes * 60
        while not done or time.monotonic() < until:
            for kind in options.places or PLACES:
                seed = options.seed + len(done)
                inside = folder / f"{kind}-{seed}"
                inside.mkdir()
                say = print if options.verbose else lambda _: None
                made = one_round(broker, recorded, inside, kind, seed, server, options.faults, say)
                done.append(made)
                print(_line(made), flush=True)
                if made.difference is None:
                    shutil.rmtree(inside)
    faults = sum((one.faults for one in done), Counter[str]())
    print(f"{len(done)} rounds; {', '.join(f'{n} x {what}' for what, n in faults.most_common())}")
    wrong = [one for one in done if one.difference is not None]
    print(f"logs and archives: {folder}" if wrong else "all rows are those of the replay")
    return 1 if wrong else 0


@contextmanager
def serving() -> Iterator[ObjectServer]:
    """An S3 server, of which this process and those that it starts know."""
    server = ObjectServer()
    try:
        with server.known():
            yield server
    finally:
        server.close()


def _line(one: Round) -> str:
    counts = ", ".join(f"{name} {rows}" for name, rows in one.rows.items())
    return (
        f"{one.place:7} seed {one.seed}: {sum(one.faults.values())} faults, {one.seconds:.0f} s; "
        f"{'right: ' + counts if one.difference is None else 'DIFFERENCE: ' + one.difference}"
    )


if __name__ == "__main__":
    sys.exit(main())
