"""A syslog server over TLS that keeps what it gets."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self


class SyslogServer:
    """Has a port from the start, refuses connections until `listen`, and reads once `reading` is
    set. Entered, it does both, unless told otherwise.
    """

    def __init__(self, cert: Path, key: Path, listen: bool = True, read: bool = True) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(cert, key)
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
        self._listening.bind(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.reading = threading.Event()
        if read:
            self.reading.set()
        self.ended = 0
        """Connections that the client has ended as TLS asks, not cut."""
        self._open: list[socket.socket] = []
        self._content: list[bytearray] = []
        if listen:
            self.listen()

    def listen(self) -> None:
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def hang_up(self) -> None:
        """Close the connections that are open, and go on listening."""
        while self._open:
            _close(self._open.pop())

    @property
    def connections(self) -> int:
        """Connections with a finished handshake, closed ones as well."""
        return len(self._content)

    @property
    def messages(self) -> list[str]:
        """The messages that have arrived whole; their lengths must be right."""
        return [one for content in self._content for one in _messages(bytes(content))]

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            with self._context.wrap_socket(plain, server_side=True) as secure:
                self._open.append(secure)
                content = bytearray()
                self._content.append(content)
                self.reading.wait()
                while piece := secure.recv(1 << 16):
                    content += piece
                self.ended += 1
        except OSError:
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.reading.set()
        _close(self._listening)
        self.hang_up()


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it; close does not
    one.close()


def _messages(content: bytes) -> list[str]:
    found, rest = [], content
    while b" " in rest:
        length, _, after = rest.partition(b" ")
        if len(after) < int(length):
            break
        found.append(after[: int(length)].decode())
        rest = after[int(length) :]
    return found
