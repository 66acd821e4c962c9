"""A web site that accepts a bounded number of connections, before anything is read from them.

A connection counts from when it is accepted, so TLS handshakes count as well. At the bound, a new
connection replaces the one that has been open longest without sending a request: scrapers and
probes send theirs at once, attackers do not. If all connections are busy, a small reserve still
answers /healthz and /ready.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import resource
import socket
import ssl
from typing import Any

import structlog
from aiohttp import web

from streams.http.connection import STALL_SECONDS, Connection
from streams.http.credentials import Renewed
from streams.http.refusals import Refusals
from streams.settings import WebSettings

log = structlog.get_logger("alarm_fatigue")

RESERVED_CONNECTIONS = 16
"""Accepted beyond the bounds while all others are busy, only for /healthz and /ready."""
RESERVED_DESCRIPTORS = 128
"""File descriptors kept for Kafka (a few per broker), checkpoints and the process itself."""
LEAST_CONNECTIONS = 8
"""Accepted even if there are few file descriptors."""
BACKLOG = 128
"""Connections that wait in the kernel until they are accepted (asyncio's default is 100)."""
ACCEPTED_AT_ONCE = 16
"""Accepted in one pass of the event loop, between which other work runs."""
ACCEPTED_PER_SECOND = 400
"""Further connections wait in the kernel, so that a flood of them leaves time for alarms. One costs
about 0.2 ms, so this limits their share of the processor to a tenth."""
SHUTDOWN_SECONDS = 2.0
"""How long a stopping server waits for answers under way."""


class Slot:
    """One connection, from its acceptance to its end."""

    def __init__(self, address: str, probes_only: bool) -> None:
        self.address = address
        self.probes_only = probes_only
        self.connection: Connection | None = None
        """None while the TLS handshake is under way."""
        self.task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        return self.connection is not None and self.connection.busy

    @property
    def served(self) -> bool:
        return self.connection is not None and self.connection.requests > 0

    def evict(self) -> None:
        if self.connection is not None:
            self.connection.abort()
        elif self.task is not None:
            self.task.cancel()


class Slots:
    """The open connections, all and by address, in the order of acceptance."""

    def __init__(self, most: int, most_per_address: int) -> None:
        self.most = most
        self.most_per_address = most_per_address
        self._all: dict[Slot, None] = {}
        self._by_address: dict[str, dict[Slot, None]] = {}
        self._reserve: dict[Slot, None] = {}

    def __len__(self) -> int:
        return len(self._all) + len(self._reserve)

    def enter(self, address: str) -> tuple[Slot | None, Slot | None]:
        """A slot for a new connection (or None), and the slot to be closed for it (or None)."""
        theirs = self._by_address.get(address, {})
        victim = None
        if len(theirs) >= self.most_per_address:
            victim = _least_useful(theirs)
        elif len(self._all) >= self.most:
            # From the address with the most connections, so that an attack hits its own ones.
            crowds = sorted(self._by_address.values(), key=len, reverse=True)
            victim = next(filter(None, map(_least_useful, crowds)), None)
        else:
            return self._add(Slot(address, False)), None
        if victim is not None:
            self.leave(victim)
            return self._add(Slot(address, False)), victim
        if len(self._reserve) >= RESERVED_CONNECTIONS:
            victim = _least_useful(self._reserve)
            if victim is None:
                return None, None
            self.leave(victim)
        return self._add(Slot(address, True)), victim

    def _add(self, slot: Slot) -> Slot:
        if slot.probes_only:
            self._reserve[slot] = None
        else:
            self._all[slot] = None
            self._by_address.setdefault(slot.address, {})[slot] = None
        return slot

    def leave(self, slot: Slot) -> None:
        """Free a slot; it may already be free."""
        self._reserve.pop(slot, None)
        self._all.pop(slot, None)
        theirs = self._by_address.get(slot.address)
        if theirs is not None:
            theirs.pop(slot, None)
            if not theirs:
                del self._by_address[slot.address]

    def everyone(self) -> list[Slot]:
        return [*self._all, *self._reserve]


def _least_useful(slots: dict[Slot, None]) -> Slot | None:
    """The oldest that never sent a request, else the oldest that is idle; None if all are busy."""
    idle = [slot for slot in slots if not slot.busy]
    return next((slot for slot in idle if not slot.served), idle[0] if idle else None)


def address_of(peer: Any) -> str:
    """The address by which connections are counted: an IPv4 address, or an IPv6 network of 64 bits,
    because one client may own all of it.

    >>> address_of(("2001:db8::1:2", 50000, 0, 0)), address_of(("::ffff:10.0.0.7", 50000, 0, 0))
    ('2001:db8::', '10.0.0.7')
    """
    try:
        address = ipaddress.ip_address(peer[0].partition("%")[0])
    except (ValueError, IndexError, TypeError, AttributeError):
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        if not address.is_loopback:
            return str(ipaddress.ip_address(int(address) >> 64 << 64))
    return str(address)


def most_connections(wanted: int, descriptors: int | None = None) -> int:
    """How many connections may be open, so that descriptors remain for Kafka and checkpoints.

    `descriptors` is the limit of the process, by default the present one.
    """
    if descriptors is None:
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if descriptors == resource.RLIM_INFINITY:
        return wanted
    free = descriptors - RESERVED_DESCRIPTORS - RESERVED_CONNECTIONS
    return min(wanted, max(free, LEAST_CONNECTIONS))


def new_runner(application: web.Application) -> web.AppRunner:
    """aiohttp's runner for an application that is served through a `BoundedSite`."""
    return web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)


class BoundedSite(web.BaseSite):
    """The site of a runner that listens on `host` and `port` within the bounds of `settings`."""

    __slots__ = (
        "_accept_timer",
        "_accepted",
        "_host",
        "_loop",
        "_port",
        "_refusals",
        "_second",
        "_settings",
        "_sockets",
        "_stall_seconds",
        "_tasks",
        "_tls",
        "slots",
    )

    def __init__(
        self,
        runner: web.AppRunner,
        settings: WebSettings,
        refusals: Refusals,
        port: int,
        ssl_context: ssl.SSLContext | None,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        super().__init__(runner, ssl_context=ssl_context)
        most = most_connections(settings.max_connections)
        self.slots = Slots(most, min(most, settings.max_connections_per_address))
        self._settings = settings
        self._refusals = refusals
        self._host, self._port = settings.host, port
        self._tls = Renewed(settings, ssl_context)
        self._stall_seconds = stall_seconds
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._accept_timer: asyncio.TimerHandle | None = None
        self._second, self._accepted = 0.0, 0

    @property
    def name(self) -> str:
        return self._settings.address

    async def start(self) -> None:
        """Listen. Raises `OSError`."""
        await super().start()
        self._loop = asyncio.get_running_loop()
        most = self.slots.most
        if most < self._settings.max_connections:
            log.warning(
                "fewer web connections than web.max_connections: "
                "the limit of file descriptors is low",
                max_connections=most,
            )
        self._sockets = await _listen(self._loop, self._host, self._port)
        self._server = _Listening(self)  # type: ignore[assignment]  # all that the runner needs of it
        self._watch()

    def _watch(self) -> None:
        self._accept_timer = None
        for one in self._sockets:
            self._loop.add_reader(one.fileno(), self._accept, one)

    def _unwatch(self) -> None:
        for one in self._sockets:
            self._loop.remove_reader(one.fileno())

    def _rest(self, seconds: float) -> None:
        """Leave new connections in the kernel's queue for `seconds`."""
        self._unwatch()
        if self._accept_timer is None:
            self._accept_timer = self._loop.call_later(seconds, self._watch)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            now = self._loop.time()
            if now - self._second >= 1.0:
                self._second, self._accepted = now, 0
            if self._accepted >= ACCEPTED_PER_SECOND:
                self._rest(max(0.01, self._second + 1.0 - now))
                return
            try:
                connected, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self._refusals.count("no_descriptors")
                    self._rest(1.0)
                return
            self._accepted += 1
            self._enter(connected, address_of(peer))

    def _enter(self, connected: socket.socket, address: str) -> None:
        slot, victim = self.slots.enter(address)
        if victim is not None:
            self._refusals.count("capacity")
            victim.evict()
        if slot is None:
            self._refusals.count("busy")
            connected.close()
            return
        connected.setblocking(False)
        slot.task = task = self._loop.create_task(self._serve(connected, slot))
        self._tasks.add(task)

        def over(_: object) -> None:
            self._tasks.discard(task)
            if slot.connection is None:  # also if the task was cancelled before it began
                self.slots.leave(slot)
                connected.close()

        task.add_done_callback(over)

    async def _serve(self, connected: socket.socket, slot: Slot) -> None:
        """Pass a connection to aiohttp after its TLS handshake."""
        seconds = self._settings.header_timeout / 1000
        connection = Connection(
            self._runner.server,
            self._loop,
            self._refusals,
            seconds,
            self._settings.idle_timeout / 1000,
            lambda: self.slots.leave(slot),
            slot.probes_only,
            self._stall_seconds,
        )
        try:
            tls = self._tls.context()
            more: dict[str, Any] = {} if tls is None else {"ssl_handshake_timeout": seconds}
            await self._loop.connect_accepted_socket(lambda: connection, connected, ssl=tls, **more)
        except OSError:  # ssl.SSLError is one
            self._refusals.count("handshake")
            return
        slot.connection = connection

    def close(self) -> None:
        """Stop listening, and abort handshakes."""
        if self._accept_timer is not None:
            self._accept_timer.cancel()
            self._accept_timer = None
        self._unwatch()
        for one in self._sockets:
            one.close()
        self._sockets = []
        for task in self._tasks:
            task.cancel()
        self._refusals.close()

    @property
    def sockets(self) -> list[socket.socket]:
        return self._sockets


class _Listening:
    """The part of a server that aiohttp's runner uses."""

    def __init__(self, site: BoundedSite) -> None:
        self._site = site

    @property
    def sockets(self) -> list[socket.socket]:
        return self._site.sockets

    def close(self) -> None:
        self._site.close()


async def _listen(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on every address of `host`. Raises `OSError`."""
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            try:
                one = socket.socket(family, kind, protocol)
            except OSError:  # a machine without IPv6
                continue
            sockets.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                one.bind(address)
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL and len(found) > 1:
                    sockets.remove(one)
                    one.close()
                    continue
                raise
            one.listen(BACKLOG)
            one.setblocking(False)
    except OSError:
        for one in sockets:
            one.close()
        raise
    if not sockets:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return sockets
