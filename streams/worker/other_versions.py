"""Other versions: the workers of other state versions, which emit to the same topics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from analyzer import TOPICS, Topic
from streams.kafka.state_version import PLAIN, STATE_VERSION, first_edition
from streams.kafka.topics import TopicsError
from streams.kafka.versions import Version, turn

LOOK_SECONDS = 60.0
"""How often a worker looks for workers of other versions (s)."""

log = structlog.get_logger("alarm_fatigue")


class OtherVersions:
    """The known groups of other state versions. `look` asks the broker, and may block."""

    def __init__(
        self, found: Sequence[Version] = (), look: Callable[[], list[Version]] | None = None
    ) -> None:
        self._found = list(found)
        self._look = look
        self._refused = False

    def emitted(self, partition: int) -> dict[Topic, int]:
        """The offsets up to which other versions have emitted the results of a partition."""
        return {
            topic: most
            for topic in TOPICS
            if (
                most := max(
                    (one.offsets.get((topic, partition), 0) for one in self._found), default=0
                )
            )
        }

    def fence(self, generation: int) -> int:
        """The lower bound of this version's editions; `generation` is its latest generation."""
        if STATE_VERSION == PLAIN and not self._found:
            return generation
        return max(generation, first_edition(STATE_VERSION, turn(self._found, generation)))

    async def look(self) -> bool:
        """Look for groups of other versions; returns whether the broker has answered."""
        if self._look is None:
            return False
        try:
            self._found = await asyncio.to_thread(self._look)
        except Exception as error:  # whatever it is, the work goes on
            if not self._refused:
                said = error if isinstance(error, TopicsError) else type(error).__name__
                log.warning(f"workers of other versions are not known: {said}")
            self._refused = True
            return False
        self._refused = False
        return True
