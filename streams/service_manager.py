"""What a process tells the service manager that has started it (sd_notify of systemd, which podman
understands as well): that it serves, that it is alive, that it stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping

BEAT_SECONDS = 10.0
"""How often `served` says that the event loop runs."""


class ServiceManager:
    """The service manager behind a socket; nobody is told anything without one.

    `address` is the value of NOTIFY_SOCKET: a path, or an abstract name that begins with @.
    """

    def __init__(self, address: str | None = None) -> None:
        self._socket: socket.socket | None = None
        if not address:
            return
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> ServiceManager:
        return cls(environment.get("NOTIFY_SOCKET"))

    def ready(self, status: str) -> None:
        """The process serves; `status` is one line for people (`systemctl status`)."""
        self._tell(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """The event loop runs: systemd ends a service that is silent for WatchdogSec."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The process has begun to stop."""
        self._tell("STOPPING=1\nSTATUS=storing state and stopping")

    @contextlib.asynccontextmanager
    async def served(self, status: str, every: float = BEAT_SECONDS) -> AsyncIterator[None]:
        """Within this the process serves and lives; it begins to stop with the end of it."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(every)
                self.alive()

        self.ready(status)
        beating = asyncio.create_task(beat())
        try:
            yield
        finally:
            beating.cancel()
            self.stopping()

    def _tell(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError:  # gone, or busy: the work must not suffer for it
            return


def managed(status: str) -> contextlib.AbstractAsyncContextManager[None]:
    """`ServiceManager.served` for the service manager of this process, if it has one."""
    return ServiceManager.of(os.environ).served(status)
