"""Routes of Alertmanager: whom each alert reaches and when, and where the secrets are."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.harness.alertmanagers import (
    ALERTS,
    CONFIG,
    CONTENT,
    DEPLOY,
    PAGE,
    PIPELINE,
    RULES,
    TICKET,
    routes,
)
from tests.harness.needs import need

COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())


def routed(labels: dict[str, str], receivers: str) -> str:
    """amtool's error if alerts with these labels go to other receivers; empty if they do not."""
    command = [
        need("amtool"),
        "config",
        "routes",
        "test",
        f"--config.file={CONFIG}",
        f"--verify.receivers={receivers}",
    ]
    done = subprocess.run(
        [*command, *(f"{name}={value}" for name, value in labels.items())],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


ROUTES: list[tuple[dict[str, str], str]] = [
    ({"alertname": "UnitOverloaded", **ALERTS["UnitOverloaded"]}, "charge-nurse"),
    ({"alertname": "CliniciansOverloaded", **ALERTS["CliniciansOverloaded"]}, "charge-nurse"),
    (
        PAGE
        | {
            "alertname": "UnitOverloaded",
            "tier": "charge_nurse",
            "facility": "H-EXAMPLE",
            "unit": "CCU",
        },
        "charge-nurse-example",
    ),
    (
        PAGE
        | {
            "alertname": "UnitOverloaded",
            "tier": "charge_nurse",
            "facility": "H-EXAMPLE",
            "unit": "MICU",
        },
        "charge-nurse",
    ),
    (
        PAGE
        | {"alertname": "UnitOverloaded", "tier": "charge_nurse", "facility": "H01", "unit": "CCU"},
        "charge-nurse",
    ),
    (
        {"alertname": "UnitOverloadUnanswered", **ALERTS["UnitOverloadUnanswered"]},
        "house-supervisor",
    ),
    ({"alertname": "PageBudgetSpent", **ALERTS["PageBudgetSpent"]}, "house-supervisor"),
    (
        {"alertname": "UnitOverloadStanding", **ALERTS["UnitOverloadStanding"]},
        "on-call-day,on-call-night",
    ),
    (PAGE | {"alertname": "SomethingNew", "tier": "nobody_we_know"}, "house-supervisor"),
    (TICKET | {"alertname": "UnitStaleAlarms", "tier": "biomed"}, "biomed-queue"),
    (TICKET | {"alertname": "UnitStaffingBeyondPolicy", "tier": "operations"}, "operations-queue"),
    (
        {
            "alertname": "RejectedShareHigh",
            "severity": "ticket",
            "scope": "pipeline",
            "tier": "operations",
        },
        "operations-queue",
    ),
    ({"alertname": "DataLost", **ALERTS["DataLost"]}, "house-supervisor,operations"),
    ({"alertname": "DataLost", **PIPELINE}, "house-supervisor,operations"),
    (
        {"alertname": "BrokerNotAnswering", **ALERTS["BrokerNotAnswering"]},
        "house-supervisor,operations",
    ),
    ({"alertname": "WatermarkAhead", **ALERTS["WatermarkAhead"]}, "operations"),
    ({"alertname": "WorkerDown", **ALERTS["WorkerDown"]}, "operations-queue"),
    ({"alertname": "PipelineStalled", **ALERTS["PipelineStalled"]}, "operations"),
    ({"alertname": "Watchdog", **ALERTS["Watchdog"]}, "dead-mans-switch"),
    ({"alertname": "AnAlertOfSomebodyElse"}, "operations"),
]


@pytest.mark.parametrize(
    ("labels", "receivers"), ROUTES, ids=lambda of: of["alertname"] if isinstance(of, dict) else of
)
def test_amtool_routes_alerts_to_whom_they_concern(labels: dict[str, str], receivers: str) -> None:
    assert routed(labels, receivers) == ""


TIERS = {
    ("page", "charge_nurse"): "charge-nurse",
    ("page", "house_supervisor"): "house-supervisor",
    ("page", "on_call"): "on-call-day,on-call-night",
    ("page", "operations"): "operations",
    ("ticket", "operations"): "operations-queue",
    ("ticket", "biomed"): "biomed-queue",
    ("none", "watchdog"): "dead-mans-switch",
}


@pytest.mark.parametrize(
    "rule",
    RULES,
    ids=lambda rule: "-".join(filter(None, [rule["alert"], rule["labels"].get("cause")])),
)
def test_every_alert_of_the_rules_reaches_its_tier(rule: dict[str, Any]) -> None:
    labels = {"alertname": rule["alert"], **rule["labels"], "facility": "H01"}
    receivers = TIERS[labels["severity"], labels["tier"]]
    assert (
        routed(
            labels,
            f"house-supervisor,{receivers}"
            if rule["alert"] in ("DataLost", "BrokerNotAnswering")
            else receivers,
        )
        == ""
    )


def test_alerts_of_these_tests_bear_the_labels_of_the_rules() -> None:
    labels = {rule["alert"]: rule["labels"] for rule in RULES}
    for name, ours in ALERTS.items():
        assert {
            label: labels[name][label] for label in ("severity", "scope", "tier")
        }.items() <= ours.items()


def test_inhibition_names_alerts_of_the_rules() -> None:
    named = {rule["alert"] for rule in RULES}
    for rule in CONTENT["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            if found := re.fullmatch(r'alertname=~?"(.+)"', matcher):
                assert set(found[1].split("|")) <= named


def test_amtool_does_complain_of_another_receiver() -> None:
    assert "operations" in routed({"alertname": "PipelineStalled", **PIPELINE}, "charge-nurse")


def test_every_receiver_is_reached_by_some_alert() -> None:
    assert {name for _, receivers in ROUTES for name in receivers.split(",")} == {
        one["name"] for one in CONTENT["receivers"]
    }


def test_nobody_is_ever_grouped_or_routed_by_clinician() -> None:
    for route in routes():
        assert set(route["group_by"]) <= {"alertname", "facility", "unit"}
    assert "clinician=" not in CONFIG.read_text()


def test_a_crisis_is_not_repeated_within_a_shift() -> None:
    assert {
        route["repeat_interval"] for route in routes() if route["receiver"] != "dead-mans-switch"
    } == {"12h", "96h"}


def test_queues_are_open_in_working_hours_and_what_escalates_knows_shifts() -> None:
    times = {
        route["receiver"]: route["active_time_intervals"]
        for route in routes()
        if "active_time_intervals" in route
    }
    queues = {name: ["working-hours"] for name in ("biomed-queue", "operations-queue")}
    assert times == queues | {"on-call-day": ["day-shift"], "on-call-night": ["night-shift"]}


def minutes(text: str) -> int:
    hours, _, rest = text.partition(":")
    return 60 * int(hours) + int(rest)


def test_day_and_night_make_a_whole_day_in_a_place_that_is_named() -> None:
    intervals = {one["name"]: one["time_intervals"] for one in CONTENT["time_intervals"]}
    covered = [0] * minutes("24:00")
    for name in ("day-shift", "night-shift"):
        for one in intervals[name]:
            assert one.keys() == {"times", "location"}
            for span in one["times"]:
                for minute in range(minutes(span["start_time"]), minutes(span["end_time"])):
                    covered[minute] += 1
    assert set(covered) == {1}
    assert len({one["location"] for of in intervals.values() for one in of}) == 1


def test_secrets_are_in_files_that_compose_hands_over() -> None:
    text = CONFIG.read_text()
    files = set(re.findall(r"_file: (\S+?)}?$", text, re.MULTILINE))
    assert files == {
        f"/run/secrets/{name}" for name in COMPOSE["services"]["alertmanager"]["secrets"]
    }
    assert not re.findall(
        r"(routing_key|service_key|credentials|password|api_key|bearer_token): ", text
    )
    assert not re.findall(r"https?://[^/\s]*@", text)


def test_every_webhook_bears_the_token() -> None:
    webhooks = [
        webhook
        for receiver in CONTENT["receivers"]
        for webhook in receiver.get("webhook_configs", [])
    ]
    assert webhooks
    assert all(
        webhook["http_config"]
        == {"authorization": {"credentials_file": "/run/secrets/paging_token"}}
        for webhook in webhooks
    )
