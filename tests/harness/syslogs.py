"""A syslog server over TLS that keeps what it gets."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self


class SyslogServer:
    """Listens while entered. `read`: whether it reads what it is sent."""

    def __init__(self, cert: Path, key: Path, read: bool = True, port: int = 0) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self._context = context
        self._read = read
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        self.content = b""
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def messages(self) -> list[str]:
        """The messages that have arrived whole; their lengths must be right."""
        found, rest = [], self.content
        while b" " in rest:
            length, _, after = rest.partition(b" ")
            if len(after) < int(length):
                break
            found.append(after[: int(length)].decode())
            rest = after[int(length) :]
        return found

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
                self._open.append(plain)
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            with self._context.wrap_socket(plain, server_side=True) as secure:
                self._open.append(secure)
                while self._read and (piece := secure.recv(1 << 16)):
                    self.content += piece
                threading.Event().wait(0 if self._read else 60)
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
        self._listening.close()
        for one in self._open:
            one.close()
