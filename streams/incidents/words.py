"""The answer of an incident analysis as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.incident import Incident
from streams.formats.calendars import Calendar
from streams.formats.texts import printable

VERDICTS = {
    "prevented": "would have prevented it",
    "delayed": "would have delayed it",
    "moved": "would have moved it",
    "unchanged": "would have changed nothing",
    "not_assessable": "not assessable",
    "refused": "refused",
}


def words(found: Incident, calendar: Calendar) -> Iterator[str]:
    """Lines for a terminal: summary, gaps, factors, conditions that were not factors, changes."""
    question = found.question
    begin, at = (calendar.show(one, question.at) for one in (question.begin, question.at))
    bed = "" if question.bed is None else f", bed {question.bed}"
    yield printable(f"{question.facility} {question.unit}{bed}, {begin} to {at}")
    yield found.summary
    known = found.completeness
    for name in ("alarms", "assignments", "responses"):
        channel = getattr(known, name)
        if channel.not_assessable:
            state = "not complete" if channel.recorded else "not recorded"
            yield f"{name}: {state}; not assessable: {', '.join(channel.not_assessable)}"
    for title, some in (
        ("Factors", found.factors),
        ("Looked at, and no factor", found.not_factors),
    ):
        if some:
            yield ""
            yield f"{title}:"
            for one in some:
                yield printable(f"  {one.kind.replace('_', ' ')}: {one.statement}")
    if found.counterfactuals:
        yield ""
        yield "What one change would have done:"
        for tried in found.counterfactuals:
            who = "one clinician" if tried.condition["clinician"] else "the unit"
            if "state" in tried.condition:
                state = tried.condition["state"]
            else:
                state, who = tried.condition["kind"].replace("_", " "), tried.condition["bed"]
            dose = ", ".join(f"{name} {value}" for name, value in tried.dose.items())
            yield printable(
                f"  {tried.lever.replace('_', ' ')} ({dose}): {VERDICTS[tried.verdict]} "
                f"({state}, {who}); {tried.detail}"
                + (
                    f"; {tried.hidden_actionable} needed alarms hidden"
                    if tried.hidden_actionable
                    else ""
                )
            )
    yield ""
    if found.actions:
        yield "Changes that this supports:"
        for action in found.actions:
            yield printable(f"  {action.change} ({action.owner}; {action.strength})")
    elif found.factors:
        yield "This data supports no change of the system. Collect what is not assessable above."
    elif any(
        getattr(known, name).not_assessable for name in ("alarms", "assignments", "responses")
    ):
        yield "To know more, collect what is not assessable above."
