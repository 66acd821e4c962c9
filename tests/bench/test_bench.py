"""The worker accepts the benchmarks' input, and their last line has the promised keys."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiokafka.partitioner import DefaultPartitioner

from analyzer import Engine, Policy, Topic
from analyzer.whatif.grid import search
from bench import hospital, importing, peer_runs, plot, profile, quick, report, stages, tuning
from bench.hospital import Load, clinicians, mix
from bench.kafka import partition_of
from bench.worker import Run, burdens
from streams.formats.codec import decode
from streams.simulator import Ward

SMALL = Ward(units=1, beds=4)


@pytest.fixture(scope="module", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hospital, "CACHE", tmp_path_factory.mktemp("cache"))
        yield


def records(load: Load) -> list[tuple[Topic, bytes, int, bytes]]:
    """Topic, key, Kafka timestamp and value, as they are produced."""
    return [
        (row.topic, name, row.due, row.head + name + row.tail)
        for row in load.rows()
        for name in load.names
    ]


@pytest.mark.parametrize(
    "load",
    [
        Load(records=3000, facilities=3, ward=SMALL),
        Load(records=9000, facilities=1, ward=SMALL),  # more than a day
        Load(records=4000, facilities=2, parts=5, ward=SMALL),
        Load(records=2000, facilities=2, times="text", ward=SMALL),
        Load(records=2000, facilities=2, phases=("start", "end"), ward=SMALL),
    ],
    ids=["facilities", "days", "parts", "text", "phases"],
)
def test_every_record_of_the_input_is_a_new_fact(load: Load) -> None:
    engine = Engine(Policy())
    due_before = 0
    made = records(load)
    for topic, key, due, value in made:
        fact = decode(topic, value)
        assert fact.facility.encode() == key
        assert engine.apply(topic, fact, due) == "accepted", value
        assert due >= due_before
        due_before = due
    assert load.records <= len(made) < load.records + load.facilities


def test_times_spelled_as_text_are_the_same_times() -> None:
    numbers = records(Load(records=400, facilities=1, ward=SMALL))
    texts = records(Load(records=400, facilities=1, ward=SMALL, times="text"))
    assert [decode(topic, value) for topic, _, _, value in numbers] == [
        decode(topic, value) for topic, _, _, value in texts
    ]
    assert all(b'"at":"20' in value for _, _, _, value in texts)


def test_the_mix_holds_every_kind_of_record() -> None:
    load = Load(records=20_000, facilities=10)
    shares = mix(load)
    assert set(shares) >= {
        "start",
        "update",
        "end",
        "responses by alarm",
        "responses by bed",
        "assignments",
        "labels",
    }
    assert sum(shares.values()) == 20_000


def test_parts_bring_clinicians_of_their_own() -> None:
    one, ten = (
        Load(records=200 * parts, facilities=1, parts=parts, ward=SMALL) for parts in (1, 10)
    )
    assert clinicians(ten) == 10 * clinicians(one) > 0


def test_facilities_go_where_clients_send_them() -> None:
    choose = DefaultPartitioner()
    for name in Load(records=1, facilities=50).names:
        assert partition_of(name, 4) == choose(name, list(range(4)), list(range(4)))


def test_a_cached_day_is_the_day_that_was_drawn() -> None:
    drawn = hospital.day(SMALL)
    assert hospital.day(SMALL) == drawn
    assert len(list(hospital.CACHE.iterdir())) >= 1


def test_the_last_line_has_the_promised_keys() -> None:
    load = Load(records=1000, facilities=10, ward=SMALL)
    ours = Run(
        records=900, expected=1000, seconds=3.0, cpu_seconds=0.9, peak_rss_mb=99.6, scrapes=1
    )
    found = quick.result(1000, load, ours, peer_runs.Outcome(30, 3.0), peer_runs.Outcome(1000, 0.5))
    line = json.loads(quick.line(found))
    assert line == found
    assert line["events_per_s"] == 300  # counted records, not offered ones
    assert line["faust_hopping_events_per_s"] == 10
    assert line["aiokafka_events_per_s"] == 2000
    assert line["cpu_s_per_million"] == 1000.0
    assert line["peak_rss_mb"] == 100
    assert line["times_faust_hopping"] == 30
    assert "\n" not in quick.line(found)


def test_a_peer_is_read_only_when_its_line_is_complete() -> None:
    assert peer_runs.parse("starting\n") is None
    assert peer_runs.parse('starting\n{"records": 5, "sec') is None
    assert peer_runs.parse('starting\n{"records": 5, "seconds": 2.5}\nmore\n') == peer_runs.Outcome(
        5, 2.5
    )


def test_a_peer_that_fails_is_named_with_its_last_log_line(tmp_path: Path) -> None:
    with pytest.raises(
        peer_runs.BenchError, match=r"bare_aiokafka ended with status 1: IndexError"
    ):
        peer_runs.run(tmp_path, "bare_aiokafka", "127.0.0.1:1")


@pytest.mark.parametrize(
    "module", [plot, profile, report, peer_runs], ids=lambda module: module.__name__
)
def test_examples_in_the_documentation_hold(module: Any) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


def test_burdens_are_the_numbers_that_a_crash_must_not_change() -> None:
    exposition = (
        'alarm_fatigue_unit_alarms{unit="ICU",window="1h"} 3.0\n'
        'alarm_fatigue_consumer_lag_records{partition="0"} 7.0\n'
        'alarm_fatigue_response_seconds_bucket{le="5.0",unit="ICU"} 1.0\n'
        "process_cpu_seconds_total 4.0\n"
    )
    assert burdens(exposition) == {
        'alarm_fatigue_unit_alarms{unit="ICU",window="1h"}': "3.0",
        'alarm_fatigue_response_seconds_bucket{le="5.0",unit="ICU"}': "1.0",
    }


SECTIONS: dict[str, dict[str, Any]] = {
    "peers": {
        "records": 1000,
        "load": {"facilities": 2, "beds": 154, "clinicians": 98, "times": "integer"},
        "mix": {"start": 600, "end": 400},
        "worker": {
            "rates": [90.0, 110.0, 100.0],
            "cpu_s_per_million": 9.0,
            "peak_rss_mb": 200.0,
            "complete": True,
        },
        "peers": {"stock Faust, hopping": [0.5, 0.4, 0.6]},
        "missing": {"Flink SQL": "its Kafka connector could not be fetched"},
    },
    "facilities": {
        "points": [
            {
                "facilities": n,
                "clinicians": n,
                "rate": 5.0,
                "cpu_s_per_million": 9.0,
                "peak_rss_mb": 1.0,
                "records": 5,
                "complete": n < 10,
            }
            for n in (1, 10)
        ]
    },
    "workers": {
        "rates": {"1": [10.0, 11.0, 12.0], "2": [20.0, 22.0, 21.0]},
        "cpu_s_per_million": {"1": [[12.0, 3.0]], "2": [[13.0, 3.5]]},
    },
    "recovery": {
        "points": [
            {"held": 1000, "ready_seconds": 1.5, "correct_seconds": 2.0, "bytes_per_alarm": 180.0}
        ]
    },
}
for _section in SECTIONS.values():
    _section.update(machine="2 cores", date="2026-03-01")


def test_the_table_states_medians_ratios_and_what_is_missing() -> None:
    text = report.markdown(SECTIONS)
    assert "| this worker, everything on | 100 | 3 | 90 - 110 | 1.00 x |" in text
    assert "| stock Faust, hopping | 0 | 3 | 0 - 1 | 200.00 x |" in text
    assert "Flink SQL: not measured; its Kafka connector could not be fetched." in text
    assert "| 2 | 21 | 3 | 1.91 x | 13.0 | 3.5 |" in text
    assert "5 (stopped)" in text


def test_the_picture_has_a_chart_for_each_scale() -> None:
    drawn = plot.charts(SECTIONS)
    assert [chart.x for chart in drawn] == ["facilities", "workers", "alarms held"]
    assert plot.svg(drawn).count("<g ") == 3


def test_tuning_counts_what_polars_counts() -> None:
    """`bench tune` asserts equal counts for each sampled setting; here on few alarms, with
    chains.
    """
    recorded = tuning.month(20_000)
    few = recorded.of(np.flatnonzero(recorded.bed < 4))
    for grid in tuning.GRIDS.values():
        with_limit = grid.limits != (None,)
        some = few.of(np.flatnonzero(few.type == 0)) if with_limit else few
        found = search(some, grid)
        tuning._polars(some, found, with_limit)
        assert found.removed.sum() > 0


def test_a_table_is_imported_beside_polars_reading_it() -> None:
    found = json.loads(importing.line(importing.run(3000)))
    assert found["rows"] == 3000
    assert found["import_rows_per_s"] > 0
    assert found["share_of_polars_read"] > 0


def test_the_budget_by_stage_takes_in_every_record_and_times_every_stage() -> None:
    load = Load(records=3000, facilities=3, ward=SMALL)
    fetched = stages.fetches(load)
    work, clock = stages.new(), stages.Clock()
    stages.take_in(work, fetched, clock)
    counted: dict[tuple[str, str], int] = {}
    for one in work.partitions:
        for key, count in one.engine.outcome_counts.items():
            counted[key] = counted.get(key, 0) + count
    assert sum(counted.values()) == fetched.records == 3000
    assert {outcome for _, outcome in counted} == {"accepted"}
    figures = stages.measure(load, repeat=1)
    assert figures.pop("all") == pytest.approx(sum(figures.values()))
    assert min(figures[stage] for stage in stages.STAGES if stage != "evict") > 0


def test_figures_of_stages_stand_beside_the_last_ones_of_their_size() -> None:
    now, before = dict.fromkeys((*stages.STAGES, "all"), 150.0), {"decode": 100.0}
    lines = list(stages.table({"one": now, "new": now}, {"one": before}))
    assert lines[1:3] == ["(1) one", "(2) new"]
    [decode] = [line for line in lines if line.startswith("decode")]
    assert decode.split() == ["decode", "150", "+50%", "150"]
