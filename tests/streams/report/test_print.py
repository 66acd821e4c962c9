"""The committee reads the report on paper: nothing is cut off, and no page is wasted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.harness.archives import Place
from tests.harness.needs import need
from tests.harness.prints import Print, printed
from tests.harness.workers import run

TINY = Path(__file__).parents[2] / "data" / "tiny"
MM = 72 / 25.4
"""Points in a millimetre."""
SIDE, FOOT = 12 * MM, 15 * MM
"""The margins of the page, in points."""
FEWEST_LINES = 4
"""On a page, so that none carries only a heading or the rest of a paragraph."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as running:
        # Root has no sandbox; the page under test is our own.
        launched = running.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By name, the report's page: of recorded files, and of a hospital with three units."""
    folder = tmp_path_factory.mktemp("reports")
    names = ("alarms", "assignments", "responses")
    files = [one for name in names for one in (f"--{name}", TINY / f"{name}.jsonl")]
    recorded = run("replay", *files, "--archive", folder / "tiny", "--at", "2026-03-02T00:00:00Z")
    assert recorded.status == 0, recorded.err
    place = Place(units={"Medical intensive care": 6, "SICU": 5, "WARD": 1})
    place.archived(folder / "place")
    spans = {
        "tiny": ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"),
        "place": (str(place.day(7)), str(place.day(14))),
        "alone": (str(place.day(0)), str(place.day(3))),
    }
    found = {}
    for name, (begin, end) in spans.items():
        found[name] = folder / f"{name}.html"
        archive = folder / ("tiny" if name == "tiny" else "place")
        more = ("--unit", "SICU") if name == "alone" else ()
        done = run(
            "report", "--archive", archive, "--from", begin, "--to", end, "--out", found[name],
            *more,
        )  # fmt: skip
        assert done.status == 0, done.err
    return found


@pytest.fixture(scope="module", params=["A4", "Letter", "A5"])
def prints(
    request: pytest.FixtureRequest, browser: Browser, pages: dict[str, Path]
) -> dict[str, Print]:
    return {name: printed(browser, page, request.param) for name, page in pages.items()}


def test_no_column_is_cut_off_at_the_right_edge(prints: dict[str, Print]) -> None:
    for name, one in prints.items():
        assert one.last_cells
        for sheet in one.sheets:
            assert max(word.right for word in sheet.words) <= sheet.width - SIDE + 1, name
        assert not one.last_cells - one.words(), name


def test_every_page_has_its_number(prints: dict[str, Print]) -> None:
    for one in prints.values():
        feet = [sheet.below(FOOT) for sheet in one.sheets]
        assert feet == [f"{at} / {len(feet)}" for at in range(1, len(feet) + 1)]


def test_no_heading_is_left_alone(prints: dict[str, Print]) -> None:
    """Neither at the end of a page, nor with a few lines on one; nor is the head of a table."""
    for name, one in prints.items():
        seen = set()
        for number, sheet in enumerate(one.sheets, 1):
            lines = sheet.lines(FOOT)
            assert len(lines) >= FEWEST_LINES, (name, number, lines)
            assert lines[-1] not in one.headings, (name, number)
            assert lines[-1].split()[0] not in one.table_heads, (name, number)
            seen |= one.headings & set(lines)
        assert len(seen) > len(one.headings) / 2, name  # a long one takes two lines


def test_the_report_on_one_unit_goes_on_below_it(prints: dict[str, Print]) -> None:
    """Else a line that does not fit on the page before would have one of its own."""
    for sheet in prints["alone"].sheets[1:]:
        assert sheet.lines(FOOT)[0] != "What to fix next"
