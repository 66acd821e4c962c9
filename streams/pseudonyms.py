"""Pseudonyms: they replace the ids of clinicians in all metrics, records and pages."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from streams.settings import Settings, SettingsError

DIGITS = 16  # 64 bits: among 10,000 clinicians a collision has odds of 1 in 10^11
KEY_BYTES = 32


def pseudonyms(settings: Settings) -> Callable[[str], str]:
    """The function from a clinician's id to the pseudonym: the first 16 hex digits of
    HMAC-SHA256(key, id), or the id itself if `settings.pseudonyms` is off.

    Raises `SettingsError` if the key can be neither read nor created.
    """
    if not settings.pseudonyms:
        return str
    return keyed(
        _key(
            settings.pseudonym_key_file or default_key_file(),
            may_create=settings.pseudonym_key_file is None,
        )
    )


def keyed(key: bytes) -> Callable[[str], str]:
    """The function from a clinician's id to the pseudonym made with `key`."""

    @lru_cache(maxsize=100_000)
    def pseudonym(clinician: str) -> str:
        return hmac.new(key, clinician.encode(), "sha256").hexdigest()[:DIGITS]

    return pseudonym


def existing_key(settings: Settings) -> bytes:
    """The key that pseudonyms are made with; it is never created here. Raises `SettingsError`."""
    return _key(settings.pseudonym_key_file or default_key_file(), may_create=False)


def default_key_file() -> Path:
    """The key file of the account, used if none is configured."""
    state = os.environ.get("XDG_STATE_HOME")
    return (
        (Path(state) if state else Path.home() / ".local" / "state")
        / "alarm-fatigue"
        / "pseudonym.key"
    )


def _key(path: Path, may_create: bool) -> bytes:
    try:
        if may_create and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(KEY_BYTES) + "\n")
        key = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(
            f"pseudonym_key_file: {path}: {error.strerror} (or set pseudonyms to off)"
        ) from None
    if not key:
        raise SettingsError(f"pseudonym_key_file: {path}: expected a secret, found an empty file")
    return key
