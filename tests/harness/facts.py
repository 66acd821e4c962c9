"""Short constructors of facts of one small ward, in seconds after `T`."""

from __future__ import annotations

from typing import Any

from analyzer.model.facts import AlarmEvent, Assignment, Fact, Label, Response
from analyzer.model.policy import HOUR, MINUTE, Policy

T = 1_000_000_000_000
H = 3600
POLICY = Policy(windows={"10m": 10 * MINUTE, "1h": HOUR})
"""Its action window is 300 s, fleeting 15 s, cover 12 h, and min_classified 5."""

_serial = iter(range(10**9))


def ms(seconds: float) -> int:
    return T + round(seconds * 1000)


def event(alarm_id: str, phase: str, at: float, **fields: Any) -> AlarmEvent:
    usual: dict[str, Any] = {
        "event_id": f"e{next(_serial):09}",
        "facility": "F",
        "unit": "icu",
        "bed": "1",
        "device_id": "m1",
        "device_type": "monitor",
        "code": "LO",
        "kind": "physiological",
        "priority": "medium",
    }
    return AlarmEvent(**(usual | {"alarm_id": alarm_id, "phase": phase, "at": ms(at)} | fields))


def alarm(alarm_id: str, start: float, end: float | None = None, **fields: Any) -> list[Fact]:
    begun = event(alarm_id, "start", start, **fields)
    return [begun] if end is None else [begun, event(alarm_id, "end", end, **fields)]


def duty(clinician: str, start: float, end: float | None = None, **fields: Any) -> Assignment:
    usual: dict[str, Any] = {"facility": "F", "unit": "icu", "bed": "1", "at": ms(start)}
    serial = next(_serial)
    usual |= {"event_id": f"d{serial:09}", "assignment_id": f"duty-{serial}"}
    return Assignment(
        **(
            usual
            | {"clinician": clinician, "start": ms(start), "end": None if end is None else ms(end)}
            | fields
        )
    )


def response(at: float, **fields: Any) -> Response:
    usual: dict[str, Any] = {
        "event_id": f"r{next(_serial):09}",
        "facility": "F",
        "at": ms(at),
        "action": "attend",
    }
    return Response(**(usual | fields))


def verdict(alarm_id: str, at: float, word: str, **fields: Any) -> Label:
    usual: dict[str, Any] = {
        "event_id": f"l{next(_serial):09}",
        "facility": "F",
        "alarm_id": alarm_id,
    }
    return Label(**(usual | {"at": ms(at), "verdict": word} | fields))


def sample(
    found: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str
) -> float | None:
    """One sample; `klass` stands for the label `class`; None where there is none."""
    if "klass" in labels:
        labels["class"] = labels.pop("klass")
    return found.get((f"alarm_fatigue_{name}", frozenset({"facility": "F", **labels}.items())))
