"""Pipeline health: whether the data is current and complete, and whether pages are delivered."""

from __future__ import annotations

from grafana import pipeline_hl7, pipeline_input, pipeline_pages
from grafana.frame import PIPELINE, Board, address, facility
from grafana.limits import (
    AGE,
    AGE_SOURCE,
    BLUE,
    GREEN,
    GREY,
    MORE,
    ORANGE,
    SOME,
    SOME_ELEVATED,
    VERMILION,
    Steps,
)
from grafana.marks import CHANGED, PAGED_ANYWHERE
from grafana.panels import NO_PARTITION, NO_WORKER, curves, figure, named
from grafana.queries import of_now, query
from grafana.tables import Column, grid

_UP: Steps = ((None, VERMILION, "down"), (1, GREEN, "up"))
_LAG: Steps = ((None, GREEN, "small"), (10_000 + MORE, VERMILION, "not ready"))
_CHECKPOINT: Steps = ((None, GREEN, "recent"), (300, ORANGE, "old"))
_ANSWERED: Steps = ((None, GREEN, "answers"), (15 + MORE, VERMILION, "not ready"))
_HELD_BACK: Steps = ((None, GREEN, "reading"), (30 + MORE, VERMILION, "held back"))
_PAUSED: Steps = ((None, GREEN, "reading"), (10 + MORE, VERMILION, "not ready"))
_OFFSET: Steps = (
    (None, VERMILION, "behind"),
    (-120, GREEN, "right"),
    (120 + MORE, VERMILION, "ahead"),
)
_LOST = {
    "unreadable": "unreadable_batches",
    "undeliverable": "undeliverable_records",
    "cut": "truncated_records",
}


def board() -> Board:
    one = Board(
        PIPELINE,
        "Pipeline health",
        "Is the data current and complete, and are pages delivered?",
        [facility(several=True), address("runbooks")],
        [PAGED_ANYWHERE, CHANGED],
        since="now-3h",
    )
    one.line(
        4,
        (
            3,
            figure(
                "Workers up",
                "Workers that answered the last scrape.",
                of_now('sum(up{job="alarm-fatigue"})'),
                steps=_UP,
                empty=NO_WORKER,
            ),
        ),
        (
            4,
            figure(
                "Age of the data",
                f"{AGE_SOURCE} If several facilities are chosen, the oldest is shown.",
                of_now(
                    "time() - min(max by (facility) "
                    '(alarm_fatigue_watermark_timestamp_seconds{facility=~"$facility"}))'
                ),
                unit="s",
                decimals=0,
                steps=AGE,
                empty="No alarm has arrived from these facilities",
            ),
        ),
        (
            4,
            figure(
                "Unread records",
                "The largest consumer lag of any partition. Above 10,000 records the worker is "
                "not ready (/ready), because its numbers are not current.",
                of_now("max(alarm_fatigue_consumer_lag_records)"),
                steps=_LAG,
                empty=NO_PARTITION,
            ),
        ),
        (
            4,
            figure(
                "Checkpoint age",
                "Age of the oldest partition's checkpoint. After a crash, later records are read "
                "again: nothing is lost, but a start takes longer (checkpoint_interval; our own "
                "level).",
                of_now("time() - min(alarm_fatigue_checkpoint_timestamp_seconds)"),
                unit="s",
                decimals=0,
                steps=_CHECKPOINT,
                empty="No checkpoint has been stored yet",
            ),
        ),
        (
            3,
            figure(
                "Alerts firing",
                "Firing alerts of all severities, without the watchdog, which always fires "
                "(ALERTS).",
                of_now('count(ALERTS{alertstate="firing", severity!="none"}) or 0 * sum(up)'),
                steps=SOME_ELEVATED,
                empty="Prometheus scrapes nothing",
            ),
        ),
        (
            4,
            figure(
                "Clinicians left out",
                "Clinicians without series because of metrics.max_clinicians. Units still count "
                "them all.",
                of_now("sum(alarm_fatigue_dropped_clinicians)"),
                steps=SOME,
                empty=NO_WORKER,
            ),
        ),
        (
            2,
            named(
                "Version",
                "Versions of the workers; more than one during an upgrade.",
                of_now("count by (version) (alarm_fatigue_build_info)", legend="{{version}}"),
                empty=NO_WORKER,
            ),
        ),
    )
    one.heading("Freshness and completeness")
    one.line(
        6,
        (
            4,
            figure(
                "Last broker answer",
                "Time since Kafka last answered any worker. Above 15 s a worker is not ready "
                "(/ready). Above 30 s the alert BrokerNotAnswering fires.",
                of_now("time() - max(alarm_fatigue_broker_answered_timestamp_seconds)"),
                unit="s",
                decimals=0,
                steps=_ANSWERED,
                empty="No worker has had an answer",
            ),
        ),
        (
            4,
            figure(
                "Unread partitions",
                "Partitions added to an input topic while the workers ran; no worker reads them "
                "(runbook PartitionsUnread).",
                of_now("max(alarm_fatigue_unread_partitions)"),
                steps=SOME,
                empty=NO_WORKER,
            ),
        ),
        (
            5,
            figure(
                "Blocked by a transaction",
                "The longest wait of any partition. A producer left a transaction open; records "
                "sent since then are not counted yet (runbook TransactionOpen).",
                of_now("max(alarm_fatigue_consumer_held_back_seconds)"),
                unit="s",
                decimals=0,
                steps=_HELD_BACK,
                empty=NO_PARTITION,
            ),
        ),
        (
            5,
            figure(
                "Watermark ahead",
                "How far an alarm event of a chosen facility was dated ahead of the clock, beyond "
                "policy.max_ahead. Current alarms are then rejected as late. Correct the "
                "producer, then run alarm-fatigue facility reset.",
                of_now('max(alarm_fatigue_watermark_ahead_seconds{facility=~"$facility"})'),
                unit="s",
                decimals=0,
                steps=SOME,
                empty="No alarm has arrived from these facilities",
            ),
        ),
        (
            6,
            curves(
                "Lost or cut records",
                "Per second: batches that could not be read, the worker's records that the "
                "broker refused, and its records that were cut.",
                *(
                    query(f"sum(rate(alarm_fatigue_{metric}_total[$__rate_interval]))", name, ref)
                    for ref, (name, metric) in zip("ABC", _LOST.items(), strict=True)
                ),
                unit="cps",
                colours={"unreadable": VERMILION, "undeliverable": ORANGE, "cut": GREY},
                empty=NO_WORKER,
            ),
        ),
    )
    one.line(
        7,
        (
            12,
            grid(
                "Rejected in the last 10 min",
                "Rejected records of the chosen facilities, by topic and reason; they count "
                "nowhere. Late and future records point to a wrong clock.",
                Column("Topic", label="topic"),
                Column("Reason", label="outcome"),
                Column(
                    "Records",
                    "sum by (topic, outcome) "
                    '(alarm_fatigue_recent_events{facility=~"$facility", '
                    'outcome=~"malformed|misrouted|future|late"}) > 0',
                ),
                sort=("Records",),
                empty="No record was rejected",
            ),
        ),
        (
            12,
            grid(
                "Device clocks",
                "Event time minus record timestamp, by device type: the median over 10 min. An "
                "offset with a small spread is a wrong clock. A wide spread points to a "
                "store-and-forward gateway.",
                Column("Facility", label="facility"),
                Column("Device type", label="device_type"),
                Column(
                    "Behind (-) or ahead",
                    "max by (facility, device_type) "
                    '(alarm_fatigue_device_clock_offset_seconds{facility=~"$facility"})',
                    unit="s",
                    steps=_OFFSET,
                ),
                Column(
                    "Spread",
                    "max by (facility, device_type) "
                    '(alarm_fatigue_device_clock_spread_seconds{facility=~"$facility"})',
                    unit="s",
                ),
                sort=("Device type",),
                descending=False,
                empty="Too few alarm events in 10 min",
            ),
        ),
    )
    one.line(
        6,
        (
            8,
            grid(
                "Left out",
                "Facilities, units and clinicians without metrics: those beyond the caps "
                "(metrics.max_*), and facilities whose numbers could not be computed (runbook "
                "FiguresLeftOut).",
                Column("What", label="measure"),
                Column("Left out", _left_out(), steps=SOME),
                sort=("Left out",),
                empty="Nothing is left out",
            ),
        ),
        (
            5,
            curves(
                "Recipients left out",
                "Per second. An alarm counts for at most 256 recipients (runbook FiguresLeftOut).",
                query(
                    "sum(rate(alarm_fatigue_recipients_dropped_total[$__rate_interval]))",
                    "recipients",
                ),
                unit="cps",
                colours={"recipients": ORANGE},
                empty=NO_WORKER,
            ),
        ),
        (
            6,
            curves(
                "Episodes waiting",
                "Finished episodes of all workers that wait for a checkpoint before they are "
                "sent. A worker with 100,000 stops reading.",
                query("sum(alarm_fatigue_waiting_episodes)", "waiting"),
                colours={"waiting": BLUE},
                empty=NO_PARTITION,
            ),
        ),
        (
            5,
            figure(
                "Reading paused",
                "The longest pause of any partition. The broker accepts no checkpoint, so the "
                "worker reads nothing (runbook ReadingPaused). Above 10 s the worker is not "
                "ready.",
                of_now("max(alarm_fatigue_reading_paused_seconds)"),
                unit="s",
                decimals=0,
                steps=_PAUSED,
                empty=NO_PARTITION,
            ),
        ),
    )
    pipeline_input.add_to(one)
    pipeline_hl7.add_to(one)
    pipeline_pages.add_to(one)
    return one


def _left_out() -> str:
    counts = {
        "facilities": "sum(alarm_fatigue_dropped_facilities)",
        "units": "sum(alarm_fatigue_dropped_units)",
        "clinicians": "sum(alarm_fatigue_dropped_clinicians)",
        "facilities, after an error": "sum(alarm_fatigue_unmeasured_facilities)",
    }
    return " or ".join(
        f'label_replace({expression} > 0, "measure", "{what}", "", "")'
        for what, expression in counts.items()
    )
