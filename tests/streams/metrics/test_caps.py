"""Caps: what a feed can multiply is bounded on every way out, what is left out is counted, and one
broken facility hides no other.
"""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from structlog.testing import capture_logs

from analyzer import Burdens, Engine, Evidence, Policy, Snapshot, Status
from analyzer.overload import ShiftsAt
from streams.dev.broker import EmbeddedBroker
from streams.metrics import definitions
from streams.metrics.apart import Unmeasured
from streams.metrics.burdens import joined
from streams.metrics.capacity import UnboundedLabelError, most_samples
from streams.metrics.caps import UnitCap
from streams.metrics.definition import Definition
from streams.settings import MetricsSettings
from tests.harness.exposition import FakeEngine, Scraper, value, ward
from tests.harness.exposition import FakeWorker as ScrapedWorker
from tests.harness.facts import alarm as alarm_of
from tests.harness.facts import duty, event, ms
from tests.harness.prometheus import CONFIGURATION, Prometheus
from tests.harness.site import FakeWorker, Site
from tests.harness.workers import Message, WorkerProcess, eventually, new_topics, send

WINDOWS = len(Policy().windows)


def units(*alarms: tuple[str, str, int]) -> Burdens:
    """Units of facilities, with so many alarms each."""
    return joined(
        [ward(facility=facility, unit=unit, alarms=count) for facility, unit, count in alarms]
    )


def test_left_out_series_are_counted_and_totals_stay_right() -> None:
    found = units(*((f"H{number % 4}", f"u{number}", number) for number in range(12)))
    bounded = UnitCap(2, 3).bounded(found)
    assert bounded.left_out_facilities == 2
    assert sum(bounded.left_out_units.values()) == 9
    assert (
        bounded.burdens.units.alarms.sum(axis=0) + bounded.left_out_alarms
    ).tolist() == found.units.alarms.sum(axis=0).tolist()
    assert set(bounded.burdens.units.facility) <= bounded.facilities == {"H2", "H3"}

    text = Scraper(ScrapedWorker(FakeEngine(found)), max_facilities=2, max_units=3).get()
    assert value(text, "dropped_units") == 9
    assert value(text, "dropped_facilities") == 2
    assert text.count("alarm_fatigue_unit_open_alarms{") == 3
    total = sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith(("alarm_fatigue_unit_alarms{",))
    )
    left_out = sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith("alarm_fatigue_dropped_unit_alarms{")
    )
    assert total + left_out == sum(range(12))


def test_response_times_of_units_without_alarms_fill_the_remaining_cap() -> None:
    found = units(("H1", "a", 1))
    times = [("H1", unit, "high", [0] * 9, 0.0) for unit in ("a", "b", "c")]
    bounded = UnitCap(1, 2).bounded(dataclasses.replace(found, response_times=times))
    assert [one[1] for one in bounded.burdens.response_times] == ["a", "b"]


@pytest.fixture(scope="module")
def crowd() -> Engine:
    """20,000 units with one alarm each in one facility, beside a real ward."""
    engine = Engine(Policy())
    events = [
        event(f"a{number}", "start", number / 1000, unit=f"unit-{number:05d}", facility="H1")
        for number in range(20_000)
    ]
    columns: Any = [[getattr(one, name) for one in events] for name in type(events[0]).__slots__]
    engine.take("alarms", tuple(columns), None)
    for number in range(20):
        for one in alarm_of(f"real{number}", number, number + 5, unit="ICU", facility="H1"):
            engine.apply("alarms", one, None)
    engine.apply("assignments", duty("ann", 0, unit="ICU", facility="H1"), None)
    engine.advance(ms(600))
    return engine


def test_20_000_units_make_no_page_long(crowd: Engine) -> None:
    most = MetricsSettings().max_units
    with Site(FakeWorker(crowd)) as site:
        text = site.get("/metrics").body.decode()
        assert value(text, "dropped_units") == 20_001 - most
        assert text.count("alarm_fatigue_unit_open_alarms{") == most
        assert 'unit="ICU"' in text
        assert len(text) < 10_000_000
        board = site.get("/api/v1/units").json
        assert len(board["units"]) == most
        assert board["left_out"] == 20_001 - most
        assert board["units"][0]["unit"] == "ICU"
        assert site.get("/api/v1/units?facility=H2").json["left_out"] == 0
        findings = site.get("/api/v1/findings")
        assert len(findings.json["units"]) == most
        assert len(findings.body) < 2_000_000


# --- isolation


class Brittle(Snapshot):
    """Cannot be measured while H2 is among what is measured."""

    def measure(self) -> Burdens:
        if "H2" in {self.facilities[self.units[unit][0]] for unit in self.unit.tolist()}:
            raise OverflowError("intermediate overflow in fsum")
        return super().measure()


class BrittleEvidence(Evidence):
    def findings(self, top: int | None = None, most_units: int | None = None) -> Any:
        if "H2" in {self.facilities[self.units[unit][0]] for unit in self.unit.tolist()}:
            raise OverflowError
        return super().findings(top, most_units)


def as_kind(of: Any, kind: Any) -> Any:
    return kind(**{field.name: getattr(of, field.name) for field in dataclasses.fields(of)})


class BrittleEngine(Engine):
    """One of whose facilities, H2, nothing can be said."""

    broken = True

    def snapshot(self) -> Snapshot:
        found = super().snapshot()
        return as_kind(found, Brittle) if self.broken else found  # type: ignore[no-any-return]

    def evidence(self, window: int) -> Evidence:
        found = super().evidence(window)
        return as_kind(found, BrittleEvidence) if self.broken else found  # type: ignore[no-any-return]

    def status(
        self,
        facility: str | None = None,
        shifts: ShiftsAt | None = None,
        beside: Snapshot | None = None,
    ) -> Status:
        if self.broken and facility in (None, "H2"):
            raise OverflowError
        return super().status(facility, shifts, beside)


def three_facilities(engine: Engine) -> Engine:
    for facility in ("H1", "H2", "H3"):
        for one in alarm_of(f"a-{facility}", 0, 20, facility=facility):
            engine.apply("alarms", one, None)
        engine.apply("assignments", duty("ann", -60, facility=facility), None)
    engine.advance(ms(400))
    return engine


def test_a_facility_that_cannot_be_measured_hides_no_other() -> None:
    engine, whole = BrittleEngine(Policy()), Engine(Policy())
    three_facilities(engine)
    three_facilities(whole)
    with Site(FakeWorker(engine)) as site, Site(FakeWorker(whole)) as other:
        text, expected = (one.get("/metrics").body.decode() for one in (site, other))
        assert value(text, "unmeasured_facilities") == 1

        def lines(of: str) -> list[str]:
            return [line for line in of.splitlines() if "_unit_" in line or "_clinician_" in line]

        assert lines(text) == [line for line in lines(expected) if 'facility="H2"' not in line]
        assert [unit["facility"] for unit in site.get("/api/v1/units").json["units"]] == [
            "H1",
            "H3",
        ]
        assert [unit["facility"] for unit in site.get("/api/v1/findings").json["units"]] == [
            "H1",
            "H3",
        ]
        engine.broken = False
        engine.version += 1
        assert [unit["facility"] for unit in site.get("/api/v1/units").json["units"]] == [
            "H1",
            "H2",
            "H3",
        ]
        assert [unit["facility"] for unit in site.get("/api/v1/findings").json["units"]] == [
            "H1",
            "H2",
            "H3",
        ]
        assert value(site.get("/metrics").body.decode(), "unmeasured_facilities") == 0


def test_left_out_series_are_logged_once_a_minute() -> None:
    moment = 0.0
    unmeasured = Unmeasured(lambda: moment)
    with capture_logs() as logged:
        for moment in (0.0, 1.0, 59.9, 60.0, 61.0):  # noqa: B007  # read by the clock
            unmeasured.record("burdens", {"H2": OverflowError("a value that stays unsaid")})
        unmeasured.record("text", {"H2": OverflowError(), "H3": ValueError()})
    assert [(one["by"], one["facilities"], one["errors"]) for one in logged] == [
        ("burdens", ["H2"], ["OverflowError"]),
        ("burdens", ["H2"], ["OverflowError"]),
        ("text", ["H2", "H3"], ["OverflowError", "ValueError"]),
    ]
    assert unmeasured.count == 2
    unmeasured.record("text", {})
    assert unmeasured.count == 1


def test_a_facility_whose_text_cannot_be_written_hides_no_other() -> None:
    """A lone surrogate, which UTF-8 cannot hold."""
    found = units(("H1", "a", 1), ("H2\ud800", "b", 2), ("H3", "c", 3))
    scraper = Scraper(ScrapedWorker(FakeEngine(found)))
    text = scraper.get()
    assert [line.split("{")[1] for line in text.splitlines() if "unit_open_alarms{" in line] == [
        'facility="H1",unit="a"} 1.0',
        'facility="H3",unit="c"} 1.0',
    ]
    assert value(text, "unmeasured_facilities") == 1


class Odd(Snapshot):
    """Gives H2 an overload state that there is not."""

    def measure(self) -> Burdens:
        found = super().measure()
        found.units.overload[[one == "H2" for one in found.units.facility]] = 99
        return found


class OddEngine(Engine):
    def snapshot(self) -> Snapshot:
        return as_kind(super().snapshot(), Odd)  # type: ignore[no-any-return]


def test_a_facility_whose_answer_fails_on_the_board_hides_no_other() -> None:
    with Site(FakeWorker(three_facilities(OddEngine(Policy())))) as site:
        assert [unit["facility"] for unit in site.get("/api/v1/units").json["units"]] == [
            "H1",
            "H3",
        ]
        assert value(site.get("/metrics").body.decode(), "unmeasured_facilities") == 1


# --- sample_limit


def test_the_shipped_sample_limit_holds_a_worker_at_all_its_caps() -> None:
    limits = [
        job["sample_limit"]
        for job in yaml.safe_load(CONFIGURATION.read_text())["scrape_configs"]
        if "sample_limit" in job
    ]
    assert limits
    assert min(limits) >= most_samples(MetricsSettings(), Policy())


def test_a_label_without_a_bound_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        definitions.DEFINITIONS,
        "novel",
        Definition("gauge", ("facility", "device"), "New."),
    )
    with pytest.raises(UnboundedLabelError, match="novel: the label device"):
        most_samples(MetricsSettings(), Policy())


def now() -> int:
    return int(time.time() * 1000)


def alarm(name: str, at: int, facility: str, **fields: Any) -> Message:
    event = {
        "event_id": name,
        "alarm_id": name,
        "phase": "start",
        "at": at,
        "facility": facility,
        "bed": "1",
        "device_id": "m1",
        "device_type": "monitor",
        "kind": "physiological",
    }
    return Message("alarms", facility.encode(), json.dumps(event | fields).encode(), at)


CAPS = {"max_clinicians": 12, "max_units": 8, "max_facilities": 3}


def test_prometheus_scrapes_a_worker_at_its_caps(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """More facilities, units, types and clinicians than are exported; the limit is what the caps
    allow at most, and no more.
    """
    new_topics(embedded_broker, partitions=1)
    limit = most_samples(MetricsSettings(**CAPS), Policy(), partitions=1)
    at, messages = now(), list[Message]()
    for number in range(600):
        facility, unit, code = f"H{number % 5}", f"u{number % 20}", f"c{number // 20 % 15}"
        fields = {
            "unit": unit,
            "code": code,
            "recipients": [f"n{number % 40}"],
            "priority": ("high", "medium", "low")[number // 20 % 3],
        }
        messages.append(alarm(f"a{number}", at - 60_000 + number, facility, **fields))
    with WorkerProcess(embedded_broker, tmp_path, clock="wall", metrics=CAPS) as worker:
        worker.wait_until_ready()
        send(embedded_broker, messages)
        eventually(
            lambda: worker.numbers.get(("alarm_fatigue_dropped_units", frozenset())) == 12,
            "the worker is at its caps",
        )
        found = len(
            [line for line in worker.get("/metrics")[1].splitlines() if not line.startswith("#")]
        )
        assert limit * 0.4 < found <= limit
        server = Prometheus(
            tmp_path, {"alarm-fatigue": f"127.0.0.1:{worker.port}"}, sample_limit=limit
        )
        try:
            eventually(
                lambda: server.query('up{job="alarm-fatigue"}') == {(): 1.0}, "the scrape is taken"
            )
            assert server.query("sum(alarm_fatigue_dropped_units)") == {(): 12.0}
            total = (
                'sum(alarm_fatigue_unit_alarms{window="1h"}) + '
                'sum(alarm_fatigue_dropped_unit_alarms{window="1h"})'
            )
            assert server.query(total) == {(): 600.0}
        finally:
            server.stop()
