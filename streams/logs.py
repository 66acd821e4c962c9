"""Logs: one JSON object per line on standard error, from our code and from libraries."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import structlog

OURS = "alarm_fatigue"
REPEAT_SECONDS = 60.0
"""A repeated line is written at most once in this time. Its field `suppressed` says how many were
left out.
"""
OUR_BURST = 10
"""This many of our lines of one kind are written in that time, for example one per partition."""
_KINDS = 1000  # kinds of lines that are remembered

_AWAY = (
    "Unable connect to",
    "Unable to update metadata",
    "Unable to request metadata",
    "Failed fetch messages from",
    "Group Coordinator Request failed",
    "Error sending ",
    "Marking the coordinator dead",
    "Heartbeat send request failed",
    "Heartbeat session expired",
    "Heartbeat failed",
    "LeaveGroup request failed",
    "OffsetCommit failed",
    "Got error produce response",
    "Cannot send ",
    "Could not send ",
    "Topic %s is not available during auto-create",
    "Topic %s not found in cluster metadata",
)
"""The beginnings of the Kafka client's lines about an absent broker or, on the first start on a new
Kafka, a group without a coordinator. It writes a hundred a second. We write one line a minute
(`progress.Silence`), so these are only for debugging, unless they report missing permissions.
"""
_FORBIDDEN = re.compile("authori[sz]|authenti", re.IGNORECASE)
_VARYING = re.compile(r"0x[0-9a-f]+|\d+")

# `streams`: Faust logs under the modules of our subclasses
_NOISY = ("faust", "mode", "aiokafka", "kafka", "aiohttp", "streams")


def set_up(level: str) -> None:
    """Log from `level` upwards; from libraries, only warnings and errors, at `debug` also info.

    Libraries never log at debug level, because the Kafka client would print records, which hold
    personal data.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    handler.addFilter(Quiet(debugging=level == "debug"))
    threading.excepthook = _thread_failed
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.INFO if level == "debug" else logging.WARNING)
    # the client that checks topics before the start: we report its errors in one line
    if level != "debug":
        logging.getLogger("kafka").setLevel(logging.CRITICAL)


@dataclass(slots=True)
class _Kind:
    """Lines of one kind: since when, how many were written, and how many were not."""

    since: float
    written: int = 0
    suppressed: int = 0


class Quiet(logging.Filter):
    """Passes a line at once, and others of its kind once a minute, with the number of those left
    out.

    Lines are of one kind if they come from the same logger and differ only in numbers.
    """

    def __init__(self, debugging: bool = False, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._debugging = debugging
        self._clock = clock
        self._kinds: dict[tuple[str, int, str], _Kind] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        ours = record.name == OURS
        message: Any = record.msg.get("event") if isinstance(record.msg, dict) else record.msg
        template = str(message)
        if (
            not ours
            and not self._debugging
            and template.startswith(_AWAY)
            and not _FORBIDDEN.search(record.getMessage())
        ):
            return False
        key = record.name, record.levelno, _VARYING.sub("#", template)[:200]
        now = self._clock()
        with self._lock:
            kind = self._kinds.get(key)
            if kind is None or now - kind.since >= REPEAT_SECONDS:
                suppressed = 0 if kind is None else kind.suppressed
                if len(self._kinds) >= _KINDS:
                    self._kinds.clear()
                self._kinds[key] = _Kind(now, written=1)
                if suppressed:
                    _mark(record, suppressed)
                return True
            if kind.written < (OUR_BURST if ours else 1):
                kind.written += 1
                return True
            kind.suppressed += 1
            return False


def _mark(record: logging.LogRecord, suppressed: int) -> None:
    if isinstance(record.msg, dict):
        record.msg = record.msg | {"suppressed": suppressed}
    else:
        record.msg, record.args = (
            f"{record.getMessage()} ({suppressed} more like this in between)",
            None,
        )


def _thread_failed(arguments: threading.ExceptHookArgs) -> None:
    """Log one line for a thread that failed, instead of a traceback, which may hold
    personal data.
    """
    name = "a thread" if arguments.thread is None else arguments.thread.name
    if not issubclass(arguments.exc_type, SystemExit | asyncio.CancelledError):
        structlog.get_logger(OURS).error(
            "a thread failed", thread=name, error=arguments.exc_type.__name__
        )
