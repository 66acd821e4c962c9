"""Back-pressure: while the broker takes no checkpoint, reading stops before episodes fill the
memory, and no number changes.
"""

from __future__ import annotations

import asyncio
from functools import cache
from time import monotonic, time
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from structlog.testing import capture_logs

from analyzer import TOPICS, Topic
from streams.health.health import Health
from streams.health.summary import currency
from streams.kafka.outgoing import Outgoing
from streams.kafka.producer import Refused
from streams.kafka.slices import Backlog, Place, Reach, Slice
from streams.partitions.held import take_hold
from streams.partitions.outbox import Waiting
from streams.partitions.pressure import (
    PAUSED_SECONDS,
    WAITING_BYTES,
    WAITING_EPISODES,
    Backpressure,
    Pressure,
)
from streams.settings import Settings
from streams.worker.app import new_work
from streams.worker.checkpointer import EPISODES_LIMIT
from streams.worker.reader import ADVANCE_RECORDS
from tests.harness.fakes import Batches, Client, nothing_found
from tests.harness.partitions import (
    POLICY,
    Numbers,
    Record,
    Source,
    latest_episodes,
    long_source,
    new_partition,
    numbers,
    whole,
)
from tests.harness.site import FakeWorker, Site, simulated

ROOM = 60
"""Episodes that may wait, in these tests."""
SLICE = 25
"""Records of a slice: what may still come after reading was paused is at most what they finish."""


@cache
def source() -> Source:
    return Source({topic: records[:900] for topic, records in long_source().records.items()})


class Reader(Client):
    """Kafka's consumer, as far as it hands on slices: it has at once what the backlog wants."""

    rebalancing = in_recovery = False

    def __init__(self, sent: list[Outgoing]) -> None:
        super().__init__()
        self.sent = sent
        self.backlog = Backlog()
        self.fetched: dict[Topic, int] = dict.fromkeys(TOPICS, 0)

    def seek(self, offsets: dict[Topic, int]) -> None:
        self.fetched = {topic: offsets.get(topic, 0) for topic in TOPICS}

    def next_slice(self) -> Slice | None:
        slices = []
        for topic, _ in sorted(self.backlog.wanted([(topic, 0) for topic in TOPICS])):
            records = source().records[topic][self.fetched[topic] :][:SLICE]
            if records:
                slices.append(as_slice(topic, records))
                self.fetched[topic] += len(records)
        ends = {
            Place(topic, 0): Reach(self.fetched[topic], len(source().records[topic]))
            for topic in TOPICS
        }
        self.backlog.add(slices, ends)
        return self.backlog.take(monotonic())

    def lags(self, expected: dict[Any, int]) -> dict[tuple[str, int], int]:
        return {
            (tp.topic, tp.partition): len(source().records[tp.topic]) - offset
            for tp, offset in expected.items()
        }

    def highwater(self, tp: Any) -> int:
        return len(source().records[tp.topic])

    def uncommitted(self, _: Any) -> int:
        return 0

    def partition_counts(self, topics: Any) -> dict[Topic, int]:
        return dict.fromkeys(topics, 1)


def as_slice(topic: Topic, records: list[Record]) -> Slice:
    _, offsets, keys, values, timestamps = map(list, zip(*records, strict=True))
    return Slice(topic, 0, offsets, timestamps, keys, values, offsets[0], offsets[-1] + 1)  # type: ignore[arg-type]


class Store(Batches):
    """The checkpoint topic; while it is `refusing`, the broker takes no record of a checkpoint. It
    outlives workers.
    """

    def __init__(self) -> None:
        self.said: list[Outgoing] = []
        super().__init__(self.said)
        self.refusing = False
        self.kept: dict[bytes, bytes] = {}

    async def store(self, place: tuple[str, int], records: Any) -> None:
        if self.refusing and records:
            raise Refused(place[0], MessageSizeTooLargeError())
        for key, value in records:
            if value is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = value


class Life:
    """A worker from its start on, with what is in the store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.reader = Reader(store.said)
        settings, pressure = Settings(clock="event"), Pressure(episodes=ROOM)
        self.work = new_work(self.reader, settings, str, time, nothing_found, pressure=pressure)
        self.work.sink.producer = store  # type: ignore[assignment]
        self.held = self.work.holder.held[0] = take_hold(None, store.kept, POLICY, new_partition)
        self.reader.seek(self.held.partition.next_offsets)
        self.work.holder.recovered = True
        self.most = 0
        self.early = asyncio.ensure_future(self.work.checkpointer.run_early())

    async def read(self, slices: int = 1 << 30, ticks: bool = True) -> int:
        """So many slices, or as far as they go, with a tick after each; how many there were."""
        for count in range(slices):
            one = self.reader.next_slice()
            if one is None:
                return count
            self.held.arrived = ADVANCE_RECORDS  # so that time advances
            self.work.reader.take(self.held, one)
            self.most = max(self.most, self.held.waiting.episodes)
            if ticks:
                await self.work.tick()
            await asyncio.sleep(0)  # a checkpoint that is due begins
        return slices

    @property
    def attempts(self) -> int:
        """How many checkpoints were planned so far."""
        return self.held.partition.outbox.generation

    async def checkpoint(self) -> None:
        """The next one that is tried."""
        self.held.not_before = 0.0
        await self.work.checkpointer.checkpoint()

    async def finish(self) -> None:
        """Read everything, with a checkpoint whenever reading stops."""
        while await self.read():
            await self.checkpoint()
        await self.checkpoint()
        assert self.held.partition.next_offsets == source().ends

    @property
    def numbers(self) -> Numbers:
        return numbers(self.held.partition)


@cache
def straight() -> tuple[Numbers, Any]:
    """The numbers of a worker that never fails, and the episodes that it sends."""
    return source().straight(source().ends), latest_episodes(whole(source()).outbox.emit().records)


def assert_as_if_nothing_had_happened(life: Life) -> None:
    expected, episodes = straight()
    assert life.numbers == expected
    assert latest_episodes(life.store.said) == episodes


def test_reading_stops_while_checkpoints_are_refused_and_goes_on_after_one_that_is_not() -> None:
    async def live() -> None:
        life = Life(Store())
        await life.read(4)
        await life.checkpoint()
        life.store.refusing = True
        await life.read()
        stopped_at = dict(life.held.partition.next_offsets)
        assert sum(stopped_at.values()) < sum(source().ends.values()) / 2
        for _ in range(5):  # refused again and again
            await life.checkpoint()
            assert await life.read() == 0
        assert life.held.partition.next_offsets == stopped_at
        assert ROOM < life.most <= ROOM + SLICE
        assert life.held.waiting.episodes <= ROOM + SLICE
        assert life.held.refused == "MessageSizeTooLargeError"

        life.store.refusing = False
        assert await life.read() == 0, "it takes a checkpoint to go on"
        await life.checkpoint()
        assert life.held.refused is None
        assert life.work.pressure.paused == frozenset()
        await life.finish()
        assert_as_if_nothing_had_happened(life)

    asyncio.run(live())


def test_a_checkpoint_begins_as_soon_as_it_is_due_so_that_reading_waits_for_no_tick() -> None:
    async def live() -> None:
        life = Life(Store())
        await life.read(ticks=False)
        assert life.held.partition.next_offsets == source().ends
        assert life.attempts > 1
        await life.finish()
        assert_as_if_nothing_had_happened(life)

    asyncio.run(live())


def test_a_checkpoint_that_did_not_complete_is_tried_again_at_a_tick_not_after_each_slice() -> None:
    async def live() -> None:
        life = Life(Store())

        async def refused(offsets: dict[Any, int], note: str) -> bool:
            return False

        committed = life.reader.commit_offsets
        life.reader.commit_offsets = refused  # type: ignore[method-assign]
        while not life.attempts:
            assert await life.read(1, ticks=False)
        await life.read(ticks=False)
        assert life.attempts == 1
        assert life.work.pressure.paused == {0}
        for expected in (2, 3):
            await life.work.tick()
            await asyncio.sleep(0)
            assert life.attempts == expected
        life.reader.commit_offsets = committed  # type: ignore[method-assign]
        await life.work.tick()
        await asyncio.sleep(0)
        assert life.work.pressure.paused == frozenset()
        assert await life.read(ticks=False)
        await life.finish()
        assert_as_if_nothing_had_happened(life)

    asyncio.run(live())


@pytest.mark.parametrize(
    "again", [False, True], ids=["mended while it was down", "still refused after the restart"]
)
def test_a_crash_while_reading_is_paused_changes_no_number(again: bool) -> None:
    async def live() -> None:
        store = Store()
        life = Life(store)
        await life.read(4)
        await life.checkpoint()
        stored = dict(life.held.partition.next_offsets)
        store.refusing = True
        await life.read()
        await life.checkpoint()
        assert life.work.pressure.paused == {0}

        store.refusing = again
        life = Life(store)
        assert life.held.partition.next_offsets == stored
        await life.read()
        assert life.work.pressure.paused == ({0} if again else set()), (
            "where it is taken, a checkpoint spares the pause"
        )
        store.refusing = False
        await life.checkpoint()
        await life.finish()
        assert_as_if_nothing_had_happened(life)

    asyncio.run(live())


def test_a_paused_worker_is_not_taken_for_one_that_stands_still() -> None:
    async def live() -> None:
        life = Life(Store())
        life.store.refusing = True
        life.reader.tables = life.reader.recovery = life.reader  # type: ignore[attr-defined]
        life.reader.active_offsets = {}  # type: ignore[attr-defined]
        life.reader.last_answer = lambda: 1.0  # type: ignore[attr-defined]
        assert (life.work.standing().partitions, life.work.standing().waiting) == (
            1,
            sum(source().ends.values()),
        )
        await life.read()
        assert (life.work.standing().partitions, life.work.standing().waiting) == (0, 0)

    asyncio.run(live())


def test_a_checkpoint_that_the_broker_neither_takes_nor_refuses_stops_reading_too() -> None:
    """Without enough in-sync replicas, it is tried again without end.

    What it holds waits as well.
    """

    async def live() -> None:
        life = Life(Store())
        taken = asyncio.Event()

        async def stuck(_: Any, __: Any) -> None:
            await taken.wait()

        store, life.store.store = life.store.store, stuck  # type: ignore[method-assign]
        await life.read(6)
        storing = asyncio.ensure_future(life.work.checkpointer.checkpoint())
        await asyncio.sleep(0)
        assert life.held.partition.outbox.pending == Waiting()
        before = life.held.waiting.episodes
        assert before > 0
        await life.read()
        assert life.held.waiting.episodes <= ROOM + SLICE
        assert life.work.pressure.paused == {0}
        life.store.store = store  # type: ignore[method-assign]
        taken.set()
        await storing
        await asyncio.sleep(0)
        assert life.work.pressure.paused == frozenset(), "what came meanwhile is stored at once"

    asyncio.run(live())


# --- who is paused


def test_partitions_beyond_their_share_of_a_full_buffer_are_paused_until_half_of_it_is_free() -> (
    None
):
    pressure = Pressure(episodes=100, size=1000)

    def judged(*episodes: int) -> list[int]:
        return sorted(
            pressure.update({number: Waiting(count) for number, count in enumerate(episodes)}, 0.0)
        )

    assert judged(99, 0, 0, 0) == []
    assert pressure.checkpoint_due
    assert judged(76, 24, 0, 0) == []
    assert judged(77, 24, 0, 0) == [0]
    assert judged(77, 24, 1, 25) == [0]
    assert judged(77, 26, 1, 25) == [0, 1]
    assert judged(13, 26, 1, 25) == [0, 1]
    assert judged(12, 26, 1, 25) == [1]
    assert pressure.checkpoint_due, "as long as anything is paused"
    assert judged(12, 0, 1, 25) == []
    assert not pressure.checkpoint_due
    assert sorted(pressure.update({3: Waiting(1, 1001)}, 0.0)) == [3], "by their length as well"
    assert sorted(pressure.update({}, 0.0)) == []


def test_the_room_is_beyond_what_an_ordinary_checkpoint_waits_for() -> None:
    assert WAITING_EPISODES >= 2 * EPISODES_LIMIT
    assert WAITING_BYTES <= 128 << 20


def test_a_paused_partition_keeps_what_it_has_and_leaves_the_others_theirs() -> None:
    def one(partition: int, offset: int) -> Slice:
        return Slice("alarms", partition, [offset], [offset], [b"H"], [b"{}"], offset, offset + 1)

    backlog, places = Backlog(), [Place("alarms", 0), Place("alarms", 1)]
    ends = {place: Reach(1, 9) for place in places}
    backlog.add([one(0, 0), one(1, 0)], ends)
    backlog.paused = frozenset({0})
    assert backlog.take(0.0) == one(1, 0)
    assert backlog.take(0.0) is None
    assert backlog.wanted(places) == {Place("alarms", 1)}
    backlog.paused = frozenset()
    assert backlog.take(0.0) == one(0, 0)
    assert backlog.wanted(places) == set(places)


# --- what is said of it


def paused(seconds: float, refused: str | None = "TopicAuthorizationFailedError") -> Backpressure:
    return Backpressure(
        {0: 0.0, 3: seconds}, {0: 7, 3: 100_003}, {} if refused is None else {3: refused}
    )


def test_a_pause_that_lasts_makes_the_worker_not_ready_and_is_said_by_its_page() -> None:
    says = (
        "reading of partition 3 is paused: 100003 finished episodes wait for a checkpoint, "
        "which the broker refuses (TopicAuthorizationFailedError)"
    )
    assert Health(now=1.0, answered_at=1.0, pressure=paused(PAUSED_SECONDS)).not_ready is None
    health = Health(now=1.0, answered_at=1.0, pressure=paused(PAUSED_SECONDS + 1))
    assert health.not_ready == says
    assert currency({"H01": 0.0}, health.not_ready, health, 0).says == f"behind: {says}"
    worker = FakeWorker(simulated())
    worker.condition = health
    with Site(worker) as site:
        answer, scraped = site.get("/ready"), site.get("/metrics").body.decode()
    assert (answer.status, answer.body.decode()) == (503, f"{says}\n")
    assert 'alarm_fatigue_reading_paused_seconds{partition="3"} 11.0\n' in scraped
    assert 'alarm_fatigue_reading_paused_seconds{partition="0"} 0.0\n' in scraped
    assert 'alarm_fatigue_waiting_episodes{partition="3"} 100003.0\n' in scraped
    two = Backpressure({1: 20.0, 2: 20.0}, {1: 40, 2: 2})
    assert two.says == (
        "reading of 2 partitions is paused: 42 finished episodes wait for a checkpoint, "
        "which the broker has not taken"
    )


def test_a_pause_is_timed_and_logged_once_with_its_end() -> None:
    pressure, full = Pressure(episodes=1), {0: Waiting(5)}
    with capture_logs() as logged:
        for second in range(30):
            pressure.update(full, float(second))
            pressure.report(pressure.now(float(second), {}))
        assert pressure.now(29.0, {}).seconds == {0: 29.0}
        pressure.update({0: Waiting()}, 30.0)
        pressure.report(pressure.now(30.0, {}))
        for second in range(31, 35):  # short ones are no matter
            pressure.update(full if second % 2 else {0: Waiting()}, float(second))
            pressure.report(pressure.now(float(second), {}))
    assert [one["event"] for one in logged] == [
        "reading of partition 0 is paused: 5 finished episodes wait for a checkpoint, "
        "which the broker has not taken",
        "a checkpoint has succeeded, reading resumes",
    ]
