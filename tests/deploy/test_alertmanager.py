"""A real Alertmanager sends to a local receiver: grouping, escalation, inhibition and silences."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from streams.demo import chain
from streams.http.pages import HEARTBEAT, SILENCE, Heartbeat, page
from tests.harness.alertmanagers import (
    ANNOTATIONS,
    CANARIES,
    CONFIG,
    DEPLOY,
    PAUSE,
    Alertmanager,
    webhook,
)
from tests.harness.gateways import TOKEN, Gateway
from tests.harness.workers import eventually


def test_a_stopped_heartbeat_is_reported_once_and_so_is_its_return() -> None:
    assert page(webhook((HEARTBEAT, "firing"))).is_heartbeat
    assert not page(webhook((HEARTBEAT, "firing"), ("UnitFlood", "firing"))).is_heartbeat
    heart = Heartbeat(1000.0)
    assert heart.check(1000.0 + SILENCE - 1) is None
    assert "no one is paged" in (heart.check(1000.0 + SILENCE) or "")
    assert heart.check(5000.0) is None
    assert "arrive again" in (heart.beat(5001.0) or "")
    assert heart.beat(5060.0) is None
    assert heart.check(5061.0) is None


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


def test_several_alerts_about_one_crisis_send_one_page(
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


def test_a_page_taken_by_hand_stops_escalating_and_still_reports_its_end(
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
def test_lost_data_sends_one_page_and_never_a_false_all_clear(
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
    assert page["client_url"] == ANNOTATIONS["page_url"]
    assert [one["href"] for one in page["links"]] == [
        ANNOTATIONS["dashboard_url"],
        ANNOTATIONS["runbook_url"],
    ], "no link is promised that Alertmanager cannot sign"
    assert f"Unit: {ANNOTATIONS['page_url']}" in page["payload"]["custom_details"]["message"]
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
