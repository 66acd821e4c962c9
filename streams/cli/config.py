"""The command `config check`."""

from __future__ import annotations

import typer

from streams.cli.console import Config, fail, load_settings

config_app = typer.Typer(no_args_is_help=True, help="Check the settings.")


@config_app.callback()
def _group() -> None:
    """A group, although of one command."""


@config_app.command("check")
def config_check(config: Config = None) -> None:
    """Print the effective settings without secrets. Exits with status 1 if they are invalid.

    Example: alarm-fatigue config check --config alarm-fatigue.yaml
    """
    import yaml

    from streams.http.credentials import tls_of, token_of
    from streams.pseudonyms import pseudonyms
    from streams.settings import SettingsError

    settings = load_settings(config)
    try:
        pseudonyms(settings)
        token_of(settings.web), tls_of(settings.web)
    except SettingsError as error:
        fail(error)
    typer.echo(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False), nl=False)
