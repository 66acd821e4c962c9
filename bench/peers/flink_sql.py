"""Flink SQL as its documentation shows it: counts a unit's alarm events of the last 10 min in Java.

    python bench/peers/flink_sql.py BROKER GROUP CONNECTOR.jar hop|over RECORDS

`hop`: windows of 10 min that begin each minute, emitted when complete. `over`: the exact count at
every event. The job reads to the end of the topic and ends; the time is that of the whole job,
start and end included. The same query has run over the topic `responses` before, so the JVM is
warm.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from pyflink.table import EnvironmentSettings, TableEnvironment

SOURCE = """
CREATE TABLE {name} (
    facility STRING,
    unit STRING,
    happened TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',
    WATERMARK FOR happened AS happened - INTERVAL '10' MINUTE
) WITH (
    'connector' = 'kafka',
    'topic' = '{topic}',
    'properties.bootstrap.servers' = '{broker}',
    'properties.group.id' = '{group}',
    'scan.startup.mode' = 'earliest-offset',
    'scan.bounded.mode' = 'latest-offset',
    'format' = 'json'
)
"""
SINK = {
    "hop": """
CREATE TABLE counts (facility STRING, unit STRING, as_of TIMESTAMP(3), alarms BIGINT)
WITH ('connector' = 'blackhole')
""",
    "over": """
CREATE TABLE counts (facility STRING, unit STRING, as_of TIMESTAMP_LTZ(3), alarms BIGINT)
WITH ('connector' = 'blackhole')
""",
}
QUERY = {
    "hop": """
INSERT INTO counts
SELECT facility, unit, CAST(window_end AS TIMESTAMP(3)), COUNT(*)
FROM TABLE(HOP(TABLE {name}, DESCRIPTOR(happened), INTERVAL '1' MINUTE, INTERVAL '10' MINUTE))
GROUP BY facility, unit, window_start, window_end
""",
    "over": """
INSERT INTO counts
SELECT facility, unit, happened, COUNT(*) OVER (
    PARTITION BY facility, unit ORDER BY happened
    RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW
)
FROM {name}
""",
}


def main(broker: str, group: str, connector: str, query: str, records: int) -> None:
    tables = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    settings = {
        "pipeline.jars": f"file://{connector}",
        "parallelism.default": "1",
        "pipeline.object-reuse": "true",  # what the documentation advises for SQL jobs
        "execution.checkpointing.interval": "5 s",  # as often as the worker does
        "execution.checkpointing.dir": Path(tempfile.mkdtemp(prefix="bench-flink-")).as_uri(),
    }
    for name, value in settings.items():
        tables.get_config().set(name, value)
    for name, topic in (("warming", "responses"), ("alarms", "alarms")):
        tables.execute_sql(SOURCE.format(name=name, topic=topic, broker=broker, group=group))
    tables.execute_sql(SINK[query])
    tables.execute_sql(QUERY[query].format(name="warming")).wait()
    began = time.perf_counter()
    tables.execute_sql(QUERY[query].format(name="alarms")).wait()
    print(json.dumps({"records": records, "seconds": time.perf_counter() - began}), flush=True)
    time.sleep(60)  # the parent process kills this one when it has read the line


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
