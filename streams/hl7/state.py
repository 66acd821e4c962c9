"""State: stores a translator in a compacted topic, and restores it.

Each open alarm, assignment and sender's clock is one record. One more record has the next offset to
read. They are written in one transaction with the facts, so a reader of committed records sees all
of them or none.

Values are encrypted like the worker's state, because assignments name clinicians. The key of an
assignment's record is a keyed hash, because the assignment's own key may name a clinician, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from analyzer.hl7 import Profiles, Translator
from streams.partitions.checkpoint import RECOMPUTE
from streams.partitions.sealing import CLEAR, Sealing

_VERSION = 2
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_ALARM, _STAFF, _CLOCK, _OFFSET = b"alarm:", b"staff:", b"clock:", b"offset"

Record = tuple[bytes, bytes | None]


class State:
    """The records of one partition's translator. `sealing` encrypts and decrypts their values."""

    def __init__(self, sealing: Sealing = CLEAR) -> None:
        self._sealing = sealing
        self._stale: set[bytes] = set()
        """Keys of records stored unencrypted or with an older key, until they are deleted."""

    def changes(self, translator: Translator, offset: int) -> list[Record]:
        """The records that changed since they were stored, and the next offset to read."""
        records = self._sealing.sealed(list(self._changed(translator, offset)))
        written = {key for key, _ in records}
        return [*((key, None) for key in sorted(self._stale - written)), *records]

    def _changed(self, translator: Translator, offset: int) -> Iterator[Record]:
        episodes, roster = translator.episodes, translator.roster
        for key in sorted(episodes.changed):
            yield _ALARM + key.encode(), _row(episodes.stored(key))
        for key in sorted(roster.changed):
            row = roster.stored(key)
            yield self._staff(key), _row(None if row is None else [key, row])
        for sender in sorted(translator.changed_clocks):
            yield _CLOCK + sender.encode(), _encode(translator.clocks[sender])
        yield _OFFSET, _encode([_VERSION, offset])

    def stored(self, translator: Translator) -> None:
        """Note that the changes were stored."""
        translator.episodes.changed.clear()
        translator.roster.changed.clear()
        translator.changed_clocks.clear()
        self._stale.clear()

    def restored(
        self, records: Iterable[Record], profiles: Profiles
    ) -> tuple[Translator, int | None]:
        """The translator of a partition and the next offset to read; None: nothing was stored.

        State that was stored unencrypted or with an older key counts as changed, so it is encrypted
        again with the next messages. Raises `CheckpointError` for state of an unknown key, and
        `ValueError` for state that cannot be read.
        """
        latest: dict[bytes, bytes] = {}
        for key, value in records:
            if value is None:
                latest.pop(key, None)
            else:
                latest[key] = value
        opened = self._sealing.opened(latest)
        translator = Translator(profiles)
        offset: int | None = None
        if _OFFSET in opened:
            version, offset = _decode(opened[_OFFSET])
            if version != _VERSION:
                raise ValueError(f"state of version {version}; expected {_VERSION}: {RECOMPUTE}")
        rows: list[list[Any]] = []
        staff: list[tuple[str, list[Any]]] = []
        for key, value in opened.items():
            if key.startswith(_ALARM):
                rows.append(_decode(value))
            elif key.startswith(_STAFF):
                name, row = _decode(value)
                staff.append((name, row))
            elif key.startswith(_CLOCK):
                translator.clocks[key[len(_CLOCK) :].decode()] = _decode(value)
        translator.episodes.restore(rows)
        translator.roster.restore(staff)
        if opened.outdated:
            translator.episodes.changed.update(translator.episodes.rows)
            translator.roster.changed.update(translator.roster.open)
            translator.changed_clocks.update(translator.clocks)
            self._stale = set(opened)
        return translator, offset

    def _staff(self, key: str) -> bytes:
        return _STAFF + self._sealing.name(key.encode())


def _row(values: list[Any] | None) -> bytes | None:
    return None if values is None else _encode(values)
