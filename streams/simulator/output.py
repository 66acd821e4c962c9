"""Where simulated records go: into files that `replay` and `publish` read, or on their way to
Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from analyzer import TOPICS
from streams.files.publish import Message
from streams.formats.codec import to_json
from streams.simulator.perturbations import Record

DEFAULT_PREFIX = "H"
"""What the simulator's facilities are called, before their number."""


class OutputError(Exception):
    """Files that cannot be written: one line."""


def rename(records: Iterable[Record], prefix: str) -> Iterator[Record]:
    """The same records, from facilities called `prefix` and the number they had.

    Ids of events are unique within a facility only, and two runs use the same ones: under another
    name a second run on the same Kafka is another hospital, where it would else be taken for
    duplicates of the first.
    """
    for record in records:
        facility = f"{prefix}{str(record.value['facility']).removeprefix(DEFAULT_PREFIX)}"
        yield record._replace(value=record.value | {"facility": facility})


def messages(records: Iterable[Record], history_until: int = 0) -> Iterator[Message]:
    """Records for Kafka; those due before `history_until` (ms) go at once, the others when they are
    due.

    Simulated time is not ours, so a record carries the time it was due as its Kafka timestamp, as
    if a gateway had sent it then. An alarm lies in the *future* if it is ahead of that timestamp:
    under the time of sending, every alarm of a simulation that runs faster than the clock would.
    """
    for topic, value, due in records:
        yield Message(
            topic,
            str(value["facility"]).encode(),
            to_json(value),
            None if due < history_until else due,
            due,
        )


def write_files(records: Iterable[Record], directory: Path) -> dict[str, int]:
    """Write `alarms.jsonl` and so on, each in order of delivery, and return how many lines each
    has. Raises `OutputError`.

    They get their names when all of them are complete: whatever interrupts leaves files that were
    there as they were.
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
