"""The commands `state list` and `state clean`: the stored states of all versions."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.audited import audited
from streams.cli.console import Broker, Config, duration, fail, load_settings
from streams.formats.texts import printable

if TYPE_CHECKING:
    from streams.kafka.versions import Version
    from streams.settings import Settings

state_app = typer.Typer(
    no_args_is_help=True,
    help="List the stored states of all versions of the program, and delete old ones.",
)

Group = Annotated[
    str | None, typer.Option("--group", help="Consumer group, as in the workers' settings.")
]


@state_app.command(name="list")
def list_(config: Config = None, broker: Broker = None, group: Group = None) -> None:
    """List the stored states of all versions: group, workers, topic, and time of the last write.

    Needs Kafka.

    Example: alarm-fatigue state list --broker 127.0.0.1:9092
    """
    settings = load_settings(config, broker=broker, group=group)
    found = _found(settings)
    for one in found:
        typer.echo(printable(_line(settings, one)))
    if not found:
        typer.echo("no state is stored yet")


@state_app.command()
def clean(
    config: Config = None,
    broker: Broker = None,
    group: Group = None,
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than",
            metavar="DURATION",
            help="Keep states written to more recently: a roll back may need them.",
        ),
    ] = "7d",
    yes: Annotated[
        bool, typer.Option("--yes", help="Delete. Without it, only print what would be deleted.")
    ] = False,
) -> None:
    """Delete the consumer groups and stored states of other versions.

    Without --yes it only prints what would be deleted. It keeps this program's own state, and the
    state of any version with workers in its group. A version whose state was deleted can still be
    installed again: it then recomputes its state from the inputs. Needs Kafka.

    Example: alarm-fatigue state clean --older-than 7d --broker 127.0.0.1:9092
    """
    from streams.kafka.state_version import STATE_VERSION
    from streams.kafka.topics import TopicsError
    from streams.kafka.versions import refusal, remove

    settings = load_settings(config, broker=broker, group=group)
    age, now = duration(older_than, "--older-than"), round(time.time() * 1000)
    wanted = []
    for one in _found(settings):
        reason = refusal(one, age, now)
        if reason is None:
            wanted.append(one)
        line = _line(settings, one)
        what = f"stays, because {reason}" if reason else "would be deleted" if not yes else "goes"
        typer.echo(printable(f"{line}: {what}"))
    if not wanted:
        typer.echo(f"nothing to delete: no other version than {STATE_VERSION} may go")
        return
    if not yes:
        typer.echo("nothing was deleted; --yes deletes", err=True)
        return
    audited(settings, "state clean")
    try:
        for name in remove(settings, wanted):
            typer.echo(printable(f"deleted {name}"))
            sys.stdout.flush()
    except TopicsError as error:
        fail(error)


def _found(settings: Settings) -> list[Version]:
    from streams.kafka.topics import TopicsError
    from streams.kafka.versions import found_versions

    try:
        return found_versions(settings)
    except TopicsError as error:
        fail(error)


def _line(settings: Settings, one: Version) -> str:
    from streams.kafka.state_version import STATE_VERSION, checkpoint_topic, state_group

    own = " (this program's)" if one.version == STATE_VERSION else ""
    group = state_group(settings.group, one.version)
    workers = f"{one.members} worker{'' if one.members == 1 else 's'}"
    of_group = f"group {group}, {workers}" if one.group else f"no group {group}"
    topic = checkpoint_topic(settings.group, one.version)
    of_topic = f"topic {topic}, {_written(one)}" if one.topic else f"no topic {topic}"
    return f"version {one.version}{own}: {of_group}; {of_topic}"


def _written(one: Version) -> str:
    if one.written is None:
        return "nothing in it" if not one.records else "written to at an unknown time"
    at = datetime.fromtimestamp(one.written / 1000, UTC)
    return f"last written {at.isoformat(timespec='seconds').replace('+00:00', 'Z')}"
