"""Pages as they arrive: what a paging gateway does with Alertmanager's webhooks, for a terminal.

The text is that of deploy/alertmanager/templates/page.tmpl. It knows Alertmanager's payload; it
sends nothing to anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import web
from rich.console import Console

HEARTBEAT = "Watchdog"
"""The alert that always fires."""
SILENCE = 300.0
"""Seconds without a heartbeat, of which one comes a minute, after which nothing else can be relied
upon to come, either.
"""
_LOOK_SECONDS = 5.0
_LARGEST = 1 << 20
_ESCALATES = ("UnitOverloaded", "UnitOverloadUnanswered")
_ESCALATIONS = "UnitOverloadUnanswered|UnitOverloadStanding"


@dataclass(frozen=True, slots=True)
class Page:
    """What one receiver is told at once, of one group of alerts."""

    receiver: str
    firing: tuple[Mapping[str, str], ...]
    """Annotations of alerts, with `alertname`."""
    resolved: tuple[Mapping[str, str], ...]
    facility: str
    unit: str
    external_url: str

    @property
    def over(self) -> bool:
        return not self.firing

    @property
    def is_heartbeat(self) -> bool:
        return all(one["alertname"] == HEARTBEAT for one in (*self.firing, *self.resolved))

    @property
    def text(self) -> str:
        """Plain text of several lines: what, what to do, why, where to look, how to take it."""
        said = ["\n".join(_told(one)) for one in self.firing]
        lines = ["\n\n".join(said)] if said else []
        if any(one["alertname"] in _ESCALATES for one in self.firing):
            lines.append(f"Take this page, so that it does not escalate: {self.take}")
        return "\n".join([*lines, *(f"Over: {self._gone(one)}" for one in self.resolved)])

    def _gone(self, alert: Mapping[str, str]) -> str:
        """What nobody had done is of no use any more."""
        if alert["alertname"].startswith("UnitOverload"):
            return f"{self.unit}, {self.facility}: no longer overloaded"
        return _what(alert)[:300]

    @property
    def take(self) -> str:
        """Opens a silence in Alertmanager, filled in, of what would escalate; that it is over will
        still be told.
        """
        facility, unit = (json.dumps(one, ensure_ascii=False) for one in (self.facility, self.unit))
        matchers = f'{{facility={facility},unit={unit},alertname=~"{_ESCALATIONS}"}}'
        return f"{self.external_url}/#/silences/new?filter={quote(matchers, safe='~')}"


def page(payload: Any) -> Page:
    """Of Alertmanager's webhook payload, version 4. Raises `ValueError`."""
    try:
        told: dict[str, list[dict[str, str]]] = {"firing": [], "resolved": []}
        for alert in payload["alerts"]:
            told[alert["status"]].append(
                {**alert["annotations"], "alertname": alert["labels"]["alertname"]}
            )
        group = payload["groupLabels"]
        return Page(
            payload["receiver"],
            tuple(told["firing"]),
            tuple(told["resolved"]),
            group.get("facility", ""),
            group.get("unit", ""),
            payload["externalURL"],
        )
    except (KeyError, TypeError, AttributeError):
        raise ValueError("expected a webhook of Alertmanager") from None


def _told(alert: Mapping[str, str]) -> Iterator[str]:
    yield _what(alert)
    for word, name in (
        ("Do", "suggestion"),
        ("Why", "reason"),
        ("See", "dashboard_url"),
        ("Help", "runbook_url"),
    ):
        if alert.get(name):
            yield f"{word}: {alert[name]}"


def _what(alert: Mapping[str, str]) -> str:
    return alert.get("summary") or alert["alertname"]


class Heartbeat:
    """A dead-man's switch: tells once when no heartbeat has come for `SILENCE`, and again when they
    are back. Times in seconds.
    """

    def __init__(self, now: float) -> None:
        self._last = now
        self._silent = False

    def beat(self, now: float) -> str | None:
        """A heartbeat has come."""
        self._last, was = now, self._silent
        self._silent = False
        return "Over: Prometheus and Alertmanager are heard again" if was else None

    def look(self, now: float) -> str | None:
        if self._silent or now - self._last < SILENCE:
            return None
        self._silent = True
        return (
            f"Nothing has been heard from Prometheus and Alertmanager for {SILENCE / 60:.0f} min\n"
            "Do: find out whether they run: until then nobody is paged, whatever happens\n"
            "Why: the alert that always fires (Watchdog) has stopped coming"
        )


def application(arrived: Callable[[Page], None], token: str | None = None) -> web.Application:
    """Takes webhooks by POST, at any path; `token`: only from those who bear it."""

    async def take(request: web.Request) -> web.Response:
        if token is not None and not secrets.compare_digest(
            request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()
        ):
            return web.Response(status=401, text="expected the bearer token\n")
        try:
            one = page(await request.json())
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        arrived(one)
        return web.Response()

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    app = web.Application(client_max_size=_LARGEST)
    app.add_routes([web.get("/healthz", healthy), web.post("/{receiver}", take)])
    return app


async def listen(host: str, port: int, token: str | None, console: Console) -> None:
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

    runner = web.AppRunner(application(arrived, token), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        console.print(f"pages arrive at http://{host}:{port}/RECEIVER")
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
            if (news := heart.look(time.monotonic())) is not None:
                say("pages", news)
    finally:
        await runner.cleanup()
