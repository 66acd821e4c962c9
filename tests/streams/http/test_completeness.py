"""A worker that recomputes answers no question from half a state, and says how far it is."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from analyzer import Policy
from streams.access import Scope
from streams.http.completeness import BEGINS, Incomplete
from streams.http.finder import Finder, Query
from streams.partitions.recomputing import Progress, Recomputing
from tests.harness.hospitals import NINE, Hospital, troubled
from tests.harness.screens import Screen, kept
from tests.harness.site import SPO2, START, UNTIL, FakeWorker, Site, simulated

HALF = Progress((0,), 0.436, UNTIL - START, True, UNTIL, None)
SAYS = "recomputing the last 26 hours: 43 % done; figures are incomplete until then"
MICU = "facility=H01&unit=MICU"
QUESTIONS = [
    "/api/v1/findings?facility=H01",
    f"/api/v1/findings?{MICU}&window=1h",
    f"/api/v1/whatif?{SPO2}&delay=10",
    f"/api/v1/whatif/types?{MICU}",
    f"/api/v1/incident?{MICU}&at={UNTIL}",
    f"/api/v1/unit?{MICU}",
    f"/api/v1/clinicians?{MICU}",
    f"/api/v1/week?{MICU}",
]


def half(hospital: Hospital | None = None) -> FakeWorker:
    """A worker that recomputes the facility H01, and holds all of the facility H, if given."""
    others = [] if hospital is None else [hospital.engine]
    worker = FakeWorker(simulated(), *others)
    worker.partitions[0].recomputing = Recomputing(UNTIL)
    worker.condition = replace(worker.condition, recomputing=HALF)
    worker.behind = SAYS
    return worker


def finish(worker: FakeWorker) -> None:
    worker.partitions[0].recomputing = None
    worker.condition = replace(worker.condition, recomputing=None)
    worker.behind = None


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_refuses_with_its_progress_and_answers_at_once_when_it_is_done(question: str) -> None:
    worker = half()
    with Site(worker, reuse=1000.0) as site:
        refused = site.get(question)
        assert (refused.status, refused.json) == (503, {"error": SAYS})
        assert refused.headers["Retry-After"] == "10"
        finish(worker)
        assert site.get(question).status == 200


def test_its_page_of_an_incident_says_so_in_words() -> None:
    with Site(half()) as site:
        refused = site.get(f"/incident?{MICU}&at={UNTIL}")
    assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
    assert refused.headers["Content-Type"].startswith("text/plain")
    assert refused.body.decode() == f"Not yet: {SAYS}. Reload this page later.\n"


def test_until_the_broker_has_told_how_much_there_is_it_says_that_it_begins() -> None:
    worker = half()
    worker.condition = replace(worker.condition, recomputing=None)
    with Site(worker) as site:
        assert site.get(QUESTIONS[0]).json == {"error": BEGINS}


def test_facilities_that_are_complete_are_answered_meanwhile() -> None:
    with Site(half(troubled()), now=(NINE + 600_000) / 1000) as site:
        whole = site.get("/api/v1/findings")
        assert (whole.status, whole.json["error"]) == (
            503,
            f"{SAYS}; other facilities can be asked about alone",
        )
        found = site.get("/api/v1/findings?facility=H")
        assert found.status == 200
        assert {one["facility"] for one in found.json["units"]} == {"H"}
        for path in ("unit", "clinicians", "whatif/types"):
            assert site.get(f"/api/v1/{path}?facility=H&unit=CCU").status == 200
        assert site.get("/api/v1/unit?facility=H&unit=nowhere").status == 404
        # Nobody knows yet whether there is a facility of this name.
        assert site.get("/api/v1/unit?facility=H02&unit=CCU").json == {"error": SAYS}


def test_metrics_hold_no_watermark_that_would_accuse_a_feed() -> None:
    worker = half(troubled())

    def watermarks() -> list[str]:
        name = "alarm_fatigue_watermark_timestamp_seconds{"
        lines = site.get("/metrics").body.decode().splitlines()
        return [line.partition("}")[0] for line in lines if line.startswith(name)]

    with Site(worker) as site:
        of = 'alarm_fatigue_watermark_timestamp_seconds{facility="'
        assert watermarks() == [f'{of}H"']
        finish(worker)
        assert watermarks() == [f'{of}H"', f'{of}H01"']


def test_readers_of_complete_facilities_get_their_findings() -> None:
    worker = half(troubled())
    finder = Finder(worker, Policy(), reuse=0.0)
    query = Query("12h")

    def asked(*places: tuple[str, str | None]) -> set[str]:
        found = json.loads(asyncio.run(finder.find(query, Scope(frozenset(places)))))
        return {one["facility"] for one in found["units"]}

    assert asked(("H", "CCU")) == {"H"}
    with pytest.raises(Incomplete, match="43 % done"):
        asked(("H", "CCU"), ("H01", None))


def test_the_page_says_it_in_place_of_findings_and_of_a_unit(browser: Browser) -> None:
    worker = half(troubled())
    site = Site(worker, now=(NINE + 600_000) / 1000)
    with site, Screen(browser, site) as page:
        expect(page.locator("#current")).to_contain_text(SAYS)
        expect(page.locator("#fix")).to_contain_text("Not yet")
        expect(page.locator("#fix")).to_contain_text(f"R{SAYS[1:]}")
        expect(page.get_by_role("link", name="CCU")).to_be_visible()
        kept(page, "recomputing")
        page.goto(f"{site.address}unit?{MICU}")
        expect(page.get_by_role("alert")).to_contain_text(f"The worker cannot answer yet: {SAYS}.")
        kept(page, "recomputing-unit")
        finish(worker)
        expect(page.get_by_role("alert")).to_be_hidden()
