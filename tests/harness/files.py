"""Recorded files of a simulated ward, and lines of alarm events."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analyzer import AlarmEvent, Fact, Topic
from analyzer.model.policy import HOUR
from streams.formats.codec import decode
from streams.simulator import Ward
from tests.harness.devices import LOW_ALARM

NINE = 1_772_355_600_000  # 2026-03-01T09:00:00Z
WARD = Ward(
    seed=7,
    duration=5 * HOUR,
    units=2,
    beds=4,
    storms=6.0,
    chattering_sensors=1,
    duplicates=0.05,
    late=0.05,
    late_beyond=0.02,
    late_charting=0.3,
)


@dataclass
class Files:
    """Recorded files, and the facts in them, each once."""

    paths: dict[Topic, Path]
    lines: dict[Topic, list[bytes]] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = {topic: path.read_bytes().splitlines() for topic, path in self.paths.items()}

    @property
    def facts(self) -> list[Fact]:
        return list(
            {
                (topic, fact.event_id): fact
                for topic, lines in self.lines.items()
                for fact in (decode(topic, one) for one in lines)
            }.values()
        )

    @property
    def watermark(self) -> int:
        return max(fact.at for fact in self.facts if isinstance(fact, AlarmEvent))

    @property
    def arguments(self) -> list[str]:
        return [part for topic, path in self.paths.items() for part in (f"--{topic}", str(path))]

    def rewritten(self, folder: Path, change: Callable[[list[bytes]], list[bytes]]) -> Files:
        folder.mkdir()
        for topic, lines in self.lines.items():
            (folder / f"{topic}.jsonl").write_bytes(
                b"".join(line + b"\n" for line in change(list(lines)))
            )
        return Files({topic: folder / f"{topic}.jsonl" for topic in self.paths})


def event(phase: str, after: int, **changes: Any) -> bytes:
    """`after`: ms since `NINE`."""
    fields = {
        "event_id": f"{phase}-{after}",
        "alarm_id": "a",
        "phase": phase,
        "at": NINE + after,
        "facility": "F",
        **LOW_ALARM,
    }
    return json.dumps(fields | changes).encode()
