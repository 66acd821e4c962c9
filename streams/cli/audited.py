"""Records in the audit which command read or changed the history of which unit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from streams.cli.console import fail

if TYPE_CHECKING:
    from streams.settings import Settings


def audited(
    settings: Settings,
    command: str,
    facility: str | None = None,
    unit: str | None = None,
    begin: int | None = None,
    end: int | None = None,
) -> None:
    """Append an entry to `audit.file`, if it is set: which account ran which command, about which
    facility and unit, from when to when (ms since 1970). None: all, or not known beforehand.

    It is stored before the command goes on. Exits with an error if it cannot be.
    """
    audit = settings.audit
    if audit.file is None:
        return
    from streams.audit import AuditError, Trail, audit_key
    from streams.files.who import account
    from streams.settings import SettingsError

    entry = {
        "at": _shown(round(datetime.now(UTC).timestamp() * 1000)),
        "event": "command",
        "user": account(),
        "command": command,
        "facility": facility,
        "unit": unit,
        "from": None if begin is None else _shown(begin),
        "to": None if end is None else _shown(end),
    }
    try:
        trail = Trail(audit.file, audit_key(audit.key_file), audit.rotate_bytes)
        trail.append([{name: value for name, value in entry.items() if value is not None}])
    except AuditError as error:
        fail(f"{command} cannot be recorded, so it does nothing: {error}")
    except SettingsError as error:
        fail(error)


def _shown(moment: int) -> str:
    at = datetime.fromtimestamp(moment / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
