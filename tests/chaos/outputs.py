"""What archivers read: the records of a worker that corrects and withdraws, some of them again."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from analyzer.model.policy import HOUR
from streams.archive import TABLES
from streams.dev.broker import ApacheKafka
from streams.formats.codec import to_json
from streams.simulator import Ward
from tests.chaos.rows import count
from tests.harness.wards import wait_until_taken_in
from tests.harness.workers import Delivery, WorkerProcess, new_topics, read, run, send

EVENING = 1_772_398_800_000  # ms, 2026-03-01T21:00Z: the records cross midnight


class Output(NamedTuple):
    """A record of one of the four topics that are archived."""

    topic: str
    key: bytes | None
    value: bytes | None
    stamp: int
    edition: int | None


@dataclass(frozen=True)
class Recorded:
    """What the topics hold after a worker has read a hospital, and the archive of its facts."""

    outputs: list[Output]
    expected: Path
    corrected: int
    withdrawn: int


def record(broker: ApacheKafka, folder: Path, seed: int, hours: int = 6) -> Recorded:
    """Let a worker read a hospital whose facts come late, so that it corrects and withdraws."""
    ward = Ward(
        seed=seed,
        start=EVENING,
        duration=hours * HOUR,
        facilities=3,
        units=1,
        beds=3,
        alarms_per_bed_day=200,
        storms=8.0,
        duplicates=0.03,
        late=0.4,
        late_charting=0.8,
        adjudicated=0.5,
    )
    delivery = Delivery.of(ward)
    new_topics(broker)
    with WorkerProcess(broker, folder, checkpoint_interval="250ms") as worker:
        step = len(delivery.messages) // 6 + 1
        for begin in range(0, len(delivery.messages), step):
            send(broker, delivery.messages[begin : begin + step])
            wait_until_taken_in([worker], min(begin + step, len(delivery.messages)))
            time.sleep(0.5)  # some checkpoints, after which it corrects
        assert worker.stop() == 0
    by_topic = {name: read(broker, name) for name in TABLES}
    outputs = [
        Output(name, one.key, one.value, one.timestamp, _edition(one.headers))
        for name, records in by_topic.items()
        for one in sorted(records, key=lambda one: (one.partition, one.offset))
    ]
    files = delivery.write_accepted(folder)
    expected = folder / "expected"
    assert run("replay", *files, "--pseudonyms", "off", "--archive", expected).status == 0
    alarms = {one.value for one in outputs if one.topic == "episodes"}
    return Recorded(
        outputs,
        expected,
        corrected=len(alarms) - count(expected, "episodes"),
        withdrawn=sum(b'"withdrawn":true' in (one.value or b"") for one in outputs),
    )


def _edition(headers: Sequence[tuple[str, bytes]]) -> int | None:
    return next((int(value) for name, value in headers if name == "edition"), None)


def sent_again(outputs: Sequence[Output], dice: random.Random) -> list[Output]:
    """The records, of each topic in order, with some of them again: as they were, where nothing
    followed about the same thing, else of a worker that has lost its partition since.
    """
    by_topic = {name: [one for one in outputs if one.topic == name] for name in TABLES}
    by_topic["overload"] = with_withdrawn(by_topic["overload"], dice)
    merged: list[Output] = []
    left = {name: list(reversed(some)) for name, some in by_topic.items() if some}
    while left:
        name = dice.choices(list(left), [len(some) for some in left.values()])[0]
        merged.append(left[name].pop())
        if not left[name]:
            del left[name]
    again = dice.sample(range(len(merged)), len(merged) // 8)
    for place in sorted(again, reverse=True):
        one = merged[place]
        if one.edition is not None:  # a later one about the same thing has a greater edition
            one = one._replace(edition=max(one.edition - 1, 0))
        merged.insert(dice.randrange(place + 1, len(merged) + 1), one)
    return merged


def with_withdrawn(changes: Sequence[Output], dice: random.Random) -> list[Output]:
    """The changes, and as many that a worker thought of and then withdrew."""
    found = list(changes)
    for one in changes:
        fields = msgspec.json.decode(one.value or b"")
        if not fields["withdrawn"]:
            told = fields | {"at": fields["at"] + 1, "id": f"{fields['id']}-withdrawn"}
            begin, end = sorted(dice.sample(range(len(found) + 1), 2))
            found.insert(end, one._replace(value=to_json(told | {"withdrawn": True})))
            found.insert(begin, one._replace(value=to_json(told)))
    return found
