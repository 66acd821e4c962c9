"""Running a worker: look before starting, run Faust's worker, and end with a status that says how it went."""

from __future__ import annotations

import gc
import socket

import faust
import structlog

from analyzer import TOPICS
from streams import logs
from streams.app import create_app
from streams.guard import token_of
from streams.settings import Settings
from streams.topics import Topics, TopicsError

log = structlog.get_logger("alarm_fatigue")


class WorkerError(Exception):
    """A worker that cannot start, or could not go on: one line."""


def run(settings: Settings) -> None:
    """Work until told to stop. Raises `WorkerError`, `SettingsError`."""
    settings = settings.model_copy(update={"partitions": _checked_partitions(settings)})
    _check_port(settings)
    logs.set_up(settings.log_level)
    app = create_app(settings)
    web = settings.web
    log.info("worker starting", broker=settings.broker, group=settings.group, page=f"{web.address}/", metrics=f"{web.address}/metrics")
    if not web.is_local and token_of(web) is not None and web.tls_cert_file is None:
        log.warning("the token travels in clear: set web.tls_cert_file and web.tls_key_file, or have a proxy before it do so")
    _spare_the_collector()
    worker = faust.Worker(app, loglevel=settings.log_level, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None  # it draws on standard output, terminal or not
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        if end.code:
            raise WorkerError(f"stopped by a failure: {app.crash_reason or 'see the log'}") from None


def _spare_the_collector() -> None:
    """Slices make millions of short-lived tuples, none of them in a cycle, and each pass of the collector looks at all that live."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def _checked_partitions(settings: Settings) -> int:
    """The number of partitions of the topics, once they are fit to work on."""
    try:
        with Topics(settings) as known:
            findings = known.check()
            existing = known.partitions()
    except TopicsError as error:
        raise WorkerError(str(error)) from None
    fatal = [one for one in findings if one.fatal]
    if fatal:
        more = f" (and {len(fatal) - 1} more)" if len(fatal) > 1 else ""
        raise WorkerError(f"topic {fatal[0].topic}: {fatal[0].message}{more}; run: alarm-fatigue topics --broker {settings.broker}")
    for finding in findings:
        log.warning("topic", topic=finding.topic, finding=finding.message)
    return existing[TOPICS[0]]


def _check_port(settings: Settings) -> None:
    try:
        with socket.create_server((settings.web.host, settings.web.port)):
            pass
    except OSError as error:
        raise WorkerError(f"cannot serve on {settings.web.host}:{settings.web.port}: {error.strerror}") from None
