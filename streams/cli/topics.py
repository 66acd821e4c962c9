"""The command `topics`."""

from __future__ import annotations

from typing import Annotated

import typer

from streams.cli.console import FAILED, Broker, Config, fail, load_settings


def topics(
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
) -> None:
    """Create missing topics and check existing ones.

    Exits with status 1 if a worker could not run on them.

    Example: alarm-fatigue topics --broker 127.0.0.1:9092 --partitions 8 --dry-run
    """
    from streams.kafka.topics import Topics, TopicsError

    settings = load_settings(config, broker=broker, partitions=partitions, group=group)
    try:
        with Topics(settings) as known:
            missing = known.missing()
            for plan in missing:
                kept = (
                    "compacted"
                    if plan.retention is None
                    else f"kept {plan.retention // 86_400_000} days"
                )
                typer.echo(
                    f"{'would create' if dry_run else 'create'} {plan.name}: {plan.partitions} "
                    f"partitions, {kept}"
                )
            if missing and not dry_run:
                known.create(missing)
            findings = [
                one for one in known.check(partitions) if not (dry_run and one.message == "missing")
            ]
    except TopicsError as error:
        fail(error)
    for finding in findings:
        typer.echo(
            f"{'error' if finding.fatal else 'warning'}: {finding.topic}: {finding.message}",
            err=True,
        )
    if any(finding.fatal for finding in findings):
        raise typer.Exit(FAILED)
    if not missing:
        typer.echo("all topics exist")
