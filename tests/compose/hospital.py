"""Requests to the services of compose.yml from this machine, as an operator would make them."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.compose.project import Container, Project
from tests.harness.workers import COMMAND, Numbers, events, eventually, numbers_of

KAFKA, WORKER, PROMETHEUS, ALERTMANAGER = 9092, 9464, 9090, 9093
UNITS = 2
# 83 alarms in 10 min for each of four nurses, where 10 are too many
BUSY = (
    f"--units={UNITS}", "--beds=8", "--beds-per-nurse=4", "--alarms-per-bed-day=3000",
    "--duration=30m",
)  # fmt: skip
PAGES_WAIT_SECONDS = 480.0
"""Seconds to wait for a page: the longest time for which alerts about missing data inhibit it,
plus Alertmanager's own delays.
"""
TOPICS = ("alarms", "assignments", "responses", "labels")


def alarm_fatigue(*arguments: str | Path) -> str:
    """Run the command and return its output. Raises `AssertionError` if it fails."""
    done = subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=180
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"alarm-fatigue {arguments[0]}: {said[-2000:]}"
    return said


def overloaded(folder: Path, facility: str, *connection: str | Path) -> dict[str, int]:
    """Publish half an hour, until now, of a facility whose nurses have far too many alarms. The
    records of each topic.
    """
    out = folder / f"facility-{facility}"
    start = datetime.now(UTC) - timedelta(minutes=30)
    alarm_fatigue(
        "simulate", "--out", out, f"--prefix={facility}", f"--start={start:%FT%TZ}", *BUSY
    )
    files = {one: out / f"{one}.jsonl" for one in TOPICS}
    there = {one: path for one, path in files.items() if path.exists()}
    given = [word for one, path in there.items() for word in (f"--{one}", path)]
    alarm_fatigue("publish", *given, "--fast", *(connection or ("--broker", f"127.0.0.1:{KAFKA}")))
    return {one: len(path.read_text().splitlines()) for one, path in there.items()}


def ask(port: int, path: str, token: str = "") -> tuple[int, str]:
    """Status and text; status 0 while nobody answers."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def numbers(project: Project, worker: Container) -> Numbers:
    """The samples of /metrics; empty while the worker does not answer."""
    text = ask(worker.ports[WORKER], "/metrics", project.secret("prometheus_token"))[1]
    return numbers_of(parse_text(text))


def accepted(project: Project) -> dict[str, float]:
    """By topic, how many records the workers have accepted."""
    total: dict[str, float] = {}
    for one in project.of("worker"):
        for (topic, outcome), count in events(numbers(project, one)).items():
            if outcome == "accepted":
                total[topic] = total.get(topic, 0) + count
    return total


def shown(project: Project) -> set[tuple[str, str, str]]:
    """Facility, unit and pseudonym of each clinician with alarms."""
    found = set()
    for one in project.of("worker"):
        for name, labels in numbers(project, one):
            given = dict(labels)
            if name == "alarm_fatigue_clinician_alarms":
                found.add((given["facility"], given["unit"], given["clinician"]))
    assert found, "no clinicians"
    return found


def partitions(project: Project, worker: Container) -> set[int]:
    """The partitions that a worker holds."""
    return {
        int(dict(labels)["partition"])
        for name, labels in numbers(project, worker)
        if name == "alarm_fatigue_consumer_lag_records"
    }


def wait_until_counted(project: Project, *sent: dict[str, int]) -> None:
    """Until the workers have accepted just what was sent, and are ready."""
    whole = {topic: sum(one.get(topic, 0) for one in sent) for topic in TOPICS}
    expected = {topic: count for topic, count in whole.items() if count}
    try:
        eventually(lambda: accepted(project) == expected, f"the workers have {expected}")
    except AssertionError as error:
        raise AssertionError(f"{error}; they have {accepted(project)}") from None
    for one in project.of("worker"):
        port = one.ports[WORKER]
        eventually(lambda port=port: ask(port, "/ready")[0] == 200, "the worker is ready")


def query(expression: str, port: int = PROMETHEUS) -> list[dict[str, Any]]:
    """Samples of an instant vector; none while Prometheus does not answer."""
    path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    status, text = ask(port, path)
    return list(json.loads(text)["data"]["result"]) if status == 200 else []


def value(expression: str, port: int = PROMETHEUS) -> float | None:
    """The only sample."""
    found = query(expression, port)
    return float(found[0]["value"][1]) if len(found) == 1 else None


def targets(port: int = PROMETHEUS) -> list[dict[str, Any]]:
    """The active targets of Prometheus; empty while it does not answer."""
    status, text = ask(port, "/api/v1/targets?state=active")
    return list(json.loads(text)["data"]["activeTargets"]) if status == 200 else []


def reached(port: int = PROMETHEUS, workers: int = 1) -> bool:
    """Whether Prometheus has so many workers, and its last scrape of each target succeeded."""
    found = targets(port)
    ours = [one for one in found if one["labels"]["job"] == "alarm-fatigue"]
    return len(ours) == workers and all(one["health"] == "up" for one in found)


def unhealthy_rules(port: int = PROMETHEUS) -> list[str]:
    """Rules that were not evaluated without an error."""
    groups = json.loads(ask(port, "/api/v1/rules")[1])["data"]["groups"]
    assert len(groups) >= 4
    return [
        f"{rule['name']}: {rule.get('lastError', '')}"
        for group in groups
        for rule in group["rules"]
        if rule["health"] != "ok"
    ]


def alerts(port: int = ALERTMANAGER) -> set[tuple[str, str]]:
    """Name and facility of each alert that Alertmanager has."""
    status, text = ask(port, "/api/v2/alerts")
    found = [one["labels"] for one in json.loads(text)] if status == 200 else []
    return {(one["alertname"], one.get("facility", "")) for one in found}


def wait_until_current(
    prometheus: Sequence[int] = (PROMETHEUS,), alertmanagers: Sequence[int] = (ALERTMANAGER,)
) -> None:
    """Wait until no alert about missing data fires, anywhere. After a start of several minutes one
    does, and it inhibits pages: a page that is inhibited when its `group_wait` is over comes only
    after `group_interval`, 10 min later. Of two Prometheus servers, one may end it before the other
    does, and Alertmanager has it again when the other sends it within the next minute.
    """
    missing = {"DataLost", "BrokerNotAnswering", "PipelineStalled"}
    firing = f'ALERTS{{alertname=~"{"|".join(sorted(missing))}"}}'

    def current() -> bool:
        known = [alerts(port) for port in alertmanagers]
        return (
            all(known)
            and not any(missing & {name for name, _ in one} for one in known)
            and not any(query(firing, port) for port in prometheus)
        )

    eventually(current, "no data is missing", PAGES_WAIT_SECONDS)


def silence(facility: str, unit: str) -> dict[str, str]:
    """Take the page of a unit for an hour by a silence in Alertmanager, as a page without a link
    advises. Returns the labels of the silence.
    """
    now = datetime.now(UTC)
    made = {"facility": facility, "unit": unit}
    content = {
        "matchers": [{"name": name, "value": of, "isRegex": False} for name, of in made.items()],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "charge nurse",
        "comment": "taken",
    }
    request = urllib.request.Request(
        f"http://127.0.0.1:{ALERTMANAGER}/api/v2/silences",
        json.dumps(content).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20):
        return made


def silences() -> list[dict[str, str]]:
    """The labels that each silence in force matches."""
    return [
        {matcher["name"]: matcher["value"] for matcher in one["matchers"]}
        for one in json.loads(ask(ALERTMANAGER, "/api/v2/silences")[1])
        if one["status"]["state"] != "expired"
    ]
