"""Run: a simulated hospital in time-lapse, its broker and worker, and a live table of the numbers.

The simulated days lie in the past, and so do the Kafka timestamps of their records (see
`simulator.output.messages`). At any speed, no record is dated in the future, which Kafka would
reject from an hour ahead of the clock. The worker uses event time as now (`--clock event`).

The first day is sent at once, so that all windows are full when the first numbers show. After that,
time passes `speed` times as fast. With pages (`page`), the hospital lives in real time, as alerts
are about the present, and a storm has just begun. The demo stops everything that it started,
whether it ends by its time, Ctrl-C, a closed terminal or a failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
import signal
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from kafka.errors import KafkaError
from rich.console import Console

from analyzer.model import MINUTE
from streams.demo import chain
from streams.demo.chain import ChainError
from streams.demo.gateway import GatewayError, Interface, Line, told
from streams.demo.hospital import hospital, present_hospital
from streams.demo.pager import Pager
from streams.demo.screen import save_picture, screen
from streams.demo.snapshot import Snapshot, read, said
from streams.demo.table import Status
from streams.demo.worker import Worker, WorkerError
from streams.dev import processes
from streams.dev.broker import (
    HOST,
    BrokerError,
    BrokerNotInstalled,
    EmbeddedBroker,
    free_port,
    is_free,
)
from streams.files.publish import PublishError, publish
from streams.kafka.permissions import translation_topic
from streams.kafka.security import admin_options
from streams.kafka.state_version import checkpoint_topic
from streams.kafka.topics import Topics, TopicsError
from streams.kafka_settings import KafkaSettings
from streams.settings import Settings, SettingsError, load
from streams.simulator import simulate
from streams.simulator.output import messages, rename
from streams.simulator.perturbations import Record

PORT = 9464
"""The port of /metrics if it is free: the worker's default, which other exporters may use, too."""
REFRESH = 1.0  # seconds between scrapes
PATIENCE = 60.0  # seconds without a processed record before the first numbers
# seconds without a record; even in real time there is one every few seconds
QUIET = 30.0
QUIET_PRESENT = 180.0  # the same for the quieter hospital with pages
_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class DemoError(Exception):
    """The demo cannot start or continue; the message is one line."""


class ExtraMissing(DemoError):
    """The demo needs an extra that is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`existing`: settings of the connection to an existing Kafka; None: an embedded one.
    `seconds`: how long to run after the first numbers; None: until stopped.
    """

    existing: Settings | None = None
    speed: float = 60.0
    seed: int = 1
    port: int | None = None
    seconds: float | None = None
    picture: Path | None = None
    page: bool = False
    hl7: bool = False
    """The monitors speak HL7. Only with the embedded broker, in time-lapse, up to `FASTEST`."""


def run(options: Options, console: Console) -> None:
    """Show the demo until its time is over or it is stopped. Raises `DemoError`."""
    began = time.monotonic()
    # Libraries log to the terminal when a broker is missing, across the table. The demo reports
    # errors itself.
    logging.getLogger().addHandler(logging.NullHandler())
    with _interruptible(), ExitStack() as stack:
        try:
            if options.page:
                chain.check()
            demo = _start(options, console, stack)
            # A signal that comes while the event loop is made waits until the loop can take it.
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
            asyncio.run(demo.show(began))
        except KeyboardInterrupt:
            pass
        except BrokerNotInstalled as error:
            raise ExtraMissing(str(error)) from None
        except (
            BrokerError,
            ChainError,
            GatewayError,
            PublishError,
            SettingsError,
            TopicsError,
            WorkerError,
            OSError,
        ) as error:
            raise DemoError(str(error)) from None
        finally:
            for number in _SIGNALS:  # a second signal would interrupt the clean-up
                signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):  # the terminal may be gone
        console.print("stopped")


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM and a closed terminal raise KeyboardInterrupt, as Ctrl-C does."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(options: Options, console: Console, stack: ExitStack) -> Demo:
    """Start broker, topics and worker; `stack` stops them in reverse order."""
    port = _port(options.port)
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="alarm-fatigue-demo-")))
    broker = stack.enter_context(EmbeddedBroker()) if options.existing is None else None
    # A new group each time, because it must not restore the state of another hospital. One
    # partition is enough for one facility.
    group = f"alarm-fatigue-demo-{secrets.token_hex(4)}"
    if broker is None:
        assert options.existing is not None
        settings = options.existing.model_copy(update={"group": group})
        facility = f"demo-{secrets.token_hex(2)}-01"
    else:
        settings = load(None, broker=broker.address, group=group, partitions=1)
        # the user's settings are for another broker
        settings, facility = settings.model_copy(update={"kafka": KafkaSettings()}), "H01"
    with Topics(settings) as topics:
        if broker is None:
            stack.callback(_forget, settings)
        topics.create(topics.missing())
        if fatal := [one for one in topics.check() if one.fatal]:
            raise DemoError(f"topic {fatal[0].topic}: {fatal[0].message}")
    console.print(
        f"{'Kafka' if broker is None else 'embedded broker'} at {settings.broker}; simulated "
        f"facility: {facility}"
    )
    worker = Worker(settings, port, directory, options.page)
    stack.callback(worker.stop)
    console.print(f"worker at {worker.metrics}")
    console.print(f"page: {worker.page}")
    interface = None
    if options.hl7:
        interface = Interface(settings, directory)
        stack.callback(interface.stop)
        console.print(f"monitors speak HL7 (PCD-04) to port {interface.port}")
    return Demo(
        options,
        console,
        settings,
        facility,
        worker,
        broker,
        Pager(worker.metrics, directory) if options.page else None,
        interface,
    )


def _port(wanted: int | None) -> int:
    if wanted is None:
        return PORT if is_free(PORT) else free_port()
    if not is_free(wanted):
        raise DemoError(
            f"port {wanted} on {HOST} is in use; choose another one with --port, or omit --port"
        )
    return wanted


def _forget(settings: Settings) -> None:
    """Delete the topics of this group's state from an existing Kafka."""
    from kafka.admin import KafkaAdminClient

    with contextlib.suppress(KafkaError, OSError):
        admin = KafkaAdminClient(
            **admin_options(settings),
            bootstrap_timeout_ms=2000,
            request_timeout_ms=3000,
        )
        try:
            admin.delete_topics(
                [checkpoint_topic(settings.group), translation_topic(settings.group)]
            )
        finally:
            admin.close()


class Demo:
    """The started demo: publishes the hospital's records, and shows the worker's numbers."""

    def __init__(
        self,
        options: Options,
        console: Console,
        settings: Settings,
        facility: str,
        worker: Worker,
        broker: EmbeddedBroker | None,
        pages: Pager | None,
        interface: Interface | None,
    ) -> None:
        self._options = options
        self._console = console
        self._settings = settings
        self._facility = facility
        self._worker = worker
        self._broker = broker
        self._pager = pages
        self._interface = interface
        # times of the last scrapes, and the records processed by then
        self._processed: deque[tuple[float, int]] = deque(maxlen=6)
        self._changed = (0.0, 0)  # when the number of records last changed, and that number

    async def show(self, began: float) -> None:
        """Publish and show until the end. `began`: start of the command on the monotonic clock."""
        stop = asyncio.Event()
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        ward, begins = (present_hospital if self._pager else hospital)(
            self._options.seed, int(time.time() * 1000)
        )
        records = rename(simulate(ward), self._facility.removesuffix("01"))
        publishing = asyncio.create_task(self._publish(records, begins))
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                AsyncExitStack() as stack,
            ):
                first = await self._first(session, publishing, stop, begins)
                if first is not None:
                    self._say(f"first numbers after {time.monotonic() - began:.1f} s")
                    if self._pager is not None:
                        await stack.enter_async_context(self._pager)
                        self._say(
                            f"{self._pager.addresses}; their waiting times are a tenth of the "
                            "real ones"
                        )
                        # starting the pager took time, so scrape again
                        first = await self._scrape(session) or first
                    last = await self._follow(session, publishing, stop, first)
                    self._say(f"{last.records:,} records processed")
        finally:
            publishing.cancel()
            # time for the producer to close its connection
            await asyncio.wait([publishing], timeout=3)

    async def _publish(self, records: Iterator[Record], begins: int) -> int:
        """Send the records, as messages of a gateway where monitors speak HL7."""
        if self._interface is None:
            sent = messages(records, history_until=begins)
            return await publish(self._settings, sent, self._options.speed, lambda: None)
        await self._interface.wait()
        line = Line(self._interface.port)
        try:
            return await publish(
                self._settings,
                told(records, begins),
                self._options.speed,
                lambda: None,
                aside=line.say,
            )
        finally:
            line.close()

    async def _first(
        self,
        session: aiohttp.ClientSession,
        publishing: asyncio.Task[int],
        stop: asyncio.Event,
        begins: int,
    ) -> Snapshot | None:
        """The first numbers after a whole day has been processed. None if stopped before."""
        processed, since = 0, time.monotonic()
        while not stop.is_set():
            self._check(publishing)
            snapshot = await self._scrape(session)
            if snapshot is not None and snapshot.records > processed:
                self._processed.append((time.monotonic(), snapshot.records))
                if snapshot.units and (snapshot.watermark or 0) * 1000 >= begins - MINUTE:
                    return snapshot
                processed, since = snapshot.records, time.monotonic()
            if time.monotonic() - since > PATIENCE:
                raise DemoError(
                    f"the worker processed no record for {PATIENCE:.0f} s; its last log line: "
                    f"{self._worker.last_log_line()}"
                )
            # scrapes slow the worker down
            await _pause(stop, 0.5 if processed else 0.1)
        return None

    async def _follow(
        self,
        session: aiohttp.ClientSession,
        publishing: asyncio.Task[int],
        stop: asyncio.Event,
        snapshot: Snapshot,
    ) -> Snapshot:
        """Show the numbers every second, and return the last ones."""
        began = answered = now = time.monotonic()
        with screen(self._console) as shown:
            while True:
                shown.show(
                    snapshot,
                    self._status(snapshot, now, answered),
                    now - began,
                    self._pager.arrived if self._pager else (),
                )
                await _pause(stop, REFRESH)
                if (
                    stop.is_set()
                    or publishing.done()
                    or now - began >= (self._options.seconds or math.inf)
                ):
                    break
                self._check(publishing)
                scraped, now = await self._scrape(session), time.monotonic()
                if scraped is not None:
                    snapshot, answered = scraped, now
        self._check(publishing)
        if publishing.done():
            self._say("the simulation has reached the present")
        if self._options.picture is not None:
            save_picture(snapshot, self._status(snapshot, now, answered), self._options.picture)
        return snapshot

    def _status(self, snapshot: Snapshot, now: float, answered: float) -> Status:
        """`answered`: when the worker last answered; both on the monotonic clock."""
        if answered == now:
            self._processed.append((now, snapshot.records))
        (since, before), (until, processed) = self._processed[0], self._processed[-1]
        throughput = (processed - before) / (until - since) if until > since else 0.0
        if processed != self._changed[1]:
            self._changed = (now, processed)
        still = now - self._changed[0]
        quiet = QUIET if self._pager is None else QUIET_PRESENT
        trouble = f"no record for {still:.0f} s; check the broker" if still > quiet else ""
        if answered < now:
            trouble = f"the worker has not answered for {now - answered:.0f} s"
        return Status(self._facility, self._options.speed, throughput, self._worker.page, trouble)

    def _check(self, publishing: asyncio.Task[int]) -> None:
        """Raises the error if the broker, the worker, the pager or the publisher has failed."""
        if self._broker is not None and self._broker.pid is None:
            raise DemoError(
                "the embedded broker exited; its last log line: "
                f"{processes.diagnostic_line(self._broker.log.read_text(errors='replace'))}"
            )
        self._worker.check()
        if self._pager is not None:
            self._pager.check()
        if self._interface is not None:
            self._interface.check()
        if publishing.done():
            publishing.result()

    async def _scrape(self, session: aiohttp.ClientSession) -> Snapshot | None:
        """The numbers of the facility; None if the worker does not answer."""
        try:
            async with session.get(self._worker.metrics) as response:
                exposition = await response.text()
            async with session.get(
                f"{self._worker.page}api/v1/units", params={"facility": self._facility}
            ) as response:
                says = said(await response.json(), self._facility)
        except (aiohttp.ClientError, TimeoutError):
            return None
        return read(exposition, self._facility, says)

    def _say(self, line: str) -> None:
        self._console.print(line)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
