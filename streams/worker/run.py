"""Running a worker: check its surroundings, run Faust's worker, and exit with a status that names
the cause.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from importlib.util import find_spec

import structlog
from faust.worker import Worker as FaustWorker

from analyzer import TOPICS
from streams import logs
from streams.access import Tokens
from streams.container import in_container
from streams.kafka.failures import forbidden
from streams.kafka.state_version import STATE_VERSION, checkpoint_topic, state_group
from streams.kafka.topics import Finding, Topics, TopicsError
from streams.kafka.versions import Version, other_groups
from streams.service_manager import ServiceManager
from streams.settings import Settings
from streams.worker.app import create_app
from streams.worker.watchdog import NOT_DRAINED, Watchdog

log = structlog.get_logger("alarm_fatigue")


class WorkerError(Exception):
    """A worker could not start, or failed while it ran: one line."""


def run(settings: Settings) -> None:
    """Work until stopped. Raises `WorkerError`, `SettingsError`."""
    partitions, limits, findings, others = _checked(settings)
    settings = settings.model_copy(update={"partitions": partitions})
    _check_port(settings)
    # not earlier: clients would log an absent broker in addition to our one line
    logs.set_up(settings.log_level)
    for finding in findings:
        log.warning("topic", topic=finding.topic, finding=finding.message)
    app = create_app(settings, limits=limits, others=others)
    web = settings.web
    log.info(
        "worker starting",
        broker=settings.broker,
        group=state_group(settings.group),
        state_version=STATE_VERSION,
        page=f"{web.address}/",
        metrics=f"{web.address}/metrics",
    )
    if web.is_local and in_container():
        log.warning(
            "web.host is loopback, which only this container reaches, so nobody can read the page "
            "or /metrics from outside, whatever port is published: set web.host to 0.0.0.0 and "
            "web.tokens, unless a proxy in the same network namespace serves it",
            host=web.host,
        )
    if (lacks := left_out(settings)) is not None:
        log.warning(lacks)
    if not web.is_local and settings.audit.file is None:
        log.warning("nobody can say later who read what: set audit.file")
    for exposed in Tokens(web).exposed:
        log.warning("a file with a token", finding=exposed)
    if not web.is_local and web.has_tokens and web.tls_cert_file is None:
        log.warning(
            "the token is sent unencrypted: set web.tls_cert_file and web.tls_key_file, or "
            "use a proxy that serves HTTPS"
        )
    spare_the_collector()
    worker = Worker(
        app, loglevel=settings.log_level, override_logging=False, redirect_stdouts=False, quiet=True
    )
    worker.spinner = None  # it draws on standard output, terminal or not
    manager = app.service_manager = ServiceManager.of(os.environ)
    watchdog = Watchdog(
        worker.loop,
        settings.stall_timeout / 1000,
        worker.stop_in_order,
        app.work.in_hand,
        manager,
    )
    app.work.watchdog = watchdog
    watchdog.start()
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        if app.work.drained is False and app.crash_reason is None:
            sys.exit(NOT_DRAINED)
        if end.code:
            raise WorkerError(
                f"stopped by a failure: {_why(settings, app.crash_reason) or 'see the log'}"
            ) from None
    finally:
        watchdog.close()


class Worker(FaustWorker):  # type: ignore[misc]  # mode gives it no types
    """Faust's worker; the watchdog passes signals to it."""

    def install_signal_handlers(self) -> None:
        """Install none: the watchdog handles signals."""

    def stop_in_order(self) -> None:
        """Begin to stop; call it in the event loop. The process ends when everything has
        stopped.
        """
        self._schedule_shutdown(signal.SIGTERM)


def spare_the_collector() -> None:
    """Make the garbage collector run less often, and never visit what exists now.

    Slices create millions of short-lived tuples, none of them in a cycle, and each collection
    visits all live objects. What importing leaves in cycles, 2,000 objects, stays: to find it takes
    as long as a tenth of the start.
    """
    gc.freeze()
    gc.set_threshold(250_000, 20, 50)
    gc.enable()


def _checked(settings: Settings) -> tuple[int, dict[str, int], list[Finding], list[Version]]:
    """Check the topics: their number of partitions, `max.message.bytes` of the outputs, warnings,
    and the groups of other state versions.

    Raises `WorkerError` if the worker could not work on them.
    """
    try:
        with Topics(settings, "worker") as known:
            known.check_permissions()
            findings = known.check()
            existing, limits = known.partitions(), known.limits()
            others = _others(settings, known)
    except TopicsError as error:
        raise WorkerError(str(error)) from None
    fatal = [one for one in findings if one.fatal]
    if fatal:
        more = f" (and {len(fatal) - 1} more)" if len(fatal) > 1 else ""
        raise WorkerError(
            f"topic {fatal[0].topic}: {fatal[0].message}{more}; run: alarm-fatigue topics "
            f"--broker {settings.broker}"
        )
    return existing[TOPICS[0]], limits, findings, others


def _others(settings: Settings, known: Topics) -> list[Version]:
    try:
        return other_groups(settings, known.admin)
    except TopicsError as error:  # without an upgrade there are none
        log.warning(f"workers of other versions are not known: {error}")
        return []


def _why(settings: Settings, reason: BaseException | None) -> str:
    """Why the worker ended: the operation that the broker no longer allows, or else the error."""
    if reason is None:
        return ""
    inputs = {settings.kafka.topic(topic) for topic in TOPICS}
    reads = bool(inputs & {str(one) for one in reason.args})
    outputs = ("rejected", "episodes", "overload", checkpoint_topic(settings.group))
    operation, topics = ("Read", TOPICS) if reads else ("Write", outputs)
    return forbidden(settings, reason, operation, topics) or str(reason)


def left_out(settings: Settings, found: Callable[[str], object | None] = find_spec) -> str | None:
    """What the settings ask for but this installation cannot do, in words; `found` looks for a
    module.
    """
    if settings.archive.path is None or found("polars") is not None:
        return None
    return (
        "archive.path: this image leaves out what reads an archive, so the page shows no week; use "
        "the one built with --target full"
    )


def _check_port(settings: Settings) -> None:
    try:
        with socket.create_server((settings.web.host, settings.web.port)):
            pass
    except OSError as error:
        raise WorkerError(
            f"cannot serve on {settings.web.host}:{settings.web.port}: {error.strerror}"
        ) from None
