"""HL7 feeds: the section of the board Pipeline health about gateways."""

from __future__ import annotations

from grafana.frame import Board
from grafana.limits import GREEN, MORE, ORANGE, VERMILION, Steps
from grafana.panels import figure
from grafana.queries import of_now
from grafana.tables import Column, grid

_SILENCE: Steps = ((None, GREEN, "sends"), (900 + MORE, VERMILION, "silent"))
_CLOCK: Steps = ((None, ORANGE, "behind"), (-120, GREEN, "right"), (120 + MORE, ORANGE, "ahead"))
_WAITING: Steps = ((None, GREEN, "few"), (5000 + MORE, VERMILION, "many"))
_REFUSED: Steps = ((None, GREEN, "none"), (0 + MORE, VERMILION, "some"))
_NONE = "No HL7 feed is scraped"


def add_to(one: Board) -> None:
    one.heading("HL7 feeds")
    one.line(
        7,
        (
            3,
            figure(
                "HL7 waiting",
                "Messages of the topic hl7 that hl7 translate has not read yet.",
                of_now("sum(alarm_fatigue_hl7_lag_records)"),
                steps=_WAITING,
                empty=_NONE,
            ),
        ),
        (
            3,
            figure(
                "HL7 not kept",
                "Messages per second that Kafka did not store; gateways send them again.",
                of_now(
                    'sum(rate(alarm_fatigue_hl7_received_total{answer="again"}[$__rate_interval]))'
                ),
                decimals=2,
                steps=_REFUSED,
                empty=_NONE,
            ),
        ),
        (
            12,
            grid(
                "Gateways",
                "By sender. A gateway that sends nothing is not quiet: we cannot see its alarms.",
                Column("Sender", label="sender"),
                Column(
                    "Last message",
                    "time() - max by (sender) (alarm_fatigue_hl7_last_message_timestamp_seconds)",
                    unit="s",
                    steps=_SILENCE,
                ),
                Column(
                    "Clock",
                    "max by (sender) (alarm_fatigue_hl7_clock_drift_seconds)",
                    unit="s",
                    steps=_CLOCK,
                ),
                Column(
                    "Without bed",
                    "sum by (sender) "
                    "(rate(alarm_fatigue_hl7_alarms_without_bed_total[$__rate_interval])) "
                    "/ sum by (sender) (rate(alarm_fatigue_hl7_alarms_total[$__rate_interval]))",
                    unit="percentunit",
                ),
                Column(
                    "Ends without start, per s",
                    "sum by (sender) "
                    "(rate(alarm_fatigue_hl7_ends_without_start_total[$__rate_interval]))",
                ),
                Column(
                    "Rejected, per s",
                    'sum by (sender) (rate(alarm_fatigue_hl7_messages_total{became="rejected"}'
                    "[$__rate_interval]))",
                ),
                sort=("Last message",),
                empty=_NONE,
            ),
        ),
        (
            6,
            grid(
                "Unknown event codes",
                "The 20 most frequent event codes that are in no nomenclature and no profile.",
                Column("Sender", label="sender"),
                Column("Code", label="code"),
                Column(
                    "Per s",
                    "sum by (sender, code) "
                    "(rate(alarm_fatigue_hl7_unmapped_codes_total[$__rate_interval]))",
                ),
                sort=("Per s",),
                empty="All codes are known",
            ),
        ),
    )
