"""The command `audit verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.console import FAILED, WRONG, fail

audit_app = typer.Typer(no_args_is_help=True, help="Check the audit of who read what.")


@audit_app.callback()
def _group() -> None:
    """A group, although of one command."""


@audit_app.command("verify")
def audit_verify(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Files of one audit, those put aside included, in any order. FILE.head and "
            "FILE.lock are left out.",
        ),
    ],
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file", metavar="FILE", help="The key (audit.key_file), if there is one."
        ),
    ] = None,
    first: Annotated[
        int,
        typer.Option(
            "--first",
            min=1,
            help="Check from this entry on, if older ones were deleted or were examined before.",
        ),
    ] = 1,
    noted: Annotated[
        list[str] | None,
        typer.Option(
            "--noted",
            metavar="HASH",
            help="Hash that was noted elsewhere, for example by the syslog server: the audit must "
            "have its entry.",
        ),
    ] = None,
) -> None:
    """Check that no entry of an audit was changed, removed or cut off.

    Exit status 1 with the first break, its file and line; 2 if a file cannot be read. The end is
    checked against FILE.head beside the latest file. Who can write both could shorten both: note
    the last hash, or compare with the copies of the syslog server.

    Example: alarm-fatigue audit verify /var/log/alarm-fatigue/audit.jsonl*
    """
    from streams.audit import Break, audit_key
    from streams.audit.files import checked
    from streams.settings import SettingsError

    try:
        found = checked(files, audit_key(key_file), first, frozenset(noted or ()))
    except SettingsError as error:
        fail(str(error).replace("audit.key_file", "--key-file"), WRONG)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", WRONG)
    except Break as error:
        fail(error, FAILED)
    for missing in sorted(frozenset(noted or ()) - found.hashes):
        fail(f"no entry has the noted hash {missing}: entries are missing or were changed", FAILED)
    entries = "entry" if found.count == 1 else "entries"
    typer.echo(
        f"{found.count} {entries} without a break, {found.first} to {found.last.number}; "
        f"the last has the hash {found.last.hash}"
    )
