"""What-if answers in JSON and in words.

{"scope": {"facility", "unit", "type": {"device_type", "source", "code"}, "priority": each null where any is meant},
 "setting": {"limit", "delay_seconds", "holdoff_seconds", "beside", "priority", "sent_from"},
 "before" | "after" | "removed" | "delayed": {"alarms", "classes": {"actionable", ..., "unknown"}},
 "by": how many of those removed each lever removed, "not_evaluable", "at_limit": see `analyzer.whatif`,
 "known": SHARE of the alarms with a known class (actionable, non-actionable or technical),
 "lost": SHARE of the actionable alarms that would not have sounded, with "upper": its one-sided bound at "confidence",
 "late": how many actionable alarms would have sounded late, "by_seconds": by how much}
"""

from __future__ import annotations

from typing import Any

from analyzer.bounds import upper_bound
from analyzer.classes import ACTIONABLE, CLASSES, PENDING, UNKNOWN
from analyzer.ids import Numbers
from analyzer.names import AlarmType
from analyzer.recorded import Recorded
from analyzer.whatif import LEVERS, SOUNDS, Fates, Scope, Setting, fates, tally

CONFIDENCE = 0.95


def evaluated(recorded: Recorded, scope: Scope, setting: Setting, confidence: float = CONFIDENCE) -> dict[str, Any]:
    """What one setting would have done. Raises `Refused`."""
    rows = scope.rows(recorded)
    found = fates(recorded, rows, setting)
    return document(recorded, rows, scope, setting, found, confidence)


def document(recorded: Recorded, rows: Numbers, scope: Scope, setting: Setting, found: Fates, confidence: float) -> dict[str, Any]:
    """The JSON object of a setting."""
    klass = recorded.klass[rows]
    before, after = tally(klass), tally(klass[found.sounds])
    late = after if setting.delay is not None else after * 0
    total = int(before.sum())
    known = total - int(before[UNKNOWN] + before[PENDING])
    return {
        "scope": {"facility": scope.facility, "unit": scope.unit, "type": _type(scope.type), "priority": scope.priority},
        "setting": {
            "limit": setting.limit, "delay_seconds": _seconds(setting.delay), "holdoff_seconds": _seconds(setting.holdoff),
            "beside": _type(setting.beside), "priority": setting.priority, "sent_from": setting.sent_from,
        },
        "before": counted(before), "after": counted(after), "removed": counted(before - after), "delayed": counted(late),
        "by": {lever: int((found.fate == number).sum()) for number, lever in enumerate(LEVERS, SOUNDS + 1)},
        "not_evaluable": found.not_evaluable, "at_limit": found.at_limit,
        "known": _share(known, total),
        "lost": lost(int((before - after)[ACTIONABLE]), int(before[ACTIONABLE]), confidence),
        "late": {"actionable": int(late[ACTIONABLE]), "by_seconds": _seconds(setting.delay)},
    }  # fmt: skip


def counted(classes: Numbers) -> dict[str, Any]:
    return {"alarms": int(classes.sum()), "classes": dict(zip(CLASSES, classes.tolist(), strict=True))}


def lost(count: int, of: int, confidence: float) -> dict[str, Any]:
    """Actionable alarms lost; of none, nothing is known."""
    bound = upper_bound(count, of, confidence)
    return _share(count, of) | {"upper": None if bound is None else round(bound, 6), "confidence": confidence}


def _share(count: int, of: int) -> dict[str, Any]:
    return {"count": count, "of": of, "share": round(count / of, 6) if of else None}


def _type(of: AlarmType | None) -> dict[str, str] | None:
    return None if of is None else dict(zip(("device_type", "source", "code"), of, strict=True))


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


# -- words


def words(found: dict[str, Any]) -> list[str]:
    """An answer as lines for a terminal."""
    before, removed = found["before"]["alarms"], found["removed"]["alarms"]
    if not before:
        return ["no alarms of that scope: nothing to judge"]
    return [f"{before} alarms, {removed} of them would not have sounded ({100 * removed / before:.0f} %)"]
