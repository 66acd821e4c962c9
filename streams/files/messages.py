"""Messages: records on their way to Kafka, whatever they were read from."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer import Topic


@dataclass(frozen=True, slots=True)
class Message:
    """A record on its way. `due` in ms of event time; None: as soon as it is its turn.

    `timestamp`, in ms, becomes the Kafka record's own; None: the time of sending.
    """

    topic: Topic
    key: bytes | None
    value: bytes
    due: int | None
    timestamp: int | None = None
