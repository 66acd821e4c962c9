"""The command `report`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.audited import audited
from streams.cli.console import WRONG, Config, fact_time, fail, load_settings
from streams.cli.names import listed
from streams.cli.paths import keep_apart
from streams.cli.progress import working

LONGEST = 400 * 86_400_000
"""The longest span, in ms: a year and its leap days, with room."""


def report(
    archive: Annotated[
        str,
        typer.Option("--archive", metavar="DIR", help="The archive: its folder or URL."),
    ],
    begin: Annotated[
        str,
        typer.Option("--from", metavar="TIME", help="Begin: RFC 3339, or ms since 1970."),
    ],
    end: Annotated[
        str, typer.Option("--to", metavar="TIME", help="End, which is not in the report.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="OUT.html", help="Write the page here.")
    ] = None,
    facility: Annotated[
        str | None, typer.Option("--facility", help="Only this hospital. Default: all.")
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Only this unit.")] = None,
    changes: Annotated[
        Path | None,
        typer.Option(
            "--changes", metavar="FILE", help="Change records of `tune apply`, one a line."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    tables: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="DIR", help="Write the tables as CSV files into this folder."
        ),
    ] = None,
    workbook: Annotated[
        Path | None,
        typer.Option(
            "--xlsx", metavar="OUT.xlsx", help="Write the tables as sheets of an Excel workbook."
        ),
    ] = None,
    smallest_group: Annotated[
        int | None,
        typer.Option(
            "--smallest-group",
            metavar="N",
            min=1,
            help="Fewest clinicians in a group whose figures are shown. Default, and the least: "
            "privacy.smallest_group, which is 5 unless set.",
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Write the alarm committee's report on some days or months, compared with those before them.

    The page needs nothing beside it, and prints. It holds distributions only: no group of fewer
    clinicians than privacy.smallest_group, nor what would be left of one. docs/report.md shows how
    to read it.

    Example: alarm-fatigue report --archive archive --from 2026-03-01T00:00:00+01:00
    --to 2026-04-01T00:00:00+02:00 --facility H03 --out march.html
    """
    if out is None and not as_json and tables is None and workbook is None:
        fail(
            "expected where the report goes: --out OUT.html, --json, --csv DIR or --xlsx OUT.xlsx",
            WRONG,
        )
    since, until = fact_time(begin, "--from"), fact_time(end, "--to")
    if until <= since:
        fail("--to: expected a time after --from", WRONG)
    if until - since > LONGEST:
        fail("--to: expected at most 400 days after --from", WRONG)
    keep_apart({"--out": out, "--xlsx": workbook}, [changes, config])
    settings = load_settings(config)
    fewest = smallest_group or settings.privacy.smallest_group
    if fewest < settings.privacy.smallest_group:
        fail(
            f"--smallest-group: expected at least {settings.privacy.smallest_group} "
            "(privacy.smallest_group): the difference of two reports would be about fewer",
            WRONG,
        )
    audited(settings, "report", facility, unit, since, until)
    import polars as pl

    from streams.archive import Archive, ArchiveError, cause
    from streams.files.provenance import provenance
    from streams.formats.codec import to_json
    from streams.report import (
        ChangesError,
        NoWorkbook,
        ReportError,
        check_workbooks,
        document,
        page,
        read_changes,
        report_on,
        write_csv,
        write_workbook,
    )

    try:
        if workbook is not None:
            check_workbooks()
        known = Archive(archive)
        made = [] if changes is None else read_changes(changes)
        facilities = known.facilities("episodes")
        if facility is not None and facility not in facilities:
            there = f"; there {listed(facility, facilities)}" if facilities else ""
            fail(f"--facility: {facility} is not in the archive{there}", WRONG)
        with working("reading the archive"):
            hospitals, reasons = [], []
            for one in facilities if facility is None else [facility]:
                try:
                    hospitals.append(
                        report_on(
                            known,
                            one,
                            since,
                            until,
                            settings.calendar.calendars.of(one),
                            settings.policy,
                            unit,
                            made,
                            fewest,
                        )
                    )
                except ReportError as error:
                    reasons.append(str(error))
        if not hospitals:
            fail(reasons[0] if reasons else "the archive is empty", WRONG)
        found = document(hospitals, settings.policy)
        if out is not None:
            about = provenance(sys.argv[1:], [changes], settings.policy, round(time.time() * 1000))
            out.write_text(page(hospitals, settings.policy, found, about), encoding="utf-8")
        if tables is not None:
            write_csv(found, tables)
        if workbook is not None:
            write_workbook(found, workbook)
    except NoWorkbook as error:
        fail(f"--xlsx: {error}", WRONG)
    except (ArchiveError, ChangesError) as error:
        fail(error)
    except pl.exceptions.PolarsError as error:
        fail(f"{archive}: cannot be read: {cause(error)}")
    except OSError as error:
        fail(f"{error.filename or archive}: {error.strerror or error}")
    if as_json:
        sys.stdout.buffer.write(to_json(found) + b"\n")
        sys.stdout.buffer.flush()
