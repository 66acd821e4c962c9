"""Control records: commands to the workers, written into the inputs themselves.

So the state stays a function of the log.

A JSON object under the key of its facility, which decodes as no fact:

    {"control": "reset" | "forget", "facility": ID, "event_id": ID, "at": ms since 1970}

`analyzer.pipeline.control` says what becomes of it. It is looked for among malformed records only,
so facts pay nothing for it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec

from analyzer import Command
from analyzer.model import EARLIEST, LATEST, MAX_ID_LENGTH

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_LENGTH)]
_MARK = b'"control"'
MOST_BYTES = 4096
"""A longer record is no command: it has four fields of at most 128 characters."""


class Control(msgspec.Struct, frozen=True, gc=False):
    """A command about one facility. `reset` forgets what lies after `at` (ms since 1970)."""

    control: Command
    facility: _Id
    event_id: _Id
    at: Annotated[int, msgspec.Meta(ge=EARLIEST, le=LATEST)]

    @classmethod
    def new(cls, command: Command, facility: str) -> Control:
        """A command of this moment. Raises `msgspec.ValidationError`."""
        control = cls(command, facility, f"control-{uuid.uuid4().hex}", int(time.time() * 1000))
        return _decode(control.encode())

    @property
    def key(self) -> bytes:
        """The record's key, by which partitions are chosen."""
        return self.facility.encode()

    def encode(self) -> bytes:
        """The record's value."""
        return msgspec.json.encode(self)


_decode = msgspec.json.Decoder(Control).decode


def control_in(value: bytes | None) -> Control | None:
    """The command in a record's value, if it is one."""
    if value is None or len(value) > MOST_BYTES or _MARK not in value:
        return None
    try:
        return _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def controls_among(
    malformed: Sequence[tuple[int, str]],
    values: Sequence[bytes | None],
    keys: Sequence[bytes | None] | None,
) -> Iterator[tuple[int, Control]]:
    """The commands among malformed records, with their places, in order.

    Each must have the key of its facility; files have no keys (None).
    """
    for place, _ in malformed:
        found = control_in(values[place])
        if found is not None and (keys is None or keys[place] == found.key):
            yield place, found
