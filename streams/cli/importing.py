"""The command `import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.bad_lines import bad_lines
from streams.cli.console import STRICT, WRONG, fail
from streams.cli.paths import fault_of
from streams.cli.progress import counting
from streams.files.lines import STDIN, InputError
from streams.formats.texts import printable

_COMPRESSED = (".gz", ".zst")


def import_(
    tables: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="TABLE...", help="CSV, TSV, Excel or Parquet; also gzip. - is standard input."
        ),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--mapping",
            metavar="MAP.yml",
            help="Which column is which field: a file, or the name of a ready mapping (see --maps)."
            " Default: columns have the names of the fields.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder in which the files are written."),
    ] = None,
    guess: Annotated[
        bool,
        typer.Option("--guess", help="Print a proposed mapping of the table; write nothing."),
    ] = False,
    maps: Annotated[bool, typer.Option("--maps", help="List the ready mappings.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit status 3 if any row was rejected.")
    ] = False,
) -> None:
    """Turn a hospital's tables into files of alarms, assignments, responses and labels.

    DIR gets alarms.jsonl, assignments.jsonl, responses.jsonl and labels.jsonl, as far as the
    mapping makes them, and rejected.jsonl: each row that is no fact, with file, line, field, reason
    and what was expected. Counts are printed on standard error.

    Example: alarm-fatigue import --guess export.csv > map.yml

    Example: alarm-fatigue import --mapping map.yml export.csv roster.xlsx --out facts
    """
    if maps:
        _list_maps()
        return
    if not tables:
        fail("expected at least one table", WRONG)
    for path in tables:
        if (fault := fault_of(path)) is not None:
            fail(f"{path}: {fault}", WRONG)
    if guess:
        _guess(tables)
        return
    if out is None:
        fail("--out: expected a folder", WRONG)
    if out.exists() and not out.is_dir():
        fail(f"{out}: expected a folder, found a file", WRONG)
    from streams.files.importing import import_tables

    try:
        with counting("importing, bytes", _size(tables)) as progress, bad_lines() as report:
            done = import_tables(tables, mapping, out, lambda one: report(one.bad_line), progress)
    except InputError as error:
        fail(error, WRONG)
    except OSError as error:
        fail(f"{out}: {error.strerror or error}", WRONG)
    for line in done.words:
        typer.echo(f"warning: {printable(line)}", err=True)
    for line in done.notes:
        typer.echo(f"note: {printable(line)}", err=True)
    made = ", ".join(f"{count:,} {topic}" for topic, count in sorted(done.facts.items()))
    typer.echo(f"{done.rows:,} rows: {made or 'no facts'}; {done.rejected:,} rejected", err=True)
    if done.rejected and (strict or not done.facts):
        raise typer.Exit(STRICT)


def _guess(tables: list[Path]) -> None:
    from streams.files.importing.guess import guessed

    if len(tables) > 1:
        fail("--guess: expected one table at a time", WRONG)
    try:
        typer.echo(guessed(tables[0]), nl=False)
    except InputError as error:
        fail(error, WRONG)


def _list_maps() -> None:
    from streams.files.mapping import ready_maps

    for name, summary in ready_maps():
        typer.echo(f"{name:20} {summary}")


def _size(tables: list[Path]) -> int | None:
    """The bytes that are to be read, where that is known before."""
    if any(one == STDIN or one.suffix.lower() in _COMPRESSED for one in tables):
        return None
    return sum(one.stat().st_size for one in tables)
