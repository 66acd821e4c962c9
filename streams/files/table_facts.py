"""The facts of a table of alarms: what `replay`, `findings` and `publish` take, made of the same
rows under the same mapping as what-ifs.

A row is the start of an alarm and its end; its first response is an acknowledgement, its class a
verdict if somebody judged it, and its clinicians are the recipients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, get_args

from analyzer import CLASSES, Topic
from analyzer.model import Verdict
from streams.files.lines import BadLine
from streams.files.table_alarms import TableAlarms
from streams.formats.codec import Malformed, decode, to_json

TOPICS: tuple[Topic, ...] = ("alarms", "responses", "labels")
_VERDICTS = get_args(Verdict)
_OF_EVENTS = (
    "facility",
    "unit",
    "bed",
    "alarm_id",
    "device_type",
    "code",
    "source",
    "kind",
    "priority",
    "label",
    "value",
    "limit",
)


class TableFacts:
    """The facts of a table; rows that give none are reported."""

    def __init__(self, path: Path, mapping: Path | None, report: Callable[[BadLine], None]) -> None:
        """Raises `InputError`."""
        self._alarms = TableAlarms(path, mapping, report, keeps_undecided=False)

    def write(self, folder: Path, progress: Callable[[int], object]) -> list[tuple[Topic, Path]]:
        """Write the facts into files in `folder`, one JSON object a line. Raises `InputError`."""
        files = [(topic, folder / f"{topic}.jsonl") for topic in TOPICS]
        with ExitStack() as stack:
            opened = {topic: stack.enter_context(path.open("wb")) for topic, path in files}
            for number, fields in self._alarms:
                try:
                    for topic, line in list(self._facts(fields)):
                        opened[topic].write(line + b"\n")
                except Malformed as error:
                    self._alarms.refuse(number, str(error))
                progress(1)
        return files

    def words(self) -> Iterator[str]:
        """What is suspicious about the rows, a line each."""
        yield from self._alarms.words()

    def _facts(self, fields: dict[str, Any]) -> Iterator[tuple[Topic, bytes]]:
        """The facts of a row, checked. Raises `Malformed`."""
        start, end, verdict = fields["start"], fields.get("end"), fields["class"]
        if verdict not in CLASSES:
            raise Malformed(f"class: expected one of {', '.join(CLASSES)}")
        if end is not None and end < start:
            raise Malformed("end: expected no earlier than start")
        id_ = fields["alarm_id"]
        if not self._alarms.has_ids:  # unique among the tables that are sent one after another
            id_ = f"{start}-{id_}"
        event = {name: fields[name] for name in _OF_EVENTS if name in fields} | {
            "alarm_id": id_,
            "device_id": fields.get("device_id") or fields["bed"],
            "recipients": fields["clinicians"],
        }
        begun = event | {"event_id": f"{id_}/start", "phase": "start", "at": start}
        yield _checked("alarms", begun, "start")
        if end is not None:
            ended = event | {"event_id": f"{id_}/end", "phase": "end", "at": end}
            yield _checked("alarms", ended, "end")
        of = {"facility": fields.get("facility"), "alarm_id": id_}
        if (at := fields.get("first_response")) is not None:
            response = {"event_id": f"{id_}/response", "at": at, "action": "acknowledge"}
            yield _checked("responses", of | response, "first_response")
        if verdict in _VERDICTS:
            label = {"event_id": f"{id_}/verdict", "at": start, "verdict": verdict}
            yield _checked("labels", of | label, "start")


def _checked(topic: Topic, fact: dict[str, Any], time: str) -> tuple[Topic, bytes]:
    """The fact in JSON. `time`: what a mapping calls its time. Raises `Malformed`, by the field of
    the mapping.
    """
    line = to_json(fact)
    try:
        decode(topic, line)
    except Malformed as error:
        field, _, expected = str(error).partition(": ")
        called = {"at": time, "event_id": "alarm_id", "recipients": "clinicians"}
        raise Malformed(f"{called.get(field, field)}: {expected}") from None
    return topic, line
