"""Shared by the commands on recorded files: their options, and an engine that reads the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.bad_lines import bad_lines, nothing_used
from streams.cli.console import STRICT, WRONG, fact_time, fail
from streams.cli.paths import fault_of
from streams.cli.progress import counting
from streams.files.lines import STDIN, BadLine, InputError
from streams.formats.texts import printable

if TYPE_CHECKING:
    from analyzer import Engine, Topic
    from streams.files.finished_lines import FinishedLines
    from streams.files.observing import Observer
    from streams.settings import Settings

Alarms = Annotated[
    Path | None,
    typer.Option(
        "--alarms",
        metavar="FILE",
        help="Alarm events, one JSON object per line; or a table of alarms. - reads standard "
        "input.",
    ),
]
Mapped = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        metavar="MAP.yml",
        help="For a table of alarms (CSV, Parquet): which column is which field. docs/tables.md "
        "has an example.",
    ),
]
Assignments = Annotated[
    Path | None,
    typer.Option(
        "--assignments", metavar="FILE", help="Assignments: which clinician has which bed."
    ),
]
Responses = Annotated[
    Path | None,
    typer.Option(
        "--responses", metavar="FILE", help="Responses: what clinicians did about alarms."
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FILE", help="Labels: reviewers' verdicts on alarms."),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="Compute as of this time: RFC 3339, or ms since 1970. Default: each facility's "
        "watermark.",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit status 3 if any line was malformed.")]


@dataclass(frozen=True, slots=True)
class Replayed:
    """An engine as of `--at`, and the numbers of malformed and accepted lines."""

    engine: Engine
    malformed: int
    accepted: int

    def status(self, strict: bool) -> int:
        """The exit status of a command that has answered: also without `--strict` not 0 where
        nothing at all could be used.
        """
        return STRICT if self.malformed and (strict or not self.accepted) else 0


def recorded_files(
    alarms: Path | None, assignments: Path | None, responses: Path | None, labels: Path | None
) -> list[tuple[Topic, Path]]:
    """The files given. Exits with an error if there are none, or if one does not exist."""
    named: list[tuple[Topic, Path | None]] = [
        ("assignments", assignments),
        ("alarms", alarms),
        ("responses", responses),
        ("labels", labels),
    ]
    files = [(topic, path) for topic, path in named if path is not None]
    if sum(path == STDIN for _, path in files) > 1:
        fail("-: only one file can be read from standard input", WRONG)
    if not files:
        fail("expected at least one file (--alarms, --assignments, --responses, --labels)", WRONG)
    for _, path in files:  # before any is read or sent
        if (fault := fault_of(path)) is not None:
            fail(f"{path}: {fault}")
    return files


@contextmanager
def as_facts(
    files: list[tuple[Topic, Path]],
    mapping: Path | None,
    report: Callable[[BadLine], None],
    progress: Callable[[int], object] = lambda _: None,
) -> Iterator[list[tuple[Topic, Path]]]:
    """The files, of which tables are turned into files of facts meanwhile: all under one mapping,
    each section of which reads the tables that have its columns.

    Rows that are no facts are reported. Raises `InputError`.
    """
    from streams.files.tables import is_table

    if mapping is not None and not any(
        topic == "alarms" or is_table(path) for topic, path in files
    ):
        fail("--mapping: expected a table of alarms (--alarms)", WRONG)
    tables = [
        (topic, path)
        for topic, path in files
        if is_table(path) or (topic == "alarms" and mapping is not None)
    ]
    if not tables:
        yield files
        return
    from streams.files.table_facts import TableFacts

    with TemporaryDirectory(prefix="alarm-fatigue-") as folder:
        facts = TableFacts(
            [path for _, path in tables], mapping, report, {topic for topic, _ in tables}
        )
        found = facts.write(Path(folder), progress)
        for line in facts.words():
            typer.echo(f"warning: {printable(line)}", err=True)
        yield [one for one in files if one not in tables] + found


def replay_files(
    settings: Settings,
    files: list[tuple[Topic, Path]],
    at: str | None,
    mapping: Path | None = None,
    observers: Sequence[Observer] = (),
    finished: FinishedLines | None = None,
) -> Replayed:
    """Read `files` into an engine; report malformed and suspicious lines on standard error.

    `mapping`: that of a table of alarms. `observers` get the facts, too, and `finished` the
    finished episodes.
    """
    from streams.files.replay import Intake, replayed
    from streams.files.survey import Survey
    from streams.files.uncollected import uncollected

    survey = Survey()
    intake = Intake((survey, *observers))
    now = None if at is None else fact_time(at, "--at")
    with uncollected():
        try:
            with counting("reading") as progress, bad_lines() as report:

                def refused(line: BadLine) -> None:
                    intake.count("alarms", "malformed")
                    report(line)

                with as_facts(files, mapping, refused, progress) as facts:
                    intake.read(facts, settings.max_record_bytes, report, progress)
        except InputError as error:
            fail(error)
        for line in survey.words():
            typer.echo(f"warning: {line}", err=True)
        accepted = intake.accepted
        with counting("computing", accepted) as progress:
            engine = replayed(intake, settings.policy, now, finished, progress)
    if report.count and not accepted:
        typer.echo(f"error: {nothing_used(report)}", err=True)
    return Replayed(engine, report.count, accepted)
