"""Output: writes simulated records to files for `replay` and `publish`, or turns them into messages
for Kafka.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from analyzer import TOPICS
from streams.files.messages import Message
from streams.formats.codec import to_json
from streams.simulator.perturbations import Record
from streams.simulator.readings import Reading

DEFAULT_PREFIX = "H"
"""The prefix of the simulator's facility names, before their number."""


class OutputError(Exception):
    """Files cannot be written; the message is one line."""


def rename(records: Iterable[Record], prefix: str) -> Iterator[Record]:
    """The same records with facility names that begin with `prefix`.

    Two runs use the same event ids, which are unique within a facility only. So a second run on the
    same Kafka needs other facility names; otherwise its records would be duplicates.
    """
    for record in records:
        facility = renamed(str(record.value["facility"]), prefix)
        yield record._replace(value=record.value | {"facility": facility})


def renamed(facility: str, prefix: str) -> str:
    """
    >>> renamed("H01", "Test")
    'Test01'
    """
    return f"{prefix}{facility.removeprefix(DEFAULT_PREFIX)}"


def messages(records: Iterable[Record], history_until: int = 0) -> Iterator[Message]:
    """Messages for Kafka. Those due before `history_until` (ms) are sent at once, the others when
    due.

    The Kafka timestamp is the simulated time at which the record was due, as if a gateway had sent
    it then. With the time of sending, alarms of a simulation that runs faster than the clock would
    be rejected as *future*.
    """
    for topic, value, due in records:
        yield Message(
            topic,
            str(value["facility"]).encode(),
            to_json(value),
            None if due < history_until else due,
            due,
        )


def write_readings(readings: Iterable[Reading], prefix: str, directory: Path) -> int:
    """Write `readings.jsonl`, as `tune trend` reads it, and return its number of lines. Raises
    `OutputError`.
    """
    partial, count = directory / ".readings.jsonl.part", 0
    try:
        with partial.open("wb") as file:
            for one in readings:
                facility = renamed(one.facility, prefix)
                file.write(to_json(one._replace(facility=facility)._asdict()) + b"\n")
                count += 1
        partial.replace(directory / "readings.jsonl")
    except OSError as error:
        raise OutputError(f"{directory}: cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
    return count


def write_truth(truth: dict[str, object], directory: Path) -> None:
    """Write `truth.json`: what is true of an archetype. Raises `OutputError`."""
    try:
        text = json.dumps(truth, indent=2, ensure_ascii=False)
        (directory / "truth.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{directory}: cannot be written: {error.strerror}") from None


def write_files(records: Iterable[Record], directory: Path) -> dict[str, int]:
    """Write `alarms.jsonl` and so on, each in order of delivery, and return their numbers of lines.

    The files get their names when all are complete, so an interruption leaves existing files as
    they were. Raises `OutputError`.
    """
    counts: dict[str, int] = dict.fromkeys(TOPICS, 0)
    partial = {topic: directory / f".{topic}.jsonl.part" for topic in TOPICS}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        try:
            with ExitStack() as stack:
                files = {
                    topic: stack.enter_context(path.open("wb")) for topic, path in partial.items()
                }
                for topic, value, _ in records:
                    files[topic].write(to_json(value) + b"\n")
                    counts[topic] += 1
            for topic, path in partial.items():
                path.replace(directory / f"{topic}.jsonl")
        finally:
            for path in partial.values():
                path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{directory}: cannot be written: {error.strerror}") from None
    return counts
