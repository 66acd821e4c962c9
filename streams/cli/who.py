"""The command `who`: looks up, on this machine alone, whose pseudonym it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import FAILED, WRONG, Broker, Config, fail, load_settings

if TYPE_CHECKING:
    from streams.audit import Trail
    from streams.files.who import Answer
    from streams.settings import Settings


def who(
    pseudonyms: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PSEUDONYM...", help="Pseudonyms, or at least their first four digits."
        ),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="TEXT", help="Why you look them up; it is recorded."),
    ] = None,
    assignments: Annotated[
        Path | None,
        typer.Option(
            "--assignments",
            metavar="FILE",
            help="First learn the clinicians of these assignments, one JSON object per line.",
        ),
    ] = None,
    from_topic: Annotated[
        bool,
        typer.Option(
            "--from-topic", help="First learn the clinicians of Kafka's topic assignments."
        ),
    ] = False,
    archived: Annotated[
        bool,
        typer.Option(
            "--archived",
            help="The pseudonyms are from an archive, of the last 400 days if they change by week, "
            "and of the last 100 if by day.",
        ),
    ] = False,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            metavar="DIR",
            help="Where who.json and who-audit.jsonl are kept. Default: beside the account's own "
            "key, ~/.local/state/alarm-fatigue.",
        ),
    ] = None,
    config: Config = None,
    broker: Broker = None,
) -> None:
    """Look up whose pseudonyms these are. Needs the key file, so it works only where the key is.

    The ids that were learned stay in who.json, which never leaves the machine. Every look-up is
    recorded in audit.file, or where none is set in who-audit.jsonl, before its answer is shown:
    who, when, which pseudonym, and why. `alarm-fatigue audit verify` checks that file.
    Nothing is logged. Files that others can read are refused. Exit status 1 if a pseudonym is
    unknown.

    Example: alarm-fatigue who 77bc01d2 --assignments assignments.jsonl --reason "move bed 12"
    """
    from streams.files import who as looking
    from streams.files.lines import InputError, lines
    from streams.pseudonyms import default_key_file, existing_key, key_file, previous_key
    from streams.settings import SettingsError

    settings = load_settings(config, broker=broker)
    if not settings.pseudonyms:
        fail("pseudonyms are off: the ids themselves are shown everywhere", WRONG)
    if not pseudonyms and assignments is None and not from_topic:
        fail("expected a PSEUDONYM, or --assignments or --from-topic to learn from", WRONG)
    place = directory or default_key_file().parent
    try:
        digits = list(dict.fromkeys(looking.asked(one) for one in pseudonyms or ()))
        why = looking.reason_of(reason) if digits else ""
        looking.check_private(key_file(settings))
        key, previous = existing_key(settings), previous_key(settings)
        if previous is not None and settings.pseudonym_previous_key_file is not None:
            looking.check_private(settings.pseudonym_previous_key_file)
        known = looking.read_directory(place / "who.json", key, previous)
        values = [] if assignments is None else [line for _, line in lines(assignments)]
        if from_topic:
            values += _from_topic(settings)
        if values:
            ids, malformed = looking.clinicians_in(values)
            known = known.with_ids(ids)
            looking.write_directory(place / "who.json", known)
            bad = f"; {malformed} records are no assignments" if malformed else ""
            typer.echo(f"{len(known.names)} clinicians known{bad}", err=True)
        if digits:
            moment = datetime.now(UTC)
            made = looking.archived_names if archived else looking.other_pseudonyms
            others = made(key, previous, settings.pseudonym_period, int(moment.timestamp() * 1000))
            answers = [known.look_up(one, others) for one in digits]
            now = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
            looking.audit(_trail(settings, place), now, answers, why)
            _tell(answers)
    except looking.WhoError as error:
        fail(error, WRONG)
    except (SettingsError, InputError) as error:
        fail(error)


def _from_topic(settings: Settings) -> list[bytes]:
    from streams.kafka.facilities import FacilitiesError, read_whole

    try:
        return list(read_whole(settings, "assignments"))
    except FacilitiesError as error:
        fail(error)


def _trail(settings: Settings, place: Path) -> Trail:
    """Where look-ups are recorded. Raises `WhoError` if others have access to it."""
    from streams.audit import Trail, audit_key
    from streams.files.who import check_private

    audit = settings.audit
    if audit.file is not None:
        return Trail(audit.file, audit_key(audit.key_file), audit.rotate_bytes)
    path = place / "who-audit.jsonl"
    if path.exists():
        check_private(path)
    return Trail(path)


def _tell(answers: list[Answer]) -> None:
    unknown = False
    for one in answers:
        for name, clinician in one.found.items() if len(one.found) == 1 else ():
            typer.echo(f"{name}\t{clinician}")
        if len(one.found) != 1:
            unknown = True
            typer.echo(
                f"{one.asked}: not known here; learn from --assignments FILE or --from-topic"
                if not one.found
                else f"{one.asked}: {len(one.found)} pseudonyms begin so; give more digits",
                err=True,
            )
    if unknown:
        raise typer.Exit(FAILED)
