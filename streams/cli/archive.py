"""The commands `archive` and `archive erase`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.audited import audited
from streams.cli.console import (
    WRONG,
    ArchivePeriod,
    Broker,
    Config,
    Pseudonyms,
    duration,
    fail,
    load_settings,
    shown_as,
)
from streams.formats.texts import printable

if TYPE_CHECKING:
    from streams.archive import Archive
    from streams.settings import Settings

archive_app = typer.Typer(invoke_without_command=True)

To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="DIR",
        help="Folder of the archive, which is created if it is not there; or a URL such as "
        "s3://BUCKET/PREFIX (needs the extra objectstore).",
    ),
]
HOST = "127.0.0.1"


@archive_app.callback()
def archive(
    context: typer.Context,
    to: To = None,
    config: Config = None,
    broker: Broker = None,
    group: Annotated[
        str | None,
        typer.Option("--group", help="Consumer group of the worker; -archive is added."),
    ] = None,
    pseudonyms: Pseudonyms = None,
    pseudonym_period: ArchivePeriod = None,
    every: Annotated[
        str, typer.Option("--every", metavar="DURATION", help="How often files are written.")
    ] = "1m",
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep", metavar="DURATION", help="Delete days older than this, such as 400d."
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="End when all that is in the topics now is archived.")
    ] = False,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Serve /metrics on this port.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to serve /metrics on.")] = HOST,
) -> None:
    """Keep finished alarms, overload changes, assignments and responses as Parquet files.

    Runs until SIGTERM or Ctrl-C. Several may run at once; each takes a share of the partitions.
    Clinicians are archived under pseudonyms that change each week. docs/archive.md describes the
    tables.

    Example: alarm-fatigue archive --to /var/lib/alarm-fatigue/archive --keep 400d

    Example: alarm-fatigue archive --to s3://hospital-archive/alarms --keep 400d
    """
    if context.invoked_subcommand is not None:
        return
    if to is None:
        fail("--to: expected a folder for the archive", WRONG)
    from streams.archive import Archive, ArchiveError
    from streams.archive.archiver import Archiver, ArchiverError
    from streams.archive.metrics import ArchiverMetrics
    from streams.kafka.topics import Topics, TopicsError
    from streams.pseudonyms import pseudonyms as pseudonyms_of
    from streams.service_manager import managed
    from streams.settings import SettingsError

    settings = load_settings(config, broker=broker, group=group, pseudonyms=shown_as(pseudonyms))
    seconds = duration(every, "--every") / 1000
    kept = None if keep is None else duration(keep, "--keep")
    audited(settings, "archive")
    try:
        pseudonym = pseudonyms_of(settings)
        with Topics(settings, "archive") as known:
            known.check_permissions()
        metrics = ArchiverMetrics()
        if port is not None:
            metrics.serve(host, port)
        kept_in = Archive.create(to, None if pseudonym_period is None else pseudonym_period.value)

        async def run() -> None:
            archiver = Archiver(settings, kept_in, pseudonym, seconds, metrics)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, archiver.stop)
            tidying = asyncio.create_task(_delete_old(kept_in, kept)) if kept else None
            try:
                async with managed(f"archiving to {to}"):
                    await archiver.run(once)
            finally:
                if tidying is not None:
                    tidying.cancel()

        asyncio.run(run())
    except (ArchiveError, ArchiverError, SettingsError, TopicsError) as error:
        fail(error)
    except OSError as error:
        fail(f"{host}:{port}: {error.strerror}")


async def _delete_old(archive: Archive, keep: int) -> None:
    """Once an hour, delete days that ended more than `keep` (ms) ago."""
    from streams.archive import ArchiveError

    while True:
        before = (datetime.now(UTC) - timedelta(milliseconds=keep)).date()
        try:
            await asyncio.to_thread(archive.erase, None, before)
        except (ArchiveError, OSError) as error:
            typer.echo(f"warning: old days were not deleted: {printable(str(error))}", err=True)
        await asyncio.sleep(3600)


@archive_app.command()
def erase(
    where: Annotated[
        str, typer.Option("--archive", metavar="DIR", help="The archive: its folder or URL.")
    ],
    facility: Annotated[
        str | None, typer.Option("--facility", help="Only this hospital's data.")
    ] = None,
    before: Annotated[
        str | None, typer.Option("--before", metavar="DATE", help="Only days before this UTC date.")
    ] = None,
    clinician: Annotated[
        str | None,
        typer.Option(
            "--clinician",
            metavar="ID",
            help="Remove this clinician from all rows instead: an id, a pseudonym of the topics, "
            "or one of the archive.",
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Delete a facility's data, or old days, or a clinician from an archive.

    Prints how many rows of each table were deleted or changed. Rows of all weeks name a clinician
    differently: with the key of the pseudonyms, all of them are found.

    Example: alarm-fatigue archive erase --archive archive --facility H03 --before 2026-01-01
    """
    from streams.archive import Archive, ArchiveError

    if clinician is None and facility is None and before is None:
        fail("expected what to erase: --facility, --before or --clinician", WRONG)
    if clinician is not None and (facility is not None or before is not None):
        fail("--clinician: expected neither --facility nor --before with it", WRONG)
    try:
        day = None if before is None else date.fromisoformat(before)
    except ValueError:
        fail("--before: expected a date such as 2026-06-30", WRONG)
    settings = load_settings(config)
    end = None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)
    until = None if end is None else round(end.timestamp() * 1000)
    audited(settings, "archive erase", facility, end=until)
    try:
        archive = Archive(where)
        if clinician is None:
            gone, done = archive.erase(facility, day), "deleted"
        else:
            names = names_in(archive, clinician, settings)
            gone, done = archive.erase_clinician(names), "changed"
    except ArchiveError as error:
        fail(error)
    except OSError as error:
        fail(f"{where}: {error.strerror}")
    for name, rows in gone.items():
        typer.echo(f"{name}: {rows} rows {done}")


def names_in(archive: Archive, asked: str, settings: Settings) -> Callable[[int], list[str]]:
    """The names that a clinician has in the rows of a day, made with all keys that are there."""
    from streams.formats.archive_names import names_of_one
    from streams.formats.pseudonyms import Pseudonyms as Keyed
    from streams.pseudonyms import existing_key, previous_key
    from streams.settings import SettingsError

    keys = []
    try:
        keys = [existing_key(settings), previous_key(settings)]
    except SettingsError as error:
        typer.echo(
            f"warning: {printable(str(error))}; so only rows that name {printable(asked)} as such "
            "are changed",
            err=True,
        )
    shown = [Keyed(key, settings.pseudonym_period) for key in keys if key is not None]

    def names(moment: int) -> list[str]:
        found = [asked]
        for one in shown:
            found += names_of_one(one, archive.period, asked, moment)
        return found

    return names
