"""The stall watch: watches the progress of a worker, and ends it if it stalls although the broker
answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

import structlog

from streams.kafka.handshake import PROBE_SECONDS, reason
from streams.partitions.partition import Partition
from streams.partitions.progress import Answers, Silence, StallDetector, Standing
from streams.settings import Settings
from streams.worker.watchdog import STOP_SECONDS, Watchdog

CHECK_SECONDS = 1.0
"""How often progress is checked."""

log = structlog.get_logger("alarm_fatigue")


class Stalled(RuntimeError):
    """The worker made no progress, and only a restart may help."""


class Watched(Protocol):
    """The part of a worker that the stall watch uses."""

    watchdog: Watchdog | None

    @property
    def partitions(self) -> list[Partition]: ...

    def standing(self) -> Standing: ...


class StallWatch:
    """Checks `work` once a second. `clock` gives seconds since the epoch."""

    def __init__(
        self, app: Any, settings: Settings, clock: Callable[[], float], work: Watched
    ) -> None:
        self._app = app
        self._settings = settings
        self._clock = clock
        self._work = work
        self._stall = StallDetector(settings.stall_timeout / 1000)
        self.answers = Answers(self._connections)
        self._silence = Silence(settings.broker)
        self._was_silent = False

    def broker_answered_at(self) -> float | None:
        """When a broker last answered a request of this worker (fetch, heartbeat, metadata,
        produce).

        Seconds since the epoch by the worker's clock; None before the first answer. An idle worker
        gets an answer every half second, a worker in a rebalance at least every ten seconds.
        """
        last = self.answers.last()
        return None if last is None else self._clock() - (monotonic() - last)

    def _connections(self) -> list[Any]:
        # the public properties would create the clients
        consumer, producer = self._app._consumer, self._app._producer
        client = None if producer is None else producer._producer
        connections: list[Any] = [] if consumer is None else consumer.connections()
        return connections if client is None else [*connections, *client.client._conns.values()]

    async def watch(self) -> None:
        """Check the worker for as long as it runs; end it if it stalls although the
        broker answers.
        """
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            answered, now = self.answers.last(), monotonic()
            due = self._silence.is_due(answered, now)
            self._silence.check(answered, now, await self._reason() if due else None)
            await self._check()

    async def _reason(self) -> str | None:
        """Why no new connection to the broker is possible; None if one is."""
        return await asyncio.to_thread(reason, self._settings, PROBE_SECONDS)

    async def _check(self) -> None:
        standing = self._work.standing()
        what = self._stall.check(standing, monotonic())
        if what is None:
            return
        asked = monotonic()
        if await self._reason() is not None:
            self._was_silent = True
            self._stall.reset()
            return
        self.answers.record(asked)
        if self._was_silent:  # it has just returned; the clients need time to reconnect
            self._was_silent = False
            self._stall.reset()
            return
        seconds = self._settings.stall_timeout / 1000
        log.error(
            f"no progress, ending to be restarted: {what}",
            seconds=seconds,
            records_waiting=standing.waiting,
            partitions=[one.number for one in self._work.partitions],
            records_taken_in=standing.taken_in,
        )
        if self._work.watchdog is not None:  # the cause of the stall may keep Faust from stopping
            self._work.watchdog.stop_within(STOP_SECONDS)
        await self._app.crash(Stalled(f"no progress for {seconds:.0f} s: {what}"))
