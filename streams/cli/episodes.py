"""Recorded episodes for the what-if commands: their options, the files and the roster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from analyzer.model import Assignment
from streams.cli.bad_lines import bad_lines, nothing_used
from streams.cli.console import STRICT, WRONG, fail, load_settings
from streams.cli.paths import fault_of
from streams.cli.progress import working
from streams.files.lines import BadLine, InputError
from streams.files.lines import lines as numbered_lines
from streams.formats.texts import printable

if TYPE_CHECKING:
    from analyzer.whatif import Duty, Recorded, Scope

Episodes = Annotated[
    Path | None,
    typer.Option(
        "--episodes",
        metavar="FILE",
        help="Finished episodes (from replay --episodes), or a table; - reads standard input.",
    ),
]

Mapped = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        metavar="MAP.yml",
        help="For a table (CSV, Parquet): which column is which field. docs/tables.md has an "
        "example.",
    ),
]


def read(path: Path, mapping: Path | None) -> tuple[Recorded, int]:
    """Recorded alarms, and the number of malformed lines (reported on standard error)."""
    from streams.files.recorded import read_episodes

    if (fault := fault_of(path)) is not None:
        fail(f"{path}: {fault}")
    warned: list[str] = []
    try:
        with working("reading"), bad_lines() as report:
            recorded = read_episodes(path, report, mapping, warned.append)
    except InputError as error:
        fail(error)
    for line in warned:
        typer.echo(f"warning: {printable(line)}", err=True)
    if report.count and not len(recorded):
        fail(nothing_used(report), STRICT)
    return recorded, report.count


def read_one(
    episodes: Path | None,
    mapping: Path | None,
    archive: str | None,
    facility: str | None = None,
    since: int | None = None,
    until: int | None = None,
) -> tuple[Recorded, int]:
    """Like `read`, from a file or from an archive. `facility`, `since` and `until` (ms) choose the
    part of an archive that is read.
    """
    if archive is None:
        assert episodes is not None, "see `check_source`"
        return read(episodes, mapping)
    from streams.cli.archived import alarms_of

    return alarms_of(archive, facility, since, until), 0


def check_source(
    episodes: Path | None, mapping: Path | None, archive: str | None, *spans: str | None
) -> None:
    """End with an error unless there is a file or an archive, and what belongs to it. `spans`:
    `--since` and `--until`.
    """
    if archive is not None and (episodes is not None or mapping is not None):
        fail("--archive: expected neither --episodes nor --mapping with it", WRONG)
    if archive is None and episodes is None:
        fail("--episodes: expected a file of finished alarms, or -; or --archive DIR", WRONG)
    if archive is None and any(spans):
        fail("--since, --until: expected --archive with them", WRONG)


def _warn(line: str) -> None:
    typer.echo(f"warning: {line}", err=True)


def duty_of(recorded: Recorded, scope: Scope, path: Path, config: Path | None) -> Duty:
    """When the clinicians in the records were on duty in the facility and unit of the scope.

    Records name clinicians by pseudonym or by id; the roster names them by id.
    """
    from analyzer.whatif import duty_by_roster
    from streams.formats.codec import Malformed, decode
    from streams.pseudonyms import pseudonyms
    from streams.settings import SettingsError

    known = {name for _, name in recorded.clinicians}
    settings = load_settings(config)
    found = []
    try:
        with bad_lines() as report:
            for number, line in numbered_lines(path):
                try:
                    found.append(cast("Assignment", decode("assignments", line)))
                except Malformed as error:
                    report(BadLine(path, number, str(error)))
        if not any(one.clinician in known for one in found):
            pseudonym = pseudonyms(settings, _warn)
            found = [replace(one, clinician=pseudonym(one.clinician)) for one in found]
    except (InputError, SettingsError) as error:
        fail(error)
    if known and not any(one.clinician in known for one in found):
        fail(
            f"{path}: no clinician in it had any of these alarms; was another pseudonym key used, "
            "or do their pseudonyms change by day or week?"
        )
    here = [
        one
        for one in found
        if scope.facility in (None, one.facility) and scope.unit in (None, one.unit)
    ]
    return duty_by_roster(recorded, here)
