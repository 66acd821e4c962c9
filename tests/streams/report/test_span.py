"""The days of a span."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.archive import Archive, record_rows
from streams.formats.codec import to_json
from streams.formats.pseudonyms import Period
from streams.report.reading import read_naming
from streams.report.span import HOUR
from tests.harness.archives import HORIZON, Place

SATURDAY = 1_772_236_800_000  # 2026-02-28T00:00:00Z
DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("begun", "of_topics", "period"),
    [
        ("none", None, "none"),
        ("none", "2026-W12", "week"),
        ("none", "2026-03-17", "day"),
        ("week", "2026-W12", "week"),
        ("week", "2026-03-17", "day"),
    ],
)
def test_names_change_as_often_as_in_the_archive_or_in_the_topics(
    tmp_path: Path, begun: Period, of_topics: str | None, period: Period
) -> None:
    archive, place = Archive.create(tmp_path / "archive", begun), Place(days=1)
    values = [to_json(one | {"pseudonym_period": of_topics}) for one in place.episodes()]
    archive.write(record_rows("episodes", values, [1] * len(values), range(len(values))), HORIZON)
    assert read_naming(archive, "H03", place.day(0), place.day(1)) == (period, 1)
