"""The text of /metrics: what the Prometheus library would write, read back as it was meant, kept
while it holds, and bounded.
"""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import zlib
from collections.abc import Sequence
from typing import Any, cast
from weakref import ref

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import Metric, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from analyzer import (
    ALARM_PRIORITIES,
    CLASSES,
    EXPOSURE_BANDS,
    LOAD_BANDS,
    MEASURES,
    RESPONSE_BUCKETS,
    STATES,
    Burdens,
    ClinicianBurdens,
    UnitBurdens,
)
from streams.http.web import add_pages
from streams.metrics.burdens import everybody, joined
from streams.metrics.caps import ClinicianCap as Cap
from streams.metrics.definitions import DEFINITIONS
from streams.metrics.exporter import Exporter
from streams.metrics.exposition import BLOCK_LINES, END, Format, accepts, packed, render
from streams.metrics.library import as_metrics
from streams.metrics.tables import burden_tables, simple_table
from streams.settings import MetricsSettings
from tests.harness.exposition import FakeEngine, FakeWorker, Pages, Scraper, clinicians, value, ward
from tests.harness.needs import need

# --- burdens at random

names = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\n,{}= #'), max_size=6
)
counts = st.integers(0, 30) | st.integers(0, 1 << 50)
amounts = st.floats(0, 1e300)


def arrays(draw: st.DrawFn, *shape: int) -> Any:
    size = int(np.prod(shape))
    return np.array(draw(st.lists(counts, min_size=size, max_size=size)), dtype=np.int64).reshape(
        shape
    )


def measures(draw: st.DrawFn, *shape: int) -> Any:
    """Of which some are absent."""
    size = int(np.prod(shape))
    return np.array(
        draw(st.lists(amounts | st.just(np.nan), min_size=size, max_size=size)), dtype=np.float64
    ).reshape(shape)


def places(draw: st.DrawFn, states: Sequence[str], *shape: int) -> Any:
    size = int(np.prod(shape))
    return np.array(
        draw(st.lists(st.integers(0, len(states) - 1), min_size=size, max_size=size)), dtype=np.intp
    ).reshape(shape)


@st.composite
def burdens(draw: st.DrawFn, facilities: st.SearchStrategy[str] = names) -> Burdens:
    windows = tuple(draw(st.lists(st.sampled_from(["10m", "1h", "2h"]), max_size=2, unique=True)))
    n = len(windows)
    people = sorted(
        draw(
            st.lists(
                st.tuples(facilities, names, names),
                max_size=4,
                unique_by=lambda one: (one[0], one[2]),
            )
        ),
        key=lambda one: (one[0], one[2]),
    )
    units = sorted(draw(st.lists(st.tuples(facilities, names), max_size=3, unique=True)))
    types = st.lists(
        st.tuples(st.tuples(names, names, names), counts), max_size=2, unique_by=lambda one: one[0]
    )
    frequent = [[draw(types) for _ in windows] for _ in units]
    classes = st.lists(counts, min_size=len(CLASSES), max_size=len(CLASSES))
    times = st.lists(
        counts, min_size=len(RESPONSE_BUCKETS) + 1, max_size=len(RESPONSE_BUCKETS) + 1
    ).map(sorted)
    answered = sorted(
        (*unit, priority)
        for unit in units
        for priority in draw(st.sets(st.sampled_from(ALARM_PRIORITIES)))
    )
    return Burdens(
        windows=windows,
        clinicians=ClinicianBurdens(
            facility=[facility for facility, _, _ in people],
            unit=[unit for _, unit, _ in people],
            clinician=[clinician for _, _, clinician in people],
            alarms=arrays(draw, len(people), n, len(ALARM_PRIORITIES)),
            classified=arrays(draw, len(people), n, len(CLASSES)),
            alarm_milliseconds=arrays(draw, len(people), n),
            beds=arrays(draw, len(people)),
            acuity=np.array([draw(amounts) for _ in people], dtype=np.float64),
            protected_ratio=measures(draw, len(people), n),
            flood_ratio=measures(draw, len(people), n),
            overlapping=arrays(draw, len(people), n),
            load_band=places(draw, LOAD_BANDS, len(people)),
            exposure=arrays(draw, len(people)),
            exposure_band=places(draw, EXPOSURE_BANDS, len(people)),
            shift_hours=measures(draw, len(people)),
            overload=places(draw, STATES, len(people)),
        ),
        units=UnitBurdens(
            facility=[facility for facility, _ in units],
            unit=[unit for _, unit in units],
            alarms=arrays(draw, len(units), n, len(ALARM_PRIORITIES)),
            classified=arrays(draw, len(units), n, len(CLASSES)),
            busiest_bed=arrays(draw, len(units), n),
            unassigned=arrays(draw, len(units), n),
            open_alarms=arrays(draw, len(units)),
            clinicians=arrays(draw, len(units)),
            beds=arrays(draw, len(units)),
            types=frequent,
            type_classes=[
                [[draw(classes) for _ in found] for found in by_window] for by_window in frequent
            ],
            stale_alarms=arrays(draw, len(units)),
            standing_alarms=arrays(draw, len(units)),
            chattering=arrays(draw, len(units), n),
            fleeting=arrays(draw, len(units), n),
            acuity=np.array([draw(amounts) for _ in units], dtype=np.float64),
            load_spread=measures(draw, len(units), n),
            overload=places(draw, STATES, len(units)),
            overload_reasons=measures(draw, len(units), len(MEASURES), 2),
            overload_since=measures(draw, len(units)),
            overload_present=measures(draw, len(units), len(MEASURES)),
            policy_limits=measures(draw, len(units), len(MEASURES), len(STATES) - 1, 2),
            cool_down=measures(draw, len(units)),
            beds_limit=measures(draw, len(units)),
            relief=measures(draw, len(units), 3),
        ),
        response_times=[(*labels, draw(times), draw(amounts)) for labels in answered],
    )


class Of:
    """A collector of given metrics."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


def text_of(found: Burdens, format_: Format = Format.TEXT, min_classified: int = 5) -> str:
    return (
        "".join(render(burden_tables(found, everybody(found, str), min_classified), format_))
        + END[format_]
    )


def metrics_of(found: Burdens, min_classified: int = 5) -> list[Metric]:
    return list(as_metrics(burden_tables(found, everybody(found, str), min_classified)))


# --- text


@given(burdens(), st.integers(0, 10))
@settings(deadline=None)
def test_text_is_what_the_library_writes(found: Burdens, min_classified: int) -> None:
    metrics = Of(metrics_of(found, min_classified))
    assert text_of(found, Format.TEXT, min_classified) == generate_latest(metrics).decode()
    assert (
        text_of(found, Format.OPENMETRICS, min_classified) == generate_openmetrics(metrics).decode()
    )


def test_counters_are_headed_as_each_format_wants() -> None:
    table = simple_table("events", {("alarms", "accepted"): 3})
    metrics = Of(list(as_metrics([table])))
    assert "".join(render([table], Format.TEXT)) == generate_latest(metrics).decode()
    assert (
        "".join(render([table], Format.OPENMETRICS)) + "# EOF\n"
        == generate_openmetrics(metrics).decode()
    )


@given(burdens())
@settings(deadline=None)
def test_text_reads_back_as_it_was_meant(found: Burdens) -> None:
    meant = [
        (one.name, one.labels, one.value) for metric in metrics_of(found) for one in metric.samples
    ]
    for parse, format_ in ((parse_text, Format.TEXT), (parse_openmetrics, Format.OPENMETRICS)):
        parsed = [
            (one.name, one.labels, one.value)
            for metric in parse(text_of(found, format_))
            for one in metric.samples
        ]
        assert parsed == meant, format_


def test_blocks_leave_no_line_out() -> None:
    """More rows and more lines than one block holds, of which some are absent."""
    found = ward(*(f"nurse-{number:05d}" for number in range(BLOCK_LINES + 1)), alarms=7)
    found.clinicians.classified[::2] = 0
    assert text_of(found) == generate_latest(Of(metrics_of(found))).decode()


@given(st.lists(burdens(st.sampled_from(["H1", "H2", "H3", "H4"])), max_size=3))
@settings(deadline=None)
def test_partitions_are_shown_as_if_they_were_one(parts: list[Burdens]) -> None:
    """Facilities of several partitions stand in order, each as it would stand alone."""
    # a facility never spans partitions, and all partitions have the same windows
    for number, part in enumerate(parts):
        part.clinicians.facility[:] = [f"{one}-{number}" for one in part.clinicians.facility]
        part.units.facility[:] = [f"{one}-{number}" for one in part.units.facility]
        part.response_times[:] = [(f"{one[0]}-{number}", *one[1:]) for one in part.response_times]
    parts = [one for one in parts if one.windows == parts[0].windows]
    together = [
        (metric.name, one)
        for metric in metrics_of(joined(parts))
        for one in metric.samples
        if "facility" in one.labels  # the names of alarm types are those of all together
    ]
    apart = [
        (metric.name, one)
        for part in parts
        for metric in metrics_of(part)
        for one in metric.samples
        if "facility" in one.labels
    ]
    order = list(DEFINITIONS)
    apart.sort(
        key=lambda one: (
            order.index(one[0].removeprefix("alarm_fatigue_")),
            one[1].labels["facility"],
        )
    )
    assert together == apart


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.binary())
def test_a_kept_text_and_its_addition_are_one_gzip_member(blocks: list[str], rest: bytes) -> None:
    kept, text = packed(blocks), "".join(blocks).encode()
    assert b"".join(kept.plain(rest)) == text + rest
    assert gzip.decompress(b"".join(kept.gzip(rest))) == text + rest
    first_member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # all that some clients read
    assert first_member.decompress(b"".join(kept.gzip(rest))) == text + rest
    assert first_member.eof


@pytest.mark.parametrize(
    ("header", "name", "expected"),
    [
        ("", "gzip", False),
        ("gzip", "gzip", True),
        ("deflate, GZIP;q=0.5", "gzip", True),
        ("gzip;q=0, identity", "gzip", False),
        ("gzip; q=0.000", "gzip", False),
        ("gzipped", "gzip", False),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text",
            True,
        ),
    ],
)
def test_what_a_scraper_accepts(header: str, name: str, expected: bool) -> None:
    assert accepts(header, name) is expected


# --- scrapes


def test_promtool_finds_nothing_to_say() -> None:
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


def test_nobody_holds_on_to_a_partition_let_go() -> None:
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


# --- the cap

CROWD = [f"nurse-{number}" for number in range(20)]


def test_a_worker_shows_no_more_clinicians_than_it_may_and_counts_the_others() -> None:
    """A clinician of this ward has 3 + 5 counts, 6 single ones, 4 + 3 bands and a share of flood,
    and 2 ratios with seven alarms.
    """
    engines = [FakeEngine(ward(*CROWD[:8], alarms=7)), FakeEngine(ward(*CROWD[8:], facility="H2"))]
    scraper = Scraper(FakeWorker(*engines), max_clinicians=5)
    text = scraper.get()
    shown = clinicians(text)
    assert len(shown) == 5
    assert value(text, "dropped_clinicians") == 15
    left_out = 22 * 15 + 2 * len(set(CROWD[:8]) - shown)
    assert value(text, "dropped_samples_total") == left_out
    assert value(scraper.get(), "dropped_samples_total") == left_out, "nothing was rendered anew"
    engines[1].change(engines[1].found)
    assert value(scraper.get(), "dropped_samples_total") == 2 * left_out
    assert text.count("unit_open_alarms{") == 2, "units are always shown"


def rows(cap: Cap, *clinicians: str, **more: Any) -> set[str]:
    """Who is shown."""
    found = ward(*clinicians, **more).clinicians
    chosen, dropped = cap.choose(found)
    assert sorted([*chosen.row, *dropped]) == list(range(len(clinicians)))
    return set(chosen.shown)


@given(st.lists(st.sets(st.sampled_from(CROWD)), min_size=1, max_size=6), st.integers(1, 8))
def test_who_is_shown_stays_shown_while_there(shifts: list[set[str]], limit: int) -> None:
    cap, before = Cap(limit, str), set[str]()
    for present in shifts:
        shown = rows(cap, *present)
        assert before & present <= shown <= present
        assert len(shown) == min(limit, len(present)), "no place stays empty"
        before = shown


@given(st.sets(st.sampled_from(CROWD), min_size=1), st.integers(0, 1000))
def test_series_are_assigned_by_the_names_shown_only(present: set[str], alarms: int) -> None:
    """They depend neither on load nor on order, and are the same after a restart."""
    assert rows(Cap(3, str), *present, alarms=alarms) == rows(Cap(3, str), *present)


def test_places_are_a_lot_over_pseudonyms() -> None:
    """Not the first ids: their order would say who is shown, and it would always be the same unit's
    people.
    """
    shown = rows(Cap(10, str), *CROWD)
    assert shown != set(sorted(CROWD)[:10])
    assert rows(Cap(10, "p{}".format), *CROWD) != {f"p{one}" for one in shown}


# --- over the wire


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
    found = ward(*CROWD, alarms=7)

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
    assert sum(len(metric.samples) for metric in parse(text)) > len(CROWD)


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
