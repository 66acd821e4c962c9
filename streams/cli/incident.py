"""The command `incident`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from streams.cli.console import (
    WRONG,
    Config,
    Pseudonyms,
    duration,
    fail,
    load_settings,
    moment,
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
from streams.cli.progress import working
from streams.settings import SettingsError


def incident(
    at: Annotated[
        str,
        typer.Option("--at", metavar="TIME", help="The moment: RFC 3339, or ms since 1970."),
    ],
    facility: Annotated[str, typer.Option("--facility", help="The hospital.")],
    unit: Annotated[str, typer.Option("--unit", help="The unit.")],
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
    config: Config = None,
    pseudonyms: Pseudonyms = None,
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
    """
    from analyzer.incident import Question, analyse
    from streams.incidents import TakenFacts
    from streams.incidents import as_json as document
    from streams.incidents.words import words
    from streams.pseudonyms import pseudonyms as pseudonyms_of

    if alarms is None:
        fail("--alarms: expected a file of alarm events, or -", WRONG)
    settings = load_settings(config, pseudonyms=shown_as(pseudonyms))
    when = moment(at, "--at")
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
    try:
        taken = TakenFacts(facility, pseudonyms_of(settings))
    except SettingsError as error:
        fail(error)
    replayed = replay_files(
        settings,
        recorded_files(alarms, assignments, responses, labels),
        at,
        mapping,
        observers=(taken,),
    )
    facts = taken.facts()
    if unit not in facts.alarms["unit"] and unit not in facts.assignments["unit"]:
        fail(f"--unit: nothing was recorded of unit {unit} in facility {facility}", WRONG)
    with working("analysing"):
        found = analyse(facts, question, settings.policy)
    if as_json:
        from streams.formats.codec import to_json

        sys.stdout.buffer.write(to_json(document(found, facts)) + b"\n")
        sys.stdout.buffer.flush()
    else:
        for line in words(found, calendar):
            typer.echo(line)
    if status := replayed.status(strict):
        raise typer.Exit(status)
