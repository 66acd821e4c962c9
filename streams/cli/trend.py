"""The command `tune trend`: tries a limit, delay and deadband on recorded readings.

The limit may be more sensitive or less sensitive than the one in force.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.arguments import alarm_type, as_milliseconds, as_number, known_type, possible_types
from streams.cli.bad_lines import bad_lines, nothing_used
from streams.cli.console import FAILED, STRICT, WRONG, fail, show
from streams.cli.episodes import Episodes, Mapped, read
from streams.cli.names import listed
from streams.cli.progress import counting
from streams.files.lines import InputError

if TYPE_CHECKING:
    from analyzer.columns import AlarmType
    from analyzer.whatif import Drawn, Recorded, Replayed, Rule, Side, Trend


def trend(
    readings: Annotated[
        Path,
        typer.Option(
            "--trend",
            metavar="FILE",
            help="Readings (facility, unit, bed, source, at, value): .jsonl, .csv or .parquet.",
        ),
    ],
    type_: Annotated[
        str,
        typer.Option(
            "--type",
            metavar="DEVICE_TYPE/SOURCE/CODE",
            help="The alarm type; its SOURCE selects the readings.",
        ),
    ],
    side: Annotated[
        str,
        typer.Option(
            "--side", metavar="low|high", help="The side of the limit on which the alarm sounds."
        ),
    ],
    now_limit: Annotated[str, typer.Option("--from-limit", help="The limit in force.")],
    limit: Annotated[
        str, typer.Option("--limit", help="The limit to try, more sensitive or less.")
    ],
    now_delay: Annotated[
        str, typer.Option("--from-delay", metavar="SECONDS", help="The delay in force.")
    ] = "0",
    delay: Annotated[
        str, typer.Option("--delay", metavar="SECONDS", help="The delay to try.")
    ] = "0",
    deadband: Annotated[
        str,
        typer.Option(
            "--deadband",
            help="The deadband to try: the reading must return this far before the alarm ends.",
        ),
    ] = "0",
    episodes: Episodes = None,
    mapping: Mapped = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Derive alarms from recorded readings, under the current setting and under another one.

    With --episodes, it also reports which actionable alarms the other setting would lose.

    Example: alarm-fatigue tune trend --trend numerics.parquet --type
    monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO --side low --from-limit 90 --limit 88 --delay 15
    --episodes episodes.jsonl
    """
    from analyzer.whatif import Rule, Scope

    of_type = alarm_type(type_, "--type")
    if side not in ("low", "high"):
        fail("--side: expected low or high", WRONG)
    sign: Side = "low" if side == "low" else "high"
    try:
        now = Rule(
            side=sign,
            limit=as_number(now_limit, "--from-limit"),
            delay=as_milliseconds(now_delay, "--from-delay"),
        )
        wanted = (
            as_number(limit, "--limit"),
            as_milliseconds(delay, "--delay"),
            as_number(deadband, "--deadband"),
        )
        then = Rule(side=sign, limit=wanted[0], delay=wanted[1], deadband=wanted[2])
    except ValueError as error:
        fail(error, WRONG)
    recorded, left_out = None, 0
    possible = possible_types(type_)
    if episodes is not None:
        everything, left_out = read(episodes, mapping)
        of_type = known_type(everything, type_, "--type")
        recorded, possible = everything.of(Scope(type=of_type).rows(everything)), [of_type]
    source, known, malformed = _read(readings, {one[1] for one in possible})
    if episodes is None:
        of_type = next(one for one in possible if one[1] == source)
    malformed += left_out
    found = answer(known, now, then, recorded, of_type) | {"malformed": malformed}
    show(found, words(found), as_json)


def answer(
    readings: Trend, in_force: Rule, tried: Rule, recorded: Recorded | None, of_type: AlarmType
) -> dict[str, Any]:
    """The JSON object: alarms simulated under both rules, and how they match recorded ones."""
    from analyzer.whatif import compare_rules, draw
    from streams.files.tuning import type_fields

    before, after = draw(readings, in_force), draw(readings, tried)
    return {
        "type": type_fields(of_type),
        "readings": len(readings),
        "beds": len(readings.beds),
        "before": _drawn(before, in_force),
        "after": _drawn(after, tried),
        "recorded": None
        if recorded is None
        else _replayed(compare_rules(before, after, readings, recorded, in_force != tried)),
    }


def _replayed(found: Replayed) -> dict[str, Any]:
    from streams.files.tuning import risk_fields

    return {
        "alarms": found.alarms,
        "covered": found.covered,
        "told_before": found.in_force,
        "told_after": found.tried,
        "actionable": found.actionable,
        "lost": risk_fields(found.lost),
        "late": {"actionable": found.late, "most_seconds": found.most_late / 1000},
    }


def _drawn(drawn: Drawn, rule: Rule) -> dict[str, Any]:
    return {
        "limit": rule.limit,
        "delay_seconds": rule.delay / 1000,
        "deadband": rule.deadband,
        "alarms": len(drawn),
        "sounding_seconds": int((drawn.end - drawn.sounds).sum()) / 1000,
    }


def words(found: dict[str, Any]) -> list[str]:
    """Lines for a terminal."""
    from analyzer.whatif import faithful
    from streams.files.loss_words import lost_words

    before, after, recorded = found["before"], found["after"], found["recorded"]
    lines = [
        f"{found['readings']} readings of {found['beds']} beds, from which alarms are derived:"
    ]
    for name, one in (("in force", before), ("tried", after)):
        band = f", deadband {one['deadband']:g}" if one["deadband"] else ""
        lines.append(
            f"  {name}: limit {one['limit']:g}, delay {one['delay_seconds']:g} s{band}: "
            f"{one['alarms']} alarms, {one['sounding_seconds'] / 3600:.1f} h of sounding"
        )
    if recorded is None:
        return [*lines, "  alarms lost: unknown; add --episodes to count them"]
    lines.append(
        f"  {recorded['covered']} of {recorded['alarms']} recorded alarms lie within the "
        f"readings; the setting in force reproduces {recorded['told_before']}, the one tried "
        f"{recorded['told_after']}"
    )
    lines.append(
        "  actionable alarms lost, of those that the setting in force reproduces: "
        f"{lost_words(recorded['lost'])}"
    )
    lines.append(
        f"  actionable alarms delayed: {recorded['late']['actionable']}, by at most "
        f"{recorded['late']['most_seconds']:g} s"
    )
    if not faithful(recorded["told_before"], recorded["covered"]):
        lines.append(
            "  the setting in force does not reproduce the recorded alarms: check that readings, "
            "limit and delay are those of the monitors"
        )
    return lines


def _read(path: Path, wanted: set[str]) -> tuple[str, Trend, int]:
    """The one source among `wanted` that was read, its readings, and the number of malformed rows
    (reported on standard error).
    """
    from streams.files.readings import Readings

    try:
        with counting("reading") as progress, bad_lines() as report:
            readings = Readings(path, wanted, report)
            readings.read(progress)
    except InputError as error:
        fail(error, FAILED)
    seen = readings.seen
    if report.count and not seen:
        fail(nothing_used(report), STRICT)
    found = sorted(seen & wanted)
    if not found:
        fail(f"--type: no reading is of its source; there {listed(min(wanted), seen)}", WRONG)
    if len(found) > 1:
        fail(f"--type: may be of the sources {' and '.join(found)}; add --episodes", WRONG)
    return found[0], readings.trend(), report.count
