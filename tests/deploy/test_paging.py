"""The whole chain: Kafka, a worker with the wall clock, Prometheus and Alertmanager with the
shipped files, and a local paging gateway.

In fast motion: waiting times of rules and Alertmanager are divided by 60 (see
`streams.demo.chain`). The worker's states are entered after 2 s and left after 5 s, and depend on
unanswered alarms only, because the windows of the other measures are too long for a test. Limits
and texts are as shipped.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from analyzer import STATES
from analyzer.model.policy import HOUR
from streams.demo.chain import DEPLOY, Server, start_alertmanager, start_prometheus
from streams.dev.broker import Broker
from streams.http.pages import page
from streams.paging.links import Link, Signer
from tests.harness.gateways import TOKEN, Gateway, Sent
from tests.harness.hospitals import NINE
from tests.harness.hospitals import Hospital as SimulatedHospital
from tests.harness.needs import need
from tests.harness.workers import Message, WorkerProcess, eventually, new_topics, send

FASTER = 60.0
INTERVAL = 2.0  # seconds between scrapes, and their timeout
NURSES = {"MICU": ("nurse-anna", "nurse-ben"), "SICU": ("nurse-cleo", "nurse-dan")}
FACILITY = "H01"
KEY = "0123456789abcdef" * 4
LABELS = (
    '{alertname="UnitOverloaded", alertstate="firing", facility="H", scope="workload", '
    'severity="page", tier="charge_nurse", unit="ICU"}'
)
POLICY = {
    "overload": {
        "every": "1s",
        "hold": "2s",
        "cool_down": "5s",
        "alarms_10m": {},
        "alarms_1h": {},
        "protected_1h": {},
        "beds": {},
    },
}


class Hospital:
    """Two units of two nurses and four beds each; the test triggers their alarms."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._open: list[tuple[str, str, str]] = []
        self._count = 0
        now = int(time.time() * 1000)
        self._send(
            "assignments",
            [
                {
                    "assignment_id": f"w-{bed}",
                    "unit": unit,
                    "bed": bed,
                    "clinician": nurses[number % 2],
                    "from": now - 2 * HOUR,
                    "to": None,
                }
                for unit, nurses in NURSES.items()
                for number, bed in enumerate(f"{unit}-bed-{number}" for number in range(4))
            ],
        )
        self.quiet("MICU")
        self.quiet("SICU")

    def storm(self, unit: str, alarms: int = 20) -> None:
        """Start `alarms` alarms at once that stay unanswered: ten per nurse by default."""
        begun = [(unit, f"{unit}-bed-{number % 4}", self._id()) for number in range(alarms)]
        self._alarms("start", begun)
        self._open += begun

    def calm(self) -> None:
        """End every alarm."""
        self._alarms("end", self._open)
        self._open.clear()

    def quiet(self, unit: str) -> None:
        """One short alarm, so that the unit has some."""
        one = [(unit, f"{unit}-bed-1", self._id())]
        self._alarms("start", one)
        self._alarms("end", one)

    def _id(self) -> str:
        self._count += 1
        return f"alarm-{self._count}"

    def _alarms(self, phase: str, alarms: list[tuple[str, str, str]]) -> None:
        device = {
            "device_type": "monitor",
            "source": "MDC_PULS_OXIM_SAT_O2",
            "code": "MDC_EVT_LO",
            "label": "SpO2 low, Mr Canary",
        }
        self._send(
            "alarms",
            [
                {
                    "alarm_id": alarm,
                    "phase": phase,
                    "unit": unit,
                    "bed": bed,
                    "device_id": f"mon-{bed}",
                    "kind": "physiological",
                    "priority": "medium",
                    **device,
                }
                for unit, bed, alarm in alarms
            ],
        )

    def _send(self, topic: str, values: list[dict[str, Any]]) -> None:
        now = int(time.time() * 1000)
        messages = []
        for value in values:
            self._count += 1
            value |= {"event_id": f"e-{self._count}", "facility": FACILITY, "at": now}
            messages.append(Message(topic, FACILITY.encode(), json.dumps(value).encode(), now))
        send(self._broker, messages)


class Chain:
    """Worker, Prometheus and Alertmanager, and the gateway that receives the pages."""

    def __init__(self, broker: Broker, folder: Path, gateway: Gateway) -> None:
        need("prometheus")
        need("prometheus-alertmanager")
        new_topics(broker, partitions=1)
        self.gateway = gateway
        self.hospital = Hospital(broker)
        self._servers: list[Server] = []
        (folder / "link.key").write_text(KEY)
        self.alertmanager = start_alertmanager(
            folder / "alertmanager", gateway.address, FASTER, TOKEN
        )
        self.worker = WorkerProcess(
            broker,
            folder,
            clock="wall",
            pseudonyms=True,
            policy=POLICY,
            alertmanager={"url": f"http://{self.alertmanager.address}"},
            paging={"url": "https://alarms.example.org", "key_file": str(folder / "link.key")},
        )
        try:
            self._servers.append(self.alertmanager)
            self.worker.start().wait_until_ready()
            self.prometheus = start_prometheus(
                folder / "prometheus",
                f"127.0.0.1:{self.worker.port}",
                self.alertmanager.address,
                FASTER,
                INTERVAL,
            )
            self._servers.append(self.prometheus)
            eventually(
                lambda: self.query("alarm_fatigue_unit_overload_state") == {"MICU": 0, "SICU": 0},
                "Prometheus sees both units",
            )
        except BaseException:
            self.stop()
            raise

    def query(self, expression: str) -> dict[str, float]:
        """Values by unit."""
        url = f"http://{self.prometheus.address}/api/v1/query?" + urllib.parse.urlencode(
            {"query": expression}
        )
        with urllib.request.urlopen(url, timeout=10) as answer:
            return {
                one["metric"].get("unit", ""): float(one["value"][1])
                for one in json.load(answer)["data"]["result"]
            }

    def notified(self, *receivers: str) -> list[tuple[str, str, str]]:
        """Receiver, alert and status of what was sent."""
        return [
            (one.receiver, name, status)
            for one in self.gateway.sent(*receivers)
            for name, status in one.alerts.items()
        ]

    def stop(self) -> None:
        for server in reversed(self._servers):
            server.stop()
        self.worker.kill()


@pytest.fixture
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    """With the embedded broker, or with that of another fixture."""
    broker = request.getfixturevalue(getattr(request, "param", "embedded_broker"))
    with Gateway() as gateway:
        one = Chain(broker, tmp_path, gateway)
        try:
            yield one
        finally:
            one.stop()


def assert_names_nobody(sent: list[Sent]) -> None:
    """Pages contain no nurse, pseudonym, bed, device or free text, and only these labels."""
    text = json.dumps([one.payload for one in sent])
    assert not re.findall(
        r"nurse-|MICU-bed|mon-|Canary|\b[0-9a-f]{16}\b(?!\")",
        re.sub(r'"fingerprint": "[0-9a-f]{16}"', "", text),
    )
    names = {name for one in sent for alert in one.payload["alerts"] for name in alert["labels"]}
    assert names <= {"alertname", "severity", "scope", "tier", "facility", "unit", "cause"}


@pytest.mark.parametrize("chain", ["apache_kafka"], indirect=True)
def test_a_storm_is_one_page_that_escalates_until_somebody_takes_it_and_ends_with_the_storm(
    chain: Chain,
) -> None:
    chain.hospital.storm("MICU")
    eventually(lambda: chain.gateway.sent("charge-nurse"), "the charge nurse is paged", seconds=90)
    eventually(
        lambda: chain.gateway.sent("house-supervisor"),
        "nobody has taken it: the house supervisor is paged",
    )
    eventually(
        lambda: chain.gateway.sent("on-call-day", "on-call-night"), "and then whoever is on call"
    )
    asked = chain.query("unit:alarm_fatigue_pages_asked:increase1h")
    assert asked == {"MICU": 1.0}
    eventually(
        lambda: chain.query("sum(alertmanager_notifications_total) > 3"),
        "Prometheus knows what Alertmanager sent",
    )
    assert not chain.query("sum(alertmanager_notifications_failed_total) > 0")

    [paged] = chain.gateway.sent("charge-nurse")
    assert len(page(paged.payload).text) < 1024
    text = page(paged.payload).text.splitlines()
    assert text[0].startswith("MICU, H01: overloaded.")
    assert re.match(r"Since: \w{3} \d+ \w{3}, \d\d:\d\d UTC$", text[1])
    assert re.match(r"Do: (Move one bed|No one on the unit can take a bed)", text[2])
    assert re.match(
        r"Why: Per clinician on duty: 10 alarms without a response "
        r"\(limit 6; now \d+; ends at 3 or fewer for [\d.]+ min\)\. "
        r"Most at one bed in the last hour: \d+ of 21 alarms\.$",
        text[3],
    )
    assert text[4].startswith("Next: if nobody takes it, the house supervisor is paged at ")

    chain.hospital.calm()
    eventually(lambda: len(chain.notified()) == 6, "everybody is notified of the end")
    sent = [
        (receiver.removesuffix("-day").removesuffix("-night"), alert, status)
        for receiver, alert, status in chain.notified()
    ]
    assert sent[:3] == [
        ("charge-nurse", "UnitOverloaded", "firing"),
        ("house-supervisor", "UnitOverloadUnanswered", "firing"),
        ("on-call", "UnitOverloadStanding", "firing"),
    ]
    assert sorted(sent[3:]) == [(receiver, alert, "resolved") for receiver, alert, _ in sent[:3]]
    assert chain.query("alarm_fatigue_unit_overload_state") == {"MICU": 0, "SICU": 0}
    assert_names_nobody(chain.gateway.sent())


def test_a_page_taken_at_the_worker_goes_no_further_and_prometheus_knows_who_has_it(
    chain: Chain,
) -> None:
    chain.hospital.storm("MICU")
    eventually(lambda: chain.gateway.sent("charge-nurse"), "the charge nurse is paged")
    link = Signer(KEY.encode()).url(
        f"http://127.0.0.1:{chain.worker.port}",
        Link(FACILITY, "MICU", 0, int(time.time()) + 600),
    )
    form = urllib.parse.urlencode({"action": "take", "role": "charge_nurse", "span": "60"})
    with urllib.request.urlopen(link, form.encode(), timeout=20) as answer:
        assert answer.status == 200  # after the redirect
        assert "The charge nurse has it since" in answer.read().decode()
    until = "alarm_fatigue_page_taken_until_timestamp_seconds"
    eventually(lambda: chain.query(until).keys() == {"MICU"}, "the boards know")
    assert chain.query(f"{until} - time()")["MICU"] == pytest.approx(3600, abs=120)
    eventually(
        lambda: chain.query('ALERTS{alertname="UnitOverloadStanding", alertstate="firing"}'),
        "it would have escalated twice",
    )
    time.sleep(2 * 600 / FASTER)
    assert {receiver for receiver, _, _ in chain.notified()} == {"charge-nurse"}
    chain.hospital.calm()
    eventually(lambda: len(chain.notified()) == 2, "the charge nurse is notified of the end")


def test_a_worker_that_dies_in_the_storm_is_told_as_lost_data_and_never_as_the_end(
    chain: Chain,
) -> None:
    chain.hospital.storm("MICU")
    eventually(lambda: chain.gateway.sent("charge-nurse"), "the charge nurse is paged")
    chain.worker.kill()
    eventually(
        lambda: len(chain.gateway.sent("house-supervisor", "operations")) == 2,
        "both are notified of the missing data",
    )
    # Longer than any range, hold or interval of rules and Alertmanager.
    time.sleep(60 * 25 / FASTER)
    assert sorted(chain.notified()) == [
        ("charge-nurse", "UnitOverloaded", "firing"),
        ("house-supervisor", "DataLost", "firing"),
        ("operations", "DataLost", "firing"),
    ]
    assert chain.query('ALERTS{alertname="UnitOverloaded",alertstate="firing"}') == {"MICU": 1}

    chain.hospital.calm()
    chain.worker.start().wait_until_ready()
    eventually(lambda: len(chain.notified()) == 6, "data is back, and the overload is over")
    assert sorted(chain.notified()[3:]) == [
        ("charge-nurse", "UnitOverloaded", "resolved"),
        ("house-supervisor", "DataLost", "resolved"),
        ("operations", "DataLost", "resolved"),
    ]
    assert_names_nobody(chain.gateway.sent())


def steady(seed: int | None, every: int) -> list[tuple[int, str]]:
    """(minute, state) of each transition of a unit with one clinician, in two hours with an alarm
    every `every` seconds, or at random at this mean rate.
    """
    hospital = SimulatedHospital()
    hospital.assign("c", "1")
    draw, at = random.Random(seed), NINE
    while at < NINE + 2 * HOUR:
        hospital.alarm(at)
        at += round(1000 * (every if seed is None else draw.expovariate(1 / every)))
    return [
        ((one.at - NINE) // 60_000, one.after)
        for one in hospital.run(NINE + 2 * HOUR)
        if one.clinician is None
    ]


@pytest.mark.parametrize("every", [50, 58, 60, 65])
@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_a_steady_load_at_the_limit_is_one_page_at_most_and_no_flapping(
    seed: int | None, every: int, tmp_path: Path
) -> None:
    """The limit is 10 in 10 min. A load slightly above or below it, even or random, for two hours
    of simulated time, with the shipped rules.
    """
    states = [0] * 121
    for minute, state in steady(seed, every):
        states[minute:] = [STATES.index(state)] * (121 - minute)
    pages = int(2 in states)
    last = len(states) - 1
    values = " ".join(map(str, states))
    test = {
        "rule_files": [str(DEPLOY / "prometheus" / "rules" / "workload.yml")],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {
                        "series": 'alarm_fatigue_unit_overload_state{facility="H", unit="ICU"}',
                        "values": values,
                    }
                ],
                "promql_expr_test": [
                    {
                        "expr": (
                            'count_over_time(ALERTS{alertname="UnitOverloaded",'
                            f'alertstate="firing"}}[{last + 1}m]) > 0'
                        ),
                        "eval_time": f"{last}m",
                        "exp_samples": [{"labels": LABELS, "value": last + 1 - states.index(2)}]
                        if pages
                        else [],
                    },
                    {
                        "expr": "max_over_time(unit:alarm_fatigue_pages_asked:increase1h[2h])",
                        "eval_time": f"{last}m",
                        "exp_samples": [{"labels": '{facility="H", unit="ICU"}', "value": 1}]
                        if pages
                        else [],
                    },
                ],
            }
        ],
    }
    (tmp_path / "steady.test.yml").write_text(yaml.safe_dump(test))
    done = subprocess.run(
        [need("promtool"), "test", "rules", tmp_path / "steady.test.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
