"""Runs every query of every panel, variable and annotation on a real Prometheus, which scrapes a
real worker with the demo's hospital.

The worker has processed half a day when Prometheus starts. While it scrapes, shifts change and a
storm of alarms begins. Rules and Alertmanager are real, too.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from math import isnan
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, Metric, start_http_server

from analyzer.hl7 import Translator
from analyzer.model.policy import HOUR, MINUTE
from streams.demo.hospital import hospital
from streams.dev.broker import EmbeddedBroker, free_port
from streams.hl7.metrics import Hl7Metrics
from streams.simulator.ward import DAY, Storm
from tests.analyzer.hl7.messages import STORY, alert
from tests.harness.boards import UIDS, Asked, asked
from tests.harness.needs import need
from tests.harness.prometheus import CONFIGURATION, Prometheus
from tests.harness.workers import Delivery, WorkerProcess, eventually, new_topics, send

RULES = sorted((Path(__file__).parents[2] / "deploy" / "prometheus" / "rules").glob("*.yml"))
SLOW, FAR_TOO_SLOW = 0.2, 2.0
"""Seconds: slower queries are counted and printed; far slower ones fail the test."""

METRIC = re.compile(r"(?<!:)\b(?:(?:alarm_fatigue|alertmanager|scrape)_\w+|ALERTS|up)\b")

_NOBODY = "in the storm nobody of the unit can take a bed"
_YOUNG = "a run of a minute has nothing from 12 h ago"
EMPTY = {
    ("alarm-fatigue-unit", "Who has the page"): "nobody has taken one",
    ("alarm-fatigue-hospital", "Against 12 h before"): _YOUNG,
    ("alarm-fatigue-unit", "Against 12 h before"): _YOUNG,
    (None, "12 h before"): _YOUNG,
    (None, "elevated: enter"): "the default policy has none for 10 min",
    (None, "elevated: leave"): "the default policy has none for 10 min",
    ("alarm-fatigue-unit", "Relief by a colleague"): _NOBODY,
    ("Relief by a colleague", "Spared per hour"): _NOBODY,
    ("annotation", "Worker's settings changed"): "nobody changes a setting here",
    (None, "sent"): "Alertmanager names its receivers from 0.27 on, if told to",
    (None, "failed"): "Alertmanager names its receivers from 0.27 on, if told to",
    ("Alarms by weekday and hour", "Value #A"): "the present hour has not ended",
    ("alarm-fatigue-hospital", "Alarms per bed and day"): "no whole day is known",
    ("alarm-fatigue-unit", "Alarms per bed and day"): "no whole day is known",
    ("alarm-fatigue-pipeline", "Left out"): "a small hospital is within all caps",
}
"""Queries that may be empty, by board and panel or by panel and series (None: any), and why."""


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an Alertmanager without receivers."""
    folder = tmp_path_factory.mktemp("alertmanager")
    config = folder / "alertmanager.yml"
    config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    address = f"127.0.0.1:{free_port()}"
    command = [
        need("prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={folder}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield address
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def hl7_feed() -> Iterator[str]:
    """Where the metrics of a gateway's messages are served; each scrape has seen them again."""
    metrics, registry = Hl7Metrics(), CollectorRegistry()

    class Again(Hl7Metrics):
        def collect(self) -> Iterator[Metric]:
            now = round(time.time() * 1000)
            translator = Translator()
            for one in (*STORY, alert("end", place="", code="7^ODD^99V", id_="new"), b"MSH|^~"):
                metrics.translated(translator.translate(one), now)
            metrics.received["GW General", "again"] += 1
            metrics.lag[0] = 0
            return metrics.collect()

    registry.register(Again())
    port = free_port()
    server, _ = start_http_server(port, "127.0.0.1", registry)
    yield f"127.0.0.1:{port}"
    server.shutdown()


@pytest.fixture(scope="module")
def prometheus(
    tmp_path_factory: pytest.TempPathFactory,
    embedded_broker: EmbeddedBroker,
    alertmanager: str,
    hl7_feed: str,
) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("boards")
    now = int(time.time() * 1000)
    # in simulated time, which the worker uses: 25 min into the night shift
    end = (now - DAY) // DAY * DAY + 19 * HOUR + 25 * MINUTE
    live, start = end - 30 * MINUTE, end - 14 * HOUR
    storm = Storm(start=live, duration=25 * MINUTE, factor=20.0, unit="MICU")
    messages = Delivery.of(
        replace(hospital(1, now)[0], start=start, duration=end - start, storms=(storm,))
    ).messages
    new_topics(embedded_broker, partitions=1)
    with WorkerProcess(embedded_broker, folder) as worker:
        send(embedded_broker, [one for one in messages if one.stamp < live])
        worker.wait_until_ready()
        server = Prometheus(
            folder,
            {"alarm-fatigue": f"127.0.0.1:{worker.port}", "alertmanager": alertmanager},
            RULES,
            more={"hl7": hl7_feed},
        )
        try:
            eventually(lambda: server.query("alarm_fatigue_build_info"), "Prometheus scrapes")
            for _, some in groupby(
                (one for one in messages if one.stamp >= live),
                key=lambda one: one.stamp // (2 * MINUTE),
            ):
                send(embedded_broker, some)
                time.sleep(1)  # a scrape for each
            total = {(): float(len(messages))}
            eventually(
                lambda: server.query("sum(alarm_fatigue_events_total)") == total,
                "Prometheus has seen all records",
            )
            eventually(
                lambda: server.query('ALERTS{alertname="UnitOverloaded"}'), "the storm is an alert"
            )
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="module")
def variables(prometheus: Prometheus) -> dict[str, str]:
    """The unit of the storm, and the first of its clinicians by name."""
    facility = "H01"
    on_duty = prometheus.query(
        f'alarm_fatigue_clinician_beds{{facility="{facility}", unit="MICU"}} > 0'
    )
    clinician = min(dict(labels)["clinician"] for labels in on_duty)
    return {
        "facility": facility,
        "unit": "MICU",
        "clinician": clinician,
        "window": "12h",
        "__rate_interval": "1m",
    }


def _may_be_empty(query: Asked) -> bool:
    return any(
        key in EMPTY
        for key in ((query.board, query.place), (query.place, query.series), (None, query.series))
    )


def _answers(prometheus: Prometheus, query: Asked, expression: str) -> bool:
    """Whether the result has a number, now or in the last minute."""
    now = time.time()
    if query.instant:
        return any(not isnan(value) for value in prometheus.query(expression).values())
    series = prometheus.ask("query_range", query=expression, start=now - 60, end=now, step=1)
    return any(value != "NaN" for one in series for _, value in one["values"])


@pytest.mark.parametrize("uid", [one for one in UIDS if one != "alarm-fatigue-history"])
def test_every_query_is_answered(
    prometheus: Prometheus, variables: dict[str, str], uid: str
) -> None:
    took: dict[Asked, float] = {}
    empty: list[str] = []
    for query in asked(uid):
        began = time.perf_counter()
        answered = _answers(prometheus, query, query.filled(**variables))
        took[query] = time.perf_counter() - began
        if not answered and not _may_be_empty(query):
            empty.append(str(query))
    slowest = max(took, key=took.__getitem__)
    slow = sum(seconds > SLOW for seconds in took.values())
    print(
        f"{uid}: {len(took)} queries, {slow} over {SLOW * 1000:.0f} ms; "
        f"the slowest took {took[slowest] * 1000:.0f} ms: {slowest}"
    )
    assert empty == []
    assert took[slowest] < FAR_TOO_SLOW


@pytest.mark.parametrize(
    "uid", [f"alarm-fatigue-{one}" for one in ("hospital", "types", "pipeline")]
)
def test_every_query_is_answered_for_all_facilities_and_units(
    prometheus: Prometheus, variables: dict[str, str], uid: str
) -> None:
    everything = variables | {"facility": ".*", "unit": ".*"}
    unanswered = [
        str(query)
        for query in asked(uid)
        if not _may_be_empty(query) and not _answers(prometheus, query, query.filled(**everything))
    ]
    assert unanswered == []


def test_links_of_boards_get_addresses_from_prometheus_own_settings(prometheus: Prometheus) -> None:
    given = yaml.safe_load(CONFIGURATION.read_text())["global"]["external_labels"]
    [watchdog] = prometheus.query('ALERTS{alertname="Watchdog"}')
    assert {name: dict(watchdog)[name] for name in ("web", "runbooks")} == {
        name: given[name] for name in ("web", "runbooks")
    }


def test_every_metric_that_boards_ask_for_was_scraped(prometheus: Prometheus) -> None:
    """A query with `or` has a result even if one of its metrics does not exist."""
    names = {name for uid in UIDS for one in asked(uid) for name in METRIC.findall(one.expression)}
    # nobody takes a page here: tests/deploy/test_paging.py asks Prometheus for these
    names -= {name for name in names if name.startswith("alarm_fatigue_page_taken_")}
    # a metric may have been there for a while only
    unknown = [
        name
        for name in sorted(names)
        if not prometheus.query(f"count(last_over_time({name}[10m]))")
    ]
    assert unknown == []


def test_texts_that_may_be_empty_are_required() -> None:
    """So that the list stays short."""
    everything = [one for uid in UIDS for one in asked(uid)]
    keys = {
        key
        for one in everything
        for key in ((one.board, one.place), (one.place, one.series), (None, one.series))
    }
    assert set(EMPTY) <= keys
