"""The archive: finished alarms, overload changes, assignments and responses as Parquet files."""

from streams.archive.alarms import archived_alarms
from streams.archive.dataset import Archive
from streams.archive.facts import archived_facts
from streams.archive.frames import Rows, fact_rows, record_rows
from streams.archive.recording import Recording
from streams.archive.stores import ArchiveError, cause
from streams.archive.tables import TABLES, Table, TableName

__all__ = [
    "TABLES",
    "Archive",
    "ArchiveError",
    "Recording",
    "Rows",
    "Table",
    "TableName",
    "archived_alarms",
    "archived_facts",
    "cause",
    "fact_rows",
    "record_rows",
]
