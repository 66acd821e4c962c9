"""What the tiny ward of `tests/data/tiny` shows, letter by letter; every figure in the expected
files was worked out by hand.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as prometheus_families

from analyzer import ClockOffset, Engine, Policy, Topic
from analyzer.model.policy import HOUR, Level, Levels, OverloadPolicy
from streams import __version__
from streams.files.finished_lines import FinishedLines
from streams.files.lines import BadLine
from streams.files.replay import Exposition, Intake, replayed, write_episodes
from streams.formats.pseudonyms import Pseudonyms
from streams.health.health import Health
from streams.metrics.definitions import DEFINITIONS, PREFIX
from streams.metrics.exporter import Exporter
from streams.metrics.exposition import Format
from streams.metrics.library import as_metrics
from streams.partitions.partition import Partition
from streams.settings import MetricsSettings

TINY = Path(__file__).parents[2] / "data" / "tiny"
FILES: list[tuple[Topic, Path]] = [
    (topic, TINY / f"{topic}.jsonl") for topic in ("alarms", "assignments", "responses")
]


def unexpected(line: BadLine) -> None:
    raise AssertionError(line)


@pytest.fixture
def tiny() -> tuple[Engine, FinishedLines]:
    intake, lines = Intake(), FinishedLines(str)
    intake.read(FILES, 1 << 20, unexpected)
    return replayed(intake, Policy(), None, lines), lines


def test_the_tiny_ward_shows_the_expected_text(tiny: tuple[Engine, FinishedLines]) -> None:
    assert (
        Exposition(tiny[0], Policy(), str).openmetrics().decode()
        == (TINY / "expected.openmetrics").read_text()
    )


def test_the_tiny_ward_finishes_the_expected_episodes(
    tiny: tuple[Engine, FinishedLines], tmp_path: Path
) -> None:
    out = tmp_path / "episodes.jsonl"
    with out.open("wb") as file:
        write_episodes(tiny[1], file)
    assert out.read_text() == (TINY / "expected-episodes.jsonl").read_text()


def test_the_exposition_survives_a_round_trip(tiny: tuple[Engine, FinishedLines]) -> None:
    exposition = Exposition(tiny[0], Policy(), str)
    shown = [
        (one.name, one.labels, one.value)
        for metric in as_metrics(exposition.tables())
        for one in metric.samples
    ]
    parsed = text_string_to_metric_families(exposition.openmetrics().decode())
    assert [
        (one.name, one.labels, one.value) for metric in parsed for one in metric.samples
    ] == shown


def test_units_alone_can_be_asked_for(tiny: tuple[Engine, FinishedLines]) -> None:
    everything = Exposition(tiny[0], Policy(), str).openmetrics().decode().splitlines()
    units = Exposition(tiny[0], Policy(), str, clinicians=False).openmetrics().decode().splitlines()
    assert units == [line for line in everything if "alarm_fatigue_clinician_" not in line]


HEALTH = Health(
    now=1_772_350_201.0,
    answered_at=1_772_350_200.5,
    counts={"alarms": 8, "labels": 4},
    partitions=4,
    ahead={"H1": 3000.0},
    recent={("H1", "alarms", "late"): 40, ("", "alarms", "malformed"): 1},
    offsets=(ClockOffset("H1", "ventilator", -660_000, 1_500, 20),),
    losses={
        "undeliverable_records": {"episodes": 2},
        "unreadable_batches": {"alarms": 3},
        "truncated_records": {"rejected": 4},
    },
)


class FakeWorker:
    """A worker with one partition, frozen at a moment."""

    def __init__(self, engine: Engine) -> None:
        self.partitions = [Partition(0, 1, engine, {}, str, 1 << 20)]
        self.advanced = 0

    def advance(self) -> None:
        self.advanced += 1

    def checkpoint_times(self) -> dict[int, float]:
        return {0: 1_772_350_200.5}

    def lags(self) -> dict[tuple[str, int], int]:
        return {("alarms", 0): 7}

    def health(self) -> Health:
        return HEALTH

    def uncommitted_records(self) -> dict[tuple[str, int], int]:
        return {("alarms", 0): 3}

    def lag_seconds(self) -> dict[tuple[str, int], float]:
        return {("alarms", 0): 2.5}


@pytest.fixture
def scraped(tiny: tuple[Engine, FinishedLines]) -> str:
    worker = FakeWorker(tiny[0])
    names, policy = Pseudonyms(bytes(32)), Policy().fingerprint
    exporter = Exporter(worker, names, 5, MetricsSettings(), reuse=0, policy=policy)
    exporter.observe_delays("alarms", np.array([1_772_350_200_000]), 1_772_350_201.5)
    page = asyncio.run(exporter.scrape(Format.TEXT))
    assert worker.advanced, "a scrape shows the present"
    return b"".join(page.pieces(gzip=False)).decode()


def test_a_scrape_shows_the_worker_s_health(scraped: str) -> None:
    assert 'alarm_fatigue_consumer_lag_records{partition="0",topic="alarms"} 7.0\n' in scraped
    assert (
        'alarm_fatigue_consumer_uncommitted_records{partition="0",topic="alarms"} 3.0\n' in scraped
    )
    assert 'alarm_fatigue_consumer_lag_seconds{partition="0",topic="alarms"} 2.5\n' in scraped
    assert "alarm_fatigue_broker_answered_timestamp_seconds 1.7723502005e+09\n" in scraped
    assert 'alarm_fatigue_unread_partitions{topic="alarms"} 4.0\n' in scraped
    assert 'alarm_fatigue_unread_partitions{topic="labels"} 0.0\n' in scraped
    assert (
        'alarm_fatigue_recent_events{facility="H1",outcome="late",topic="alarms"} 40.0\n' in scraped
    )
    assert (
        'alarm_fatigue_recent_events{facility="",outcome="malformed",topic="alarms"} 1.0\n'
        in scraped
    )
    assert 'alarm_fatigue_watermark_ahead_seconds{facility="' in scraped
    assert (
        'alarm_fatigue_device_clock_offset_seconds{device_type="ventilator",facility="H1"} -660.0\n'
        in scraped
    )
    assert (
        'alarm_fatigue_device_clock_spread_seconds{device_type="ventilator",facility="H1"} 1.5\n'
        in scraped
    )
    assert 'alarm_fatigue_undeliverable_records_total{topic="episodes"} 2.0\n' in scraped
    assert 'alarm_fatigue_truncated_records_total{topic="rejected"} 4.0\n' in scraped
    assert 'alarm_fatigue_unreadable_batches_total{topic="alarms"} 3.0\n' in scraped
    assert 'alarm_fatigue_checkpoint_timestamp_seconds{partition="0"} 1.7723502005e+09\n' in scraped
    assert 'alarm_fatigue_event_delay_seconds_bucket{le="1.0",topic="alarms"} 0.0\n' in scraped
    assert 'alarm_fatigue_event_delay_seconds_bucket{le="2.0",topic="alarms"} 1.0\n' in scraped
    assert 'alarm_fatigue_events_total{outcome="duplicate",topic="alarms"} 1.0\n' in scraped


def test_a_scrape_tells_one_policy_from_another(scraped: str) -> None:
    assert (
        f'alarm_fatigue_build_info{{policy="{Policy().fingerprint}",version="{__version__}"}} 1.0\n'
        in scraped
    )
    overload = OverloadPolicy(units={"ICU": {"beds": Levels(Level(2, 2))}})
    others = [
        Policy(min_classified=6),
        Policy(overload=overload),
        Policy(windows={"12h": 12 * HOUR}),
    ]
    assert len({one.fingerprint for one in [Policy(), *others]}) == 4


def test_every_metric_shown_is_in_the_table_with_its_labels(scraped: str) -> None:
    shown = {metric.name for metric in prometheus_families(scraped)}
    assert {PREFIX + name for name in DEFINITIONS} == shown
    for metric in prometheus_families(scraped):
        definition = DEFINITIONS[metric.name.removeprefix(PREFIX)]
        assert metric.type == definition.kind
        for sample in metric.samples:
            assert set(sample.labels) - {"le"} == set(definition.labels)


def test_pseudonyms_are_shown_in_their_own_order(tiny: tuple[Engine, FinishedLines]) -> None:
    """The order of raw ids would give them away."""
    reversed_names = {"nurse-1": "z", "nurse-9": "a"}
    for metric in as_metrics(Exposition(tiny[0], Policy(), reversed_names.__getitem__).tables()):
        names = [
            (one.labels["unit"], one.labels["clinician"])
            for one in metric.samples
            if "clinician" in one.labels
        ]
        assert names == sorted(names)
