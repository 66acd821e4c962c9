"""The options `--scenario` and `--change` of `simulate`: an archetype's files with its truth beside
them, and a setting that changes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import typer

from streams.cli.arguments import alarm_type, as_number
from streams.cli.console import WRONG, duration, fail, moment
from streams.simulator.ward import Change


def write_scenario(scenario: str, seed: int, start: int, prefix: str, out: Path) -> None:
    """Write the records of an archetype and `truth.json` to a directory."""
    from streams.simulator.archetypes import archetype
    from streams.simulator.output import OutputError, rename, renamed, write_files, write_truth

    try:
        records, truth = archetype(scenario, seed, start)
    except ValueError as error:
        fail(f"--{error}", WRONG)
    truth = replace(truth, facility=renamed(truth.facility, prefix))
    try:
        counts = write_files(rename(records, prefix), out)
        write_truth(truth.as_json(), out)
    except OutputError as error:
        fail(error)
    told = ", ".join(f"{count} {topic}" for topic, count in counts.items())
    typer.echo(f"{out}: {told}, and truth.json", err=True)


def setting_change(text: str) -> Change:
    """Parse a change such as 'MICU monitor/S/C delay=15s limit=88 from=TIME'. A unit's name may
    contain spaces.
    """
    words = text.split()
    figures = dict(word.split("=", 1) for word in words if "=" in word)
    *unit, of_type = [word for word in words if "=" not in word] or [""]
    if not unit or "from" not in figures or figures.keys() - {"from", "delay", "limit"}:
        fail(f"--change: expected 'UNIT TYPE delay=15s from=TIME', found {text!r}", WRONG)
    return Change(
        start=moment(figures["from"], "--change from"),
        unit=" ".join(unit),
        type=alarm_type(of_type, "--change"),
        delay=duration(figures["delay"], "--change delay") if "delay" in figures else None,
        limit=as_number(figures["limit"], "--change limit") if "limit" in figures else None,
    )
