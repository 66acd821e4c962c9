"""Calibration: the figures that the simulated wards reproduce, with units and sources.

Published figures name their study. "Ours" marks an assumption, chosen to be plausible where no
published figure was found. It must not be quoted as evidence.

Sources: Drew 2014, PLOS ONE, doi 10.1371/journal.pone.0110274; Harris 2017, doi
10.2147/TCRM.S126191 (the same 31 days); Goerges 2009, Anesth Analg; Lansdowne 2016; Welch 2011;
Bonafide 2015, doi 10.1002/jhm.2331; Bonafide 2017, JAMA Pediatr; PhysioNet/CinC challenge 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Literal

from analyzer.model import HOUR, MINUTE, SECOND, Action, Kind, Priority

_z = NormalDist().inv_cdf

# How many alarms, and of which patients
# alarms per monitored bed and day (Drew 2014); the simulator's beds are always occupied
AUDIBLE_PER_BED_DAY = 187.0
# of all alarms, inaudible ones included (Drew 2014); used for the audible ones
TECHNICAL_SHARE = 791_632 / 2_558_760
# of all alarms, made by the 10 % of patients with most (Lansdowne 2016: SpO2 < 90 %, 15 s delay)
TOP_TENTH_SHARE = 0.574
MEAN_STAY = 48_404 / 461 * HOUR  # ms monitored per patient (Harris 2017): 4.4 days
STAY_SIGMA = 0.7  # of the log of stays: right-skewed, weeks being rare (ours)
# of the log of patients' rates: a lognormal's top tenth has 1 - Phi(z(0.9) - sigma)
RATE_SIGMA = _z(0.9) + _z(TOP_TENTH_SHARE)
# times the mean rate: over an alarm a minute; above that, somebody changes the limits (ours; the
# top tenth's share becomes 0.53)
MAX_RATE = 10.0
# the rate is this share above the mean at 14:00, and below it at 02:00 (ours: care and visits cause
# alarms)
DIURNAL_SWING = 0.2
# watchdogs and text messages, which are not alarms (ours; Drew 2014 counted far more)
INAUDIBLE_PER_BED_HOUR = 2.0

# How long: durations are lognormal, because they are positive and right-skewed, and two published
# quantiles determine the parameters
MEDIAN_DURATION = 17 * SECOND  # of all alarms (Goerges 2009)
# removes 50 % of ignored and ineffective alarms: their median (Goerges 2009)
DELAY_HALF = 14 * SECOND
DELAY_TWO_THIRDS = 19 * SECOND  # removes 67 % of them (Goerges 2009)
# shares of all alarms: clinical action; other reaction; none (Goerges 2009)
EFFECTIVE, INEFFECTIVE, IGNORED = 0.23, 0.36, 0.41
IDLE_SIGMA = log(DELAY_TWO_THIRDS / DELAY_HALF) / _z(0.67)  # of ignored and ineffective alarms
ACTIONABLE_SIGMA = 1.0  # of the others (ours)
# The median of the others follows from the overall one: idle share x F(17 s) + effective share x
# F(17 s) = 1/2.
_idle_by_median = NormalDist().cdf(log(MEDIAN_DURATION / DELAY_HALF) / IDLE_SIGMA)
ACTIONABLE_DURATION = MEDIAN_DURATION * exp(
    -ACTIONABLE_SIGMA * _z((0.5 - (1 - EFFECTIVE) * _idle_by_median) / EFFECTIVE)
)
# bounds of a duration: monitors report by the second; an hour is the maximum (ours)
SHORTEST, LONGEST = SECOND, HOUR

# How far beyond the limit: exponential depths, as small excursions outnumber deep ones
LOWER_LIMIT_REMOVES = 0.63  # of SpO2 alarms, when 90 % becomes 88 % (Welch 2011)
ACTIONABLE_DEPTH = 2.0  # actionable excursions go this many times as deep (ours)
# With x = exp(-1 / depth), idle share x^2 + effective share x = what the lower limit leaves. A
# quadratic, solved for x.
_x = (sqrt(EFFECTIVE**2 + 4 * (1 - EFFECTIVE) * (1 - LOWER_LIMIT_REMOVES)) - EFFECTIVE) / (
    2 * (1 - EFFECTIVE)
)
SPO2_DEPTH = -1 / log(_x)  # percentage points, of ignored and ineffective alarms

# How staff answer
WINDOW = 5 * MINUTE  # an action this long after an alarm's end still answers it (Goerges 2009)
DELAY_SIGMA = 0.8  # of the log of response delays (ours)
SLOWER_PER_HOUR = 1.15  # factor per hour into the shift (Bonafide 2017)
MIDDLE_OF_SHIFT = 6.0  # hours: where the median delays below apply (ours)
# load: alarms of the nurse's beds in this time (Bonafide 2015, there of one patient)
EXPOSURE = 120 * MINUTE
EXPOSURE_BANDS = (30, 80)  # alarms: 0-29, 30-79, 80 or more (Bonafide 2015)
# factor in each band (ours: published as curves; Bonafide 2017 found no such effect)
EXPOSURE_SLOWING = (1.0, 1.5, 2.0)
REACTIONS: dict[Action, float] = {  # to non-actionable alarms: shares (ours)
    "acknowledge": 0.40,
    "silence": 0.30,
    "attend": 0.20,
    "pause": 0.05,
    "adjust_limits": 0.03,
    "decline": 0.01,
    "escalate": 0.01,
}
# of attendances that name only the bed, as a badge reader knows the room but not the alarm (ours)
BED_ONLY = 0.7
NAMED = 0.9  # of responses that name the clinician (ours)
# of actionable alarms are answered by a consultation, the others by an intervention (ours)
CONSULTED = 0.15
ACKNOWLEDGED_FIRST = 0.5  # of actionable alarms (ours)

# The messages (all ours)
UPDATE_EVERY = 10 * SECOND  # while a value is beyond its limit
# share of the greatest depth, at onset and each update
COURSES = ((1.0,), (0.6, 1.0), (0.5, 1.0, 0.7), (0.4, 0.8, 1.0, 0.6))
OPENS_WITH_UPDATE = 0.02  # of alarms, as from gateways that connect late
NEVER_ENDS = 0.0005  # of alarms whose end is lost
ESCALATES = 0.02  # of updated alarms, that become high priority
SENT_TO_CHARGE = 0.05  # of alarms that also go to the charge nurse
NETWORK_DELAY = 300  # ms, mean, exponential: from the device's clock to the broker
LABEL_DELAY = 45 * MINUTE  # median from the end of an alarm to its adjudication
LABEL_DELAY_SIGMA = 1.0

# How shifts are staffed (all ours)
SHIFT = 12 * HOUR
DAY_BEGINS = 7 * HOUR  # after midnight UTC; the night shift begins 12 h later
HANDOVER = 15 * MINUTE  # overlap of two shifts
BREAK = 30 * MINUTE  # the charge nurse takes over the beds of a nurse on break
FIRST_BREAK = 4 * HOUR  # after the shift begins
CREWS = 4  # that take the shifts in turn
SHARED_BEDS = 0.1  # of beds with two nurses
OPEN_CHARTED = 0.1  # of assignments charted without an end, which is charted later
ACUITIES, ACUITY_SHARES = (1.0, 1.5, 2.0), (0.6, 0.3, 0.1)

ProfileName = Literal["micu", "picu", "ward"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The figures of one kind of unit.

    Shares refer to the alarms of that kind; `delay_median` is in ms at mid-shift.
    """

    unit_names: tuple[str, ...]
    devices: tuple[str, ...] = ("monitor", "infusion_pump", "ventilator")
    clinical_actionable: float
    technical_actionable: float = 0.0
    answered: float = INEFFECTIVE / (INEFFECTIVE + IGNORED)
    """Share of the non-actionable alarms that are answered (Goerges 2009, the only source
    found).
    """
    delay_median: int = 210 * SECOND
    """3.5 min, with one patient per nurse (Bonafide 2017), used for intensive care."""


PROFILES: dict[ProfileName, Profile] = {
    "micu": Profile(
        unit_names=("MICU", "SICU", "CCU", "ICU-A", "ICU-B", "NEURO-ICU", "CTICU"),
        clinical_actionable=EFFECTIVE,
        technical_actionable=EFFECTIVE,  # Goerges 2009 did not report technical alarms separately
    ),
    "picu": Profile(
        unit_names=("PICU", "PCICU", "NICU"),
        clinical_actionable=1 - 0.871,  # Bonafide 2015, PICU
    ),
    "ward": Profile(
        unit_names=("STEPDOWN", "TELEMETRY", "WARD-5A", "WARD-5B", "WARD-6A", "WARD-6B"),
        devices=("monitor", "infusion_pump"),
        clinical_actionable=1 - 0.990,  # Bonafide 2015, ward
        delay_median=624 * SECOND,  # 10.4 min (Bonafide 2017)
    ),
}


@dataclass(frozen=True, slots=True)
class AlarmType:
    """One type of alarm.

    `weight` is relative within its kind. `depth` is the mean excursion beyond `limit` in the unit
    of `source`, negative below it. `false` is the published share of false alarms, if there is one.
    """

    device: str
    source: str
    code: str
    kind: Kind
    priority: Priority
    label: str
    weight: float
    limit: float | None = None
    depth: float = 0.0
    false: float | None = None


_SPO2, _HR, _RR = "MDC_PULS_OXIM_SAT_O2", "MDC_ECG_HEART_RATE", "MDC_TTHOR_RESP_RATE"
_ABP, _AWAY, _MINUTE_VOLUME = "MDC_PRESS_BLD_ART_ABP_SYS", "MDC_PRESS_AWAY", "MDC_VOL_MINUTE_AWAY"
# weight of one alarm of the CinC set: arrhythmias make 12 % of clinical alarms (ours)
_ARRHYTHMIAS = 12.0 / 750

# Codes are ISO/IEEE 11073-10101 reference ids. Weights are ours, except that the mix and the false
# shares of arrhythmias are those of CinC 2015. Depths are ours, except for SpO2.
ALARM_TYPES = (
    AlarmType(
        "monitor", _SPO2, "MDC_EVT_LO", "physiological", "medium", "SpO2 low", 26, 90.0, -SPO2_DEPTH
    ),
    AlarmType(
        "monitor", _SPO2, "MDC_EVT_DESAT", "physiological", "high", "Desaturation", 2, 80.0, -3
    ),
    AlarmType(
        "monitor", _HR, "MDC_EVT_HI", "physiological", "medium", "Heart rate high", 14, 120.0, 8
    ),
    AlarmType(
        "monitor", _HR, "MDC_EVT_LO", "physiological", "medium", "Heart rate low", 6, 50.0, -4
    ),
    AlarmType(
        "monitor",
        _ABP,
        "MDC_EVT_LO",
        "physiological",
        "medium",
        "Arterial pressure low",
        9,
        90.0,
        -6,
    ),
    AlarmType(
        "monitor",
        _ABP,
        "MDC_EVT_HI",
        "physiological",
        "medium",
        "Arterial pressure high",
        8,
        160.0,
        9,
    ),
    AlarmType(
        "monitor", _RR, "MDC_EVT_HI", "physiological", "low", "Respiratory rate high", 9, 30.0, 4
    ),
    AlarmType(
        "monitor", _RR, "MDC_EVT_LO", "physiological", "low", "Respiratory rate low", 5, 8.0, -1
    ),
    AlarmType("monitor", _RR, "MDC_EVT_APNEA", "physiological", "high", "Apnea", 2),
    AlarmType(
        "monitor",
        _HR,
        "MDC_EVT_ECG_ASYSTOLE",
        "physiological",
        "high",
        "Asystole",
        122 * _ARRHYTHMIAS,
        false=100 / 122,
    ),
    AlarmType(
        "monitor",
        _HR,
        "MDC_EVT_ECG_BRADY_EXTREME",
        "physiological",
        "high",
        "Bradycardia",
        89 * _ARRHYTHMIAS,
        false=43 / 89,
    ),
    AlarmType(
        "monitor",
        _HR,
        "MDC_EVT_ECG_TACHY_EXTREME",
        "physiological",
        "high",
        "Tachycardia",
        140 * _ARRHYTHMIAS,
        false=9 / 140,
    ),
    AlarmType(
        "monitor",
        _HR,
        "MDC_EVT_ECG_V_FIB",
        "physiological",
        "high",
        "V-fibrillation",
        58 * _ARRHYTHMIAS,
        false=52 / 58,
    ),
    AlarmType(
        "monitor",
        _HR,
        "MDC_EVT_ECG_V_TACHY",
        "physiological",
        "high",
        "V-tachycardia",
        341 * _ARRHYTHMIAS,
        false=252 / 341,
    ),
    AlarmType(
        "ventilator",
        _AWAY,
        "MDC_EVT_HI",
        "physiological",
        "high",
        "Airway pressure high",
        5,
        40.0,
        5,
    ),
    AlarmType(
        "ventilator",
        _MINUTE_VOLUME,
        "MDC_EVT_LO",
        "physiological",
        "medium",
        "Minute volume low",
        3,
        4.0,
        -0.5,
    ),
    AlarmType(
        "monitor", _SPO2, "MDC_EVT_SENSOR_DISCONN", "technical", "low", "SpO2 sensor off", 40
    ),
    AlarmType("monitor", _HR, "MDC_EVT_LEADS_OFF", "technical", "medium", "ECG leads off", 30),
    AlarmType("monitor", "", "MDC_EVT_BATT_LO", "technical", "low", "Battery low", 6),
    AlarmType(
        "infusion_pump", "", "MDC_EVT_FLUID_LINE_OCCL", "technical", "high", "Line occluded", 16
    ),
    AlarmType("infusion_pump", "", "MDC_EVT_BATT_LO", "technical", "low", "Pump battery low", 4),
    AlarmType(
        "ventilator", "", "MDC_EVT_SENSOR_DISCONN", "technical", "high", "Flow sensor off", 4
    ),
    # Messages that are not alarms; weights are relative to each other.
    AlarmType("monitor", "", "MDC_EVT_WATCHDOG", "advisory", "info", "Watchdog", 1),
    AlarmType("monitor", _HR, "MDC_EVT_ECG_V_P_C_RUN", "physiological", "info", "PVC run", 1),
)
