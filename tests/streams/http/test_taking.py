"""A page at night, from the alert to the tap: a real Alertmanager, the relay before the paging
gateway, and the worker's page behind the link, also in a browser as wide as a phone.

Screenshots of what was seen are left in the folder that ALARM_FATIGUE_SCREENSHOTS names.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from streams.paging.links import Link, Signer
from tests.harness.alertmanagers import PAUSE
from tests.harness.gateways import TOKEN, Gateway, Sent
from tests.harness.needs import need
from tests.harness.nights import Night
from tests.harness.workers import eventually

ESCALATIONS = "UnitOverloadUnanswered|UnitOverloadStanding"
BARS = {"facility": "H01", "unit": "MICU"}


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    need("prometheus-alertmanager")
    with Gateway() as gateway:
        one = Night(tmp_path, gateway)
        try:
            yield one
        finally:
            one.stop()


def matchers(silence: dict[str, Any]) -> dict[str, tuple[str, bool, bool]]:
    return {
        one["name"]: (one["value"], one["isRegex"], one["isEqual"]) for one in silence["matchers"]
    }


def test_one_tap_takes_a_page_and_the_next_tier_hears_who_had_it(night: Night) -> None:
    am = night.alertmanager
    am.send("UnitOverloaded")
    first = night.paged("charge-nurse")
    lines = first.payload["text"].splitlines()
    assert lines[0] == "MICU (H01) is overloaded"
    assert re.fullmatch(r"Since: \w{3} \d+ \w{3}, \d\d:\d\d UTC", lines[1])
    assert re.fullmatch(
        r"Next: if nobody takes it, the house supervisor is paged at \d\d:\d\d, whoever is on call "
        r"at \d\d:\d\d\.",
        lines[4],
    )
    assert lines[5] == f"Take it: {first.payload['take']}"
    assert first.authorization == f"Bearer {TOKEN}"
    assert len(first.payload["text"]) < 1024
    path = night.path(first)

    # Messengers and scanners open links on their own.
    for method in ("GET", "HEAD", "GET"):
        status, text, headers = night.ask(method, path)
        assert status == 200
        assert headers["Cache-Control"] == "no-store"
        assert "form-action 'self'" in headers["Content-Security-Policy"]
    assert "I take it" in text
    assert night.silences() == []

    status, _, headers = night.ask(
        "POST", path, action="take", role="charge_nurse", span="30", reach="phone 4711"
    )
    assert status == 303
    assert f"/{headers['Location']}" == path
    [silence] = night.silences()
    assert matchers(silence) == {
        "facility": ("H01", False, True),
        "unit": ("MICU", False, True),
        "alertname": (ESCALATIONS, True, True),
    }
    assert silence["createdBy"] == "charge nurse"
    assert silence["comment"] == "Taken with the link of a page. Reach: phone 4711"

    # The second person sees who has it.
    status, text, _ = night.ask("GET", path)
    assert re.search(r"The charge nurse has it since \d\d:\d\d, until \d\d:\d\d\.", text)
    assert "phone 4711" in text
    assert "I take it" not in text

    # So do the page and the boards, by role alone.
    unit = night.units()["MICU"]
    assert unit["taken"]["role"] == "charge_nurse"
    assert unit["taken"]["until"] - unit["taken"]["since"] == pytest.approx(1_800_000, abs=2000)
    assert night.units()["takings"] == "known"
    assert [line.partition(" ")[0] for line in night.metrics()] == [
        f'alarm_fatigue_page_taken_{which}timestamp_seconds{{facility="H01",role="charge_nurse",unit="MICU"}}'
        for which in ("", "until_")
    ]
    assert "4711" not in str(unit) + "".join(night.metrics())

    # Nobody else is called, but who is told of something else hears who has it.
    am.send("UnitOverloadUnanswered", "PageBudgetSpent")
    text = night.paged("house-supervisor").payload["text"]
    assert re.search(
        r"^Taken: the charge nurse has it since \d\d:\d\d, until \d\d:\d\d\.$", text, re.MULTILINE
    )
    assert night.gateway.sent("house-supervisor")[0].alerts == {"PageBudgetSpent": "firing"}
    am.send("PageBudgetSpent", over=True)

    assert night.ask("POST", path, action="return")[0] == 303
    assert night.silences() == []
    assert "I take it" in night.ask("GET", path)[1]
    assert night.units()["MICU"]["taken"] is None

    def escalated() -> list[Sent]:
        return [
            one
            for one in night.gateway.sent("house-supervisor")
            if one.alerts.get("UnitOverloadUnanswered") == "firing"
        ]

    second = eventually(escalated, "the house supervisor is paged")[0]
    assert re.search(
        r"^Taken: the charge nurse had it from \d\d:\d\d to \d\d:\d\d\.$",
        second.payload["text"],
        re.MULTILINE,
    )
    assert "4711" not in str(second.payload)


def test_each_tier_can_take_the_page_and_all_who_were_paged_hear_of_the_end(night: Night) -> None:
    am = night.alertmanager
    am.send("UnitOverloaded")
    night.paged("charge-nurse")
    am.send("UnitOverloadUnanswered")
    second = night.paged("house-supervisor")
    assert "Next: if nobody takes it, whoever is on call is paged at " in second.payload["text"]
    path = night.path(second)
    assert 'value="house_supervisor" selected' in night.ask("GET", path)[1]
    night.ask("POST", path, action="take", role="house_supervisor", span="shift")
    [silence] = night.silences()
    assert matchers(silence)["alertname"] == ("UnitOverloadStanding", False, True)
    am.send("UnitOverloadStanding")
    time.sleep(PAUSE)
    assert night.gateway.sent("on-call-day", "on-call-night") == []

    night.ask("POST", path, action="return")
    third = night.paged("on-call")
    assert "Next: nobody else is paged: this is the last page." in third.payload["text"]
    assert "Taken: the house supervisor had it from " in third.payload["text"]
    night.ask("POST", night.path(third), action="take", role="on_call", span="60")
    [silence] = night.silences()
    assert matchers(silence)["alertname"] == ("UnitOverloadTaken", False, True)
    assert am.suppressed == set()

    am.send("UnitOverloaded", "UnitOverloadUnanswered", "UnitOverloadStanding", over=True)
    for receiver in ("charge-nurse", "house-supervisor", "on-call"):
        over = night.paged(receiver, 2)
        assert over.payload["text"] == "Over: MICU, H01: no longer overloaded"
    night.ask("POST", night.path(third), action="return")
    status, text, _ = night.ask("GET", path)
    assert (status, "The overload is over. There is nothing to take." in text) == (200, True)
    night.ask("POST", path, action="take", role="on_call", span="60")
    assert night.silences() == []


def test_taps_at_the_same_moment_are_one_silence_which_can_be_kept_for_longer(night: Night) -> None:
    night.alertmanager.send("UnitOverloaded")
    path = night.path(night.paged("charge-nurse"))
    taps = [
        threading.Thread(
            target=night.ask,
            args=("POST", path),
            kwargs={"action": "take", "role": role, "span": "30"},
        )
        for role in ("charge_nurse", "house_supervisor", "charge_nurse", "other")
    ]
    for one in taps:
        one.start()
    for one in taps:
        one.join()
    [silence] = night.silences()
    night.ask("POST", path, action="keep", span="60")
    [longer] = night.silences()
    assert longer["id"] == silence["id"]
    assert longer["endsAt"] > silence["endsAt"]
    night.ask("POST", path, action="keep", span="30")
    assert night.silences() == [longer], "never for less long"


def test_an_unsigned_link_cannot_take_a_page(night: Night) -> None:
    night.alertmanager.send("UnitOverloaded")
    path = night.path(night.paged("charge-nurse"))
    now = int(time.time())
    other = Signer(b"x" * 32).query(Link("H01", "MICU", 0, now + 600))
    forged = [
        path.replace("MICU", "SICU"),
        path[:-1] + ("A" if path[-1] != "A" else "B"),
        re.sub(r"e=\w+", f"e={now + 10**6:x}", path),
        path.replace("t=0", "t=1"),
        path.partition("&s=")[0],
        f"{path}&u=MICU",
        f"/take?{other}",
        "/take",
    ]
    late = f"/take?{night.signer.query(Link('H01', 'MICU', 0, now - 1))}"
    for method in ("GET", "POST"):
        form = {"action": "take", "role": "charge_nurse", "span": "30"} if method == "POST" else {}
        for one in forged:
            status, text, _ = night.ask(method, one, **form)
            assert (status, "This link is not valid" in text) == (403, True), one
        status, text, _ = night.ask(method, late, **form)
        assert (status, "This link has expired" in text) == (410, True)
    for form in (
        {"action": "take", "role": "chief"},
        {"action": "x"},
        {"span": "999", "action": "take"},
    ):
        assert night.ask("POST", path, **form)[0] == 400
    assert night.ask("POST", path, action="take", reach="x" * 5000)[0] == 400
    assert night.ask("PUT", path)[0] == 405
    assert night.silences() == []
    assert night.site.refusals.totals["forged_link"] == 2 * len(forged)
    assert night.site.refusals.totals["expired_link"] == 2
    # The token that readers need is asked for everywhere else.
    assert night.ask("GET", "/")[0] == 401
    assert night.ask("GET", "/take.css")[0] == 200


def test_hostile_names_stay_text(night: Night) -> None:
    unit = 'Ward 3 "Süd" <script>alert(1)</script> & \\ 100%'
    night.alertmanager.send("UnitOverloaded", unit=unit)
    path = night.path(night.paged("charge-nurse"))
    night.ask("POST", path, action="take", role="other", span="30", reach="<b>x</b>\n\x00")
    [silence] = night.silences()
    assert matchers(silence)["unit"] == (unit, False, True)
    text = night.ask("GET", path)[1]
    assert "Somebody else has it" in text
    assert "<script" not in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text


def test_a_silence_made_by_hand_is_a_taking_and_one_for_a_drill_is_not(night: Night) -> None:
    am = night.alertmanager
    am.send("UnitOverloaded")
    path = night.path(night.paged("charge-nurse"))
    am.silence('facility="H01"', 'scope="workload"')
    am.silence('facility="H01"', 'unit="MICU"', 'alertname="UnitFlood"')
    assert "I take it" in night.ask("GET", path)[1]
    am.silence('facility="H01"', 'unit="MICU"', 'alertname=~"UnitOverload(Unanswered|Standing)"')
    assert "Somebody else has it since" in night.ask("GET", path)[1]
    assert night.units()["MICU"]["taken"]["role"] == "other"


def test_without_alertmanager_nothing_is_claimed(night: Night) -> None:
    night.alertmanager.send("UnitOverloaded")
    path = night.path(night.paged("charge-nurse"))
    night.alertmanager.server.stop()
    for method in ("GET", "POST"):
        form = {"action": "take", "role": "charge_nurse"} if method == "POST" else {}
        status, text, _ = night.ask(method, path, **form)
        assert (status, "it is not known who has this page" in text) == (503, True)


def test_a_gateway_that_does_not_accept_a_page_gets_it_again(night: Night) -> None:
    night.gateway.refuse(2)
    night.alertmanager.send("UnitOverloaded")
    assert night.paged("charge-nurse").payload["take"]
    assert night.said.count("page not passed on") == 2


# -- in a browser

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as running:
        # Root has no sandbox; the page under test is our own.
        launched = running.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox"])
        yield launched
        launched.close()


def kept(page: Page, name: str) -> None:
    """A picture for people to look at."""
    if folder := os.environ.get("ALARM_FATIGUE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def fits(page: Page) -> None:
    """Nothing is cut off, and whoever cannot see well can use it."""
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_it_takes_one_tap(night: Night, browser: Browser, scheme: Any) -> None:
    night.alertmanager.send("UnitOverloaded")
    path = night.path(night.paged("charge-nurse"))
    context = browser.new_context(
        viewport=PHONE, color_scheme=scheme, java_script_enabled=True, is_mobile=True
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda one: complaints.append(one.text))
    page.goto(night.site.address + path.lstrip("/"))
    expect(page.get_by_role("heading", name="MICU, H01")).to_be_visible()
    fits(page)
    kept(page, f"take-{scheme}-free")
    button = page.get_by_role("button", name="I take it").bounding_box()
    assert button is not None
    assert button["height"] >= 44
    assert button["y"] + button["height"] <= PHONE["height"], "the button is seen without scrolling"
    page.get_by_role("button", name="I take it").click()
    expect(page.get_by_role("status")).to_contain_text("The charge nurse has it since")
    assert len(night.silences()) == 1
    fits(page)
    kept(page, f"take-{scheme}-held")
    page.reload()
    assert len(night.silences()) == 1
    page.get_by_role("button", name="I hand it back").click()
    expect(page.get_by_text("The charge nurse had it from")).to_be_visible()
    fits(page)
    kept(page, f"take-{scheme}-before")
    assert night.silences() == []
    page.goto(night.site.address + path.lstrip("/")[:-2])
    expect(page.get_by_role("heading", name="This link is not valid")).to_be_visible()
    fits(page)
    kept(page, f"take-{scheme}-forged")
    assert [one for one in complaints if "403" not in one] == []
    context.close()
