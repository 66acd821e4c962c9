"""Definitions of the metrics about a worker: its limits, its input, and its health."""

from __future__ import annotations

from streams.metrics.definition import Definition

WORKER = {
    "dropped_clinicians": Definition(
        "gauge",
        (),
        "Clinicians without series now, because metrics.max_clinicians others have them.",
    ),
    "dropped_samples": Definition(
        "counter", (), "Samples left out of this page so far, because of metrics.max_clinicians."
    ),
    "dropped_units": Definition(
        "gauge",
        (),
        "Units without series now, because of metrics.max_units or metrics.max_facilities: "
        "busier ones have them.",
    ),
    "dropped_unit_alarms": Definition(
        "gauge",
        ("window", "priority"),
        "Alarms that started in the window in units without series: add unit_alarms for the total.",
    ),
    "dropped_facilities": Definition(
        "gauge",
        (),
        "Facilities without series now, because metrics.max_facilities busier ones have them.",
    ),
    "unmeasured_facilities": Definition(
        "gauge",
        (),
        "Facilities left out of the page because their numbers could not be computed or "
        "written: see the log.",
    ),
    "control_records": Definition(
        "counter",
        ("control",),
        "Control records about a facility or a clinician (reset, forget, forget_clinician) "
        "applied so far, counted once per topic.",
    ),
    "forgotten_open_alarms": Definition(
        "counter",
        (),
        "Open alarms older than the horizon that were dropped because of "
        "policy.max_open_alarms, since the worker took over their partitions.",
    ),
    "events": Definition("counter", ("topic", "outcome"), "Records read, by outcome."),
    "recipients_dropped": Definition(
        "counter",
        (),
        "Recipients left out because their alarm already had 256 others with smaller ids.",
    ),
    "truncated_fields": Definition(
        "counter", ("topic",), "Free texts (label, role, reviewer, reason) cut at 1,024 characters."
    ),
    "event_delay_seconds": Definition(
        "histogram",
        ("topic",),
        "Time from the event time of a record to when the record was accepted.",
    ),
    "watermark_timestamp_seconds": Definition(
        "gauge",
        ("facility",),
        "Latest event time accepted from the facility's alarms (its watermark); absent while its "
        "partition is recomputed.",
    ),
    "night_shift": Definition(
        "gauge",
        ("facility",),
        "1 while the facility's night shift is on duty, else 0: of the shifts in `calendar`, that "
        "which has 03:00 local time.",
    ),
    "smallest_group": Definition(
        "gauge",
        (),
        "privacy.smallest_group: the boards show nothing about fewer clinicians of a unit that is "
        "older than a shift.",
    ),
    "consumer_lag_records": Definition(
        "gauge", ("topic", "partition"), "Records of the partition that are not yet processed."
    ),
    "consumer_lag_seconds": Definition(
        "gauge",
        ("topic", "partition"),
        "Age of the next fetched record of the partition, by its Kafka timestamp; 0 if none is "
        "waiting.",
    ),
    "broker_answered_timestamp_seconds": Definition(
        "gauge", (), "When the broker last answered this worker; absent before its first answer."
    ),
    "page_taken_timestamp_seconds": Definition(
        "gauge",
        ("facility", "unit", "role"),
        "Since when somebody of this role has the page of the overloaded unit; absent if nobody "
        "has it, or if Alertmanager has not answered for a minute.",
    ),
    "page_taken_until_timestamp_seconds": Definition(
        "gauge",
        ("facility", "unit", "role"),
        "Until when somebody of this role has the page of the overloaded unit.",
    ),
    "alertmanager_answered_timestamp_seconds": Definition(
        "gauge",
        (),
        "When Alertmanager last told this worker who has which page; absent before, and without "
        "alertmanager.url.",
    ),
    "unread_partitions": Definition(
        "gauge",
        ("topic",),
        "Partitions of the input that this group does not read, because they were added while "
        "it ran.",
    ),
    "recent_events": Definition(
        "gauge",
        ("facility", "topic", "outcome"),
        "Records read in the last 10 min, by outcome, without those read to recompute a "
        "partition; facility is empty if the record's key names no known facility.",
    ),
    "watermark_ahead_seconds": Definition(
        "gauge",
        ("facility",),
        "How far the watermark is ahead of the worker's clock, if by more than "
        "policy.max_ahead, else 0. Always 0 with the event clock.",
    ),
    "device_clock_offset_seconds": Definition(
        "gauge",
        ("facility", "device_type"),
        "Median difference of event time and Kafka timestamp of alarm events in the last 10 "
        "min, refused events included; positive: the device's clock is ahead.",
    ),
    "device_clock_spread_seconds": Definition(
        "gauge",
        ("facility", "device_type"),
        "Ninth decile minus first decile of the same differences: large if events are stored "
        "and forwarded in batches.",
    ),
    "undeliverable_records": Definition(
        "counter", ("topic",), "Records written by this worker that the broker refused permanently."
    ),
    "truncated_records": Definition(
        "counter",
        ("topic",),
        "Records written by this worker that were cut to the topic's size limit.",
    ),
    "consumer_uncommitted_records": Definition(
        "gauge",
        ("topic", "partition"),
        "Records of the partition that cannot be read until a producer ends its open transaction.",
    ),
    "consumer_held_back_seconds": Definition(
        "gauge",
        ("topic", "partition"),
        "How long one open transaction has blocked the reading of the partition, after "
        "everything before it was read; 0 if none does.",
    ),
    "reading_paused_seconds": Definition(
        "gauge",
        ("partition",),
        "How long reading of the partition has been paused because too many episodes wait to be "
        "sent; 0 while it is read.",
    ),
    "waiting_episodes": Definition(
        "gauge",
        ("partition",),
        "Finished episodes that wait for a checkpoint before they are sent.",
    ),
    "unreadable_batches": Definition(
        "counter", ("topic",), "Batches of the input that could not be read and were skipped."
    ),
    "checkpoint_timestamp_seconds": Definition(
        "gauge", ("partition",), "When the state of the partition was last stored."
    ),
    "recomputed_ratio": Definition(
        "gauge",
        ("partition",),
        "Part of the inputs, by records, that the state of the partition has reached since it was "
        "taken over without a state or with one far behind; 1 once it is complete. Below 1, the "
        "figures of its facilities are left out.",
    ),
    "recomputation_end_timestamp_seconds": Definition(
        "gauge",
        (),
        "When the worker will have recomputed its state, if it goes on as fast; absent if nothing "
        "is recomputed, and at the beginning.",
    ),
    "state_info": Definition(
        "gauge", ("state_version",), "Always 1; the label gives the version of the stored state."
    ),
    "audit_entries": Definition(
        "counter",
        ("result",),
        "Entries of the audit: written to audit.file; lost, because it could not be written; "
        "unsent, because the syslog server did not take them.",
    ),
    "build_info": Definition(
        "gauge",
        ("version", "policy"),
        "Always 1; the labels give the version and a fingerprint of the policy.",
    ),
    "pseudonym_key_info": Definition(
        "gauge",
        ("key_id", "period"),
        "Always 1; the labels name the key of the pseudonyms and when they change. "
        "Absent if pseudonyms are off.",
    ),
}
