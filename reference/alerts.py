"""Alerts: the page about the rules in `deploy/prometheus/rules`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from reference import markdown
from reference.markdown import code

RULES = Path(__file__).parent.parent / "deploy" / "prometheus" / "rules"

INTRODUCTION = """
The alerts in `deploy/prometheus/rules`, each with a link to its runbook. Overloaded clinicians are
never paged: pages go to people who can change the system. A *page* calls somebody now. A *ticket*
waits in a queue until working hours. *Holds for* is how long the condition must hold before the
alert fires. [Running it](../../deploy/README.md#pages) describes whom Alertmanager notifies, and
when a page escalates. In the texts, a word in italics is a label, such as the name of the unit, and
N is a figure.
"""

TIERS = {
    "charge_nurse": "charge nurse",
    "house_supervisor": "house supervisor",
    "on_call": "on call",
    "operations": "operations",
    "biomed": "biomed",
    "watchdog": "dead-man's switch",
}
SCOPES = {"workload": "Workload of a unit", "pipeline": "The service itself"}
_LABEL = re.compile(r"\{\{ *\$labels\.(\w+) *\}\}")
_FIGURE = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def page() -> str:
    return markdown.page("Alerts", INTRODUCTION, _parts())


def rules() -> Iterator[dict[str, Any]]:
    """Every rule, alerts and recordings, in the order of the files."""
    for path in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def _parts() -> Iterator[str]:
    alerts = [one for one in rules() if "alert" in one]
    for scope, heading in SCOPES.items():
        yield f"## {heading}"
        of_scope = [one for one in alerts if one["labels"]["scope"] == scope]
        yield markdown.table(["alert", "severity", "for", "holds for", "text"], map(_row, of_scope))
    yield "## Recorded series"
    yield (
        "Prometheus computes these series from the metrics, for the alerts and the boards. A name "
        "consists of the labels that are kept, the metric, and the operation."
    )
    names = dict.fromkeys(one["record"] for one in rules() if "record" in one)
    yield "\n".join(f"- {code(name)}" for name in names)


def _row(alert: dict[str, Any]) -> list[str]:
    labels = alert["labels"]
    name = f"[{alert['alert']}](../../deploy/runbooks/{alert['alert']}.md)"
    cause = f" ({labels['cause']})" if "cause" in labels else ""
    return [
        name + cause,
        labels["severity"],
        TIERS[labels["tier"]],
        alert.get("for", "-"),
        plain(alert["annotations"]["summary"]),
    ]


def plain(text: str) -> str:
    """The text of an alert, with names of labels in italics, and N for each figure.

    >>> plain("{{ $labels.unit }}: {{ humanizeDuration $value }}\\n  late.")
    '*unit*: N late.'
    """
    return " ".join(_FIGURE.sub("N", _LABEL.sub(r"*\1*", text)).split())
