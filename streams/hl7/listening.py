"""Listening: runs the receiver with a Kafka producer until a signal stops it."""

from __future__ import annotations

import asyncio
import signal
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from analyzer.hl7 import Mode, Profiles
from streams import logs
from streams.hl7.metrics import Hl7Metrics
from streams.hl7.receiver import Receiver
from streams.hl7.serving import Serving
from streams.kafka.failures import explained
from streams.kafka.permissions import called
from streams.kafka.security import client_options
from streams.kafka.topics import Topics, TopicsError
from streams.service_manager import managed
from streams.settings import Settings

log = structlog.get_logger("alarm_fatigue")

LINGER_MS = 2
LONGEST_RECORD = 2 << 20


class Hl7Error(Exception):
    """Why `hl7 listen` or `hl7 translate` cannot run, in one line."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where to listen, and the TLS files (PEM)."""

    host: str
    ports: Sequence[int]
    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None

    def tls(self) -> ssl.SSLContext | None:
        """Raises `Hl7Error`."""
        if self.cert is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        path = self.cert
        try:
            context.load_cert_chain(self.cert, self.key, lambda: "")
            if self.client_ca is not None:
                path = self.client_ca
                context.load_verify_locations(self.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except OSError as error:
            reason = "expected PEM" if isinstance(error, ssl.SSLError) else error.strerror
            raise Hl7Error(f"{path}: {reason}") from None
        return context


def check_topics(settings: Settings, command: Any, wanted: Sequence[str]) -> dict[str, int]:
    """The partitions of the topics that a command uses. Raises `Hl7Error`."""
    try:
        with Topics(settings, command) as known:
            known.check_permissions()
            found = known.partitions()
    except TopicsError as error:
        raise Hl7Error(str(error)) from None
    for name in wanted:
        if name not in found:
            raise Hl7Error(
                f"topic {called(settings, name)}: missing; run: alarm-fatigue topics --broker "
                f"{settings.broker}"
            )
    return found


async def listen(
    settings: Settings,
    listeners: Listeners,
    profiles: Profiles,
    web: tuple[str, int],
    mode: Mode = "auto",
    opened: Callable[[list[int]], object] = lambda _: None,
    *,
    idempotent: bool = True,
    recorded: bool = False,
) -> None:
    """Receive messages until SIGTERM or Ctrl-C. `opened` gets the ports.

    `idempotent`: use an idempotent producer; without it, a message may be stored twice. `recorded`:
    the timestamp of a record is MSH-7, not its arrival. Raises `Hl7Error`.
    """
    tls = listeners.tls()
    check_topics(settings, "hl7 listen", ["hl7"])
    stop = stopped_by_signals()
    metrics = Hl7Metrics()
    producer = AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        enable_idempotence=idempotent,
        linger_ms=LINGER_MS,
        max_batch_size=512 << 10,
        max_request_size=LONGEST_RECORD,
    )
    topic = called(settings, "hl7")

    async def keep(
        key: bytes, value: bytes, headers: list[tuple[str, bytes]], sent: int | None
    ) -> asyncio.Future[Any]:
        stamp = None
        if recorded and sent is not None:
            stamp = min(sent, round(time.time() * 1000))  # Kafka refuses timestamps in the future
        delivery: asyncio.Future[Any] = await producer.send(
            topic, value, key, headers=headers, timestamp_ms=stamp
        )
        return delivery

    receiver = Receiver(keep, profiles, metrics, mode)
    serving = Serving(metrics, lambda: True)
    try:
        await producer.start()
    except KafkaError as error:
        await producer.stop()
        raise Hl7Error(
            await explained(settings, error, "Write", "hl7")
            or f"no Kafka broker answers at {settings.broker} ({type(error).__name__})"
        ) from None
    try:
        try:
            await serving.start(*web)
            ports = [await receiver.open(listeners.host, port, tls) for port in listeners.ports]
        except OSError as error:
            raise Hl7Error(f"cannot listen: {error.strerror or error}") from None
        log.info("listening for HL7", host=listeners.host, ports=ports, tls=tls is not None)
        opened(ports)
        async with managed(f"listening for HL7 on {listeners.host}:{','.join(map(str, ports))}"):
            await stop.wait()
        log.info("stopping: accepted messages are acknowledged first")
        await receiver.close()
    finally:
        await serving.stop()
        await producer.stop()


def stopped_by_signals() -> asyncio.Event:
    """An event that SIGTERM and Ctrl-C set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def prepare(settings: Settings) -> None:
    """Set up logging, before the event loop starts."""
    logs.set_up(settings.log_level)
