"""The outbox: pending episodes and overload transitions, emitted exactly once in effect.

An episode must not be sent before the state that produced it is stored; otherwise a crash could
undo it after it was sent. Nor may it be lost if a crash follows the storing. So pending records are
part of the state. Each checkpoint has four steps, each of which is complete before the next:

1. Plan. `emit` hands out all pending records, and the form in which to store them: row numbers for
   episodes that the engine still holds unchanged, and complete records for all others. From now on,
   new episodes are pending for the next checkpoint.
2. Store. The shards, then the manifest, are written to the compacted checkpoint topic.
3. Send. If the group still accepts commits from this worker, the records are sent.
4. Delete. Records that the manifest superseded are deleted.

After a crash

- before the manifest was stored, the previous state is restored. The records that follow it are
  read again and produce the same episodes. Nothing of the planned checkpoint was sent.
- at any later point, the stored state and its outbox are restored. All records of that checkpoint
  are pending again, and are sent after the first checkpoint of the new worker. Records may arrive
  twice, with the same content.
- after the next checkpoint was stored, its own outbox has replaced this one.

A worker that only lost its partition, for example because it was suspended, puts back the records
that it did not send. If it still owns the partition, they are sent with the next checkpoint;
otherwise its successor has restored them.

Such a worker may also send a batch late, after its successor has sent newer versions. Therefore
each record carries the generation of its checkpoint as a fencing token (header `edition`, a decimal
number). It grows with each checkpoint of a partition, whichever worker writes it. Of several
records about one episode or one transition, the greatest generation counts, and among equal
generations the last record. Consumers that follow this rule see each version of an episode once, in
effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from analyzer import NOTHING_FINISHED, Engine, Finished, ShardKey
from analyzer.arrays import distinct
from streams.formats.sinks import encode_change, encode_episodes, without_clinician
from streams.kafka.outgoing import Headers, Outgoing, with_headers

GENERATION_HEADER = "edition"
"""The header that holds the generation, on records of `episodes` and `overload`."""
OUTBOX_SHARD: ShardKey = ("said", 0)
"""The shard that stores the outbox, next to the engine's shards."""

_new = tuple.__new__  # a named tuple's own constructor takes three times as long


class Waiting(NamedTuple):
    """Records that wait to be sent, and the bytes of their values."""

    episodes: int = 0
    size: int = 0


class StoredOutbox(NamedTuple):
    """The outbox of a stored state: rows of episodes that the engine holds, and complete
    records.
    """

    rows: list[int] = []  # noqa: RUF012  # never changed
    records: list[Outgoing] = []  # noqa: RUF012  # never changed
    generation: int = 0
    """The greatest generation that any writer has used."""

    @classmethod
    def read(cls, content: Any, generation: int) -> StoredOutbox:
        """From a shard's `content`, which is None if the checkpoint had nothing to emit."""
        rows, records = content or ([], [])
        plain = [Outgoing(topic, key, value) for topic, key, value, _ in records]
        return cls(rows, plain, generation)


class Emission(NamedTuple):
    """The records that a checkpoint must emit."""

    records: list[Outgoing]
    """To be sent once the checkpoint is stored, with the generation as a header."""
    stored: Any
    """To be stored with it, in plain values (see `StoredOutbox.read`); None if nothing."""


NOTHING_STORED = StoredOutbox()


class Outbox:
    """The pending records of one partition; those of `restored` are pending from the start."""

    def __init__(
        self,
        engine: Engine,
        pseudonym: Callable[[str], str],
        restored: StoredOutbox = NOTHING_STORED,
    ) -> None:
        self._engine = engine
        self._pseudonym = pseudonym
        self.generation = restored.generation
        """The generation of the latest planned checkpoint, of this worker or an earlier one."""
        self._pending: list[Outgoing] = list(restored.records)
        self._finished: list[Finished] = []
        """The episodes at the end of `_pending`, as the engine gave them. The records before them
        were restored or put back.
        """
        self._size = _size(self._pending)
        self._in_flight = Waiting()
        self.silent = False
        """Whether nothing is emitted: see `streams.partitions.recomputing`."""
        self.add(engine.records_at(np.array(restored.rows, dtype=np.int64)))
        self._restored = len(self._pending)

    def add(self, episodes: Finished) -> None:
        """Add finished episodes, to be emitted with the next checkpoint."""
        if not len(episodes) or self.silent:
            return
        keys = {facility: facility.encode() for facility in set(episodes.columns[0])}
        of_facility = map(keys.__getitem__, episodes.columns[0])
        values = encode_episodes(episodes, self._pseudonym)
        self._pending += map(
            partial(_new, Outgoing), zip(repeat("episodes"), of_facility, values, repeat(Headers()))
        )
        self._size += sum(map(len, values))
        self._finished.append(episodes)

    @property
    def pending(self) -> Waiting:
        """The records that wait for the next plan."""
        return Waiting(len(self._pending), self._size)

    @property
    def waiting(self) -> Waiting:
        """The records that are pending or part of a checkpoint under way."""
        in_flight = self._in_flight
        return Waiting(len(self._pending) + in_flight.episodes, self._size + in_flight.size)

    @property
    def new_episodes(self) -> int:
        """How many records are pending, without those that were most likely sent before
        a restart.
        """
        return len(self._pending) - self._restored

    def emit(self) -> Emission:
        """Take all pending records and the overload transitions to emit, as the next generation.

        Episodes that the engine still holds unchanged are stored as row numbers. All other records
        are stored complete: replaced versions, evicted alarms, and transitions.
        """
        self.generation += 1
        self._in_flight = self.pending
        if self.silent:
            return Emission([], None)
        transitions = [
            Outgoing("overload", one.change.facility.encode(), encode_change(one, self._pseudonym))
            for one in self._engine.emit_changes()
        ]
        pending, finished = self._pending, [*self._finished, NOTHING_FINISHED]
        self._pending, self._finished, self._restored, self._size = [], [], 0, 0
        if not pending and not transitions:
            return Emission([], None)
        rows = np.concatenate([one.rows for one in finished])
        digests = np.concatenate([one.digests for one in finished])
        current = self._engine.still_current(rows, digests)
        others = len(pending) - len(rows)
        replaced = [others + number for number in np.flatnonzero(~current).tolist()]
        whole = [*pending[:others], *map(pending.__getitem__, replaced), *transitions]
        headers = [(GENERATION_HEADER, b"%d" % self.generation)]
        return Emission(
            with_headers(pending + transitions, headers),
            [distinct(rows[current]).tolist(), whole],
        )

    def erase(self, facility: str, clinician: str) -> None:
        """Take a clinician of a facility out of the pending records; the clinician's own changes
        of state are not sent at all.
        """
        kept: list[Outgoing] = []
        key, restored = facility.encode(), self._restored
        for number, one in enumerate(self._pending):
            value = one.value
            if one.key == key and value is not None:
                value = without_clinician(one.topic, value, self._pseudonym, clinician)
            if value is not None:
                kept.append(one._replace(value=value))
            elif number < restored:
                self._restored -= 1
        self._pending, self._size = kept, _size(kept)

    def emitted(self) -> None:
        """The checkpoint under way has ended: its records were sent or put back."""
        self._in_flight = Waiting()

    def put_back(self, records: list[Outgoing]) -> None:
        """Make records that were not sent pending again, before all others."""
        self._pending[:0] = records
        self._size += _size(records)

    def fence(self, generation: int) -> None:
        """Make later generations greater than `generation`, which another writer has used.

        Another writer may be a worker of another state version (see
        `streams.kafka.state_version.first_edition`).
        """
        self.generation = max(self.generation, generation)


def _size(records: Iterable[Outgoing]) -> int:
    return sum(len(one.value or b"") for one in records)
