"""The commands `topics` and `topics acls`."""

from __future__ import annotations

from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import FAILED, WRONG, Broker, Config, duration, fail, load_settings
from streams.formats.texts import printable

if TYPE_CHECKING:
    from streams.kafka.topics import Finding, TopicPlan
    from streams.settings import Settings

_PAUSE_SECONDS = 1.0

topics_app = typer.Typer(invoke_without_command=True)


@topics_app.callback()
def topics(
    context: typer.Context,
    config: Config = None,
    broker: Broker = None,
    partitions: Annotated[
        int | None,
        typer.Option("--partitions", min=1, help="Partitions of each topic that is created."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option("--group", help="Consumer group; its checkpoint topic is created, too."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be created; create nothing.")
    ] = False,
    wait: Annotated[
        str | None,
        typer.Option(
            "--wait",
            metavar="DURATION",
            help="Try again for this long where no broker answers or a new one is not ready yet.",
        ),
    ] = None,
) -> None:
    """Create missing topics and check existing ones.

    Exits with status 1 if a worker could not run on them.

    Example: alarm-fatigue topics --broker 127.0.0.1:9092 --partitions 8 --dry-run

    Example: alarm-fatigue topics --broker kafka:9092 --wait 60s
    """
    if context.invoked_subcommand is not None:
        if dry_run or any(value is not None for value in (config, broker, partitions, group, wait)):
            fail(f"expected options after {context.invoked_subcommand}, not before it", WRONG)
        return
    from streams.kafka.topics import Permanent, TopicsError

    seconds = 0.0 if wait is None else duration(wait, "--wait") / 1000
    settings = load_settings(config, broker=broker, partitions=partitions, group=group)
    until, announced, waiting = monotonic() + seconds, set[str](), False
    while True:
        try:
            missing, findings = _brought_about(settings, partitions, dry_run, announced)
            break
        except TopicsError as error:
            if isinstance(error, Permanent) or monotonic() >= until:
                fail(error)
            if not waiting:
                typer.echo(f"waiting for up to {wait}: {printable(str(error))}", err=True)
            waiting = True
            sleep(_PAUSE_SECONDS)
    for finding in findings:
        typer.echo(
            f"{'error' if finding.fatal else 'warning'}: {finding.topic}: {finding.message}",
            err=True,
        )
    if any(finding.fatal for finding in findings):
        raise typer.Exit(FAILED)
    if not missing:
        typer.echo("all topics exist")


def _brought_about(
    settings: Settings, partitions: int | None, dry_run: bool, announced: set[str]
) -> tuple[list[TopicPlan], list[Finding]]:
    """The topics that were missing, which are created unless `dry_run`, and what is wrong with
    those that exist. `announced` collects the topics that were printed. Raises `TopicsError`.
    """
    from streams.kafka.topics import Topics

    with Topics(settings) as known:
        known.check_permissions()
        missing = known.missing()
        for plan in missing:
            if plan.called in announced:
                continue
            announced.add(plan.called)
            kept = (
                "compacted"
                if plan.retention is None
                else f"kept {plan.retention // 86_400_000} days"
            )
            typer.echo(
                f"{'would create' if dry_run else 'create'} {plan.called}: {plan.partitions} "
                f"partitions, {kept}"
            )
        if missing and not dry_run:
            known.create(missing)
        findings = [
            one for one in known.check(partitions) if not (dry_run and one.message == "missing")
        ]
    return missing, findings


@topics_app.command()
def acls(
    principal: Annotated[
        str,
        typer.Option(
            "--principal",
            metavar="TYPE:NAME",
            help="Whom to allow it, as Kafka spells it: User:alarm-worker, or User:CN=... of a "
            "certificate.",
        ),
    ],
    command: Annotated[
        str | None,
        typer.Option("--command", help="Only what this command needs, such as worker."),
    ] = None,
    config: Config = None,
    broker: Broker = None,
    group: Annotated[str | None, typer.Option("--group", help="Consumer group.")] = None,
) -> None:
    """Print what each command must be allowed on Kafka, as lines of kafka-acls.sh.

    Nothing is sent to Kafka. Each command gets what it needs, and no more. Use a principal of its
    own for the worker. In the lines, admin.properties is the file with an administrator's
    connection.

    Example: alarm-fatigue topics acls --principal User:alarm-worker --command worker
    """
    from streams.kafka.permissions import COMMANDS, acl_commands

    wanted = [one for one in COMMANDS if command in (None, one)]
    if not wanted:
        fail(f"--command: expected one of {', '.join(COMMANDS)}", WRONG)
    kind, _, name = principal.partition(":")
    if not kind or not name or not principal.isprintable():
        fail("--principal: expected a type and a name, such as User:alarm-worker", WRONG)
    settings = load_settings(config, broker=broker, group=group)
    for one in wanted:
        typer.echo(f"# {one}")
        for line in acl_commands(one, settings, principal):
            typer.echo(line)
