"""The command `worker`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.console import (
    Broker,
    Config,
    Pseudonyms,
    fail,
    load_settings,
    shown_as,
)
from streams.cli.without import without, without_authorities
from streams.files.uncollected import uncollected

if TYPE_CHECKING:
    from streams.settings import Settings

_UNUSED = ("rich", "colorama", "better_exceptions", "greenlet")
"""structlog colours lines with them on a developer's console, or keeps contexts in greenlets."""


class Clock(StrEnum):
    wall = "wall"
    event = "event"


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
    with uncollected():  # `run` begins to collect
        settings = load_settings(
            config,
            pseudonyms=shown_as(pseudonyms),
            broker=broker,
            clock=clock and clock.value,
            group=group,
            web=_web(host, port),
        )
        with _without_unused(settings):
            from streams.settings import SettingsError
            from streams.worker.run import WorkerError, run
        try:
            run(settings)
        except (WorkerError, SettingsError) as error:
            fail(error)


@contextmanager
def _without_unused(settings: Settings) -> Iterator[None]:
    """Import what a worker with `settings` uses."""
    with ExitStack() as stack:
        stack.enter_context(without(*_UNUSED))
        if settings.kafka.sasl_mechanism != "GSSAPI":
            stack.enter_context(without("gssapi"))
        if settings.alertmanager.url is None:  # the only server that a worker is a client of
            stack.enter_context(without_authorities())
        yield


def _web(host: str | None, port: int | None) -> dict[str, Any] | None:
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return given or None
