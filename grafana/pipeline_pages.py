"""Pages: the sections of the board Pipeline health about alerts, pages and scrapes."""

from __future__ import annotations

from grafana import alerts
from grafana.frame import Board
from grafana.limits import (
    BLUE,
    GREY,
    ORANGE,
    VERMILION,
    Line,
)
from grafana.panels import NO_WORKER, SECONDS, curves
from grafana.queries import query

_NO_ALERTMANAGER = "Prometheus does not scrape Alertmanager (job alertmanager)"
_NAMED = 'receiver_name!=""'
_PAGES = 'receiver_name!="dead-mans-switch"'


def add_to(one: Board) -> None:
    one.heading("Alerts and pages")
    one.line(
        8,
        (
            12,
            curves(
                "Pages and tickets sent",
                "Notifications that Alertmanager sent in each step, to all receivers but the "
                "dead man's switch, whose heartbeats are no pages. Alertmanager names receivers "
                "with --enable-feature=receiver-name-in-metrics (0.27 and later); otherwise "
                "heartbeats cannot be told apart, and the panel says so.",
                query(_sent("", f"{_NAMED}, {_PAGES}"), "sent", "A"),
                query(_sent("_failed", f"{_NAMED}, {_PAGES}"), "failed", "B"),
                query(_sent("", 'receiver_name=""'), "sent, with heartbeats", "C"),
                query(_sent("_failed", 'receiver_name=""'), "failed, with heartbeats", "D"),
                colours={
                    "sent": BLUE,
                    "failed": VERMILION,
                    "sent, with heartbeats": GREY,
                    "failed, with heartbeats": ORANGE,
                },
                dashed=["sent, with heartbeats", "failed, with heartbeats"],
                empty=_NO_ALERTMANAGER,
            ),
        ),
        (
            12,
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
    )
    one.line(
        8,
        (
            24,
            alerts.firing(
                "Firing alerts of all facilities, their units, and who is notified.",
                'alertname!=""',
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
                unit=SECONDS,
                colours={"slowest scrape": BLUE},
                lines=(Line("given up after 10 s", "vector(10)", VERMILION),),
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


def _sent(what: str, where: str) -> str:
    counter = f"alertmanager_notifications{what}_total{{{where}}}"
    return f"sum(increase({counter}[$__rate_interval]))"
