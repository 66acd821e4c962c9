"""The alarm committee's report on a span of the archive, compared with the span before it."""

from streams.report.building import Hospital, ReportError, report_on
from streams.report.changes import ChangesError, Made, read_changes
from streams.report.document import document
from streams.report.page import page
from streams.report.tables import NoWorkbook, check_workbooks, write_csv, write_workbook

__all__ = [
    "ChangesError",
    "Hospital",
    "Made",
    "NoWorkbook",
    "ReportError",
    "check_workbooks",
    "document",
    "page",
    "read_changes",
    "report_on",
    "write_csv",
    "write_workbook",
]
