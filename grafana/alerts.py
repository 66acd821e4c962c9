"""Alerts: the table of those that fire, with a runbook for each."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table

from grafana.frame import TO_RUNBOOK
from grafana.panels import DATE
from grafana.tables import Column, grid

_OF = "(alertname, severity, tier, facility, unit)"


def firing(about: str, where: str) -> table.Panel:
    """A row for each firing alert but the watchdog. `where`: label matchers."""
    alerts = f'ALERTS{{alertstate="firing", severity!="none", {where}}}'
    started = f'ALERTS_FOR_STATE{{severity!="none", {where}}}'
    since = f"1000 * min by {_OF} ({started}) and max by {_OF} ({alerts})"
    return grid(
        "Firing now",
        f"{about} An alert's name links to its runbook: what it means, and what to do. Since: when "
        "its condition began.",
        Column("Alert", label="alertname", links=[("Runbook", TO_RUNBOOK)], width=190),
        Column("Facility", label="facility"),
        Column("Unit", label="unit"),
        Column("Who acts", label="tier", called=_TIERS),
        Column("Severity", label="severity"),
        Column("Since", since, unit=DATE, width=150),
        sort=("Since",),
        empty="No alert is firing",
    )


_TIERS = {
    "charge_nurse": "charge nurse",
    "house_supervisor": "house supervisor",
    "operations": "operations",
    "on_call": "on call",
}
