"""The batch transport: Faust's Kafka consumer, which fetches, passes on and seeks source records by
the slice.

Faust itself creates four asyncio tasks for every record. Here, one message carries a `Slice` of
thousands. Faust still handles groups, assignment, rebalancing and recovery, whose changelog records
are read one by one.

Four rules keep reading exact. (They rely on internals of faust-streaming 0.15 and aiokafka 0.14,
which tests check.)

- *The state determines where reading continues.* After a rebalance, and whenever fetched data may
  have been lost, the consumer seeks to the offsets that the state expects. Committed offsets of the
  group are information for others and are not used here.
- *A seek begins a new epoch.* Slices of earlier epochs are void, wherever they are.
- *Slices are contiguous.* The client moves a position by itself only if the broker no longer has
  the requested record; the next slice is then marked as moved.
- *Only committed records of sources count.* Fetches of sources request no others. Changelogs are
  read to their end, because a foreign open transaction must not hide checkpoints.

Memory is bounded: for each topic-partition, there is one fetch in the client, one inflated batch
and one waiting slice, and the agent has a few slices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from time import monotonic
from typing import Any

import faust.transport.drivers.aiokafka as driver
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, FetchResult
from aiokafka.errors import ConsumerStoppedError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.types import TP, ConsumerMessage

from analyzer import TOPICS, Topic
from streams.kafka.fetched import install
from streams.kafka.naming import Naming
from streams.kafka.slices import Backlog, Place, Reach, Slice

install()

IDLE_FETCH_MS = 500
BUSY_FETCH_MS = 10
"""How long the broker waits for something new before it answers a fetch with nothing."""
REBALANCING_SECONDS = 0.01
"""How often the end of a rebalance is checked."""
SLICES_IN_HAND = 2
"""Slices passed on and not yet finished: the one being processed, and the next one."""
COMMIT_SECONDS = 5.0
"""How long a commit may take. Nothing depends on it."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread in which aiokafka's consumer lives."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expected: dict[TP, int] = {}
        """The next offset of each source partition, after the last seek or slice."""
        self._epoch = -1
        """The epoch of the last seek.

        A fetch that was requested in another epoch must not move positions, because its slices
        would be dropped.
        """
        self._suspects: dict[TP, int] = {}
        """Offsets of batches with a wrong checksum, which are fetched once more."""

    @property
    def names(self) -> Naming:
        return self.app.names  # type: ignore[no-any-return]

    async def on_start(self) -> None:
        await super().on_start()
        fetcher = self._consumer._fetcher
        # The client has one fetch under way at a time, for the partitions without waiting data.
        # Partitions with waiting data must not delay the fetch of the others.
        fetcher._prefetch_backoff = 0
        plan = fetcher._get_actions_per_node

        def plan_fetch(assignment: Any) -> Any:
            fetcher._fetch_max_wait_ms = self._fetch_wait_ms(fetcher._records)
            recovering = self.app.in_recovery
            fetcher._isolation_level = READ_UNCOMMITTED if recovering else READ_COMMITTED
            try:
                requests, *rest = plan(assignment)
            finally:
                # for requests for the end of a changelog
                fetcher._isolation_level = READ_UNCOMMITTED
            return (self._of_changelogs(requests) if recovering else requests, *rest)

        fetcher._get_actions_per_node = plan_fetch

    def _fetch_wait_ms(self, waiting: Collection[TP]) -> int:
        """How long the broker may wait in the next fetch, while `waiting` partitions have unread
        data.

        A long fetch of idle partitions must not delay those that are being read. In recovery, these
        are changelogs, each fetch of which would take half a second because of idle sources. Later,
        changelogs are not read, and a fetch of them would always wait.
        """
        busy = self.app.in_recovery or not self._expected.keys().isdisjoint(waiting)
        return BUSY_FETCH_MS if busy else IDLE_FETCH_MS

    async def seek_sources(self, offsets: Mapping[TP, int], epoch: int) -> None:
        """Begin `epoch` at `offsets`. Changelogs do not move: a recovery may have begun to read
        them.
        """
        await self.call_thread(self._seek_sources, offsets, epoch)

    async def _seek_sources(self, offsets: Mapping[TP, int], epoch: int) -> None:
        self._epoch = epoch
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        self._expected = {tp: offset for tp, offset in offsets.items() if tp in assigned}
        for tp, offset in self._expected.items():
            consumer.seek(TopicPartition(*tp), offset)

    async def fetch_slices(
        self, wanted: set[TP], timeout: float, epoch: int
    ) -> tuple[list[Slice], dict[Place, Reach]]:
        """At most one slice of each of the `wanted` partitions, and how far all partitions are
        read.

        Waits up to `timeout` seconds for the first one.
        """
        found: tuple[list[Slice], dict[Place, Reach]] = await self.call_thread(
            self._fetch_slices, wanted, timeout, epoch
        )
        return found

    async def _fetch_slices(
        self, wanted: set[TP], timeout: float, epoch: int
    ) -> tuple[list[Slice], dict[Place, Reach]]:
        consumer = self._ensure_consumer()
        fetcher = consumer._fetcher
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError
        with fetcher._subscriptions.fetch_context():
            slices = self._read(fetcher, wanted, epoch)
            if not slices:
                waiter = fetcher._create_fetch_waiter()
                await asyncio.wait([waiter], timeout=timeout)
                if waiter.done():
                    waiter.result()  # raises critical errors
                    slices = self._read(fetcher, wanted, epoch)
                else:
                    waiter.cancel()
            return slices, self._reached(fetcher)

    def _read(self, fetcher: Any, wanted: set[TP], epoch: int) -> list[Slice]:
        """Like aiokafka's `Fetcher.fetched_records`, but by slices, and with checks of
        positions.
        """
        slices: list[Slice] = []
        if (
            epoch != self._epoch
            or fetcher._subscriptions.reassignment_in_progress
            or not self.consumer.flow_active
        ):
            return slices
        for tp in wanted & self._expected.keys():
            result = fetcher._records.get(tp)
            if result is None:
                continue
            if type(result) is not FetchResult:
                if slices:
                    break  # return these first: raising would lose them
                del fetcher._records[tp]
                fetcher._notify(fetcher._wait_consume_future)
                result.check_raise()
            if not result.check_assignment(tp):  # sought meanwhile
                del fetcher._records[tp]
                fetcher._notify(fetcher._wait_consume_future)
                continue
            records = result._partition_records
            moved = records.next_fetch_offset != self._expected[tp]
            records.suspect = self._suspects.get(tp)
            one = records.read_slice(
                fetcher._subscriptions.subscription.assignment.state_value(tp).highwater,
                epoch,
                moved,
            )
            result._update_position()
            if records.done:
                del fetcher._records[tp]
                fetcher._notify(fetcher._wait_consume_future)
                if records.doubtful:
                    self._suspects[tp] = one.next_offset
                else:
                    self._suspects.pop(tp, None)
            self._expected[tp] = one.next_offset
            if one.begin < one.next_offset:
                slices.append(replace(one, topic=self.names.known(one.topic)))
        return slices

    def _reached(self, fetcher: Any) -> dict[Place, Reach]:
        subscription = fetcher._subscriptions.subscription
        if subscription is None or subscription.assignment is None:
            return {}
        states = {tp: subscription.assignment.state_value(tp) for tp in self._expected}
        return {
            Place(*self.names.place_known(tp)): Reach(state.position, _readable_end(state))
            for tp, state in states.items()
            if state is not None and state.has_valid_position
        }

    def ends(self, tp: TP) -> tuple[int, int] | None:
        """The end of a partition for readers, and its end with open transactions.

        None if it is not known, or if the partition is not assigned.
        """
        subscription = self._ensure_consumer()._subscription.subscription
        if (
            subscription is None
            or subscription.assignment is None
            or tp not in subscription.assignment.tps
        ):
            return None
        state = subscription.assignment.state_value(tp)
        readable = _readable_end(state)
        return None if readable is None else (readable, state.highwater)

    async def commit_offsets(self, offsets: Mapping[TP, int], note: str) -> bool:
        """Commit `offsets`, with a `note` as their metadata. Returns whether the group accepted
        them; it accepts only its members.
        """
        return bool(await self.call_thread(self._commit_offsets, offsets, note))

    async def _commit_offsets(self, offsets: Mapping[TP, int], note: str) -> bool:
        consumer = self._ensure_consumer()
        ours = {
            TopicPartition(*tp): OffsetAndMetadata(offset, note)
            for tp, offset in offsets.items()
            if tp in consumer.assignment()
        }
        if len(ours) < len(offsets):
            return False
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await consumer.commit(ours)
        except (KafkaError, TimeoutError) as error:  # the next one may succeed
            self.log.info("commit: %r", error)
            return False
        return True

    def last_answer(self) -> float | None:
        """When the broker last answered a fetch, in seconds since the epoch; None before that."""
        subscription = self._ensure_consumer()._subscription.subscription
        if subscription is None or subscription.assignment is None:
            return None
        states = [subscription.assignment.state_value(tp) for tp in subscription.assignment.tps]
        return max((state.timestamp / 1000 for state in states if state.timestamp), default=None)

    def partition_counts(self, topics: Iterable[Topic]) -> dict[Topic, int]:
        """See `Consumer.partition_counts`."""
        if self._consumer is None:
            return {}
        known, called = self._consumer._client.cluster.partitions_for_topic, self.names.called
        return {topic: len(found) for topic in topics if (found := known(called(topic)))}

    def connections(self) -> list[Any]:
        """The client's open connections; none before it has started."""
        return [] if self._consumer is None else list(self._consumer._client._conns.values())

    def _of_changelogs(self, requests: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
        """Fetch requests without the source topics, which are not read in recovery."""
        sources = set(map(self.names.called, TOPICS))
        for _, request in requests:
            request._topics = [one for one in request.topics if one[0] not in sources]
        return [(node, request) for node, request in requests if request.topics]


def _readable_end(state: Any) -> int | None:
    """The end of a partition for readers of committed records; beyond it, transactions are open."""
    end: int | None = state.highwater
    return end if end is None or state.lso is None or state.lso < 0 else min(end, state.lso)


class Consumer(driver.Consumer):
    """Passes on source records by slices, with the topics of a partition merged by record time, and
    changelog records one by one.

    Its callers and its slices use the service's names of topics, Faust and the client the broker's.
    """

    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.epoch = 0
        self.backlog = Backlog(self.app.work.reader.held_since)
        self._in_hand = 0
        self._room = asyncio.Event()
        self._room.set()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # -- slices out

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        # Copy Faust's set, which the end of recovery would empty during a fetch; an empty set would
        # mean all partitions.
        active = set(active_partitions or ())
        changelogs = {tp for tp in active if self._is_changelog_tp(tp)}
        if changelogs or not active:
            return await super()._getmany(changelogs, timeout) if changelogs else {}
        one = await self._next_slice(active, timeout)
        return {} if one is None else {self._called(one.place): [one]}

    def _called(self, place: tuple[str, int]) -> TP:
        """A topic-partition under the broker's name of its topic."""
        return TP(self.app.names.called(place[0]), place[1])

    async def _next_slice(self, active: set[TP], timeout: float) -> Slice | None:
        # Faust empties its buffers again at the end of a rebalance, after the seek
        if self.app.rebalancing:
            await asyncio.sleep(REBALANCING_SECONDS)
            return None
        epoch = self.epoch
        if not self._room.is_set():
            try:
                await asyncio.wait_for(self._room.wait(), timeout)
            except TimeoutError:
                return None
        one = self.backlog.take(monotonic())
        if one is None:
            known: Any = self.app.names.known
            wanted = self.backlog.wanted((known(topic), number) for topic, number in active)
            slices, reached = await self._thread.fetch_slices(
                set(map(self._called, wanted)), self.backlog.fetch_seconds(timeout), epoch
            )
            if epoch != self.epoch:
                return None
            self.backlog.add(slices, reached)
            one = self.backlog.take(monotonic())
        if one is not None:
            self._in_hand += 1
            if self._in_hand >= SLICES_IN_HAND:
                self._room.clear()
        return one

    async def _wait_next_records(self, timeout: float) -> Any:
        records, _ = await super()._wait_next_records(timeout)
        return records, None  # leave none out: only wanted partitions were fetched

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if not isinstance(record, Slice):
            return super()._to_message(tp, record)
        generation = self.app.consumer_generation_id
        return ConsumerMessage(
            *tp, record.begin, 0.0, 0, None, None, record, None, 0, 0, tp, generation_id=generation
        )

    def is_current(self, one: Slice) -> bool:
        return one.epoch == self.epoch

    def finished(self, one: Slice) -> None:
        """A slice was processed: another one may be passed on."""
        if self.is_current(one):
            self._in_hand -= 1
            self._room.set()

    def on_buffer_full(self, tp: TP) -> None:
        """Disable Faust's own throttle, which would stop a partition for a second at a time.

        `SLICES_IN_HAND` replaces it.
        """

    def on_buffer_drop(self, tp: TP) -> None:
        """See `on_buffer_full`."""

    # -- positions

    async def perform_seek(self) -> None:
        """Seek to the offsets that the state expects.

        Faust calls it after a rebalance, and whenever it drops fetched data.
        """
        self.epoch += 1
        self.backlog.clear()
        self._in_hand = 0
        self._room.set()
        expected = self.app.work.expected_offsets()
        offsets = {self._called(place): offset for place, offset in expected.items()}
        # so that Faust regards nothing as already read
        self._read_offset.update(dict.fromkeys(offsets))
        await self._thread.seek_sources(offsets, self.epoch)

    async def commit_offsets(self, offsets: Mapping[TP, int], note: str) -> bool:
        return await self._thread.commit_offsets(
            {self._called(place): offset for place, offset in offsets.items()}, note
        )

    def highwater(self, tp: TP) -> int | None:
        """The offset up to which a source can be read (its last stable offset), where lag ends.

        None if it is not known, or if the partition is not assigned.
        """
        ends = self._thread.ends(self._called(tp))
        return None if ends is None else ends[0]

    def lags(self, expected: Mapping[TP, int]) -> dict[tuple[str, int], int | None]:
        """Records from the `expected` offsets to the end of each source; None if unknown."""
        ends = {tp: self.highwater(tp) for tp in expected}
        return {
            (tp.topic, tp.partition): None if end is None else max(end - expected[tp], 0)
            for tp, end in ends.items()
        }

    def uncommitted(self, tp: TP) -> int:
        """The number of offsets of a source that cannot be read yet because of open
        transactions.
        """
        ends = self._thread.ends(self._called(tp))
        return 0 if ends is None else ends[1] - ends[0]

    def last_answer(self) -> float | None:
        """When the broker last answered a fetch, in seconds since the epoch; None before that."""
        return self._thread.last_answer()

    def connections(self) -> list[Any]:
        """The client's open connections; none before it has started."""
        return [] if self._thread is None else self._thread.connections()

    def partition_counts(self, topics: Iterable[Topic]) -> dict[Topic, int]:
        """The number of partitions of topics, from the last metadata (about ten seconds old at
        most).

        Topics that the broker has not reported are left out.
        """
        return {} if self._thread is None else self._thread.partition_counts(topics)

    # -- rebalancing

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Store the state first, so that the next worker must read less again."""
        await self.app.work.hand_over()
        await super().on_partitions_revoked(revoked)


class Transport(driver.Transport):
    Consumer = Consumer

    async def _create_topic(self, *_: Any, **__: Any) -> None:
        """Create none: `alarm-fatigue topics` does, and a worker need not be allowed to."""
