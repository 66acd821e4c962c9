"""The list of units: thirty of them are found, narrowed, sorted and shared by their address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from analyzer import AlarmEvent, Engine, Policy
from analyzer.model.policy import HOUR, MINUTE
from tests.harness.hospitals import NINE, Hospital, troubled
from tests.harness.screens import SIZES, Screen, kept, overflow, unit_address, units, viewport
from tests.harness.site import FakeWorker, Site

UNITS = [f"WARD {number}" for number in range(1, 29)] + ["ÉTOILE", "STEPDOWN-EAST"]
NOW = NINE + 10 * MINUTE


def thirty() -> list[Engine]:
    """Thirty units of H, two of which are strained, and one of another facility."""
    hospital, other = Hospital(), Engine(Policy())
    hospital.alarm(NINE - 25 * HOUR, unit=UNITS[0])
    for number, unit in enumerate(UNITS):
        for nurse in range(3):
            beds = (f"{number}-{nurse}-a", f"{number}-{nurse}-b")
            hospital.assign(f"nurse-{number}-{nurse}", *beds, unit=unit)
        for minute in range(number % 7 + 1):
            hospital.alarm(NINE + minute * MINUTE, bed=f"{number}-0-a", unit=unit)
    for at in range(NINE, NOW, 8 * 1000):
        for nurse in range(3):
            hospital.alarm(at, bed=f"4-{nurse}-a", unit=UNITS[4])
    for at in range(NINE - HOUR, NOW, 75 * 1000):
        hospital.alarm(at, bed="9-1-b", unit=UNITS[9])
    hospital.run(NOW)
    alarm = AlarmEvent(
        event_id="e",
        alarm_id="a",
        phase="start",
        at=NOW - MINUTE,
        facility="E",
        unit="WARD 1",
        bed="1",
        device_id="m",
        device_type="monitor",
        code="MDC_EVT_LO",
        kind="physiological",
        priority="low",
    )
    other.apply("alarms", alarm, None)
    other.advance(NOW)
    return [hospital.engine, other]


@pytest.fixture(scope="module")
def ward() -> Iterator[Site]:
    with Site(FakeWorker(*thirty()), now=NOW / 1000) as served:
        yield served


def shown(page: Page, query: str = "", count: int = 31) -> list[str]:
    expect(page.locator(".unit:visible")).to_have_count(count)
    return units(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_thirty_units_fit_and_nothing_is_cut_off(browser: Browser, ward: Site, scheme: Any) -> None:
    """At most 36 px for a unit that is normal on a desk, 64 px on a phone; 20 px more for why."""
    with Screen(browser, ward, "?facility=H", color_scheme=scheme) as page:
        shown(page, count=30)
        for size, (width, _) in SIZES.items():
            page.set_viewport_size(viewport(size))
            heights = page.evaluate(
                "[...document.querySelectorAll('.unit')].map((one) => one.offsetHeight)"
            )
            most = 64 if width < 1100 else 36
            assert sorted(heights)[27] <= most, (size, heights)
            assert max(heights) <= 3 * most, (size, heights)
            assert page.locator("#table").evaluate("(one) => one.offsetHeight") < 30 * most + 300
            assert overflow(page) == [], size
            kept(page, f"thirty-{scheme}-{size}")


def test_on_a_phone_the_list_begins_on_the_first_screen(browser: Browser, ward: Site) -> None:
    with Screen(browser, ward, "?facility=H") as page:
        shown(page, count=30)
        page.set_viewport_size(viewport("phone"))
        box = page.locator(".unit").first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < SIZES["phone"][1]


def test_a_search_narrows_the_list_by_every_word_and_survives_a_reload(
    browser: Browser, ward: Site
) -> None:
    with Screen(browser, ward) as page:
        shown(page)
        page.get_by_label("Search").fill("ward 2")
        assert set(shown(page, count=11)) == {"WARD 2", "WARD 12"} | {
            f"WARD {number}" for number in range(20, 29)
        }
        expect(page.locator("#count")).to_have_text("11 of 31 units shown")
        page.get_by_label("Search").fill("etoile")
        assert shown(page, count=1) == ["ÉTOILE"]
        assert page.url.endswith("/?search=etoile")
        page.reload()
        assert shown(page, count=1) == ["ÉTOILE"]
        expect(page.get_by_label("Search")).to_have_value("etoile")
        page.get_by_label("Search").fill("nowhere")
        expect(page.locator("#empty")).to_have_text("No unit fits the search and the chosen state.")
        page.get_by_label("Search").fill("")
        shown(page)
        assert page.url.endswith("/")
        expect(page.locator("#count")).to_have_text("")


def test_units_are_chosen_by_state_and_above_normal_counts_their_clinicians(
    browser: Browser, ward: Site
) -> None:
    with Screen(browser, ward) as page:
        assert shown(page)[:2] == ["WARD 5", "WARD 10"], "most in need first"
        page.locator("#state").select_option("overloaded")
        assert shown(page, count=1) == ["WARD 5"]
        page.locator("#state").select_option("above normal")
        assert shown(page, count=2) == ["WARD 5", "WARD 10"]
        row = page.locator(".unit:visible").nth(1)
        assert row.get_attribute("data-state") == "normal"
        expect(row.locator("[data-is=reason]")).to_contain_text("Of 3 clinicians on duty: 1")
        page.locator("#state").select_option("normal")
        assert "WARD 5" not in shown(page, count=30)


def test_each_state_has_its_own_shape(browser: Browser, ward: Site) -> None:
    with Screen(browser, ward) as page:
        shown(page)
        mark = page.locator(".unit:visible .standing svg.mark")
        assert mark.first.locator("path").get_attribute("d") == "M2.5 2.5h15v15h-15z"
        assert mark.nth(1).locator("circle").count() == 1


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_the_list_is_sorted_by_need_by_name_and_by_alarms(
    browser: Browser, ward: Site, size: str
) -> None:
    with Screen(browser, ward, "?facility=H") as page:
        page.set_viewport_size(viewport(size))
        need = shown(page, count=30)

        def order(title: str, option: str) -> None:
            if size == "phone":
                page.get_by_label("Order").select_option(option)
            else:
                page.get_by_role("button", name=title, exact=True).click()

        order("Unit", "by name")
        names = units(page)
        assert names[:2] == ["ÉTOILE", "STEPDOWN-EAST"]
        assert names[2:] == [f"WARD {number}" for number in range(1, 29)], "2 before 10"
        assert "sort=name" in page.url
        order("Alarms per clinician", "by alarms per clinician")
        rates = [float(text) for text in page.locator(".unit [data-is=rate]").all_inner_texts()]
        assert rates == sorted(rates, reverse=True)
        assert units(page) != need
        page.reload()
        shown(page, count=30)
        assert page.locator(".unit [data-is=rate]").all_inner_texts() == [
            f"{rate:.1f}" for rate in rates
        ]
        order("State", "most in need first")
        assert units(page) == need
        assert "sort" not in page.url


def test_one_facility_of_several_is_chosen_and_stays_in_the_address(
    browser: Browser, ward: Site
) -> None:
    with Screen(browser, ward) as page:
        shown(page)
        expect(page.locator(".unit:visible small").first).to_have_text("H")
        page.get_by_label("Facility").select_option("E")
        assert shown(page, count=1) == ["WARD 1"]
        expect(page.locator(".unit:visible small")).to_have_text("")
        assert page.url.endswith("?facility=E")
        page.reload()
        assert shown(page, count=1) == ["WARD 1"]
        page.get_by_label("Facility").select_option("all")
        shown(page)


def test_the_back_button_returns_to_the_list_as_it_was(browser: Browser, ward: Site) -> None:
    with Screen(browser, ward, "?facility=H&search=ward&sort=name") as page:
        page.set_viewport_size(viewport("phone"))
        before = shown(page, count=28)
        page.get_by_role("link", name="WARD 20", exact=True).click()
        expect(page.locator("#one h2 span").first).to_have_text("WARD 20")
        assert page.url.endswith(unit_address("WARD 20", "H"))
        expect(page.locator(".unit:visible")).to_have_count(0)
        page.locator("#one svg.hourly").wait_for()
        page.get_by_role("link", name="Help", exact=True).click()
        expect(page.get_by_role("heading", name="The three states")).to_be_visible()
        assert page.url.endswith("/help")
        page.go_back()
        expect(page.locator("#one svg.hourly")).to_be_visible()
        page.go_back()
        assert shown(page, count=28) == before
        assert page.evaluate("document.activeElement.textContent") == "WARD 20"
        expect(page.get_by_role("link", name="WARD 20", exact=True)).to_be_in_viewport()
        page.go_forward()
        expect(page.locator("#one h2 span").first).to_have_text("WARD 20")
        page.get_by_role("link", name="All units").click()
        assert shown(page, count=28) == before


def test_the_list_names_no_clinician_and_requests_none(browser: Browser, ward: Site) -> None:
    screen = Screen(browser, ward)
    with screen as page:
        shown(page)
        expect(page.locator("#fix strong")).not_to_have_text("…")
        assert "nurse-" not in page.content()
        assert not [url for url in screen.asked if "clinicians" in url]
        assert screen.complaints == []


def test_a_recorded_hospital_has_its_own_date(browser: Browser) -> None:
    """The wall clock is months later, and gives no time of the recording a date."""
    with (
        Site(FakeWorker(troubled().engine), event=True, now=(NINE + 2000 * HOUR) / 1000) as site,
        Screen(browser, site) as page,
    ):
        expect(page.locator(".unit .standing").first).to_have_text("overloaded since 09:09")
