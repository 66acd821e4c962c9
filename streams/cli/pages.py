"""The command `pages`: stands in for a hospital's paging gateway, and prints what arrives."""

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
            "--token-file", metavar="FILE", help="Take pages only from those who bear this token."
        ),
    ] = None,
) -> None:
    """Print the pages that Alertmanager sends by webhook, and say when its heartbeat stops. Ctrl-C
    ends it.

    It stands in for a paging gateway, and tells nobody else. Needs the token file to listen on
    other addresses than loopback.

    Example: alarm-fatigue pages --port 9095 --token-file paging_token
    """
    from streams.http.pages import listen

    if host not in _LOOPBACK and token_file is None:
        fail(
            f"--host: {host} can be reached from other machines: expected --token-file beside it",
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
