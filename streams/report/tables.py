"""Tables: the figures of a report's JSON as rows, and as CSV files or an Excel workbook."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from streams.extras import install

Rows = list[dict[str, Any]]

_COLUMNS: dict[str, tuple[str, ...]] = {
    "shifts": (
        "facility",
        "unit",
        "part",
        "hours",
        "clinicians",
        "beds_per_clinician",
        "acuity_per_clinician",
        "alarms_per_clinician_hour",
        "alarms_per_bed_hour",
        "responses",
        "response_median",
    ),
    "changes": (
        "facility",
        "at",
        "scope",
        "what",
        "change_control",
        "owner",
        "expected_removed_share",
        "days_before",
        "days_after",
        "alarms_a_day_before",
        "alarms_a_day_after",
        "actionable_a_day_before",
        "actionable_a_day_after",
        "change_value",
        "change_low",
        "change_high",
    ),
}
"""The columns of the tables that can be empty, so that these have a header, too."""


class NoWorkbook(Exception):
    """Workbooks cannot be written here: one line."""


def tables(found: Mapping[str, Any]) -> dict[str, Rows]:
    """The tables of what `report --json` prints: about, figures, types, shifts, heat_map, changes.

    Rows of one table have the same columns. Texts that a spreadsheet would run as a formula begin
    with an apostrophe.
    """
    made: dict[str, Rows] = {
        name: [] for name in ("about", "figures", "types", "shifts", "heat_map", "changes")
    }
    for hospital in found["hospitals"]:
        facility = {"facility": hospital["facility"]}
        made["about"].append(facility | _about(found, hospital))
        for section in hospital["sections"]:
            place = facility | {"unit": section["unit"]}
            for key, figure in section["figures"].items():
                made["figures"].append(place | {"figure": key} | _flat(figure))
            made["types"] += [place | _flat(row) for row in section["types"]]
            made["shifts"] += [place | row for row in section["shifts"]["rows"]]
            made["heat_map"] += [place | row for row in _hours(section["heat_map"])]
        made["changes"] += [facility | _flat(one) for one in hospital["changes"]]
    return {
        name: [{column: _cell(value) for column, value in row.items()} for row in rows]
        for name, rows in made.items()
    }


def _about(found: Mapping[str, Any], hospital: Mapping[str, Any]) -> dict[str, Any]:
    zone = ZoneInfo(hospital["time_zone"])

    def local(span: Mapping[str, Any] | None, side: str) -> str | None:
        if span is None:
            return None
        return datetime.fromtimestamp(span[side] / 1000, zone).isoformat()

    span, before = hospital["span"], hospital["before"]
    return {
        "time_zone": hospital["time_zone"],
        "from": local(span, "from"),
        "to": local(span, "to"),
        "days": span["days"],
        "before_from": local(before, "from"),
        "before_to": local(before, "to"),
        "confidence_of_intervals": found["confidence"],
        "fewest_clinicians": found["fewest"],
    }


def _hours(heat: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for day, (counts, of) in enumerate(zip(heat["alarms"], heat["hours"], strict=True)):
        for hour, (alarms, hours) in enumerate(zip(counts, of, strict=True)):
            yield {"weekday": day + 1, "hour": hour, "alarms": alarms, "hours": hours}


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= {f"{name}_{inner}": one for inner, one in value.items()}
        elif name == "change":
            found |= dict.fromkeys(("change_value", "change_low", "change_high"))
        else:
            found[name] = value
    return found


_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula is quoted.

    >>> _cell("=cmd()"), _cell(" =cmd()"), _cell(-3.5), _cell("a\\x07b")
    ("'=cmd()", "' =cmd()", -3.5, 'ab')
    """
    if not isinstance(value, str):
        return value
    value = _NOT_IN_XML.sub("", value)
    # Spreadsheets take full-width signs for the ASCII ones, and some skip white space before them.
    return f"'{value}" if value.lstrip()[:1] in _SIGNS or value[:1] in "\t\r\n" else value


_SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def header(name: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns of a table, also where it has no rows."""
    return list(rows[0]) if rows else list(_COLUMNS.get(name, ()))


def write_csv(found: Mapping[str, Any], folder: Path) -> None:
    """Write each table as a file of its name into `folder`, in UTF-8. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables(found).items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, header(name, rows))
            writer.writeheader()
            writer.writerows(rows)


def check_workbooks() -> None:
    """Raises `NoWorkbook` if the library that writes workbooks is not installed."""
    try:
        import openpyxl  # noqa: F401
    except ModuleNotFoundError:
        raise NoWorkbook(f"needs the extra xlsx; run: {install('xlsx')}") from None


def write_workbook(found: Mapping[str, Any], path: Path) -> None:
    """Write an Excel workbook with a sheet for each table. Raises `OSError` and `NoWorkbook`.

    No cell holds a formula, whatever a unit or a change is called.
    """
    check_workbooks()
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    for name, rows in tables(found).items():
        sheet = book.create_sheet(name)
        columns = header(name, rows)
        sheet.freeze_panes = "A2"
        for place, column in enumerate(columns, 1):
            longest = max((len(str(row[column])) for row in rows), default=0)
            width = min(max(len(column), longest) + 2, _WIDEST)
            sheet.column_dimensions[get_column_letter(place)].width = width
        if columns:
            sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{len(rows) + 1}"

        def cell(value: Any, bold: bool = False, sheet: Any = sheet) -> Any:
            found = WriteOnlyCell(sheet, value)
            if isinstance(value, str):
                found.data_type = "s"  # openpyxl takes texts that begin with = for formulas
            if bold:
                found.font = Font(bold=True)
            return found

        sheet.append([cell(one, bold=True) for one in columns])
        for row in rows:
            sheet.append([cell(row[column]) for column in columns])
    book.save(path)


_WIDEST = 60
"""Characters that a column shows at most."""
