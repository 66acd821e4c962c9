"""The real Prometheus scrapes a real worker, by the configuration that we ship, and answers in PromQL."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from streams.broker import EmbeddedBroker, free_port
from tests.needs import need
from tests.workers import WorkerProcess, eventually, new_topics, run

ROOT = Path(__file__).parent.parent
TINY = ROOT / "tests" / "data" / "tiny"


class Prometheus:
    """A server on loopback with the shipped configuration, its targets replaced by `target`."""

    def __init__(self, folder: Path, target: str) -> None:
        config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
        [job] = [job for job in config["scrape_configs"] if job["job_name"] == "alarm-fatigue"]
        job["static_configs"] = [{"targets": [target]}]
        config |= {"scrape_configs": [job], "global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "rule_files": []}
        del config["alerting"]
        path = folder / "prometheus.yml"
        path.write_text(yaml.safe_dump(config))
        self._address = f"127.0.0.1:{free_port()}"
        command = [
            need("prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={self._address}",
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def query(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        """The instant vector's values by their labels, but for those that Prometheus adds."""
        url = f"http://{self._address}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            return {}
        ours = [({k: v for k, v in one["metric"].items() if k not in ("__name__", "job", "instance")}, one["value"][1]) for one in found]
        return {tuple(sorted(labels.items())): float(value) for labels, value in ours}

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


@pytest.fixture
def prometheus(tmp_path: Path, embedded_broker: EmbeddedBroker) -> Iterator[Prometheus]:
    """Prometheus beside a worker that has taken in the tiny ward."""
    new_topics(embedded_broker, partitions=1)
    files = [text for topic in ("alarms", "assignments", "responses") for text in (f"--{topic}", TINY / f"{topic}.jsonl")]
    with WorkerProcess(embedded_broker, tmp_path) as worker:
        worker.wait_until_ready()
        assert run("publish", "--broker", embedded_broker.address, "--fast", *files).status == 0
        server = Prometheus(tmp_path, f"127.0.0.1:{worker.port}")
        try:
            taken_in = {(): 13.0}
            eventually(lambda: server.query("sum(alarm_fatigue_events_total)") == taken_in, "Prometheus has seen all 13 records")
            yield server
        finally:
            server.stop()


def test_prometheus_answers_with_the_worker_s_numbers(prometheus: Prometheus) -> None:
    """The ward of `tests/data/tiny`, whose figures were worked out by hand."""
    query = prometheus.query
    assert query('sum by (unit) (alarm_fatigue_unit_alarms{window="1h"})') == {(("unit", "ICU"),): 4.0}
    assert query('alarm_fatigue_clinician_alarm_seconds{clinician="nurse-1",window="1h"}') == {
        (("clinician", "nurse-1"), ("facility", "H1"), ("unit", "ICU"), ("window", "1h")): 100.0
    }
    assert query('sum(alarm_fatigue_clinician_classified_alarms{class="actionable",window="1h"})') == {(): 1.0}
    assert query("histogram_quantile(0.5, sum by (le) (alarm_fatigue_response_seconds_bucket))") == {(): 45.0}
    assert query("alarm_fatigue_unit_nonactionable_ratio") == {}, "three classified alarms are too few to say"
    assert query("sum(alarm_fatigue_consumer_lag_records)") == {(): 0.0}
    assert query('up{job="alarm-fatigue"}') == {(): 1.0}
