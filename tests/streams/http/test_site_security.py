"""The page behind a token, under hostile names, and under its content security policy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Error, expect

from analyzer import AlarmEvent, Engine, Policy
from analyzer.model.policy import MINUTE
from streams.settings import WebSettings
from tests.harness.hospitals import NINE
from tests.harness.screens import SIZES, Screen, kept, overflow, viewport
from tests.harness.site import FakeWorker, Site, simulated


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
            expect(page.locator(".unit [data-is=unit]")).to_have_text(f"U{SEEN}")
            expect(page.locator("#fix")).to_contain_text(f"C{SEEN} in U{SEEN}")
            for size in SIZES:
                page.set_viewport_size(viewport(size))
                assert overflow(page) == []
            page.locator(".unit a").click()
            expect(page.locator("[data-is=fixes] li").first).to_contain_text("<script>")
            for summary in page.locator("#one summary, #whatif summary").all():
                summary.click()
            expect(page.locator("#one h2")).to_contain_text(f"U{SEEN}")
            for size in SIZES:
                page.set_viewport_size(viewport(size))
                assert overflow(page) == []
            assert page.evaluate("window.hit") is None
            assert page.locator("main img, main script").count() == 0
            assert screen.complaints == [], "nor did the policy have to stop anything"
            kept(page, "hostile")


def test_nothing_comes_from_another_host_and_the_policy_has_nothing_to_complain_of(
    browser: Browser, site: Site
) -> None:
    screen = Screen(browser, site)
    with screen as page:
        page.locator(".unit").nth(2).wait_for()
        page.locator(".unit a").first.click()
        for summary in page.locator("#one summary, #whatif summary").all():
            summary.click()
        page.locator(".people tbody tr").first.wait_for()
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
