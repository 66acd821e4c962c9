"""The outbox: episodes and overload transitions on their way out, emitted exactly once in effect.

An episode must not be sent before the state that it follows from is stored, or a crash could take
back what was sent. And it must not be lost if a crash comes after that. So what is pending belongs
to the state, and each checkpoint goes through four steps, each complete before the next:

1. Planning. `emit` hands out everything pending, and what to store of it: the rows of episodes that
   the engine still holds unchanged, and all other records whole. From this moment on, new episodes
   are pending for the next checkpoint.
2. Storing. Shards, then the manifest, are written to the compacted checkpoint topic.
3. Sending. If the group still takes commits from this worker, the records are sent.
4. Deleting. What the manifest superseded is deleted.

After a crash,

- before the manifest is stored, the state before it is restored. The records that follow it are
  read again and give the same episodes. Nothing of the planned checkpoint was sent.
- after that, at whatever point of sending, the stored state is restored, and with it this outbox:
  everything that the checkpoint had to emit is pending again, and sent again after the first
  checkpoint of the new worker. Records may arrive twice, with the same content.
- once the next checkpoint is stored, its own outbox has replaced this one.

A worker that only lost its partition (it was suspended, say) puts back what it did not send. If the
partition is still its own, that goes out with the next checkpoint; otherwise its successor has
restored it.

Such a worker may also send a batch late, after its successor has sent newer versions. Therefore
each record carries the generation of its checkpoint as a fencing token (header `edition`, a decimal
number). It grows from each checkpoint of a partition to the next, whoever writes it. Of several
records about one episode, or one transition, the greatest generation counts, and the last of those.
Consumers that keep to this see each version of an episode once, in effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from analyzer import NOTHING_FINISHED, Engine, Finished, ShardKey
from analyzer.arrays import distinct
from streams.formats.sinks import encode_change, encode_episodes
from streams.kafka.outgoing import Headers, Outgoing, with_headers

GENERATION_HEADER = "edition"
"""The header of records of `episodes` and `overload` that holds their generation."""
OUTBOX_SHARD: ShardKey = ("said", 0)
"""Where a checkpoint stores its outbox, among the engine's shards."""

_new = tuple.__new__  # a named tuple's own constructor takes three times as long


class Waiting(NamedTuple):
    """Records that wait to be sent, and the bytes of their values."""

    episodes: int = 0
    size: int = 0


class StoredOutbox(NamedTuple):
    """The outbox of a stored state: rows of episodes that the engine holds, and other records."""

    rows: list[int] = []  # noqa: RUF012  # never changed
    records: list[Outgoing] = []  # noqa: RUF012  # never changed
    generation: int = 0
    """The greatest that any writer has used."""

    @classmethod
    def read(cls, content: Any, generation: int) -> StoredOutbox:
        """From a shard's `content`; None if the checkpoint had nothing to emit."""
        rows, records = content or ([], [])
        plain = [Outgoing(topic, key, value) for topic, key, value, _ in records]
        return cls(rows, plain, generation)


class Emission(NamedTuple):
    """What a checkpoint has to emit."""

    records: list[Outgoing]
    """To be sent once the checkpoint is stored, with the generation as a header."""
    stored: Any
    """To be stored with it, in plain values (see `StoredOutbox.read`); None: nothing."""


NOTHING_STORED = StoredOutbox()


class Outbox:
    """What one partition has to emit, from `engine`; `restored` is pending from the start."""

    def __init__(
        self,
        engine: Engine,
        pseudonym: Callable[[str], str],
        restored: StoredOutbox = NOTHING_STORED,
    ) -> None:
        self._engine = engine
        self._pseudonym = pseudonym
        self.generation = restored.generation
        """Of the latest checkpoint planned, by whichever worker."""
        self._pending: list[Outgoing] = list(restored.records)
        self._finished: list[Finished] = []
        """The last of `_pending`: episodes that `engine` gave. The records before them are those
        restored or put back."""
        self._size = _size(self._pending)
        self._in_flight = Waiting()
        self.add(engine.records_at(np.array(restored.rows, dtype=np.int64)))
        self._restored = len(self._pending)

    def add(self, episodes: Finished) -> None:
        """Have finished episodes pending for the next checkpoint."""
        if not len(episodes):
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
        """What waits for the next checkpoint to be planned."""
        return Waiting(len(self._pending), self._size)

    @property
    def waiting(self) -> Waiting:
        """What is pending, or in the hands of a checkpoint under way."""
        in_flight = self._in_flight
        return Waiting(len(self._pending) + in_flight.episodes, self._size + in_flight.size)

    @property
    def new_episodes(self) -> int:
        """How many records are pending, not counting those that most likely were sent before a
        restart.
        """
        return len(self._pending) - self._restored

    def emit(self) -> Emission:
        """Take everything pending, and the overload transitions to emit, for the next generation.

        Stored are the rows of those episodes that the engine still holds unchanged. All else is
        stored whole: versions since replaced, alarms since dropped, transitions.
        """
        self.generation += 1
        self._in_flight = self.pending
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

    def emitted(self) -> None:
        """The checkpoint under way has come to its end: what it took was sent, or put back."""
        self._in_flight = Waiting()

    def put_back(self, records: list[Outgoing]) -> None:
        """Have records that were not sent after all pending again, before all others."""
        self._pending[:0] = records
        self._size += _size(records)

    def fence(self, generation: int) -> None:
        """Have all later generations be greater than this one, which another writer has used."""
        self.generation = max(self.generation, generation)


def _size(records: Iterable[Outgoing]) -> int:
    return sum(len(one.value or b"") for one in records)
