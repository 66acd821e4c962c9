"""The command `compare`: the effect of a change."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.archived import Archived
from streams.cli.arguments import alarm_type, as_percent, as_priority, known_type
from streams.cli.audited import audited
from streams.cli.console import STRICT, WRONG, Config, fail, load_settings, moment, show
from streams.cli.episodes import Episodes, Mapped, check_source, read_one
from streams.cli.names import check_name, check_scope
from streams.cli.paths import keep_apart

if TYPE_CHECKING:
    from analyzer.model import Policy
    from analyzer.whatif import Scope

MOST_DAYS = 28


def compare(
    episodes: Episodes = None,
    mapping: Mapped = None,
    archive: Archived = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="When the change was made: RFC 3339, or ms since 1970."
        ),
    ] = None,
    change: Annotated[
        Path | None,
        typer.Option(
            "--change",
            metavar="FILE.json",
            help="The record of the change (from tune apply), instead of --at and a choice of "
            "alarms.",
        ),
    ] = None,
    facility: Annotated[
        str | None,
        typer.Option("--facility", help="Facility of the changed alarms."),
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Unit of the changed alarms.")] = None,
    type_: Annotated[
        str | None,
        typer.Option(
            "--type", metavar="DEVICE_TYPE/SOURCE/CODE", help="Type of the changed alarms."
        ),
    ] = None,
    priority: Annotated[
        str | None, typer.Option("--priority", help="Priority of the changed alarms.")
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(
            "--control",
            help="A control unit, without the change; can be repeated.",
            show_default="all others",
        ),
    ] = None,
    days: Annotated[
        int,
        typer.Option(
            "--days", min=3, max=366, help="Maximum number of days to compare on each side."
        ),
    ] = MOST_DAYS,
    confidence: Annotated[
        str, typer.Option("--confidence", help="Confidence in percent, two-sided.")
    ] = "95",
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE.html",
            help="Also write a page with a run chart; needs the extra report.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    config: Config = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit status 3 if any line was malformed.")
    ] = False,
) -> None:
    """Compare the days after a change with the days before it, and with control units.

    It also reports what must not get worse: actionable alarms and response times. If a feed
    stopped, or a unit or an alarm has a new name, there is no verdict, and it says why.

    Example: alarm-fatigue compare --episodes episodes.jsonl --at 2026-04-01T07:00:00Z --unit MICU

    Example: alarm-fatigue compare --episodes episodes.jsonl --change change.json --report out.html
    """
    from analyzer.whatif import Scope, TooShort
    from streams.files.comparing import compared, words

    check_source(episodes, mapping, archive)
    sure = as_percent(confidence, "--confidence")
    scope = Scope(facility=facility, unit=unit, priority=as_priority(priority, "--priority"))
    if type_ is not None:
        alarm_type(type_, "--type")  # before a long file is read
    expected = None
    if change is not None:
        if at is not None or type_ is not None or scope != Scope():
            fail("--change: cannot be combined with --at or a choice of alarms", WRONG)
        when, scope, expected = _recorded_change(change)
    elif at is None:
        fail("expected --at TIME, or --change FILE.json", WRONG)
    else:
        when = moment(at, "--at")
    keep_apart({"--report": report}, [episodes, mapping, change, config])
    settings = load_settings(config)
    audited(settings, "compare", scope.facility, scope.unit)
    recorded, malformed = read_one(episodes, mapping, archive, scope.facility)
    if type_ is not None:
        scope = replace(scope, type=known_type(recorded, type_, "--type"))
    check_scope(recorded, scope)
    for name in control or ():
        check_name(name, "--control", {unit for _, unit in recorded.units})
    if not len(scope.rows(recorded)):
        fail("no recorded alarm is of this unit, type and priority", WRONG)
    try:
        found = compared(
            recorded,
            scope,
            when,
            days,
            control,
            sure,
            expected,
            settings.policy,
            settings.calendar.calendars,
        )
    except TooShort as error:
        fail(error, WRONG)
    found["malformed"] = malformed
    if report is not None:
        _write_report(report, found, [episodes, mapping, change, config], settings.policy)
    show(found, words(found), as_json)
    if malformed and strict:
        raise typer.Exit(STRICT)


def _write_report(
    path: Path, found: dict[str, Any], inputs: list[Path | None], policy: Policy
) -> None:
    from streams.files.compare_report import page
    from streams.files.provenance import provenance
    from streams.files.tune_charts import NoCharts

    try:
        made = provenance(sys.argv[1:], inputs, policy, round(time.time() * 1000))
        path.write_text(page(found, made), encoding="utf-8")
    except NoCharts as error:
        fail(f"--report: {error}", WRONG)
    except OSError as error:
        fail(f"{error.filename or path}: {error.strerror}")


def _recorded_change(path: Path) -> tuple[int, Scope, float | None]:
    """From a change record: its time, its scope, and the forecast ratio of alarms."""
    import msgspec

    from analyzer.whatif import Scope

    try:
        found = msgspec.json.decode(path.read_bytes())
        scope, share = found["scope"], found["expected"]["removed_share"]
        of = scope["type"]
        wanted = Scope(
            facility=scope["facility"],
            unit=scope["unit"],
            type=of and (of["device_type"], of["source"], of["code"]),
            priority=scope["priority"],
        )
        return int(found["at"]), wanted, None if share is None else 1 - float(share)
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
        KeyError,
        TypeError,
        ValueError,
    ):
        fail(f"{path}: expected what tune apply wrote", WRONG)
