"""The archiver's own metrics."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from streams.archive.tables import TABLE_NAMES, TableName


class ArchiverMetrics:
    """Counts what an archiver does, for Prometheus. Counters begin at 0 with each process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._records = Counter(
            "alarm_fatigue_archive_records_total",
            "Records read by the archiver: archived, or unreadable and left out.",
            ["table", "outcome"],
            registry=self.registry,
        )
        for table in TABLE_NAMES:
            for outcome in ("archived", "unreadable"):
                self._records.labels(table, outcome)
        self._lag = Gauge(
            "alarm_fatigue_archive_lag_records",
            "Records of the topic that are not yet in the archive, as of its last write.",
            ["topic", "partition"],
            registry=self.registry,
        )
        self._written = Gauge(
            "alarm_fatigue_archive_timestamp_seconds",
            "When the archive was last brought up to date.",
            registry=self.registry,
        )

    def archived(self, table: TableName, rows: int, unreadable: int) -> None:
        self._records.labels(table, "archived").inc(rows)
        self._records.labels(table, "unreadable").inc(unreadable)

    def flushed(self, lag: dict[tuple[str, int], int]) -> None:
        self._lag.clear()
        for (topic, partition), records in lag.items():
            self._lag.labels(topic, str(partition)).set(records)
        self._written.set(time.time())

    def serve(self, host: str, port: int) -> None:
        """Serve them on /metrics. Raises `OSError`."""
        start_http_server(port, host, self.registry)
