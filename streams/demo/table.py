"""Table: a snapshot as a table for a terminal of any size, or as plain lines.

Colours are those of Okabe and Ito, which colour-blind people can tell apart. They mark shapes and
words, which carry the meaning alone.

The worker computes the overload states by the limits of its policy. These are based on
ISA-18.2-2016 and EEMUA 191 (made for control rooms; nothing equivalent is published for wards);
the limit of protected time is our own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analyzer import STATES
from streams.demo.snapshot import ClinicianRow, Snapshot, UnitRow
from streams.formats.calendars import Calendar

TOO_FEW = "too few"
NOBODY = "nobody on duty"
WIDE = 100
"""Columns that the full table needs. With fewer, gaps are narrower and pseudonyms shorter."""
_HEADER_LINES = 2  # of either table
_GAPS = 3  # blank lines, where there is room
_LEAST = 3  # clinicians that take precedence over the reasons of units
COLOURS = ("#009E73", "#E69F00", "#D55E00")
"""The colours of `STATES`. A terminal of 16 colours shows the last two alike."""
MARKS = ("●", "▲", "■")
"""The shapes of `STATES`, as on the page."""
NEXT = "bring in help, or move beds to colleagues with room"


@dataclass(frozen=True, slots=True)
class Status:
    """The lines above the table.

    `throughput` in records per second; `trouble` replaces it.
    """

    facility: str
    speed: float
    throughput: float
    address: str
    trouble: str = ""
    calendar: Calendar = field(default_factory=Calendar)
    """The time zone and shifts of the facility; the simulated hospital uses UTC."""


def render(
    snapshot: Snapshot, status: Status, width: int, height: int, turn: int = 0
) -> RenderableType:
    """The whole screen, in at most `height` lines.

    If not all clinicians fit, pages of them alternate; `turn` is the number of the current page.
    """
    wide = width >= WIDE
    head, caption = _head(snapshot, status, width), _caption(width)
    room = height - len(head) - len(caption) - 2 * _HEADER_LINES - len(snapshot.units)
    rows = snapshot.clinicians
    needs = _needs(snapshot.units, status, width)
    if room - len(needs) < min(len(rows), _LEAST):
        needs = []
    room -= len(needs)
    gap = [Text()] if room >= len(rows) + _GAPS else []
    note = []
    if len(rows) > room:
        at_once = max(room - 1, 1)  # one for the note
        first = turn % -(-len(rows) // at_once) * at_once
        note = [
            Text(
                f"{first + 1} to {min(first + at_once, len(rows))} of {len(rows)} clinicians on "
                "duty",
                "dim",
            )
        ]
        rows = rows[first : first + at_once]
    return Group(
        *head,
        *gap,
        _unit_table(snapshot.units, wide),
        *needs,
        *gap,
        _clinician_table(rows, wide),
        *note,
        *gap,
        *caption,
    )


def _head(snapshot: Snapshot, status: Status, width: int) -> list[Text]:
    speed = "real time" if status.speed == 1 else f"{status.speed:g} x real time"
    title = [
        Text("Alarm fatigue", "bold"),
        Text(f"simulated hospital {status.facility}"),
        Text(_clock(snapshot, status), "bold"),
        Text(speed),
    ]
    if status.trouble:
        second = [status.trouble]
    else:
        second = [
            f"{status.throughput:,.0f} records/s",
            f"{snapshot.lag:,} waiting",
            status.address,
            "Ctrl-C stops all",
        ]
    return [*_flow(title, width, "   "), *_flow([Text(one) for one in second], width, "   ")]


def _clock(snapshot: Snapshot, status: Status) -> str:
    """The time in the simulated hospital."""
    if snapshot.watermark is None:
        return ""
    return f"{status.calendar.local(int(snapshot.watermark * 1000)):%a %d %b %H:%M}"


def _caption(width: int) -> list[Text]:
    states = [
        Text.assemble((f"{mark} ", colour), (state, "dim"))
        for mark, state, colour in zip(MARKS, STATES, COLOURS, strict=True)
    ]
    load = [
        Text("Load: alarms per clinician in 10 min, and overload state:", "dim"),
        *states,
        Text("(limits: ISA-18.2, EEMUA 191, our own)", "dim"),
    ]
    words = (
        "Non-actionable: of clinical alarms, 12 h (units), 2 h (clinicians); technical alarms "
        "are avoidable at the source. Protected: of 1 h on duty, 5 min or more without a new "
        "alarm."
    )
    rest = _flow([Text(word) for word in words.split()], width, " ")
    for line in rest:
        line.style = "dim"
    return [*_flow(load, width), *rest]


def _needs(rows: Sequence[UnitRow], status: Status, width: int) -> list[Text]:
    """Why units are not normal, those in the worst state first, and what to do next."""
    troubled = sorted((one for one in rows if one.state), key=lambda one: (-one.state, one.unit))
    if not troubled:
        return []
    lines = []
    for one in troubled:
        words = [Text(word) for word in f"{one.unit}: {_why(one)}".split()]
        lines += _flow([Text(MARKS[one.state], COLOURS[one.state]), *words], width, " ")
    page = status.address.removesuffix("metrics")
    text = f"Next: {NEXT}. The page shows who has room: {page}"
    return [*lines, *_flow([Text(word) for word in text.split()], width, " ")]


def _why(row: UnitRow) -> str:
    return row.says if row.state and row.says else STATES[row.state]


def _flow(pieces: Sequence[Text], width: int, between: str = "  ") -> list[Text]:
    """The pieces one after another on as many lines as needed; no piece is broken."""
    lines: list[Text] = []
    for piece in pieces:
        if lines and lines[-1].cell_len + len(between) + piece.cell_len <= width:
            lines[-1].append(between).append_text(piece)
        else:
            lines.append(Text(no_wrap=True, overflow="ellipsis").append_text(piece))
    return lines


def _unit_table(rows: Sequence[UnitRow], wide: bool) -> Table:
    table = _table(
        wide,
        "\nUnits",
        "\nBeds",
        "On\nduty",
        "Alarms\n10 min",
        "\n1 h",
        "\n12 h",
        "Non-\nactionable",
        "\nOpen",
        "Unas-\nsigned",
        "\nLoad",
    )
    for row in rows:
        counts = (row.beds, row.clinicians, row.alarms_10m, row.alarms_1h, row.alarms_12h)
        load = (
            Text(NOBODY)
            if row.rate is None
            else Text.assemble(f"{row.rate:4.1f} ", _marked(row.state))
        )
        share = _share(row.nonactionable_12h)
        table.add_row(
            row.unit,
            *(f"{count:,}" for count in counts),
            share,
            f"{row.open_alarms:,}",
            f"{row.unassigned_1h:,}",
            load,
        )
    return table


def _clinician_table(rows: Sequence[ClinicianRow], wide: bool) -> Table:
    acuity = ["\nAcuity"] if wide else []
    table = _table(
        wide,
        "\nUnit",
        "\nClinician",
        "\nBeds",
        *acuity,
        "Alarms\n10 min",
        "\n1 h",
        "\n2 h",
        "Pro-\ntected",
        "Non-\nactionable",
        "\nLoad",
    )
    table.columns[1].justify = "left"
    above = None
    for row in rows:
        table.add_row(
            row.unit if row.unit != above else "",
            row.clinician if wide else f"{row.clinician[:8]}…",
            str(row.beds),
            *([f"{row.acuity:g}"] if wide else []),
            *(f"{count:,}" for count in (row.alarms_10m, row.alarms_1h, row.alarms_2h)),
            _share(row.protected_1h, ""),
            _share(row.nonactionable_2h),
            _marked(row.state),
        )
        above = row.unit
    return table


def _table(wide: bool, *headers: str) -> Table:
    """An empty table: first and last column left-aligned, numbers right-aligned."""
    table = Table(
        box=None, padding=(0, 2 if wide else 1, 0, 0), pad_edge=False, header_style="bold"
    )
    for index, header in enumerate(headers):
        ends = index in (0, len(headers) - 1)
        table.add_column(
            header, justify="left" if ends else "right", no_wrap=True, overflow="ellipsis"
        )
    return table


def _marked(state: int) -> Text:
    return Text.assemble((f"{MARKS[state]} ", COLOURS[state]), STATES[state])


def _share(share: float | None, unknown: str = TOO_FEW) -> Text:
    return Text(unknown, "dim") if share is None else Text(f"{share:.0%}")


def plain(snapshot: Snapshot, status: Status) -> Iterator[str]:
    """The units as lines for a file or a pipe."""
    yield (
        f"{_clock(snapshot, status)}: {status.throughput:,.0f} records/s, {snapshot.lag:,} "
        f"waiting{status.trouble and f', {status.trouble}'}"
    )
    for row in snapshot.units:
        alarms = (
            f"{row.alarms_10m:,} alarms in 10 min, {row.alarms_1h:,} in 1 h, {row.alarms_12h:,} "
            "in 12 h"
        )
        share = (
            "too few classified for a non-actionable share"
            if (of := row.nonactionable_12h) is None
            else f"{of:.0%} non-actionable"
        )
        load = (
            NOBODY if row.rate is None else f"{row.rate:.1f} per clinician in 10 min: {_why(row)}"
        )
        people = f"{row.beds} beds, {row.clinicians} on duty"
        yield (
            f"  {row.unit}: {alarms}, {share}, {row.open_alarms:,} open, {row.unassigned_1h:,} "
            f"unassigned, {people}, {load}"
        )
