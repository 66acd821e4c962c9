"""Table: a snapshot as people read it, in a terminal of any size, or as plain lines. It draws; it asks nobody.

Colours are Okabe and Ito's, which the colour-blind can tell apart, on a mark beside the word: the word alone says it all, and
text in the terminal's own colour can be read on any background.

Load is shown against published targets for one operator, by the alarms of the last 10 minutes: up to 1 is very likely
acceptable and about 2 the most that is manageable (ISA-18.2-2016, IEC 62682); one per two minutes is likely to be
over-demanding and more than one a minute unacceptable (EEMUA 191). What lies between 2 and 5 is called elevated (ours).
They were made for control rooms; nothing equivalent is published for wards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.demo.snapshot import ClinicianRow, Snapshot, UnitRow

TOO_FEW = "too few"
NOBODY = "nobody on duty"
WIDE = 100
"""Columns that the full table needs; in fewer, gaps are narrower and clinicians are told in less."""
_HEADER_LINES = 2  # of either table
_GAPS = 3  # blank lines, where there is room


class Band(NamedTuple):
    """A word for alarms per clinician and 10 minutes."""

    word: str
    colour: str
    range: str


ACCEPTABLE = Band("acceptable", "#009E73", "to 1")
MANAGEABLE = Band("manageable", "#56B4E9", "to 2")
ELEVATED = Band("elevated", "#F0E442", "under 5")
OVER_DEMANDING = Band("over-demanding", "#E69F00", "to 10")
UNACCEPTABLE = Band("unacceptable", "#D55E00", "above")
BANDS = (ACCEPTABLE, MANAGEABLE, ELEVATED, OVER_DEMANDING, UNACCEPTABLE)


def band(rate: float) -> Band:
    """The band of so many alarms per clinician and 10 minutes.

    >>> [band(rate).word for rate in (1, 1.5, 2, 4.9, 5, 10, 10.1)]
    ['acceptable', 'manageable', 'manageable', 'elevated', 'over-demanding', 'over-demanding', 'unacceptable']
    """
    if rate <= 1:
        return ACCEPTABLE
    if rate <= 2:
        return MANAGEABLE
    if rate < 5:
        return ELEVATED
    return OVER_DEMANDING if rate <= 10 else UNACCEPTABLE


@dataclass(frozen=True, slots=True)
class Status:
    """What stands above the table. `throughput` in records a second; `trouble` is said in its place."""

    facility: str
    speed: float
    throughput: float
    address: str
    trouble: str = ""


def render(snapshot: Snapshot, status: Status, width: int, height: int, turn: int = 0) -> RenderableType:
    """Everything, in at most `height` lines; clinicians that do not all fit take turns, `turn` numbering the current one."""
    wide = width >= WIDE
    head, caption = _head(snapshot, status, width), _caption(width)
    room = height - len(head) - len(caption) - 2 * _HEADER_LINES - len(snapshot.units)
    rows = snapshot.clinicians
    gap = [Text()] if room >= len(rows) + _GAPS else []
    note = []
    if len(rows) > room:
        at_once = max(room - 1, 1)  # one for the note
        first = turn % -(-len(rows) // at_once) * at_once
        note = [Text(f"{first + 1} to {min(first + at_once, len(rows))} of {len(rows)} clinicians on duty, in turn", "dim")]
        rows = rows[first : first + at_once]
    return Group(*head, *gap, _unit_table(snapshot.units, wide), *gap, _clinician_table(rows, wide), *note, *gap, *caption)


def _head(snapshot: Snapshot, status: Status, width: int) -> list[Text]:
    speed = f"{status.speed:g} times as fast"
    title = [Text("Alarm fatigue", "bold"), Text(f"simulated hospital {status.facility}"), Text(_clock(snapshot), "bold"), Text(speed)]
    if status.trouble:
        news = [status.trouble]
    else:
        news = [f"{status.throughput:,.0f} records/s", f"{snapshot.lag:,} waiting", status.address, "Ctrl-C stops all"]
    return [*_flow(title, width, "   "), *_flow([Text(one) for one in news], width, "   ")]


def _clock(snapshot: Snapshot) -> str:
    """The time in the simulated hospital."""
    return "" if snapshot.watermark is None else datetime.fromtimestamp(snapshot.watermark, UTC).strftime("%a %d %b %H:%M")


def _caption(width: int) -> list[Text]:
    bands = [Text.assemble(("● ", one.colour), (f"{one.word} {one.range}", "dim")) for one in BANDS]
    load = [Text("Load: alarms per clinician in 10 min", "dim"), *bands, Text("(ISA-18.2, EEMUA 191)", "dim")]
    words = "Non-actionable: clinical alarms of 12 h (units), 2 h (clinicians). Unassigned, alarm minutes: 1 h."
    rest = _flow([Text(word) for word in words.split()], width, " ")
    for line in rest:
        line.style = "dim"
    return [*_flow(load, width), *rest]


def _flow(pieces: Sequence[Text], width: int, between: str = "  ") -> list[Text]:
    """The pieces one after another, none of them broken, on as many lines as it takes."""
    lines: list[Text] = []
    for piece in pieces:
        if lines and lines[-1].cell_len + len(between) + piece.cell_len <= width:
            lines[-1].append(between).append_text(piece)
        else:
            lines.append(Text(no_wrap=True, overflow="ellipsis").append_text(piece))
    return lines


def _unit_table(rows: Sequence[UnitRow], wide: bool) -> Table:
    table = _table(
        wide, "\nUnits", "\nBeds", "On\nduty", "Alarms\n10 min", "\n1 h", "\n12 h", "Non-\nactionable", "\nOpen", "Unas-\nsigned", "\nLoad"
    )
    for row in rows:
        counts = (row.beds, row.clinicians, row.alarms_10m, row.alarms_1h, row.alarms_12h)
        load = Text(NOBODY) if row.rate is None else Text.assemble(f"{row.rate:4.1f} ", _marked(row.rate))
        share = _share(row.nonactionable_12h)
        table.add_row(row.unit, *(f"{count:,}" for count in counts), share, f"{row.open_alarms:,}", f"{row.unassigned_1h:,}", load)
    return table


def _clinician_table(rows: Sequence[ClinicianRow], wide: bool) -> Table:
    acuity = ["\nAcuity"] if wide else []
    table = _table(
        wide, "\nUnit", "\nClinician", "\nBeds", *acuity, "Alarms\n10 min", "\n1 h", "\n2 h", "Alarm\nminutes", "Non-\nactionable", "\nLoad"
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
            f"{row.alarm_seconds_1h / 60:.0f}",
            _share(row.nonactionable_2h),
            _marked(row.alarms_10m),
        )
        above = row.unit
    return table


def _table(wide: bool, *headers: str) -> Table:
    """First and last column to the left, numbers to the right."""
    table = Table(box=None, padding=(0, 2 if wide else 1, 0, 0), pad_edge=False, header_style="bold")
    for place, header in enumerate(headers):
        ends = place in (0, len(headers) - 1)
        table.add_column(header, justify="left" if ends else "right", no_wrap=True, overflow="ellipsis")
    return table


def _marked(rate: float) -> Text:
    of = band(rate)
    return Text.assemble(("● ", of.colour), of.word)


def _share(share: float | None) -> Text:
    return Text(TOO_FEW, "dim") if share is None else Text(f"{share:.0%}")


def plain(snapshot: Snapshot, status: Status) -> Iterator[str]:
    """The units as lines for a file or a pipe."""
    yield f"{_clock(snapshot)}: {status.throughput:,.0f} records/s, {snapshot.lag:,} waiting{status.trouble and f', {status.trouble}'}"
    for row in snapshot.units:
        alarms = f"{row.alarms_10m:,} alarms in 10 min, {row.alarms_1h:,} in 1 h, {row.alarms_12h:,} in 12 h"
        share = "too few to tell the non-actionable share" if (of := row.nonactionable_12h) is None else f"{of:.0%} non-actionable"
        load = NOBODY if row.rate is None else f"{row.rate:.1f} per clinician and 10 min: {band(row.rate).word}"
        people = f"{row.beds} beds, {row.clinicians} on duty"
        yield f"  {row.unit}: {alarms}, {share}, {row.open_alarms:,} open, {row.unassigned_1h:,} unassigned, {people}, {load}"
