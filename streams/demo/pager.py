"""Pager: Prometheus, Alertmanager and a paging gateway, and the pages they send, as text."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from aiohttp import web
from rich.cells import cell_len
from rich.text import Text

from streams.demo.chain import Server, start_alertmanager, start_prometheus
from streams.dev.broker import HOST, free_port
from streams.http.pages import Page, application

FASTER = 10.0
"""Escalations come after 1 and 2 min instead of 10 and 20, so that a demo can show them."""
INTERVAL = 5.0  # seconds between Prometheus' scrapes, and their timeout


@dataclass(frozen=True, slots=True)
class Arrived:
    """A page and the time at which it arrived (`at`, seconds since the epoch)."""

    at: float
    page: Page

    @property
    def head(self) -> str:
        """
        >>> Arrived(0.0, Page("charge-nurse", (), (), "", "")).head.split(" ", 1)[1]
        'to charge nurse'
        """
        return (
            f"{time.strftime('%H:%M:%S', time.localtime(self.at))} to "
            f"{self.page.receiver.replace('-', ' ')}"
        )

    @property
    def plain(self) -> Iterator[str]:
        """The page as lines for a file or the terminal's scrollback."""
        yield f"page, {self.head}:"
        yield from (f"  {line}" for line in self.lines)

    @property
    def lines(self) -> list[str]:
        """The page without links to addresses that the demo does not serve."""
        return [
            line
            for line in self.page.text.splitlines()
            if not line.startswith(("Unit: ", "See: ", "Help: "))
        ]


class Pager:
    """Prometheus and Alertmanager for a worker (`metrics`: its address), and the gateway that
    receives their pages.
    """

    def __init__(self, metrics: str, directory: Path) -> None:
        self.arrived: list[Arrived] = []
        self._worker = urlsplit(metrics).netloc
        self._directory = directory
        self._servers: list[Server] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            token, port = secrets.token_hex(16), free_port()
            runner = web.AppRunner(application(self._take, token, faster=FASTER), access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, HOST, port).start()
            # In this thread, because the children end with it. This takes two seconds.
            alertmanager = start_alertmanager(
                self._directory / "alertmanager", f"http://{HOST}:{port}/", FASTER, token
            )
            stack.callback(alertmanager.stop)
            prometheus = start_prometheus(
                self._directory / "prometheus", self._worker, alertmanager.address, FASTER, INTERVAL
            )
            stack.callback(prometheus.stop)
            self._servers = [prometheus, alertmanager]
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    @property
    def addresses(self) -> str:
        return "; ".join(f"{server.name} at http://{server.address}" for server in self._servers)

    def check(self) -> None:
        """Raises `ChainError` if one of them has ended."""
        for server in self._servers:
            server.check()

    def _take(self, page: Page) -> None:
        if not page.is_heartbeat:
            self.arrived.append(Arrived(time.time(), page))


def block(arrived: Sequence[Arrived], width: int, height: int) -> list[Text]:
    """The latest page in full, below the first lines of earlier ones, in at most `height` lines of
    `width` columns. Empty if no page has arrived.
    """
    if not arrived:
        return []
    *before, last = arrived
    full = [Text(f"▌ {last.head}", "bold")]
    for whole in last.lines:
        link = re.search(r"http\S+", whole)
        full += [
            Text(f"▌ {line}", f"link {link[0]}" if link else "")
            for line in _folded(whole, width - 2)
        ]
    if len(full) > height:
        full = [*full[: height - 1], Text("▌ ...", "dim")]
    earlier = [
        Text(f"{one.head}: {one.lines[0]}", "dim", no_wrap=True, overflow="ellipsis")
        for one in before
    ]
    return [*earlier[max(len(earlier) - (height - len(full)), 0) :], *full]


def _folded(line: str, width: int) -> list[str]:
    """
    >>> _folded("Do: bring in help, http://127.0.0.1:9093/#/silences", 18)
    ['Do: bring in help,', 'http://127.0.0.1:9', '093/#/silences']
    """
    lines = [""]
    for word in line.split(" "):
        if lines[-1] and cell_len(lines[-1]) + 1 + cell_len(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
        while len(lines[-1]) > width:  # a link
            lines[-1:] = [lines[-1][:width], lines[-1][width:]]
    return lines
