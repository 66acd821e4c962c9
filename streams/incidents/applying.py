"""Change records of actions: a decision of a review, in the form of those of `tune apply`.

{"id", "kind": "alarm_setting_change", or "system_change" where no setting of an alarm changes,
 "at", "scope", "setting", "proposal", "owner", "review_on", "change_control", "expected",
 "annotation": as in `streams.files.changes`; what is not forecast is null,
 "action": {"change", "owner", "strength"}, "measure": as in the answer,
 "incident": the scope of the analysis, and the fingerprint of its policy}

`compare --change` counts alarms, needed alarms and response times of `scope` before and after it.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from streams.files.changes import TAGS, ChangeError, Decision
from streams.formats.codec import to_json

_SETTINGS = {"delay": "delay_seconds", "limit": "limit", "hold_off": "holdoff_seconds"}
"""The levers that are a setting of one alarm type, and the field of the setting."""


def record(answer: bytes, number: int, decision: Decision) -> dict[str, Any]:
    """The record of a decision about action `number` (from 1) of an answer of `incident --json`.

    Raises `ChangeError`.
    """
    try:
        found = msgspec.json.decode(answer)
        actions, tried, asked = found["actions"], found["counterfactuals"], found["scope"]
        count = len(actions)
        if not 1 <= number <= count:
            expected = f"expected 1 to {count}" if count else "the answer proposes no change"
            raise ChangeError(f"--action: {expected}")
        action = actions[number - 1]
        place = action["counterfactual"]
        lever = None if place is None else tried[place]["lever"]
        dose = {} if place is None else tried[place]["dose"]
        fields = {
            "kind": "alarm_setting_change" if lever in _SETTINGS else "system_change",
            "at": decision.at,
            "scope": {
                "facility": asked["facility"],
                "unit": asked["unit"],
                "type": _type(dose.get("type")),
                "priority": None,
            },
            "setting": _setting(lever, dose),
            "proposal": None,
            "owner": decision.owner,
            "review_on": decision.review_on,
            "change_control": decision.change_control,
            "expected": {
                "removed_share": None,
                "lost": None,
                "delayed_seconds": None,
                "span": {"from": asked["from"], "to": asked["to"]},
            },
            "action": {name: action[name] for name in ("change", "owner", "strength")},
            "measure": action["measure"],
            "incident": asked | {"policy": found["method"]["policy"]},
            "annotation": {
                "time": decision.at,
                "tags": [*TAGS, f"facility:{asked['facility']}", f"unit:{asked['unit']}"],
                "text": f"{asked['facility']} {asked['unit']}: {action['change']} (after a review "
                f"of an incident); {decision.change_control}",
            },
        }
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        raise ChangeError("expected what incident --json prints") from None
    return {"id": blake2b(to_json(fields), digest_size=16).hexdigest()} | fields


def _type(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    device, source, code = text.split("/", 2)
    return {"device_type": device, "source": source, "code": code}


def _setting(lever: str | None, dose: dict[str, Any]) -> dict[str, Any]:
    names = ("limit", "delay_seconds", "holdoff_seconds", "beside", "priority", "sent_from")
    found: dict[str, Any] = dict.fromkeys(names)
    if lever in _SETTINGS:
        found[_SETTINGS[lever]] = dose["limit" if lever == "limit" else "seconds"]
    return found
