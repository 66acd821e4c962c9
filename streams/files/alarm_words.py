"""The plain name of an alarm type, together with its code."""

from __future__ import annotations

from streams.formats.alarm_names import spoken_name
from streams.formats.texts import printable


def type_name(of: tuple[str, str, str]) -> str:
    """An alarm type in words, with its code as `--type` takes it, without control characters.

    >>> type_name(("monitor", "MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO"))
    'SpO2 low (monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO)'
    >>> type_name(("pump", "", "occluded\\x1b[2J"))
    'occluded\\\\x1b[2J (pump//occluded\\\\x1b[2J)'
    """
    return f"{short_name(of)} ({printable('/'.join(of))})"


def short_name(of: tuple[str, str, str]) -> str:
    """
    >>> short_name(("monitor", "MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO"))
    'SpO2 low'
    """
    return printable(spoken_name(*of))
