"""Running a worker: look before starting, run Faust's worker, and end with a status that says how
it went.
"""

from __future__ import annotations

import gc
import signal
import socket
import sys

import structlog
from faust.worker import Worker as FaustWorker

from analyzer import TOPICS
from streams import logs
from streams.http.guard import token_of
from streams.kafka.topics import Finding, Topics, TopicsError
from streams.settings import Settings
from streams.worker.app import create_app
from streams.worker.watchdog import NOT_DRAINED, Watchdog

log = structlog.get_logger("alarm_fatigue")


class WorkerError(Exception):
    """A worker that cannot start, or could not go on: one line."""


def run(settings: Settings) -> None:
    """Work until told to stop. Raises `WorkerError`, `SettingsError`."""
    partitions, limits, findings = _checked(settings)
    settings = settings.model_copy(update={"partitions": partitions})
    _check_port(settings)
    # before, what a client logs of a broker that is away would stand beside our one line
    logs.set_up(settings.log_level)
    for finding in findings:
        log.warning("topic", topic=finding.topic, finding=finding.message)
    app = create_app(settings, limits=limits)
    web = settings.web
    log.info(
        "worker starting",
        broker=settings.broker,
        group=settings.group,
        page=f"{web.address}/",
        metrics=f"{web.address}/metrics",
    )
    if not web.is_local and token_of(web) is not None and web.tls_cert_file is None:
        log.warning(
            "the token travels in clear: set web.tls_cert_file and web.tls_key_file, or "
            "have a proxy before it do so"
        )
    _spare_the_collector()
    worker = Worker(
        app, loglevel=settings.log_level, override_logging=False, redirect_stdouts=False, quiet=True
    )
    worker.spinner = None  # it draws on standard output, terminal or not
    watchdog = Watchdog(
        worker.loop, settings.stall_timeout / 1000, worker.stop_in_order, app.work.in_hand
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
                f"stopped by a failure: {app.crash_reason or 'see the log'}"
            ) from None
    finally:
        watchdog.close()


class Worker(FaustWorker):  # type: ignore[misc]  # mode gives it no types
    """Faust's worker, to which the watchdog brings signals."""

    def install_signal_handlers(self) -> None:
        """None: the watchdog has them."""

    def stop_in_order(self) -> None:
        """In the event loop; the process ends when everything has stopped."""
        self._schedule_shutdown(signal.SIGTERM)


def _spare_the_collector() -> None:
    """Slices make millions of short-lived tuples, none of them in a cycle, and each pass of the
    collector looks at all that live.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(250_000, 20, 50)


def _checked(settings: Settings) -> tuple[int, dict[str, int], list[Finding]]:
    """The partitions of topics that are fit to work on, how long records the outputs take, and what
    to warn of.
    """
    try:
        with Topics(settings) as known:
            findings = known.check()
            existing, limits = known.partitions(), known.limits()
    except TopicsError as error:
        raise WorkerError(str(error)) from None
    fatal = [one for one in findings if one.fatal]
    if fatal:
        more = f" (and {len(fatal) - 1} more)" if len(fatal) > 1 else ""
        raise WorkerError(
            f"topic {fatal[0].topic}: {fatal[0].message}{more}; run: alarm-fatigue topics "
            f"--broker {settings.broker}"
        )
    return existing[TOPICS[0]], limits, findings


def _check_port(settings: Settings) -> None:
    try:
        with socket.create_server((settings.web.host, settings.web.port)):
            pass
    except OSError as error:
        raise WorkerError(
            f"cannot serve on {settings.web.host}:{settings.web.port}: {error.strerror}"
        ) from None
