"""Texts of pages: what the templates of Alertmanager and our own receiver say."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from streams.demo import chain
from streams.formats.calendars import Calendar
from streams.http.pages import page
from streams.paging import tiers
from streams.paging.words import GROUP_MINUTES, Clock
from tests.harness.alertmanagers import (
    ALERTS,
    DEPLOY,
    RULES,
    routes,
    webhook,
)
from tests.harness.needs import need

TEMPLATES = DEPLOY / "alertmanager" / "templates" / "*.tmpl"


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
        "Unit: http://web.example/unit?facility=H01&unit=MICU\n"
        "What led to it: http://web.example/incident?facility=H01&unit=MICU&at=1772334000000\n"
        "See: http://grafana.example/d/units?var-unit=MICU\n"
        "Help: http://runbooks.example/UnitOverloaded.md"
    )


def test_the_next_step_on_a_page_follows_from_the_rules() -> None:
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


def test_ended_alerts_are_one_line_each(tmp_path: Path) -> None:
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


def test_a_request_that_is_no_page_is_refused() -> None:
    for payload in (
        {},
        [],
        {"alerts": [{"status": "firing"}]},
        webhook(("UnitFlood", "firing")) | {"groupLabels": None},
    ):
        with pytest.raises(ValueError, match="expected a webhook of Alertmanager"):
            page(payload)
