"""The command `replay`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.console import (
    WRONG,
    ArchivePeriod,
    Config,
    Pseudonyms,
    fact_time,
    fail,
    load_settings,
    shown_as,
)
from streams.cli.files import (
    Alarms,
    Assignments,
    At,
    Labels,
    Mapped,
    Responses,
    Strict,
    recorded_files,
    replay_files,
)
from streams.cli.paths import keep_apart
from streams.cli.progress import working

if TYPE_CHECKING:
    from analyzer import ChangeRecord
    from streams.archive import Recording
    from streams.formats.pseudonyms import Period
    from streams.settings import Settings


class Format(StrEnum):
    openmetrics = "openmetrics"
    json = "json"


def replay(
    alarms: Alarms = None,
    assignments: Assignments = None,
    responses: Responses = None,
    labels: Labels = None,
    mapping: Mapped = None,
    at: At = None,
    episodes: Annotated[
        Path | None,
        typer.Option(
            "--episodes", metavar="OUT.jsonl", help="Also write the finished episodes to this file."
        ),
    ] = None,
    overload: Annotated[
        Path | None,
        typer.Option(
            "--overload",
            metavar="OUT.jsonl",
            help="Also write every change of an overload state to this file.",
        ),
    ] = None,
    archive: Annotated[
        str | None,
        typer.Option(
            "--archive",
            metavar="DIR",
            help="Also write them, with assignments and responses, to an archive of Parquet files: "
            "a folder, or a URL such as s3://BUCKET/PREFIX.",
        ),
    ] = None,
    pseudonym_period: ArchivePeriod = None,
    config: Config = None,
    pseudonyms: Pseudonyms = None,
    format: Annotated[  # noqa: A002
        Format, typer.Option("--format", help="Output format.")
    ] = Format.openmetrics,
    strict: Strict = False,
) -> None:
    """Compute the metrics of recorded files, without Kafka.

    The same input always gives the same output, byte for byte. Malformed lines are skipped and
    reported on standard error with file and line number.

    Example: alarm-fatigue replay --alarms alarms.jsonl --assignments assignments.jsonl --at
    2026-03-01T19:00:00Z

    Example: alarm-fatigue replay --alarms export.csv --mapping map.yml
    """
    from streams.files import replay as replaying
    from streams.files.finished_lines import FinishedLines
    from streams.formats.pseudonyms import Pseudonyms as KeyedPseudonyms

    if alarms is None:
        fail("--alarms: expected a file of alarm events, or -", WRONG)
    if pseudonym_period is not None and archive is None:
        fail("--pseudonym-period: expected --archive with it", WRONG)
    files = recorded_files(alarms, assignments, responses, labels)
    keep_apart(
        {"--episodes": episodes, "--overload": overload},
        [*(path for _, path in files), mapping, config],
    )
    settings = load_settings(config, pseudonyms=shown_as(pseudonyms))
    policy, pseudonym = settings.policy, _pseudonym(settings)
    recording = None if archive is None else _recording(at, pseudonym)
    wanted = episodes is not None or archive is not None
    lines = FinishedLines(pseudonym) if wanted else None
    observers = () if recording is None else (recording,)
    replayed = replay_files(settings, files, at, mapping, observers, lines)
    changes = replayed.engine.emit_changes() if overload is not None or archive is not None else []
    if episodes is not None and lines is not None:
        finished = lines
        _write(episodes, lambda file: replaying.write_episodes(finished, file))
    if overload is not None:
        _write(overload, lambda file: replaying.write_changes(changes, file, pseudonym))
    if archive is not None and recording is not None and lines is not None:
        period: Period | None = None if pseudonym_period is None else pseudonym_period.value
        _archive(archive, period, recording, lines, changes, policy.horizon)
    if isinstance(pseudonym, KeyedPseudonyms):
        seen = replayed.engine.watermarks().values()
        now = fact_time(at, "--at") if at is not None else max(seen, default=0)
        pseudonym.now = lambda: now
    exposition = replaying.Exposition(
        replayed.engine, policy, pseudonym, settings.metrics.clinicians
    )
    with working("measuring"):
        text = exposition.openmetrics() if format is Format.openmetrics else exposition.json()
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()
    if status := replayed.status(strict):
        raise typer.Exit(status)


def _recording(at: str | None, pseudonym: Callable[[str], str]) -> Recording:
    from streams.archive import Recording  # brings polars

    return Recording(None if at is None else fact_time(at, "--at"), pseudonym)


def _archive(
    where: str,
    period: Period | None,
    recording: Recording,
    episodes: Iterable[bytes],
    changes: Sequence[ChangeRecord],
    horizon: int,
) -> None:
    from streams.archive import Archive, ArchiveError

    try:
        with working("writing the archive"):
            recording.write(Archive.create(where, period), episodes, changes, horizon)
    except ArchiveError as error:
        fail(error)


def _pseudonym(settings: Settings) -> Callable[[str], str]:
    from streams.pseudonyms import pseudonyms as pseudonyms_of
    from streams.settings import SettingsError

    try:
        return pseudonyms_of(settings, lambda line: typer.echo(f"warning: {line}", err=True))
    except SettingsError as error:
        fail(error)


def _write(path: Path, write: Callable[[Any], None]) -> None:
    try:
        with working(f"writing {path.name}"), path.open("wb") as file:
            write(file)
    except OSError as error:
        fail(f"{path}: {error.strerror}")
