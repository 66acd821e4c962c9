"""The command `tune`: what another setting would have done to recorded alarms, and what it would
have lost.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from streams.cli.archived import Archived
from streams.cli.arguments import (
    alarm_type,
    as_milliseconds,
    as_number,
    as_percent,
    as_priority,
    known_type,
)
from streams.cli.audited import audited
from streams.cli.console import STRICT, WRONG, Config, fail, load_settings, moment, show
from streams.cli.decisions import ChangeControl, Out, Owner, Review, TakesEffect
from streams.cli.episodes import Episodes, Mapped, check_source, duty_of, read_one
from streams.cli.later import Later, lazily
from streams.cli.names import check_scope
from streams.cli.paths import keep_apart
from streams.cli.progress import timed

if TYPE_CHECKING:
    from analyzer.whatif import Grid, Recorded
    from streams.files.provenance import Provenance

DELAYS = (2, 4, 5, 6, 8, 10, 12, 14, 15, 16, 18, 19, 20, 25, 30)
HOLDOFFS = (5, 10, 15, 20, 30, 45, 60, 90, 120)
TYPES = 10
"""How many alarm types a search tunes (ISA-18.2 reviews the ten most frequent)."""
CONFIDENCE, TRAIN = "95", "60"
"""The defaults of the analyzer, in percent: written again, since --help does not load it."""
LIMITS = 8
"""How many limits a search tries if none are given."""

tune_app = typer.Typer(
    cls=lazily(
        {
            "trend": Later(
                "streams.cli.trend:trend",
                "Derive alarms from recorded readings, under the current setting and under another "
                "one.",
            )
        }
    ),
    invoke_without_command=True,
)
T = TypeVar("T")


def _panel(title: str) -> Callable[..., Any]:
    """Options under one heading of --help."""
    return lambda name, text, **more: typer.Option(name, help=text, rich_help_panel=title, **more)


_of, _if, _find, _show = (
    _panel("Which alarms"),
    _panel("What if"),
    _panel("Or search for the best setting"),
    _panel("The answer"),
)


@tune_app.callback()
def tune(
    context: typer.Context,
    episodes: Episodes = None,
    mapping: Mapped = None,
    archive: Archived = None,
    since: Annotated[
        str | None,
        _of("--since", "Of an archive, only alarms from this time on.", metavar="TIME"),
    ] = None,
    until: Annotated[
        str | None, _of("--until", "Of an archive, only alarms up to this time.", metavar="TIME")
    ] = None,
    facility: Annotated[str | None, _of("--facility", "Only this facility.")] = None,
    unit: Annotated[str | None, _of("--unit", "Only units of this name.")] = None,
    type_: Annotated[
        str | None, _of("--type", "Only this alarm type.", metavar="DEVICE_TYPE/SOURCE/CODE")
    ] = None,
    priority: Annotated[
        str | None, _of("--priority", "Only this priority.", metavar="high|medium|low")
    ] = None,
    assignments: Annotated[
        Path | None,
        _of(
            "--assignments",
            "Assignments: who was on duty. Default: inferred from alarms.",
            metavar="FILE",
        ),
    ] = None,
    delay: Annotated[
        str | None,
        _if(
            "--delay",
            "Annunciation delay: sound only if the condition persists this long.",
            metavar="SECONDS",
        ),
    ] = None,
    limit: Annotated[
        str | None, _if("--limit", "A less sensitive limit; needs --type.", metavar="X")
    ] = None,
    holdoff: Annotated[
        str | None,
        _if(
            "--holdoff",
            "Hold-off: an alarm that returns within this time continues the last one (like a "
            "deadband).",
            metavar="SECONDS",
        ),
    ] = None,
    beside: Annotated[
        str | None,
        _if(
            "--beside",
            "Duplicate: stay silent if this type begins within 5 s at the same bed.",
            metavar="DEVICE_TYPE/SOURCE/CODE",
        ),
    ] = None,
    to_priority: Annotated[
        str | None, _if("--to-priority", "A lower priority.", metavar="medium|low|info")
    ] = None,
    sent_from: Annotated[
        str,
        _if(
            "--sent-from",
            "The lowest priority that is sent to clinicians.",
            metavar="high|medium|low",
        ),
    ] = "low",
    search: Annotated[
        bool, _find("--search", "Try all combinations of the values below on each alarm type.")
    ] = False,
    types: Annotated[
        int,
        _find("--each-type", "How many alarm types, those with the highest load first.", min=1),
    ] = TYPES,
    include_high: Annotated[
        bool, _find("--include-high", "Also tune alarms of high priority.")
    ] = False,
    delays: Annotated[
        str | None,
        _find("--delays", "Delays to try, in seconds.", show_default=",".join(map(str, DELAYS))),
    ] = None,
    limits: Annotated[
        str | None,
        _find("--limits", "Limits to try; needs --type.", show_default="eight, by the readings"),
    ] = None,
    holdoffs: Annotated[
        str | None,
        _find(
            "--holdoffs", "Hold-offs to try, in seconds.", show_default=",".join(map(str, HOLDOFFS))
        ),
    ] = None,
    tolerance: Annotated[
        str | None,
        _show(
            "--tolerance",
            "Most needed alarms that may be hidden, in percent.",
            show_default="policy.findings.tolerance, 1",
        ),
    ] = None,
    confidence: Annotated[
        str, _show("--confidence", "Confidence in percent, one-sided.")
    ] = CONFIDENCE,
    most_late: Annotated[
        str | None,
        _find(
            "--most-late",
            "No actionable alarm may be delayed by more than this.",
            metavar="SECONDS",
        ),
    ] = None,
    train: Annotated[
        str,
        _find("--train", "Percent of the recorded time to search; the rest tests the result."),
    ] = TRAIN,
    as_json: Annotated[bool, _show("--json", "Print one JSON object.")] = False,
    config: Config = None,
    report: Annotated[
        Path | None,
        _show(
            "--report",
            "Also write a page to read and sign; needs the extra report.",
            metavar="FILE.html",
        ),
    ] = None,
    owner: Annotated[str, _show("--owner", "Owner of the change, for the report.")] = "",
    review: Annotated[
        str, _show("--review", "Date of the review, for the report.", metavar="DATE")
    ] = "",
    change_control: Annotated[
        str, _show("--change-control", "Change-control number, for the report.")
    ] = "",
    dated: Annotated[
        str | None,
        _show("--dated", "Date of the report.", metavar="DATE", show_default="today"),
    ] = None,
    strict: Annotated[bool, _show("--strict", "Exit status 3 if any line was malformed.")] = False,
) -> None:
    """Compute what another setting would have done to recorded alarms, or search for the best ones.

    It changes no device. Malformed lines are skipped and reported on standard error with file and
    line number. The same input always gives the same output, byte for byte.

    Example: alarm-fatigue tune --episodes episodes.jsonl --unit MICU --type
    monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO --delay 15 --limit 88

    A search tunes each alarm type by itself and joins the best settings that together keep the
    tolerance. It leaves alarms of high priority as they are, and technical alarms, which are
    avoidable at the source.

    Example: alarm-fatigue tune --episodes episodes.jsonl --unit MICU --search --tolerance 1
    --most-late 10
    """
    if context.invoked_subcommand is not None:
        return
    from analyzer.whatif import Refused, Scope, Setting, Tolerance
    from streams.files.tune_words import words
    from streams.files.tuning import Wanted, evaluated, searched

    check_source(episodes, mapping, archive, since, until)
    for option, text in (("--type", type_), ("--beside", beside)):
        if text is not None:
            alarm_type(text, option)  # before a long file is read
    if type_ is None and (limit is not None or limits is not None):
        name = "--limit" if limit is not None else "--limits"
        fail(f"{name}: needs --type: a limit has a meaning only for one measured quantity", WRONG)
    setting = Setting(
        limit=_given(limit, as_number, "--limit"),
        delay=_given(delay, as_milliseconds, "--delay"),
        holdoff=_given(holdoff, as_milliseconds, "--holdoff"),
        priority=as_priority(to_priority, "--to-priority"),
        sent_from=as_priority(sent_from, "--sent-from") or "low",
    )
    if search and (setting != Setting() or beside is not None):
        fail("--search: cannot be combined with a single setting", WRONG)
    settings = load_settings(config)
    calendars = settings.calendar.calendars
    tolerated = Tolerance(
        lost=settings.policy.findings.tolerance
        if tolerance is None
        else as_percent(tolerance, "--tolerance"),
        confidence=as_percent(confidence, "--confidence"),
        late=_given(most_late, as_milliseconds, "--most-late"),
    )
    wanted = Wanted(
        grid_of=_grids(delays, limits, holdoffs),
        tolerance=tolerated,
        types=types,
        include_high=include_high,
        train=as_percent(train, "--train"),
    )
    scope = Scope(facility=facility, unit=unit, priority=as_priority(priority, "--priority"))
    inputs = [episodes, mapping, assignments, config]
    keep_apart({"--report": report}, inputs)
    made = None if report is None else _made(inputs, config, dated)
    audited(settings, "tune", facility, unit)
    begin, end = _given(since, moment, "--since"), _given(until, moment, "--until")
    recorded, malformed = read_one(episodes, mapping, archive, facility, begin, end)
    check_scope(recorded, scope)
    if type_ is not None:
        scope = replace(scope, type=known_type(recorded, type_, "--type"))
    if beside is not None:
        setting = replace(setting, beside=known_type(recorded, beside, "--beside"))
    duty = None if assignments is None else duty_of(recorded, scope, assignments, config)
    try:
        if search:
            with timed("searching each type", 0, types) as done:
                found = searched(recorded, scope, wanted, duty, done, calendars)
        else:
            found = evaluated(recorded, scope, setting, tolerated, duty, calendars)
    except Refused as error:
        fail(f"--{error}", WRONG)
    found["malformed"] = malformed
    if report is not None and made is not None:
        asked = {"owner": owner, "review": review, "change_control": change_control}
        _write_report(report, found, made, asked)
    show(found, words(found), as_json)
    if malformed and strict:
        raise typer.Exit(STRICT)


@tune_app.command("apply")
def apply_(
    answer: Annotated[
        Path,
        typer.Argument(
            metavar="ANSWER.json", help="Output of tune --json; - reads standard input."
        ),
    ],
    owner: Owner,
    review: Review,
    change_control: ChangeControl,
    at: TakesEffect,
    out: Out = None,
) -> None:
    """Record a decided change as JSON, for an annotation and for `compare`. Changes no device.

    Example: alarm-fatigue tune apply answer.json --owner biomed --review 2026-06-30
    --change-control CC-1042 --at 2026-04-01T07:00:00Z
    """
    from streams.files.changes import ChangeError, Decision, record
    from streams.files.lines import content
    from streams.formats.codec import to_json

    keep_apart({"--out": out}, [answer])
    try:
        decision = Decision(
            at=moment(at, "--at"), owner=owner, review_on=review, change_control=change_control
        )
        written = to_json(record(content(answer), decision)) + b"\n"
        if out is not None:
            out.write_bytes(written)
    except ChangeError as error:
        fail(error, WRONG)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    if out is None:
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()


def _grids(
    delays: str | None, limits: str | None, holdoffs: str | None
) -> Callable[[Recorded], Grid]:
    """The settings to try on the alarms of a type."""
    from analyzer.whatif import Grid, limits_worth_trying

    of_delay = (None, *_list(delays, DELAYS, as_milliseconds, "--delays"))
    of_holdoff = (None, *_list(holdoffs, HOLDOFFS, as_milliseconds, "--holdoffs"))
    of_limit = None if limits is None else tuple(_list(limits, (), as_number, "--limits"))

    def grid_of(alarms: Recorded) -> Grid:
        found = limits_worth_trying(alarms, LIMITS) if of_limit is None else of_limit
        return Grid(limits=(None, *found), delays=of_delay, holdoffs=of_holdoff)

    return grid_of


def _made(paths: list[Path | None], config: Path | None, dated: str | None) -> Provenance:
    """How the report is made. Exits with an error if a file or the date cannot be read."""
    from streams.files.provenance import provenance

    settings = load_settings(config)
    now = round(time.time() * 1000) if dated is None else moment(f"{dated}T00:00:00Z", "--dated")
    try:
        return provenance(sys.argv[1:], paths, settings.policy, now)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")


def _write_report(
    path: Path, found: dict[str, Any], made: Provenance, approval: dict[str, str]
) -> None:
    from streams.files.tune_charts import NoCharts
    from streams.files.tune_report import page

    try:
        path.write_text(page(found, made, approval), encoding="utf-8")
    except NoCharts as error:
        fail(f"--report: {error}", WRONG)
    except OSError as error:
        fail(f"{path}: {error.strerror}")


def _given(text: str | None, read_as: Callable[[str, str], T], option: str) -> T | None:
    return None if text is None else read_as(text, option)


def _list(
    text: str | None, default: tuple[int, ...], read_as: Callable[[str, str], T], option: str
) -> list[T]:
    some = list(map(str, default)) if text is None else text.split(",")
    return sorted({read_as(one.strip(), option) for one in some})  # type: ignore[type-var]  # numbers
