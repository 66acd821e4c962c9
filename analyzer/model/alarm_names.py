"""Alarm names: what an alarm type is called at the bedside, such as "SpO2 low".

Types are identified by their codes. The names are for people only: they decide no number, and two
types may have the same name. The words are those of monitors' screens for the reference
identifiers (REFIDs) of ISO/IEEE 11073-10101.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MEASURED = {
    "MDC_PULS_OXIM_SAT_O2": "SpO2",
    "MDC_PULS_OXIM_PULS_RATE": "Pulse (SpO2)",
    "MDC_PULS_OXIM_PERF_REL": "Perfusion",
    "MDC_PULS_RATE": "Pulse",
    "MDC_ECG_HEART_RATE": "Heart rate",
    "MDC_ECG_CARD_BEAT_RATE": "Heart rate",
    "MDC_ECG_V_P_C_RATE": "PVC rate",
    "MDC_ECG_V_P_C_CNT": "PVC count",
    "MDC_RESP_RATE": "Respiratory rate",
    "MDC_TTHOR_RESP_RATE": "Respiratory rate",
    "MDC_CO2_RESP_RATE": "Respiratory rate (CO2)",
    "MDC_VENT_RESP_RATE": "Respiratory rate (ventilator)",
    "MDC_AWAY_CO2_ET": "etCO2",
    "MDC_CONC_AWAY_CO2_ET": "etCO2",
    "MDC_CONC_AWAY_CO2_INSP": "Inspired CO2",
    "MDC_CONC_AWAY_O2_INSP": "FiO2",
    "MDC_VENT_CONC_AWAY_O2_INSP": "FiO2",
    "MDC_PRESS_BLD_ART": "Arterial pressure",
    "MDC_PRESS_BLD_ART_SYS": "Arterial pressure, systolic",
    "MDC_PRESS_BLD_ART_DIA": "Arterial pressure, diastolic",
    "MDC_PRESS_BLD_ART_MEAN": "Arterial pressure, mean",
    "MDC_PRESS_BLD_ART_ABP": "Arterial pressure",
    "MDC_PRESS_BLD_ART_ABP_SYS": "Arterial pressure, systolic",
    "MDC_PRESS_BLD_ART_ABP_DIA": "Arterial pressure, diastolic",
    "MDC_PRESS_BLD_ART_ABP_MEAN": "Arterial pressure, mean",
    "MDC_PRESS_BLD_ART_PULM_SYS": "Pulmonary pressure, systolic",
    "MDC_PRESS_BLD_ART_PULM_DIA": "Pulmonary pressure, diastolic",
    "MDC_PRESS_BLD_ART_PULM_MEAN": "Pulmonary pressure, mean",
    "MDC_PRESS_BLD_NONINV": "NIBP",
    "MDC_PRESS_BLD_NONINV_SYS": "NIBP, systolic",
    "MDC_PRESS_BLD_NONINV_DIA": "NIBP, diastolic",
    "MDC_PRESS_BLD_NONINV_MEAN": "NIBP, mean",
    "MDC_PRESS_CUFF_SYS": "NIBP, systolic",
    "MDC_PRESS_CUFF_DIA": "NIBP, diastolic",
    "MDC_PRESS_CUFF_MEAN": "NIBP, mean",
    "MDC_PRESS_BLD_VEN_CENT": "CVP",
    "MDC_PRESS_BLD_VEN_CENT_MEAN": "CVP, mean",
    "MDC_PRESS_INTRA_CRAN": "ICP",
    "MDC_PRESS_INTRA_CRAN_MEAN": "ICP, mean",
    "MDC_PRESS_CEREB_PERF": "CPP",
    "MDC_TEMP": "Temperature",
    "MDC_TEMP_BODY": "Temperature",
    "MDC_TEMP_CORE": "Core temperature",
    "MDC_TEMP_SKIN": "Skin temperature",
    "MDC_PRESS_AWAY": "Airway pressure",
    "MDC_PRESS_AWAY_INSP_PEAK": "Airway pressure, peak",
    "MDC_PRESS_AWAY_INSP_MAX": "Airway pressure, peak",
    "MDC_PRESS_AWAY_END_EXP_POS": "PEEP",
    "MDC_VENT_PRESS_AWAY": "Airway pressure",
    "MDC_VENT_PRESS_AWAY_END_EXP_POS": "PEEP",
    "MDC_VOL_MINUTE_AWAY": "Minute volume",
    "MDC_VENT_VOL_MINUTE_AWAY": "Minute volume",
    "MDC_VOL_AWAY_TIDAL": "Tidal volume",
    "MDC_VENT_VOL_TIDAL": "Tidal volume",
    "MDC_FLOW_FLUID_PUMP": "Infusion rate",
    "MDC_VOL_INFUS_ACTUAL_TOTAL_REMAIN": "Volume to be infused",
}
"""Sources that are measured, by REFID."""

CONDITIONS = {
    "MDC_EVT_LO": "low",
    "MDC_EVT_LO_GT_LIM": "low",
    "MDC_EVT_LO_LO": "very low",
    "MDC_EVT_HI": "high",
    "MDC_EVT_HI_GT_LIM": "high",
    "MDC_EVT_HI_HI": "very high",
    "LO": "low",
    "LOW": "low",
    "LL": "very low",
    "HI": "high",
    "HIGH": "high",
    "HH": "very high",
    "MDC_EVT_SENSOR_DISCONN": "sensor off",
    "MDC_EVT_LEADS_OFF": "leads off",
    "MDC_EVT_LEAD_OFF": "lead off",
    "MDC_EVT_DISCONN": "disconnected",
    "MDC_EVT_SIG_LO": "signal weak",
    "MDC_EVT_SIG_UNANALYZABLE": "signal cannot be analyzed",
    "MDC_EVT_NOISY": "noisy signal",
    "MDC_EVT_ARTIFACT": "artifact",
}
"""Conditions that say little without what was measured, by code."""

EVENTS = {
    "MDC_EVT_DESAT": "Desaturation",
    "MDC_EVT_APNEA": "Apnea",
    "MDC_EVT_ECG_ASYSTOLE": "Asystole",
    "MDC_EVT_ECG_CARD_ARREST": "Cardiac arrest",
    "MDC_EVT_ECG_V_FIB": "Ventricular fibrillation",
    "MDC_EVT_ECG_V_TACHY": "Ventricular tachycardia",
    "MDC_EVT_ECG_V_FIB_TACHY": "V-fib or V-tach",
    "MDC_EVT_ECG_BRADY": "Bradycardia",
    "MDC_EVT_ECG_BRADY_EXTREME": "Extreme bradycardia",
    "MDC_EVT_ECG_TACHY": "Tachycardia",
    "MDC_EVT_ECG_TACHY_EXTREME": "Extreme tachycardia",
    "MDC_EVT_ECG_ATR_FIB": "Atrial fibrillation",
    "MDC_EVT_ECG_V_P_C": "PVC",
    "MDC_EVT_ECG_V_P_C_RUN": "Run of PVCs",
    "MDC_EVT_ECG_V_P_C_BIGEM": "Ventricular bigeminy",
    "MDC_EVT_ECG_PAUSE": "Pause in the ECG",
    "MDC_EVT_ECG_CARD_BEAT_MISSED": "Missed beat",
    "MDC_EVT_BATT_LO": "Battery low",
    "MDC_EVT_FLUID_LINE_OCCL": "Line occluded",
    "MDC_EVT_FLUID_LINE_AIR": "Air in line",
    "MDC_EVT_PUMP_DOOR_OPEN": "Pump door open",
    "MDC_EVT_INFUS_COMPLETE": "Infusion complete",
    "MDC_EVT_PAPER_OUT": "Out of paper",
    "MDC_EVT_COMM_FAIL": "Connection lost",
    "MDC_EVT_WATCHDOG": "Watchdog",
}
"""Conditions that name themselves, by REFID."""


def alarm_name(source: str, code: str, names: Mapping[tuple[str, str], str] | None = None) -> str:
    """The plain name of alarms of this source and code.

    `names` (by source and code) takes precedence. A code that is not a known REFID is shown as it
    is, without the prefix of its nomenclature.

    >>> alarm_name("MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO"), alarm_name("", "MDC_EVT_APNEA")
    ('SpO2 low', 'Apnea')
    >>> alarm_name("CO2", "HIGH"), alarm_name("MDC_ECG_HEART_RATE", "MDCX_VENDOR_ODD")
    ('CO2 high', 'Heart rate: vendor odd')
    >>> alarm_name("", "occlusion 2")
    'occlusion 2'
    """
    if names is not None and (source, code) in names:
        return names[source, code]
    if code in EVENTS:
        return EVENTS[code]
    measured = MEASURED.get(source) or _plain(source)
    if code in CONDITIONS:
        condition = CONDITIONS[code]
        return f"{measured} {condition}" if measured else condition.capitalize()
    return f"{measured}: {_plain(code)}" if measured else _plain(code)


def _plain(refid: str) -> str:
    """A REFID as words; any other text as it is.

    >>> _plain("MDC_EVT_ECG_ST_ELEV"), _plain("Tür_offen")
    ('ECG ST elev', 'Tür_offen')
    """
    found = re.fullmatch(r"MDCX?_(?:EVT_)?([A-Z0-9_]+)", refid)
    if found is None:
        return refid
    words = found[1].strip("_").split("_")
    return " ".join(word if word in _ABBREVIATIONS else word.lower() for word in words)


_ABBREVIATIONS = frozenset(
    {"ECG", "ST", "CO2", "O2", "EEG", "SAT", "QT", "BIS", "ICP", "CVP", "PEEP"}
)
