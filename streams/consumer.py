"""Faust's Kafka consumer, without the ways in which it loses records around a rebalance (as of faust-streaming 0.15.3).

Fetching moves the position at once, so whatever is fetched must be delivered, or be sought again. Faust seeks to what the
group has committed, which says nothing where nothing was committed yet; and it hands the fetch a live set of the partitions
wanted, which an end of recovery empties in the middle of the fetch - and no partitions means all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faust.transport.drivers.aiokafka as driver
from faust.types import TP


class Consumer(driver.Consumer):
    """Delivers every record that it fetches, and after a rebalance begins where the group has committed, or else at the beginning."""

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        return await super()._getmany(active_partitions and set(active_partitions), timeout)

    async def _wait_next_records(self, timeout: float) -> Any:
        records, _ = await super()._wait_next_records(timeout)
        return records, None  # none to be left out: what is no longer wanted was not asked for

    async def seek_to_committed(self) -> Mapping[TP, int | None]:
        committed: Mapping[TP, int | None] = await super().seek_to_committed()
        unread = [place for place, offset in committed.items() if not offset and not self._is_changelog_tp(place)]
        if unread:
            await self._thread.seek_to_beginning(*unread)
        return committed

    def highwater(self, tp: TP) -> int | None:
        """The offset of the record that comes next; None where it is not known, or the partition just not assigned."""
        try:
            highwater: int | None = super().highwater(tp)
        except AssertionError:  # aiokafka's way to say that it is not assigned
            return None
        return highwater


class Transport(driver.Transport):
    Consumer = Consumer
