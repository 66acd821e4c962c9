"""The command `publish`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.console import WRONG, Broker, Config, fail, load_settings, send
from streams.cli.files import Alarms, Assignments, Labels, Responses, recorded_files
from streams.cli.progress import counted
from streams.files.lines import STDIN, lines


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
    settings = load_settings(config, broker=broker)
    files = recorded_files(alarms, assignments, responses, labels)
    total = (
        None
        if any(path == STDIN for _, path in files)
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
    return sum(1 for _ in lines(path))
