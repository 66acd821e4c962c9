"""The command line: reads arguments, calls one function, and turns its errors into one clear line
and an exit status.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import yaml

from streams import __version__
from streams.cli.compare import compare
from streams.cli.console import (
    FAILED,
    STRICT,
    WRONG,
    Broker,
    Config,
    counted,
    fail,
    load_settings,
    send,
)
from streams.cli.demo import demo, simulate
from streams.cli.facility import facility_app
from streams.cli.files import (
    Alarms,
    Assignments,
    At,
    Labels,
    Responses,
    Strict,
    recorded_files,
    replay_files,
)
from streams.cli.findings import findings
from streams.cli.pages import pages
from streams.cli.rejected import rejected_app
from streams.cli.trend import trend
from streams.cli.tune import tune_app
from streams.files import replay as replaying
from streams.http.guard import tls_of, token_of
from streams.pseudonyms import pseudonyms
from streams.settings import Settings, SettingsError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Measures the alarm load of a hospital's clinicians and units: reads device alarms from "
    "Kafka and exports Prometheus metrics.",
)
config_app = typer.Typer(no_args_is_help=True, help="Check the settings.")
app.add_typer(config_app, name="config")
app.add_typer(rejected_app, name="rejected")
app.add_typer(facility_app, name="facility")


class Switch(StrEnum):
    on = "on"
    off = "off"


class Clock(StrEnum):
    wall = "wall"
    event = "event"


class Format(StrEnum):
    openmetrics = "openmetrics"
    json = "json"


Pseudonyms = Annotated[
    Switch | None,
    typer.Option("--pseudonyms", help="Show clinicians under pseudonyms; off shows their ids."),
]


def main() -> NoReturn:
    """The command `alarm-fatigue`."""
    try:
        app()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    raise AssertionError("typer exits")


def _settings(config: Path | None, pseudonyms: Switch | None = None, **overrides: Any) -> Settings:
    return load_settings(
        config, pseudonyms=None if pseudonyms is None else pseudonyms is Switch.on, **overrides
    )


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def worker(
    config: Config = None,
    broker: Broker = None,
    clock: Annotated[
        Clock | None,
        typer.Option(
            "--clock", help="What counts as now: the wall clock, or each facility's watermark."
        ),
    ] = None,
    pseudonyms: Pseudonyms = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Address to serve the page and /metrics on.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Port to serve the page and /metrics on.")
    ] = None,
    group: Annotated[str | None, typer.Option("--group", help="Consumer group.")] = None,
) -> None:
    """Run a worker until SIGTERM or Ctrl-C. Needs a Kafka with the service's topics (see `topics`).

    Example: alarm-fatigue worker --broker 127.0.0.1:9092 --port 9464
    """
    from streams.worker.run import WorkerError, run

    settings = _settings(
        config,
        pseudonyms,
        broker=broker,
        clock=clock and clock.value,
        group=group,
        web=_web(host, port),
    )
    try:
        run(settings)
    except (WorkerError, SettingsError) as error:
        fail(error)


def _web(host: str | None, port: int | None) -> dict[str, Any] | None:
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return given or None


@app.command()
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

    settings = _settings(config, broker=broker, partitions=partitions, group=group)
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


@app.command()
def replay(
    alarms: Alarms = None,
    assignments: Assignments = None,
    responses: Responses = None,
    labels: Labels = None,
    at: At = None,
    episodes: Annotated[
        Path | None,
        typer.Option(
            "--episodes", metavar="OUT.jsonl", help="Also write the finished episodes to this file."
        ),
    ] = None,
    overload: Annotated[
        Path | None,
        typer.Option(
            "--overload",
            metavar="OUT.jsonl",
            help="Also write every change of an overload state to this file.",
        ),
    ] = None,
    config: Config = None,
    pseudonyms: Pseudonyms = None,
    format: Annotated[  # noqa: A002
        Format, typer.Option("--format", help="Output format.")
    ] = Format.openmetrics,
    strict: Strict = False,
) -> None:
    """Compute the metrics of recorded files, without Kafka.

    The same input always gives the same output, byte for byte. Malformed lines are skipped and
    reported on standard error with file and line number.

    Example: alarm-fatigue replay --alarms alarms.jsonl --assignments assignments.jsonl --at
    2026-03-01T19:00:00Z
    """
    if alarms is None:
        fail("--alarms: expected a file of alarm events, or -", WRONG)
    settings = _settings(config, pseudonyms)
    files = recorded_files(alarms, assignments, responses, labels)
    policy, pseudonym = settings.policy, _pseudonym(settings)
    replayed = replay_files(settings, files, at)
    if episodes is not None:
        _write(episodes, lambda file: replaying.write_episodes(replayed.finished, file, pseudonym))
    if overload is not None:
        _write(
            overload,
            lambda file: replaying.write_changes(replayed.engine.emit_changes(), file, pseudonym),
        )
    exposition = replaying.Exposition(
        replayed.engine, policy, pseudonym, settings.metrics.clinicians
    )
    sys.stdout.buffer.write(
        exposition.openmetrics() if format is Format.openmetrics else exposition.json()
    )
    sys.stdout.buffer.flush()
    if replayed.malformed and strict:
        raise typer.Exit(STRICT)


def _pseudonym(settings: Settings) -> Callable[[str], str]:
    try:
        return pseudonyms(settings)
    except SettingsError as error:
        fail(error)


def _write(path: Path, write: Callable[[Any], None]) -> None:
    try:
        with path.open("wb") as file:
            write(file)
    except OSError as error:
        fail(f"{path}: {error.strerror}")


@app.command()
def publish(
    alarms: Alarms = None,
    assignments: Assignments = None,
    responses: Responses = None,
    labels: Labels = None,
    config: Config = None,
    broker: Broker = None,
    speed: Annotated[
        float | None, typer.Option("--speed", help="Speed relative to the recording (default 1).")
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Send as fast as the broker accepts records.")
    ] = False,
) -> None:
    """Send recorded files to Kafka, in order of event time. Needs the topics (see `topics`).

    Lines are sent unchanged; the worker rejects malformed ones. Each record's Kafka timestamp is
    its event time, because workers would otherwise reject it as late. Brokers also delete by this
    timestamp. If records are older than their topic's retention.ms, a warning says what to do.

    Example: alarm-fatigue publish --alarms alarms.jsonl --assignments assignments.jsonl --speed 60
    """
    from streams.files.publish import from_files

    if speed is not None and (speed <= 0 or fast):
        fail("--speed: expected a number above 0, and not together with --fast", WRONG)
    settings = _settings(config, broker=broker)
    files = recorded_files(alarms, assignments, responses, labels)
    total = (
        None
        if any(path == replaying.STDIN for _, path in files)
        else sum(_count_lines(path) for _, path in files)
    )
    with counted("publishing", total) as sent:
        count = send(
            settings,
            from_files(files, round(time.time() * 1000)),
            None if fast else speed or 1.0,
            sent,
        )
    typer.echo(f"{count} records published", err=True)


def _count_lines(path: Path) -> int:
    return sum(1 for _ in replaying.lines(path))


app.command()(findings)
app.command()(pages)
app.command()(simulate)
app.command()(demo)
tune_app.command()(trend)
app.add_typer(tune_app, name="tune")
app.command()(compare)


@config_app.command("check")
def config_check(config: Config = None) -> None:
    """Print the effective settings without secrets. Exits with status 1 if they are invalid.

    Example: alarm-fatigue config check --config alarm-fatigue.yaml
    """
    settings = _settings(config)
    _pseudonym(settings)
    try:
        token_of(settings.web), tls_of(settings.web)
    except SettingsError as error:
        fail(error)
    typer.echo(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False), nl=False)


if __name__ == "__main__":  # `python -m streams.cli.main`, as the demo starts its worker
    main()
