"""Ownership of pages: somebody takes a page, keeps it for longer, or hands it back.

Alertmanager's silences are the only store. So every worker gives the same answer, and a restart
loses nothing. The silences last read are kept for metrics and the board, with the time of reading.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from streams.formats.calendars import Calendars
from streams.paging.links import Link
from streams.paging.silences import AlertmanagerError, Silence, Silences
from streams.paging.takings import (
    Taking,
    had,
    held,
    is_ours,
    of_unit,
    silence_of,
    takings_of,
)
from streams.paging.tiers import BY_ALERT
from streams.paging.words import Clock

log = structlog.get_logger("alarm_fatigue")

LOOK_SECONDS = 10.0
"""How often Alertmanager is asked who has which page."""
OLD_SECONDS = 60.0
"""Without an answer for this long (s), it is no longer shown who has which page."""
SAY_SECONDS = 300.0
"""At most one log line in this time (s) says that Alertmanager does not answer."""


@dataclass(frozen=True, slots=True)
class Known:
    """The takings last read. `at`: when (seconds since the epoch); None: never."""

    at: float | None = None
    takings: tuple[Taking, ...] = ()

    def current(self, now: float) -> bool:
        return self.at is not None and now - self.at < OLD_SECONDS

    def held(self, now: float) -> dict[tuple[str, str], Taking]:
        """By facility and unit, the taking that is in force now."""
        found: dict[tuple[str, str], Taking] = {}
        for one in self.takings:
            if one.holds(now):
                found.setdefault((one.facility, one.unit), one)
        return found


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of the overload that a link is about. Times in seconds since the epoch."""

    since: float | None
    """When the overload began; None: it is over."""
    fired: frozenset[str]
    """The alerts of `TIERS` that are firing."""
    taking: Taking | None
    before: Taking | None
    """The last taking during this overload that has ended."""


class Ownership:
    """Handles one request at a time, so that two taps make one silence."""

    def __init__(
        self, silences: Silences, calendars: Calendars, now: Callable[[], float] = time.time
    ) -> None:
        self._silences = silences
        self._calendars = calendars
        self.now = now
        self.known = Known()
        self._lock = asyncio.Lock()
        self._said = float("-inf")

    def current(self) -> Known:
        return self.known

    def clock(self, facility: str) -> Clock:
        return Clock(self._calendars.of(facility))

    async def look(self, facility: str, unit: str) -> Standing:
        """Raises `AlertmanagerError`."""
        alerts, takings = await asyncio.gather(
            self._silences.alerts({"facility": facility, "unit": unit}), self._read()
        )
        began = {
            name: self.clock(facility).began(name, one.since)
            for one in alerts
            if (name := one.labels.get("alertname", "")) in BY_ALERT
        }
        since = min((at for at in began.values() if at is not None), default=None)
        now, ours = self.now(), of_unit(takings, facility, unit)
        before = None if since is None else had(ours, since, now)
        return Standing(since, frozenset(began), held(ours, now), before)

    async def take(self, link: Link, role: str, reach: str, until: float) -> Standing:
        """Take the page, unless somebody has it or the overload is over. Returns the new state.

        Raises `AlertmanagerError`.
        """
        async with self._lock:
            found = await self.look(link.facility, link.unit)
            if found.since is None or found.taking is not None:
                return found
            wanted = silence_of(
                link.facility, link.unit, found.fired, role, reach, self.now(), until
            )
            await self._silences.put(wanted)
            await self._one_only(link)
            log.info("page taken", facility=link.facility, unit=link.unit, role=role)
            return await self.look(link.facility, link.unit)

    async def _one_only(self, link: Link) -> None:
        """If two workers made silences at the same moment, keep only the earlier one."""
        now = self.now()
        ours = sorted(
            (
                one
                for one in await self._silences.all()
                if one.until > now and is_ours(one, link.facility, link.unit)
            ),
            key=lambda one: (one.since, one.id),
        )
        for one in ours[1:]:
            await self._silences.end(one.id)

    async def keep(self, link: Link, until: float) -> Standing:
        """Extend the time of a taking; never shorten it. Raises `AlertmanagerError`."""
        async with self._lock:
            found = await self.look(link.facility, link.unit)
            if found.taking is None or found.since is None:
                return found
            silence = await self._silence(found.taking)
            if silence is not None and until > silence.until:
                await self._silences.put(replace(silence, until=until))
                log.info("page kept for longer", facility=link.facility, unit=link.unit)
            return await self.look(link.facility, link.unit)

    async def hand_back(self, link: Link) -> Standing:
        """Raises `AlertmanagerError`."""
        async with self._lock:
            found = await self.look(link.facility, link.unit)
            if found.taking is None:
                return found
            await self._silences.end(found.taking.id)
            log.info("page handed back", facility=link.facility, unit=link.unit)
            return await self.look(link.facility, link.unit)

    async def _silence(self, taking: Taking) -> Silence | None:
        return next((one for one in await self._silences.all() if one.id == taking.id), None)

    async def _read(self) -> list[Taking]:
        found = takings_of(await self._silences.all())
        self.known = Known(self.now(), tuple(found))
        return found

    async def refresh(self) -> None:
        """Read the silences. If that is not possible, write a log line now and then."""
        try:
            await self._read()
        except AlertmanagerError as error:
            moment = time.monotonic()
            if moment - self._said >= SAY_SECONDS:
                self._said = moment
                log.warning("who has which page is not known", error=str(error))

    async def watch(self) -> None:
        """Keep `known` current until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(LOOK_SECONDS)
