"""Progress: detects a worker that should be making progress and makes none.

Faust's consumer can stop silently (its issues 175 and 629). A stalled worker shows numbers that
look valid but are old. A worker counts as stalled in three cases:

- records wait, and none is taken in;
- no fetch is answered, although fetches of idle topics are answered within two seconds;
- the worker waits for partitions or their state, and receives nothing of them.

The caller must check whether the broker is the cause, because then a restart would not help.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog

SILENT_SECONDS = 12.0
"""After this time without an answer, something is wrong: an idle worker gets one every half second,
and a worker in a rebalance gets one every `app.METADATA_MS`.
"""
LOG_SECONDS = 60.0

log = structlog.get_logger("alarm_fatigue")


@dataclass(frozen=True, slots=True)
class Standing:
    """The progress of a worker at one moment."""

    settled: bool
    """Whether it holds its partitions and their state."""
    restored: int
    """Grows with each record of stored state that is read before it is settled."""
    partitions: int
    waiting: int
    """Records that are known to wait."""
    taken_in: int
    """Grows with each record."""
    answered: float | None
    """Changes with each fetch that the broker answers."""


class Answers:
    """When the broker last answered, according to our clients' connections.

    `connections` gives the connections of all clients. The `_last_action` of each is when the last
    response on it arrived (s, monotonic). Clients keep only connections that have had a response.
    """

    def __init__(self, connections: Callable[[], Iterable[Any]]) -> None:
        self._connections = connections
        self._last: float | None = None

    def record(self, moment: float) -> None:
        """Record an answer at `moment` (s, monotonic) on another connection."""
        self._last = moment if self._last is None else max(self._last, moment)

    def last(self) -> float | None:
        """The time of the last answer (s, monotonic); None before the first.

        Call it about every second, because clients drop closed connections.
        """
        for one in self._connections():
            self.record(one._last_action)
        return self._last


class Silence:
    """Logs that the broker does not answer: after some seconds, then once a minute, and
    at the end.
    """

    def __init__(self, broker: str) -> None:
        self._broker = broker
        self._logged_at: float | None = None
        self._since = 0.0

    def is_due(self, answered: float | None, now: float) -> bool:
        """Whether `check` would log that the broker does not answer."""
        silent = answered is not None and now - answered >= SILENT_SECONDS
        return silent and (self._logged_at is None or now - self._logged_at >= LOG_SECONDS)

    def check(self, answered: float | None, now: float, reason: str | None = None) -> None:
        """Log what is due. `answered` is the time of the last answer, None before the first; both
        in seconds of the same monotonic clock. `reason` says why a new connection fails, if it
        does.
        """
        if answered is None:
            return
        if now - answered < SILENT_SECONDS:
            if self._logged_at is not None:
                log.warning(
                    "the broker answers again",
                    broker=self._broker,
                    seconds=round(answered - self._since),
                )
                self._logged_at = None
        elif self.is_due(answered, now):
            if self._logged_at is None:
                self._since = answered
            self._logged_at = now
            log.warning(
                "the broker does not answer; waiting for it",
                broker=self._broker,
                seconds=round(now - answered),
                **({} if reason is None else {"reason": reason}),
            )


class StallDetector:
    """Checks one `Standing` after the other. `limit` in seconds."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._moved: dict[str, tuple[Any, float]] = {}

    def reset(self) -> None:
        """Start counting again."""
        self._moved.clear()

    def check(self, one: Standing, now: float) -> str | None:
        """The step that has stalled for longer than the limit, in words; None: no step has. `now`:
        seconds of any monotonic clock.
        """
        still = {
            "partitions or their state have not come": None
            if one.settled
            else ("settling", one.restored),
            "records wait, and none is taken in": ("taking", one.taken_in)
            if one.settled and one.waiting
            else None,
            "no fetch is answered": ("fetching", one.answered)
            if one.settled and one.partitions and not one.waiting
            else None,
        }
        for what, mark in still.items():
            if mark is None:
                self._moved.pop(what, None)
            elif what not in self._moved or self._moved[what][0] != mark:
                self._moved[what] = mark, now
            elif now - self._moved[what][1] > self._limit:
                return what
        return None
