"""Prometheus' rules are valid, tested by promtool, use metrics that exist, and have all texts that
a page needs.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.metrics.definitions import DEFINITIONS as WORKERS
from streams.metrics.definitions import PREFIX
from streams.metrics.hl7_definitions import HL7
from tests.harness.boards import UIDS
from tests.harness.boards import asked as on_board
from tests.harness.needs import need
from tests.harness.rules import ALERTS, NAMES, ROOT, RULES, rules

DEFINITIONS = WORKERS | HL7

RUNBOOKS = ROOT / "deploy" / "runbooks"
TESTS = sorted((ROOT / "tests" / "rules").glob("*.test.yml"))
TIERS = {"charge_nurse", "house_supervisor", "on_call", "operations", "biomed", "watchdog"}


def named(rule: dict[str, Any]) -> str:
    return "-".join([rule["alert"], *filter(None, [rule["labels"].get("cause")])])


def promtool(*arguments: object) -> None:
    done = subprocess.run(
        [need("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", *sorted(RULES.glob("*.yml")))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
@pytest.mark.slow
def test_alerts_fire_are_quiet_and_recover_as_written(path: Path) -> None:
    promtool("test", "rules", path)


@pytest.mark.parametrize("rule", ALERTS, ids=named)
def test_an_alert_says_whom_it_is_for_and_what_to_do(rule: dict[str, Any]) -> None:
    labels, annotations = rule["labels"], rule["annotations"]
    assert labels["severity"] in ("page", "ticket", "none")
    assert labels["scope"] in ("workload", "pipeline")
    assert labels["tier"] in TIERS
    assert annotations.keys() == {
        "summary",
        "description",
        "reason",
        "suggestion",
        "runbook_url",
        "dashboard_url",
    } | ({"page_url"} if labels["scope"] == "workload" else set())
    assert all(text.strip() for text in annotations.values())
    assert annotations["runbook_url"] == f"{{{{ $externalLabels.runbooks }}}}/{rule['alert']}.md"
    assert annotations["dashboard_url"].startswith("{{ $externalLabels.grafana }}/d/alarm-fatigue-")
    if labels["scope"] == "workload":
        assert annotations["page_url"] == (
            "{{ $externalLabels.web }}/unit?facility={{ $labels.facility | urlquery }}"
            "&unit={{ $labels.unit | urlquery }}"
        )
    if labels["severity"] == "page":
        assert (
            "keep_firing_for" in rule or "ALERTS" in rule["expr"] or "pages_asked" in rule["expr"]
        )


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == NAMES


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbook_is_short_and_says_who_what_and_how_to_see_that_it_worked(path: Path) -> None:
    text = path.read_text()
    assert text.startswith(f"# {path.stem}\n\n**Who acts:** ")
    assert re.findall(r"^## (.*)", text, re.MULTILINE) == [
        "What it means",
        "What to do",
        "How to see that it worked",
    ]
    assert len(text.split()) < 300
    assert all((RUNBOOKS / target).is_file() for target in re.findall(r"\]\((\w+\.md)\)", text))


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_is_seen_firing_and_not_firing(name: str) -> None:
    """The tests that promtool runs expect each alert to fire at one time, and not at another."""
    if name == "Watchdog":
        return
    firing = quiet = False
    for path in TESTS:
        for group in yaml.safe_load(path.read_text())["tests"]:
            asked = group.get("promql_expr_test", [])
            found = {
                one["alertname"] for one in group.get("alert_rule_test", []) if one["exp_alerts"]
            }
            found |= set(
                re.findall(
                    r'alertname="(\w+)"',
                    " ".join(s["labels"] for one in asked for s in one["exp_samples"]),
                )
            )
            found |= {
                n
                for one in asked
                if one["exp_samples"]
                for n in re.findall(r'alertname="(\w+)"', one["expr"])
            }
            firing = firing or name in found
            quiet = quiet or (
                name in found
                and any(one["exp_samples"] == [] and "ALERTS" in one["expr"] for one in asked)
            )
    assert firing
    assert quiet


def test_rules_are_about_metrics_that_the_worker_has() -> None:
    kinds = {"gauge": [""], "counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
    exported = {
        PREFIX + name + suffix for name, one in DEFINITIONS.items() for suffix in kinds[one.kind]
    }
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    text = " ".join(
        [rule["expr"] for rule in rules()]
        + [text for rule in ALERTS for text in rule["annotations"].values()]
    )
    text += " ".join(one.expression for uid in UIDS for one in on_board(uid))
    asked = set(re.findall(r"\b[a-z_]+:alarm_fatigue_\w+:\w+", text))
    assert asked <= recorded
    assert recorded <= asked
    assert set(re.findall(r"(?<![:\w])alarm_fatigue_\w+", text)) <= exported


def test_no_alert_is_about_a_person() -> None:
    for rule in ALERTS:
        assert "clinician" not in rule["labels"]
        assert not re.search(
            r"\$labels\.(clinician|bed|patient|device(?!_type\b))",
            " ".join(rule["annotations"].values()),
        )
    recorded = [
        rule["expr"] for rule in rules() if "record" in rule and "clinician_" in rule["expr"]
    ]
    assert recorded
    assert all(" by (facility, unit) " in expr for expr in recorded)
