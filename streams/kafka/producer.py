"""The producer: sends many small records in our own batches, at a fraction of the cost of the
client's `send`.

Records of one key keep their order. If a batch must be sent again, everything behind it in its
partition is sent again, too. Records are kept until they are delivered; a checkpoint counts only
once `delivered` has returned.

While the broker does not answer, the producer waits without limit and loses nothing. A record that
the broker refuses is logged, counted and skipped, so that it cannot block the others; the rest of
its batch is delivered.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka.errors import (
    AuthenticationFailedError,
    BrokerResponseError,
    InvalidTopicError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.kafka.fitting import Limits, fitted, size
from streams.kafka.naming import Naming
from streams.kafka.outgoing import Outgoing
from streams.kafka.slices import TRUNCATED

BATCH_BYTES = 512 << 10
"""Longest batch: half of the brokers' default limit. A longer record gets its own batch, as it does
from `send`.
"""
BATCHES_IN_FLIGHT = 16
"""Undelivered batches after which `send` waits. Together with `BATCH_BYTES`, this bounds memory."""
RETRY_SECONDS = 1.0
"""Between attempts while a broker is absent; the client itself makes several in each of ours."""
CLOSED_SECONDS = 30.0
"""How long a topic that does not exist, or that we may not write to, is not tried again."""
_PLACES = 10_000  # keys whose partition is cached; misrouted records can have any key
_WHOLE_TOPIC = (TopicAuthorizationFailedError, UnknownTopicOrPartitionError, InvalidTopicError)
_NOT_OF_RECORDS = (KafkaTimeoutError, AuthenticationFailedError, SaslAuthenticationFailed)

log = structlog.get_logger("alarm_fatigue")

Place = tuple[str, int]


class Refused(Exception):
    """The broker permanently refuses a record."""

    def __init__(self, topic: str, reason: BaseException) -> None:
        super().__init__(f"{topic}: {type(reason).__name__}")
        self.topic = topic
        self.reason = reason


@dataclass(slots=True, eq=False)
class _Batch:
    """Records of one partition in one batch."""

    place: Place
    records: list[Outgoing]
    builder: Any
    delivery: asyncio.Future[Any] | None = None


class BatchProducer:
    """Sends records through `client`, a started aiokafka producer, whose `max_batch_size` bounds
    batches.
    """

    def __init__(
        self, client: Any, limits: Limits | None = None, names: Naming | None = None
    ) -> None:
        self._client = client
        self._called = (names or Naming()).called
        self._limits = limits
        self._in_flight: list[_Batch] = []
        self._recovering = asyncio.Lock()
        self._places: dict[tuple[str, bytes | None], Place] = {}
        self._closed: dict[str, float] = {}
        """Topics that accept nothing, and until when (s, monotonic) they are not tried."""
        self.undeliverable: Counter[str] = Counter()
        """Records that the broker refused, by topic."""
        self.truncated: Counter[str] = Counter()
        """Records that were cut to the limit of their topic, by topic."""

    async def send(self, records: Iterable[Outgoing]) -> None:
        """Hand over `records`. Returns when fewer than `BATCHES_IN_FLIGHT` batches are undelivered.

        Raises `KafkaError` only if the client can send no more.
        """
        now = int(time.time() * 1000)
        batches: dict[Place, _Batch] = {}
        known, limits = self._places.get, self._limits
        for one in records:
            topic, key, value, headers = one
            if limits is not None and len(value or b"") + len(key or b"") > limits.surely_fits:
                cut = self._fitted(one)
                if cut is None:
                    continue
                one = cut
                _, key, value, headers = one
            place = known((topic, key)) or await self._place(one)
            if place is None:
                continue
            batch = batches.get(place)
            if batch is None:
                batch = batches[place] = self._new(place)
            if (
                batch.builder.append(timestamp=now, key=key, value=value, headers=headers)
                is not None
            ):
                batch.records.append(one)
            else:  # full
                await self._hand_over(batch)
                batch = batches[place] = self._new(place)
                _append(batch, one, now)  # the first record always fits
        for batch in batches.values():
            await self._hand_over(batch)

    async def delivered(self) -> None:
        """Wait until everything handed over so far is delivered, or refused and counted."""
        mine = list(self._in_flight)
        while any(one in self._in_flight for one in mine):
            await self._wait(asyncio.ALL_COMPLETED)

    async def store(self, place: Place, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Write records of a checkpoint; all are delivered on return.

        Raises `Refused` if the broker refuses one.
        """
        outgoing = [Outgoing(place[0], key, value) for key, value in records]
        while outgoing:
            try:
                for delivery in [await self._hand_in(one) for one in self._packed(place, outgoing)]:
                    await delivery
            except KafkaError as error:
                if self._is_refusal(error):
                    self.undeliverable[place[0]] += 1
                    raise Refused(place[0], error) from None
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    # -- batches

    def _new(self, place: Place) -> _Batch:
        limit = BATCH_BYTES if self._limits is None else self._limits.of(place[0])
        return _Batch(
            place,
            [],
            BatchBuilder(limit, 0) if limit < BATCH_BYTES else self._client.create_batch(),
        )

    def _packed(self, place: Place, records: Sequence[Outgoing]) -> list[_Batch]:
        now = int(time.time() * 1000)
        batches = [self._new(place)]
        for one in records:
            if not _append(batches[-1], one, now):
                batches.append(self._new(place))
                _append(batches[-1], one, now)
        return batches

    async def _hand_in(self, batch: _Batch) -> asyncio.Future[Any]:
        """Hand a batch to the client; returns its delivery."""
        topic, partition = batch.place
        batch.builder.close()
        delivery: asyncio.Future[Any] = await self._client.send_batch(
            batch.builder, self._called(topic), partition=partition
        )
        return delivery

    async def _hand_over(self, batch: _Batch) -> None:
        async with self._recovering:  # else it would overtake batches that are sent again
            try:
                batch.delivery = await self._hand_in(batch)
            except KafkaError as error:  # the client's queue is full: the broker is absent
                batch.delivery = asyncio.get_running_loop().create_future()
                batch.delivery.set_exception(error)
            self._in_flight.append(batch)
        while len(self._in_flight) >= BATCHES_IN_FLIGHT:
            await self._wait(asyncio.FIRST_COMPLETED)

    async def _wait(self, until: str) -> None:
        pending = [one.delivery for one in self._in_flight if one.delivery is not None]
        await asyncio.wait(pending, return_when=until)
        if any(one.done() and one.exception() is not None for one in pending):
            await self._recover()
        self._in_flight = [
            one
            for one in self._in_flight
            if one.delivery is None or not _is_delivered(one.delivery)
        ]

    # -- failures

    async def _recover(self) -> None:
        """Send failed batches again, and the batches after them in their partitions, so that the
        last record of a key stays the last.
        """
        async with self._recovering:
            for place in {
                one.place
                for one in self._in_flight
                if one.delivery is not None and _failed(one.delivery)
            }:
                ours = [one for one in self._in_flight if one.place == place]
                await asyncio.wait([one.delivery for one in ours if one.delivery is not None])
                first = next(
                    (
                        number
                        for number, one in enumerate(ours)
                        if one.delivery is not None and _failed(one.delivery)
                    ),
                    len(ours),
                )
                for one in ours[first:]:
                    known = (
                        one.delivery.exception()
                        if one.delivery is not None and _failed(one.delivery)
                        else None
                    )
                    await self._redeliver(place, one.records, known)
                    one.delivery = asyncio.get_running_loop().create_future()
                    one.delivery.set_result(None)

    async def _redeliver(
        self, place: Place, records: list[Outgoing], error: BaseException | None
    ) -> None:
        """Send until all are delivered or individually refused. `error` is from the
        attempt before.
        """
        while True:
            if error is not None:
                if isinstance(error, NotLeaderForPartitionError) and await self._is_missing(
                    place[0]
                ):
                    error = UnknownTopicOrPartitionError()
                if not self._is_refusal(error):
                    await asyncio.sleep(RETRY_SECONDS)
                elif isinstance(error, _WHOLE_TOPIC):
                    self._closed[place[0]] = time.monotonic() + CLOSED_SECONDS
                    self._skip(records, error)
                    return
                elif len(records) > 1:
                    middle = len(records) // 2
                    await self._redeliver(place, records[:middle], None)
                    await self._redeliver(place, records[middle:], None)
                    return
                else:
                    cut = self._cut_after(error, records[0])
                    if cut is None:
                        self._skip(records, error)
                        return
                    records = [cut]
            try:
                for batch in self._packed(place, records):
                    await (await self._hand_in(batch))
            except KafkaError as again:
                error = again
            else:
                return

    async def _is_missing(self, topic: str) -> bool:
        """Whether the brokers answer and do not know `topic`. A batch that waited in vain for the
        leader of its partition must not wait as long again to learn this.
        """
        client = self._client.client
        updated = await client.force_metadata_update()
        return bool(updated) and client.cluster.partitions_for_topic(self._called(topic)) is None

    def _is_refusal(self, error: BaseException) -> bool:
        """Whether the broker answered, and would answer another attempt in the same way.

        Raises errors after which the client cannot continue.
        """
        if isinstance(error, _NOT_OF_RECORDS) or (
            isinstance(error, KafkaError)
            and error.retriable
            and not isinstance(error, _WHOLE_TOPIC)
        ):
            return False
        if isinstance(error, BrokerResponseError):
            return True
        raise error

    def _cut_after(self, error: BaseException, one: Outgoing) -> Outgoing | None:
        """A record refused as too long, cut to the limit that is now known; None if it cannot be
        cut.
        """
        if self._limits is None or not isinstance(error, MessageSizeTooLargeError):
            return None
        before = size(one)
        self._limits.lower(one.topic, before)
        cut = self._fitted(one, count=not _is_cut(one), complain=False)
        return None if cut is None or size(cut) >= before else cut

    def _fitted(self, one: Outgoing, count: bool = True, complain: bool = True) -> Outgoing | None:
        assert self._limits is not None
        limit = self._limits.of(one.topic)
        cut = fitted(one, limit)
        if cut is None and complain:
            self._skip([one], MessageSizeTooLargeError())
        elif cut is not one and cut is not None and count:
            self.truncated[one.topic] += 1
            log.warning(
                "a record was cut to the size limit of its topic",
                bytes=size(one),
                limit=limit,
                **_place_of(one),
            )
        return cut

    def _skip(self, records: Sequence[Outgoing], error: BaseException) -> None:
        for one in records:
            self.undeliverable[one.topic] += 1
        if records:
            log.error(
                "the broker refuses records of an output; they are skipped",
                records=len(records),
                error=type(error).__name__,
                bytes=size(records[0]),
                **_place_of(records[0]),
            )

    async def _place(self, one: Outgoing) -> Place | None:
        """The topic-partition to which the client's `send` would send this record; None while its
        topic accepts nothing.
        """
        topic, key = one.topic, one.key
        if self._closed.get(topic, 0.0) > time.monotonic():
            self._skip([one], UnknownTopicOrPartitionError())
            return None
        while True:
            try:
                await self._client.client._wait_on_metadata(self._called(topic))
                break
            except _WHOLE_TOPIC as error:
                self._closed[topic] = time.monotonic() + CLOSED_SECONDS
                self._skip([one], error)
                return None
            except KafkaError as error:
                if self._is_refusal(error):
                    raise
                await asyncio.sleep(RETRY_SECONDS)
        number = self._client._partition(self._called(topic), None, key, None, key, None)
        place = topic, int(number)
        if key is not None and len(self._places) < _PLACES:
            self._places[topic, key] = place
        return place


def _append(batch: _Batch, one: Outgoing, now: int) -> bool:
    if (
        batch.builder.append(timestamp=now, key=one.key, value=one.value, headers=one.headers)
        is None
    ):
        return False
    batch.records.append(one)
    return True


def _failed(delivery: asyncio.Future[Any]) -> bool:
    return delivery.done() and delivery.exception() is not None


def _is_delivered(delivery: asyncio.Future[Any]) -> bool:
    return delivery.done() and delivery.exception() is None


def _is_cut(one: Outgoing) -> bool:
    return (
        any(name == TRUNCATED for name, _ in one.headers)
        or b'"truncated":true' in (one.value or b"")[-64:]
    )


def _place_of(one: Outgoing) -> dict[str, str]:
    """Identifies a record in the log without its content: by its source if rejected, else by its
    facility.
    """
    headers = dict(one.headers)
    if "reason" in headers:
        found = {
            f"source_{name}": headers[name].decode()
            for name in ("topic", "partition", "offset")
            if name in headers
        }
        return {"topic": one.topic} | found
    return {"topic": one.topic, "facility": (one.key or b"").decode(errors="replace")[:128]}
