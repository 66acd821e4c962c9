"""Pages: receives Alertmanager's webhooks like a paging gateway, and prints them on a terminal.

The text is the same as that of deploy/alertmanager/templates/page.tmpl. Nothing is sent to anyone.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import structlog
from aiohttp import web
from rich.console import Console

from streams.formats.texts import printable
from streams.formats.times import parse_rfc3339
from streams.paging.tiers import TIERS
from streams.paging.words import Clock, again_words, next_words
from streams.service_manager import managed

log = structlog.get_logger("alarm_fatigue")

HEARTBEAT = "Watchdog"
"""The alert that always fires."""
SILENCE = 300.0
"""After this time (s) without a heartbeat, of which there is one a minute, pages are not
reliable.
"""
_CHECK_SECONDS = 5.0
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Page:
    """One notification of one receiver about one group of alerts."""

    receiver: str
    firing: tuple[Mapping[str, str], ...]
    """Annotations of alerts, with `alertname` and `startsAt`."""
    resolved: tuple[Mapping[str, str], ...]
    facility: str
    unit: str
    clock: Clock = field(default_factory=Clock)
    taken: str | None = None
    """Who has taken the page, or had taken it, in words."""
    holds: bool | None = None
    """Whether somebody has it now; False: somebody had it; None: nobody did, or it is not known."""
    link: str | None = None
    """Where to take it; None: no link is promised."""

    @property
    def over(self) -> bool:
        return not self.firing

    @property
    def is_heartbeat(self) -> bool:
        return all(one["alertname"] == HEARTBEAT for one in (*self.firing, *self.resolved))

    @property
    def tier(self) -> int | None:
        """The last of the tiers whose alert fires, by its place in `TIERS`; None: no page of this
        kind escalates.
        """
        names = {one["alertname"] for one in self.firing}
        return max((place for place, one in enumerate(TIERS) if one.alert in names), default=None)

    @property
    def text(self) -> str:
        """Several lines of plain text: what, since when, what to do, why, who is paged next, how to
        take the page, where to look.
        """
        alerts = ["\n".join(self._lines(one)) for one in self.firing]
        lines = ["\n\n".join(alerts)] if alerts else []
        lines += [*self._take(), *self._links()]
        return "\n".join([*lines, *(f"Over: {self._resolved_text(one)}" for one in self.resolved)])

    def _lines(self, alert: Mapping[str, str]) -> Iterator[str]:
        yield _what(alert)
        began = self._began(alert)
        if began is not None:
            yield f"Since: {self.clock.date_and_time(began)}"
        for word, name in (("Do", "suggestion"), ("Why", "reason")):
            if alert.get(name):
                yield f"{word}: {alert[name]}"
        coming = None
        if self.holds is None and began is not None:
            coming = next_words(alert["alertname"], began, self.clock)
        elif self.holds is False:
            coming = again_words(alert["alertname"])
        if coming is not None:
            yield f"Next: {coming}"

    def _began(self, alert: Mapping[str, str]) -> float | None:
        try:
            fired = parse_rfc3339(alert.get("startsAt", "")) / 1000
        except ValueError:
            return None
        return self.clock.began(alert["alertname"], fired)

    def _take(self) -> Iterator[str]:
        if self.taken is not None:
            yield f"Taken: {self.taken}."
        if self.link is not None:
            yield f"{'See who has it' if self.holds else 'Take it'}: {self.link}"

    def _links(self) -> Iterator[str]:
        links = (("Unit", "page_url"), ("See", "dashboard_url"), ("Help", "runbook_url"))
        for word, name in links:
            yield from (f"{word}: {one[name]}" for one in self.firing if one.get(name))
            if name == "page_url":
                yield from filter(None, map(_led_to_it, self.firing))

    def _resolved_text(self, alert: Mapping[str, str]) -> str:
        """The text of a resolved alert, without the suggested action, which no longer applies."""
        if alert["alertname"].startswith("UnitOverload"):
            where = f"{self.unit}, {self.facility}"
            return f"{printable(where)}: no longer overloaded"
        return _what(alert)[:300]


def _led_to_it(alert: Mapping[str, str]) -> str | None:
    """The address of the conditions around the moment at which an alert fired, if it has a page."""
    address = alert.get("page_url", "")
    try:
        at = parse_rfc3339(alert.get("startsAt", ""))
    except ValueError:
        return None
    if "/unit?" not in address:
        return None
    return f"What led to it: {address.replace('/unit?', '/incident?', 1)}&at={at}"


def page(payload: Any, clock: Clock | None = None) -> Page:
    """The page of a webhook payload of Alertmanager, version 4. Times are those of `clock`, or this
    machine's. Raises `ValueError`.

    Names in its texts come from producers. Each text becomes one printable line, so that none
    controls a terminal or looks like a line of ours.
    """
    try:
        by_status: dict[str, list[dict[str, str]]] = {"firing": [], "resolved": []}
        for alert in payload["alerts"]:
            by_status[alert["status"]].append(
                {name: printable(text) for name, text in alert["annotations"].items()}
                | {
                    "alertname": printable(alert["labels"]["alertname"]),
                    "startsAt": alert.get("startsAt", ""),
                }
            )
        group = payload["groupLabels"]
        return Page(
            printable(payload["receiver"]),
            tuple(by_status["firing"]),
            tuple(by_status["resolved"]),
            group.get("facility", ""),
            group.get("unit", ""),
            clock or Clock(),
        )
    except (KeyError, TypeError, AttributeError):
        raise ValueError("expected a webhook of Alertmanager") from None


def _what(alert: Mapping[str, str]) -> str:
    return alert.get("summary") or alert["alertname"]


class Heartbeat:
    """A dead man's switch: reports once when there was no heartbeat for `SILENCE`, and again when
    heartbeats are back. Times in seconds.
    """

    def __init__(self, now: float) -> None:
        self._last = now
        self._silent = False

    def beat(self, now: float) -> str | None:
        """Record a heartbeat; returns a message if there was silence before."""
        self._last, was = now, self._silent
        self._silent = False
        return "Over: heartbeats from Prometheus and Alertmanager arrive again" if was else None

    def check(self, now: float) -> str | None:
        """A message if the silence has just become too long."""
        if self._silent or now - self._last < SILENCE:
            return None
        self._silent = True
        return (
            f"No heartbeat from Prometheus and Alertmanager for {SILENCE / 60:.0f} min\n"
            "Do: check whether they are running; until then, no one is paged\n"
            "Why: the alert that always fires (Watchdog) has stopped arriving"
        )


class Completes(Protocol):
    """The relay that completes a page and forwards it (`streams.http.relay`)."""

    def clock(self, facility: str) -> Clock: ...

    async def completed(self, page: Page) -> Page: ...

    async def passed_on(
        self, receiver: str, payload: Mapping[str, Any], page: Page
    ) -> str | None: ...


def application(
    arrived: Callable[[Page], None],
    token: str | None = None,
    relay: Completes | None = None,
    faster: float = 1.0,
) -> web.Application:
    """Takes webhooks by POST, at any path; `token`: only from those who bear it. `faster`: what the
    rules wait for is divided by it.
    """

    async def take(request: web.Request) -> web.Response:
        if token is not None and not secrets.compare_digest(
            request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()
        ):
            return web.Response(status=401, text="expected the bearer token\n")
        try:
            payload = await request.json()
            one = page(payload, Clock(None, faster))
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        if relay is not None:
            one = await relay.completed(replace(one, clock=relay.clock(one.facility)))
            failure = await relay.passed_on(request.match_info["receiver"], payload, one)
            if failure is not None:
                log.error("page not passed on", receiver=one.receiver, error=failure)
                return web.Response(status=502, text=f"{failure}\n")  # Alertmanager tries again
        arrived(one)
        return web.Response()

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    app = web.Application(client_max_size=_LARGEST)
    app.add_routes([web.get("/healthz", healthy), web.post("/{receiver}", take)])
    return app


async def listen(
    host: str, port: int, token: str | None, console: Console, relay: Completes | None = None
) -> None:
    """Print pages until SIGTERM or Ctrl-C. Raises `OSError`."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    heart = Heartbeat(time.monotonic())

    def say(head: str, text: str) -> None:
        console.print(f"--- {time.strftime('%a %d %b %H:%M:%S')}  {head}\n{text}\n")

    def arrived(page: Page) -> None:
        if not page.is_heartbeat:
            say(page.receiver, page.text)
        elif (news := heart.beat(time.monotonic())) is not None:
            say("pages", news)

    runner = web.AppRunner(application(arrived, token, relay), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        console.print(f"pages arrive at http://{host}:{port}/RECEIVER")
        async with managed(f"taking pages at http://{host}:{port}"):
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _CHECK_SECONDS)
                if (news := heart.check(time.monotonic())) is not None:
                    say("pages", news)
    finally:
        await runner.cleanup()
