"""Shared by the commands that read an archive instead of files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import WRONG, fail
from streams.cli.names import check_name
from streams.cli.progress import working

if TYPE_CHECKING:
    from analyzer.whatif import Recorded
    from streams.archive import Archive
    from streams.cli.files import Replayed
    from streams.settings import Settings

Archived = Annotated[
    str | None,
    typer.Option(
        "--archive",
        metavar="DIR",
        help="Read an archive instead of files: its folder, or a URL such as s3://BUCKET/PREFIX.",
    ),
]


def alarms_of(where: str, facility: str | None, since: int | None, until: int | None) -> Recorded:
    """The archived alarms of a facility (None: all) that started from `since` to `until` (ms)."""
    from streams.archive import archived_alarms

    with working("reading"), reading():
        archive = _opened(where, facility)
        found = archived_alarms(archive, None if facility is None else [facility], since, until)
    if not len(found):
        fail(f"{where}: there is no alarm of these days in it", WRONG)
    return found


def replay_archive(
    settings: Settings, where: str, facility: str | None, since: int | None, until: int | None
) -> Replayed:
    """An engine with the archived facts of a facility (None: all), from `since` to `until` (ms),
    when all alarms are final.
    """
    from analyzer import Engine
    from streams.archive import archived_facts
    from streams.cli.files import Replayed

    policy = settings.policy
    engine = Engine(policy, evicts=False)
    with working("reading"), reading():
        archive = _opened(where, facility)
        names = archive.facilities("episodes") if facility is None else [facility]
        for name in names:
            for topic, columns in archived_facts(
                archive, name, since, until, policy.cover, policy.action_window
            ):
                engine.take(topic, columns, None)
    with working("computing"):
        last = max(engine.watermarks().values(), default=0)
        finished = engine.advance(last + policy.action_window)
    return Replayed(engine, 0, len(finished))


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """End with one line where the archive cannot be read."""
    from streams.archive import ArchiveError

    try:
        yield
    except ArchiveError as error:
        fail(error)


def _opened(where: str, facility: str | None) -> Archive:
    from streams.archive import Archive

    archive = Archive(where)
    check_name(facility, "--facility", archive.facilities("episodes"))
    return archive
