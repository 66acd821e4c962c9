"""The real Prometheus scrapes a real worker, by the configuration that we ship, and answers in
PromQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.dev.broker import EmbeddedBroker
from tests.harness.prometheus import Prometheus
from tests.harness.workers import WorkerProcess, eventually, new_topics, run

TINY = Path(__file__).parents[2] / "data" / "tiny"


@pytest.fixture
def prometheus(tmp_path: Path, embedded_broker: EmbeddedBroker) -> Iterator[Prometheus]:
    """Prometheus beside a worker that has taken in the tiny ward."""
    new_topics(embedded_broker, partitions=1)
    files = [
        text
        for topic in ("alarms", "assignments", "responses")
        for text in (f"--{topic}", TINY / f"{topic}.jsonl")
    ]
    with WorkerProcess(embedded_broker, tmp_path) as worker:
        worker.wait_until_ready()
        assert run("publish", "--broker", embedded_broker.address, "--fast", *files).status == 0
        server = Prometheus(tmp_path, {"alarm-fatigue": f"127.0.0.1:{worker.port}"})
        try:
            taken_in = {(): 13.0}
            eventually(
                lambda: server.query("sum(alarm_fatigue_events_total)") == taken_in,
                "Prometheus has seen all 13 records",
            )
            yield server
        finally:
            server.stop()


def test_prometheus_answers_with_the_worker_s_numbers(prometheus: Prometheus) -> None:
    """The ward of `tests/data/tiny`, whose figures were worked out by hand."""
    query = prometheus.query
    assert query('sum by (unit) (alarm_fatigue_unit_alarms{window="1h"})') == {
        (("unit", "ICU"),): 4.0
    }
    assert query('alarm_fatigue_clinician_alarm_seconds{clinician="nurse-1",window="1h"}') == {
        (("clinician", "nurse-1"), ("facility", "H1"), ("unit", "ICU"), ("window", "1h")): 100.0
    }
    assert query(
        'sum(alarm_fatigue_clinician_classified_alarms{class="actionable",window="1h"})'
    ) == {(): 1.0}
    assert query(
        "histogram_quantile(0.5, sum by (le) (alarm_fatigue_response_seconds_bucket))"
    ) == {(): 45.0}
    assert query("alarm_fatigue_unit_nonactionable_ratio") == {}, (
        "three classified alarms are too few to say"
    )
    assert query("sum(alarm_fatigue_consumer_lag_records)") == {(): 0.0}
    assert query('up{job="alarm-fatigue"}') == {(): 1.0}
