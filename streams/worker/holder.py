"""The partitions that a worker holds: taken over after a rebalance, dropped when revoked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import structlog
from faust.types import TP

from analyzer import TOPICS, Policy
from streams.partitions.checkpoint import Restored
from streams.partitions.held import Held, take_hold
from streams.partitions.partition import Partition
from streams.partitions.recomputing import Recomputing
from streams.partitions.sealing import Opened
from streams.settings import Settings
from streams.worker.other_versions import OtherVersions

FoundRecords = Callable[[int], AbstractContextManager[Mapping[bytes, bytes]]]
"""Gives the records found in the checkpoint topic, by partition number (see `store.Found.taken`).
"""

log = structlog.get_logger("alarm_fatigue")


class Holder:
    """`held` are the partitions that this worker holds, by number."""

    def __init__(
        self,
        app: Any,
        settings: Settings,
        policy: Policy,
        pseudonym: Callable[[str], str],
        found: FoundRecords,
        clock: Callable[[], float],
        other_versions: OtherVersions,
    ) -> None:
        self._app = app
        self._settings = settings
        self.policy = policy
        self._pseudonym = pseudonym
        self._found = found
        self._clock = clock
        self._other_versions = other_versions
        self.held: dict[int, Held] = {}
        self._generation: int | None = None
        """The group's generation in which `held` was last taken over."""
        self.recovered = False
        """Whether the state held is up to date.

        False from the start of a rebalance until all records that others may have stored are read.
        """

    @property
    def partitions(self) -> list[Partition]:
        """The partitions held, by number."""
        return [self.held[number].partition for number in sorted(self.held)]

    def is_ours(self, held: Held) -> bool:
        """Whether this worker may send on behalf of `held`, as far as it knows."""
        return self.recovered and self.held.get(held.partition.number) is held

    def expected_offsets(self) -> dict[TP, int]:
        """The offset at which reading must go on, for each source partition held."""
        held = sorted(self.held.items())
        return {
            TP(topic, number): one.partition.next_offsets.get(topic, 0)
            for number, one in held
            for topic in TOPICS
        }

    def checkpoint_times(self) -> dict[int, float]:
        """When each partition was last stored, in seconds since the epoch.

        Partitions that were never stored are left out.
        """
        return {
            number: held.stored_at
            for number, held in sorted(self.held.items())
            if held.stored_at is not None
        }

    def unstored(self) -> dict[int, int]:
        """Records taken in since the last checkpoint, by partition."""
        return {number: held.unstored for number, held in sorted(self.held.items())}

    def revoked(self, numbers: set[int]) -> None:
        """Drop revoked partitions from memory, and so from /metrics."""
        for number in numbers & self.held.keys():
            del self.held[number]

    async def take_over(self, numbers: set[int]) -> None:
        """After a rebalance: hold exactly these partitions, with the state that recovery found.

        In a generation of the group, a partition has one owner. So nobody else can have held one
        that was ours in the generation just before this.
        """
        generation = self._app.consumer_generation_id
        unbroken = self._generation is not None and generation == self._generation + 1
        try:
            self.revoked(self.held.keys() - numbers)
            for number in sorted(numbers):
                with self._found(number) as found:
                    self.held[number] = take_hold(
                        self.held.get(number),
                        found,
                        self.policy,
                        partial(self._new_partition, number),
                        unbroken,
                    )
                    self.fence(number)
                    if isinstance(found, Opened) and found.outdated:
                        log.info("the stored state is sealed anew", partition=number)
                        self.held[number].partition.changed = True
            self.recovered, self._generation = True, generation
            log.info(
                "partitions held",
                partitions=sorted(numbers),
                episodes=sum(one.engine.held for one in self.partitions),
            )
        except Exception as error:  # Faust drops exceptions of this callback
            log.error("state cannot be restored", error=str(error))
            await self._app.crash(error)

    def fence(self, number: int) -> None:
        """Make the editions of a partition exceed those of versions that this one replaces."""
        outbox = self.held[number].partition.outbox
        outbox.fence(self._other_versions.fence(outbox.generation))

    def _new_partition(self, number: int, restored: Restored) -> Partition:
        settings = self._settings
        if restored.changed_policy:
            log.warning(
                "the policy differs from that of the stored state; finished episodes are "
                "reclassified if needed, but facts refused as late or evicted beyond the old "
                "horizon are not recovered",
                partition=number,
                settings=restored.changed_policy,
            )
        now = round(self._clock() * 1000) if settings.clock == "wall" else None
        recomputing = Recomputing.read(restored.recomputing, now) or Recomputing(now)
        if not restored.next_offsets:
            recomputing.fresh, recomputing.emitted = True, self._other_versions.emitted(number)
        return Partition(
            number,
            settings.partitions,
            restored.engine,
            restored.next_offsets,
            self._pseudonym,
            settings.max_record_bytes,
            restored.outbox,
            recomputing,
            restored.again_before,
        )
