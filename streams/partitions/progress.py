"""Progress: does a worker that should be moving move?

Faust's consumer can stop without a word (its issues 175 and 629), and a worker that stands still
shows numbers that look fine and are old. What cannot go on is therefore watched by what it gets
done, in three ways:

- records wait, and none is taken in;
- no fetch is answered, though an idle topic's is, too, within two seconds;
- partitions, or their state, are waited for, and nothing of it comes.

Whether the broker is to blame is for the caller to find out: then starting anew would not help.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog

SILENT_SECONDS = 12.0
"""Without an answer for so long, something is wrong: an idle worker gets one every half second and
in a rebalance one every `app.METADATA_MS`.
"""
LOG_SECONDS = 60.0

log = structlog.get_logger("alarm_fatigue")


@dataclass(frozen=True, slots=True)
class Standing:
    """A worker at one moment."""

    settled: bool
    """Whether it holds its partitions, with their state."""
    restored: int
    """Grows with each stored record that is read while it is not settled."""
    partitions: int
    waiting: int
    """Records known to wait."""
    taken_in: int
    """Grows with each record."""
    answered: float | None
    """Changes with each fetch that the broker answers."""


class Answers:
    """When the broker last answered, by what our clients' connections received.

    `connections` gives those of all clients. Each holds, as `_last_action`, when the last response
    on it arrived (s, monotonic); a client keeps only connections on which one has arrived.
    """

    def __init__(self, connections: Callable[[], Iterable[Any]]) -> None:
        self._connections = connections
        self._last: float | None = None

    def record(self, moment: float) -> None:
        """An answer at `moment` (s, monotonic) to somebody else than those clients."""
        self._last = moment if self._last is None else max(self._last, moment)

    def last(self) -> float | None:
        """The last answer (s, monotonic); None before the first. Closed connections are forgotten
        by their clients, so ask every second or so."""
        for one in self._connections():
            self.record(one._last_action)
        return self._last


class Silence:
    """Says that the broker does not answer: after some seconds, then once a minute, and when it is
    over.
    """

    def __init__(self, broker: str) -> None:
        self._broker = broker
        self._logged_at: float | None = None
        self._since = 0.0

    def check(self, answered: float | None, now: float) -> None:
        """Log what is due. `answered`: the last answer, None before the first; both in seconds of
        one steady clock.
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
        elif self._logged_at is None or now - self._logged_at >= LOG_SECONDS:
            if self._logged_at is None:
                self._since = answered
            self._logged_at = now
            log.warning(
                "the broker does not answer; waiting for it",
                broker=self._broker,
                seconds=round(now - answered),
            )


class Watch:
    """Judges one `Standing` after the other."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._moved: dict[str, tuple[Any, float]] = {}

    def forgive(self) -> None:
        """Begin to count anew."""
        self._moved.clear()

    def check(self, one: Standing, now: float) -> str | None:
        """What has stood still for longer than the limit (seconds), None if nothing has; `now` in
        seconds of any steady clock.
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
