"""The values that random wards and shifts are drawn from."""

from __future__ import annotations

from hypothesis import strategies as st

from analyzer.model.facts import Action, Kind, Priority
from analyzer.model.policy import HOUR, Policy

FACILITY = "F"
BASE = 1_772_344_800_000  # 2026-03-01T06:00:00Z
SLOT = HOUR  # coarse, so that starts, ends and hand-overs coincide
SLOTS = 16  # 16 h: longer than the longest window and than cover
POLICY = Policy()


PLACES = (("icu", "1"), ("nicu", "1"), ("icu", "2"), ("nicu", "3"))  # both units have a bed "1"
CLINICIANS = ("ann", "bob", "cyd")
TYPES: tuple[tuple[str, str, str, Kind], ...] = (
    ("monitor", "MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO", "physiological"),
    ("monitor", "MDC_ECG_HEART_RATE", "MDC_EVT_HI", "physiological"),
    ("ventilator", "", "MDC_EVT_LO", "physiological"),
    ("monitor", "", "MDC_EVT_LEADS_OFF", "technical"),
    ("monitor", "", "MDC_EVT_WATCHDOG", "advisory"),
)


PRIORITIES: tuple[Priority, ...] = ("medium", "high", "low", "info")


ACTIONS: tuple[Action, ...] = (
    "acknowledge",
    "intervene",
    "consult",
    "silence",
    "decline",
    "attend",
)


FLEETING, ACTION, COVER = POLICY.fleeting, POLICY.action_window, POLICY.cover


PLACE = st.sampled_from((0, 0, 1, 1, 2, 3))


def scrambled(number: int) -> int:
    """Digits in an order of their own: 3, 0, 7, 4, 1, 8, 5, 2, 9, 6."""
    return (number * 7 + 3) % 10
