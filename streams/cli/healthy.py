"""The command `healthy`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from streams.cli.console import Config, duration, fail, load_settings


def healthy(
    ready: Annotated[
        bool,
        typer.Option("--ready", help="Ask as well whether its numbers are complete and current."),
    ] = False,
    config: Config = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Address that it serves on, as given to it.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=1, max=65535, help="Port that it serves on, as given to it."),
    ] = None,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="DURATION", help="Longest wait for the answer.")
    ] = "4s",
) -> None:
    """Report in one line whether the worker on this machine is healthy; for service managers.

    Reads the same settings as the worker: give it the same file and environment. Exits with status
    0 if it is healthy, or with --ready if it is ready, and else with 1. With --port, it can also be
    asked about the other commands that serve /healthz, such as `pages` and `hl7 listen`.

    Example: alarm-fatigue healthy --ready --config settings.yaml
    """
    from streams.http.probe import probe

    given: dict[str, Any] = {"host": host, "port": port}
    web = {name: value for name, value in given.items() if value is not None}
    settings = load_settings(config, web=web or None)
    seconds = duration(timeout, "--timeout") / 1000
    good, said = probe(settings.web, "/ready" if ready else "/healthz", seconds)
    if not good:
        fail(f"not {'ready' if ready else 'healthy'}: {said}")
    typer.echo(said if ready else "healthy")
