"""The page by keyboard, screen reader and axe, on every size of screen, light and dark."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from analyzer import Engine, Policy
from tests.harness.screens import (
    SIZES,
    Screen,
    kept,
    overflow,
    unit_address,
    units,
    viewport,
)
from tests.harness.site import UNTIL, FakeWorker, Site, simulated

# All rules run. Passing rules are summarised: listing their elements would double the time.
RULES = {
    "resultTypes": ["violations"],
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
}


VIEWS = {"list": "", "unit": unit_address("MICU"), "help": "help"}


def opened(page: Page, view: str) -> None:
    """Wait for all of a view, with every section open."""
    if view == "help":
        page.locator("#help").wait_for()
        return
    page.locator(".unit" if view == "list" else "#one svg.hourly").first.wait_for()
    for summary in page.locator("summary:visible").all():
        summary.click()
    page.locator("[data-is=says] li").first.wait_for()
    if view == "unit":
        page.locator(".people tbody tr").first.wait_for()
        page.locator("[data-is=fixes] li").first.wait_for()
        page.locator("[data-is=phases] li").first.wait_for()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_and_nothing_runs_over_the_edge(
    browser: Browser, site: Site, scheme: Any, view: str
) -> None:
    with Screen(browser, site, VIEWS[view], color_scheme=scheme) as page:
        opened(page, view)
        for size in SIZES:
            page.set_viewport_size(viewport(size))
            found = Axe().run(page, options=RULES).response
            assert len(found["passes"]) > 15
            assert [
                (one["id"], [node["html"] for node in one["nodes"]][:3])
                for one in found["violations"]
            ] == []
            assert overflow(page) == [], size
            kept(page, f"{view}-{scheme}-{size}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_in_the_incident_view(browser: Browser, site: Site, scheme: Any) -> None:
    where = f"incident?facility=H01&unit=MICU&at={UNTIL}"
    with Screen(browser, site, where, color_scheme=scheme) as page:
        page.locator("h1").wait_for()
        for summary in page.locator("summary:visible").all():
            summary.click()
        for size in SIZES:
            page.set_viewport_size(viewport(size))
            found = Axe().run(page, options=RULES).response
            assert len(found["passes"]) > 10
            assert [
                (one["id"], [node["html"] for node in one["nodes"]][:3])
                for one in found["violations"]
            ] == []
            assert overflow(page) == [], size
            kept(page, f"incident-{scheme}-{size}")


@pytest.mark.parametrize("state", ["gone", "empty"])
def test_axe_finds_no_fault_in_trouble_either(browser: Browser, state: str) -> None:
    served = Site(FakeWorker(Engine(Policy()) if state == "empty" else simulated())).start()
    with Screen(browser, served) as page:
        page.locator("#empty" if state == "empty" else ".unit >> nth=0").wait_for()
        served.stop()
        page.get_by_role("alert").wait_for()
        assert Axe().run(page, options=RULES).response["violations"] == []


def test_everything_is_done_with_the_keyboard_alone(browser: Browser, site: Site) -> None:
    def active(what: str = "textContent") -> str:
        return str(page.evaluate(f"document.activeElement.{what}"))

    with Screen(browser, site) as page:
        page.locator(".unit").nth(2).wait_for()
        first, second = units(page)[:2]
        page.keyboard.press("Tab")
        assert active() == "Skip to the units"
        assert page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]
        page.keyboard.press("Enter")
        assert active("id") == "units"
        seen = []
        for _ in range(7):
            page.keyboard.press("Tab")
            seen.append(active("id") or active())
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert seen == [
            "search",
            "state",
            "Unit",
            "State",
            "Alarms per clinician",
            first,
            second,
        ]
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#one h2 span").first).to_have_text(first)
        assert active("id") == "one", "whoever listens is taken to what has opened"
        page.locator("#one svg.hourly").wait_for()
        page.keyboard.press("Tab")
        assert active() == "All units"
        page.keyboard.press("Enter")
        expect(page.locator(".unit").first).to_be_visible()
        assert active() == first, "and back to where they were"


def test_screen_readers_are_told_the_same(browser: Browser, site: Site) -> None:
    with Screen(browser, site) as page:
        page.locator(".unit").first.wait_for()
        first = units(page)[0]
        state = page.locator(".unit [data-is=state]").first.inner_text()
        for size in SIZES:  # also where the table is drawn as blocks
            page.set_viewport_size(viewport(size))
            told = page.locator("body").aria_snapshot()
            for line in (
                'heading "Alarm load" [level=1]',
                'heading "Units" [level=2]',
                'table "Units"',
                f'rowheader "{first}"',
                f'cell "{state} since',
                "term: Who needs help first?",
                f'img "{first}, alarms per clinician in 10 min over the last hour:',
                'search "Units to show"',
                "contentinfo",
                "banner",
                "main",
            ):
                assert line in told, (size, line)


@pytest.mark.parametrize("button", ["Unit", "State", "Alarms per clinician"])
def test_the_sorted_column_says_so(browser: Browser, site: Site, button: str) -> None:
    with Screen(browser, site) as page:
        page.locator(".unit").first.wait_for()
        page.get_by_role("button", name=button, exact=True).click()
        sorted_by = page.locator("[aria-sort=ascending], [aria-sort=descending]")
        expect(sorted_by).to_have_count(1)
        expect(sorted_by).to_have_text(button)


def test_animations_follow_the_reduced_motion_setting(browser: Browser, site: Site) -> None:
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
                ".map((one) => getComputedStyle(document.querySelector('.units'))[one])"
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
