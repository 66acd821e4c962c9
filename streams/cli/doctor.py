"""The command `doctor`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.bad_lines import bad_lines
from streams.cli.console import INTERRUPTED, WRONG, Broker, Config, fail, load_settings, show
from streams.cli.files import (
    Alarms,
    Assignments,
    Labels,
    Mapped,
    Responses,
    as_facts,
    recorded_files,
)
from streams.cli.progress import counting
from streams.files.lines import InputError, line_batches

if TYPE_CHECKING:
    from streams.files.checkup import Checkup
    from streams.settings import Settings

_AT_ONCE = 4096
_MOST = 500_000


def doctor(
    alarms: Alarms = None,
    assignments: Assignments = None,
    responses: Responses = None,
    labels: Labels = None,
    mapping: Mapped = None,
    broker: Broker = None,
    most: Annotated[
        int,
        typer.Option(
            "--most",
            min=1,
            help="With --broker: how many of the latest records to read of each partition.",
        ),
    ] = _MOST,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    config: Config = None,
) -> None:
    """Report what the facts can be used for: what is missing, odd or late, and which figures will
    be unknown.

    Reads files, or with --broker the latest records of the input topics. Nothing is changed.

    Example: alarm-fatigue doctor --alarms facts/alarms.jsonl --assignments facts/assignments.jsonl

    Example: alarm-fatigue doctor --broker 127.0.0.1:9092
    """
    from streams.files.checkup import Checkup
    from streams.files.checkup_words import words

    given = (alarms, assignments, responses, labels)
    if broker is not None and any(one is not None for one in given):
        fail("--broker: expected no files beside it", WRONG)
    settings = load_settings(config, broker=broker)
    checkup = Checkup(settings.policy)
    if all(one is None for one in given) and (broker is not None or config is not None):
        _of_topics(checkup, settings, most)
    else:
        from streams.formats.codec import decode_slice

        files = recorded_files(*given)
        try:
            with counting("reading") as progress, bad_lines() as report:
                with as_facts(files, mapping, report, progress) as facts:
                    for topic, path in facts:
                        for some in line_batches(path, _AT_ONCE):
                            values = [line for _, line in some]
                            decoded = decode_slice(topic, values, settings.max_record_bytes)
                            checkup.malformed += len(decoded.malformed)
                            checkup.take(topic, decoded.columns)
                            progress(len(values))
                checkup.malformed += report.count
        except InputError as error:
            fail(error)
    found = checkup.answers()
    show(found, words(found), as_json)


def _of_topics(checkup: Checkup, settings: Settings, most: int) -> None:
    from streams.formats.codec import decode_slice
    from streams.kafka.recent import RecentError, recent

    async def read() -> None:
        with counting("reading") as progress:
            async for topic, values, stamps in recent(settings, most, progress):
                decoded = decode_slice(topic, values, settings.max_record_bytes)
                checkup.malformed += len(decoded.malformed)
                checkup.take(topic, decoded.columns, [stamps[place] for place in decoded.places])

    try:
        asyncio.run(read())
    except RecentError as error:
        fail(error)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
