"""The certificates that a worker serves with, read again when their files change."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streams.settings import SettingsError, WebSettings

LOOK_SECONDS = 1.0
"""How often files are looked at, at most."""


def log() -> Any:
    """The logger; loaded when something is logged, as commands that only check need none."""
    import structlog

    return structlog.get_logger("alarm_fatigue")


def tls_of(settings: WebSettings) -> ssl.SSLContext | None:
    """The TLS context to serve with; None for plain HTTP. Raises `SettingsError`."""
    if settings.tls_cert_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            f"web.tls_cert_file, web.tls_key_file: {error.strerror or error}"
        ) from None
    if settings.tls_client_ca_file is not None:
        _load(context, settings.tls_client_ca_file, "web.tls_client_ca_file")
        # /healthz and /ready are answered without one; `streams.http.guard` asks for it elsewhere
        context.verify_mode = ssl.CERT_OPTIONAL
    if settings.tls_client_crl_file is not None:
        _load(context, settings.tls_client_crl_file, "web.tls_client_crl_file")
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


def _load(context: ssl.SSLContext, path: Path, setting: str) -> None:
    try:
        context.load_verify_locations(path)
    except OSError as error:
        raise SettingsError(f"{setting}: {error.strerror or error}") from None


class Renewed:
    """The TLS context for a new connection: made anew when a file of it has changed.

    Sessions of an old context cannot be resumed, so a revoked certificate is checked again. While
    the new files are no good, the old ones are used, and the log says so. `clock` in s.
    """

    def __init__(
        self,
        settings: WebSettings,
        context: ssl.SSLContext | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._context = context
        self._clock = clock
        files = (
            settings.tls_cert_file,
            settings.tls_key_file,
            settings.tls_client_ca_file,
            settings.tls_client_crl_file,
        )
        self._files = [one for one in files if one is not None]
        self._states = list(map(_state, self._files))
        self._looked = clock()

    def context(self) -> ssl.SSLContext | None:
        now = self._clock()
        if self._context is None or now - self._looked < LOOK_SECONDS:
            return self._context
        self._looked = now
        states = list(map(_state, self._files))
        if states != self._states:
            self._states = states
            try:
                self._context = tls_of(self._settings)
                log().info("the web server's certificates were read again")
            except SettingsError as error:
                log().error(
                    "the web server's certificates changed and cannot be used; "
                    "it goes on with the ones before",
                    error=str(error),
                )
        return self._context


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        of = path.stat()
    except OSError:
        return None
    return of.st_mtime_ns, of.st_ctime_ns, of.st_size, of.st_ino
