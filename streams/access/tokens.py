"""Tokens: read from files, and read again when the files change, so that a token is replaced or
revoked without a restart.
"""

from __future__ import annotations

import hmac
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from streams.access.roles import Grant, Reader, admin
from streams.settings import SettingsError, WebSettings

LEAST = 16  # characters
LONGEST = 4096  # bytes
LOOK_SECONDS = 1.0
"""How soon a changed file counts."""


def log() -> Any:
    """The logger; loaded when something is logged, as commands that only check need none."""
    import structlog

    return structlog.get_logger("alarm_fatigue")


def token_of(settings: WebSettings) -> str | None:
    """The token of `web.token` or `web.token_file`; None if neither is set. Raises
    `SettingsError`.
    """
    if settings.token_file is not None:
        return _read(settings.token_file, "web.token_file")
    if settings.token is not None:
        return _token(settings.token.get_secret_value(), "web.token")
    return None


def _read(path: Path, setting: str) -> str:
    place = f"{setting}: {path}"
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST + 1).decode()
    except UnicodeDecodeError:
        raise SettingsError(f"{place}: expected text") from None
    except OSError as error:
        raise SettingsError(f"{place}: {error.strerror}") from None
    return _token(text.strip(), place)


def _token(text: str, place: str) -> str:
    if not (LEAST <= len(text) <= LONGEST and text.isascii() and text.isprintable()) or " " in text:
        raise SettingsError(f"{place}: expected {LEAST} or more ASCII characters without spaces")
    return text


def others_access(path: Path) -> str | None:
    """The access that others have to a file, in words; None: none.

    The group may read it, because orchestrators give secrets to a process by its group.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o027:
        return f"others have access to it (mode {mode:04o}); run: chmod 600 {path}"
    return None


@dataclass(slots=True)
class _File:
    """A file with a token; `state` is None where it cannot be read."""

    setting: str
    path: Path
    reader: Reader
    strict: bool
    """Whether a file that others can read is refused."""
    state: tuple[int, ...] | None = None
    digest: bytes | None = None
    """The digest of the token; None: the token is revoked."""

    def look(self) -> bool:
        """Read the file if it changed; returns whether it did. Raises `SettingsError`."""
        state = _state(self.path)
        if state is not None and state == self.state:
            return False
        self.state, self.digest = state, None
        if self.strict and state is not None and (why := others_access(self.path)) is not None:
            raise SettingsError(f"{self.setting}: {self.path}: {why}")
        self.digest = _digest(_read(self.path, self.setting))
        return True


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        of = path.stat()
    except OSError:
        return None
    return of.st_mtime_ns, of.st_ctime_ns, of.st_size, of.st_ino, of.st_mode


def _digest(token: str) -> bytes:
    return sha256(token.encode(errors="surrogateescape")).digest()


class Tokens:
    """All tokens of a worker. Raises `SettingsError` if one cannot be read at the start, or if two
    are the same. Later, a file that cannot be read revokes its token.
    """

    def __init__(self, settings: WebSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked = clock()
        self._fixed: list[tuple[bytes, Reader]] = []
        self._files = [
            _File(f"web.tokens.{name}.file", one.file, _reader(name, Grant.of(one)), strict=True)
            for name, one in settings.tokens.items()
        ]
        if settings.token_file is not None:
            self._files.append(
                _File("web.token_file", settings.token_file, admin("token", "token"), strict=False)
            )
        elif (token := token_of(settings)) is not None:
            self._fixed.append((_digest(token), admin("token", "token")))
        for one in self._files:
            one.look()
        if (twice := self._twice()) is not None:
            raise SettingsError(f"{twice.setting}: {twice.path}: another token is the same")

    def __bool__(self) -> bool:
        return bool(self._files or self._fixed)

    @property
    def exposed(self) -> list[str]:
        """The files that others can read although they are accepted."""
        return [
            f"{one.setting}: {one.path}: {why}"
            for one in self._files
            if one.state is not None and (why := others_access(one.path)) is not None
        ]

    def bearer(self, token: str) -> Reader | None:
        """The reader to whom this token belongs; None: the token is unknown.

        Valid and invalid tokens take the same time, so that timing reveals nothing.
        """
        self._look()
        shown, found = _digest(token), None
        for digest, reader in (
            *self._fixed,
            *((one.digest, one.reader) for one in self._files if one.digest is not None),
        ):
            if hmac.compare_digest(shown, digest):
                found = reader
        return found

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        for one in self._files:
            had = one.digest is not None
            try:
                if one.look():
                    log().info("a token was read again", setting=one.setting)
            except SettingsError as error:
                if had:
                    log().error("a token is revoked", error=str(error))
        if (twice := self._twice()) is not None:
            twice.digest = None
            log().error(
                "a token is revoked",
                error=f"{twice.setting}: {twice.path}: another token is the same",
            )

    def _twice(self) -> _File | None:
        seen = {digest for digest, _ in self._fixed}
        for one in self._files:
            if one.digest in seen:
                return one
            if one.digest is not None:
                seen.add(one.digest)
        return None


def _reader(name: str, grant: Grant) -> Reader:
    return Reader(name, "token", (grant,))
