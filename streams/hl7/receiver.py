"""The receiver of messages from gateways (MLLP): writes them to Kafka, and only then acknowledges.

It keeps no state, and it removes patient data before it writes. The acknowledgements of a
connection are sent in the order of its messages, also while many messages are being written.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from analyzer.hl7 import (
    FrameReader,
    Mode,
    NoMessage,
    Profiles,
    TooLong,
    Verdict,
    acknowledgement,
    facility_of,
    header_of,
    may_have_facts,
    messages,
    parse,
    shown_name,
    stripped,
    wants_no_answer,
)
from streams.hl7.metrics import Hl7Metrics

log = structlog.get_logger("alarm_fatigue")

UNDER_WAY = 1000
"""Most messages of a connection that wait for Kafka. No more are read until some are written."""
PAUSE_SECONDS = 0.1
"""A pause of this length after a 0x1C ends a frame whose last byte is missing."""
STUCK_SECONDS = 30.0
"""A peer that reads no acknowledgement for this long is disconnected."""
MOST_CONNECTIONS = 200
_PIECE = 1 << 16
UNNAMED = "unnamed sender"
_WORSE: tuple[Verdict, ...] = ("kept", "never", "again")

Keep = Callable[
    [bytes, bytes, list[tuple[str, bytes]], int | None], Awaitable["asyncio.Future[Any]"]
]
"""Gives key, value, headers and MSH-7 (ms; None: not given) to the producer."""


@dataclass(slots=True)
class _Answer:
    """An acknowledgement, and the delivery for which it waits, if its message goes to Kafka."""

    data: bytes
    sender: str
    verdict: Verdict
    delivery: asyncio.Future[Any] | None
    due: float
    text: str = ""


class Receiver:
    """Receives messages on several ports. `keep` gives one to the producer.

    `patience`: how long (s) a message may wait for Kafka. After that, its sender is asked to send
    it again.
    """

    def __init__(
        self,
        keep: Keep,
        profiles: Profiles,
        metrics: Hl7Metrics,
        mode: Mode = "auto",
        patience: float = 4.0,
    ) -> None:
        self._keep = keep
        self._profiles = profiles
        self._metrics = metrics
        self._mode = mode
        self._patience = patience
        self._servers: list[asyncio.Server] = []
        self._lines: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    async def open(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Start to listen, and return the port. Raises `OSError`."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._lines.add(task)
            try:
                await self._serve(reader, writer, port)
            finally:
                self._lines.discard(task)

        server = await asyncio.start_server(serve, host, port, ssl=tls, limit=_PIECE)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def close(self, within: float = 10.0) -> None:
        """Accept no more messages, and wait until all accepted ones are acknowledged."""
        for server in self._servers:
            server.close()
        self._closing.set()
        if self._lines:
            _, late = await asyncio.wait(self._lines, timeout=within)
            for task in late:
                task.cancel()

    # -- one connection

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
    ) -> None:
        if self._metrics.connections >= MOST_CONNECTIONS:
            log.warning("too many connections of senders; one was refused")
            writer.close()
            return
        self._metrics.connections += 1
        answers: asyncio.Queue[_Answer | None] = asyncio.Queue(UNDER_WAY)
        answering = asyncio.create_task(self._answer(answers, writer))
        taking = asyncio.create_task(self._take(reader, answers, port))
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({answering, taking, closing}, return_when=asyncio.FIRST_COMPLETED)
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
            if not answering.done():
                await answers.put(None)
                await answering
        except (ConnectionError, TimeoutError):
            pass
        finally:
            for task in (taking, answering, closing):
                task.cancel()
            await asyncio.gather(taking, answering, closing, return_exceptions=True)
            self._metrics.connections -= 1
            writer.close()

    async def _take(
        self, reader: asyncio.StreamReader, answers: asyncio.Queue[_Answer | None], port: int
    ) -> None:
        frames = FrameReader()
        skipped = cut = 0
        ended = False
        while not ended:
            try:
                if frames.ends_open:
                    async with asyncio.timeout(PAUSE_SECONDS):
                        data = await reader.read(_PIECE)
                else:
                    data = await reader.read(_PIECE)
            except TimeoutError:
                found = frames.idle()
            except ConnectionError:
                return
            else:
                ended = not data
                try:
                    found = frames.idle() if ended else frames.feed(data)
                except TooLong as error:
                    for one in error.args[1]:
                        await answers.put(await self._accept(one, port))
                    self._metrics.received[UNNAMED, "never"] += 1
                    await answers.put(
                        _Answer(error.head, UNNAMED, "never", None, 0.0, "longer than 1 MiB")
                    )
                    return
            self._metrics.skipped_bytes += frames.skipped - skipped
            self._metrics.cut_frames += frames.cut - cut
            skipped, cut = frames.skipped, frames.cut
            for one in found:
                await answers.put(await self._accept(one, port))

    async def _accept(self, data: bytes, port: int) -> _Answer:
        """Give a message, or those of a batch, to Kafka. Others are answered at once."""
        several = messages(data)
        if len(several) == 1:
            return await self._accept_one(several[0], port)
        answers = [await self._accept_one(one, port) for one in several]
        worst = max(answers, key=lambda one: _WORSE.index(one.verdict))
        deliveries = [one.delivery for one in answers if one.delivery is not None]
        return replace(
            answers[0],
            verdict=worst.verdict,
            delivery=asyncio.gather(*deliveries) if deliveries else None,
            text=worst.text,
        )

    async def _accept_one(self, data: bytes, port: int) -> _Answer:
        now = time.time()
        due = time.monotonic() + self._patience
        try:
            message = parse(data)
        except NoMessage as error:
            return _Answer(data, UNNAMED, "never", None, due, str(error))
        header = header_of(message)
        profile = self._profiles.of(header.application, header.facility, port)
        header.dated(profile, None)
        sender = self._metrics.note_arrival(
            profile.name or shown_name(header), round(now * 1000), header.sent
        )
        if not may_have_facts(header):
            return _Answer(data, sender, "kept", None, due)  # counted and dropped
        facility, _ = facility_of(message, header, profile)
        headers = [("port", str(port).encode())]
        try:
            async with asyncio.timeout(self._patience):
                delivery = await self._keep(facility.encode(), stripped(data), headers, header.sent)
        except (KafkaError, TimeoutError) as error:
            log.warning("a message is not kept", sender=sender, error=type(error).__name__)
            return _Answer(data, sender, "again", None, due)
        return _Answer(data, sender, "kept", delivery, due)

    async def _answer(
        self, answers: asyncio.Queue[_Answer | None], writer: asyncio.StreamWriter
    ) -> None:
        while (one := await answers.get()) is not None:
            verdict = one.verdict
            if one.delivery is not None and not await _delivered(one):
                verdict = "again"
            self._metrics.received[one.sender, verdict] += 1
            if verdict == "kept" and wants_no_answer(one.data):
                continue
            now = datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
            answer = acknowledgement(one.data, verdict, now, self._mode, one.text)
            writer.write(b"\x0b" + answer + b"\x1c\r")
            async with asyncio.timeout(STUCK_SECONDS):
                await writer.drain()


async def _delivered(one: _Answer) -> bool:
    """Whether Kafka stores a message before its time is over."""
    assert one.delivery is not None
    if not one.delivery.done():
        left = one.due - time.monotonic()
        await asyncio.wait([one.delivery], timeout=max(left, 0.0))
    if not one.delivery.done():
        one.delivery.add_done_callback(_looked_at)  # it may still be stored; then it arrives twice
        log.warning("Kafka does not answer; senders are told to send again", sender=one.sender)
        return False
    if (error := one.delivery.exception()) is not None:
        log.warning("a message is not kept", sender=one.sender, error=type(error).__name__)
        return False
    return True


def _looked_at(delivery: asyncio.Future[Any]) -> None:
    if not delivery.cancelled():
        delivery.exception()
