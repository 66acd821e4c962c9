"""Records of alarms and overload changes, written to an archive."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from streams.archive import Archive, record_rows
from streams.formats.codec import to_json

HOUR = 3_600_000
HORIZON = 26 * HOUR
MIDNIGHT = 1_772_409_600_000  # 2026-03-02T00:00:00Z
REASON = {
    "measure": "alarms_1h",
    "value": 31.5,
    "limit": 30.0,
    "state": "elevated",
    "enter": 30.0,
    "leave": 24.0,
    "text": "31.5 alarms",
}


def episode(alarm: str, start: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{alarm}-{start}-{sorted(more.items())}",
        "facility": "H03",
        "unit": "MICU",
        "bed": "7",
        "alarm_id": alarm,
        "device_id": "mon-7",
        "device_type": "monitor",
        "source": "MDC_PULS_OXIM_SAT_O2",
        "code": "MDC_EVT_LO",
        "kind": "physiological",
        "label": "SpO2 low",
        "priority": "medium",
        "start": start,
        "end": start + 20_000,
        "value": 86.0,
        "limit": 90.0,
        "clinicians": ["aa", "bb"],
        "class": "non_actionable",
        "basis": "responses",
        "first_response": None,
    } | more


def change(at: int, withdrawn: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{at}-{withdrawn}",
        "facility": "H03",
        "unit": "MICU",
        "level": "clinician",
        "clinician": "aa",
        "at": at,
        "from": "normal",
        "to": "elevated",
        "withdrawn": withdrawn,
        "reasons": [REASON],
        "top_types": [],
        "relief": None,
        "relief_text": None,
        "corrected_at": None,
        "corrected_by": [],
        "corrects": None,
    } | more


def write(
    archive: Archive, name: Any, records: Iterable[Mapping[str, Any]], edition: int = 1, at: int = 0
) -> int:
    values = [to_json(one) for one in records]
    offsets = range(at, at + len(values))
    return archive.write(record_rows(name, values, [edition] * len(values), offsets), HORIZON).files


def starts(archive: Archive) -> list[tuple[str, int]]:
    found = archive.scan("episodes").select("alarm_id", pl.col("start").dt.epoch("ms")).collect()
    return sorted(found.rows())


def delivered(dice: random.Random) -> list[tuple[Any, list[dict[str, Any]], int]]:
    """Table, records and edition of writes: corrected, moved over midnight, withdrawn, repeated."""
    found: list[tuple[Any, list[dict[str, Any]], int]] = []
    for edition in range(1, 7):
        alarms = dice.choices("abcdef", k=4)
        found.append(
            (
                "episodes",
                [
                    episode(one, MIDNIGHT + dice.randrange(-3, 3) * 1000, facility=facility)
                    for one in alarms
                    for facility in ("H03", "St. Marien / Süd")
                ],
                edition,
            )
        )
        changes = [change(MIDNIGHT + dice.randrange(4), dice.random() < 0.4) for _ in range(3)]
        found.append(("overload", changes, edition))
    return found + dice.sample(found, 4)


def main() -> None:
    """Write it all to the archive at a URL. Arguments: URL, seed."""
    archive = Archive(sys.argv[1])
    print("ready", flush=True)
    for number, (name, records, edition) in enumerate(delivered(random.Random(int(sys.argv[2])))):
        write(archive, name, records, edition, at=number * 100)
    print("done", flush=True)


if __name__ == "__main__":
    main()
