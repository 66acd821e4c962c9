"""The commands `hl7 check`, `hl7 convert`, `hl7 listen` and `hl7 translate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.console import STRICT, WRONG, fail
from streams.cli.progress import counted
from streams.formats.texts import printable

hl7_app = typer.Typer(
    no_args_is_help=True,
    help="Read alarms from HL7 messages: from files, from gateways, or from Kafka.",
)

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        help="Messages framed by MLLP, or separated by blank lines or by the next MSH; - reads "
        "standard input.",
        show_default=False,
    ),
]
ProfilesFile = Annotated[
    Path | None,
    typer.Option(
        "--profiles",
        metavar="P.yml",
        help="What is known of the senders: time zones, default priorities, names of units, beds "
        "and codes. docs/hl7.md has an example.",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit with status 3 if any message was rejected.")
]


@hl7_app.command()
def check(
    files: Files,
    profiles: ProfilesFile = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for programs.")
    ] = False,
    strict: Strict = False,
) -> None:
    """Tell of each HL7 message what it becomes and why, then sum up in ten lines.

    Nothing is written. Names and numbers of patients are not shown.

    Example: alarm-fatigue hl7 check gateway.hl7 --profiles senders.yml
    """
    from streams.files.lines import InputError
    from streams.formats.codec import to_json
    from streams.hl7 import words
    from streams.hl7.converting import Tally, told
    from streams.hl7.profiles import load_profiles

    tally = Tally()
    each = []
    try:
        for one in told(files, load_profiles(profiles), tally, lambda: None):
            if as_json:
                each.append(words.as_fields(one))
            else:
                typer.echo(printable(words.of_message(one)))
    except InputError as error:
        fail(error, WRONG)
    if as_json:
        sys.stdout.buffer.write(to_json(tally.as_fields() | {"each": each}) + b"\n")
        sys.stdout.buffer.flush()
    else:
        typer.echo("")
        for line in words.summary(tally):
            typer.echo(printable(line))
    if strict and tally.kinds["rejected"]:
        raise typer.Exit(STRICT)


@hl7_app.command()
def convert(
    files: Files,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder for the facts; its files are replaced.",
        ),
    ],
    profiles: ProfilesFile = None,
    strict: Strict = False,
) -> None:
    """Write the facts of HL7 messages to DIR, for replay, tune, findings and publish.

    These are alarms.jsonl, assignments.jsonl, responses.jsonl, labels.jsonl (HL7 has none) and
    rejected.jsonl, which names file, line, field, reason and what was expected.

    Example: alarm-fatigue hl7 convert gateway.hl7 --out facts --profiles senders.yml
    """
    from streams.files.lines import InputError
    from streams.hl7 import words
    from streams.hl7.converting import convert as converted
    from streams.hl7.profiles import load_profiles

    try:
        known = load_profiles(profiles)
        with counted("reading", None) as progress:
            tally, lines = converted(files, known, out, progress)
    except InputError as error:
        fail(error, WRONG)
    for line in words.summary(tally):
        typer.echo(printable(line), err=True)
    written = ", ".join(f"{name}.jsonl {count:,}" for name, count in lines.items())
    typer.echo(printable(f"lines in {out}: {written}"), err=True)
    if strict and tally.kinds["rejected"]:
        raise typer.Exit(STRICT)
