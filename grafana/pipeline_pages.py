"""Pages: the sections of the board Pipeline health about alerts, pages and scrapes."""

from __future__ import annotations

from grafana.frame import Board
from grafana.limits import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
)
from grafana.panels import NO_WORKER, curves
from grafana.queries import query
from grafana.tables import Column, grid

_NO_ALERTMANAGER = "Prometheus does not scrape Alertmanager (job alertmanager)"


def add_to(one: Board) -> None:
    one.heading("Alerts and pages")
    one.line(
        8,
        (
            8,
            curves(
                "Pages sent and failed",
                "Notifications that Alertmanager sent in each step, to all receivers. Received: "
                "firing alerts that Prometheus sent to it, including repeats. Grouping turns "
                "many alerts into fewer pages.",
                query(
                    'sum(increase(alertmanager_alerts_received_total{status="firing"}[$__rate_interval]))',
                    "received",
                    "A",
                ),
                query(
                    "sum(increase(alertmanager_notifications_total[$__rate_interval]))", "sent", "B"
                ),
                query(
                    "sum(increase(alertmanager_notifications_failed_total[$__rate_interval]))",
                    "failed",
                    "C",
                ),
                colours={"received": GREY, "sent": BLUE, "failed": VERMILION},
                dashed=["received"],
                empty=_NO_ALERTMANAGER,
            ),
        ),
        (
            8,
            curves(
                "Alerts firing, by severity",
                "Number of firing alerts over time (ALERTS).",
                query(
                    'sum(ALERTS{alertstate="firing", severity="page"}) or 0 * sum(up)', "page", "A"
                ),
                query(
                    'sum(ALERTS{alertstate="firing", severity="ticket"}) or 0 * sum(up)',
                    "ticket",
                    "B",
                ),
                query(
                    'sum(ALERTS{alertstate="firing", severity!~"page|ticket|none"}) or 0 * sum(up)',
                    "other",
                    "C",
                ),
                colours={"page": VERMILION, "ticket": ORANGE, "other": GREY},
                empty="Prometheus scrapes nothing",
            ),
        ),
        (
            8,
            grid(
                "Firing now",
                "Firing alerts, their units, and who is notified (tier).",
                Column("Alert", label="alertname"),
                Column("Severity", label="severity"),
                Column("Tier", label="tier"),
                Column("Unit", label="unit"),
                Column(
                    "Firing",
                    "max by (alertname, severity, tier, facility, unit) "
                    '(ALERTS{alertstate="firing", severity!="none"})',
                ),
                sort=("Alert",),
                descending=False,
                empty="No alert is firing",
            ),
        ),
    )
    one.heading("Scrapes")
    one.line(
        7,
        (
            12,
            curves(
                "Scrape duration",
                "Duration of the slowest worker's scrape. Prometheus gives up after 10 s "
                "(scrape_timeout).",
                query('max(scrape_duration_seconds{job="alarm-fatigue"})', "slowest scrape"),
                unit="s",
                colours={"slowest scrape": BLUE},
                steps=((None, GREEN, "in time"), (10, VERMILION, "given up")),
                empty=NO_WORKER,
            ),
        ),
        (
            12,
            curves(
                "Samples per scrape",
                "Sum of all workers. Prometheus discards the scrape of a worker with more than "
                "1,000,000 samples (sample_limit).",
                query('sum(scrape_samples_scraped{job="alarm-fatigue"})', "samples"),
                colours={"samples": BLUE},
                empty=NO_WORKER,
            ),
        ),
    )
