"""Definitions: the one table of every metric, with its name, labels and meaning.

The number of label values is bounded. Clinicians appear under pseudonyms; of the alarm types, only
the most frequent of each unit appear. No patient, bed, device id or free text becomes a label.
"""

from __future__ import annotations

from streams.metrics.burden_definitions import BURDENS
from streams.metrics.worker_definitions import WORKER

PREFIX = "alarm_fatigue_"


DEFINITIONS = BURDENS | WORKER

UNITS = {
    "clinician_acuity": "acuity points",
    "clinician_load_band": "0 or 1",
    "clinician_nonactionable_exposure": "alarms",
    "clinician_exposure_band": "0 or 1",
    "unit_overload_reason": "that of the measure",
    "unit_overload_limit": "that of the measure",
    "unit_overload_present": "that of the measure",
    "unit_policy_limit": "that of the measure",
    "alarm_type_info": "always 1",
    "unit_alarms_per_bed": "alarms per bed",
    "unit_beds_per_clinician": "beds per clinician",
    "unit_beds_per_clinician_limit": "beds per clinician",
    "unit_acuity_per_clinician": "acuity points per clinician",
    "unit_load_spread": "Gini coefficient, 0 to 1",
    "unit_relief_available": "0 or 1",
    "night_shift": "0 or 1",
    "smallest_group": "clinicians",
    "events": "records",
    "recent_events": "records",
    "recipients_dropped": "recipients",
    "build_info": "always 1",
    "pseudonym_key_info": "always 1",
    "state_info": "always 1",
}
"""Units of metrics whose names do not end with one."""
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
    "entries",
    "facilities",
    "fields",
    "partitions",
    "records",
    "samples",
    "units",
}


def unit_of(name: str) -> str:
    """The unit of a metric's values, in words. Raises `KeyError` if neither `UNITS` nor the name
    gives one.

    >>> unit_of("checkpoint_timestamp_seconds"), unit_of("unit_open_alarms")
    ('Unix time in seconds', 'alarms')
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
    "unit_policy_limit": _LEVELS,
    "unit_policy_cool_down_seconds": "an ISA-18.2 interval by default",
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
"""The sources of definitions and limits. All other metrics are plain counts and times."""
