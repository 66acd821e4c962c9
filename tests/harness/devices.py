"""The bed and the device of a plain alarm, as fields of a record."""

from __future__ import annotations

LOW_ALARM = {
    "unit": "ICU",
    "bed": "1",
    "device_id": "mon-1",
    "device_type": "monitor",
    "code": "MDC_EVT_LO",
    "kind": "physiological",
    "priority": "high",
}
