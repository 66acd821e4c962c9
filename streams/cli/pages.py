"""The command `pages`: a stand-in for a hospital's paging gateway that prints incoming pages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import WRONG, fail

if TYPE_CHECKING:
    from streams.http.relay import Relay
    from streams.settings import Settings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def pages(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")
    ] = 9095,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file", metavar="FILE", help="Accept pages only with this bearer token."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Settings file: alertmanager.url, paging and calendar give pages their links, who "
            "has them, and local times.",
        ),
    ] = None,
    forward: Annotated[
        str | None,
        typer.Option(
            "--forward",
            metavar="URL",
            help="Pass each page on to the paging gateway at URL/RECEIVER, with its text and link.",
        ),
    ] = None,
    forward_token_file: Annotated[
        Path | None,
        typer.Option(
            "--forward-token-file", metavar="FILE", help="Bearer token for the paging gateway."
        ),
    ] = None,
) -> None:
    """Print the pages that Alertmanager sends by webhook, and warn when its heartbeat stops.

    For trials, it stands in for a paging gateway. In a hospital, it stands before the gateway: with
    --forward it adds a signed link to each page and says who has it. To listen on an address other
    than loopback, it needs --token-file. Ctrl-C ends it.

    Example: alarm-fatigue pages --config settings.yaml --token-file paging_token --forward
    https://gateway.example.org/pages
    """
    import asyncio

    from rich.console import Console

    from streams.http.pages import listen
    from streams.settings import SettingsError, load

    if host not in _LOOPBACK and token_file is None:
        fail(
            f"--host: {host} can be reached from other machines: --token-file is required",
            WRONG,
        )
    token = _token("--token-file", token_file)
    forward_token = _token("--forward-token-file", forward_token_file)
    if forward is None and forward_token_file is not None:
        fail("--forward-token-file: expected --forward beside it", WRONG)
    if forward is not None and not forward.startswith(("http://", "https://")):
        fail(
            f"--forward: expected an address such as https://gateway.example.org, not {forward}",
            WRONG,
        )
    try:
        relay = _relay(load(config), forward, forward_token)
    except SettingsError as error:
        fail(str(error))
    try:
        asyncio.run(
            listen(
                host,
                port,
                token,
                Console(highlight=False, markup=False, emoji=False, soft_wrap=True),
                relay,
            )
        )
    except OSError as error:
        fail(f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}")


def _token(option: str, file: Path | None) -> str | None:
    try:
        token = None if file is None else file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{option}: {file}: {getattr(error, 'strerror', 'expected text')}")
    if token == "":
        fail(f"{option}: {file}: expected a token", WRONG)
    return token


def _relay(settings: Settings, forward: str | None, token: str | None) -> Relay:
    """The relay that completes pages under these settings. Raises `SettingsError`."""
    from streams.http.relay import Relay
    from streams.paging.links import signer_of
    from streams.paging.ownership import Ownership
    from streams.paging.silences import alertmanager_of

    calendars, paging = settings.calendar.calendars, settings.paging
    alertmanager = alertmanager_of(settings.alertmanager.url, settings.alertmanager.token_file)
    signer = signer_of(paging.key_file)
    return Relay(
        calendars,
        None if alertmanager is None else Ownership(alertmanager, calendars),
        (signer, paging.url, paging.link_lifetime / 1000) if signer and paging.url else None,
        forward,
        token,
    )
