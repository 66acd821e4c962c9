"""An alarm event for a live worker, as bytes."""

from __future__ import annotations

import json


def event(number: int, at: int, device_type: str = "monitor", facility: str = "HC") -> bytes:
    return json.dumps(
        {
            "event_id": f"e{number}",
            "alarm_id": f"a{number}",
            "phase": "start",
            "at": at,
            "facility": facility,
            "unit": "ICU",
            "bed": "1",
            "device_id": "d",
            "device_type": device_type,
            "code": "X",
            "kind": "physiological",
            "priority": "medium",
        }
    ).encode()
