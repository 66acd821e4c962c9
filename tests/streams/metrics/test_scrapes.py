"""Scrapes: what is rendered again and what is shared, and how a page is sent."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
from typing import Any, cast
from weakref import ref

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from analyzer import (
    RESPONSE_BUCKETS,
    Burdens,
)
from streams.http.web import add_pages
from streams.metrics.exporter import Exporter
from streams.metrics.exposition import Format
from streams.settings import MetricsSettings
from tests.harness.burdens import text_of
from tests.harness.exposition import FakeEngine, FakeWorker, Pages, Scraper, clinicians, value, ward
from tests.harness.needs import need


def test_promtool_accepts_the_exposition() -> None:
    found = ward("a", "b", alarms=7)
    found.response_times.append(
        ("H1", "ICU", "high", list(range(1, len(RESPONSE_BUCKETS) + 2)), 2.5)
    )
    text = Scraper(FakeWorker(FakeEngine(found)), max_clinicians=1).get()
    assert "clinician_nonactionable_ratio{" in text
    checked = subprocess.run(
        [need("promtool"), "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_an_unchanged_state_is_rendered_once_and_lags_stay_fresh() -> None:
    engine = FakeEngine(ward("a"))
    worker = FakeWorker(engine)
    scraper = Scraper(worker)
    first = scraper.get()
    worker.lag = 7
    second = scraper.get()
    assert engine.measured == 1
    assert (
        second
        == first.replace(
            'lag_records{partition="0",topic="alarms"} 0.0',
            'lag_records{partition="0",topic="alarms"} 7.0',
        )
        != first
    )
    engine.change(ward("a", "b"))
    assert clinicians(scraper.get()) == {"a", "b"}
    assert engine.measured == 2


def test_a_partition_taken_over_is_never_taken_for_the_one_let_go() -> None:
    """Their engines may have the same version."""
    worker = FakeWorker(FakeEngine(ward("a")))
    scraper = Scraper(worker, reuse=1000)
    assert clinicians(scraper.get()) == {"a"}
    worker.partitions.clear()
    assert clinicians(scraper.get()) == set()
    worker.hold(FakeEngine(ward("b")))
    assert clinicians(scraper.get()) == {"b"}


def test_a_released_partition_is_referenced_by_nothing() -> None:
    worker = FakeWorker(FakeEngine(ward("a")))
    scraper = Scraper(worker)
    scraper.get()
    gone = ref(worker.partitions.pop())
    assert gone() is None


def test_by_the_wall_clock_a_young_rendering_is_shown_again() -> None:
    engine = FakeEngine(ward("a"))
    scraper = Scraper(FakeWorker(engine), reuse=1.0)
    scraper.get()
    engine.change(ward("b"))
    scraper.now += 0.9
    assert clinicians(scraper.get()) == {"a"}
    scraper.now += 0.2
    assert clinicians(scraper.get()) == {"b"}


def test_scrapes_at_the_same_time_share_a_rendering_of_no_earlier_state_than_theirs() -> None:
    engine = FakeEngine(ward("a"))
    scraper = Scraper(FakeWorker(engine))

    async def all_at_once() -> list[str]:
        engine.let.clear()
        first = asyncio.create_task(scraper.scrape())
        await asyncio.sleep(0)
        engine.change(ward("b"))
        others = [asyncio.create_task(scraper.scrape()) for _ in range(5)]
        await asyncio.sleep(0)
        scraper.now += 1
        engine.let.set()
        return await asyncio.gather(first, *others)

    first, *others = asyncio.run(all_at_once())
    assert clinicians(first) == {"a"}
    assert [clinicians(one) for one in others] == [{"b"}] * 5
    assert engine.measured == 2


def test_a_failed_rendering_fails_its_scrape_and_not_the_next() -> None:
    engine = FakeEngine(cast("Any", None))
    scraper = Scraper(FakeWorker(engine))
    with pytest.raises(AttributeError):
        scraper.get()
    engine.change(ward("a"))
    assert clinicians(scraper.get()) == {"a"}


def test_unit_only_mode_shows_no_family_of_clinicians() -> None:
    text = Scraper(FakeWorker(FakeEngine(ward("a"))), clinicians=False).get()
    assert "alarm_fatigue_clinician_" not in text
    assert 'clinician="' not in text
    assert "\nalarm_fatigue_unit_clinicians{" in text
    assert value(text, "dropped_clinicians") == 0


class Served:
    """A worker's pages on loopback."""

    def __init__(self, found: Burdens, **more: Any) -> None:
        worker, pages = FakeWorker(FakeEngine(found)), Pages()
        add_pages(pages, worker, Exporter(worker, str, 5, MetricsSettings(), reuse=0), **more)
        self._runner = web.AppRunner(pages.web)

    @property
    def connections(self) -> int:
        assert self._runner.server is not None
        return len(self._runner.server.connections)

    async def __aenter__(self) -> int:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return int(self._runner.addresses[0][1])

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize("format_", Format)
def test_a_page_is_served_as_the_scraper_accepts_it(format_: Format, encoding: str) -> None:
    found = ward(*(f"nurse-{number}" for number in range(20)), alarms=7)

    async def fetch() -> tuple[Any, bytes]:
        accept = {
            "Accept": "application/openmetrics-text" if format_ is Format.OPENMETRICS else "",
            "Accept-Encoding": encoding,
        }
        async with (
            Served(found) as port,
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.get(f"http://127.0.0.1:{port}/metrics", headers=accept) as answer,
        ):
            return answer.headers, await answer.read()

    headers, body = asyncio.run(fetch())
    text = (gzip.decompress(body) if encoding == "gzip" else body).decode()
    assert headers["Content-Type"] == format_.value
    assert headers.get("Content-Encoding") == ("gzip" if encoding == "gzip" else None)
    assert text.startswith(text_of(found, format_).removesuffix("# EOF\n"))
    assert text.endswith("# EOF\n") == (format_ is Format.OPENMETRICS)
    parse = parse_openmetrics if format_ is Format.OPENMETRICS else parse_text
    assert sum(len(metric.samples) for metric in parse(text)) > 20


def test_a_scraper_that_does_not_read_is_let_go() -> None:
    """Its page is larger than what lies between the two sockets."""
    crowd = ward(*(f"nurse-{number:06d}" for number in range(10_000)))

    async def stall() -> None:
        served = Served(crowd, send_seconds=0.5)
        async with served as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            while not served.connections:
                await asyncio.sleep(0.01)
            while served.connections:
                await asyncio.sleep(0.01)
            writer.close()

    asyncio.run(asyncio.wait_for(stall(), 60))
