"""Control records: commands to the workers, written into the input topics.

So the state remains a function of the log.

A control record is a JSON object whose key is its facility. It does not decode as a fact:

    {"control": "reset" | "forget", "facility": ID, "event_id": ID, "at": ms since 1970}
    {"control": "forget_clinician", "clinician": ID, "facility": ID, ...}

A program that does not know a command takes it for a malformed record, and does nothing.

`analyzer.pipeline.control` describes its effect. Only malformed records are searched for commands,
so facts cost nothing extra.
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
"""Longer records are not commands, which have four fields of at most 128 characters."""


class Control(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A command about one facility, or about one clinician of it. `reset` forgets facts later than
    `at` (ms since 1970).
    """

    control: Command
    facility: _Id
    event_id: _Id
    at: Annotated[int, msgspec.Meta(ge=EARLIEST, le=LATEST)]
    clinician: _Id | None = None

    def __post_init__(self) -> None:
        if (self.control == "forget_clinician") != (self.clinician is not None):
            raise ValueError("clinician: expected with forget_clinician alone")

    @classmethod
    def new(cls, command: Command, facility: str, clinician: str | None = None) -> Control:
        """A command with the present time. Raises `msgspec.ValidationError`."""
        name, now = f"control-{uuid.uuid4().hex}", int(time.time() * 1000)
        return _decode(cls(command, facility, name, now, clinician).encode())

    @property
    def key(self) -> bytes:
        """The record's key, which determines its partition."""
        return self.facility.encode()

    def encode(self) -> bytes:
        """The record's value."""
        return msgspec.json.encode(self)


_decode = msgspec.json.Decoder(Control).decode


def control_in(value: bytes | None) -> Control | None:
    """The command in a record's value, or None."""
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
    """The commands among malformed records, with their indexes, in order.

    The key of each must be its facility. `keys` is None for files, which have no keys.
    """
    for place, _ in malformed:
        found = control_in(values[place])
        if found is not None and (keys is None or keys[place] == found.key):
            yield place, found
