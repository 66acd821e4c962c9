"""Shared by the commands: one-line errors, options, times, progress bars, sending to Kafka."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from analyzer import TOPICS
from streams.formats.codec import to_json
from streams.formats.times import parse_duration, parse_time
from streams.settings import Settings, SettingsError, load

FAILED, WRONG, STRICT, INTERRUPTED = 1, 2, 3, 130
"""Exit statuses: failure; wrong arguments; done, but --strict and some lines were malformed;
stopped by Ctrl-C.
"""

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings file (YAML); environment variables override it."
    ),
]
Broker = Annotated[
    str | None, typer.Option("--broker", metavar="HOST:PORT", help="Kafka's bootstrap address.")
]


def fail(error: object, status: int = FAILED) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(status)


def load_settings(config: Path | None, **overrides: Any) -> Settings:
    try:
        return load(config, **overrides)
    except SettingsError as error:
        fail(error)


def show(found: Any, lines: Iterable[str], as_json: bool) -> None:
    """An answer on standard output: as one JSON object, or in `lines`."""
    if as_json:
        sys.stdout.buffer.write(to_json(found) + b"\n")
        sys.stdout.buffer.flush()
    else:
        for line in lines:
            typer.echo(line)


def moment(text: str, option: str) -> int:
    """The time given with `option`, in ms since 1970."""
    try:
        return parse_time(text)
    except ValueError as error:
        fail(f"{option}: {error}", WRONG)


def duration(text: str, option: str) -> int:
    """The duration given with `option`, in ms."""
    try:
        return parse_duration(text)
    except ValueError as error:
        fail(f"{option}: {error}", WRONG)


@contextmanager
def counted(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """A progress bar on standard error; call it once a record."""
    with _bar(MofNCompleteColumn()) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


@contextmanager
def timed(what: str, start: int, duration: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error; call it with the position, from `start` on."""
    with _bar(TaskProgressColumn()) as progress:
        task = progress.add_task(what, total=duration)
        shown = 0.0

        def update(now: int) -> None:
            nonlocal shown
            if (moment := time.monotonic()) - shown > 0.1:  # drawing costs more than a record
                shown = moment
                progress.update(task, completed=now - start)

        yield update
        progress.update(task, completed=duration)


def _bar(measure: ProgressColumn) -> Progress:
    """Disabled if standard error is not a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), measure, TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def send(
    settings: Settings, messages: Iterable[Any], speed: float | None, sent: Callable[[], object]
) -> int:
    """Check the topics, publish `messages`, and return how many were delivered."""
    from streams.files.publish import PublishError, publish, warned
    from streams.files.replay import InputError
    from streams.kafka.topics import Topics, TopicsError

    try:
        with Topics(settings) as known:
            fatal = [one for one in known.check() if one.fatal and one.topic in TOPICS]
            keeping = {} if fatal else known.keeping()
        if fatal:
            fail(
                f"{fatal[0].topic}: {fatal[0].message}; run alarm-fatigue topics --broker "
                f"{settings.broker}"
            )
        now = round(time.time() * 1000)
        checked = warned(
            messages, keeping, now, settings, lambda line: typer.echo(f"warning: {line}", err=True)
        )
        return asyncio.run(publish(settings, checked, speed, sent))
    except (PublishError, TopicsError, InputError) as error:
        fail(error)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
