"""The command `simulate`, which simulates hospitals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from streams.cli.console import INTERRUPTED, WRONG, fail, load_settings, moment, send
from streams.cli.console import duration as as_duration
from streams.cli.progress import timed
from streams.cli.scenario import setting_change, write_scenario
from streams.simulator.calibration import PROFILES, ProfileName
from streams.simulator.scenarios import SCENARIOS
from streams.simulator.ward import Ward

if TYPE_CHECKING:
    from streams.settings import Settings
    from streams.simulator import Monitors, Record

_AHEAD = 60_000  # ms that simulated time may run ahead of the clock: no more than clocks may differ
_WARD = Ward()
_OPTIONS = {"profiles": "profile", "changes": "change", "readings": "readings-beds"}
"""The options of fields that have another name."""


def _panel(title: str) -> Callable[..., Any]:
    """Options under one heading of --help."""
    return lambda name, text, **more: typer.Option(name, help=text, rich_help_panel=title, **more)


_to, _of, _with = (
    _panel("Where records go"),
    _panel("The hospital"),
    _panel("What disturbs it (shares are 0 to 1)"),
)


def simulate(
    out: Annotated[
        Path | None,
        _to(
            "--out",
            "Write alarms.jsonl and the other files to this directory, in order of delivery.",
            metavar="DIR",
        ),
    ] = None,
    broker: Annotated[
        str | None, _to("--broker", "Send to Kafka instead (see topics).", metavar="HOST:PORT")
    ] = None,
    config: Annotated[
        Path | None, _to("--config", "Settings file (YAML) for Kafka.", metavar="FILE")
    ] = None,
    speed: Annotated[
        float | None, _to("--speed", "To Kafka: speed relative to real time.", show_default="1")
    ] = None,
    fast: Annotated[
        bool, _to("--fast", "To Kafka: as fast as the broker accepts records.")
    ] = False,
    prefix: Annotated[
        str,
        _to(
            "--prefix",
            "Facilities are named H01, H02, ...; use another prefix for a second run on the same "
            "Kafka.",
        ),
    ] = "H",
    scenario: Annotated[
        str | None,
        _of(
            "--scenario",
            "Days of one calm unit in which one thing goes wrong, with truth.json beside the "
            "files; only --out, --prefix, --seed and --start go with it.",
            metavar="|".join(SCENARIOS),
        ),
    ] = None,
    seed: Annotated[
        int, _of("--seed", "The same seed and options give the same bytes.")
    ] = _WARD.seed,
    start: Annotated[
        str | None,
        _of(
            "--start",
            "Start of simulated time: RFC 3339, ms since 1970, or now.",
            metavar="TIME",
            show_default="2026-03-01T07:00Z; to Kafka: see above",
        ),
    ] = None,
    duration: Annotated[
        str, _of("--duration", "Length of simulated time, such as 90m, 24h or 7d.")
    ] = "24h",
    facilities: Annotated[
        int, _of("--facilities", "Number of hospitals; all have the same layout.")
    ] = _WARD.facilities,
    units: Annotated[int, _of("--units", "Units per facility.")] = _WARD.units,
    beds: Annotated[int, _of("--beds", "Beds per unit, all occupied.")] = _WARD.beds,
    beds_per_nurse: Annotated[
        int, _of("--beds-per-nurse", "Beds per nurse when fully staffed.")
    ] = _WARD.beds_per_nurse,
    profile: Annotated[
        list[str] | None,
        _of(
            "--profile",
            "Kind of unit; can be repeated, and units then take the kinds in turn.",
            metavar="|".join(PROFILES),
            show_default="micu",
        ),
    ] = None,
    alarms_per_bed_day: Annotated[
        float,
        _of(
            "--alarms-per-bed-day",
            "Audible alarms per bed and day, on average (default: Drew 2014).",
        ),
    ] = _WARD.alarms_per_bed_day,
    adjudicated: Annotated[
        float, _of("--adjudicated", "Share of arrhythmia alarms that are labelled later.")
    ] = _WARD.adjudicated,
    storms: Annotated[
        float, _with("--storms", "Storms per unit and day: bursts with ten times the usual alarms.")
    ] = 0.0,
    chattering_sensors: Annotated[
        int,
        _with(
            "--chattering-sensors",
            "Chattering sensors per facility: four alarms a minute for 5 min of every hour.",
        ),
    ] = _WARD.chattering_sensors,
    understaffed_nights: Annotated[
        float, _with("--understaffed-nights", "Share of a unit's nights with half the nurses.")
    ] = _WARD.understaffed_nights,
    duplicates: Annotated[
        float, _with("--duplicates", "Share of records delivered twice.")
    ] = _WARD.duplicates,
    change: Annotated[
        list[str] | None,
        _with(
            "--change",
            "A setting of one alarm type that changes, as in 'MICU "
            "monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO delay=15s from=2026-03-08T07:00:00Z' (or "
            "limit=88); can be repeated.",
            metavar="'UNIT TYPE delay=15s from=TIME'",
        ),
    ] = None,
    readings_beds: Annotated[
        int,
        _to(
            "--readings-beds",
            "To files: also write readings.jsonl for `tune trend`, of this many beds of each unit, "
            "one a second.",
            min=0,
        ),
    ] = 0,
    readings_hours: Annotated[
        float, _to("--readings-hours", "Hours of readings, from the start on.", min=0)
    ] = 24.0,
    readings_source: Annotated[
        str, _to("--readings-source", "What is measured.")
    ] = "MDC_PULS_OXIM_SAT_O2",
    late: Annotated[
        float, _with("--late", "Share of alarm events and responses 1 to 9 min late.")
    ] = _WARD.late,
    late_beyond: Annotated[
        float,
        _with(
            "--late-beyond",
            "Share of alarm events and responses 15 to 60 min late: too late to be accepted.",
        ),
    ] = _WARD.late_beyond,
    late_charting: Annotated[
        float,
        _with(
            "--late-charting",
            "Share of assignments that are charted up to 60 min late and wrong, and then "
            "corrected.",
        ),
    ] = _WARD.late_charting,
) -> None:
    """Simulate a hospital's alarms, assignments, responses and labels.

    Records go to files or to Kafka. In Kafka, a record's timestamp is its simulated time of
    delivery, which never runs ahead of the clock.

    In real time, the simulation starts now by default. With --speed or --fast, it starts in the
    past and ends in the present.

    Example: alarm-fatigue simulate --out ward --duration 12h --units 2 --storms 2 --late 0.05

    Example: alarm-fatigue simulate --out ward --duration 14d --change
    'MICU monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO delay=15s from=2026-03-08T07:00:00Z'

    Example: alarm-fatigue simulate --out ward --readings-beds 2

    Example: alarm-fatigue simulate --out case --scenario leads-off-silenced --seed 3

    Example: alarm-fatigue simulate --broker 127.0.0.1:9092 --duration 24h --speed 60
    """
    from streams.simulator import Monitors
    from streams.simulator import simulate as draw
    from streams.simulator.output import rename

    if scenario is not None:
        if out is None:
            fail("--scenario: expected --out DIR with it", WRONG)
        begins = _WARD.start if start is None else _moment(start)
        write_scenario(scenario, seed, begins, prefix, out)
        return
    if (out is None) == (broker is None and config is None):
        fail("expected either --out DIR or --broker HOST:PORT (or --config FILE)", WRONG)
    if speed is not None and (not speed > 0 or fast or out is not None):
        fail("--speed: expected a number above 0, and not together with --fast or --out", WRONG)
    pace = None if fast else speed or 1.0
    length = as_duration(duration, "--duration")
    begins = (
        _begin(start, length, pace)
        if out is None
        else _WARD.start
        if start is None
        else _moment(start)
    )
    try:
        ward = Ward(
            seed=seed,
            start=begins,
            duration=length,
            facilities=facilities,
            units=units,
            beds=beds,
            beds_per_nurse=beds_per_nurse,
            profiles=cast("tuple[ProfileName, ...]", tuple(profile or _WARD.profiles)),
            alarms_per_bed_day=alarms_per_bed_day,
            adjudicated=adjudicated,
            storms=storms,
            chattering_sensors=chattering_sensors,
            understaffed_nights=understaffed_nights,
            duplicates=duplicates,
            late=late,
            late_beyond=late_beyond,
            late_charting=late_charting,
            changes=tuple(map(setting_change, change or ())),
        )
        monitors = (
            Monitors(ward, readings_source, readings_beds, readings_hours)
            if readings_beds
            else None
        )
    except ValueError as error:
        names, _, expected = str(error).partition(":")
        options = ", ".join(
            "--" + name.replace("_", "-") for name in _OPTIONS.get(names, names).split(", ")
        )
        fail(f"{options}:{expected}", WRONG)
    records = draw(ward)
    if out is not None:
        _write(rename(records, prefix), ward, out)
        if monitors is not None:
            monitors.hear(draw(replace(ward, changes=())))
            _write_readings(monitors, prefix, out)
    else:
        _send(rename(records, prefix), ward, load_settings(config, broker=broker), pace)


def _write_readings(monitors: Monitors, prefix: str, out: Path) -> None:
    from streams.simulator.output import OutputError, write_readings

    try:
        count = write_readings(monitors.readings(), prefix, out)
    except OutputError as error:
        fail(error)
    typer.echo(f"{out}: {count} readings", err=True)


def _moment(text: str) -> int:
    return int(time.time() * 1000) if text == "now" else moment(text, "--start")


def _begin(start: str | None, length: int, pace: float | None) -> int:
    """When simulated time begins, in ms, such that it does not run ahead of the clock on its way to
    Kafka.

    Kafka refuses records from an hour ahead, and workers do not count what is still to come.
    """
    now = int(time.time() * 1000)
    takes = 0 if pace is None else round(length / pace)
    latest = min(now, now + takes - length)
    begins = latest if start is None else _moment(start)
    if begins > latest + _AHEAD:
        shown = datetime.fromtimestamp(latest // 1000, UTC).isoformat().replace("+00:00", "Z")
        fail(
            "--start: simulated time would run ahead of the clock; at this pace and --duration, "
            f"expected {shown} or earlier",
            WRONG,
        )
    return begins


def _write(records: Iterator[Record], ward: Ward, directory: Path) -> None:
    from streams.simulator.output import OutputError, write_files

    try:
        with timed("simulating", ward.start, ward.duration) as come_to:
            counts = write_files(_noting(records, come_to), directory)
    except OutputError as error:
        fail(error)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    typer.echo(
        f"{directory}: {', '.join(f'{count} {topic}' for topic, count in counts.items())}", err=True
    )


def _send(records: Iterator[Record], ward: Ward, settings: Settings, pace: float | None) -> None:
    from streams.simulator.output import messages

    with timed("simulating", ward.start, ward.duration) as come_to:
        count = send(settings, messages(_noting(records, come_to)), pace, lambda: None)
    typer.echo(f"{count} records published", err=True)


def _noting(records: Iterable[Record], come_to: Callable[[int], None]) -> Iterator[Record]:
    for record in records:
        come_to(record.due)
        yield record
