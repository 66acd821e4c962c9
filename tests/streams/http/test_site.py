"""The page in a browser: what it says, who can read it, how it goes on while the worker does not,
and what hostile names do to it.

Screenshots of what was seen are left in the folder that ALARM_FATIGUE_SCREENSHOTS names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, Playwright, Route, expect, sync_playwright

from analyzer import AlarmEvent, ClockOffset, Engine, Policy
from analyzer.model.policy import HOUR, MINUTE
from streams.health.health import Health
from streams.settings import WebSettings
from tests.harness.hospitals import NINE, Hospital, storm
from tests.harness.needs import need
from tests.harness.site import UNTIL, FakeWorker, Site, pseudonym, simulated

PATIENCE = 20_000  # ms
expect.set_options(timeout=PATIENCE)
SIZES = {"phone": (390, 844), "laptop": (1280, 800), "wall": (1920, 1080)}
RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }
}


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    # Root has no sandbox; the page under test is our own.
    launched = playwright.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox"])
    yield launched
    launched.close()


class Screen:
    """A page open in a browser, with everything that the browser had to complain of."""

    def __init__(self, browser: Browser, site: Site, query: str = "", **context: Any) -> None:
        self._context = browser.new_context(
            viewport=_viewport("laptop"), timezone_id="Europe/Vienna", **context
        )
        self.page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.asked: set[str] = set()
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if message.type in ("error", "warning")
                else None
            ),
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.add(request.url))
        self.page.goto(site.address + query)

    def __enter__(self) -> Page:
        return self.page

    def __exit__(self, *_: object) -> None:
        self._context.close()


def _viewport(size: str) -> Any:
    width, height = SIZES[size]
    return {"width": width, "height": height}


def kept(page: Page, name: str) -> None:
    """A picture for people to look at."""
    if folder := os.environ.get("ALARM_FATIGUE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def answer(page: Page, which: str) -> str:
    return page.locator(f"#{which} dd").inner_text()


def units(page: Page) -> list[str]:
    return page.locator(".unit h3 span").all_inner_texts()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(FakeWorker(simulated()), pseudonym=pseudonym) as served:
        yield served


def troubled() -> Hospital:
    """A unit with one who is overloaded and one who could help, and a quiet one."""
    hospital = Hospital()
    hospital.assign("ann", "1", "2", start=NINE - 24 * HOUR)
    hospital.assign("bob", "3")
    hospital.assign("eve", "9", unit="CCU")
    hospital.alarm(NINE - 25 * HOUR)
    for number in range(30):
        hospital.alarm(NINE - 3 * HOUR + number * 2 * MINUTE, seconds=5)
    for bed in ("1", "2"):
        storm(hospital, NINE, minutes=10, every=40 * 1000, bed=bed)
    hospital.alarm(NINE, bed="9", unit="CCU")
    hospital.run(NINE + 10 * MINUTE)
    return hospital


# --- texts


def test_five_questions_are_answered_at_once(browser: Browser) -> None:
    with (
        Site(FakeWorker(troubled().engine), now=(NINE + 10 * MINUTE) / 1000) as site,
        Screen(browser, site) as page,
    ):
        expect(page.locator("#worst strong")).to_have_text("ICU: overloaded")
        assert "14 alarms per clinician on duty in the last 10 min, more than 4." in answer(
            page, "worst"
        )
        assert (
            answer(page, "relief")
            == "ICU: bob\nMove one bed from ann (alarms per hour 30 → 15) to bob "
            "(0 → 15, then 2 beds)."
        )
        expect(page.locator("#fix strong")).to_have_text("LO in ICU")
        assert answer(page, "fix").replace("\u00a0", " ") == (
            "LO in ICU\nmonitor: 30 of 30 non-actionable alarms in 12 h. "
            "Change: add an annunciation delay of 5 s. Owner: biomed."
        )
        assert (
            answer(page, "current")
            == "Yes\nUp to date: the broker answered 2 s ago, and all its records are counted. "
            "Last alarm event: 10:09:40."
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
                "14 alarms per clinician on duty in the last 10 min, more than 4.",
                "Of 2 clinicians on duty: 1 overloaded.",
            ]
        )
        assert first.locator("[data-is=staffing]").inner_text() == "2 on duty, 3 beds, 1.5 each"
        assert first.locator("svg.trend").get_attribute("aria-label") == (
            "ICU, alarms in 10 min over the last hour: 0 an hour ago, at most 28, 28 now"
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


# --- what if


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
        rate = next(
            one
            for one in choices["types"]
            if one["type"] == dict(zip(("device_type", "source", "code"), HEART_RATE, strict=True))
        )
        kinds.select_option(f"HI, ECG HEART RATE, monitor ({rate['alarms']})")
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
        shown = bench.locator("[data-is=says] li").all_inner_texts()
        assert [one.rstrip(".").lower() for one in shown] == [
            one.replace("->", "→").replace("non_actionable", "non-actionable").lower()
            for one in told["says"]
        ]
        assert any("true share at most" in one for one in shown)
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


def test_of_several_answers_on_their_way_the_last_question_s_counts(
    browser: Browser, site: Site
) -> None:
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
        expect(bench.locator("[data-is=says]")).to_contain_text("Actionable alarms delayed by 60 s")
        with page.expect_response("**/api/v1/whatif?*delay=1"):
            held[0].continue_()
        page.wait_for_timeout(100)
        expect(bench.locator("[data-is=says]")).to_contain_text("Actionable alarms delayed by 60 s")


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


def test_what_cannot_be_tried_is_said_in_place_of_an_answer(browser: Browser, site: Site) -> None:
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


# --- in place


def test_it_goes_on_in_place_with_focus_scroll_and_what_is_open(browser: Browser) -> None:
    hospital = troubled()
    with (
        Site(FakeWorker(hospital.engine), now=(NINE + 10 * MINUTE) / 1000) as site,
        Screen(browser, site) as page,
    ):
        page.set_viewport_size(_viewport("phone"))
        opened = page.locator(".unit", has_text="CCU").locator("summary").first
        opened.focus()
        page.keyboard.press("Enter")
        expect(page.locator("tbody tr")).to_have_count(1)
        page.evaluate(
            "window.scrollBy(0, 137); window.card = document.querySelector('.unit:last-child')"
        )
        opened_at, focused = (
            opened.bounding_box(),
            page.evaluate("document.activeElement.textContent"),
        )
        for number in range(150):
            hospital.alarm(NINE + 11 * MINUTE + number * 4000, bed="9", unit="CCU")
        hospital.run(NINE + 22 * MINUTE)
        site.now += 12 * 60
        expect(page.locator(".unit[data-state=overloaded] h3 span", has_text="CCU")).to_have_count(
            1
        )
        expect(page.locator("#news")).to_contain_text("CCU is now overloaded")
        assert units(page) == ["ICU", "CCU"], "nothing moves away from under somebody at work there"
        assert page.evaluate("document.activeElement.textContent") == focused
        assert opened_at is not None
        assert opened.bounding_box() == pytest.approx(opened_at, abs=1)
        assert page.evaluate("window.card.isConnected && window.card.querySelector('details').open")
        page.evaluate("document.activeElement.blur()")
        hospital.alarm(NINE + 22 * MINUTE + 1, bed="9", unit="CCU")
        hospital.run(NINE + 22 * MINUTE + 2)
        expect(page.locator(".unit h3 span").first).to_have_text("CCU")
        assert page.evaluate("window.card.isConnected && window.card.querySelector('details').open")


def test_what_has_not_changed_is_not_written_again(browser: Browser, site: Site) -> None:
    with Screen(browser, site) as page:
        expect(page.locator(".unit")).to_have_count(3)
        expect(page.locator("#fix strong")).not_to_have_text("…")  # the last to be there
        page.wait_for_function("document.querySelectorAll('[data-is=fixes] li').length >= 3")
        page.evaluate("""() => {
            window.written = [];
            const name = ({ target }) => target.id || target.className || target.nodeName;
            new MutationObserver((all) => window.written.push(...all.map(name)))
                .observe(
                    document.querySelector("main"),
                    { subtree: true, childList: true, characterData: true },
                );
        }""")
        with page.expect_response("**/api/v1/units?*"):
            pass
        with page.expect_response("**/api/v1/units?*"):
            pass
        assert page.evaluate("window.written") == []


# --- when things go wrong


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
        told = page.locator(".unit [data-is=old]:visible")
        expect(told).to_have_text(["No alarm event from E for 130 min: is its feed still running?"])


def test_a_worker_that_is_gone_is_said_to_be_and_its_return_is_seen(browser: Browser) -> None:
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
                "The worker is starting: waiting for partitions or their state."
            )


def test_a_guarded_page_asks_for_the_token_and_then_works(browser: Browser) -> None:
    token = "a-token-of-this-test-0123456789"
    with Site(FakeWorker(simulated()), WebSettings(token=token)) as site:  # type: ignore[arg-type]  # pydantic hides it
        # nobody is there to be asked
        with pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):
            Screen(browser, site)
        with Screen(browser, site, http_credentials={"username": "", "password": token}) as page:
            expect(page.locator(".unit")).to_have_count(3)


HOSTILE = '<script>window.hit=1</script><img src=x onerror="window.hit=1">"\'&amp;{{7*7}}'


SEEN = HOSTILE


def test_hostile_names_are_text_and_nothing_else(browser: Browser) -> None:
    engine = Engine(Policy())
    alarm = AlarmEvent(
        event_id="-",
        alarm_id="-",
        phase="start",
        at=NINE,
        facility=f"F{HOSTILE}",
        unit=f"U{HOSTILE}",
        bed="1",
        device_id="m",
        device_type=f"D{HOSTILE}",
        source=f"S{HOSTILE}",
        code=f"C{HOSTILE}",
        kind="technical",
        priority="high",
        recipients=(f"N{HOSTILE}",),
    )
    for number in range(30):
        engine.apply(
            "alarms",
            replace(alarm, event_id=f"s{number}", alarm_id=f"a{number}", at=NINE + number * 1000),
            None,
        )
        end = replace(
            alarm,
            event_id=f"e{number}",
            alarm_id=f"a{number}",
            phase="end",
            at=NINE + number * 1000 + 500,
        )
        engine.apply("alarms", end, None)
    engine.advance(NINE + 10 * MINUTE)
    screen_of = Site(FakeWorker(engine), now=NINE / 1000 + 600)
    with screen_of as site:
        screen = Screen(browser, site)
        with screen as page:
            expect(page.locator(".unit h3 span")).to_have_text(f"U{SEEN}")
            for summary in page.locator("summary").all():
                summary.click()
            expect(page.locator("#fix")).to_contain_text(f"C{SEEN} in U{SEEN}")
            expect(page.locator("[data-is=fixes] li").first).to_contain_text("<script>")
            assert page.evaluate("window.hit") is None
            assert page.locator("main img, main script").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth") <= SIZES["laptop"][0]
            assert screen.complaints == [], "nor did the policy have to stop anything"
            kept(page, "hostile")


def test_nothing_comes_from_another_host_and_the_policy_has_nothing_to_complain_of(
    browser: Browser, site: Site
) -> None:
    screen = Screen(browser, site)
    with screen as page:
        page.locator(".unit").nth(2).wait_for()
        for summary in page.locator("summary").all():
            summary.click()
        page.locator("tbody tr").first.wait_for()
        assert all(url.startswith(site.address) for url in screen.asked)
        assert screen.complaints == []
        blocked = page.evaluate("""async () => {
            const found = [], script = document.createElement("script");
            const attempts = [
                () => { document.body.innerHTML = "<p>x</p>"; },
                () => { script.textContent = "1"; },
                () => fetch("http://127.0.0.1:1/"),
            ];
            for (const attempt of attempts) {
                try { await attempt(); found.push("allowed"); } catch { found.push("blocked"); }
            }
            return found;
        }""")
        assert blocked == ["blocked"] * 3
        assert "Content Security Policy" in "".join(screen.complaints)


# --- accessibility


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
        page.set_viewport_size(_viewport(size))
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
            page.set_viewport_size(_viewport(size))
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
