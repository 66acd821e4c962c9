"""Back-pressure: reading stops while too many finished episodes wait for a checkpoint.

Finished episodes are sent only after the state that produced them is stored. While the broker
accepts no checkpoint, they accumulate. When they exceed the worker's capacity, the partitions that
hold more than their share of it are paused. Each resumes once its own checkpoint has succeeded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from streams.partitions.outbox import Waiting

WAITING_EPISODES = 100_000
WAITING_BYTES = 64 << 20
"""Capacity of a worker, over all its partitions: twice `checkpointer.EPISODES_LIMIT`. An episode
has about 600 bytes as sent. Twice this capacity would not fit into 500 MB with the rest of a
worker.
"""
DUE = 0.75
"""From this share of the capacity on, checkpoints are due at once, so that reading need not stop.
"""
RESUMES = 0.5
"""A paused partition resumes when it holds less than this part of its share."""
PAUSED_SECONDS = 10.0
"""A pause is reported after this time. An ordinary checkpoint takes less (our own limit)."""

log = structlog.get_logger("alarm_fatigue")


@dataclass(frozen=True, slots=True)
class Backpressure:
    """The state of back-pressure at one moment, by partition."""

    seconds: Mapping[int, float] = field(default_factory=dict)
    """For how long reading has been paused; 0 if it is not paused."""
    waiting: Mapping[int, int] = field(default_factory=dict)
    """Finished episodes that wait for a checkpoint."""
    refused: Mapping[int, str] = field(default_factory=dict)
    """Why the broker refused the latest checkpoint, for partitions where it did."""

    @property
    def says(self) -> str | None:
        """One line about pauses; None unless one has lasted `PAUSED_SECONDS`."""
        long = [number for number, seconds in self.seconds.items() if seconds > PAUSED_SECONDS]
        if not long:
            return None
        what = f"partition {long[0]}" if len(long) == 1 else f"{len(long)} partitions"
        waiting = sum(self.waiting.get(number, 0) for number in long)
        why = next((self.refused[number] for number in long if number in self.refused), None)
        by = "the broker has not taken" if why is None else f"the broker refuses ({why})"
        return (
            f"reading of {what} is paused: {waiting} finished episodes wait for a "
            f"checkpoint, which {by}"
        )


class Pressure:
    """Decides which partitions are paused. `episodes` and `size` (bytes) are the capacity."""

    def __init__(self, episodes: int = WAITING_EPISODES, size: int = WAITING_BYTES) -> None:
        self._episodes = episodes
        self._size = size
        self._waiting: dict[int, Waiting] = {}
        self._since: dict[int, float] = {}
        self._reported = False

    @property
    def paused(self) -> frozenset[int]:
        """Partitions from which nothing is read."""
        return frozenset(self._since)

    @property
    def checkpoint_due(self) -> bool:
        """Whether a checkpoint now may avoid or end a pause."""
        return self._taken > DUE or bool(self._since)

    @property
    def _taken(self) -> float:
        """The used share of the capacity."""
        waiting = self._waiting.values()
        return max(
            sum(one.episodes for one in waiting) / self._episodes,
            sum(one.size for one in waiting) / self._size,
        )

    def update(self, waiting: Mapping[int, Waiting], now: float) -> frozenset[int]:
        """Record what waits in each partition held. Returns the partitions to be paused from now
        on.

        `now` in s, monotonic.
        """
        self._waiting = dict(waiting)
        share, full = 1 / max(len(waiting), 1), self._taken > 1
        before, self._since = self._since, {}
        for number, one in waiting.items():
            level = max(one.episodes / self._episodes, one.size / self._size)
            if (full and level > share) or (number in before and level > share * RESUMES):
                self._since[number] = before.get(number, now)
        return self.paused

    def now(self, now: float, refused: Mapping[int, str]) -> Backpressure:
        """The state at `now` (s, monotonic); `refused` as in `Backpressure`."""
        seconds = {number: max(now - self._since.get(number, now), 0.0) for number in self._waiting}
        return Backpressure(
            seconds, {number: one.episodes for number, one in self._waiting.items()}, refused
        )

    def report(self, moment: Backpressure) -> None:
        """Log a lasting pause once, and its end."""
        says = moment.says
        if says is not None and not self._reported:
            log.error(says, partitions=sorted(self._since))
        elif self._reported and not self._since:
            log.warning("a checkpoint has succeeded, reading resumes")
        self._reported = says is not None or (self._reported and bool(self._since))
