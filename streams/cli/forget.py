"""The command `facility forget`: forgets a facility or a clinician, and proves it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer.model import TOPICS
from streams.cli.audited import audited
from streams.cli.console import FAILED, WRONG, Broker, Config, duration, fail, load_settings
from streams.formats.texts import printable

if TYPE_CHECKING:
    from streams.cli.forgotten import Stored, Subject
    from streams.formats.control import Control
    from streams.kafka.remains import Found
    from streams.settings import Settings

_LOOK_AGAIN = 1.0
"""Seconds between two looks at the stored state."""


def forget(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The facility's name, as in its records.")
    ],
    clinician: Annotated[
        str | None,
        typer.Option("--clinician", metavar="ID", help="Forget this clinician only, given by id."),
    ] = None,
    archive: Annotated[
        list[str] | None,
        typer.Option("--archive", metavar="DIR", help="Erase it from this archive, too."),
    ] = None,
    config: Config = None,
    broker: Broker = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what there is to forget; change nothing.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Go on although nothing names the facility or clinician, or although beds are "
            "assigned to the clinician now.",
        ),
    ] = False,
    wait: Annotated[
        str,
        typer.Option(
            "--wait",
            metavar="DURATION",
            help="How long the workers may take to store their state without it. 0s: the state is "
            "not looked at.",
        ),
    ] = "2m",
    json: Annotated[
        bool, typer.Option("--json", help="Print the proof as one JSON object.")
    ] = False,
) -> None:
    """Forget everything about a facility, or who one clinician is, and print what is left where.

    The workers read the command from the input topics. Then neither their memory, their stored
    state, /metrics nor the page has the facility or clinician, also after a restart. Alarms of a
    forgotten clinician count on for the unit, without the person; beds that were assigned to nobody
    else are unassigned. Records that arrive later count as usual.

    Kafka keeps the records of inputs and outputs until their retention ends; the proof says how
    many name it, and until when. Run this where the pseudonym key is. Exit status 1 if the workers
    have not stored a state without it in time.

    Example: alarm-fatigue facility forget H01 --clinician n17 --archive archive --dry-run
    """
    import msgspec

    from streams.archive import ArchiveError
    from streams.cli.forgotten import Subject, in_state, in_topics
    from streams.files.who import WhoError
    from streams.formats.control import Control
    from streams.kafka.facilities import FacilitiesError, existing_topics, partitions_for, write
    from streams.partitions.checkpoint import CheckpointError
    from streams.settings import SettingsError

    settings, seconds = load_settings(config, broker=broker), duration(wait, "--wait") / 1000
    try:
        command: Any = "forget" if clinician is None else "forget_clinician"
        control = Control.new(command, name, clinician)
    except (msgspec.ValidationError, UnicodeEncodeError):
        fail("NAME, --clinician: expected 1 to 128 characters", WRONG)
    try:
        subject = Subject.of(settings, name, clinician, control.at)
        topics = existing_topics(settings, "facility forget")
        partitions = partitions_for(settings, "facility forget")
        before, state = in_topics(settings, subject, topics), None
        if seconds:
            state = in_state(settings, subject, topics)
        if not force and not dry_run:
            _check(settings, subject, control, before, state, topics)
        sent: Sequence[tuple[str, int, int]] = []
        if not dry_run:
            audited(settings, f"facility {command.replace('_', ' ')}", name)
            sent = write(settings, control, partitions)
        after = _awaited(settings, subject, topics, sent, state, seconds)
        files = _files(settings, subject, archive or [], dry_run)
        left = in_topics(settings, subject, topics)
        proof = _proof(settings, subject, control, topics, sent, (state, after), files, left)
    except (ArchiveError, CheckpointError, FacilitiesError, SettingsError, WhoError) as error:
        fail(error)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    if json:
        typer.echo(msgspec.json.encode(proof))
    else:
        for line in _lines(proof, dry_run):
            typer.echo(printable(line))
    if proof["state"]["confirmed"] is False:
        raise typer.Exit(FAILED)


def _check(
    settings: Settings,
    subject: Subject,
    control: Control,
    found: dict[str, Found],
    state: Stored | None,
    topics: Mapping[str, int],
) -> None:
    """Exit if there is nothing to forget, or if beds would be left without their clinician."""
    from streams.kafka.remains import in_force

    what = f"facility {subject.facility}"
    if subject.clinician is not None:
        what = f"this clinician in {what}"
    if not any(one.records for one in found.values()) and (state is None or not state.names_it):
        fail(f"nothing names {what}; --force goes on all the same")
    if subject.clinician is not None:
        beds = in_force(
            settings, topics["assignments"], subject.facility, subject.clinician, control.at
        )
        if beds:
            fail(
                f"{beds} {'bed is' if beds == 1 else 'beds are'} assigned to {what} now, and would "
                "count as unassigned: end the assignments first, or give --force"
            )


def _awaited(
    settings: Settings,
    subject: Subject,
    topics: Mapping[str, int],
    sent: Sequence[tuple[str, int, int]],
    before: Stored | None,
    seconds: float,
) -> Stored | None:
    """The stored state, once the command has taken effect there or the time is over."""
    from streams.cli.forgotten import in_state

    if before is None or not sent:
        return before
    inputs = {settings.kafka.topic(one): one for one in TOPICS}
    places = [(inputs[topic], number, offset) for topic, number, offset in sent]
    until = time.monotonic() + seconds
    while True:
        found = in_state(settings, subject, topics)
        done = found.has_read(places) and found.is_empty
        if done or time.monotonic() >= until:
            return found if found.has_read(places) else before
        time.sleep(_LOOK_AGAIN)


def _files(
    settings: Settings, subject: Subject, archives: list[str], dry_run: bool
) -> list[dict[str, Any]]:
    """The records removed from files, by archive."""
    from streams.cli.forgotten import forget_in_archive, forget_in_who

    found: list[dict[str, Any]] = []
    for folder in archives:
        rows = forget_in_archive(settings, folder, subject, dry_run)
        found.append({"place": "archive", "folder": str(folder), "rows": rows})
    if subject.clinician is not None:
        known = forget_in_who(settings, subject.clinician, dry_run)
        if known is not None:
            found.append({"place": "who", "file": str(known[0]), "entries": known[1]})
    return found


def _proof(
    settings: Settings,
    subject: Subject,
    control: Control,
    topics: Mapping[str, int],
    sent: Sequence[tuple[str, int, int]],
    state: tuple[Stored | None, Stored | None],
    files: list[dict[str, Any]],
    left: dict[str, Found],
) -> dict[str, Any]:
    """The proof: what was removed where, and what remains until retention or others remove it."""
    from streams.cli.forgotten import in_audit, in_other_states, in_translation
    from streams.kafka.state_version import checkpoint_topic
    from streams.kafka.topics import plans

    before, after = state
    checked = None
    if sent and before is not None and after is not None:
        checked = after.is_empty and before is not after
    kept = {one.name: one.retention for one in plans(settings, 1)}
    records = [
        {
            "topic": settings.kafka.topic(topic),
            "records": one.records,
            "kept_ms": kept[topic],
            "until": None if not one.records else one.latest + (kept[topic] or 0),
            "removed_by": "retention",
        }
        for topic, one in left.items()
    ]
    of = "facility" if subject.clinician is None else "clinician"
    return {
        "command": control.control,
        "facility": control.facility,
        "clinician": subject.shown,
        "at": control.at,
        "event_id": control.event_id,
        "sent": [
            {"topic": topic, "partition": number, "offset": offset}
            for topic, number, offset in sent
        ],
        "state": {
            "topic": checkpoint_topic(settings.group),
            "before": None if before is None else before.shown(),
            "after": None if after is None else after.shown(),
            "confirmed": checked,
        },
        "removed": files,
        "left": [
            *records,
            *in_other_states(settings),
            {
                "state": "hl7 translate",
                "records": in_translation(settings, subject, topics),
                "removed_by": "the end of the assignment or alarm",
            },
            *(
                {"file": path, "entries": entries, "removed_by": "whoever keeps the audit"}
                for path, entries in in_audit(settings, subject).items()
            ),
            {"series": f"label {of}", "removed_by": "Prometheus' administrator"},
            {
                "files": "archives that were not named",
                "removed_by": f"archive erase --{of}",
            },
            {"files": "reports and exports", "removed_by": "whoever keeps them"},
        ],
    }


def _lines(proof: dict[str, Any], dry_run: bool) -> Iterator[str]:
    """The proof for people."""
    state, sent = proof["state"], proof["sent"]
    before, after = state["before"], state["after"]
    if sent:
        yield f"sent: {proof['command']} to {len(sent)} partitions of the inputs"
    if before is None:
        yield "state: not looked at"
    elif dry_run:
        yield f"state: {_counted(before)}"
    elif state["confirmed"]:
        yield f"state: {_counted(before)}; now nothing"
    else:
        yield (
            f"state: {_counted(after)}: no worker has stored a state without it yet; run this "
            "again when workers are running"
        )
    for one in proof["removed"]:
        if one["place"] == "archive":
            rows = _counted(one["rows"]) if one["rows"] else "not changed"
            yield f"archive {one['folder']}: {rows}"
        else:
            yield f"{one['file']}: {one['entries']} entries"
    yield "What is left, and what removes it:"
    for one in proof["left"]:
        of = one.get("topic") or one.get("file") or one.get("files")
        of = of or one.get("series") or f"state of {one['state']}"
        many = f"{one['records']} records" if "records" in one else ""
        many = f"{one['entries']} entries" if "entries" in one else many
        until = f", the last about {_day(one['until'])}" if one.get("until") else ""
        yield f"  {of}: {many + '; ' if many else ''}{one['removed_by']}{until}"
    if dry_run:
        yield "Nothing was changed: --dry-run."


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())


def _day(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}"
