"""Definitions of the metrics about clinicians and units."""

from __future__ import annotations

from streams.metrics.definition import Definition

_CLINICIAN = ("facility", "unit", "clinician")
_UNIT = ("facility", "unit")

BURDENS = {
    "clinician_alarms": Definition(
        "gauge",
        (*_CLINICIAN, "window", "priority"),
        "Alarms attributed to the clinician that started in the window.",
    ),
    "clinician_classified_alarms": Definition(
        "gauge",
        (*_CLINICIAN, "window", "class"),
        "Alarms attributed to the clinician that started in the window, by class.",
    ),
    "clinician_nonactionable_ratio": Definition(
        "gauge",
        (*_CLINICIAN, "window", "scope"),
        "Non-actionable share of classified alarms (scope clinical: technical alarms left out); "
        "absent while too few are classified.",
    ),
    "clinician_alarm_seconds": Definition(
        "gauge",
        (*_CLINICIAN, "window"),
        "Time in the window during which at least one of the clinician's alarms was on.",
    ),
    "clinician_beds": Definition("gauge", _CLINICIAN, "Beds assigned to the clinician now."),
    "clinician_acuity": Definition(
        "gauge", _CLINICIAN, "Sum of the acuity of the beds assigned to the clinician now."
    ),
    "clinician_overload_state": Definition(
        "gauge",
        _CLINICIAN,
        "0 normal, 1 elevated, 2 overloaded: the load of the assignment, not a judgement of the "
        "person.",
    ),
    "clinician_protected_ratio": Definition(
        "gauge",
        (*_CLINICIAN, "window"),
        "Share of the clinician's time on duty in the window in periods of 5 min or more "
        "without a new alarm; absent under 5 min of duty.",
    ),
    "clinician_flood_ratio": Definition(
        "gauge",
        (*_CLINICIAN, "window"),
        "Share of the window in alarm flood, which begins above 10 new alarms in 10 min and "
        "ends below 5 (ISA-18.2; its target is below 1 % of time).",
    ),
    "clinician_overlapping_alarms": Definition(
        "gauge",
        (*_CLINICIAN, "window"),
        "Alarms in the window that began while an earlier alarm of the clinician was still "
        "sounding without a response.",
    ),
    "clinician_load_band": Definition(
        "gauge",
        (*_CLINICIAN, "band"),
        "1 for the band of the clinician's alarms in the last hour (EEMUA-191 rates): "
        "recommended under 6, manageable to 12, over_demanding to 60, unacceptable above.",
    ),
    "clinician_nonactionable_exposure": Definition(
        "gauge",
        _CLINICIAN,
        "Non-actionable alarms in the last 120 min, technical alarms left out: a measure of "
        "exposure (Bonafide 2015), not proof of harm (Bonafide 2017 found no association).",
    ),
    "clinician_exposure_band": Definition(
        "gauge",
        (*_CLINICIAN, "band"),
        "1 for the band of this exposure (Bonafide 2015): a measure of noise, not proof of harm.",
    ),
    "clinician_shift_hours": Definition(
        "gauge",
        _CLINICIAN,
        "Hours since the present period of duty began, ignoring gaps of up to 30 min; absent "
        "off duty. Responses took 15 % longer for each hour (Bonafide 2017).",
    ),
    "unit_alarms": Definition(
        "gauge",
        (*_UNIT, "window", "priority"),
        "Alarms of the unit that started in the window; each alarm counts once.",
    ),
    "unit_classified_alarms": Definition(
        "gauge",
        (*_UNIT, "window", "class"),
        "Alarms of the unit that started in the window, by class.",
    ),
    "unit_nonactionable_ratio": Definition(
        "gauge",
        (*_UNIT, "window", "scope"),
        "Non-actionable share of classified alarms (scope clinical: technical alarms left out); "
        "absent while too few are classified.",
    ),
    "unit_busiest_bed_alarms": Definition(
        "gauge",
        (*_UNIT, "window"),
        "The most alarms of one bed of the unit that started in the window. The bed is not named.",
    ),
    "unit_unassigned_alarms": Definition(
        "gauge", (*_UNIT, "window"), "Alarms in the window that were attributed to no clinician."
    ),
    "unit_open_alarms": Definition("gauge", _UNIT, "Alarms of the unit that have not ended."),
    "unit_clinicians": Definition("gauge", _UNIT, "Clinicians assigned to a bed of the unit now."),
    "unit_beds": Definition(
        "gauge", _UNIT, "Beds of the unit that are assigned to a clinician now."
    ),
    "unit_overload_state": Definition(
        "gauge",
        _UNIT,
        "0 normal, 1 elevated, 2 overloaded: the load of the average clinician on duty in the "
        "unit.",
    ),
    "unit_overload_reason": Definition(
        "gauge",
        (*_UNIT, "measure"),
        "While the unit is not normal: each measure that raised its state, with its value at "
        "that time for the average clinician on duty.",
    ),
    "unit_overload_limit": Definition(
        "gauge", (*_UNIT, "measure"), "The limit that the same measure exceeded."
    ),
    "unit_overload_present": Definition(
        "gauge",
        (*_UNIT, "measure"),
        "While the unit is not normal: each measure that raised its state or holds it, with its "
        "value at the last full minute for the average clinician on duty.",
    ),
    "unit_overload_since_timestamp_seconds": Definition(
        "gauge", _UNIT, "Since when the state of the unit holds; absent while it is normal."
    ),
    "unit_policy_limit": Definition(
        "gauge",
        (*_UNIT, "measure", "state", "edge"),
        "The limits in force in the unit, per clinician (policy.overload): beyond `enter` the "
        "state is entered; at `leave`, or on its quiet side, it is left. Absent where there is "
        "none.",
    ),
    "unit_policy_cool_down_seconds": Definition(
        "gauge",
        _UNIT,
        "How long no measure may be beyond a limit to leave before a state is left "
        "(policy.overload.cool_down).",
    ),
    "unit_type_alarms": Definition(
        "gauge",
        (*_UNIT, "window", "device_type", "source", "code"),
        "Alarms in the window of each of the unit's most frequent alarm types.",
    ),
    "unit_type_share": Definition(
        "gauge",
        (*_UNIT, "window", "device_type", "source", "code"),
        "Share of all alarms of the unit in the window, for each of the same types.",
    ),
    "unit_type_nonactionable_ratio": Definition(
        "gauge",
        (*_UNIT, "window", "device_type", "source", "code", "scope"),
        "Non-actionable share of the type's classified alarms (scope clinical: technical alarms "
        "left out); absent while too few are classified.",
    ),
    "alarm_type_info": Definition(
        "gauge",
        ("device_type", "source", "code", "name"),
        "1 for each of these types, with what people call it, such as SpO2 low.",
    ),
    "unit_priority_share": Definition(
        "gauge",
        (*_UNIT, "window", "priority"),
        "Share of the unit's alarms in the window that have this priority; ISA-18.2 recommends "
        "0.80 low, 0.15 medium, 0.05 high. Absent without alarms.",
    ),
    "unit_stale_alarms": Definition(
        "gauge",
        _UNIT,
        "Alarms of the unit open for more than 24 h (ISA-18.2: fewer than 5 on any day).",
    ),
    "unit_standing_alarms": Definition(
        "gauge", _UNIT, "Alarms of the unit open for more than 1 h, stale alarms included."
    ),
    "unit_chattering_alarms": Definition(
        "gauge",
        (*_UNIT, "window"),
        "Alarms that are at least the third of the same device, source and code within 60 s, "
        "after the earlier ones ended (ISA-18.2: none).",
    ),
    "unit_fleeting_alarms": Definition(
        "gauge",
        (*_UNIT, "window"),
        "Alarms that ended sooner than policy.fleeting, with or without a response (ISA-18.2: "
        "none).",
    ),
    "unit_alarms_per_bed": Definition(
        "gauge",
        (*_UNIT, "window"),
        "Alarms of the unit in the window per bed assigned now; absent if no bed is assigned.",
    ),
    "unit_beds_per_clinician": Definition(
        "gauge",
        _UNIT,
        "Beds of the unit that are assigned now, per clinician assigned to them; absent if no "
        "bed is assigned.",
    ),
    "unit_beds_per_clinician_limit": Definition(
        "gauge",
        _UNIT,
        "Beds per clinician above which policy.overload makes the unit elevated; absent if it "
        "never does.",
    ),
    "unit_acuity_per_clinician": Definition(
        "gauge",
        _UNIT,
        "Sum of the acuity of the unit's assignments now, per clinician assigned; absent if no "
        "bed is assigned.",
    ),
    "unit_load_spread": Definition(
        "gauge",
        (*_UNIT, "window"),
        "How unevenly the alarms in the window were spread over the clinicians on duty in the "
        "unit now (Gini: 0 even, towards 1 all on one clinician); absent with fewer than two "
        "clinicians or without alarms.",
    ),
    "unit_relief_available": Definition(
        "gauge",
        _UNIT,
        "1 if moving one bed to a colleague on duty in the unit is advised, 0 if nobody there can "
        "take one: ask for help from outside. Absent while the loads of the unit and of its "
        "clinicians are normal.",
    ),
    "unit_relief_alarms": Definition(
        "gauge",
        _UNIT,
        "How many alarms an hour that move spares the clinician who hands over the bed; absent "
        "without such a move.",
    ),
    "unit_relief_taker_alarms": Definition(
        "gauge",
        _UNIT,
        "How many alarms an hour the colleague has with that bed; absent without such a move.",
    ),
    "response_seconds": Definition(
        "histogram",
        (*_UNIT, "priority"),
        "Time from the start of an alarm to the first response of any kind, observed once per "
        "alarm when it is final.",
    ),
}
