"""Logs: one JSON object a line on standard error, ours and our libraries' alike."""

from __future__ import annotations

import logging
import sys

import structlog

_NOISY = ("faust", "mode", "aiokafka", "kafka", "aiohttp", "streams")  # `streams`: Faust's words in our subclasses' names


def set_up(level: str) -> None:
    """Log from `level` upwards; from libraries, warnings and worse (at `debug` also what they tell of their course).

    Never more of theirs: the Kafka client's own debugging prints records, and in records are people.
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
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.INFO if level == "debug" else logging.WARNING)
