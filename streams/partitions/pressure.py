"""Back-pressure: reading stops while too many finished episodes wait for a checkpoint.

Finished episodes are sent only once the state that they follow from is stored. While the broker
takes no checkpoint, they pile up. Beyond the room there is, the partitions that hold more than
their share of it are paused; each goes on once a checkpoint of its own has succeeded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from streams.partitions.outbox import Waiting

WAITING_EPISODES = 100_000
WAITING_BYTES = 64 << 20
"""The room of a worker, all its partitions together: twice `work.EPISODES_LIMIT`. An episode has
some 600 bytes as sent. Twice as much would not leave the rest of a worker its place in 500 MB."""
DUE = 0.75
"""With this much of the room taken, checkpoints are due at once, so that reading need not stop."""
GOES_ON = 0.5
"""A paused partition goes on once it holds less than this part of its share."""
PAUSED_SECONDS = 10.0
"""A pause is worth a word after so long: an ordinary checkpoint takes less (our own)."""

log = structlog.get_logger("alarm_fatigue")


@dataclass(frozen=True, slots=True)
class Backpressure:
    """What back-pressure does at one moment, by partition."""

    seconds: Mapping[int, float] = field(default_factory=dict)
    """For how long reading has been paused; 0 where it is not."""
    waiting: Mapping[int, int] = field(default_factory=dict)
    """Finished episodes that wait for a checkpoint."""
    refused: Mapping[int, str] = field(default_factory=dict)
    """Why the broker refused the latest checkpoint, where it did."""

    @property
    def says(self) -> str | None:
        """In one line; None while nothing has been paused for long."""
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
    """Which partitions are paused. `episodes` and `size` (bytes) are the room."""

    def __init__(self, episodes: int = WAITING_EPISODES, size: int = WAITING_BYTES) -> None:
        self._episodes = episodes
        self._size = size
        self._waiting: dict[int, Waiting] = {}
        self._since: dict[int, float] = {}
        self._said = False

    @property
    def paused(self) -> frozenset[int]:
        """Partitions from which nothing is read."""
        return frozenset(self._since)

    @property
    def checkpoint_due(self) -> bool:
        """Whether a checkpoint now may spare a pause."""
        return self._taken > DUE

    @property
    def _taken(self) -> float:
        """Part of the room that is taken."""
        waiting = self._waiting.values()
        return max(
            sum(one.episodes for one in waiting) / self._episodes,
            sum(one.size for one in waiting) / self._size,
        )

    def update(self, waiting: Mapping[int, Waiting], now: float) -> frozenset[int]:
        """Take note of what waits, by partition held; returns the partitions paused from here on.

        `now` in s, monotonic.
        """
        self._waiting = dict(waiting)
        share, full = 1 / max(len(waiting), 1), self._taken > 1
        before, self._since = self._since, {}
        for number, one in waiting.items():
            level = max(one.episodes / self._episodes, one.size / self._size)
            if (full and level > share) or (number in before and level > share * GOES_ON):
                self._since[number] = before.get(number, now)
        return self.paused

    def now(self, now: float, refused: Mapping[int, str]) -> Backpressure:
        """The moment `now` (s, monotonic), for all partitions judged; `refused` as in
        `Backpressure`.
        """
        seconds = {number: max(now - self._since.get(number, now), 0.0) for number in self._waiting}
        return Backpressure(
            seconds, {number: one.episodes for number, one in self._waiting.items()}, refused
        )

    def report(self, moment: Backpressure) -> None:
        """Log a pause that lasts, once, and its end."""
        says = moment.says
        if says is not None and not self._said:
            log.error(says, partitions=sorted(self._since))
        elif self._said and not self._since:
            log.warning("a checkpoint has succeeded, reading goes on")
        self._said = says is not None or (self._said and bool(self._since))
