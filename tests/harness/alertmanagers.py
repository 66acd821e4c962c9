"""A real Alertmanager with the shipped configuration, in a shorter time, and alerts to send."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from streams.demo.chain import Server, start_alertmanager
from tests.harness.gateways import TOKEN, Gateway
from tests.harness.needs import need

DEPLOY = Path(__file__).parents[2] / "deploy"
CONFIG = DEPLOY / "alertmanager" / "alertmanager.yml"
CONTENT: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
RULES = [
    rule
    for path in sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]

CANARIES = {
    "clinician": "CANARY-NURSE",
    "bed": "CANARY-BED",
    "device_id": "CANARY-DEVICE",
    "label": "CANARY TEXT",
}
"""Labels and annotations that no page may show."""

PAGE = {"severity": "page", "scope": "workload", "facility": "H01", "unit": "MICU"}
TICKET = PAGE | {"severity": "ticket"}
PIPELINE = {"severity": "page", "scope": "pipeline", "tier": "operations"}
ALERTS = {
    "UnitOverloaded": PAGE | {"tier": "charge_nurse"},
    "CliniciansOverloaded": PAGE | {"tier": "charge_nurse"},
    "UnitFlood": TICKET | {"tier": "biomed"},
    "UnitAnswersSlowly": TICKET | {"tier": "operations"},
    "UnitOverloadUnanswered": PAGE | {"tier": "house_supervisor"},
    "UnitOverloadStanding": PAGE | {"tier": "on_call"},
    "PageBudgetSpent": PAGE | {"tier": "house_supervisor"},
    "DataLost": PIPELINE | {"facility": "H01"},
    "BrokerNotAnswering": PIPELINE,
    "EventsRefused": PIPELINE | {"facility": "H01"},
    "WatermarkAhead": PIPELINE | {"facility": "H01"},
    "WorkerDown": PIPELINE | {"severity": "ticket"},
    "PipelineStalled": PIPELINE | {"facility": "H01"},
    "CheckpointOld": PIPELINE | {"severity": "ticket"},
    "Watchdog": {"severity": "none", "scope": "pipeline", "tier": "watchdog"},
}
"""Labels by alert."""

ANNOTATIONS = {
    "summary": "MICU (H01) is overloaded",
    "description": "A description, for tickets",
    "reason": "14.2 alarms per clinician on duty in the last 10 min, more than 10",
    "suggestion": "Call in the float nurse & move a bed.",
    "page_url": "http://web.example/unit?facility=H01&unit=MICU",
    "dashboard_url": "http://grafana.example/d/units?var-unit=MICU",
    "runbook_url": "http://runbooks.example/UnitOverloaded.md",
}

FASTER = 600.0  # groups wait 25 ms, and notify again after 1 s at the earliest
PAUSE = 2 * 600 / FASTER  # seconds, in which a group with news has sent it


class Alertmanager:
    def __init__(self, folder: Path, gateway: Gateway) -> None:
        need("prometheus-alertmanager")
        self.server: Server = start_alertmanager(
            folder, gateway.address, FASTER, TOKEN, external_url="http://am.example:9093"
        )
        self._alerts: dict[tuple[str, ...], dict[str, Any]] = {}

    def call(self, path: str, content: Any = None) -> Any:
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(
            f"http://{self.server.address}/api/v2/{path}",
            data,
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")

    def send(self, *names: str, over: bool = False, **labels: str) -> None:
        """Send alerts that begin to fire now, or end now (`over`)."""
        now = datetime.now(UTC)
        alerts = []
        for name in names:
            whole = {
                label: value
                for label, value in {"alertname": name, **ALERTS[name], **labels}.items()
                if value
            }
            key = tuple(f"{label}={value}" for label, value in sorted(whole.items()))
            alert = self._alerts.setdefault(
                key, {"labels": whole, "annotations": ANNOTATIONS, "startsAt": now.isoformat()}
            )
            alerts.append(
                alert | {"endsAt": (now if over else now + timedelta(hours=1)).isoformat()}
            )
        self.call("alerts", alerts)

    def silence(self, *matchers: str) -> None:
        url = f"--alertmanager.url=http://{self.server.address}"
        command = [
            need("amtool"),
            "silence",
            "add",
            url,
            "--author=the charge nurse",
            "--comment=mine",
            *matchers,
        ]
        subprocess.run(command, check=True, capture_output=True)

    @property
    def suppressed(self) -> set[str]:
        return {
            one["labels"]["alertname"]
            for one in self.call("alerts")
            if one["status"]["state"] == "suppressed"
        }


def routes(route: dict[str, Any] = CONTENT["route"], **inherited: Any) -> Iterator[dict[str, Any]]:
    """Each route with the grouping it inherits."""
    whole = inherited | route
    yield whole
    for one in route.get("routes", []):
        yield from routes(
            one, **{name: whole[name] for name in ("group_by", "repeat_interval", "group_interval")}
        )


def webhook(*alerts: tuple[str, str], unit: str = "MICU", **annotations: str) -> dict[str, Any]:
    """Alertmanager's payload for (alert, status), with labels that must not be shown."""
    group = {"facility": "H01", "unit": unit}
    found = [
        {
            "status": status,
            "labels": {"alertname": name, **ALERTS[name], **group, **CANARIES},
            "annotations": ANNOTATIONS | annotations | {"label": "CANARY ANNOTATION"},
            "startsAt": "2026-03-01T03:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
        }
        for name, status in alerts
    ]
    return {
        "version": "4",
        "receiver": "charge-nurse",
        "status": "firing" if any(status == "firing" for _, status in alerts) else "resolved",
        "alerts": found,
        "groupLabels": group,
        "commonLabels": group,
        "commonAnnotations": {},
        "externalURL": "http://127.0.0.1:9093",
    }
