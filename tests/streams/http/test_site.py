"""The page in a browser: what it says of the units, the clinicians and the data."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from analyzer import AlarmEvent, Engine, Policy
from analyzer.model.policy import MINUTE
from streams.settings import WebSettings
from tests.harness.hospitals import NINE, Hospital, troubled
from tests.harness.screens import Screen, answer, units
from tests.harness.site import FakeWorker, Site


def test_five_questions_are_answered_at_once(browser: Browser) -> None:
    with (
        Site(
            FakeWorker(troubled().engine),
            WebSettings(show_beds=True),
            now=(NINE + 10 * MINUTE) / 1000,
        ) as site,
        Screen(browser, site) as page,
    ):
        expect(page.locator("#worst strong")).to_have_text("ICU: overloaded")
        assert "14.5 alarms per clinician on duty in the last 10 min, more than 4." in answer(
            page, "worst"
        )
        assert (
            answer(page, "relief")
            == "ICU: bob\nMove bed 1 from ann to bob: alarms per hour 30 → 20 and 0 → 10; "
            "bob then has 2 beds."
        )
        expect(page.locator("#fix strong")).to_have_text("Low in ICU")
        assert answer(page, "fix").replace("\u00a0", " ") == (
            "Low in ICU\nmonitor//MDC_EVT_LO: 30 of 30 non-actionable or technical alarms in 12 h. "
            "Not advised yet, as too few alarms were needed to show what it would hide: "
            "add an annunciation delay of 5 s. Owner: biomed."
        )
        assert (
            answer(page, "current")
            == "Yes\nUp to date: the broker answered 2 s ago, and all its records are counted. "
            "Last alarm event: 10:10:00."
        )
        assert (
            answer(page, "before").replace("\u00a0", " ")
            == "Worse\n5.1 alarms per hour in the last 12 h, 0.0 in the 12 h before."
        )
        assert page.title() == "1 unit overloaded, alarm load"
        assert units(page) == ["ICU", "CCU"]
        first = page.locator(".unit").first
        expect(first.locator(".state")).to_have_text("overloaded since 10:09")
        expect(first.locator(".why li")).to_have_text(
            [
                "14.5 alarms per clinician on duty in the last 10 min, more than 4.",
                "Of 2 clinicians on duty: 1 overloaded.",
            ]
        )
        assert first.locator("[data-is=staffing]").inner_text() == "2 on duty, 4 beds, 2.0 each"
        assert first.locator("svg.trend").get_attribute("aria-label") == (
            "ICU, alarms in 10 min over the last hour: 0 an hour ago, at most 29, 29 now"
        )
        assert (
            page.locator(".unit").nth(1).locator(".why").inner_text()
            == "No measure exceeds its limit."
        )


def test_the_numbers_shown_are_those_of_the_interface(browser: Browser, site: Site) -> None:
    told = site.get("/api/v1/units").json["units"]
    with Screen(browser, site) as page:
        expect(page.locator(".unit")).to_have_count(3)
        assert units(page) == [unit["unit"] for unit in told]
        for unit, card in zip(told, page.locator(".unit").all(), strict=True):
            alarms = {window: unit["alarms"][window]["all"] for window in ("10m", "1h", "12h")}
            shown = (
                card.locator("[data-is=alarms]")
                .inner_text()
                .replace("\u00a0", " ")
                .replace(",", "")
            )
            assert (
                shown == f"{alarms['10m']} in 10 min {alarms['1h']} in 1 h {alarms['12h']} in 12 h"
            )
            share = round(100 * unit["nonactionable"]["12h"]["clinical"])
            of = unit["nonactionable"]["12h"]
            assert card.locator("[data-is=nonactionable]").inner_text().replace("\u00a0", " ") == (
                f"{share} % in 12 h ({round(100 * of['classified'] / of['alarms'])} % classified)"
            )
            assert card.locator("[data-is=state]").inner_text() == unit["state"]


def test_clinicians_open_from_their_unit_in_the_order_of_their_pseudonyms(
    browser: Browser, site: Site
) -> None:
    unit = site.get("/api/v1/units").json["units"][0]["unit"]
    told = [
        one
        for one in site.get(f"/api/v1/clinicians?facility=H01&unit={unit}").json["clinicians"]
        if one["on_duty"]
    ]
    screen = Screen(browser, site)
    with screen as page:
        page.locator(".unit").first.wait_for()
        assert not [url for url in screen.asked if "/clinicians" in url], (
            "nobody is told of before somebody asks"
        )
        page.get_by_text(f"Clinicians of {unit}").click()
        expect(page.locator("tbody tr")).to_have_count(len(told))
        names = page.locator("tbody code").all_inner_texts()
        assert names == [one["clinician"] for one in told] == sorted(names)
        beds = page.locator("tbody td:nth-child(2)").all_inner_texts()
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
        page.get_by_text("Clinicians of ICU").click()
        expect(page.locator("[data-is=nobody]")).to_have_text(
            "Metrics.clinicians is off: this worker shows units only."
        )
        assert (
            page.locator("[data-is=staffing]").inner_text()
            == "no one assigned: is the roster being sent?"
        )
        assert answer(page, "before").startswith("Not known yet")
        assert page.locator("[data-is=nonactionable]").inner_text().startswith("too few classified")
    with Site(FakeWorker(hospital.engine), now=NINE / 1000) as site, Screen(browser, site) as page:
        page.get_by_text("Clinicians of ICU").click()
        expect(page.locator("[data-is=nobody]")).to_have_text(
            "No one is assigned to a bed of this unit now."
        )


def test_one_facility_of_several_is_chosen_and_stays_in_the_address(browser: Browser) -> None:
    hospital, other = troubled(), Engine(Policy())
    other.apply(
        "alarms",
        AlarmEvent(
            event_id="e",
            alarm_id="a",
            phase="start",
            at=NINE,
            facility="E",
            unit="NICU",
            bed="1",
            device_id="m",
            device_type="monitor",
            code="MDC_EVT_LO",
            kind="physiological",
            priority="low",
        ),
        None,
    )
    other.advance(NINE + 10 * MINUTE)
    with (
        Site(FakeWorker(hospital.engine, other), now=(NINE + 10 * MINUTE) / 1000) as site,
        Screen(browser, site) as page,
    ):
        expect(page.locator(".unit h3")).to_have_text(["ICU H", "NICU E", "CCU H"])
        page.get_by_label("Facility").select_option("E")
        expect(page.locator(".unit h3")).to_have_text(["NICU"])
        assert page.url.endswith("?facility=E")
        page.reload()
        expect(page.locator(".unit h3")).to_have_text(["NICU"])
        page.get_by_label("Facility").select_option("all")
        expect(page.locator(".unit")).to_have_count(3)
