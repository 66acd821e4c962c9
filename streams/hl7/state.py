"""State: what a translator holds, as records of a compacted topic, and back.

Each open alarm, assignment and sender's clock is a record of its own; one more has the offset at
which the state holds. They are written in one transaction with the facts, so that a reader of
committed records sees all of them or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from analyzer.hl7 import Profiles, Translator

_VERSION = 1
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_ALARM, _STAFF, _CLOCK, _OFFSET = b"alarm:", b"staff:", b"clock:", b"offset"

Record = tuple[bytes, bytes | None]


def changes(translator: Translator, offset: int) -> Iterator[Record]:
    """The records that differ from what was stored, and the next offset to read."""
    episodes, roster = translator.episodes, translator.roster
    for key in sorted(episodes.changed):
        yield _ALARM + key.encode(), _row(episodes.stored(key))
    for key in sorted(roster.changed):
        yield _STAFF + key.encode(), _row(roster.stored(key))
    for sender in sorted(translator.changed_clocks):
        yield _CLOCK + sender.encode(), _encode(translator.clocks[sender])
    yield _OFFSET, _encode([_VERSION, offset])


def stored(translator: Translator) -> None:
    """Note that the changes were stored."""
    translator.episodes.changed.clear()
    translator.roster.changed.clear()
    translator.changed_clocks.clear()


def restored(records: Iterable[Record], profiles: Profiles) -> tuple[Translator, int | None]:
    """The translator of a partition and the next offset to read; None: nothing was stored."""
    latest: dict[bytes, bytes] = {}
    for key, value in records:
        if value is None:
            latest.pop(key, None)
        else:
            latest[key] = value
    translator = Translator(profiles)
    offset: int | None = None
    rows: list[list[Any]] = []
    staff: list[tuple[str, list[Any]]] = []
    for key, value in latest.items():
        if key.startswith(_ALARM):
            rows.append(_decode(value))
        elif key.startswith(_STAFF):
            staff.append((key[len(_STAFF) :].decode(), _decode(value)))
        elif key.startswith(_CLOCK):
            translator.clocks[key[len(_CLOCK) :].decode()] = _decode(value)
        elif key == _OFFSET:
            version, offset = _decode(value)
            if version != _VERSION:
                raise ValueError(f"state of version {version}; expected {_VERSION}")
    translator.episodes.restore(rows)
    translator.roster.restore(staff)
    return translator, offset


def _row(values: list[Any] | None) -> bytes | None:
    return None if values is None else _encode(values)
