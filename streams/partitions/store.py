"""The Faust table behind checkpoints. Faust declares, assigns and reads its changelog topic; the
table itself stays empty.

Recovery hands the changelog's records to `Found`, which keeps the last record of each key, by
partition. When recovery is complete, the worker builds its state from them. It writes checkpoints
to the same topic itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import faust
import structlog
from faust.stores import memory
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery
from faust.types import TP, EventT

from streams.partitions.checkpoint import CheckpointError, damaged_manifests, is_key
from streams.partitions.sealing import CLEAR, Sealing

OnRevoked = Callable[[set[int]], None]
OnRecovered = Callable[[set[int]], Awaitable[None]]

RECOVERY_RECORDS = 32
"""Changelog records that Faust collects before it hands them on."""
KEY_PREFIX = 16
"""Bytes of a foreign record's key that are logged."""

log = structlog.get_logger("alarm_fatigue")


class Found(memory.Store):
    """The records that recovery found in the changelog, as records[partition][key], and their
    offsets, as offsets[partition][key]. Foreign records are left out.
    """

    def __post_init__(self) -> None:
        super().__post_init__()  # the table as a mapping, which stays empty
        self.records: dict[int, dict[bytes, bytes]] = {}
        self.offsets: dict[int, dict[bytes, int]] = {}

    @contextmanager
    def taken(self, partition: int, sealing: Sealing = CLEAR) -> Iterator[dict[bytes, bytes]]:
        """The records of a partition, opened by `sealing`, which are removed from here.

        A `CheckpointError` raised inside gets the offset of the record.
        """
        records, offsets = self.records.pop(partition, {}), self.offsets.pop(partition, {})
        topic = self.table.changelog_topic_name
        try:
            records = sealing.opened(records, offsets)
            for key, reason in damaged_manifests(records).items():
                _report_foreign(
                    topic,
                    partition,
                    offsets[key],
                    key,
                    len(records[key]),
                    f"no manifest ({reason})",
                )
            yield records
        except CheckpointError as error:
            raise error.at(topic, partition, offsets) from None

    def apply_changelog_batch(
        self,
        batch: Iterable[EventT],
        to_key: Any,  # noqa: ARG002  # Faust's signature
        to_value: Any,  # noqa: ARG002
    ) -> None:
        for event in batch:
            message = event.message
            key, value, number = message.key, message.value, message.partition
            # stands for offsets without records (see `FetchedRecords`)
            if key is None and value is None:
                continue
            if not is_key(key):
                if value is not None:  # else it deletes a foreign record
                    _report_foreign(message.topic, number, message.offset, key, len(value))
            elif value is None:
                self.records.get(number, {}).pop(key, None)
            else:
                self.records.setdefault(number, {})[key] = value
                self.offsets.setdefault(number, {})[key] = message.offset

    async def on_rebalance(
        self,
        assigned: set[TP],  # noqa: ARG002
        revoked: set[TP],
        newly_assigned: set[TP],  # noqa: ARG002
        generation_id: int = 0,  # noqa: ARG002
    ) -> None:
        numbers = {tp.partition for tp in revoked}
        for number in numbers:
            for one in (self.records, self.offsets):
                one.pop(number, None)  # of an interrupted recovery: will be read again
        self.table.on_revoked(numbers)

    async def on_recovery_completed(
        self,
        active_tps: set[TP],
        standby_tps: set[TP],  # noqa: ARG002  # Faust's signature
    ) -> None:
        await self.table.on_recovered({tp.partition for tp in active_tps})


def _report_foreign(
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    size: int,
    is_what: str = "no stored state",
) -> None:
    remedy = (
        "delete it by a record of the same key without a value"
        if key is not None
        else "remove it with kafka-delete-records"
    )
    log.warning(
        f"a record in the checkpoint topic is {is_what} and is ignored; let only workers "
        f"write there, and {remedy}",
        topic=topic,
        partition=partition,
        offset=offset,
        key=None if key is None else key[:KEY_PREFIX].hex(),
        size=size,
    )


class CheckpointTable(faust.Table):
    """A table whose store is `Found`.

    In a rebalance, `on_revoked` is called at once with the partitions that were revoked. When all
    records are read, `on_recovered` is called with the partitions that this worker holds.
    """

    on_revoked: OnRevoked
    on_recovered: OnRecovered

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Records of a checkpoint are long: buffering a thousand of them, Faust's default, would
        # double the memory of a recovery.
        super().__init__(*args, recovery_buffer_size=RECOVERY_RECORDS, **kwargs)

    def _new_store(self) -> Found:
        return Found("memory://", self.app, self, table_name=self.name)


class CurrentRecovery(Recovery):
    """Faust's recovery, which may end after the next rebalance has begun, for example in a worker
    that was suspended.

    The records that it has read are then out of date, and another recovery follows.
    """

    _rebalances = 0

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        self._rebalances = self.app.rebalancing_count  # the client counts them as they begin
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        if (
            self._rebalances != self.app.rebalancing_count
            or generation_id != self.app.consumer_generation_id
        ):
            raise RebalanceAgain
        await super().on_recovery_completed(generation_id)


class Tables(TableManager):
    """Faust's tables, with `CurrentRecovery`. Skips the second at every start in which Faust waits
    for more tables to be declared.
    """

    _recovery: Recovery | None

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = CurrentRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()
