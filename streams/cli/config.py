"""The command `config check`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import Config, fail, load_settings

if TYPE_CHECKING:
    from streams.settings import Settings

config_app = typer.Typer(no_args_is_help=True, help="Check the settings.")


@config_app.callback()
def _group() -> None:
    """A group, although of one command."""


@config_app.command("check")
def config_check(
    config: Config = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Also say where each value comes from and what the setting means."
        ),
    ] = False,
) -> None:
    """Print the effective settings without secrets. Exits with status 1 if they are invalid.

    Example: alarm-fatigue config check --config alarm-fatigue.yaml --explain
    """
    import yaml

    from streams.access import Tokens
    from streams.audit import audit_key
    from streams.audit.syslog import tls_of as syslog_tls
    from streams.http.credentials import tls_of
    from streams.pseudonyms import pseudonyms, warnings
    from streams.settings import SettingsError

    settings = load_settings(config)
    try:
        pseudonyms(settings)
        for line in warnings(settings):
            typer.echo(f"warning: {line}", err=True)
        if settings.kafka.security_protocol != "PLAINTEXT":
            from streams.kafka.security import check  # imports the Kafka clients

            check(settings.kafka)
        Tokens(settings.web), tls_of(settings.web)
        audit_key(settings.audit.key_file)
        if settings.audit.syslog is not None:
            syslog_tls(settings.audit)
    except SettingsError as error:
        fail(error)
    if explain:
        for line in _explained(settings, config):
            typer.echo(line)
    else:
        typer.echo(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False), nl=False)


def _explained(settings: Settings, config: Path | None) -> Iterator[str]:
    """Two lines a setting: its value and where that comes from; what it means."""
    from streams.setting_origins import origins
    from streams.setting_table import entries, spelled, value_of

    known = list(entries(type(settings)))
    values = settings.model_dump(mode="json")
    came = origins((one.name for one in known), config, os.environ)
    for one in known:
        if one.is_secret:
            value = "not set" if came[one.name] == "default" else "set (not shown)"
        else:
            value = spelled(value_of(values, one.name))
        yield f"{one.name}: {value}  [{came[one.name]}]"
        yield f"    {one.meaning}"
