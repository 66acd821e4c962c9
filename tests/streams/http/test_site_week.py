"""The last seven days on a unit's own address: bars with their numbers, or why there are none."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from streams.formats.calendars import Calendar, Calendars
from tests.harness.archives import HOUR, ZONE, Place
from tests.harness.hospitals import NINE, Hospital
from tests.harness.screens import SIZES, Screen, kept, overflow, unit_address, viewport
from tests.harness.site import FakeWorker, Site

PLACE = Place(
    facility="H",
    units={"ICU": 6},
    begin=datetime(2026, 2, 9, tzinfo=ZONE),
    days=21,
    silent=frozenset({("ICU", 17)}),
)


def worker() -> FakeWorker:
    hospital = Hospital()
    hospital.alarm(NINE - HOUR)
    hospital.run(NINE)
    return FakeWorker(hospital.engine)


def site(archive: str | None) -> Site:
    return Site(
        worker(), now=NINE / 1000, archive=archive, smallest_group=5,
        calendars=Calendars(Calendar(ZONE)),
    )  # fmt: skip


@pytest.mark.parametrize("size", ["phone", "laptop", "wall"])
def test_the_last_seven_days_are_drawn_and_told(
    browser: Browser, tmp_path: Path, size: str
) -> None:
    folder = PLACE.archived(tmp_path / "archive").folder
    with site(str(folder)) as served, Screen(browser, served, unit_address("ICU", "H")) as page:
        page.set_viewport_size(viewport(size))
        told = served.get("/api/v1/week?facility=H&unit=ICU").json
        days = page.locator("[data-is=days-load] li")
        expect(days).to_have_count(7)
        for item, day in zip(days.all(), told["days"][7:], strict=True):
            date = datetime.fromisoformat(day["date"])
            words = f"{day['alarms']}" if day["alarms"] is not None else "\u2013not in the archive"
            assert (item.text_content() or "") == f"{words}{date:%a} {date.day}"
        most = max(day["alarms"] or 0 for day in told["days"][7:])
        heights = [
            float(one.get_attribute("height") or "nan") for one in days.locator("rect").all()
        ]
        assert heights == pytest.approx(
            [40 if day["alarms"] is None else 40 * day["alarms"] / most for day in told["days"][7:]]
        )
        expect(page.locator("[data-is=week-load]")).to_contain_text("than in the 7 days before")
        expect(page.locator("[data-is=days-nonactionable] li").last).to_contain_text("%")
        expect(page.locator("[data-is=week-nothing]")).to_have_text("1 day is not in the archive.")
        assert overflow(page) == []
        kept(page, f"week-{SIZES[size][0]}")


def test_a_unit_without_an_archive_has_a_sentence(browser: Browser) -> None:
    with site(None) as served, Screen(browser, served, unit_address("ICU", "H")) as page:
        expect(page.locator("[data-is=week-nothing]")).to_have_text(
            "No archive of past days is connected here (setting archive.path)."
        )
        expect(page.locator("[data-is=week]")).to_be_hidden()
