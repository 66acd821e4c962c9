"""Input: the section of the board Pipeline health about records that arrive, and the lag."""

from __future__ import annotations

from collections.abc import Iterator

from grafana.frame import Board
from grafana.limits import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Line,
)
from grafana.panels import MINUTES, NO_PARTITION, NO_WORKER, curves
from grafana.queries import query

_TOPICS = {"alarms": BLUE, "assignments": PURPLE, "responses": GREEN, "labels": ORANGE}
_REFUSED = {
    "malformed": VERMILION,
    "late": ORANGE,
    "future": PURPLE,
    "misrouted": SKY,
    "duplicate": GREY,
}


def add_to(one: Board) -> None:
    one.heading("Input")
    one.line(
        8,
        (
            8,
            curves(
                "Accepted records",
                "Per second, by topic. If alarms arrive without responses or assignments, a feed "
                "is missing and their classes will be unknown.",
                *(
                    query(
                        'sum(rate(alarm_fatigue_events_total{outcome="accepted", '
                        f'topic="{topic}"}}[$__rate_interval]))',
                        topic,
                        ref,
                    )
                    for ref, topic in _lettered(_TOPICS)
                ),
                unit="cps",
                colours=_TOPICS,
                empty=NO_WORKER,
            ),
        ),
        (
            8,
            curves(
                "Rejected records",
                "Per second, by reason. Each is kept in the topic rejected, with the reason in "
                "its headers (duplicates are only counted). Late: behind the watermark by more "
                "than policy.allowed_lateness. Future: ahead by more than policy.max_ahead.",
                *(
                    query(
                        f'sum(rate(alarm_fatigue_events_total{{outcome="{outcome}"}}[$__rate_interval]))',
                        outcome,
                        ref,
                    )
                    for ref, outcome in _lettered(_REFUSED)
                ),
                unit="cps",
                colours=_REFUSED,
                empty=NO_WORKER,
            ),
        ),
        (
            8,
            curves(
                "Delay from event to acceptance",
                "90th percentile, by topic. Assignments and responses are often charted minutes "
                "late; alarms should not be.",
                *(
                    query(
                        f"1 / 60 * histogram_quantile(0.9, sum by (le) "
                        f'(rate(alarm_fatigue_event_delay_seconds_bucket{{topic="{topic}"}}[$__rate_interval])))',
                        topic,
                        ref,
                    )
                    for ref, topic in _lettered(_TOPICS)
                ),
                unit=MINUTES,
                colours=_TOPICS,
                empty="No record was accepted in this time",
            ),
        ),
    )
    one.line(
        8,
        (
            8,
            curves(
                "Unread records, by topic",
                "The largest consumer lag of any partition. Above 10,000 the worker is not ready.",
                *(
                    query(f'max(alarm_fatigue_consumer_lag_records{{topic="{topic}"}})', topic, ref)
                    for ref, topic in _lettered(_TOPICS)
                ),
                colours=_TOPICS,
                empty=NO_PARTITION,
            ),
        ),
        (
            8,
            curves(
                "Lag, by topic",
                "Age of the next record to be read. Above 60 s the worker is not ready.",
                *(
                    query(
                        f'max(alarm_fatigue_consumer_lag_seconds{{topic="{topic}"}}) / 60',
                        topic,
                        ref,
                    )
                    for ref, topic in _lettered(_TOPICS)
                ),
                unit=MINUTES,
                colours=_TOPICS,
                lines=(Line("not ready above 1 min", "vector(1)", VERMILION),),
                empty=NO_PARTITION,
            ),
        ),
        (
            8,
            curves(
                "Age of watermark and checkpoint",
                "Age of the latest alarm event (of several facilities, the oldest), and of the "
                "oldest checkpoint.",
                query(
                    "(time() - min(max by (facility) "
                    '(alarm_fatigue_watermark_timestamp_seconds{facility=~"$facility"}))) / 60',
                    "watermark",
                    "A",
                ),
                query(
                    "(time() - min(alarm_fatigue_checkpoint_timestamp_seconds)) / 60",
                    "checkpoint",
                    "B",
                ),
                unit=MINUTES,
                colours={"watermark": BLUE, "checkpoint": GREY},
                empty=NO_WORKER,
            ),
        ),
    )


def _lettered(names: dict[str, str]) -> Iterator[tuple[str, str]]:
    return zip("ABCDEFGH", names, strict=False)
