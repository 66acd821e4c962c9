"""Codes: the nomenclature of ISO/IEEE 11073-10101 as alarm messages use it.

The attributes of an alarm are recognised by name, because two families of numbers are in use, and
because `ALARM` and `ALERT` stand for each other. Words of facets are those of IHE PCD ACM, and a
few that senders use instead.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from analyzer.model import Kind, Priority

EVENT, SOURCE, PHASE, STATE, INACTIVATION, PRIORITY, TYPE, CONDITION, TEXT = range(1, 10)
"""The facets of an alarm, by the last number of OBX-4."""

NUMBERS = {
    196616: "MDC_EVT_ALARM",
    196648: "MDC_EVT_HI",
    196650: "MDC_EVT_HI_GT_LIM",
    196652: "MDC_EVT_HI_VAL_GT_LIM",
    196670: "MDC_EVT_LO",
    196672: "MDC_EVT_LO_LT_LIM",
    196674: "MDC_EVT_LO_VAL_LT_LIM",
    196802: "MDC_EVT_BATT_LO",
    196882: "MDC_EVT_LEADS_OFF",
    196916: "MDC_EVT_SENSOR_DISCONN",
    196940: "MDC_EVT_FLUID_LINE_OCCL",
    199680: "MDC_EVT_APNEA",
    199684: "MDC_EVT_ECG_ASYSTOLE",
    199692: "MDC_EVT_ECG_SINUS_BRADY",
    199694: "MDC_EVT_ECG_BRADY_EXTREME",
    199730: "MDC_EVT_ECG_TACHY_EXTREME",
    199736: "MDC_EVT_ECG_ATR_FIB",
    199820: "MDC_EVT_ECG_V_P_C_RUN",
    199832: "MDC_EVT_ECG_V_TACHY",
    199854: "MDC_EVT_DESAT",
    147842: "MDC_ECG_HEART_RATE",
    150456: "MDC_PULS_OXIM_SAT_O2",
}
"""Names of numbers that senders give alone (context-free code: partition x 65536 + term)."""
_FACETS = {
    68480: SOURCE,
    68164: SOURCE,
    68481: PHASE,
    68165: PHASE,
    68482: STATE,
    68166: STATE,
    68483: INACTIVATION,
    68167: INACTIVATION,
    68484: PRIORITY,
    68168: PRIORITY,
    68485: TYPE,
    68546: TEXT,
}

PRIORITIES: dict[str, Priority | None] = {
    "ph": "high",
    "pm": "medium",
    "pl": "low",
    "pi": "info",
    "pn": "info",
    "pu": None,
    "high": "high",
    "medium": "medium",
    "low": "low",
    "info": "info",
    "informational": "info",
    "none": "info",
    "unknown": None,
}
"""By the word in small letters; None: the sender does not know."""
KINDS: dict[str, Kind] = {
    "sp": "physiological",
    "st": "technical",
    "sa": "advisory",
    "physiological": "physiological",
    "technical": "technical",
    "advisory": "advisory",
}
HlPhase = Literal[
    "tpoint", "start", "continue", "update", "escalate", "de-escalate", "end", "reset", ""
]
PHASES: dict[str, HlPhase] = {
    "tpoint": "tpoint",
    "start": "start",
    "continue": "continue",
    "update": "update",
    "escalate": "escalate",
    "de-escalate": "de-escalate",
    "deescalate": "de-escalate",
    "end": "end",
    "stop": "end",
    "reset": "reset",
}
STATES = {"active": "active", "inactive": "inactive", "off": "inactive", "latched": "latched"}
INACTIVATIONS = {
    "enabled": "",
    "audio-paused": "silence",
    "audio-off": "silence",
    "alarm-paused": "pause",
    "alarm-off": "pause",
    "alert-paused": "pause",
    "alert-off": "pause",
    "alert-acknowledged": "acknowledge",
    "alarm-acknowledged": "acknowledge",
    "acknowledged": "acknowledge",
}
"""The response that a newly inactivated alarm shows; empty: none."""

_HEARTBEAT = re.compile(r"WATCHDOG|HEARTBEAT|KEEP_?ALIVE")
_ACTIVE = "MDC_EVT_ACTIVE"
"""A keep-alive event that some senders repeat; it has no alarm priority."""
_HEARTBEAT_TEXT = re.compile(r"\b(watchdog|heart ?beat|keep.?alive)\b", re.IGNORECASE)
_LOW = frozenset(
    {"LO", "L", "LL", "LOW", "LOWER", "BELOW", "DESAT", "BRADY", "HYPO", "HYPOTENSION"}
)
_HIGH = frozenset({"HI", "H", "HH", "HIGH", "UPPER", "ABOVE", "TACHY", "HYPER", "HYPERTENSION"})
_DEVICES = (
    ("PUMP", "infusion_pump"),
    ("VENT", "ventilator"),
    ("ANESTH", "anesthesia"),
    ("DIALY", "dialysis"),
    ("MON", "monitor"),
    ("PHYSIO", "monitor"),
    ("ANALY", "monitor"),
    ("METER", "monitor"),
    ("ECG", "monitor"),
)


@lru_cache(maxsize=1 << 12)
def facet_of(number: str, name: str) -> int | None:
    """The facet (attribute or event) that OBX-3 alone names; None if it names a metric.

    >>> facet_of("68482", "MDC_ATTR_ALARM_STATE"), facet_of("684810", "MDC_ATTR_ALERT_STATE")
    (4, 4)
    >>> facet_of("0", "MDCX_EVT_ODD"), facet_of("150456", "MDC_PULS_OXIM_SAT_O2")
    (1, None)
    """
    upper = name.upper()
    if "_ATTR_" in upper:
        plain = upper.replace("ALARM", "ALERT")
        for mark, facet in (
            ("INACTIV", INACTIVATION),
            ("EVENT_PHASE", PHASE),
            ("EVT_PHASE", PHASE),
            ("ALERT_PHASE", PHASE),
            ("ALERT_STATE", STATE),
            ("ALERT_PRIORITY", PRIORITY),
            ("ALERT_TYPE", TYPE),
            ("ALERT_SOURCE", SOURCE),
            ("ALERT_TEXT", TEXT),
        ):
            if mark in plain:
                return facet
        return 0
    if "_EVT_" in upper or upper.startswith("EVT_"):
        return EVENT
    if not name and number.isdecimal():
        found = _FACETS.get(int(number[:9]))
        if found is not None:
            return found
        if 196_608 <= int(number[:9]) < 262_144:  # the partition of events
            return EVENT
    return None


@lru_cache(maxsize=1 << 13)
def coded(text: str, component: str) -> tuple[str, str, str]:
    """The number, name and texts of a coded element.

    The name is the reference identifier, from either triplet. If there is only a number, its name
    is looked up. A number 0 counts as missing.

    >>> coded("196670^MDC_EVT_LO^MDC", "^")[1], coded("196670", "^")[1], coded("0^MDCX_A^MDC", "^")
    ('MDC_EVT_LO', 'MDC_EVT_LO', ('', 'MDCX_A', ''))
    """
    parts = text.split(component)
    number, name = parts[0].strip(), (parts[1].strip() if len(parts) > 1 else "")
    words = parts[8].strip() if len(parts) > 8 else ""
    if name.startswith("mdc"):
        name = name.upper()
    if not name.startswith("MDC"):
        other = parts[4].strip() if len(parts) > 4 else ""
        if other.startswith("MDC"):
            words = words or name
            number, name = parts[3].strip(), other
        elif number.startswith("MDC"):
            words = words or name
            number, name = "", number
        elif number.isdecimal() and int(number[:9]) in NUMBERS:
            words = words or name
            name = NUMBERS[int(number[:9])]
    if number.strip("0") == "":
        number = ""
    return number, name, words


@lru_cache(maxsize=1 << 12)
def arc_of(place: str) -> tuple[str, int | None]:
    """Split OBX-4 into its prefix and the facet of its last number; None if that is no facet.

    >>> arc_of("1.3.1.150456.2"), arc_of("1.0.0.0"), arc_of("")
    (('1.3.1.150456', 2), ('1.0.0', None), ('', None))
    """
    before, dot, last = place.strip().rpartition(".")
    if dot and last.isdecimal() and len(last) == 1 and EVENT <= int(last) <= TEXT:
        return before, int(last)
    return before, None


@lru_cache(maxsize=1 << 13)
def classified(identifier: str, place: str, component: str) -> tuple[int | None, str, int | None]:
    """The facet that OBX-3 names, the prefix of OBX-4, and the facet of its last number."""
    number, name, _ = coded(identifier, component)
    return facet_of(number, name), *arc_of(place)


@lru_cache(maxsize=1 << 12)
def direction_of(code: str) -> str:
    """`low` or `high` for a limit alarm, else empty.

    >>> direction_of("MDC_EVT_LO"), direction_of("MDC_EVT_HI_GT_LIM"), direction_of("MDC_EVT_APNEA")
    ('low', 'high', '')
    """
    parts = set(re.split(r"[^A-Z]+", code.upper()))
    low, high = bool(parts & _LOW), bool(parts & _HIGH)
    return "" if low == high else "low" if low else "high"


def is_heartbeat(code: str, label: str | None, priority: Priority | None) -> bool:
    """Whether an event is a keep-alive of its sender; `priority` is None if none is given."""
    if _HEARTBEAT.search(code.upper()):
        return True
    if priority not in ("info", None):
        return False
    return code == _ACTIVE or (
        priority == "info" and label is not None and _HEARTBEAT_TEXT.search(label) is not None
    )


@lru_cache(maxsize=1 << 10)
def device_type_of(name: str) -> str:
    """The device type of an MDS's name; empty if it is not known.

    >>> device_type_of("MDC_DEV_PUMP_INFUS_MDS"), device_type_of("MDC_DEV_MON_PHYSIO_MDS")
    ('infusion_pump', 'monitor')
    """
    upper = name.upper()
    return next((kind for mark, kind in _DEVICES if mark in upper), "")
