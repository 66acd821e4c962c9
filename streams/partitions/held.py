"""Held: a partition in a worker's hands, what of it is stored, and how it gets there after a
rebalance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from analyzer import TOPICS, Engine, Policy, Topic
from streams.kafka.outgoing import Outgoing
from streams.partitions.checkpoint import (
    CheckpointError,
    Checkpoints,
    Restored,
    latest_generation,
    new_writer,
    restore,
)
from streams.partitions.outbox import Waiting
from streams.partitions.partition import Partition
from streams.partitions.progress import Standing

CHECK_SECONDS = 10.0
"""How often silent facilities are looked for: a look costs a sweep of what is held at most."""


class Lagging(Protocol):
    """The part of a worker that knows how far it has read."""

    @property
    def partitions(self) -> list[Partition]: ...

    def standing(self) -> Standing: ...

    def lags(self) -> dict[tuple[str, int], int | None]: ...


class Held:
    """A partition in this worker's hands."""

    def __init__(self, partition: Partition, checkpoints: Checkpoints) -> None:
        self.partition = partition
        self.checkpoints = checkpoints
        self.stored_at: float | None = None
        self.arrived = 0
        """Records since time was last moved."""
        self.failed = False
        """Whether it holds half a slice, and must never be stored again."""
        self.stored_offsets: dict[Topic, int] = dict(partition.next_offsets)
        self.not_before = 0.0
        """When it is stored again (s, monotonic) after the broker refused a checkpoint."""
        self.refused: str | None = None
        """Why the broker refused the latest checkpoint; None if it did not."""

    @property
    def unstored(self) -> int:
        """Offsets taken in since the last checkpoint: what the next worker reads again."""
        return sum(
            end - self.stored_offsets.get(topic, 0)
            for topic, end in list(self.partition.next_offsets.items())
        )

    @property
    def waiting(self) -> Waiting:
        """See `Outbox.waiting`."""
        return self.partition.outbox.waiting

    def not_stored(self, episodes: list[Outgoing], not_before: float) -> None:
        """A checkpoint that was planned cannot be stored: the next one stores everything, and says
        it then.
        """
        self.partition.outbox.put_back(episodes)
        self.partition.changed = True
        self.checkpoints = self.checkpoints.renewed(new_writer())
        self.not_before = not_before


class Departures:
    """Has partitions drop silent facilities. `wall`: whether the worker goes by the wall clock."""

    def __init__(self, wall: bool) -> None:
        self._wall = wall
        self._looked = -CHECK_SECONDS

    def check(self, work: Lagging, now: float) -> None:
        """Look at most once in `CHECK_SECONDS`; `now` in seconds since 1970.

        Only partitions of which everything written was read are looked at.
        """
        if not self._wall or abs(now - self._looked) < CHECK_SECONDS or not work.standing().settled:
            return
        self._looked, lags = now, work.lags()
        for partition in work.partitions:
            if all(lags.get((topic, partition.number)) == 0 for topic in TOPICS):
                partition.let_go(int(now * 1000))


def take_hold(
    before: Held | None,
    found: Mapping[bytes, bytes],
    policy: Policy,
    new_partition: Callable[[Restored], Partition],
) -> Held:
    """A partition after a rebalance.

    `found` is what recovery read of the checkpoint topic: everything, or of a partition held
    `before` what is new. Raises `CheckpointError` where the stored state cannot be read.
    """
    writer = new_writer()
    if before is None:
        return Held(
            new_partition(restore(found, policy) or Restored(Engine(policy), {})),
            Checkpoints(writer, found),
        )
    theirs = _further(found, before.partition, policy)
    if theirs is not None:
        return Held(new_partition(theirs), Checkpoints(writer, found))
    before.checkpoints = before.checkpoints.renewed(writer, found)
    before.partition.outbox.fence(latest_generation(found))
    return before


def _further(found: Mapping[bytes, bytes], than: Partition, policy: Policy) -> Restored | None:
    """The state of others who got further with a partition while we did not hear that we had lost
    it.
    """
    try:
        theirs = restore(found, policy)
    except CheckpointError:  # ours, whose older parts were read long ago
        return None
    return (
        theirs
        if theirs is not None
        and sum(theirs.next_offsets.values()) > sum(than.next_offsets.values())
        else None
    )
