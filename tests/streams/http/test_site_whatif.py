"""The page's workbench: candidate settings are tried in the browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from streams.files.tuning import type_of
from tests.harness.hospitals import NINE, Hospital
from tests.harness.screens import Screen
from tests.harness.site import FakeWorker, Site

HEART_RATE = ("monitor", "MDC_ECG_HEART_RATE", "MDC_EVT_HI")


def dragged(page: Page, lever: str, key: str, times: int = 1) -> None:
    page.locator(f"#{lever}").focus()
    for _ in range(times):
        page.keyboard.press(key)


def test_a_candidate_is_tried_with_the_keyboard_and_its_numbers_are_those_of_the_interface(
    browser: Browser, site: Site
) -> None:
    screen = Screen(browser, site)
    with screen as page:
        page.locator(".unit").nth(2).wait_for()
        assert not [url for url in screen.asked if "/whatif" in url], (
            "nothing is worked out before somebody asks"
        )
        page.locator("#workbench summary").focus()
        page.keyboard.press("Enter")
        bench = page.locator("#workbench")
        bench.get_by_label("Unit").select_option("PICU")
        choices = site.get("/api/v1/whatif/types?facility=H01&unit=PICU").json
        kinds = bench.get_by_label("Alarm type")
        expect(kinds.locator("option")).to_have_count(len(choices["types"]))
        rate = next(one for one in choices["types"] if type_of(one["type"]) == HEART_RATE)
        kinds.select_option(f"Heart rate high ({'/'.join(HEART_RATE)}) ({rate['alarms']})")
        expect(bench.locator("[data-is=about]")).to_have_text(
            f"{rate['alarms']} finished alarms in {choices['span']['hours']:g}\u00a0h. "
            "They sounded above 120, with readings of "
            f"{rate['readings']['least']:g} to {rate['readings']['most']:g}. "
            f"{rate['high_priority']} of high priority: "
            "a clinical review is required before any change."
        )
        dragged(page, "delay", "ArrowRight", 9)
        dragged(page, "limit", "ArrowRight", 4)
        expect(bench.locator("output")).to_have_text(["9\u00a0s", "124"])
        assert page.locator("#limit").get_attribute("aria-valuetext") == "124"
        told = site.get(
            f"/api/v1/whatif?facility=H01&unit=PICU&type={'/'.join(HEART_RATE)}&delay=9&limit=124"
        ).json
        before, after = told["before"]["alarms"], told["after"]["alarms"]
        assert before > after > 0
        expect(bench.locator("[aria-atomic]")).to_have_text(
            f"{before} alarms before, {after} after"
        )
        shown = [
            bench.locator("[data-is=harm]").inner_text(),
            bench.locator("[data-is=gain]").inner_text(),
            *bench.locator("[data-is=says] li").all_inner_texts(),
        ]
        assert [one.rstrip(".").lower() for one in shown] == [
            one.replace("->", "→").lower() for one in told["says"]
        ]
        assert "BEYOND the tolerance of 1 %" in shown[0]
        harm, gain = bench.locator("[data-is=harm]"), bench.locator("[data-is=gain]")
        sizes = [one.evaluate("of => getComputedStyle(of).fontSize") for one in (harm, gain)]
        colours = [one.evaluate("of => getComputedStyle(of).color") for one in (harm, gain)]
        assert sizes[0] == sizes[1]
        assert colours == ["rgb(160, 28, 0)", "rgb(20, 32, 43)"]
        assert bench.locator("[data-is=caveats] li").all_inner_texts() == told["caveats"]
        width = float(bench.locator(".bars .after").get_attribute("width") or "nan")
        assert width == pytest.approx(100 * after / before)
        dragged(page, "limit", "End")
        expect(bench.locator("[aria-atomic]")).to_have_text(f"{before} alarms before, 0 after")
        dragged(page, "limit", "Home")
        dragged(page, "delay", "Home")
        expect(bench.locator("output")).to_have_text(["unchanged", "unchanged"])
        expect(bench.locator("[aria-atomic]")).to_have_text(
            f"{before} alarms before, {before} after"
        )
        assert screen.complaints == []


def test_the_answer_to_the_last_question_counts(browser: Browser, site: Site) -> None:
    held: list[Route] = []
    with Screen(browser, site) as page:
        page.locator(".unit").nth(2).wait_for()
        page.locator("#workbench summary").click()
        bench = page.locator("#workbench")
        bench.locator("[data-is=says] li").first.wait_for()
        # it must take a function of Python
        page.route("**/api/v1/whatif?*delay=1", lambda route: held.append(route))
        with page.expect_request("**/api/v1/whatif?*delay=1"):
            dragged(page, "delay", "ArrowRight")
        with page.expect_response("**/api/v1/whatif?*delay=60"):
            dragged(page, "delay", "End")
        expect(bench.locator("[data-is=says]")).to_contain_text("up to 60 s later")
        with page.expect_response("**/api/v1/whatif?*delay=1"):
            held[0].continue_()
        page.wait_for_timeout(100)
        expect(bench.locator("[data-is=says]")).to_contain_text("up to 60 s later")


def test_where_nothing_has_finished_there_is_nothing_to_try(browser: Browser) -> None:
    hospital = Hospital()
    with Site(FakeWorker(hospital.engine), now=NINE / 1000) as site, Screen(browser, site) as page:
        page.locator("#empty").wait_for()
        page.locator("#workbench summary").click()
        problem = page.locator("#workbench [data-is=problem]")
        expect(problem).to_have_text("No unit has had an alarm yet.")
        hospital.alarm(NINE)
        hospital.run(NINE)
        expect(problem).to_have_text("No finished alarms of this unit are known.")
        expect(page.locator("#delay")).to_be_hidden()


def test_an_impossible_what_if_is_explained_in_place_of_an_answer(
    browser: Browser, site: Site
) -> None:
    with Screen(browser, site) as page:
        page.locator(".unit").nth(2).wait_for()
        page.locator("#workbench summary").click()
        bench = page.locator("#workbench")
        bench.get_by_label("Alarm type").select_option(index=1)
        expect(bench.locator("[data-is=about]")).to_contain_text("They have no alarm limit.")
        expect(page.locator("#limit")).to_be_hidden()
        page.route(
            "**/api/v1/whatif?*",
            lambda route: route.fulfill(status=400, json={"error": "limit: too sensitive"}),
        )
        dragged(page, "delay", "ArrowRight")
        expect(bench.locator("[data-is=problem]")).to_have_text(
            "The worker could not answer: limit: too sensitive."
        )
        expect(bench.locator("[data-is=says]")).to_be_hidden()


def test_a_link_of_a_board_opens_the_workbench_for_its_unit_and_type(
    browser: Browser, site: Site
) -> None:
    """The second of the unit's types, since the first would be chosen anyway."""
    types = site.get("/api/v1/whatif/types?facility=H01&unit=PICU").json["types"]
    second = types[1]["type"]
    kind = f"{second['device_type']}/{second['source']}/{second['code']}"
    with Screen(browser, site, f"?facility=H01&unit=PICU&type={kind}#whatif") as page:
        bench = page.locator("#workbench")
        expect(bench.locator("[data-is=levers]")).to_be_visible()
        expect(bench.get_by_label("Unit").locator("option:checked")).to_have_text("PICU")
        assert bench.get_by_label("Alarm type").evaluate("one => one.selectedIndex") == 1
        bench.get_by_label("Unit").select_option("MICU")
        expect(bench.locator("[aria-atomic]")).to_contain_text("alarms before")
        assert bench.get_by_label("Unit").locator("option:checked").inner_text() == "MICU"


def test_a_link_to_a_type_that_is_gone_opens_the_unit_s_most_frequent(
    browser: Browser, site: Site
) -> None:
    with Screen(browser, site, "?facility=H01&unit=PICU&type=pump/X/Y#whatif") as page:
        bench = page.locator("#workbench")
        expect(bench.locator("[data-is=levers]")).to_be_visible()
        assert bench.get_by_label("Alarm type").evaluate("one => one.selectedIndex") == 0
