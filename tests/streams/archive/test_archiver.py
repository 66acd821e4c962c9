"""Archivers on Kafka end with the rows of a replay, also when they are killed."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from streams.archive import TABLES, Archive
from streams.dev.broker import ApacheKafka
from tests.harness.wards import small_ward, wait_until_taken_in
from tests.harness.workers import (
    COMMAND,
    Delivery,
    WorkerProcess,
    new_topics,
    run,
    send,
)


def archiver(broker: ApacheKafka, folder: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [COMMAND, "archive", "--broker", broker.address, "--to", str(folder), *more]
    return subprocess.Popen([*command, "--pseudonyms", "off", "--every", "1s"])


def rows(archive: Archive, name: Any) -> list[dict[str, Any]]:
    """All rows but what depends on the order of arrival: what was corrected, and when."""
    found = archive.scan(name).collect()
    plain = found.drop("corrected_at", "corrected_by", "corrects", strict=False)
    return plain.sort("facility", *TABLES[name].order).to_dicts()


def replayed(delivery: Delivery, folder: Path) -> Archive:
    out = folder / "replayed"
    files = delivery.write_accepted(folder)
    assert run("replay", *files, "--pseudonyms", "off", "--archive", out).status == 0
    return Archive(out)


@pytest.fixture
def broker(apache_kafka: ApacheKafka) -> ApacheKafka:
    new_topics(apache_kafka)
    return apache_kafka


def test_kills_of_archivers_lose_and_double_nothing(broker: ApacheKafka, tmp_path: Path) -> None:
    delivery, dice = small_ward(22), random.Random(7)
    folder = tmp_path / "archive"
    running: list[subprocess.Popen[bytes]] = []
    try:
        with WorkerProcess(broker, tmp_path, checkpoint_interval="250ms") as worker:
            running = [archiver(broker, folder), archiver(broker, folder)]
            step = len(delivery.messages) // 4 + 1
            for begin in range(0, len(delivery.messages), step):
                some = delivery.messages[begin : begin + step]
                send(broker, some)
                wait_until_taken_in([worker], begin + len(some))
                time.sleep(dice.uniform(0, 4))
                number = dice.randrange(2)
                running[number].kill()
                running[number].wait()
                running[number] = archiver(broker, folder)
            assert worker.stop() == 0
        for one in running:
            one.terminate()
        # One that has just been started dies of the signal.
        assert {one.wait(30) for one in running} <= {0, -signal.SIGTERM}
        assert archiver(broker, folder, "--once").wait(120) == 0
    finally:
        for one in running:
            one.kill()
            one.wait()
    expected = replayed(delivery, tmp_path)
    for name in ("episodes", "overload"):
        assert rows(Archive(folder), name) == rows(expected, name), name
    # Late facts are archived, too, though the worker no longer counts them.
    for name in ("assignments", "responses"):
        assert rows(expected, name)
        found = rows(Archive(folder), name)
        ids = [one[TABLES[name].key[0]] for one in found]
        assert len(ids) == len(set(ids))
        assert set(ids) >= {one[TABLES[name].key[0]] for one in rows(expected, name)}
    # An archiver of another group reads the topics again, and changes no file.
    before = {path: path.read_bytes() for path in folder.rglob("*.parquet")}
    assert archiver(broker, folder, "--once", "--group", "again").wait(120) == 0
    assert {path: path.read_bytes() for path in folder.rglob("*.parquet")} == before
    assert pl.read_parquet(folder / "episodes").height == len(rows(expected, "episodes"))
