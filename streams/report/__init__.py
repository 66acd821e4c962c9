"""The alarm committee's report on a span of the archive, beside the span before it."""

from streams.report.building import Hospital, ReportError, report_on
from streams.report.changes import ChangesError, Made, read_changes
from streams.report.document import document, write_tables
from streams.report.page import page

__all__ = [
    "ChangesError",
    "Hospital",
    "Made",
    "ReportError",
    "document",
    "page",
    "read_changes",
    "report_on",
    "write_tables",
]
