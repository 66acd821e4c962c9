"""Definitions of the metrics of `hl7 listen` and `hl7 translate`, which have pages of their own."""

from __future__ import annotations

from streams.metrics.definition import Definition

HL7 = {
    "hl7_received": Definition(
        "counter",
        ("sender", "answer"),
        "Messages that `hl7 listen` took, by its answer: kept, again (not kept: to be sent again), "
        "never (not taken).",
    ),
    "hl7_messages": Definition(
        "counter", ("sender", "became"), "Messages that `hl7 translate` read, by what they became."
    ),
    "hl7_alarms": Definition("counter", ("sender",), "Messages about alarms that became facts."),
    "hl7_alarms_without_bed": Definition("counter", ("sender",), "Of these, those without a bed."),
    "hl7_alarms_without_priority": Definition(
        "counter", ("sender",), "Of these, those that got the sender's default priority."
    ),
    "hl7_alarms_joined": Definition(
        "counter",
        ("sender",),
        "Of these, those first seen while they lasted: their start is that of the message.",
    ),
    "hl7_ends_without_start": Definition(
        "counter", ("sender",), "Ends that came before their start, or without one."
    ),
    "hl7_lost_ends": Definition(
        "counter", (), "Ends whose start had not come after ten minutes, or came later than them."
    ),
    "hl7_unmapped_codes": Definition(
        "counter",
        ("sender", "code"),
        "Messages with an event code of no nomenclature and no profile; the 20 most frequent.",
    ),
    "hl7_last_message_timestamp_seconds": Definition(
        "gauge", ("sender",), "When the sender's last message of any kind arrived."
    ),
    "hl7_clock_drift_seconds": Definition(
        "gauge", ("sender",), "How far the sender's clock is ahead: MSH-7 minus arrival."
    ),
    "hl7_connections": Definition("gauge", (), "Open connections of senders."),
    "hl7_skipped_bytes": Definition("counter", (), "Bytes between frames."),
    "hl7_cut_frames": Definition("counter", (), "Frames that the next one interrupted."),
    "hl7_open_alarms": Definition("gauge", ("partition",), "Alarms that are open."),
    "hl7_lag_records": Definition(
        "gauge", ("partition",), "Records of the topic `hl7` that are not translated yet."
    ),
    "hl7_transactions": Definition("counter", (), "Transactions that were committed."),
}
