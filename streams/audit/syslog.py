"""Syslog: entries in the form of RFC 5424, sent over TLS (RFC 5425) by a thread of its own.

Nobody waits for it. What does not fit into its queue while the server is away is dropped and
counted; the trail has it nevertheless.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from streams.audit_settings import AuditSettings
from streams.settings import SettingsError

AUDIT, NOTICE, WARNING = 13, 5, 4
"""Facility "log audit", and severities (RFC 5424, 6.2.1)."""
CONNECT_SECONDS = SEND_SECONDS = 10.0
LONGEST_REST = 60.0
"""How long to wait at most before the next attempt to connect (s)."""
LOG_SECONDS = 60.0


def log() -> Any:
    """The logger; loaded when something is logged, as commands that only check need none."""
    import structlog

    return structlog.get_logger("alarm_fatigue")


def frame(line: bytes, at: str, event: str, host: str, process: int) -> bytes:
    """An entry as a syslog message, with its length before it.

    >>> frame(b"{}", "2026-03-01T07:00:00.000Z", "read", "w1", 7)
    b'61 <109>1 2026-03-01T07:00:00.000Z w1 alarm-fatigue 7 read - {}'
    """
    severity = WARNING if event in ("refused", "cut", "lost", "syslog_dropped") else NOTICE
    head = f"<{8 * AUDIT + severity}>1 {at} {host} alarm-fatigue {process} {event} - "
    message = head.encode() + line
    return str(len(message)).encode() + b" " + message


def tls_of(settings: AuditSettings) -> ssl.SSLContext:
    """Raises `SettingsError`."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    try:
        if settings.syslog_ca_file is not None:
            context = ssl.create_default_context(cafile=settings.syslog_ca_file)
        if settings.syslog_cert_file is not None:
            context.load_cert_chain(settings.syslog_cert_file, settings.syslog_key_file)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            f"audit.syslog_ca_file, audit.syslog_cert_file: {error.strerror or error}"
        ) from None
    return context


def _closed(secure: ssl.SSLSocket) -> bool:
    """Whether the server has closed the connection. Never waits.

    Readable bytes do not say it: TLS 1.3 servers send session tickets after the handshake, which
    hold nothing to read. Raises `OSError` if the connection is broken.
    """
    secure.settimeout(0)
    try:
        return not secure.recv(1 << 12)
    except ssl.SSLWantReadError:
        return False
    finally:
        secure.settimeout(SEND_SECONDS)


class Syslog:
    """Sends to one server. Raises `SettingsError` if a certificate cannot be read."""

    def __init__(self, settings: AuditSettings, rest: float = 1.0) -> None:
        assert settings.syslog is not None
        name, _, port = settings.syslog.rpartition(":")
        self._server = name.strip("[]"), int(port)
        self._context = tls_of(settings)
        self._rest = rest
        self._host = re.sub(r"[^!-~]", "", socket.gethostname())[:255] or "-"
        self._most = settings.syslog_queue
        self._waiting: deque[bytes] = deque()
        self._news = threading.Condition()
        self._stopping = False
        self.dropped = 0
        """Entries that did not fit into the queue."""
        self.sent = 0
        self._logged = -LOG_SECONDS
        self._thread = threading.Thread(target=self._run, name="audit-syslog", daemon=True)
        self._thread.start()

    def offer(self, line: bytes, entry: Mapping[str, object]) -> None:
        """Queue an entry, or drop it. Returns at once."""
        message = frame(line, str(entry["at"]), str(entry["event"]), self._host, os.getpid())
        with self._news:
            if len(self._waiting) >= self._most:
                self.dropped += 1
                return
            self._waiting.append(message)
            self._news.notify()

    def close(self, seconds: float = 2.0) -> None:
        """Give what is queued a little time; what is still there then is dropped."""
        with self._news:
            self._stopping = True
            self._news.notify()
        self._thread.join(seconds)
        with self._news:
            self.dropped += len(self._waiting)
            self._waiting.clear()

    def _run(self) -> None:
        rest = self._rest
        while self._wait():
            try:
                with (
                    socket.create_connection(self._server, CONNECT_SECONDS) as plain,
                    self._context.wrap_socket(plain, server_hostname=self._server[0]) as secure,
                ):
                    secure.settimeout(SEND_SECONDS)
                    rest = self._rest
                    self._send_all(secure)
            except OSError as error:  # ssl.SSLError is one
                self._say(error)
                if self._stopping:
                    return
                time.sleep(rest)
                rest = min(2 * rest, LONGEST_REST)

    def _wait(self) -> bool:
        """Until there is something to send; False: it is over."""
        with self._news:
            while not self._waiting and not self._stopping:
                self._news.wait()
            return bool(self._waiting)

    def _send_all(self, secure: ssl.SSLSocket) -> None:
        while self._wait():
            # Otherwise the first message after the server has closed would be lost.
            if _closed(secure):
                raise ConnectionResetError("the server has closed the connection")
            with self._news:
                message = self._waiting[0]
            secure.sendall(message)
            with self._news:
                self._waiting.popleft()
                self.sent += 1
        with contextlib.suppress(OSError):
            secure.unwrap()  # tells the server; otherwise it logs a broken connection

    def _say(self, error: OSError) -> None:
        now = time.monotonic()
        if now - self._logged >= LOG_SECONDS:
            self._logged = now
            log().error(
                "the audit's syslog server cannot be reached",
                server=f"{self._server[0]}:{self._server[1]}",
                error=str(getattr(error, "verify_message", "") or error.strerror or error),
                dropped=self.dropped,
            )
