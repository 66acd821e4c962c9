"""A unit's own address: its state, why, its last 24 hours, its clinicians, where to look next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import time
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from analyzer.model.policy import HOUR, MINUTE, Level, Levels, OverloadPolicy
from streams.formats.calendars import Calendar, Calendars
from streams.paging.ownership import Known, Ownership
from streams.paging.silences import Alert, AlertmanagerError, Silence
from streams.paging.takings import silence_of
from streams.paging.tiers import TIERS
from streams.settings import WebSettings
from tests.harness.hospitals import NINE, Hospital, storm, troubled
from tests.harness.screens import SIZES, Screen, kept, overflow, unit_address, viewport
from tests.harness.site import FakeWorker, Site, pseudonym

NOW = NINE + 10 * MINUTE
ICU = unit_address("ICU", "H")


def _heights(page: Page) -> dict[str, float]:
    """How high the curve of the last hour ends, and its lines, on the scale below it."""
    axis = page.locator("#one .axis").first.inner_text()
    most = int(axis.split("0 to ")[1].split(" ")[0])
    found = {}
    for name, path in (("curve", ".curve"), ("limit", ".limit:not(.leave)"), ("leave", ".leave")):
        drawn = page.locator(f"#one svg.trend {path}").first.get_attribute("d") or ""
        y = float(drawn.split("M")[-1].split("L")[-1].split("H")[0].split(" ")[1])
        found[name] = (40 - y) / 38 * most
    return found


def test_a_unit_says_how_it_stands_why_and_what_could_be_done(browser: Browser) -> None:
    with (
        Site(FakeWorker(troubled().engine), now=NOW / 1000) as site,
        Screen(browser, site, ICU) as page,
    ):
        expect(page.get_by_role("heading", name="ICU H")).to_be_visible()
        expect(page.locator("#one .state")).to_have_text("overloaded")
        expect(page.locator("#one [data-is=why] li")).to_have_text(
            [
                "Overloaded since 09:09 (14 alarms per clinician in 10 min, limit 10); "
                "stays so until 4 or fewer for 10 min; 14.5 at 09:10.",
                "Of 2 clinicians on duty: 1 overloaded.",
            ]
        )
        expect(page.locator("#one [data-is=relief]")).to_have_text(
            "Move one bed from ann to bob: alarms per hour 30 → 20 and 0 → 10; bob then has 2 beds."
        )
        expect(page.locator("#one [data-is=staffing]")).to_have_text("2 on duty, 4 beds, 2.0 each")
        assert page.title() == "ICU: overloaded, alarm load"
        assert page.locator("#one svg.trend").get_attribute("aria-label") == (
            "ICU, alarms per clinician in 10 min over the last hour: 0 an hour ago, at most 14.5, "
            "14.5 now; overloaded above 10"
        )
        assert page.locator("#one [data-is=keys] li").all_inner_texts() == [
            "overloaded above 10 (dashed), until 4 or fewer (dotted)"
        ]
        assert _heights(page) == pytest.approx({"curve": 14.5, "limit": 10, "leave": 4}, abs=0.05)
        page.reload()
        expect(page.locator("#one .state")).to_have_text("overloaded")


def test_a_state_of_yesterday_has_its_date(browser: Browser) -> None:
    hospital = Hospital()
    hospital.assign("ann", *(str(number) for number in range(9)), start=NINE - 30 * HOUR)
    hospital.alarm(NINE - 30 * HOUR)
    hospital.run(NINE)
    with (
        Site(FakeWorker(hospital.engine), now=NINE / 1000) as site,
        Screen(browser, site, ICU) as page,
    ):
        expect(page.locator("#one [data-is=why] li").first).to_contain_text(
            "Elevated since Sat 28 Feb 03:02 (9 beds"
        )


def test_the_last_24_hours_are_drawn_and_told(browser: Browser) -> None:
    hospital = Hospital()
    hospital.assign("ann", "1", start=NINE - 24 * HOUR)
    hospital.alarm(NINE - 23 * HOUR)
    storm(hospital, NINE - 5 * HOUR, minutes=12, every=20 * 1000)
    hospital.run(NINE)
    with (
        Site(FakeWorker(hospital.engine), now=NINE / 1000) as site,
        Screen(browser, site, ICU) as page,
    ):
        told = site.get("/api/v1/" + ICU).json["states"]
        states = [one["state"] for one in told]
        assert states[0] == states[-1] == "normal"
        assert "overloaded" in states
        bands = page.locator("#one svg.phases rect")
        expect(bands).to_have_count(len(told))
        assert [one.get_attribute("class") for one in bands.all()] == states
        heights = {
            one.get_attribute("class"): float(one.get_attribute("height") or "nan")
            for one in bands.all()
        }
        assert heights["normal"] < heights["overloaded"], "not by colour alone"
        widths = [float(one.get_attribute("width") or "nan") for one in bands.all()]
        hours = [(one["until"] - one["from"]) / HOUR for one in told]
        assert widths == pytest.approx([100 * one / 24 for one in hours], abs=0.11)
        bars = page.locator("#one svg.hourly rect")
        expect(bars).to_have_count(24)
        assert bars.first.get_attribute("class") == "unknown"
        page.get_by_text("The last 24 hours of ICU in words").click()
        expect(page.locator("[data-is=phases] li").last).to_have_text(
            "normal from Sat 28 Feb 10:00 to 04:06"
        )
        expect(page.locator("[data-is=hours] li").nth(4)).to_have_text("04:00 to 05:00: 35 alarms")
        expect(page.locator("[data-is=hours] li").last).to_have_text("09:00 to 10:00: not known")
        assert (bars.nth(19).text_content() or "").endswith("alarms, 04:00 to 05:00")


@pytest.mark.parametrize("size", SIZES)
def test_clinicians_fit_every_screen_and_each_number_has_its_name(
    browser: Browser, size: str
) -> None:
    with (
        Site(FakeWorker(troubled().engine), pseudonym=pseudonym, now=NOW / 1000) as site,
        Screen(browser, site, ICU) as page,
    ):
        page.set_viewport_size(viewport(size))
        page.get_by_text("Clinicians of ICU").click()
        rows = page.locator(".people tbody tr")
        expect(rows).to_have_count(2)
        names = page.locator(".people code").all_inner_texts()
        assert names == sorted(names)
        width = page.viewport_size["width"]  # type: ignore[index]
        for cell in page.locator(".people tbody td").all():
            box = cell.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        labels = rows.first.locator("td").evaluate_all(
            "(all) => all.map((one) => one.dataset.label)"
        )
        assert labels == [
            "State",
            "Beds",
            "Alarms 10\u00a0min",
            "Alarms 1\u00a0h",
            "Protected 1\u00a0h",
            "Hours on duty",
        ]
        shown = page.evaluate(
            "getComputedStyle(document.querySelector('.people td:not(.load)'), '::before').content"
        )
        assert ("Beds" in shown or "attr" in shown) == (width < 800), "where no title stands above"
        assert overflow(page) == []
        kept(page, f"clinicians-{size}")


def test_the_board_is_linked_only_where_grafana_is_known(browser: Browser) -> None:
    hospital = troubled()
    for url, linked in ((None, False), ("https://grafana.example.org/hospital/", True)):
        with (
            Site(FakeWorker(hospital.engine), WebSettings(grafana_url=url), now=NOW / 1000) as site,
            Screen(browser, site, ICU) as page,
        ):
            page.locator("#one svg.trend").wait_for()
            board = page.get_by_role("link", name="Its board in Grafana")
            expect(board).to_be_visible(visible=linked)
            if linked:
                assert board.get_attribute("href") == (
                    "https://grafana.example.org/hospital/d/alarm-fatigue-unit"
                    "?var-facility=H&var-unit=ICU"
                )


class Told:
    """An Alertmanager that tells of one silence, until it does not answer any more."""

    def __init__(self, silence: Silence) -> None:
        self.silence, self.answers = silence, True

    async def all(self) -> list[Silence]:
        if not self.answers:
            raise AlertmanagerError("it does not answer")
        return [self.silence]

    async def alerts(self, labels: Mapping[str, str]) -> list[Alert]:
        return []

    async def put(self, silence: Silence) -> str:
        return silence.id


def test_the_list_and_the_unit_show_by_role_who_has_the_page(browser: Browser) -> None:
    now = NOW / 1000
    silence = silence_of("H", "ICU", (), "charge_nurse", "phone 4711", now - 60, now + 1800)
    told = Told(replace(silence, id="1"))
    ownership = Ownership(told, Calendars(), now=lambda: now)
    says = "Page: the charge nurse has it since 09:09, until 09:40."
    with Site(FakeWorker(troubled().engine), now=now, ownership=ownership) as site:
        with Screen(browser, site) as page:
            expect(page.locator(".unit [data-is=taken]").first).to_have_text(says)
            expect(page.locator(".unit [data-is=taken]").nth(1)).to_have_text("")
            assert "4711" not in page.content()
        with Screen(browser, site, ICU) as page:
            expect(page.locator("#one [data-is=taken]")).to_have_text(says)
            assert "4711" not in page.content()
            told.answers = False
            ownership.known = Known(at=now - 61)
            expect(page.locator("#one [data-is=taken]")).to_have_text(
                "Page: it is not known who has it, because Alertmanager does not answer."
            )


def test_an_unknown_unit_is_not_called_quiet(browser: Browser) -> None:
    with (
        Site(FakeWorker(troubled().engine), now=NOW / 1000) as site,
        Screen(browser, site, unit_address("NOWHERE", "H")) as page,
    ):
        expect(page.locator("#one [data-is=problem]")).to_have_text(
            "Nothing is known of NOWHERE: this worker does not hold it, or it has had no alarms. "
            "Look for it among all units."
        )
        expect(page.locator("#one [data-is=sheet]")).to_be_hidden()
        page.get_by_role("link", name="All units").click()
        page.get_by_role("link", name="ICU").click()
        expect(page.locator("#one .state")).to_have_text("overloaded")
        page.get_by_role("link", name="Units", exact=True).click()
        page.get_by_role("link", name="CCU").click()
        expect(page.locator("#one .state")).to_have_text("normal")
        expect(page.locator("#one [data-is=why]")).to_have_text("No measure exceeds its limit.")


def test_the_what_if_is_about_the_unit_shown(browser: Browser, site: Site) -> None:
    with Screen(browser, site, unit_address("PICU")) as page:
        page.locator("#one svg.trend").wait_for()
        with page.expect_request("**/api/v1/whatif?*") as asked:
            page.locator("#workbench summary").click()
        assert "unit=PICU" in asked.value.url
        expect(page.locator("#workbench").get_by_label("Unit")).to_be_hidden()


def test_help_gives_the_limits_in_force_and_names_units_with_limits_of_their_own(
    browser: Browser,
) -> None:
    policy = OverloadPolicy(
        alarms_10m=Levels(overloaded=Level(12, 5)),
        alarms_1h=Levels(),
        protected_1h=Levels(),
        unanswered=Levels(),
        units={"ICU": {"beds": Levels(elevated=Level(2, 2))}},
    )
    hospital = Hospital(policy)
    hospital.alarm(NINE)
    hospital.run(NINE)
    with (
        Site(FakeWorker(hospital.engine), now=NINE / 1000, overload=policy) as site,
        Screen(browser, site, "help") as page,
    ):
        expect(page.locator("#limits [data-is=legend] li")).to_have_text(
            [
                "elevated: more than 8 beds (until 8 or fewer)",
                "overloaded: more than 12 alarms in 10 min (until 5 or fewer)",
            ]
        )
        expect(page.locator("#limits [data-is=own] li")).to_have_text(
            [
                "ICU (H): elevated: more than 2 beds (until 2 or fewer). "
                "overloaded: more than 12 alarms in 10 min (until 5 or fewer)"
            ]
        )
        expect(page.locator("#limits p")).to_contain_text("after 2 min beyond a limit")


def test_without_anybody_on_duty_the_curve_has_no_limit_per_clinician(browser: Browser) -> None:
    hospital = Hospital()
    for minute in range(12):
        hospital.alarm(NINE + minute * MINUTE)
    hospital.run(NINE + 12 * MINUTE)
    with (
        Site(FakeWorker(hospital.engine), now=NINE / 1000 + 720) as site,
        Screen(browser, site, unit_address("ICU", "H")) as page,
    ):
        expect(page.locator("#one [data-is=rate-is]")).to_have_text(
            "alarms in 10 min, no one on duty"
        )
        expect(page.locator("#one [data-is=keys]")).to_be_hidden()
        assert page.locator("#one svg.trend .limit").first.get_attribute("d") == ""
        assert "0 to 10 alarms" in page.locator("#one .axis").first.inner_text()


def test_help_says_who_is_paged_and_when_shifts_begin_as_set(browser: Browser) -> None:
    hospital = Hospital()
    hospital.alarm(NINE)
    hospital.run(NINE)
    three = tuple(time(hour) for hour in (6, 14, 22))
    calendars = Calendars(Calendar(ZoneInfo("Europe/Vienna"), three))
    with (
        Site(FakeWorker(hospital.engine), now=NINE / 1000, calendars=calendars) as site,
        Screen(browser, site, "help") as page,
    ):
        expect(page.locator("#calendar li")).to_have_text(
            ["H: 06:00, 14:00, 22:00 (Europe/Vienna)"]
        )
        minutes = [one.after // 60 for one in TIERS[1:]]
        expect(page.locator("#paged li")).to_have_text(
            [
                "the charge nurse, at once",
                f"the house supervisor, after {minutes[0]} min, if nobody takes the page",
                f"whoever is on call, after {minutes[1]} min, if nobody takes the page",
            ]
        )
        expect(page.locator("#paged")).to_contain_text("paging.url is not set")


def test_help_says_what_the_words_mean_and_does_not_poll(browser: Browser, site: Site) -> None:
    screen = Screen(browser, site, "help")
    with screen as page:
        told = page.locator("#help")
        for words in ("elevated", "overloaded", "non-actionable", "coverage", "charge nurse"):
            expect(told).to_contain_text(words)
        assert page.title() == "Help, alarm load"
        page.wait_for_timeout(1500)
        assert len([url for url in screen.asked if "/api/" in url]) == 1
        expect(page.locator("#currency")).to_be_hidden()
        assert screen.complaints == []
