"""The relay: completes pages on their way from Alertmanager to the hospital's paging gateway.

Alertmanager's templates can sign nothing and do not know who has a page. The relay adds the signed
link and who has it, and passes the webhook on. If the gateway does not accept it, Alertmanager is
told so, and tries again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import aiohttp

from streams.formats.calendars import Calendars
from streams.http.pages import Page
from streams.paging.links import Link, Signer
from streams.paging.ownership import Ownership
from streams.paging.silences import AlertmanagerError
from streams.paging.words import Clock, had_words, has_words

PATIENCE = 10.0
"""Seconds for the gateway to accept a page; Alertmanager then tries again."""
NOT_KNOWN = "it is not known whether somebody has it"


class Relay:
    """`ownership`: who has taken which page. `links`: the signer, where links lead to, and for how
    long they can be used (s). `gateway`: where pages go; None: nowhere else.
    """

    def __init__(
        self,
        calendars: Calendars,
        ownership: Ownership | None = None,
        links: tuple[Signer, str, float] | None = None,
        gateway: str | None = None,
        token: str | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._calendars = calendars
        self._ownership = ownership
        self._links = links
        self._gateway = gateway
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._now = now

    def clock(self, facility: str) -> Clock:
        return Clock(self._calendars.of(facility))

    async def completed(self, page: Page) -> Page:
        """With the link, where the page can be taken, and with who has it."""
        if not page.firing or not page.facility or not page.unit:
            return page
        if page.tier is not None and self._links is not None:
            signer, base, lifetime = self._links
            expires = int(self._now() + lifetime)
            link = Link(page.facility, page.unit, page.tier, expires)
            page = replace(page, link=signer.url(base, link))
        if self._ownership is None:
            return page
        try:
            found = await self._ownership.look(page.facility, page.unit)
        except AlertmanagerError:
            return page if page.tier is None else replace(page, taken=NOT_KNOWN)
        clock, now = self.clock(page.facility), self._ownership.now()
        if found.taking is not None:
            return replace(page, taken=has_words(found.taking, clock, now), holds=True)
        if found.before is not None:
            return replace(page, taken=had_words(found.before, clock, now), holds=False)
        return page

    async def passed_on(self, receiver: str, payload: Mapping[str, Any], page: Page) -> str | None:
        """Send it to the gateway: Alertmanager's webhook with `text`, `take` and `taken` beside its
        own fields. Returns why that was not possible, in one line.
        """
        if self._gateway is None:
            return None
        content = {**payload, "text": page.text, "take": page.link, "taken": page.taken}
        url = f"{self._gateway.rstrip('/')}/{quote(receiver, safe='')}"
        try:
            async with (
                aiohttp.ClientSession(
                    headers=self._headers, timeout=aiohttp.ClientTimeout(total=PATIENCE)
                ) as session,
                session.post(url, json=content, allow_redirects=False) as answer,
            ):
                if 200 <= answer.status < 300:
                    return None
                return f"the paging gateway answers with status {answer.status}"
        except TimeoutError:
            return f"the paging gateway did not answer within {PATIENCE:.0f} s"
        except (aiohttp.ClientError, ValueError, OSError) as error:
            return f"the paging gateway cannot be reached: {type(error).__name__}"
