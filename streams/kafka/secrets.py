"""Secrets: read from files, and never shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streams.settings import SettingsError

LONGEST = 64 << 10


class SecurityError(SettingsError, OSError):
    """A file or an endpoint that a connection needs does not serve: one line without secrets.

    It is an `OSError` so that clients treat it as a connection that failed, and try again.
    """


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in a file; `setting` is what names the file. Printing it prints the path alone."""

    setting: str
    path: Path

    def read(self) -> str:
        """The secret as it is now, without the line's end. Raises `SecurityError`."""
        place = f"{self.setting}: {self.path}"
        try:
            with self.path.open("rb") as file:
                secret = file.read(LONGEST + 1).decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise SecurityError(f"{place}: expected text") from None
        except OSError as error:
            raise SecurityError(f"{place}: {error.strerror}") from None
        if not secret or len(secret) > LONGEST or "\n" in secret or "\0" in secret:
            raise SecurityError(f"{place}: expected one line that is not empty")
        return secret
