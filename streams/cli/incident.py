"""The commands `incident` and `incident apply`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.archived import Archived, reading
from streams.cli.audited import audited
from streams.cli.console import (
    WRONG,
    Config,
    Pseudonyms,
    duration,
    fact_time,
    fail,
    load_settings,
    shown_as,
)
from streams.cli.files import (
    Alarms,
    Assignments,
    Labels,
    Mapped,
    Responses,
    Strict,
    recorded_files,
    replay_files,
)
from streams.cli.incident_apply import apply_
from streams.cli.paths import keep_apart
from streams.cli.progress import working

if TYPE_CHECKING:
    from analyzer.incident import Facts, Question
    from streams.formats.calendars import Calendar
    from streams.settings import Settings


incident_app = typer.Typer(invoke_without_command=True)
incident_app.command("apply")(apply_)


@incident_app.callback()
def incident(
    context: typer.Context,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="The moment: RFC 3339, or ms since 1970."),
    ] = None,
    facility: Annotated[str | None, typer.Option("--facility", help="The hospital.")] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="The unit.")] = None,
    bed: Annotated[str | None, typer.Option("--bed", help="The bed, if it is about one.")] = None,
    window: Annotated[
        str,
        typer.Option("--window", metavar="DURATION", help="How far back, from 1m to 24h."),
    ] = "60m",
    alarms: Alarms = None,
    assignments: Assignments = None,
    responses: Responses = None,
    labels: Labels = None,
    mapping: Mapped = None,
    archive: Archived = None,
    config: Config = None,
    pseudonyms: Pseudonyms = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.html", help="Write a page for a review board instead."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    strict: Strict = False,
) -> None:
    """Show the conditions around a moment that went wrong, and which changes would have prevented
    them.

    It compares the unit with its own comparable hours, computes what single changes would have
    done, and names an owner for each. It is input to a review, never its verdict: it names nobody,
    and does not say what would have become of a patient.

    Example: alarm-fatigue incident --alarms alarms.jsonl --assignments assignments.jsonl
    --responses responses.jsonl --at 2026-03-01T14:20:00Z --facility H01 --unit MICU --json

    Example: alarm-fatigue incident --archive history --at 2026-03-01T14:20:00Z --facility H01
    --unit MICU --bed MICU-03 --out review.html
    """
    if context.invoked_subcommand is not None:
        return
    if at is None or facility is None or unit is None:
        fail("expected --at, --facility and --unit: which moment of which unit", WRONG)
    from analyzer.incident import Question, analyse
    from streams.incidents import TakenFacts
    from streams.incidents import as_json as document
    from streams.incidents.words import words
    from streams.pseudonyms import pseudonyms as pseudonyms_of
    from streams.settings import SettingsError

    files = (alarms, assignments, responses, labels)
    if archive is not None and any((*files, mapping, strict)):
        fail("--archive: expected no files with it", WRONG)
    if archive is None and alarms is None:
        fail("expected --alarms with a file of alarm events, or --archive", WRONG)
    keep_apart({"--out": out}, [*files, mapping, config])
    settings = load_settings(config, pseudonyms=shown_as(pseudonyms))
    when = fact_time(at, "--at")
    calendar = settings.calendar.calendars.of(facility)
    offset = calendar.local(when).utcoffset()
    try:
        question = Question(
            at=when,
            facility=facility,
            unit=unit,
            bed=bed,
            window=duration(window, "--window"),
            offset=0 if offset is None else round(offset.total_seconds() * 1000),
        )
    except ValueError as error:
        fail(f"--{error}", WRONG)
    audited(settings, "incident", facility, unit, question.begin, when)
    status = 0
    if archive is not None:
        facts = _archived(archive, question)
    else:
        try:
            taken = TakenFacts(facility, pseudonyms_of(settings))
        except SettingsError as error:
            fail(error)
        recorded = recorded_files(*files)
        replayed = replay_files(settings, recorded, at, mapping, observers=(taken,))
        facts, status = taken.facts(), replayed.status(strict)
    if unit not in facts.alarms["unit"] and unit not in facts.assignments["unit"]:
        fail(f"--unit: nothing was recorded of unit {unit} in facility {facility}", WRONG)
    if bed is not None and not _is_known(facts, unit, bed):
        fail(f"--bed: nothing was recorded of bed {bed} in unit {unit}", WRONG)
    with working("analysing"):
        found = analyse(facts, question, settings.policy, finished_only=archive is not None)
    if out is not None:
        inputs = [*files, mapping, config] if archive is None else [config]
        _write_page(out, document(found, facts), settings, calendar, inputs)
    if as_json:
        from streams.formats.codec import to_json

        sys.stdout.buffer.write(to_json(document(found, facts)) + b"\n")
        sys.stdout.buffer.flush()
    elif out is None:
        for line in words(found, calendar):
            typer.echo(line)
    if status:
        raise typer.Exit(status)


def _is_known(facts: Facts, unit: str, bed: str) -> bool:
    """Whether a bed of a unit has an alarm or an assignment."""
    return any(
        (unit, bed) in zip(table["unit"], table["bed"], strict=True)
        for table in (facts.alarms, facts.assignments)
    )


def _write_page(
    out: Path,
    found: dict[str, Any],
    settings: Settings,
    calendar: Calendar,
    inputs: list[Path | None],
) -> None:
    from streams.files.provenance import provenance
    from streams.incidents.page import page

    try:
        made = provenance(sys.argv[1:], inputs, settings.policy, round(time.time() * 1000))
        out.write_text(page(found, made, calendar), encoding="utf-8")
    except OSError as error:
        fail(f"{error.filename or out}: {error.strerror}")


def _archived(where: str, question: Question) -> Facts:
    """The facts of the baseline's days and of the moment."""
    from analyzer.incident import BASELINE, Facts
    from streams.archive import Archive, archived_facts

    with reading():
        found = archived_facts(
            Archive(where), question.facility, question.begin - BASELINE, question.at
        )
        return Facts.of(found)
