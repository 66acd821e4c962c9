"""Held: a partition that a worker holds, how much of it is stored, and how it is taken over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from analyzer import TOPICS, Engine, Policy, Topic
from streams.partitions.checkpoint import (
    CheckpointError,
    Checkpoints,
    Plan,
    Restored,
    latest_generation,
    new_writer,
    restore,
)
from streams.partitions.outbox import Waiting
from streams.partitions.partition import Partition
from streams.partitions.progress import Standing

CHECK_SECONDS = 10.0
"""How often silent facilities are searched for. A search passes over the facts held at most once.
"""


class Lagging(Protocol):
    """The part of a worker that knows how far it has read."""

    @property
    def partitions(self) -> list[Partition]: ...

    def standing(self) -> Standing: ...

    def lags(self) -> dict[tuple[str, int], int | None]: ...


class Held:
    """A partition that this worker holds."""

    def __init__(self, partition: Partition, checkpoints: Checkpoints) -> None:
        self.partition = partition
        self.checkpoints = checkpoints
        self.stored_at: float | None = None
        self.arrived = 0
        """Records taken in since time was last advanced."""
        self.failed = False
        """Whether a slice was taken in only in part, so that the state must never be stored."""
        self.stored_offsets: dict[Topic, int] = dict(partition.next_offsets)
        self.not_before = 0.0
        """Earliest time (s, monotonic) of the next checkpoint, after the broker refused one."""
        self.refused: str | None = None
        """Why the broker refused the latest checkpoint; None if it did not."""

    @property
    def unstored(self) -> int:
        """Offsets taken in since the last checkpoint, which another worker would read again."""
        return sum(
            end - self.stored_offsets.get(topic, 0)
            for topic, end in list(self.partition.next_offsets.items())
        )

    @property
    def waiting(self) -> Waiting:
        """See `Outbox.waiting`."""
        return self.partition.outbox.waiting

    def not_stored(self, plan: Plan, not_before: float) -> None:
        """The broker refused `plan`: the next checkpoint stores and emits everything again."""
        self.partition.outbox.put_back(plan.episodes)
        self.partition.changed = True
        self.checkpoints = self.checkpoints.after_refusal(new_writer(), plan)
        self.not_before = not_before


class Departures:
    """Makes partitions drop silent facilities; only with the wall clock (`wall`)."""

    def __init__(self, wall: bool) -> None:
        self._wall = wall
        self._checked = -CHECK_SECONDS

    def check(self, work: Lagging, now: float) -> None:
        """Check at most once in `CHECK_SECONDS`; `now` in seconds since 1970.

        Only partitions whose records have all been read are checked.
        """
        if (
            not self._wall
            or abs(now - self._checked) < CHECK_SECONDS
            or not work.standing().settled
        ):
            return
        self._checked, lags = now, work.lags()
        for partition in work.partitions:
            if all(lags.get((topic, partition.number)) == 0 for topic in TOPICS):
                partition.drop_departed(int(now * 1000))


def take_hold(
    before: Held | None,
    found: Mapping[bytes, bytes],
    policy: Policy,
    new_partition: Callable[[Restored], Partition],
    unbroken: bool = False,
) -> Held:
    """A partition after a rebalance.

    `found` holds the records that recovery read from the checkpoint topic: all of them, or only new
    ones if the partition was held `before`. `unbroken`: nobody else can have held it since. Then,
    unless others have written, checkpoints go on and store only what changes. Where nothing is
    emitted, no commit holds back the deletions of others, so everything is stored again. Raises
    `CheckpointError` if the stored state cannot be read.
    """
    if (
        before is not None
        and unbroken
        and not before.partition.outbox.silent
        and before.checkpoints.wrote_all(found)
    ):
        return before
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
    """The state of another worker, if it read further while we did not know that we had lost the
    partition.
    """
    try:
        theirs = restore(found, policy)
    except CheckpointError:  # our own state, whose older parts were read long ago
        return None
    return (
        theirs
        if theirs is not None
        and sum(theirs.next_offsets.values()) > sum(than.next_offsets.values())
        else None
    )
