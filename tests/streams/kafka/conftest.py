"""A worker on a real broker with one partition a topic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.dev.broker import Broker
from tests.harness.workers import WorkerProcess, new_topics


@pytest.fixture
def broker(apache_kafka: Broker) -> Broker:
    new_topics(apache_kafka, partitions=1)
    return apache_kafka


@pytest.fixture
def worker(broker: Broker, tmp_path: Path) -> Iterator[WorkerProcess]:
    with WorkerProcess(broker, tmp_path) as one:
        yield one
