"""The timeline: what was recorded in the window, in order, each line with its record ids."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.incident.alarms import name_of
from analyzer.incident.answer import Entry
from analyzer.incident.completeness import Completeness
from analyzer.incident.figures import History
from analyzer.model.policy import MINUTE
from analyzer.overload.wording import in_words


def timeline(history: History, known: Completeness) -> tuple[Entry, ...]:
    """The entries of (begin, at], ordered by time, kind and text."""
    found = [*_alarms(history), *_responses(history), *_assignments(history)]
    found += [*_changes(history), *_gaps(known), *_dark(known)]
    begin, at = history.question.begin, history.question.at
    chosen = {one for one in found if begin <= one.at <= at}
    return tuple(sorted(chosen, key=lambda one: (one.at, one.kind, one.text, one.ids)))


def _alarms(history: History) -> Iterator[Entry]:
    question = history.question
    for one in history.alarms.sounding(question.begin, question.at):
        if question.bed not in (None, one.bed):
            continue
        of = f"{name_of(one)} at bed {one.bed}"
        about = f"{one.priority} priority" + (", technical" if one.kind == "technical" else "")
        reading = f", {one.value:g}" if one.value is not None else ""
        reading += f" with limit {one.limit:g}" if reading and one.limit is not None else ""
        yield Entry(one.start, "alarm", f"{of} ({about}{reading})", (one.alarm_id,))
        if one.end <= question.at:
            lasted = (one.end - one.start) / 1000
            yield Entry(one.end, "alarm_end", f"{of} ended after {lasted:.0f} s", (one.alarm_id,))


_ACTIONS = {
    "acknowledge": "acknowledged",
    "silence": "silenced",
    "pause": "alarms paused",
    "attend": "somebody at the bed",
    "consult": "colleague consulted",
    "intervene": "intervention",
    "adjust_limits": "limits adjusted",
    "escalate": "escalated",
    "decline": "declined",
}


def _responses(history: History) -> Iterator[Entry]:
    question, responses = history.question, history.facts.responses
    places = {one.alarm_id: one for one in history.alarms.records}
    beds = {one.bed for one in history.alarms.records}
    for at, action, alarm, bed, event in zip(
        *(responses[name] for name in ("at", "action", "alarm_id", "bed", "event_id")), strict=True
    ):
        of = places.get(alarm) if alarm is not None else None
        where = of.bed if of is not None else bed
        if where is None or (of is None and (alarm is not None or bed not in beds)):
            continue
        if question.bed not in (None, where):
            continue
        about = f"{name_of(of)} at bed {where}" if of is not None else f"bed {where}"
        ids = (event,) if of is None else (event, of.alarm_id)
        kind = action if action in ("silence", "pause") else "response"
        yield Entry(at, kind, f"{_ACTIONS[action]}: {about}", ids)


def _assignments(history: History) -> Iterator[Entry]:
    question, roster = history.question, history.facts.assignments
    last = dict(zip(roster["assignment_id"], range(len(roster["at"])), strict=True))
    for row in last.values():
        bed, unit = roster["bed"][row], roster["unit"][row]
        if unit != question.unit or question.bed not in (None, bed):
            continue
        who, event = roster["clinician"][row], roster["event_id"][row]
        yield Entry(roster["start"][row], "assignment", f"bed {bed} given to {who}", (event,))
        if roster["end"][row] is not None:
            yield Entry(roster["end"][row], "assignment", f"bed {bed} left by {who}", (event,))


def _changes(history: History) -> Iterator[Entry]:
    question = history.question
    staff = set(history.staff(question.begin, question.at))
    for one in history.changes:
        of_unit = one.clinician is None
        if (of_unit and one.unit != question.unit) or not (of_unit or one.clinician in staff):
            continue
        rising = one.after != "normal" and (one.before == "normal" or one.after == "overloaded")
        why = "; ".join(in_words(reason, of_unit, rising) for reason in one.reasons)
        who = "unit" if of_unit else str(one.clinician)
        text = f"{who}: {one.before} to {one.after}" + (f" ({why})" if why else "")
        yield Entry(one.at, "overload", text, ())


def _gaps(known: Completeness) -> Iterator[Entry]:
    for begin, end in known.alarms.gaps if known.alarms.recorded else ():
        minutes = (end - begin) / MINUTE
        yield Entry(begin, "gap", f"nothing from the unit's devices for {minutes:.0f} min", ())


def _dark(known: Completeness) -> Iterator[Entry]:
    for bed, since in known.dark_beds:
        yield Entry(since, "gap", f"last message from bed {bed}", ())
