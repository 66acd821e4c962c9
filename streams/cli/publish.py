"""The command `publish`."""

from __future__ import annotations

import time
from math import inf
from typing import Annotated

import typer

from streams.cli.bad_lines import bad_lines, nothing_used
from streams.cli.console import STRICT, WRONG, Broker, Config, fail, load_settings, send
from streams.cli.files import (
    Alarms,
    Assignments,
    Labels,
    Mapped,
    Responses,
    as_facts,
    recorded_files,
)
from streams.cli.progress import counted, counting


def publish(
    alarms: Alarms = None,
    assignments: Assignments = None,
    responses: Responses = None,
    labels: Labels = None,
    mapping: Mapped = None,
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

    The files may have any order. Lines are sent unchanged; the worker rejects malformed ones. Of a
    table of alarms, rows that are none are reported and not sent.
    Standard input is read to its end before anything is sent. Each record's Kafka timestamp is its
    event time, because workers would otherwise reject it as late. Brokers also delete by this
    timestamp. If records are older than their topic's retention.ms, a warning says what to do.

    Example: alarm-fatigue publish --alarms alarms.jsonl --assignments assignments.jsonl --speed 60
    """
    from streams.files.lines import InputError, shown
    from streams.files.ordered import Ordered
    from streams.files.publish import from_files

    if speed is not None and (not 0 < speed < inf or fast):
        fail("--speed: expected a number above 0, and not together with --fast", WRONG)
    settings = load_settings(config, broker=broker)
    files = recorded_files(alarms, assignments, responses, labels)
    try:
        with (
            counting("reading") as progress,
            bad_lines() as report,
            as_facts(files, mapping, report, progress) as facts,
        ):
            ordered = [
                Ordered.read(topic, path, progress, keeps=(topic, path) not in files)
                for topic, path in facts
            ]
    except InputError as error:
        fail(error)
    if report.count and not any(one.count for one in ordered):
        fail(nothing_used(report), STRICT)
    for one in ordered:
        if one.displaced and (one.topic, one.path) in files:
            typer.echo(
                f"note: {shown(one.path)} is not in order of event time ({one.displaced:,} of "
                f"{one.count:,} lines stand after a later one); its lines are sent sorted",
                err=True,
            )
    with counted("publishing", sum(one.count for one in ordered)) as sent:
        count = send(
            settings,
            from_files(ordered, round(time.time() * 1000)),
            None if fast else speed or 1.0,
            sent,
        )
    typer.echo(f"{count} records published", err=True)
