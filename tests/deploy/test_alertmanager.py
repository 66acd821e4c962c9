"""Alertmanager: routes by amtool, texts by its templates, inhibition by a real Alertmanager that
sends to a local receiver.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from streams.demo import chain
from streams.formats.calendars import Calendar
from streams.http.pages import HEARTBEAT, SILENCE, Heartbeat, page
from streams.paging import tiers
from streams.paging.words import GROUP_MINUTES, Clock
from tests.harness.alertmanagers import (
    ALERTS,
    ANNOTATIONS,
    PAGE,
    PAUSE,
    PIPELINE,
    TICKET,
    Alertmanager,
)
from tests.harness.gateways import TOKEN, Gateway
from tests.harness.needs import need
from tests.harness.workers import eventually

DEPLOY = Path(__file__).parents[2] / "deploy"
CONFIG = DEPLOY / "alertmanager" / "alertmanager.yml"
CONTENT: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())
TEMPLATES = DEPLOY / "alertmanager" / "templates" / "*.tmpl"

# -- routes


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


RULES = [
    rule
    for path in sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
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


def test_what_inhibition_names_are_alerts_of_the_rules() -> None:
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


def routes(route: dict[str, Any] = CONTENT["route"], **inherited: Any) -> Iterator[dict[str, Any]]:
    """Each route with the grouping it inherits."""
    whole = inherited | route
    yield whole
    for one in route.get("routes", []):
        yield from routes(
            one, **{name: whole[name] for name in ("group_by", "repeat_interval", "group_interval")}
        )


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


# -- texts

CANARIES = {
    "clinician": "CANARY-NURSE",
    "bed": "CANARY-BED",
    "device_id": "CANARY-DEVICE",
    "label": "CANARY TEXT",
}


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


def rendered(template: str, payload: dict[str, Any], folder: Path) -> str:
    """The text that Alertmanager renders."""
    (folder / "data.json").write_text(json.dumps(payload))
    command = [
        need("amtool"),
        "template",
        "render",
        f"--template.glob={TEMPLATES}",
        f"--template.data={folder / 'data.json'}",
    ]
    done = subprocess.run(
        [*command, f'--template.text={{{{ template "{template}" . }}}}'],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TZ": "Europe/Berlin"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.removesuffix("\n")


def test_a_page_says_what_to_do(tmp_path: Path) -> None:
    payload = webhook(("UnitOverloaded", "firing"))
    assert rendered("alarm_fatigue.summary", payload, tmp_path) == "MICU (H01) is overloaded"
    assert rendered("alarm_fatigue.message", payload, tmp_path) == (
        "MICU (H01) is overloaded\n"
        "Since: Sun 1 Mar, 04:00 CET\n"
        "Do: Call in the float nurse & move a bed.\n"
        "Why: 14.2 alarms per clinician on duty in the last 10 min, more than 10\n"
        "Next: if nobody takes it, the house supervisor is paged at 04:10, whoever is on call at "
        "04:20.\n"
        "See: http://grafana.example/d/units?var-unit=MICU\n"
        "Help: http://runbooks.example/UnitOverloaded.md"
    )


def test_what_pages_say_comes_next_is_what_the_rules_do() -> None:
    rules = {rule["alert"]: rule for rule in RULES}
    for one in tiers.TIERS:
        rule = rules[one.alert]
        assert chain.shortened(rule.get("for", "0s"), 1) == f"{1000 * one.after}ms"
        assert rule["labels"]["tier"] == one.role
    assert chain.shortened(rules["CliniciansOverloaded"]["for"], 1) == "600000ms"
    assert {route["group_interval"] for route in routes() if "house" in route["receiver"]} == {
        f"{GROUP_MINUTES}m"
    }


PAYLOADS = [
    webhook(("UnitOverloaded", "firing")),
    webhook(("UnitOverloadUnanswered", "firing")),
    webhook(("UnitOverloadStanding", "firing")),
    webhook(("CliniciansOverloaded", "firing"), ("UnitFlood", "firing")),
    webhook(("UnitOverloaded", "resolved")),
    webhook(("DataLost", "resolved"), summary="x" * 400),
    webhook(
        ("UnitFlood", "firing"),
        ("UnitOverloaded", "resolved"),
        ("CliniciansOverloaded", "resolved"),
    ),
    webhook(("UnitOverloaded", "firing"), unit='Ward 3 "Süd" + \\ 100%'),
    webhook(("UnitOverloaded", "firing"), suggestion="", reason="", runbook_url=""),
    webhook(("WorkerDown", "firing"), summary=""),
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_alertmanager_and_our_own_receiver_say_the_same_and_nothing_of_other_labels(
    payload: dict[str, Any], tmp_path: Path
) -> None:
    text = rendered("alarm_fatigue.message", payload, tmp_path)
    assert text == page(payload, Clock(Calendar(ZoneInfo("Europe/Berlin")))).text
    assert "CANARY" not in text + rendered("alarm_fatigue.summary", payload, tmp_path)


def test_what_is_over_is_said_in_one_line_each(tmp_path: Path) -> None:
    over = webhook(
        ("UnitOverloadStanding", "resolved"),
        ("UnitFlood", "resolved"),
        summary="MICU (H01): x. Nobody has taken it.",
    )
    lines = ["Over: MICU, H01: no longer overloaded", "Over: MICU (H01): x. Nobody has taken it."]
    assert rendered("alarm_fatigue.message", over, tmp_path).splitlines() == lines
    assert rendered("alarm_fatigue.summary", over, tmp_path) == lines[0]


def test_a_summary_is_short_enough_for_pagerduty_however_much_is_said(tmp_path: Path) -> None:
    for status in ("firing", "resolved"):
        much = webhook(*[(name, status) for name in ALERTS], summary="Ü" * 2000)
        assert len(rendered("alarm_fatigue.summary", much, tmp_path)) <= 1024


def test_what_is_no_page_is_refused() -> None:
    for payload in (
        {},
        [],
        {"alerts": [{"status": "firing"}]},
        webhook(("UnitFlood", "firing")) | {"groupLabels": None},
    ):
        with pytest.raises(ValueError, match="expected a webhook of Alertmanager"):
            page(payload)


def test_a_heartbeat_that_stops_is_told_once_and_so_is_its_return() -> None:
    assert page(webhook((HEARTBEAT, "firing"))).is_heartbeat
    assert not page(webhook((HEARTBEAT, "firing"), ("UnitFlood", "firing"))).is_heartbeat
    heart = Heartbeat(1000.0)
    assert heart.check(1000.0 + SILENCE - 1) is None
    assert "no one is paged" in (heart.check(1000.0 + SILENCE) or "")
    assert heart.check(5000.0) is None
    assert "arrive again" in (heart.beat(5001.0) or "")
    assert heart.beat(5060.0) is None
    assert heart.check(5061.0) is None


# -- a real Alertmanager


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as one:
        yield one


@pytest.fixture
def alertmanager(tmp_path: Path, gateway: Gateway) -> Iterator[Alertmanager]:
    one = Alertmanager(tmp_path, gateway)
    try:
        yield one
    finally:
        one.server.stop()


def notified(gateway: Gateway) -> list[tuple[str, dict[str, str]]]:
    return [(sent.receiver, sent.alerts) for sent in gateway.sent()]


def test_a_crisis_is_one_page_however_many_alerts_tell_of_it(
    alertmanager: Alertmanager, gateway: Gateway
) -> None:
    alertmanager.send("UnitOverloaded", "CliniciansOverloaded", "UnitFlood", "UnitAnswersSlowly")
    alertmanager.send("CliniciansOverloaded", unit="SICU")
    eventually(lambda: len(gateway.sent()) == 2, "both units have their page")
    alertmanager.send("CliniciansOverloaded", over=True)
    alertmanager.send("CliniciansOverloaded")
    time.sleep(PAUSE)
    assert sorted(
        (sent.payload["groupLabels"]["unit"], sent.alerts) for sent in gateway.sent()
    ) == [
        ("MICU", {"UnitOverloaded": "firing"}),
        ("SICU", {"CliniciansOverloaded": "firing"}),
    ]
    assert {sent.receiver for sent in gateway.sent()} == {"charge-nurse"}
    assert {sent.authorization for sent in gateway.sent()} == {f"Bearer {TOKEN}"}
    assert alertmanager.suppressed == {"CliniciansOverloaded", "UnitFlood", "UnitAnswersSlowly"}


def test_each_step_of_the_escalation_reaches_its_own_receiver_once_and_the_end_all_of_them(
    alertmanager: Alertmanager, gateway: Gateway
) -> None:
    steps = {
        "UnitOverloaded": "charge-nurse",
        "UnitOverloadUnanswered": "house-supervisor",
        "UnitOverloadStanding": "on-call",
    }
    for name, receiver in steps.items():
        alertmanager.send(name)
        eventually(
            lambda receiver=receiver: any(
                sent.receiver.startswith(receiver) for sent in gateway.sent()
            ),
            f"{receiver} is paged",
        )
    time.sleep(PAUSE)
    firing = [
        (receiver.removesuffix("-day").removesuffix("-night"), alerts)
        for receiver, alerts in notified(gateway)
    ]
    assert firing == [(receiver, {name: "firing"}) for name, receiver in steps.items()]
    alertmanager.send(*steps, over=True)
    eventually(lambda: len(gateway.sent()) == 6, "everybody hears that it is over")
    assert {tuple(alerts.items()) for _, alerts in notified(gateway)[3:]} == {
        ((name, "resolved"),) for name in steps
    }


def test_who_takes_a_page_by_hand_stops_its_escalation_and_still_hears_of_the_end(
    alertmanager: Alertmanager, gateway: Gateway
) -> None:
    """By amtool, as the runbook says; with a link: see tests/streams/http/test_taking.py."""
    alertmanager.send("UnitOverloaded")
    eventually(gateway.sent, "the charge nurse is paged")
    alertmanager.silence(
        'facility="H01"', 'unit="MICU"', 'alertname=~"UnitOverload(Unanswered|Standing)"'
    )
    alertmanager.send("UnitOverloadUnanswered", "UnitOverloadStanding")
    alertmanager.send("UnitOverloadUnanswered", unit="SICU")
    eventually(lambda: len(gateway.sent()) == 2, "the other unit's goes on")
    alertmanager.send("UnitOverloaded", "UnitOverloadUnanswered", "UnitOverloadStanding", over=True)
    eventually(lambda: len(gateway.sent()) == 3, "the charge nurse hears of the end")
    time.sleep(PAUSE)
    assert notified(gateway) == [
        ("charge-nurse", {"UnitOverloaded": "firing"}),
        ("house-supervisor", {"UnitOverloadUnanswered": "firing"}),
        ("charge-nurse", {"UnitOverloaded": "resolved"}),
    ]
    assert gateway.sent()[1].payload["groupLabels"]["unit"] == "SICU"


@pytest.mark.parametrize("facility", ["H01", ""], ids=["of its facility", "of all"])
def test_lost_data_is_one_page_to_those_who_must_know_and_never_an_end(
    facility: str, alertmanager: Alertmanager, gateway: Gateway
) -> None:
    alertmanager.send("UnitOverloaded")
    alertmanager.send("UnitOverloaded", facility="H02")
    eventually(lambda: len(gateway.sent()) == 2, "both units' charge nurses are paged")
    alertmanager.send("DataLost", facility=facility)  # an empty label is none
    alertmanager.send("DataLost", "PipelineStalled", "CheckpointOld")
    eventually(lambda: len(gateway.sent()) == 4, "operations and the house supervisor are notified")
    alertmanager.send("UnitOverloadUnanswered")
    alertmanager.send("UnitOverloaded", over=True)
    alertmanager.send("UnitOverloaded", facility="H02", over=True)
    time.sleep(PAUSE)
    sent = [
        (one.receiver, one.alerts, one.payload["groupLabels"].get("facility", ""))
        for one in gateway.sent()
    ]
    blind = sorted(sent[2:4])
    assert blind == [
        ("house-supervisor", {"DataLost": "firing"}, facility),
        ("operations", {"DataLost": "firing"}, ""),
    ]
    assert sent[4:] == (
        [("charge-nurse", {"UnitOverloaded": "resolved"}, "H02")] if facility else []
    )


def test_a_silent_broker_is_blamed_alone(alertmanager: Alertmanager, gateway: Gateway) -> None:
    """Neither devices nor workers are blamed, and no page about workload is sent."""
    alertmanager.send("BrokerNotAnswering", facility="")
    eventually(lambda: len(gateway.sent()) == 2, "operations and the house supervisor are notified")
    alertmanager.send(
        "DataLost", "PipelineStalled", "CheckpointOld", "WatermarkAhead", "UnitOverloaded"
    )
    time.sleep(PAUSE)
    sent = sorted((one.receiver, one.alerts) for one in gateway.sent())
    assert sent == [
        ("house-supervisor", {"BrokerNotAnswering": "firing"}),
        ("operations", {"BrokerNotAnswering": "firing"}),
    ]


def test_a_spent_budget_goes_to_the_house_supervisor_and_spares_the_charge_nurse(
    alertmanager: Alertmanager, gateway: Gateway
) -> None:
    alertmanager.send("PageBudgetSpent")
    eventually(gateway.sent, "the house supervisor is notified")
    alertmanager.send("UnitOverloaded", "UnitFlood")
    alertmanager.send("UnitOverloaded", unit="SICU")
    alertmanager.send("UnitOverloadUnanswered")
    eventually(lambda: len(gateway.sent()) == 3, "the other unit and the escalation go on")
    time.sleep(PAUSE)
    assert sorted(notified(gateway), key=str) == [
        ("charge-nurse", {"UnitOverloaded": "firing"}),
        ("house-supervisor", {"PageBudgetSpent": "firing", "UnitOverloadUnanswered": "firing"}),
        ("house-supervisor", {"PageBudgetSpent": "firing"}),
    ]
    assert gateway.sent("charge-nurse")[0].payload["groupLabels"]["unit"] == "SICU"


def test_pagerduty_gets_a_bounded_summary_and_key_and_no_other_label(
    alertmanager: Alertmanager, gateway: Gateway
) -> None:
    labels = {"facility": "H-EXAMPLE", "unit": "CCU", **CANARIES}
    alertmanager.send("UnitOverloaded", **labels)
    eventually(gateway.sent, "the unit's own pager rings")
    alertmanager.send("UnitOverloaded", over=True, **labels)
    eventually(lambda: len(gateway.sent()) == 2, "and is notified of the end")
    page, over = (sent.payload for sent in gateway.sent("pagerduty"))
    assert (page["event_action"], over["event_action"]) == ("trigger", "resolve")
    assert page["routing_key"] == TOKEN
    assert page["dedup_key"] == over["dedup_key"]
    assert 0 < len(page["dedup_key"]) <= 255
    assert page["payload"]["summary"] == ANNOTATIONS["summary"]
    assert page["payload"]["severity"] == "critical"
    assert (
        page["payload"]["custom_details"]["message"].splitlines()[2]
        == f"Do: {ANNOTATIONS['suggestion']}"
    )
    assert not page.get("links"), "no link is promised that Alertmanager cannot sign"
    assert "CANARY" not in json.dumps([page, over])


def test_the_dead_mans_switch_is_told_again_and_again(
    alertmanager: Alertmanager, gateway: Gateway
) -> None:
    alertmanager.send("Watchdog")
    eventually(lambda: len(gateway.sent("dead-mans-switch")) >= 3, "the heartbeat goes on")
    assert gateway.sent() == []


@pytest.mark.parametrize("hours", ["always", "never"])
def test_tickets_wait_for_working_hours_and_pages_do_not(
    hours: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With hours that are now, or that never come."""
    shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets"))
    monkeypatch.setattr(chain, "DEPLOY", tmp_path / "deploy")
    content = yaml.safe_load(CONFIG.read_text())
    [working] = [one for one in content["time_intervals"] if one["name"] == "working-hours"]
    working["time_intervals"] = [{} if hours == "always" else {"years": ["1999"]}]
    for route in content["route"]["routes"]:
        route.update({"group_wait": "25ms"} if route["receiver"] == "operations-queue" else {})
    (tmp_path / "deploy" / "alertmanager" / "alertmanager.yml").write_text(yaml.safe_dump(content))
    with Gateway() as gateway:
        alertmanager = Alertmanager(tmp_path, gateway)
        try:
            alertmanager.send("UnitFlood", "WorkerDown")
            alertmanager.send("UnitOverloaded", unit="SICU")
            eventually(lambda: gateway.sent("charge-nurse"), "the page comes at any hour")
            if hours == "always":
                eventually(lambda: len(gateway.sent()) == 3, "tickets come in working hours")
            time.sleep(PAUSE)
            assert sorted(
                sent.receiver for sent in gateway.sent("biomed-queue", "operations-queue")
            ) == (["biomed-queue", "operations-queue"] if hours == "always" else [])
        finally:
            alertmanager.server.stop()
