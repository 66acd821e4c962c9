"""The page by keyboard, screen reader and axe, on every size of screen, light and dark."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from analyzer import Engine, Policy
from tests.harness.screens import SIZES, Screen, kept, units, viewport
from tests.harness.site import FakeWorker, Site, simulated

RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }
}


def opened(page: Page) -> None:
    page.locator(".unit").first.wait_for()
    for summary in page.locator("summary").all():
        summary.click()
    page.locator("tbody tr").first.wait_for()
    page.locator("[data-is=fixes] li").first.wait_for()
    page.locator("[data-is=says] li").first.wait_for()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_and_nothing_runs_over_the_edge(
    browser: Browser, site: Site, scheme: Any, size: str
) -> None:
    with Screen(browser, site, color_scheme=scheme) as page:
        page.set_viewport_size(viewport(size))
        page.locator(".unit").first.wait_for()
        kept(page, f"{scheme}-{size}")
        opened(page)
        found = Axe().run(page, options=RULES).response
        assert len(found["passes"]) > 20
        assert [
            (one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found["violations"]
        ] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
        cut = page.evaluate("""() => [...document.querySelectorAll("main *, header *")]
            .filter((one) => one.closest(".wide, .unseen, svg") === null)
            .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0)
            .map((one) => one.outerHTML.slice(0, 80))""")
        assert cut == []
        kept(page, f"{scheme}-{size}-opened")


@pytest.mark.parametrize("state", ["gone", "empty"])
def test_axe_finds_no_fault_in_trouble_either(browser: Browser, state: str) -> None:
    served = Site(FakeWorker(Engine(Policy()) if state == "empty" else simulated())).start()
    with Screen(browser, served) as page:
        page.locator("#empty" if state == "empty" else ".unit >> nth=0").wait_for()
        served.stop()
        page.get_by_role("alert").wait_for()
        assert Axe().run(page, options=RULES).response["violations"] == []


def test_sizes_differ_in_columns_and_letters(browser: Browser, site: Site) -> None:
    with Screen(browser, site) as page:
        page.locator(".unit").first.wait_for()
        columns, letters = [], []
        for size in SIZES:
            page.set_viewport_size(viewport(size))
            columns.append(
                page.evaluate(
                    "getComputedStyle(document.querySelector('.units'))"
                    ".gridTemplateColumns.split(' ').length"
                )
            )
            letters.append(
                page.evaluate(
                    "parseFloat(getComputedStyle(document.querySelector('.unit')).fontSize)"
                )
            )
        assert columns[0] == 1 < columns[1] < columns[2]
        assert letters[0] == letters[1] < letters[2]


def test_everything_is_done_with_the_keyboard_alone(browser: Browser, site: Site) -> None:
    with Screen(browser, site) as page:
        page.locator(".unit").nth(2).wait_for()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the units"
        assert page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "units"
        seen = []
        for _ in range(3):
            page.keyboard.press("Tab")
            seen.append(page.evaluate("document.activeElement.textContent"))
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        first, second = units(page)[:2]
        assert seen == [
            f"Clinicians of {first}",
            f"What to fix in {first}",
            f"Clinicians of {second}",
        ]
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Space")
        expect(page.locator("[data-is=fixes] li").first).to_be_visible()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        expect(page.locator("tbody tr").first).to_be_visible()
        page.keyboard.press("Tab")
        assert (
            page.evaluate("document.activeElement.getAttribute('aria-label')")
            == f"Clinicians of {first}"
        ), "the table can be scrolled"
        assert page.locator(".wide").first.get_attribute("tabindex") == "0", (
            "in browsers, too, that do not see to it themselves"
        )
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        expect(page.locator("tbody tr").first).to_be_hidden()


def test_whoever_listens_is_told_what_others_see(browser: Browser, site: Site) -> None:
    with Screen(browser, site) as page:
        page.locator(".unit").first.wait_for()
        told = page.locator("body").aria_snapshot()
        first = units(page)[0]
        for line in (
            'heading "Alarm load" [level=1]',
            'heading "Units, most in need of help first" [level=2]',
            f'heading "{first}" [level=3]',
            "term: Who needs help first?",
            f'img "{first}, alarms in 10 min over the last hour:',
            "contentinfo",
            "banner",
            "main",
        ):
            assert line in told, line


def test_without_motion_for_whoever_wants_none(browser: Browser, site: Site) -> None:
    ask = """() => {
        const one = document.querySelector(".unit");
        one.classList.add("changed");
        return getComputedStyle(one).animationName;
    }"""
    for wish, animation in (("no-preference", "changed"), ("reduce", "none")):
        with Screen(browser, site, reduced_motion=wish) as page:
            page.locator(".unit").first.wait_for()
            assert page.evaluate(ask) == animation
            assert page.evaluate("document.getAnimations().length") == (wish == "no-preference")


def test_dark_is_dark_and_light_is_light(browser: Browser, site: Site) -> None:
    brightness = {}
    for scheme in ("light", "dark"):
        with Screen(browser, site, color_scheme=scheme) as page:
            page.locator(".unit").first.wait_for()
            colours = page.evaluate(
                "['backgroundColor', 'color']"
                ".map((one) => getComputedStyle(document.querySelector('.unit'))[one])"
            )
            brightness[scheme] = [
                sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours
            ]
    (light_ground, light_text), (dark_ground, dark_text) = brightness["light"], brightness["dark"]
    assert light_ground > 600 > light_text
    assert dark_ground < 200 < dark_text


def test_without_scripts_it_says_where_the_numbers_are(browser: Browser, site: Site) -> None:
    with Screen(browser, site, java_script_enabled=False) as page:
        assert "The same numbers are at /metrics and /api/v1/units." in page.inner_text("main")
