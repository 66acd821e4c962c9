"""The command `tune`: what another limit or delay would have done to recorded alarms, and what it would have missed."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from analyzer.names import AlarmType
from analyzer.policy import SECOND
from analyzer.recorded import Recorded
from analyzer.whatif import LONGEST, Refused, Scope, Setting
from streams.codec import to_json
from streams.console import STRICT, WRONG, fail
from streams.recorded import read_episodes
from streams.replay import STDIN, BadLine, InputError
from streams.tuning import evaluated, words

tune_app = typer.Typer(
    invoke_without_command=True, help="What another setting would have done to recorded alarms, and what it would have missed."
)

Episodes = Annotated[
    Path | None, typer.Option("--episodes", metavar="FILE", help="Finished alarms (replay --episodes); - is standard input.")
]


@tune_app.callback()
def tune(
    context: typer.Context,
    episodes: Episodes = None,
    facility: Annotated[str | None, typer.Option("--facility", help="Alarms of this facility alone.")] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Alarms of units of this name alone.")] = None,
    type_: Annotated[str | None, typer.Option("--type", metavar="DEVICE_TYPE/SOURCE/CODE", help="Alarms of this type alone.")] = None,
    delay: Annotated[str | None, typer.Option("--delay", metavar="SECONDS", help="Annunciation delay.")] = None,
    limit: Annotated[str | None, typer.Option("--limit", metavar="X", help="Another limit, less sensitive; needs --type.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 3 if any line was malformed.")] = False,
) -> None:
    """Count what recorded alarms would have become under another setting. Changes no device.

    Malformed lines are reported on standard error, with file and line, and passed over. The same input gives the same bytes.

    Example: alarm-fatigue tune --episodes episodes.jsonl --unit MICU --type monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO --delay 15 --limit 88
    """
    if context.invoked_subcommand is not None:
        return
    if episodes is None:
        fail("--episodes: expected a file of finished alarms, or -", WRONG)
    scope = Scope(facility=facility, unit=unit, type=None if type_ is None else alarm_type(type_))
    if limit is not None and type_ is None:
        fail("--limit: expected --type beside it: a limit means nothing without what is measured", WRONG)
    setting = Setting(
        delay=None if delay is None else _milliseconds(delay, "--delay"), limit=None if limit is None else _number(limit, "--limit")
    )
    recorded, malformed = read(episodes)
    try:
        found = evaluated(recorded, scope, setting)
    except Refused as error:
        fail(f"--{error}", WRONG)
    found["malformed"] = malformed
    if as_json:
        sys.stdout.buffer.write(to_json(found) + b"\n")
        sys.stdout.buffer.flush()
    else:
        for line in words(found):
            typer.echo(line)
    if malformed and strict:
        raise typer.Exit(STRICT)


def read(path: Path) -> tuple[Recorded, int]:
    """Recorded alarms, and how many lines were none (reported on standard error)."""
    if path != STDIN and not path.is_file():
        fail(f"{path}: {'expected a file, found a directory' if path.is_dir() else 'no such file'}")
    malformed = 0

    def report(line: BadLine) -> None:
        nonlocal malformed
        malformed += 1
        typer.echo(f"malformed: {line}", err=True)

    try:
        return read_episodes(path, report), malformed
    except InputError as error:
        fail(error)


def alarm_type(text: str) -> AlarmType:
    """
    >>> alarm_type("monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO"), alarm_type("pump//OCCLUDED")
    (('monitor', 'MDC_PULS_OXIM_SAT_O2', 'MDC_EVT_LO'), ('pump', '', 'OCCLUDED'))
    """
    device_type, slash, rest = text.partition("/")
    source, other, code = rest.rpartition("/")
    if not (slash and other and device_type and code):
        fail("--type: expected DEVICE_TYPE/SOURCE/CODE, such as monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO; SOURCE may be empty", WRONG)
    return device_type, source, code


def _number(text: str, option: str) -> float:
    try:
        found = Decimal(text)
        if not found.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        fail(f"{option}: expected a number", WRONG)
    return float(found)


def _milliseconds(text: str, option: str) -> int:
    """Seconds; what lies below a millisecond is cut off, as durations are whole ones."""
    _number(text, option)
    found = Decimal(text) * 1000
    if not 0 <= found <= LONGEST:
        fail(f"{option}: expected 0 to {LONGEST // SECOND} s", WRONG)
    return int(found)
