"""The command `tune`: what another setting would have done to recorded alarms, and what it would
have lost.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import typer

from analyzer.model import Assignment
from analyzer.whatif import (
    CONFIDENCE,
    TRAIN,
    Duty,
    Grid,
    Recorded,
    Refused,
    Scope,
    Setting,
    Tolerance,
    duty_by_roster,
    limits_worth_trying,
)
from streams.cli.arguments import alarm_type, as_milliseconds, as_number, as_percent, as_priority
from streams.cli.bad_lines import bad_lines, nothing_used
from streams.cli.console import STRICT, WRONG, Config, fail, load_settings, moment, show
from streams.cli.later import Later, lazily
from streams.cli.names import check_scope
from streams.cli.progress import timed, working
from streams.files.lines import STDIN, BadLine, InputError, content
from streams.files.lines import lines as numbered_lines
from streams.files.recorded import read_episodes
from streams.files.tune_words import words
from streams.files.tuning import Wanted, evaluated, searched, searched_each
from streams.formats.codec import Malformed, decode, to_json
from streams.formats.texts import printable
from streams.pseudonyms import pseudonyms
from streams.settings import SettingsError

DELAYS = (2, 4, 5, 6, 8, 10, 12, 14, 15, 16, 18, 19, 20, 25, 30)
HOLDOFFS = (5, 10, 15, 20, 30, 45, 60, 90, 120)
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

Episodes = Annotated[
    Path | None,
    typer.Option(
        "--episodes",
        metavar="FILE",
        help="Finished episodes (from replay --episodes), or a table; - reads standard input.",
    ),
]

Mapped = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        metavar="MAP.yml",
        help="For a table (CSV, Parquet): which column is which field. docs/tables.md has an "
        "example.",
    ),
]


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
    search: Annotated[bool, _find("--search", "Try all combinations of the values below.")] = False,
    each_type: Annotated[
        int,
        _find(
            "--each-type",
            "Also search this many alarm types one by one, those with the highest load first.",
            min=0,
        ),
    ] = 0,
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
        str, _find("--tolerance", "Most actionable alarms that may be lost, in percent.")
    ] = "1",
    confidence: Annotated[
        str, _find("--confidence", "Confidence in percent, one-sided.")
    ] = f"{100 * CONFIDENCE:g}",
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
    ] = f"{100 * TRAIN:g}",
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
    strict: Annotated[bool, _show("--strict", "Exit status 3 if any line was malformed.")] = False,
) -> None:
    """Compute what another setting would have done to recorded alarms, or search for the best one.

    It changes no device. Malformed lines are skipped and reported on standard error with file and
    line number. The same input always gives the same output, byte for byte.

    Example: alarm-fatigue tune --episodes episodes.jsonl --unit MICU --type
    monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO --delay 15 --limit 88

    Example: alarm-fatigue tune --episodes episodes.jsonl --unit MICU --search --tolerance 1
    --most-late 10
    """
    if context.invoked_subcommand is not None:
        return
    if episodes is None:
        fail("--episodes: expected a file of finished alarms, or -", WRONG)
    of_type = None if type_ is None else alarm_type(type_, "--type")
    scope = Scope(
        facility=facility, unit=unit, type=of_type, priority=as_priority(priority, "--priority")
    )
    if of_type is None and (limit is not None or limits is not None):
        name = "--limit" if limit is not None else "--limits"
        fail(
            f"{name}: needs --type: a limit has a meaning only for one measured quantity",
            WRONG,
        )
    setting = Setting(
        limit=_given(limit, as_number, "--limit"),
        delay=_given(delay, as_milliseconds, "--delay"),
        holdoff=_given(holdoff, as_milliseconds, "--holdoff"),
        beside=_given(beside, alarm_type, "--beside"),
        priority=as_priority(to_priority, "--to-priority"),
        sent_from=as_priority(sent_from, "--sent-from") or "low",
    )
    if search and setting != Setting():
        fail("--search: cannot be combined with a single setting", WRONG)
    promise = Tolerance(
        lost=as_percent(tolerance, "--tolerance"),
        confidence=as_percent(confidence, "--confidence"),
        late=_given(most_late, as_milliseconds, "--most-late"),
    )
    grid_delays = (None, *_list(delays, DELAYS, as_milliseconds, "--delays"))
    grid_holdoffs = (None, *_list(holdoffs, HOLDOFFS, as_milliseconds, "--holdoffs"))
    grid_limits = None if limits is None else (None, *_list(limits, (), as_number, "--limits"))
    first = as_percent(train, "--train")
    if each_type and not search:
        fail("--each-type: needs --search", WRONG)
    recorded, malformed = read(episodes, mapping)
    check_scope(recorded, scope)
    try:
        if search:
            if grid_limits is None:
                some = recorded.of(scope.rows(recorded))
                grid_limits = (
                    None,
                    *(limits_worth_trying(some, LIMITS) if of_type is not None else ()),
                )
            wanted = Wanted(
                grid=Grid(limits=grid_limits, delays=grid_delays, holdoffs=grid_holdoffs),
                tolerance=promise,
                train=first,
            )
            with timed("searching", 0, len(wanted.grid)) as done:
                section, setting = searched(recorded, scope, wanted, done)
        found = evaluated(
            recorded,
            scope,
            setting,
            promise.confidence,
            None if assignments is None else _duty(recorded, assignments, config),
        )
        if search:
            found["search"] = section
        if each_type:

            def grid_of(some: Recorded) -> Grid:
                return Grid(
                    limits=(None, *limits_worth_trying(some, LIMITS)),
                    delays=grid_delays,
                    holdoffs=grid_holdoffs,
                )

            with timed("searching each type", 0, each_type) as done:
                found["types"] = searched_each(recorded, scope, each_type, grid_of, wanted, done)
    except Refused as error:
        fail(f"--{error}", WRONG)
    found["malformed"] = malformed
    if report is not None:
        _write_report(
            report,
            found,
            episodes,
            {"owner": owner, "review": review, "change_control": change_control},
        )
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
    owner: Annotated[
        str, typer.Option("--owner", help="The role or office that is responsible for the change.")
    ],
    review: Annotated[str, typer.Option("--review", metavar="DATE", help="Date of the review.")],
    change_control: Annotated[
        str, typer.Option("--change-control", help="Change-control number of the hospital.")
    ],
    at: Annotated[
        str,
        typer.Option(
            "--at", metavar="TIME", help="When the change takes effect: RFC 3339, or ms since 1970."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE.json", help="Output file.", show_default="standard output"
        ),
    ] = None,
) -> None:
    """Record a decided change as JSON, for an annotation and for `compare`. Changes no device.

    Example: alarm-fatigue tune apply answer.json --owner biomed --review 2026-06-30
    --change-control CC-1042 --at 2026-04-01T07:00:00Z
    """
    from streams.files.changes import ChangeError, Decision, record

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


def _duty(recorded: Recorded, path: Path, config: Path | None) -> Duty:
    """When the clinicians in the records were on duty.

    Records name clinicians by pseudonym or by id; the roster names them by id.
    """
    known = {name for _, name in recorded.clinicians}
    settings = load_settings(config)
    found = []
    try:
        with bad_lines() as report:
            for number, line in numbered_lines(path):
                try:
                    found.append(cast("Assignment", decode("assignments", line)))
                except Malformed as error:
                    report(BadLine(path, number, str(error)))
        if not any(one.clinician in known for one in found):
            pseudonym = pseudonyms(settings)
            found = [replace(one, clinician=pseudonym(one.clinician)) for one in found]
    except (InputError, SettingsError) as error:
        fail(error)
    if known and not any(one.clinician in known for one in found):
        fail(f"{path}: no clinician in it had any of these alarms; was another pseudonym key used?")
    return duty_by_roster(recorded, found)


def _write_report(
    path: Path, found: dict[str, Any], source: Path, approval: dict[str, str]
) -> None:
    from streams.files.tune_charts import NoCharts
    from streams.files.tune_report import page

    try:
        path.write_text(page(found, "standard input" if source == STDIN else source.name, approval))
    except NoCharts as error:
        fail(f"--report: {error}")
    except OSError as error:
        fail(f"{path}: {error.strerror}")


def read(path: Path, mapping: Path | None) -> tuple[Recorded, int]:
    """Recorded alarms, and the number of malformed lines (reported on standard error)."""
    if path != STDIN and not path.is_file():
        fail(f"{path}: {'expected a file, found a directory' if path.is_dir() else 'no such file'}")
    warned: list[str] = []
    try:
        with working("reading"), bad_lines() as report:
            recorded = read_episodes(path, report, mapping, warned.append)
    except InputError as error:
        fail(error)
    for line in warned:
        typer.echo(f"warning: {printable(line)}", err=True)
    if report.count and not len(recorded):
        fail(nothing_used(report), STRICT)
    return recorded, report.count


def _given(text: str | None, read_as: Callable[[str, str], T], option: str) -> T | None:
    return None if text is None else read_as(text, option)


def _list(
    text: str | None, default: tuple[int, ...], read_as: Callable[[str, str], T], option: str
) -> list[T]:
    some = list(map(str, default)) if text is None else text.split(",")
    return sorted({read_as(one.strip(), option) for one in some})  # type: ignore[type-var]  # numbers
