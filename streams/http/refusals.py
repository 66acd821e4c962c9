"""Refusals: counts the requests and connections that the web server refuses, and logs them at most
once a minute for each reason.

No part of a request is ever logged: no path, no header, no address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

log = structlog.get_logger("alarm_fatigue")

EVERY_SECONDS = 60.0
"""At most one log line in this time for each reason."""

REASONS: Mapping[str, str] = {
    "capacity": "connections closed to make room for newer ones: see web.max_connections and "
    "web.max_connections_per_address",
    "busy": "connections or requests refused, because all connections were busy",
    "header_timeout": "connections closed, because no complete request arrived within "
    "web.header_timeout",
    "handshake": "connections closed, because the TLS handshake failed or did not finish",
    "slow_reader": "connections closed, because the client did not read the answer",
    "malformed": "malformed requests refused (400, 405, 413 or 431)",
    "unauthenticated": "requests without a valid token refused (401)",
    "no_certificate": "requests without a client certificate refused (403)",
    "too_many_attempts": "requests refused unread, because their address sent too many invalid "
    "tokens (429)",
    "forbidden": "requests refused, because the reader's role or scope does not allow them (403)",
    "forged_link": "links to take a page that are not ours, or incomplete, refused (403)",
    "expired_link": "links to take a page whose time is over refused (410)",
    "wrong_name": "requests under a host name that is not this worker's refused (421): see "
    "web.names",
    "no_descriptors": "connections could not be accepted: no file descriptors are left",
    "failed": "pages failed with an internal error (500)",
}


class Refusals:
    """Counts by reason. The first of each minute is logged at once, the others at its end."""

    def __init__(self, every_seconds: float = EVERY_SECONDS) -> None:
        self.totals: dict[str, int] = {}
        self._every = every_seconds
        self._waiting: dict[str, int] = {}
        self._details: dict[str, dict[str, str]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def count(self, reason: str, **detail: str) -> None:
        """Count one refusal. Must be called from the event loop's thread.

        `detail` is logged with it (the latest of a minute); it must hold no part of the request.
        """
        self.totals[reason] = self.totals.get(reason, 0) + 1
        self._details[reason] = detail
        if reason in self._timers:
            self._waiting[reason] = self._waiting.get(reason, 0) + 1
        else:
            self._log(reason, 1)

    def _log(self, reason: str, count: int) -> None:
        write = log.error if reason == "failed" else log.warning
        write(f"web server: {REASONS[reason]}", reason=reason, count=count, **self._details[reason])
        loop = asyncio.get_running_loop()
        self._timers[reason] = loop.call_later(self._every, self._minute_over, reason)

    def _minute_over(self, reason: str) -> None:
        del self._timers[reason]
        count = self._waiting.pop(reason, 0)
        if count:
            self._log(reason, count)

    def close(self) -> None:
        """Log the counts that still wait, and stop the timers."""
        for reason, timer in list(self._timers.items()):
            timer.cancel()
            count = self._waiting.pop(reason, 0)
            if count:
                self._log(reason, count)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
