"""The commands `facility reset` and `facility forget`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.model import TOPICS, Topic
from streams.cli.audited import audited
from streams.cli.console import WRONG, Broker, Config, fail, load_settings
from streams.cli.forget import forget
from streams.formats.texts import printable

if TYPE_CHECKING:
    from streams.formats.control import Control
    from streams.kafka.facilities import Reading, Tail

facility_app = typer.Typer(
    no_args_is_help=True,
    help="Repair one facility after a wrong clock, or forget it or one of its clinicians.",
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
    import msgspec

    from streams.formats.control import Control
    from streams.kafka.facilities import TAIL_RECORDS, FacilitiesError, read_tail, write

    settings = load_settings(config, broker=broker)
    try:
        control = Control.new("reset", name)
    except (msgspec.ValidationError, UnicodeEncodeError):
        fail("NAME: expected 1 to 128 characters", WRONG)
    try:
        tail = read_tail(settings, control.at, "facility reset")
        if name not in tail.facilities and not force:
            there = ", ".join(sorted(tail.facilities)) or "none"
            reach = "" if tail.whole else f" among the last {TAIL_RECORDS} of each partition"
            fail(
                f"no record of facility {name}{reach}; known facilities: {there} (--force sends "
                "the command anyway)"
            )
        readings = tail.facilities.get(name, {})
        for line in (*_found(readings, control), *_effect(readings, control, tail)):
            typer.echo(printable(line))
        if dry_run:
            typer.echo(f"Nothing was sent: --dry-run. {_places(tail)}")
            return
        audited(settings, "facility reset", name)
        written = write(settings, control, tail.partitions)
    except FacilitiesError as error:
        fail(error)
    for topic, partition, offset in written:
        typer.echo(f"sent: reset {name} to {topic}, partition {partition}, offset {offset}")


facility_app.command()(forget)


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
    """The records that the command would erase, among those that were read; one line each."""
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
