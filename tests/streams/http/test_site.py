"""The page in a browser: what it says of the units, the clinicians and the data."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from analyzer import Engine, Policy
from analyzer.model.policy import MINUTE
from tests.harness.hospitals import NINE, Hospital, troubled
from tests.harness.screens import Screen, answer, unit_address, units
from tests.harness.site import FakeWorker, Site


def test_five_questions_are_answered_at_once(browser: Browser) -> None:
    with (
        Site(FakeWorker(troubled().engine), now=(NINE + 10 * MINUTE) / 1000) as site,
        Screen(browser, site) as page,
    ):
        expect(page.locator("#worst strong")).to_have_text("ICU: overloaded")
        says = (
            "Overloaded since 09:09 (14 alarms per clinician in 10 min, limit 10); "
            "stays so until 4 or fewer for 10 min; 14.5 at 09:10."
        )
        assert says in answer(page, "worst")
        assert (
            answer(page, "relief")
            == "Yes, in ICU\nOne bed could move: the busier of the two then has "
            "20 alarms per hour, not 30."
        )
        expect(page.locator("#fix strong")).to_have_text("Low in ICU")
        assert answer(page, "fix").replace("\u00a0", " ") == (
            "Low in ICU\nmonitor//MDC_EVT_LO: 30 of 30 non-actionable or technical alarms in 12 h. "
            "Not advised yet, as too few alarms were needed to show what it would hide: "
            "add an annunciation delay of 5 s. Owner: biomed."
        )
        assert (
            answer(page, "current")
            == "Yes Up to date: the broker answered 2 s ago, and all its records are counted. "
            "Last alarm event: 09:10:00."  # the facility's clocks are UTC, the browser's are not
        )
        assert (
            answer(page, "before").replace("\u00a0", " ")
            == "Worse\n14.3 alarms per hour in this shift, "
            "0.0 in the same part of the shift before."
        )
        assert page.title() == "1 unit overloaded, alarm load"
        assert units(page) == ["ICU", "CCU"]
        first = page.locator(".unit").first
        expect(first.locator(".standing")).to_have_text("overloaded since 09:09")
        expect(first.locator("[data-is=reason]")).to_have_text(
            "14.5 alarms per clinician in 10 min at 09:10; the state ends at 4 or fewer. "
            "Of 2 clinicians on duty: 1 overloaded."
        )
        assert first.locator("[data-is=rate]").inner_text() == "14.5"
        assert first.locator("[data-is=staffing]").inner_text() == "2 for 4 beds"
        assert first.locator("[data-is=relief]").inner_text() == "a bed can move"
        assert first.locator("svg.spark").get_attribute("aria-label") == (
            "ICU, alarms per clinician in 10 min over the last hour: 0 an hour ago, at most 14.5, "
            "14.5 now; overloaded above 10"
        )
        second = page.locator(".unit").nth(1)
        assert second.locator("[data-is=reason]").inner_text() == ""
        assert second.locator(".standing").inner_text().strip() == "normal"
        told = page.inner_text("body")
        assert not re.search(r"\b(ann|bob|eve)\b", told), "nobody is named on the list of units"


def test_the_numbers_shown_are_those_of_the_interface(browser: Browser, site: Site) -> None:
    told = site.get("/api/v1/units").json["units"]
    with Screen(browser, site) as page:
        expect(page.locator(".unit")).to_have_count(3)
        assert units(page) == [unit["unit"] for unit in told]
        for unit, row in zip(told, page.locator(".unit").all(), strict=True):
            assert row.locator("[data-is=state]").inner_text() == unit["state"]
            rate = sum(unit["trend"]["minutes"][-10:]) / unit["staffing"]["clinicians"]
            assert row.locator("[data-is=rate]").inner_text() == f"{rate:.1f}"
    for unit in told:
        with Screen(browser, site, unit_address(unit["unit"])) as page:
            alarms = {window: unit["alarms"][window]["all"] for window in ("10m", "1h", "12h")}
            shown = page.locator("#one [data-is=alarms]")
            expect(shown).to_have_text(
                f"{alarms['10m']} in 10 min, {alarms['1h']} in 1 h, {alarms['12h']:,} in 12 h"
            )
            share = round(100 * unit["nonactionable"]["12h"]["clinical"])
            of = unit["nonactionable"]["12h"]
            expect(page.locator("#one [data-is=nonactionable]")).to_have_text(
                f"{share} % of clinical alarms in 12 h "
                f"({round(100 * of['classified'] / of['alarms'])} % classified); "
                f"{of['classes']['technical']} technical, avoidable at the source"
            )
            expect(page.locator("#one [data-is=state]")).to_have_text(unit["state"])


def test_clinicians_open_from_their_unit_in_the_order_of_their_pseudonyms(
    browser: Browser, site: Site
) -> None:
    unit = site.get("/api/v1/units").json["units"][0]["unit"]
    told = [
        one
        for one in site.get(f"/api/v1/clinicians?facility=H01&unit={unit}").json["clinicians"]
        if one["on_duty"]
    ]
    screen = Screen(browser, site, unit_address(unit))
    with screen as page:
        page.locator("#one svg.trend").wait_for()
        assert not [url for url in screen.asked if "/clinicians" in url], (
            "nobody is told of before somebody asks"
        )
        page.get_by_text(f"Clinicians of {unit}").click()
        expect(page.locator(".people tbody tr")).to_have_count(len(told))
        names = page.locator(".people tbody code").all_inner_texts()
        assert names == [one["clinician"] for one in told] == sorted(names)
        beds = page.locator(".people tbody td:nth-child(3)").all_inner_texts()
        assert beds == [str(one["beds"]) for one in told]


def test_nothing_to_show_says_why(browser: Browser) -> None:
    worker = FakeWorker(Engine(Policy()))
    with Site(worker) as site, Screen(browser, site) as page:
        expect(page.locator("#empty")).to_have_text(
            "No alarm event has arrived yet: is anything sent to the topic alarms?"
        )
        assert answer(page, "worst").startswith("No one yet")
        assert answer(page, "current").startswith("No data yet")
    hospital = Hospital()
    hospital.alarm(NINE)
    hospital.run(NINE)
    with (
        Site(FakeWorker(hospital.engine), now=NINE / 1000, clinicians=False) as site,
        Screen(browser, site) as page,
    ):
        assert page.locator(".unit [data-is=staffing]").inner_text() == "no one assigned"
        assert answer(page, "before").startswith("Not known yet")
        page.get_by_role("link", name="ICU").click()
        page.get_by_text("Clinicians of ICU").click()
        expect(page.locator("[data-is=nobody]")).to_have_text(
            "Metrics.clinicians is off: this worker shows units only."
        )
        assert (
            page.locator("#one [data-is=staffing]").inner_text()
            == "no one assigned: is the roster being sent?"
        )
        assert page.locator("[data-is=nonactionable]").inner_text().startswith("too few classified")
    with (
        Site(FakeWorker(hospital.engine), now=NINE / 1000) as site,
        Screen(browser, site, unit_address("ICU", "H")) as page,
    ):
        page.get_by_text("Clinicians of ICU").click()
        expect(page.locator("[data-is=nobody]")).to_have_text(
            "No one is assigned to a bed of this unit now."
        )
