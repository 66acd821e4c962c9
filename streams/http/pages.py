"""Pages: receives Alertmanager's webhooks like a paging gateway, and prints them on a terminal.

The text is the same as that of deploy/alertmanager/templates/page.tmpl. Nothing is sent to anyone.
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

from streams.formats.texts import printable

HEARTBEAT = "Watchdog"
"""The alert that always fires."""
SILENCE = 300.0
"""After this time (s) without a heartbeat, of which there is one a minute, pages are not
reliable.
"""
_CHECK_SECONDS = 5.0
_LARGEST = 1 << 20
_ESCALATES = ("UnitOverloaded", "UnitOverloadUnanswered")
_ESCALATIONS = "UnitOverloadUnanswered|UnitOverloadStanding"


@dataclass(frozen=True, slots=True)
class Page:
    """One notification of one receiver about one group of alerts."""

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
        """Several lines of plain text: what, what to do, why, where to look, how to take
        the page.
        """
        alerts = ["\n".join(_lines(one)) for one in self.firing]
        lines = ["\n\n".join(alerts)] if alerts else []
        if any(one["alertname"] in _ESCALATES for one in self.firing):
            lines.append(f"Take this page, so that it does not escalate: {self.take}")
        return "\n".join([*lines, *(f"Over: {self._resolved_text(one)}" for one in self.resolved)])

    def _resolved_text(self, alert: Mapping[str, str]) -> str:
        """The text of a resolved alert, without the suggested action, which no longer applies."""
        if alert["alertname"].startswith("UnitOverload"):
            where = f"{self.unit}, {self.facility}"
            return f"{printable(where)}: no longer overloaded"
        return _what(alert)[:300]

    @property
    def take(self) -> str:
        """A link that opens a prepared silence in Alertmanager for the escalations of this page.
        The end of the alert is still reported.
        """
        facility, unit = (json.dumps(one, ensure_ascii=False) for one in (self.facility, self.unit))
        matchers = f'{{facility={facility},unit={unit},alertname=~"{_ESCALATIONS}"}}'
        return f"{self.external_url}/#/silences/new?filter={quote(matchers, safe='~')}"


def page(payload: Any) -> Page:
    """The page of a webhook payload of Alertmanager, version 4. Raises `ValueError`.

    Names in its texts come from producers. Each text becomes one printable line, so that none
    controls a terminal or looks like a line of ours.
    """
    try:
        by_status: dict[str, list[dict[str, str]]] = {"firing": [], "resolved": []}
        for alert in payload["alerts"]:
            by_status[alert["status"]].append(
                {name: printable(text) for name, text in alert["annotations"].items()}
                | {"alertname": printable(alert["labels"]["alertname"])}
            )
        group = payload["groupLabels"]
        return Page(
            printable(payload["receiver"]),
            tuple(by_status["firing"]),
            tuple(by_status["resolved"]),
            group.get("facility", ""),
            group.get("unit", ""),
            printable(payload["externalURL"]),
        )
    except (KeyError, TypeError, AttributeError):
        raise ValueError("expected a webhook of Alertmanager") from None


def _lines(alert: Mapping[str, str]) -> Iterator[str]:
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


def application(arrived: Callable[[Page], None], token: str | None = None) -> web.Application:
    """Accepts webhooks by POST at any path; with `token`, only if they present it."""

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
                await asyncio.wait_for(stop.wait(), _CHECK_SECONDS)
            if (news := heart.check(time.monotonic())) is not None:
                say("pages", news)
    finally:
        await runner.cleanup()
