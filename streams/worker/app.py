"""The worker's composition root: Faust's consumer, groups, recovery and web server around the work
on the partitions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import numpy as np
import numpy.typing as npt
import structlog
from faust.web.drivers.aiohttp import Web

from analyzer import TOPICS, Topic
from streams import __version__
from streams.audit import Counts, Recorder, recorder_of, settings_fingerprint
from streams.audit.recorder import listed
from streams.formats.alarm_names import speak
from streams.formats.pseudonyms import Pseudonyms
from streams.http.board import Board
from streams.http.bounded_site import BoundedSite, new_runner
from streams.http.credentials import tls_of
from streams.http.finder import REUSE_SECONDS as FINDINGS_REUSE_SECONDS
from streams.http.finder import Finder
from streams.http.guard import guard
from streams.http.incidents import Incidents
from streams.http.privacy import Privacy
from streams.http.refusals import Refusals
from streams.http.standings import Names
from streams.http.taking import add_taking
from streams.http.web import (
    add_board,
    add_findings,
    add_incidents,
    add_page,
    add_pages,
    add_reader,
    add_week,
    add_workbench,
    not_ready,
)
from streams.http.weeks import Weeks
from streams.http.workbench import Workbench
from streams.kafka.fitting import Limits
from streams.kafka.naming import Naming
from streams.kafka.producer import BATCH_BYTES
from streams.kafka.schema import Slices
from streams.kafka.security import addresses, faust_credentials
from streams.kafka.state_version import state_group
from streams.kafka.topics import LARGEST_RECORD, current_limits, plans
from streams.kafka.transport import Transport
from streams.kafka.versions import Version, other_groups
from streams.metrics.exporter import REUSE_SECONDS, Exporter
from streams.paging.links import signer_of
from streams.paging.ownership import Known, Ownership
from streams.paging.silences import alertmanager_of
from streams.partitions.pressure import Pressure
from streams.partitions.sealing import CLEAR, Sealing
from streams.partitions.store import CheckpointTable, Tables
from streams.pseudonyms import pseudonyms, state_keys, warnings
from streams.service_manager import ServiceManager
from streams.settings import Settings, WebSettings
from streams.worker.checkpointer import Checkpointer
from streams.worker.holder import FoundRecords, Holder
from streams.worker.lag import Lag
from streams.worker.other_versions import LOOK_SECONDS, OtherVersions
from streams.worker.reader import Reader
from streams.worker.sink import Sink
from streams.worker.stall_watch import StallWatch
from streams.worker.unscanned import Unscanned
from streams.worker.work import Parts, Work

TICK_SECONDS = 1.0
"""How often time advances for facilities without new alarms."""
METADATA_MS = 10_000
"""How soon a topic that was recreated while the worker runs is found again. The client's default is
five minutes.
"""
REQUEST_SECONDS = 30.0
"""How long a request may go unanswered, as in Kafka's own clients (`request.timeout.ms`). After
that, a connection whose peer has silently gone is closed. Faust's defaults are 90 s, and 20 min for
producers.
"""
LIMITS_SECONDS = 300.0
"""How often the broker is asked for `max.message.bytes` of the outputs, which operators may change.
A limit that was lowered in between is noticed when the broker refuses a record.
"""
HEARTBEAT_SECONDS = 3.0
"""Longest time between heartbeats, as in Kafka's own clients: by their answers a worker learns that
others have come or gone, however long its session lasts.
"""
FETCH_BYTES = 1 << 20
"""Longest fetch of one partition: a few thousand records, or two or three parts of a checkpoint.
Longer fetches only cost memory.
"""
BUFFERED_SLICES = 16
"""Size of Faust's buffer; `streams.kafka.transport.SLICES_IN_HAND` keeps it emptier."""
_UNKNOWN: Mapping[str, int] = {}

log = structlog.get_logger("alarm_fatigue")


class Site(Web):
    """Faust's web server with bounded connections and a guard, and without Faust's index page."""

    production_blueprints: ClassVar[list[Any]] = []

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self.refusals = Refusals()
        self._runner = new_runner(self.web_app)
        guard(self.web_app, app.web_settings, self.refusals, app.linked, recorder=app.recorder)

    async def start_server(self) -> None:
        await super().start_server()
        self.app.service_manager.ready(f"serving {self.app.web_settings.address}/")

    def _create_site(self) -> BoundedSite:
        settings = self.app.web_settings
        return BoundedSite(
            self._runner, settings, self.refusals, settings.port, self.app.conf.web_ssl_context
        )


class App(Unscanned):
    """A Faust app that stores its state before it releases its partitions."""

    work: Work
    web_settings: WebSettings
    linked: str | None = None
    """The host name in links of pages."""
    ownership: Ownership | None = None
    recorder: Recorder | None = None
    current_limits: Callable[[], dict[str, int]]
    other_versions: OtherVersions
    names = Naming()
    """The names of the topics on the broker."""
    service_manager = ServiceManager()

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_web(self) -> Site:
        return Site(self)

    def _create_directories(self) -> None:
        """None: state lives in Kafka."""

    async def on_start(self) -> None:
        await super().on_start()
        self.add_future(self.work.stall_watch.watch())  # Faust's own timers wait for the partitions
        self.add_future(self._keep_limits())
        self.add_future(self._keep_fences())
        if self.ownership is not None:
            self.add_future(self.ownership.watch())

    async def _keep_limits(self) -> None:
        while True:
            await asyncio.sleep(LIMITS_SECONDS)
            self.work.sink.limits.update(await asyncio.to_thread(self.current_limits))

    async def _keep_fences(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await self.other_versions.look():
                for number in list(self.work.holder.held):
                    self.work.holder.fence(number)

    async def on_stop(self) -> None:
        await self.work.drain()
        await super().on_stop()
        if self.recorder is not None:
            await asyncio.to_thread(self.recorder.close, last="stop")


def create_app(
    settings: Settings,
    clock: Callable[[], float] = time.time,
    limits: Mapping[str, int] | None = None,
    others: Sequence[Version] = (),
) -> App:
    """The worker for `settings`. `clock` gives seconds since the epoch. `settings.partitions` must
    be the topics' actual number of partitions.

    `limits` holds `max.message.bytes` of the output topics, as far as known; `others` are the
    groups of other state versions.

    Raises `SettingsError` if a secret or a certificate cannot be read.
    """
    speak(settings.names)
    app = _faust(settings)
    app.web_settings = settings.web
    app.recorder = recorder_of(settings.audit, settings.pseudonyms, clock)
    if app.recorder is not None:
        app.recorder.event("start", **loaded(settings))
    app.names = Naming.of(settings.kafka)
    app.linked = urlsplit(settings.paging.url or "").hostname
    alertmanager = alertmanager_of(settings.alertmanager.url, settings.alertmanager.token_file)
    if alertmanager is not None:
        app.ownership = Ownership(alertmanager, settings.calendar.calendars)
    app.current_limits = partial(current_limits, settings)
    table = CheckpointTable(
        app, name="checkpoint", partitions=settings.partitions, key_type=bytes, value_type=bytes
    )
    app.tables.add(table)
    pseudonym = pseudonyms(settings)
    sealing = Sealing(*state_keys(settings))
    for line in warnings(settings):
        log.warning(line)
    app.other_versions = OtherVersions(others, partial(other_groups, settings))
    work = app.work = new_work(
        app,
        settings,
        pseudonym,
        clock,
        lambda number: table.data.taken(number, sealing),
        limits or {},
        takings=Known if app.ownership is None else app.ownership.current,
        sealing=sealing,
        audit=Counts if app.recorder is None else app.recorder.counts_now,
        other_versions=app.other_versions,
    )
    table.on_revoked, table.on_recovered = work.holder.revoked, work.holder.take_over
    slices = app.topic(*map(app.names.called, TOPICS), schema=Slices(), acks=False)
    app.agent(slices, name="slices")(work.reader.consume)
    app.timer(interval=TICK_SECONDS, name="tick")(work.tick)
    app.timer(interval=settings.checkpoint_interval / 1000, name="checkpoint")(
        work.checkpointer.checkpoint
    )
    app.task(work.checkpointer.run_early, traced=False)
    _add_site(app, settings, pseudonym, work)
    return app


def loaded(settings: Settings) -> dict[str, Any]:
    """The settings that the audit records when a worker has loaded them: no secret, no path."""
    web = settings.web
    return {
        "version": __version__,
        "settings": settings_fingerprint(settings),
        "policy": settings.policy.fingerprint,
        "asks_readers": web.authenticates,
        "tokens": listed(web.tokens),
        "single_token": web.token is not None or web.token_file is not None,
        "certificates": listed(web.certificates),
        "proxy_groups": listed(web.proxy.groups),
    }


def new_work(
    app: Any,
    settings: Settings,
    pseudonym: Callable[[str], str],
    clock: Callable[[], float],
    found: FoundRecords,
    limits: Mapping[str, int] = _UNKNOWN,
    pressure: Pressure | None = None,
    takings: Callable[[], Known] = Known,
    sealing: Sealing = CLEAR,
    audit: Callable[[], Counts] = Counts,
    other_versions: OtherVersions | None = None,
) -> Work:
    """The parts of a worker and its exporter, put together. Nothing is registered with Faust yet.

    `found` gives the records that recovery found; `limits` as in `create_app`; `pressure` replaces
    the default one; `takings` says who has which page; `sealing` encrypts the stored state; `audit`
    counts what was recorded; `other_versions` are the workers of other state versions.
    """
    policy, wall = settings.policy, settings.clock == "wall"
    pressure = pressure or Pressure()
    known = Limits({plan.name: plan.max_bytes for plan in plans(settings, 1)}, LARGEST_RECORD)
    known.update(limits)
    holder = Holder(
        app, settings, policy, pseudonym, found, clock, other_versions or OtherVersions()
    )
    sink = Sink(app, known)

    def observe_delays(topic: Topic, accepted_at: npt.NDArray[np.int64], now: float) -> None:
        work.exporter.observe_delays(topic, accepted_at, now)

    reader = Reader(app, holder, sink, pressure, clock, wall, observe_delays)
    parts = Parts(
        holder=holder,
        sink=sink,
        pressure=pressure,
        reader=reader,
        checkpointer=Checkpointer(app, settings, holder, reader, sink, pressure, clock, sealing),
        lag=Lag(app, holder, clock, wall),
    )
    work = Work(app, parts, clock, settings.partitions, policy.max_ahead if wall else None)
    if isinstance(pseudonym, Pseudonyms) and not wall:
        pseudonym.now = partial(_latest, holder)
    work.stall_watch = StallWatch(app, settings, clock, work)
    work.exporter = Exporter(
        work,
        pseudonym,
        policy.min_classified,
        settings.metrics,
        REUSE_SECONDS if wall else 0.0,
        policy=policy.fingerprint,
        takings=takings,
        calendars=settings.calendar.calendars,
        audit=audit,
        smallest_group=settings.privacy.smallest_group,
    )
    return work


def _latest(holder: Holder) -> int:
    """The latest watermark of what this worker holds, in ms; 0 if there is none."""
    return max(
        (at for one in holder.partitions for at in one.engine.watermarks().values()), default=0
    )


def _add_site(app: App, settings: Settings, pseudonym: Callable[[str], str], work: Work) -> None:
    """Register the web pages: /metrics, the board, findings and what-ifs."""
    policy, exporter, calendars = settings.policy, work.exporter, settings.calendar.calendars
    wall, smallest = settings.clock == "wall", settings.privacy.smallest_group
    finder = Finder(
        work,
        policy,
        FINDINGS_REUSE_SECONDS if wall else 0.0,
        most_units=settings.metrics.max_units,
        unmeasured=exporter.unmeasured,
        smallest_group=smallest,
    )
    names = Names(pseudonym, settings.metrics.clinicians, settings.web.names_beds)
    board = Board(
        work,
        exporter,
        policy,
        names,
        partial(not_ready, app, work),
        not wall,
        ownership=app.ownership,
        grafana=settings.web.grafana_url,
        calendars=calendars,
        links=settings.paging.url is not None,
        smallest_group=smallest,
    )
    add_pages(app, work, exporter)
    add_findings(app, work, finder)
    add_workbench(app, work, Workbench(work, privacy=Privacy.of(smallest, policy)))
    add_incidents(
        app,
        work,
        Incidents(
            work,
            policy,
            pseudonym,
            settings.calendar.calendars,
            Privacy.of(smallest, policy),
            shows_beds=settings.web.names_beds,
            archive=settings.archive.path,
        ),
    )
    add_page(app)
    add_reader(app)
    add_board(app, work, board)
    add_week(app, work, Weeks(settings.archive.path, board, smallest, calendars))
    signer = signer_of(settings.paging.key_file)
    if app.ownership is not None and signer is not None:
        add_taking(app, app.ownership, signer, app.web.refusals)


def _faust(settings: Settings) -> App:
    """Faust's app for `settings`, with nothing registered yet."""
    return App(
        state_group(settings.group),
        broker=[f"kafka://{address}" for address in addresses(settings)],
        broker_credentials=faust_credentials(settings),
        broker_client_id=settings.group,
        broker_commit_interval=settings.checkpoint_interval / 1000,
        broker_heartbeat_interval=min(settings.session_timeout / 3000, HEARTBEAT_SECONDS),
        broker_session_timeout=settings.session_timeout / 1000,
        # Faust requires it
        broker_request_timeout=max(REQUEST_SECONDS, settings.session_timeout / 1000),
        producer_request_timeout=REQUEST_SECONDS,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance,
        # A named worker that returns gets its previous assignment, and Faust requires that it has
        # the same address as before.
        **({"canonical_url": f"http://{quote(settings.instance)}"} if settings.instance else {}),
        consumer_max_fetch_size=FETCH_BYTES,
        consumer_metadata_max_age_ms=METADATA_MS,
        producer_acks=-1,
        producer_max_batch_size=BATCH_BYTES,
        producer_max_request_size=LARGEST_RECORD,
        # a failed engine must not continue with a slice taken in only in part
        agent_supervisor="mode.CrashingSupervisor",
        topic_partitions=settings.partitions,
        topic_disable_leader=True,
        store="memory://",
        TableManager=Tables,
        # a warm copy costs as much memory as the original, and reading the topic takes seconds
        table_standby_replicas=0,
        stream_buffer_maxsize=BUFFERED_SLICES,
        stream_wait_empty=False,  # nothing is acknowledged: the state holds the offsets
        web_bind=settings.web.host,
        web_host=settings.web.host,
        web_port=settings.web.port,
        web_ssl_context=tls_of(settings.web),
        web_router_enabled=False,
        web_tables_enabled=False,
        web_graph_enabled=False,
        web_stats_enabled=False,
    )
