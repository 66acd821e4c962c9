"""The page refreshes in place, and says so when its data is old, incomplete or missing."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from analyzer import AlarmEvent, ClockOffset, Engine, Policy
from analyzer.model.policy import HOUR, MINUTE
from streams.health.health import Health
from tests.harness.hospitals import NINE, troubled
from tests.harness.screens import Screen, answer, kept, unit_address, units, viewport
from tests.harness.site import UNTIL, FakeWorker, Site, simulated


def test_updates_keep_focus_and_scroll_position(browser: Browser) -> None:
    hospital = troubled()
    with (
        Site(FakeWorker(hospital.engine), now=(NINE + 10 * MINUTE) / 1000) as site,
        Screen(browser, site) as page,
    ):
        page.set_viewport_size(viewport("phone"))
        link = page.get_by_role("link", name="CCU")
        link.focus()
        page.evaluate(
            "window.scrollBy(0, 37); window.row = document.querySelector('.unit:last-child')"
        )
        link_at = link.bounding_box()
        for number in range(150):
            hospital.alarm(NINE + 11 * MINUTE + number * 4000, bed="9", unit="CCU")
        hospital.run(NINE + 22 * MINUTE)
        site.now += 12 * 60
        expect(page.locator(".unit[data-state=overloaded]", has_text="CCU")).to_have_count(1)
        expect(page.locator("#news")).to_contain_text("CCU is now overloaded")
        assert units(page) == ["ICU", "CCU"], "nothing moves away from under somebody at work there"
        assert page.evaluate("document.activeElement.textContent") == "CCU"
        assert link_at is not None
        assert link.bounding_box() == pytest.approx(link_at, abs=40)
        assert page.evaluate("window.row.isConnected")
        page.evaluate("document.activeElement.blur()")
        hospital.alarm(NINE + 22 * MINUTE + 1, bed="9", unit="CCU")
        hospital.run(NINE + 22 * MINUTE + 2)
        expect(page.locator(".unit [data-is=unit]").first).to_have_text("CCU")
        assert page.evaluate("window.row.isConnected")


def test_open_parts_of_a_unit_stay_open(browser: Browser) -> None:
    hospital = troubled()
    with (
        Site(FakeWorker(hospital.engine), now=(NINE + 10 * MINUTE) / 1000) as site,
        Screen(browser, site, unit_address("CCU", "H")) as page,
    ):
        page.get_by_text("Clinicians of CCU").click()
        cell = page.locator(".people tbody tr td:nth-child(4)")
        expect(cell).to_have_text("0")
        page.evaluate("window.row = document.querySelector('.people tbody tr')")
        hospital.alarm(NINE + 10 * MINUTE + 1, bed="9", unit="CCU")
        hospital.run(NINE + 10 * MINUTE + 2)
        expect(cell).to_have_text("1")
        assert page.evaluate("window.row.isConnected")


@pytest.mark.parametrize("query", ["", unit_address("MICU")], ids=["list", "unit"])
def test_unchanged_elements_are_not_written_again(browser: Browser, site: Site, query: str) -> None:
    with Screen(browser, site, query) as page:
        if query:
            expect(page.locator("[data-is=fixes] li")).to_have_count(3)
        else:
            expect(page.locator(".unit")).to_have_count(3)
            expect(page.locator("#fix strong")).not_to_have_text("…")  # the last to be there
        page.evaluate("""() => {
            window.written = [];
            const name = ({ target }) => target.id || target.className || target.nodeName;
            new MutationObserver((all) => window.written.push(...all.map(name)))
                .observe(
                    document.querySelector("main"),
                    { subtree: true, childList: true, characterData: true },
                );
        }""")
        for _ in range(2):
            with page.expect_response("**/api/v1/unit*?*"):
                pass
        assert page.evaluate("window.written") == []


def test_old_data_is_said_to_be_old(browser: Browser) -> None:
    worker = FakeWorker(simulated())
    with Site(worker, now=UNTIL / 1000) as site, Screen(browser, site) as page:
        expect(page.locator("#current strong")).to_have_text("Yes")
        expect(page.locator("body")).not_to_have_class("old")
        site.now += 1800
        expect(page.locator("#current strong")).to_have_text("No")
        assert "No alarm event from H01 for 30 min: is its feed still running?" in answer(
            page, "current"
        )
        expect(page.locator("body")).to_have_class("old")
        worker.behind = "12345 records behind"
        expect(page.locator("#current")).to_contain_text("Behind: 12345 records behind.")
        kept(page, "old")


def test_a_silent_broker_refused_events_and_wrong_clocks_are_named_on_the_page(
    browser: Browser,
) -> None:
    worker = FakeWorker(simulated())
    worker.condition = Health(
        now=1000.0,
        answered_at=998.0,
        since=0.0,
        recent={
            ("H01", "alarms", "accepted"): 20,
            ("H01", "alarms", "late"): 40,
            ("H01", "alarms", "future"): 20,
        },
        offsets=(ClockOffset("H01", "ventilator", -660_000, 0, 20),),
    )
    with Site(worker, now=UNTIL / 1000) as site, Screen(browser, site) as page:
        expect(page.locator("#current strong")).to_have_text("Incomplete")
        refused = (
            "20 of 80 alarm events counted in the last 10 min; 60 refused: 40 late, "
            "20 from the future"
        )
        expect(page.locator("#current")).to_contain_text(f"H01: {refused}")
        expect(page.locator("#warnings li")).to_have_text(
            [
                f"H01: {refused}.",
                "H01: devices of type ventilator are 11 min behind: their clock is wrong, "
                "or events are stored and forwarded.",
            ]
        )
        kept(page, "refused")
        worker.condition = Health(now=1000.0, answered_at=970.0)
        worker.behind = worker.condition.not_ready
        expect(page.locator("#current")).to_contain_text(
            "Behind: the broker has not answered for 30 s."
        )
        expect(page.locator("#current strong")).to_have_text("No")
        expect(page.locator("body")).to_have_class("old")


def test_a_facility_that_sends_nothing_is_old_on_its_own_units_alone(browser: Browser) -> None:
    hospital, other = troubled(), Engine(Policy())
    other.apply(
        "alarms",
        AlarmEvent(
            event_id="e",
            alarm_id="a",
            phase="start",
            at=NINE - 2 * HOUR,
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
        expect(page.locator("#current strong")).to_have_text("Yes")
        told = page.locator(".unit [data-is=old]:not(:empty)")
        expect(told).to_have_text(["No alarm event from E for 130 min: is its feed still running?"])


def test_a_lost_worker_is_shown_and_so_is_its_return(browser: Browser) -> None:
    worker = FakeWorker(simulated())
    first = Site(worker).start()
    with Screen(browser, first) as page:
        expect(page.locator(".unit")).to_have_count(3)
        expect(page.locator("#trouble")).to_be_hidden()
        first.stop()
        expect(page.get_by_role("alert")).to_have_text(
            re.compile(
                r"The worker cannot be reached\. "
                r"The numbers below are from \d\d:\d\d:\d\d, \d+ s ago\."
            )
        )
        expect(page.locator("#current strong")).to_have_text("No")
        expect(page.locator(".unit")).to_have_count(3)
        kept(page, "unreachable")
        again = Site(worker)
        again.port = first.port
        with again:
            expect(page.locator("#trouble")).to_be_hidden()
            expect(page.locator("#current strong")).to_have_text("Yes")
            worker.recovered = False
            expect(page.get_by_role("alert")).to_contain_text(
                "The worker cannot answer yet: waiting for partitions or their state."
            )
