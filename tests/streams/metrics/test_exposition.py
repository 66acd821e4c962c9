"""The text of /metrics is what the Prometheus library would write, and reads back as meant."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from analyzer import (
    Burdens,
)
from streams.metrics.burdens import joined
from streams.metrics.definitions import DEFINITIONS
from streams.metrics.exposition import BLOCK_LINES, Format, accepts, packed, render
from streams.metrics.library import as_metrics
from streams.metrics.tables import simple_table
from tests.harness.burdens import Of, burdens, metrics_of, text_of
from tests.harness.exposition import ward


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
