"""Recorded episodes for what-ifs: as objects, as rows and as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from analyzer.whatif.episode_table import Recorded
from streams.files.recorded import read_episodes
from tests.oracle import whatif as naive

SPO2 = ("monitor", "SpO2", "LO")

TYPES = (SPO2, ("monitor", "HR", "HI"), ("monitor", "", "LEADS_OFF"), ("pump", "a/b", "OCCL"))

READINGS = (
    (None, None),
    (86.0, 90.0),
    (89.5, 90.0),
    (90.0, 90.0),
    (80.0, 88.0),
    (125.0, 120.0),
    (121.0, 120.0),
    (86.0, None),
    (None, 90.0),
)


@st.composite
def records(draw: st.DrawFn, at_most: int = 25) -> list[naive.Episode]:
    """Episodes of few beds in close succession: versions of one alarm, open ones, and no alarms."""
    found = []
    for _ in range(draw(st.integers(0, at_most))):
        device_type, source, code = draw(st.sampled_from(TYPES))
        start = (
            draw(st.sampled_from((0, 0, 1, 5_000, 5_001, 10_000, 20_000, 60_000, 61_000)))
            + draw(st.integers(0, 3)) * 15_000
        )
        value, limit = draw(st.sampled_from(READINGS))
        lasts = draw(st.sampled_from((0, 1, 5_000, 14_000, 14_001, 15_000, 40_000, None)))
        found.append(
            {
                "facility": draw(st.sampled_from(("H", "H", "I"))),
                "unit": draw(st.sampled_from(("icu", "icu", "nicu"))),
                "bed": draw(st.sampled_from(("1", "1", "2"))),
                "alarm_id": f"a{draw(st.integers(0, 30))}",
                "device_id": draw(st.sampled_from(("m1", "m1", "m2", ""))),
                "device_type": device_type,
                "source": source,
                "code": code,
                "kind": draw(
                    st.sampled_from(
                        ("physiological", "physiological", "physiological", "technical", "advisory")
                    )
                ),
                "priority": draw(st.sampled_from(("medium", "medium", "high", "low", "info"))),
                "start": start,
                "end": None if lasts is None else start + lasts,
                "value": value,
                "limit": limit,
                "clinicians": ["n1"],
                "class": draw(
                    st.sampled_from(
                        ("actionable", "non_actionable", "non_actionable", "technical", "unknown")
                    )
                ),
            }
        )
    return found


def recorded(episodes: list[naive.Episode], folder: Path) -> Recorded:
    path = folder / "episodes.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in episodes))
    return read_episodes(path, lambda line: pytest.fail(str(line)))


def episode(number: int, **changes: Any) -> naive.Episode:
    usual = {
        "facility": "H",
        "unit": "icu",
        "bed": "1",
        "alarm_id": f"a{number}",
        "device_id": "m1",
        "device_type": "monitor",
        "source": "SpO2",
        "code": "LO",
        "kind": "physiological",
        "priority": "medium",
        "start": number * 60_000,
        "end": number * 60_000 + 20_000,
        "value": 86.0,
        "limit": 90.0,
        "clinicians": ["n1"],
        "class": "non_actionable",
        "basis": "fleeting",
    }
    return usual | changes


def written(folder: Path, *episodes: naive.Episode) -> Path:
    path = folder / "e.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in episodes))
    return path


DAY = 24 * 3_600_000


def bed_days(count: int, lasts: int = 1_200_000, **changes: Any) -> list[naive.Episode]:
    """For each of `count` beds and days, one actionable alarm of this length (ms) and three
    non-actionable ones of 4 s, all of one type.
    """
    found = []
    for number in range(count):
        where = {"bed": str(number % 40)} | changes
        start = number // 40 * DAY + 3_600_000
        prefix = where.get("code", "LO")
        found.append(
            episode(
                number,
                **where
                | {
                    "alarm_id": f"{prefix}n{number}",
                    "start": start,
                    "end": start + lasts,
                    "class": "actionable",
                },
            )
        )
        for again in range(3):
            start += 3_600_000
            found.append(
                episode(
                    number,
                    **where
                    | {
                        "alarm_id": f"{prefix}u{number}-{again}",
                        "start": start,
                        "end": start + 4_000,
                    },
                )
            )
    return found
