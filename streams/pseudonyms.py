"""Keys of pseudonyms: the files they are in, and who may read these files."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Set
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from streams.container import goes_with_container, in_container
from streams.formats.pseudonyms import Pseudonyms
from streams.settings import Settings, SettingsError

KEY_BYTES = 32
"""Shortest key: 256 bits, if its bytes are random."""
REMEDY = "openssl rand -hex 32"
Tell = Callable[[str], None]
_KEY, _PREVIOUS = "pseudonym_key_file", "pseudonym_previous_key_file"


def pseudonyms(settings: Settings, tell: Tell | None = None) -> Callable[[str], str]:
    """The function from a clinician's id to what is shown: `Pseudonyms`, or the id itself if
    `settings.pseudonyms` is off.

    Raises `SettingsError` if a key can be neither read nor created, or is weak: too short, or in a
    file to which others have access. With `tell`, a weak key is used, and `tell` gets the line.
    """
    if not settings.pseudonyms:
        return str
    if tell is None:
        previous_key(settings)  # a wrong file is noticed at the start
    may_create = settings.pseudonym_key_file is None
    return Pseudonyms(_key(_KEY, key_file(settings), may_create, tell), settings.pseudonym_period)


def existing_key(settings: Settings) -> bytes:
    """The key that pseudonyms are made with; it is never created here. Raises `SettingsError`."""
    return _key(_KEY, key_file(settings), may_create=False)


def previous_key(settings: Settings) -> bytes | None:
    """The key before this one, while the overlap lasts. Raises `SettingsError`."""
    path, until = settings.pseudonym_previous_key_file, settings.pseudonym_previous_until
    if path is None or (until is not None and datetime.now(UTC) >= until):
        return None
    return _key(_PREVIOUS, path, may_create=False)


def state_keys(settings: Settings) -> tuple[bytes | None, list[bytes]]:
    """The key that seals the stored state, if any, and all keys that may open it.

    Where pseudonyms are off, the state is stored in clear; state that was sealed before is opened
    if the key is still there. Raises `SettingsError`.
    """
    previous = previous_key(settings)
    path = key_file(settings)
    has_key = settings.pseudonyms or settings.pseudonym_key_file is not None or path.exists()
    key = _key(_KEY, path, may_create=False) if has_key else None
    opening = [one for one in (key, previous) if one is not None]
    return (key if settings.pseudonyms else None), opening


def key_file(settings: Settings) -> Path:
    return settings.pseudonym_key_file or default_key_file()


def default_key_file() -> Path:
    """The key file of the account, used if none is configured."""
    state = os.environ.get("XDG_STATE_HOME")
    return (
        (Path(state) if state else Path.home() / ".local" / "state")
        / "alarm-fatigue"
        / "pseudonym.key"
    )


def warnings(settings: Settings) -> list[str]:
    """What an operator should know of the key files: one line each."""
    if not settings.pseudonyms:
        return []
    found = [_readers(_KEY, key_file(settings))]
    if (
        settings.pseudonym_key_file is None
        and in_container()
        and goes_with_container(default_key_file())
    ):
        found.append(
            f"{_KEY}: not set, so the key is {default_key_file()}, which goes when this container "
            "is removed: everybody then gets a new pseudonym, and the stored state cannot be "
            f"opened; make a key ({REMEDY}), mount it as a secret, and set {_KEY} to its path"
        )
    previous, until = settings.pseudonym_previous_key_file, settings.pseudonym_previous_until
    if previous is not None:
        found.append(_readers(_PREVIOUS, previous))
        if until is not None and datetime.now(UTC) >= until:
            found.append(
                f"{_PREVIOUS}: the overlap ended at {until.isoformat()}, so the key is not used; "
                f"delete {previous} and both settings"
            )
    return [one for one in found if one is not None]


def _key(setting: str, path: Path, may_create: bool, tell: Tell | None = None) -> bytes:
    tell = tell or _refuse
    try:
        if may_create and not path.exists():
            _create(path)
        key = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(
            f"{setting}: {path}: {error.strerror} (or set pseudonyms to off)"
        ) from None
    if not key:
        raise SettingsError(f"{setting}: {path}: expected a secret, found an empty file")
    _readers(setting, path, tell)
    if len(key) < KEY_BYTES:
        tell(
            f"{setting}: {path}: expected a key of {KEY_BYTES} bytes or more, found {len(key)}; "
            f"make one: {REMEDY} > {path}"
        )
    return key


def _create(path: Path) -> None:
    """Make a new key, whole or not at all. Of several that try at once, the first one wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)


def _refuse(line: str) -> None:
    raise SettingsError(line)


def _readers(setting: str, path: Path, tell: Tell = _refuse) -> str | None:
    """A warning if others can read the file and this account cannot help it.

    `tell` gets a line if others can read a file whose mode can be changed, or can write to it.
    """
    try:
        found = path.stat()
        read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return None  # reading it gives the reason
    mode = stat.S_IMODE(found.st_mode)
    match exposure(found, read_only, os.geteuid(), {os.getegid(), *os.getgroups()}):
        case Exposure.REFUSED:
            tell(
                f"{setting}: {path}: others have access to the key (mode {mode:04o}); run: chmod "
                f"600 {path}"
            )
        case Exposure.WARNED:
            return (
                f"{setting}: {path}: others can read the key (mode {mode:04o}); if that is not a "
                "container of its own, have the secret mounted with mode 0440 or 0400"
            )
    return None


class Exposure(Enum):
    """What others can do with a key's file."""

    NONE = "nothing"
    WARNED = "read it, and this account cannot help it"
    REFUSED = "read or write it, or this account can help it"


def exposure(found: os.stat_result, read_only: bool, user: int, groups: Set[int]) -> Exposure:
    """What others can do with a file, for a process of `user` in `groups`.

    The process cannot change a file of root, or on a read-only file system (`read_only`): secrets
    that a container mounts are such files. An orchestrator gives them to the process by its group
    (Kubernetes: `fsGroup`), so that group may read them.
    """
    mode = stat.S_IMODE(found.st_mode)
    if not mode & 0o077 or not stat.S_ISREG(found.st_mode):
        return Exposure.NONE
    of_root = found.st_uid == 0 and user != 0
    if mode & 0o022 or not (of_root or read_only):
        return Exposure.REFUSED
    by_group = mode & 0o077 == 0o040 and found.st_uid != user and found.st_gid in groups
    return Exposure.NONE if by_group else Exposure.WARNED
