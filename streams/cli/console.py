"""Shared by the commands: one-line errors, common options, times, sending to Kafka."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from analyzer.model import EARLIEST, LATEST, expected_time
from streams.formats.alarm_names import speak
from streams.formats.texts import printable
from streams.formats.times import parse_duration, parse_time

if TYPE_CHECKING:
    from streams.settings import Settings

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


class Period(StrEnum):
    none = "none"
    day = "day"
    week = "week"


class Switch(StrEnum):
    on = "on"
    off = "off"


Pseudonyms = Annotated[
    Switch | None,
    typer.Option("--pseudonyms", help="Show clinicians under pseudonyms; off shows their ids."),
]


ArchivePeriod = Annotated[
    Period | None,
    typer.Option(
        "--pseudonym-period",
        help="How often clinicians get new pseudonyms in a new archive (UTC). Default: week; none "
        "keeps those of the topics.",
    ),
]


def fail(error: object, status: int = FAILED) -> NoReturn:
    typer.echo(f"error: {printable(str(error))}", err=True)
    raise typer.Exit(status)


def load_settings(config: Path | None, **overrides: Any) -> Settings:
    from streams.settings import SettingsError, load

    try:
        found = load(config, **overrides)
    except SettingsError as error:
        fail(error)
    speak(found.names)
    return found


def shown_as(pseudonyms: Switch | None) -> bool | None:
    """The value of `--pseudonyms`; None: the other settings decide."""
    return None if pseudonyms is None else pseudonyms is Switch.on


def show(found: Any, lines: Iterable[str], as_json: bool) -> None:
    """An answer on standard output: as one JSON object, or in `lines`."""
    from streams.formats.codec import to_json

    if as_json:
        sys.stdout.buffer.write(to_json(found) + b"\n")
        sys.stdout.buffer.flush()
    else:
        for line in lines:
            typer.echo(printable(line))


def moment(text: str, option: str) -> int:
    """The time given with `option`, in ms since 1970."""
    try:
        return parse_time(text)
    except ValueError as error:
        fail(f"{option}: {error}", WRONG)


def fact_time(text: str, option: str) -> int:
    """The time given with `option`, in ms since 1970, where only times of facts make sense: seconds
    instead of milliseconds would otherwise give an empty answer.
    """
    found = moment(text, option)
    if not EARLIEST <= found <= LATEST:
        fail(f"{option}: expected {expected_time(found)}", WRONG)
    return found


def duration(text: str, option: str) -> int:
    """The duration given with `option`, in ms."""
    try:
        return parse_duration(text)
    except ValueError as error:
        fail(f"{option}: {error}", WRONG)


def send(
    settings: Settings, messages: Iterable[Any], speed: float | None, sent: Callable[[], object]
) -> int:
    """Check the topics, publish `messages`, and return how many were delivered."""
    import asyncio

    from streams.files.lines import InputError
    from streams.files.publish import PublishError, publish, warned
    from streams.kafka.topics import Topics, TopicsError

    try:
        with Topics(settings, "publish") as known:
            known.check_permissions()
            fatal = [one for one in known.check() if one.fatal]
            keeping = {} if fatal else known.keeping()
        if fatal:
            fail(
                f"{fatal[0].topic}: {fatal[0].message}; run alarm-fatigue topics --broker "
                f"{settings.broker}"
            )
        now = round(time.time() * 1000)
        checked = warned(
            messages,
            keeping,
            now,
            settings,
            lambda line: typer.echo(f"warning: {printable(line)}", err=True),
        )
        return asyncio.run(publish(settings, checked, speed, sent))
    except (PublishError, TopicsError, InputError) as error:
        fail(error)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
