"""The work of a worker: slices into partitions, outcomes and checkpoints out, partitions taken over
and let go.

The state is the truth about how far the work has come: it holds the offsets of the records it
contains, reading goes on from there, and what is told to the group is a copy. So a crash at any
point leads back to a state and to the records that follow it, and nothing that others committed, or
failed to, can be out of reach.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from time import monotonic
from typing import Any

import structlog
from faust.types import TP

from analyzer import TOPICS
from streams.health.health import Health
from streams.health.transactions import End, OpenTransactions
from streams.http.board import Board, Names
from streams.http.finder import REUSE_SECONDS as FINDINGS_REUSE_SECONDS
from streams.http.finder import Finder
from streams.http.web import add_board, add_findings, add_page, add_pages, add_workbench, not_ready
from streams.http.workbench import Workbench
from streams.kafka.fitting import Limits
from streams.kafka.outgoing import Outgoing
from streams.kafka.producer import BatchProducer, Refused
from streams.kafka.slices import Skipped, Slice, tell_of_move
from streams.kafka.topics import LARGEST_RECORD, checkpoint_topic, plans
from streams.kafka.transport import Slices
from streams.metrics.exporter import REUSE_SECONDS, Exporter
from streams.partitions.checkpoint import Restored
from streams.partitions.held import Departures, Held, take_hold
from streams.partitions.partition import Partition, Waiting
from streams.partitions.pressure import Backpressure, Pressure
from streams.partitions.progress import Standing
from streams.partitions.store import CheckpointTable
from streams.pseudonyms import pseudonyms
from streams.settings import Settings
from streams.worker.lookout import Lookout
from streams.worker.watchdog import NOT_DRAINED, STOP_SECONDS, Watchdog

TICK_SECONDS = 1.0
"""How often time passes for facilities without new alarms."""
ADVANCE_RECORDS = 8192
"""Records after which time passes at once, so that what arrived does not pile up."""
DRAIN_SECONDS = 5.0
"""How long a stopping worker waits for its last checkpoint; the rest of `watchdog.STOP_SECONDS` is
for the clients to close.
"""
CLOSE_SECONDS = 3.0
"""How long a worker that has drained waits for its clients to take leave of the broker."""
HAND_OVER_SECONDS = 2.0
"""How long a rebalance waits for a checkpoint."""
CONFIRMED_SECONDS = 0.5
"""How long a commit proves that a partition is ours: a fraction of the shortest session."""
SAID_AT_ONCE = 2000
"""Episodes handed to the producer between two looks at the clock."""
OUTBOX_LIMIT = 500
"""Rejected records after which the consumer waits for the producer."""
REFUSED_SECONDS = 60.0
"""How long a partition waits after the broker refused its checkpoint, before everything is written
again.
"""
PART_HEADROOM = 1024
"""Bytes of a checkpoint's record beside its value, generously: its key and the batch around it."""
EPISODES_LIMIT = 50_000
"""Finished episodes after which the next checkpoint is due at once."""

log = structlog.get_logger("alarm_fatigue")


class Work:
    """The partitions this worker holds, and the tasks that move them on."""

    def __init__(
        self, app: Any, settings: Settings, clock: Callable[[], float], limits: Mapping[str, int]
    ) -> None:
        """`limits`: `max.message.bytes` of the output topics, as far as known."""
        self._app = app
        self._settings = settings
        self._clock = clock
        self._policy = settings.policy.policy()
        self._pseudonym = pseudonyms(settings)
        self._held: dict[int, Held] = {}
        self._storing = asyncio.Lock()
        self._producer: BatchProducer | None = None
        self._taken_in = 0
        self._slice: Slice | None = None
        """Being taken in."""
        self.watchdog: Watchdog | None = None
        self.drained: bool | None = None
        """How an orderly end went; None before it, and where there was nothing to drain."""
        self.limits = Limits(
            {plan.name: plan.max_bytes for plan in plans(settings, 1)}, LARGEST_RECORD
        )
        self.limits.tell(limits)
        self.unreadable_batches = Skipped()
        self._transactions = OpenTransactions()
        self.pressure = Pressure()
        self.lookout = Lookout(app, settings, clock, self)
        self._departures = Departures(settings.clock == "wall")
        self.recovered = self._current = False
        """Whether what is held is the state of record: not from a rebalance on until what others
        may have added is read.
        """

        self._table = CheckpointTable(
            app, name="checkpoint", partitions=settings.partitions, key_type=bytes, value_type=bytes
        )
        app.tables.add(self._table)
        self._table.on_revoked = self._revoked
        self._table.on_recovered = self._recovered
        app.agent(app.topic(*TOPICS, schema=Slices(), acks=False), name="slices", concurrency=1)(
            self._consume
        )
        app.timer(interval=TICK_SECONDS, name="tick")(self._tick)
        app.timer(interval=settings.checkpoint_interval / 1000, name="checkpoint")(self.checkpoint)

        reuse = REUSE_SECONDS if settings.clock == "wall" else 0.0
        fingerprint = self._policy.fingerprint
        self.exporter = Exporter(
            self,
            self._pseudonym,
            self._policy.min_classified,
            settings.metrics,
            reuse,
            policy=fingerprint,
        )
        add_pages(app, self, self.exporter)
        findings_reuse = FINDINGS_REUSE_SECONDS if settings.clock == "wall" else 0.0
        most_units, unmeasured = settings.metrics.max_units, self.exporter.unmeasured
        finder = Finder(
            self, self._policy, findings_reuse, most_units=most_units, unmeasured=unmeasured
        )
        add_findings(app, self, finder)
        add_workbench(app, self, Workbench(self))
        add_page(app)
        names = Names(self._pseudonym, settings.metrics.clinicians)
        add_board(
            app,
            self,
            Board(
                self,
                self.exporter,
                self._policy,
                names,
                partial(not_ready, app, self),
                settings.clock == "event",
            ),
        )

    # -- what the exporter and the pages ask

    @property
    def partitions(self) -> list[Partition]:
        return [self._held[number].partition for number in sorted(self._held)]

    def checkpoint_times(self) -> dict[int, float]:
        """Seconds since the epoch at which each partition was last stored; those never stored are
        left out.
        """
        return {
            number: held.stored_at
            for number, held in sorted(self._held.items())
            if held.stored_at is not None
        }

    def lags(self) -> dict[tuple[str, int], int | None]:
        """Records not yet taken in, by topic and partition; None where the broker has not told yet
        how many there are.
        """
        lags: dict[tuple[str, int], int | None] = self._app.consumer.lags(self.expected_offsets())
        return lags

    def uncommitted_records(self) -> dict[tuple[str, int], int]:
        """Records behind open transactions, by topic and partition: no lag, for nobody can read
        them yet.
        """
        return {
            (tp.topic, tp.partition): self._app.consumer.uncommitted(tp)
            for tp in self.expected_offsets()
        }

    def _ends(self) -> Iterator[End]:
        consumer = self._app.consumer
        for tp, offset in self.expected_offsets().items():
            if (stable := consumer.highwater(tp)) is not None:
                yield End(tp.topic, tp.partition, offset, stable, consumer.uncommitted(tp))

    def lag_seconds(self) -> dict[tuple[str, int], float]:
        """How old, by its Kafka timestamp, the record is that is next in line, by topic and
        partition; 0 where none waits.

        Records that were not fetched yet are not seen: they are counted by `lags`.
        """
        now, oldest = self._clock(), self._app.consumer.backlog.oldest()
        return {
            (topic, number): max(now - oldest[topic, number] / 1000, 0.0)
            if (topic, number) in oldest
            else 0.0
            for number in sorted(self._held)
            for topic in TOPICS
        }

    def seconds_behind(self) -> float:
        """The greatest of `lag_seconds`; 0 by the event clock, to which the past is as good as the
        present.
        """
        return (
            0.0
            if self._settings.clock == "event"
            else max(self.lag_seconds().values(), default=0.0)
        )

    def health(self) -> Health:
        """How current and complete the numbers are."""
        wall = self._settings.clock == "wall"
        return Health.of(
            self.partitions,
            self._clock(),
            self.lookout.broker_answered_at(),
            self._app.consumer.partition_counts(TOPICS),
            self._settings.partitions,
            self._policy.max_ahead if wall else None,
            self._losses(),
            self._transactions.seconds(),
            self.exporter.unmeasured.count,
            self._backpressure(),
        )

    def advance(self) -> None:
        """Bring every partition to now."""
        for held in self._held.values():
            self._advance(held)
        self._press()

    def _advance(self, held: Held) -> None:
        held.partition.advance(
            None if self._settings.clock == "event" else int(self._clock() * 1000)
        )
        held.arrived = 0

    # -- back-pressure

    def _press(self) -> None:
        """Pause partitions whose finished episodes find no room, and have the others go on."""
        before = self.pressure.paused
        paused = self.pressure.judge(
            {number: held.waiting for number, held in self._held.items()}, monotonic()
        )
        if paused != before:
            self._app.consumer.backlog.paused = paused

    def _backpressure(self) -> Backpressure:
        refused = {
            number: held.refused for number, held in self._held.items() if held.refused is not None
        }
        return self.pressure.now(monotonic(), refused)

    # -- records in

    def expected_offsets(self) -> dict[TP, int]:
        """Where reading must go on, for the state of each partition held."""
        held = sorted(self._held.items())
        return {
            TP(topic, number): one.partition.next_offsets.get(topic, 0)
            for number, one in held
            for topic in TOPICS
        }

    async def _consume(self, stream: Any) -> None:
        async for event in stream.noack().events():
            one: Slice = event.value
            if self._app.consumer.is_current(one):
                held = self._held.get(one.partition)
                if held is not None:  # else it was revoked a moment ago
                    self._take(held, one)
                    if len(held.partition.outbox) >= OUTBOX_LIMIT:
                        await self._send(held.partition.take_outbox())
            self._app.consumer.finished(one)

    def _take(self, held: Held, one: Slice) -> None:
        expected = held.partition.next_offsets.get(one.topic, 0)
        if one.begin != expected:
            if not one.moved:
                raise RuntimeError(
                    f"{one.topic}, partition {one.partition}: expected offset {expected}, but got {one.begin}"
                )
            tell_of_move(one, expected)
            held.partition.next_offsets[one.topic] = one.begin
        self._slice = one
        try:
            taken = held.partition.take_slice(one, int(self._clock() * 1000))
        except Exception as error:
            held.failed = True
            log.error(
                "the engine failed in the middle of a slice; what is stored stays as it was before, and the worker ends",
                topic=one.topic,
                partition=one.partition,
                offsets=[one.begin, one.next_offset],
                error=type(error).__name__,
            )
            raise
        self._slice = None
        self.unreadable_batches.note(one)
        self._taken_in += len(one)
        self.exporter.observe_delays(one.topic, taken.accepted_at, self._clock())
        held.arrived += len(one)
        if held.arrived >= ADVANCE_RECORDS:
            self._advance(held)
            self._press()

    async def _tick(self) -> None:
        self.advance()
        answered = self.lookout.answers.last()
        if answered is not None:
            self._transactions.look(self._ends(), answered)
        self._departures.look(self, self._clock())
        for held in list(self._held.values()):
            await self._send(held.partition.take_outbox())
        self.pressure.tell(self._backpressure())
        # one that is stuck must not hold up the ticks
        if self._checkpoint_is_due() and not self._storing.locked():
            await self.checkpoint()

    def _checkpoint_is_due(self) -> bool:
        """Whether so many episodes wait that the next checkpoint should not wait for its turn."""
        if any(held.partition.waiting_episodes >= EPISODES_LIMIT for held in self._held.values()):
            return True
        return self.pressure.checkpoint_due and not any(
            held.refused for held in self._held.values()
        )

    # -- records out

    async def _send(self, records: list[Outgoing]) -> None:
        """Hand records to the producer; a checkpoint awaits their delivery."""
        if records:
            await (await self._batches()).send(records)

    async def _delivered(self) -> None:
        await (await self._batches()).delivered()

    async def _batches(self) -> BatchProducer:
        if self._producer is None:
            producer = await self._app.maybe_start_producer()
            self._producer = BatchProducer(producer._producer, self.limits)
        return self._producer

    def _losses(self) -> dict[str, Mapping[str, int]]:
        """What was refused, cut or skipped since the start, by the metrics of `health.LOSSES` and
        by topic.
        """
        found: dict[str, Mapping[str, int]] = {"unreadable_batches": self.unreadable_batches()}
        if self._producer is not None:
            found |= {
                "undeliverable_records": self._producer.undeliverable,
                "truncated_records": self._producer.truncated,
            }
        return found

    # -- state

    async def checkpoint(self) -> None:
        """Store every partition that changed."""
        async with self._storing:
            for number in list(self._held):
                held = self._held.get(number)
                if held is None or held.failed or monotonic() < held.not_before:
                    continue
                held.partition.look()
                if held.partition.changed:
                    await self._store(held)
                    held.storing = Waiting()
                    self._press()

    async def _store(self, held: Held) -> None:
        partition, number = held.partition, held.partition.number
        self._advance(held)
        batches, place = await self._batches(), (checkpoint_topic(self._settings.group), number)
        part_bytes = max(self.limits.of(place[0]) - PART_HEADROOM, PART_HEADROOM)
        # One moment: the state, what it has to say, and how far it has come.
        held.storing = partition.waiting
        plan, outbox = held.checkpoints.plan(partition, part_bytes), partition.take_outbox()
        stored = dict(partition.next_offsets)
        reached = {TP(topic, number): offset for topic, offset in stored.items()}
        await self._send(outbox)
        await self._delivered()
        try:
            for records in (plan.shards, plan.manifest):
                await batches.store(place, records)
        except Refused as error:
            log.error(
                "the broker refuses a checkpoint: numbers go on, but after a restart everything since the last one is read again",
                topic=place[0],
                partition=number,
                error=type(error.reason).__name__,
            )
            held.not_stored(plan.episodes, monotonic() + REFUSED_SECONDS)
            held.refused = type(error.reason).__name__
            return
        held.stored_at, held.stored_offsets, held.refused = self._clock(), stored, None
        await self._say(held, plan.episodes, reached)
        with contextlib.suppress(Refused):  # what is superseded stays, and is ignored
            await batches.store(place, plan.deletions)

    async def _say(self, held: Held, episodes: list[Outgoing], reached: dict[TP, int]) -> None:
        """Send finished episodes, and commit - the latter first, and again when that is long ago.

        A worker that was suspended may have lost its partitions without having heard of it, and
        should not repeat what others know better by now (where it still does, editions tell). The
        group takes commits of its members alone; but one that has just joined again has old state
        in its hands for a moment. What is not sent waits for the next checkpoint, or for whoever
        restores this one.
        """
        place, confirmed = 0, -CONFIRMED_SECONDS
        while place < len(episodes) or confirmed < 0:
            if monotonic() - confirmed >= CONFIRMED_SECONDS:
                ours = self._current and self._held.get(held.partition.number) is held
                if not ours or not await self._app.consumer.tell_group(reached):
                    held.partition.put_back(episodes[place:])
                    break
                confirmed = monotonic()
            await self._send(episodes[place : place + SAID_AT_ONCE])
            place += SAID_AT_ONCE
        await self._delivered()

    async def hand_over(self) -> None:
        """Before partitions may go to others: store, so that they need not work it out again. It is
        no loss if time runs out.
        """
        if self._held and self._app.crash_reason is None:
            # Never cancelled: what is planned counts as stored.
            await asyncio.wait(
                [asyncio.ensure_future(self.checkpoint())], timeout=HAND_OVER_SECONDS
            )
        self.recovered = self._current = False

    def _revoked(self, numbers: set[int]) -> None:
        """What is others' now leaves memory and /metrics."""
        for number in numbers & self._held.keys():
            del self._held[number]

    async def _recovered(self, numbers: set[int]) -> None:
        """After a rebalance: restore what came."""
        try:
            self._revoked(self._held.keys() - numbers)
            for number in sorted(numbers):
                with self._table.data.taken(number) as found:
                    self._held[number] = take_hold(
                        self._held.get(number),
                        found,
                        self._policy,
                        partial(self._new_partition, number),
                    )
            self.recovered = self._current = True
            log.info(
                "partitions held",
                partitions=sorted(numbers),
                episodes=sum(one.engine.held for one in self.partitions),
            )
        except Exception as error:  # Faust drops exceptions of this callback
            log.error("state cannot be restored", error=str(error))
            await self._app.crash(error)

    def _new_partition(self, number: int, restored: Restored) -> Partition:
        settings = self._settings
        if restored.changed_policy:
            log.warning(
                "the policy is another one than that of the stored state; finished episodes are judged anew where that matters, but what "
                "was refused as late, or dropped behind the old horizon, does not come back",
                partition=number,
                settings=restored.changed_policy,
            )
        return Partition(
            number,
            settings.partitions,
            restored.engine,
            restored.next_offsets,
            self._pseudonym,
            settings.max_record_bytes,
            restored.said,
            restored.episodes,
        )

    async def drain(self) -> None:
        """The last checkpoint of a worker that is stopping.

        Without one, the process ends here: all else would wait for the broker, too.
        """
        if self.watchdog is not None:
            self.watchdog.stop_within(STOP_SECONDS)
        if not self._held or self._app.crash_reason is not None:
            return
        done, _ = await asyncio.wait(
            [asyncio.ensure_future(self.checkpoint())], timeout=DRAIN_SECONDS
        )
        for one in done:
            one.result()
        self.drained = bool(done) and not any(
            held.not_before > monotonic() for held in self._held.values()
        )
        if self.drained:
            log.info("drained", partitions=sorted(self._held))
            if self.watchdog is not None:
                self.watchdog.stop_within(CLOSE_SECONDS, status=0)
            return
        unstored = self._unstored()
        log.warning(
            f"not drained: {sum(unstored.values())} records taken in since the last checkpoint will be read again",
            records=sum(unstored.values()),
            by_partition=unstored,
            partitions=sorted(self._held),
        )
        if not done and self.watchdog is not None:
            self.watchdog.exit(NOT_DRAINED)

    def _unstored(self) -> dict[int, int]:
        return {number: held.unstored for number, held in sorted(self._held.items())}

    def in_hand(self) -> dict[str, Any]:
        """For the last words of a process that is stuck: the slice being taken in, and what will be
        read again.
        """
        one, unstored = self._slice, self._unstored()
        found: dict[str, Any] = {
            "records_to_read_again": sum(unstored.values()),
            "by_partition": unstored,
        }
        return (
            found
            if one is None
            else found
            | {
                "topic": one.topic,
                "partition": one.partition,
                "offsets": [one.begin, one.next_offset],
            }
        )

    # -- progress

    def standing(self) -> Standing:
        """Where the worker stands, for `Watch`."""
        app = self._app
        settled = self.recovered and not app.rebalancing and not app.in_recovery
        paused = self.pressure.paused
        lag = (
            sum(lag or 0 for (_, number), lag in self.lags().items() if number not in paused)
            if settled
            else 0
        )
        return Standing(
            settled=settled,
            restored=sum(offset or 0 for offset in app.tables.recovery.active_offsets.values()),
            partitions=len(self._held.keys() - paused),
            waiting=lag,
            taken_in=self._taken_in,
            answered=app.consumer.last_answer() if settled else None,
        )
