"""A value is given again exactly as long as the rule of `streams.metrics.freshness` allows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from streams.metrics.freshness import Freshness
from streams.partitions.partition import Partition
from tests.harness.exposition import FakeEngine, FakeWorker, ward


class Taker:
    """Numbers the values that it takes; `let` holds the taking back."""

    def __init__(self, reuse: float = 10.0, **more: Any) -> None:
        self.engine = FakeEngine(ward())
        self.worker = FakeWorker(self.engine)
        self.now = 0.0
        self.taken = 0
        self.let = asyncio.Event()
        self.let.set()
        self.fresh: Freshness[str, int] = Freshness(self.worker, reuse, lambda: self.now, **more)

    async def take(self, partitions: Sequence[Partition]) -> int:
        assert partitions == self.worker.partitions
        self.taken += 1
        number = self.taken
        await self.let.wait()
        return number

    async def get(self, key: str = "", **more: Any) -> int:
        return await self.fresh.get(key, self.take, **more)


def test_a_changed_state_is_reused_while_younger_than_reuse() -> None:
    async def main() -> None:
        of = Taker()
        found = [await of.get()]
        of.engine.change(ward())
        for of.now in (9.9, 10.0, 19.9):
            found.append(await of.get())
        assert found == [1, 1, 2, 2]

    asyncio.run(main())


def test_an_unchanged_state_is_reused_however_old_unless_more_than_it_counts() -> None:
    async def main() -> None:
        always, by_age = Taker(), Taker(while_unchanged=False)
        for one in (always, by_age):
            await one.get()
            one.now = 1e6
        assert [await always.get(), await by_age.get()] == [1, 2]

    asyncio.run(main())


def test_other_partitions_are_another_state() -> None:
    async def main() -> None:
        of = Taker()
        await of.get()
        of.worker.hold(FakeEngine(ward()))
        assert await of.get() == 2

    asyncio.run(main())


@pytest.mark.parametrize("requests", [2, 50])
def test_all_who_wait_share_the_next_snapshot(requests: int) -> None:
    """One that was begun before a request arrived does not serve it; the one after serves all."""

    async def main() -> None:
        of = Taker(reuse=0.0)
        of.let.clear()
        first = asyncio.create_task(of.get())
        await asyncio.sleep(0)
        of.engine.change(ward())
        others = [asyncio.create_task(of.get()) for _ in range(requests)]
        await asyncio.sleep(0)
        of.let.set()
        assert await first == 1
        assert await asyncio.gather(*others) == [2] * requests

    asyncio.run(main())


def test_a_value_that_has_become_unusable_is_computed_again() -> None:
    async def main() -> None:
        of = Taker()
        await of.get()
        assert await of.get(usable=lambda value: value > 1) == 2
        assert await of.get() == 2

    asyncio.run(main())


def test_the_key_that_was_asked_for_longest_ago_is_dropped_first() -> None:
    async def main() -> None:
        of = Taker(most=2)
        assert [await of.get(key) for key in "abacab"] == [1, 2, 1, 3, 1, 4]

    asyncio.run(main())


def test_a_failure_keeps_no_value_and_the_next_request_tries_again() -> None:
    async def main() -> None:
        of = Taker(reuse=0.0)
        await of.get()

        async def fail(_: Sequence[Partition]) -> int:
            raise LookupError

        of.engine.change(ward())
        with pytest.raises(LookupError):
            await of.fresh.get("", fail)
        assert await of.get() == 2

    asyncio.run(main())
