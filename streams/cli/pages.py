"""The command `pages`: a stand-in for a hospital's paging gateway that prints incoming pages."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from streams.cli.console import WRONG, fail

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
) -> None:
    """Print the pages that Alertmanager sends by webhook, and warn when its heartbeat stops.

    This command replaces a paging gateway for trials; it notifies nobody else. To listen on an
    address other than loopback, it needs --token-file. Ctrl-C ends it.

    Example: alarm-fatigue pages --port 9095 --token-file paging_token
    """
    from streams.http.pages import listen

    if host not in _LOOPBACK and token_file is None:
        fail(
            f"--host: {host} can be reached from other machines: --token-file is required",
            WRONG,
        )
    try:
        token = None if token_file is None else token_file.read_text().strip()
    except OSError as error:
        fail(f"--token-file: {token_file}: {error.strerror}")
    if token == "":
        fail(f"--token-file: {token_file}: expected a token", WRONG)
    try:
        asyncio.run(
            listen(
                host,
                port,
                token,
                Console(highlight=False, markup=False, emoji=False, soft_wrap=True),
            )
        )
    except OSError as error:
        fail(f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}")
