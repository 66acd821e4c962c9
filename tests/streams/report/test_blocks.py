"""A long span is read in blocks of days: the report is the same as of one that is read at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analyzer import Policy
from streams.formats.calendars import Calendar
from streams.report import document, report_on
from streams.report.span import Grid
from tests.harness.archives import DAY, ZONE, Place

PLACE = Place(
    units={"MICU": 6, "<SICU>": 5, "PICU": 3},
    silent=frozenset({("MICU", 9), ("PICU", 12), ("PICU", 13), ("PICU", 14)}),
    burst="MICU",
)


@pytest.mark.parametrize("unit", [None, "PICU"])
@pytest.mark.parametrize("block", [1, 3, 5])
def test_in_blocks_all_figures_are_the_same(tmp_path: Path, block: int, unit: str | None) -> None:
    archive = PLACE.archived(tmp_path / "archive")

    def found(days: int) -> Any:
        hospital = report_on(
            archive, "H03", PLACE.day(8) + 5_000_000, PLACE.day(16) + 7_000_000, Calendar(ZONE),
            Policy(), unit, block=days,
        )  # fmt: skip
        made = document([hospital], Policy())["hospitals"][0]
        del made["to_fix"]  # of the last block
        return made

    assert found(block) == found(31)


@pytest.mark.parametrize("days", [1, 4, 7, 30])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_blocks_have_the_days_and_hours_of_the_whole(days: int, zone: str) -> None:

    calendar = Calendar(ZoneInfo(zone))
    begin = 1_774_600_000_000  # 27 March 2026: clocks change in the next days
    whole = Grid.of(begin, begin + 21 * DAY + 5_000_000, calendar)
    blocks = whole.blocks(calendar, days)
    assert [one for block in blocks for one in block.dates] == [*whole.dates]
    assert [one for block in blocks for one in block.hours[:-1].tolist()] == (
        whole.hours[:-1].tolist()
    )
    for name in ("whole", "weekday", "hour", "shift"):
        parts = [one for block in blocks for one in getattr(block, name).tolist()]
        assert parts == getattr(whole, name).tolist()
