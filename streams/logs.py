"""Logs: one JSON object a line on standard error, ours and our libraries' alike."""

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
"""How often a line that comes again and again is written; its `suppressed` says how many came in
between.
"""
OUR_BURST = 10
"""Lines of ours of one kind within that time, each of which names another topic or partition."""
_KINDS = 1000  # kinds of lines remembered; no log has that many

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
"""How the Kafka client begins to say that a broker is away, or (on the first start on a fresh
Kafka) that a group has no coordinator yet. It does so a hundred times a second. Ours is one line a
minute (`Work`), so these are for debugging - save where they say that something is not allowed.
"""
_FORBIDDEN = re.compile("authori[sz]|authenti", re.IGNORECASE)
_VARYING = re.compile(r"0x[0-9a-f]+|\d+")

# `streams`: Faust's words in our subclasses' names
_NOISY = ("faust", "mode", "aiokafka", "kafka", "aiohttp", "streams")


def set_up(level: str) -> None:
    """Log from `level` upwards; from libraries, warnings and worse (at `debug` also what they tell
    of their course).

    Never more of theirs: the Kafka client's own debugging prints records, and in records are
    people.
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
    # the client that looks at topics before the start: its errors reach us, and become one line
    if level != "debug":
        logging.getLogger("kafka").setLevel(logging.CRITICAL)


@dataclass(slots=True)
class _Kind:
    """Lines of one kind: since when, how many were written since, and how many were not."""

    since: float
    written: int = 0
    suppressed: int = 0


class Quiet(logging.Filter):
    """Lets a line through at once, and others of its kind once a minute, with the count of those
    left out.

    Lines are of one kind if they come from one logger and differ in numbers alone.
    """

    def __init__(self, debugging: bool = False, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._debugging = debugging
        self._clock = clock
        self._kinds: dict[tuple[str, int, str], _Kind] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        ours = record.name == OURS
        said: Any = record.msg.get("event") if isinstance(record.msg, dict) else record.msg
        template = str(said)
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
    """A thread that ended by an exception: one line instead of a traceback, which may hold
    anything.
    """
    name = "a thread" if arguments.thread is None else arguments.thread.name
    if not issubclass(arguments.exc_type, SystemExit | asyncio.CancelledError):
        structlog.get_logger(OURS).error(
            "a thread failed", thread=name, error=arguments.exc_type.__name__
        )
