"""Definitions: the one table of every metric's name, labels and meaning.

Names and labels are bounded: clinicians appear under their pseudonyms, alarm types only as the most
frequent of a unit; no patient, bed, device id or free text becomes a label.
"""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "alarm_fatigue_"


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric as Prometheus knows it; `labels` in the order in which they are written."""

    kind: str
    labels: tuple[str, ...]
    help: str


_CLINICIAN = ("facility", "unit", "clinician")
_UNIT = ("facility", "unit")

DEFINITIONS = {
    "clinician_alarms": Definition(
        "gauge",
        (*_CLINICIAN, "window", "priority"),
        "Alarms attributed to the clinician that started in the window.",
    ),
    "clinician_classified_alarms": Definition(
        "gauge", (*_CLINICIAN, "window", "class"), "The same alarms by class."
    ),
    "clinician_nonactionable_ratio": Definition(
        "gauge",
        (*_CLINICIAN, "window", "scope"),
        "Share of the classified alarms that needed nobody (scope clinical: without technical ones); absent while too few.",
    ),
    "clinician_alarm_seconds": Definition(
        "gauge",
        (*_CLINICIAN, "window"),
        "Time in the window during which at least one of the clinician's alarms was on.",
    ),
    "clinician_beds": Definition("gauge", _CLINICIAN, "Beds assigned to the clinician now."),
    "clinician_acuity": Definition(
        "gauge", _CLINICIAN, "Acuity of the clinician's assignments now, summed."
    ),
    "clinician_overload_state": Definition(
        "gauge",
        _CLINICIAN,
        "0 normal, 1 elevated, 2 overloaded: a state of the assignment, not of the person.",
    ),
    "clinician_protected_ratio": Definition(
        "gauge",
        (*_CLINICIAN, "window"),
        "Share of the duty in the window in stretches of 5 min or more without a new alarm of theirs; absent under 5 min of duty.",
    ),
    "clinician_flood_ratio": Definition(
        "gauge",
        (*_CLINICIAN, "window"),
        "Share of the window in alarm flood: begins above 10 new alarms in 10 min, ends below 5 (ISA-18.2, which aims below 1 % of time).",
    ),
    "clinician_overlapping_alarms": Definition(
        "gauge",
        (*_CLINICIAN, "window"),
        "Alarms of the window that began while an earlier one of the clinician's still sounded and nobody had responded to it.",
    ),
    "clinician_load_band": Definition(
        "gauge",
        (*_CLINICIAN, "band"),
        "1 for the band that the alarms of the last hour are in, by EEMUA-191 rates: recommended under 6, manageable to 12, "
        "over_demanding to 60, unacceptable above.",
    ),
    "clinician_nonactionable_exposure": Definition(
        "gauge",
        _CLINICIAN,
        "Non-actionable alarms of the last 120 min, without technical ones: exposure as in Bonafide 2015, never proof of harm "
        "(Bonafide 2017 found no association).",
    ),
    "clinician_exposure_band": Definition(
        "gauge",
        (*_CLINICIAN, "band"),
        "1 for the band of Bonafide 2015 that this exposure is in: a gauge of noise, never proof of harm.",
    ),
    "clinician_shift_hours": Definition(
        "gauge",
        _CLINICIAN,
        "Hours since the present stretch of duty began, gaps of up to 30 min bridged; absent off duty. "
        "Responses took 15 % longer for each hour (Bonafide 2017).",
    ),
    "unit_alarms": Definition(
        "gauge",
        (*_UNIT, "window", "priority"),
        "Alarms of the unit that started in the window, each once.",
    ),
    "unit_classified_alarms": Definition(
        "gauge", (*_UNIT, "window", "class"), "The same alarms by class."
    ),
    "unit_nonactionable_ratio": Definition(
        "gauge",
        (*_UNIT, "window", "scope"),
        "Share of the classified alarms that needed nobody (scope clinical: without technical ones); absent while too few.",
    ),
    "unit_unassigned_alarms": Definition(
        "gauge", (*_UNIT, "window"), "Alarms of the window that were attributed to nobody."
    ),
    "unit_open_alarms": Definition("gauge", _UNIT, "Alarms of the unit that have not ended."),
    "unit_clinicians": Definition("gauge", _UNIT, "Clinicians assigned to a bed of the unit now."),
    "unit_beds": Definition("gauge", _UNIT, "Beds of the unit that are assigned to somebody now."),
    "unit_overload_state": Definition(
        "gauge",
        _UNIT,
        "0 normal, 1 elevated, 2 overloaded: what its average clinician on duty bears.",
    ),
    "unit_overload_reason": Definition(
        "gauge",
        (*_UNIT, "measure"),
        "While the unit is not normal: each measure by which its state last rose, as it was then, for its average clinician on duty.",
    ),
    "unit_overload_limit": Definition(
        "gauge", (*_UNIT, "measure"), "The limit that the same measure was beyond."
    ),
    "unit_type_alarms": Definition(
        "gauge",
        (*_UNIT, "window", "device_type", "source", "code"),
        "Alarms of the unit's most frequent alarm types in the window.",
    ),
    "unit_type_share": Definition(
        "gauge",
        (*_UNIT, "window", "device_type", "source", "code"),
        "The same types' share of all alarms of the unit in the window.",
    ),
    "unit_type_nonactionable_ratio": Definition(
        "gauge",
        (*_UNIT, "window", "device_type", "source", "code", "scope"),
        "Share of the type's classified alarms that needed nobody (scope clinical: without technical ones); absent while too few.",
    ),
    "unit_priority_share": Definition(
        "gauge",
        (*_UNIT, "window", "priority"),
        "Share of the unit's alarms in the window that has the priority; ISA-18.2 aims at 0.80 low, 0.15 medium, 0.05 high. "
        "Absent without alarms.",
    ),
    "unit_stale_alarms": Definition(
        "gauge", _UNIT, "Alarms of the unit open for more than 24 h (ISA-18.2: under 5 on any day)."
    ),
    "unit_standing_alarms": Definition(
        "gauge", _UNIT, "Alarms of the unit open for more than 1 h, stale ones among them."
    ),
    "unit_chattering_alarms": Definition(
        "gauge",
        (*_UNIT, "window"),
        "Alarms that are at least the third within 60 s of the same device, source and code, the others being over (ISA-18.2: none).",
    ),
    "unit_fleeting_alarms": Definition(
        "gauge",
        (*_UNIT, "window"),
        "Alarms that ended sooner than policy.fleeting, answered or not (ISA-18.2: none).",
    ),
    "unit_alarms_per_bed": Definition(
        "gauge",
        (*_UNIT, "window"),
        "Alarms of the unit in the window over its beds that are assigned now; absent without any.",
    ),
    "unit_beds_per_clinician": Definition(
        "gauge",
        _UNIT,
        "Beds of the unit that are assigned now over the clinicians assigned to them; absent without any.",
    ),
    "unit_beds_per_clinician_limit": Definition(
        "gauge",
        _UNIT,
        "Beds per clinician beyond which policy.overload calls the unit elevated; absent where it never does.",
    ),
    "unit_acuity_per_clinician": Definition(
        "gauge",
        _UNIT,
        "Acuity of the unit's assignments now, summed, over the clinicians who hold them; absent without any.",
    ),
    "unit_load_spread": Definition(
        "gauge",
        (*_UNIT, "window"),
        "How unevenly the alarms of the window fell on the clinicians on duty in the unit now (Gini: 0 alike, towards 1 all on one); "
        "absent under two, or without alarms.",
    ),
    "response_seconds": Definition(
        "histogram",
        (*_UNIT, "priority"),
        "From an alarm's start to the first response of any kind, once per alarm when it is final.",
    ),
    "dropped_clinicians": Definition(
        "gauge",
        (),
        "Clinicians now without series, because metrics.max_clinicians others have them.",
    ),
    "dropped_samples": Definition(
        "counter",
        (),
        "Samples left out of renderings of this page so far, because of metrics.max_clinicians.",
    ),
    "dropped_units": Definition(
        "gauge",
        (),
        "Units now without series, because metrics.max_units busier ones, or metrics.max_facilities facilities, have them.",
    ),
    "dropped_unit_alarms": Definition(
        "gauge",
        ("window", "priority"),
        "Alarms of those units that started in the window: unit_alarms and these are all there are.",
    ),
    "dropped_facilities": Definition(
        "gauge",
        (),
        "Facilities now without series, because metrics.max_facilities busier ones have them.",
    ),
    "unmeasured_facilities": Definition(
        "gauge",
        (),
        "Facilities left out of what is shown, because working out or writing their numbers failed: see the log.",
    ),
    "control_records": Definition(
        "counter",
        ("control",),
        "Control records about a facility (reset, forget) obeyed so far, one for each topic.",
    ),
    "forgotten_open_alarms": Definition(
        "counter",
        (),
        "Open alarms older than the horizon dropped since the worker took them over, because of policy.max_open_alarms.",
    ),
    "events": Definition("counter", ("topic", "outcome"), "Records read, by what became of them."),
    "recipients_dropped": Definition(
        "counter", (), "Recipients that did not count: their alarm has 256 others with lesser ids."
    ),
    "truncated_fields": Definition(
        "counter",
        ("topic",),
        "Texts for people (label, role, reviewer, reason) cut at 1,024 characters.",
    ),
    "event_delay_seconds": Definition(
        "histogram",
        ("topic",),
        "From the time a record gives for its event to the time it was accepted.",
    ),
    "watermark_timestamp_seconds": Definition(
        "gauge", ("facility",), "Greatest event time accepted from the facility's alarms."
    ),
    "consumer_lag_records": Definition(
        "gauge", ("topic", "partition"), "Records of the partition not yet taken in."
    ),
    "consumer_lag_seconds": Definition(
        "gauge",
        ("topic", "partition"),
        "Age of the fetched record that is next in line, by its Kafka timestamp; 0 where none waits.",
    ),
    "broker_answered_timestamp_seconds": Definition(
        "gauge", (), "When the broker last answered this worker; absent before its first answer."
    ),
    "unread_partitions": Definition(
        "gauge",
        ("topic",),
        "Partitions of the input that this group does not read: added while it ran.",
    ),
    "recent_events": Definition(
        "gauge",
        ("facility", "topic", "outcome"),
        "Records read in the last 10 min, by what became of them; facility is empty where the key names none that is known.",
    ),
    "watermark_ahead_seconds": Definition(
        "gauge",
        ("facility",),
        "How far the watermark lies ahead of the worker's clock, where by more than policy.max_ahead, else 0. By the event clock always 0.",
    ),
    "device_clock_offset_seconds": Definition(
        "gauge",
        ("facility", "device_type"),
        "Median time of alarm events minus their records' timestamps over the last 10 min, refused ones included; positive is ahead.",
    ),
    "device_clock_spread_seconds": Definition(
        "gauge",
        ("facility", "device_type"),
        "Ninth decile minus first decile of the same differences: large where events are stored and forwarded in chunks.",
    ),
    "undeliverable_records": Definition(
        "counter", ("topic",), "Records of this worker that the broker refused for good."
    ),
    "truncated_records": Definition(
        "counter", ("topic",), "Records of this worker that were cut to the topic's limit."
    ),
    "consumer_uncommitted_records": Definition(
        "gauge",
        ("topic", "partition"),
        "Records of the partition that no one can read until a producer's open transaction ends.",
    ),
    "consumer_held_back_seconds": Definition(
        "gauge",
        ("topic", "partition"),
        "For how long one open transaction has held back the reading of the partition, of which all else is read; 0 where none does.",
    ),
    "reading_paused_seconds": Definition(
        "gauge",
        ("partition",),
        "For how long nothing has been read of the partition, because too many episodes wait; 0 while it is read.",
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
        "gauge", ("partition",), "When the partition's state was last stored."
    ),
    "build_info": Definition(
        "gauge",
        ("version", "policy"),
        "Always 1; labels tell the version, and a fingerprint of the policy.",
    ),
}


UNITS = {
    "clinician_acuity": "acuity points",
    "clinician_load_band": "0 or 1",
    "clinician_nonactionable_exposure": "alarms",
    "clinician_exposure_band": "0 or 1",
    "unit_overload_reason": "that of the measure",
    "unit_overload_limit": "that of the measure",
    "unit_alarms_per_bed": "alarms per bed",
    "unit_beds_per_clinician": "beds per clinician",
    "unit_beds_per_clinician_limit": "beds per clinician",
    "unit_acuity_per_clinician": "acuity points per clinician",
    "unit_load_spread": "Gini coefficient, 0 to 1",
    "events": "records",
    "recent_events": "records",
    "recipients_dropped": "recipients",
    "build_info": "always 1",
}
"""Units that a name does not end with."""
_ENDINGS = {
    "timestamp_seconds": "Unix time in seconds",
    "seconds": "seconds",
    "hours": "hours",
    "ratio": "share, 0 to 1",
    "share": "share, 0 to 1",
    "state": "0, 1 or 2",
}
_NOUNS = {
    "episodes",
    "alarms",
    "batches",
    "beds",
    "clinicians",
    "facilities",
    "fields",
    "partitions",
    "records",
    "samples",
    "units",
}


def unit_of(name: str) -> str:
    """The unit of a metric's values, in words. Raises `KeyError` for a metric of which nobody has
    said it.

    >>> unit_of("checkpoint_timestamp_seconds"), unit_of("unit_open_alarms"), unit_of("unit_load_spread")
    ('Unix time in seconds', 'alarms', 'Gini coefficient, 0 to 1')
    """
    if name in UNITS:
        return UNITS[name]
    *_, before, last = name.split("_")
    return last if last in _NOUNS else _ENDINGS.get(f"{before}_{last}") or _ENDINGS[last]


_CLASSES = "observed intervention as the criterion: Bonafide 2015, 2017; action window: Görges 2009"
_LEVELS = "ISA-18.2, EEMUA-191, NICE SG1 and our own: see `policy.overload`"

SOURCES = {
    "clinician_classified_alarms": _CLASSES,
    "clinician_nonactionable_ratio": _CLASSES,
    "clinician_overload_state": _LEVELS,
    "clinician_protected_ratio": "our own; interruptions and errors: Westbrook 2010",
    "clinician_flood_ratio": "ISA-18.2-2016",
    "clinician_overlapping_alarms": "our own",
    "clinician_load_band": "EEMUA-191",
    "clinician_nonactionable_exposure": "Bonafide 2015",
    "clinician_exposure_band": "Bonafide 2015; no association in Bonafide 2017",
    "clinician_shift_hours": "Bonafide 2017; the bridged gap is our own",
    "unit_classified_alarms": _CLASSES,
    "unit_nonactionable_ratio": _CLASSES,
    "unit_overload_state": _LEVELS,
    "unit_overload_reason": _LEVELS,
    "unit_overload_limit": _LEVELS,
    "unit_type_alarms": "ISA-18.2-2016 reviews the ten most frequent",
    "unit_type_share": "ISA-18.2-2016 reviews the ten most frequent",
    "unit_type_nonactionable_ratio": _CLASSES,
    "unit_priority_share": "ISA-18.2-2016",
    "unit_stale_alarms": "ISA-18.2-2016",
    "unit_standing_alarms": "our own",
    "unit_chattering_alarms": "ISA-18.2-2016",
    "unit_fleeting_alarms": "ISA-18.2-2016; 15 s after Görges 2009",
    "unit_beds_per_clinician_limit": "NICE SG1 (2014) by default",
    "unit_load_spread": "Gini",
}
"""Where a figure's definition or limit comes from; the others are plain counts and times."""
