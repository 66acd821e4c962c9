"""Recorded days of simulated wards."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer import TOPICS, Topic
from analyzer.model.policy import HOUR
from streams.simulator import Ward, simulate
from tests.harness.files import WARD, Files

DAY = replace(WARD, duration=24 * HOUR, adjudicated=0.3, understaffed_nights=1.0)


def recorded(ward: Ward, folder: Path) -> Files:
    lines: dict[Topic, list[str]] = {topic: [] for topic in TOPICS}
    for record in simulate(ward):
        lines[record.topic].append(json.dumps(record.value) + "\n")
    for topic, texts in lines.items():
        (folder / f"{topic}.jsonl").write_text("".join(texts))
    return Files({topic: folder / f"{topic}.jsonl" for topic in TOPICS})


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A day with floods, duplicates, lines out of order, and assignments charted late."""
    return recorded(DAY, tmp_path_factory.mktemp("day"))


@pytest.fixture(scope="session")
def shift(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Five hours, which the oracle can recompute."""
    return recorded(WARD, tmp_path_factory.mktemp("shift"))
