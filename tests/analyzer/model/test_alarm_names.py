"""Alarm names: what people read in place of the codes."""

from __future__ import annotations

import pytest

from analyzer.model import alarm_name


@pytest.mark.parametrize(
    ("source", "code", "name"),
    [
        ("MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO", "SpO2 low"),
        ("MDC_PULS_OXIM_SAT_O2", "MDC_EVT_SENSOR_DISCONN", "SpO2 sensor off"),
        ("MDC_ECG_HEART_RATE", "MDC_EVT_HI", "Heart rate high"),
        ("MDC_PRESS_BLD_ART_ABP_SYS", "MDC_EVT_LO", "Arterial pressure, systolic low"),
        ("", "MDC_EVT_ECG_ASYSTOLE", "Asystole"),
        ("MDC_ECG_HEART_RATE", "MDC_EVT_ECG_ASYSTOLE", "Asystole"),
        ("", "MDC_EVT_LO", "Low"),
        ("SpO2", "LO", "SpO2 low"),
        ("", "8", "8"),
    ],
)
def test_a_type_is_called_what_the_bedside_calls_it(source: str, code: str, name: str) -> None:
    assert alarm_name(source, code) == name


def test_a_hospitals_own_name_takes_precedence() -> None:
    names = {("MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO"): "Sättigung tief"}
    assert alarm_name("MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO", names) == "Sättigung tief"
    assert alarm_name("MDC_PULS_OXIM_SAT_O2", "MDC_EVT_HI", names) == "SpO2 high"
