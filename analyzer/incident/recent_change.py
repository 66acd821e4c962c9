"""Recent changes: limits that became less sensitive before the moment in question."""

from __future__ import annotations

from analyzer.incident.answer import Factor
from analyzer.incident.figures import History
from analyzer.model.alarm_names import alarm_name
from analyzer.model.policy import HOUR


def recent_change(history: History) -> tuple[bool, Factor]:
    """Limits in force at the bed, or on the unit, that became less sensitive within a day."""
    question, alarms = history.question, history.facts.alarms
    last: dict[tuple[str, str, str], float] = {}
    changed: list[tuple[str, str, float, float]] = []
    for at, unit, bed, source, code, limit, value in zip(
        *(alarms[name] for name in ("at", "unit", "bed", "source", "code", "limit", "value")),
        strict=True,
    ):
        if unit != question.unit or question.bed not in (None, bed) or None in (limit, value):
            continue
        before = last.get((bed, source, code))
        less = before is not None and (limit < before if value <= limit else limit > before)
        if less and before is not None and at > question.at - 24 * HOUR:
            changed.append((bed, alarm_name(source, code), before, limit))
        last[bed, source, code] = limit
    where = "this unit" if question.bed is None else f"bed {question.bed}"
    if not last:
        text = f"Not assessable: no alarm of {where} came with its limit."
        return False, Factor("recent_change", text, None, None, None)
    count = float(len(changed))
    if not changed:
        text = f"No limit of {where} became less sensitive in the 24 h before, as alarms show."
        return False, Factor("recent_change", text, count, None, None, confidence="moderate")
    if question.bed is None:
        beds = len({bed for bed, *_ in changed})
        text = (
            f"{count:.0f} of its limits became less sensitive in the 24 h before, at {beds} of its "
            "beds: it counts where a bed is in question."
        )
        return False, Factor("recent_change", text, count, None, None, confidence="moderate")
    bed, name, before, limit = changed[-1]
    text = (
        f"The limit of {name} at bed {bed} went from {before:g} to {limit:g} within 24 h, which "
        "increased the likelihood that a change of the patient raised no alarm."
    )
    return True, Factor("recent_change", text, count, None, None, confidence="high")
