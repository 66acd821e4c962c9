"""The commands `facility reset` and `facility forget`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer.model import TOPICS, Topic
from streams.cli.audited import audited
from streams.cli.console import WRONG, Broker, Config, fail, load_settings
from streams.formats.texts import printable

if TYPE_CHECKING:
    from analyzer import Command
    from streams.formats.control import Control
    from streams.kafka.facilities import Reading, Tail
    from streams.settings import Settings

facility_app = typer.Typer(
    no_args_is_help=True,
    help="Repair one facility after a wrong clock, or forget all its data.",
)

_KINDS: dict[Topic, str] = {
    "alarms": "alarm event",
    "assignments": "assignment record",
    "responses": "response",
    "labels": "label",
}

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The facility's name, as in its records.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would be forgotten; send nothing.")
]
Json = Annotated[
    bool,
    typer.Option(
        "--json", help="Print one JSON object: what was read, what was sent, what is left."
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Send the command even if no record that was read names the facility."
    ),
]


@facility_app.command()
def reset(
    name: Name,
    config: Config = None,
    broker: Broker = None,
    dry_run: DryRun = False,
    force: Force = False,
) -> None:
    """Forget records dated in the future, so that current alarms are no longer rejected as late.

    Use this when one clock ran ahead and all alarms of the facility are now rejected as late.
    Correct that clock first. An alarm with an event dated in the future loses all its events. An
    assignment with such a record is forgotten. Responses and labels are forgotten one by one.

    The command is written to the input topics, so every worker obeys it, also after a restart. Run
    it on a host whose clock is right. Needs Kafka.

    Example: alarm-fatigue facility reset H01 --broker 127.0.0.1:9092 --dry-run
    """
    _command("reset", name, config, broker, dry_run, force)


@facility_app.command()
def forget(
    name: Name,
    config: Config = None,
    broker: Broker = None,
    dry_run: DryRun = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Forget everything about a facility: alarms, rosters, responses, labels and metrics.

    Later records are treated as those of a new facility. Old records stay in the input topics until
    their retention ends, and finished episodes stay in the topic episodes. Needs Kafka.

    Example: alarm-fatigue facility forget H01 --broker 127.0.0.1:9092 --dry-run
    """
    _command("forget", name, config, broker, dry_run, force, json)


def _command(
    command: Command,
    name: str,
    config: Config,
    broker: Broker,
    dry_run: bool,
    force: bool,
    as_json: bool = False,
) -> None:
    import msgspec

    from streams.formats.control import Control
    from streams.kafka.facilities import TAIL_RECORDS, FacilitiesError, read_tail, write

    settings = load_settings(config, broker=broker)
    try:
        control = Control.new(command, name)
    except (msgspec.ValidationError, UnicodeEncodeError):
        fail("NAME: expected 1 to 128 characters", WRONG)
    try:
        tail = read_tail(settings, control.at)
        if name not in tail.facilities and not force:
            there = ", ".join(sorted(tail.facilities)) or "none"
            reach = "" if tail.whole else f" among the last {TAIL_RECORDS} of each partition"
            fail(
                f"no record of facility {name}{reach}; known facilities: {there} (--force sends "
                "the command anyway)"
            )
        readings = tail.facilities.get(name, {})
        if as_json:
            if not dry_run:
                audited(settings, "facility forget", name)
            sent = [] if dry_run else write(settings, control, tail.partitions)
            typer.echo(msgspec.json.encode(_proof(control, readings, tail, sent, settings)))
            return
        for line in _found(readings, control):
            typer.echo(printable(line))
        for line in _effect(readings, control, tail):
            typer.echo(printable(line))
        if dry_run:
            typer.echo(f"Nothing was sent: --dry-run. {_places(tail)}")
            return
        audited(settings, f"facility {command}", name)
        written = write(settings, control, tail.partitions)
    except FacilitiesError as error:
        fail(error)
    for topic, partition, offset in written:
        typer.echo(f"sent: {command} {name} to {topic}, partition {partition}, offset {offset}")


def _proof(
    control: Control,
    readings: dict[Topic, Reading],
    tail: Tail,
    sent: list[tuple[Topic, int, int]],
    settings: Settings,
) -> dict[str, Any]:
    """What was found, what was sent, and what only others or time will remove."""
    from streams.kafka.topics import plans

    kept = {one.name: one for one in plans(settings, 1)}
    return {
        "command": control.control,
        "facility": control.facility,
        "at": control.at,
        "event_id": control.event_id,
        "read": {
            topic: {
                "records": one.records,
                "latest": one.latest,
                "partitions": sorted(one.partitions),
            }
            for topic, one in readings.items()
        },
        "read_whole": tail.whole,
        "sent": [
            {"topic": kept[topic].called, "partition": number, "offset": offset}
            for topic, number, offset in sent
        ],
        "state": "each worker forgets the facility when it reads these records, and its next "
        "checkpoint deletes what was stored; Kafka removes that when it compacts the topic",
        "left": [
            {"topic": one.called, "kept_ms": one.retention, "removed_by": "retention"}
            for one in kept.values()
            if one.retention is not None
        ]
        + [
            {"series": "label facility", "removed_by": "Prometheus' administrator"},
            {"files": "archives", "removed_by": "archive erase --facility"},
            {"files": "reports and exports", "removed_by": "whoever keeps them"},
        ],
    }


def _found(readings: dict[Topic, Reading], control: Control) -> Iterator[str]:
    """The records that were read from each input topic."""
    for topic in TOPICS:
        one = readings.get(topic)
        if one is None:
            continue
        distance = (one.latest - control.at) / 1000
        side = f"{distance:.0f} s after now" if distance > 0 else f"{-distance:.0f} s ago"
        where = ", ".join(map(str, sorted(one.partitions)))
        yield (
            f"{topic}: {_counted(one.records, 'record')} of {control.facility} read (partition "
            f"{where}); the latest is dated {_shown(one.latest)} ({side}), its timestamp is "
            f"{_shown(one.stamped)}"
        )


def _effect(readings: dict[Topic, Reading], control: Control, tail: Tail) -> Iterator[str]:
    """What the command would forget, among the records that were read."""
    if control.control == "forget":
        yield (
            f"This forgets all data of {control.facility} in the workers: alarms, assignments, "
            "responses, labels, watermarks and metrics."
        )
        return
    yield f"This forgets everything dated after {_shown(control.at)}. Among the records read:"
    for topic, kind in _KINDS.items():
        one = readings.get(topic)
        after = 0 if one is None else one.after
        line = f"  {topic}: {_counted(after, kind)}"
        if one is not None and after and topic == "alarms":
            line += f", and with them all events of {_counted(len(one.about), 'alarm')}"
        if one is not None and after and topic == "assignments":
            line += f", and with them {_counted(len(one.about), 'whole assignment')}"
        yield line
    if not any(one.after for one in readings.values()):
        reach = "" if tail.whole else ", but older records were not read"
        yield f"No record that was read is dated after now: a reset would forget nothing{reach}."


def _places(tail: Tail) -> str:
    counts = sorted(set(tail.partitions.values()))
    partitions = _counted(counts[0], "partition") if len(counts) == 1 else "every partition"
    return f"Without it, the command is written into {partitions} of each input."


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _shown(moment: int) -> str:
    try:
        shown = datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # anybody may set a record's timestamp
        return str(moment)
    return shown.replace("+00:00", "Z")
