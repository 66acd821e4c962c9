"""The timeline: the recorded events of the window in order, each with the ids of its records."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.incident.absence import Answers, muted_beds
from analyzer.incident.alarms import name_of
from analyzer.incident.answer import Entry
from analyzer.incident.completeness import Completeness
from analyzer.incident.figures import History
from analyzer.model.policy import FLOOD_INTERVAL, MINUTE, STALE
from analyzer.overload.wording import in_words

_LASTING = ("alarm", "silence", "muted", "gap")
"""Kinds that are reported if they began before the window and lasted into it."""


def timeline(history: History, known: Completeness) -> tuple[Entry, ...]:
    """The entries of (begin, at], and those that began before and lasted into it; ordered by time,
    kind and text.
    """
    found = [*_alarms(history), *_responses(history), *_assignments(history), *_muted(history)]
    found += [*_changes(history), *_gaps(history, known), *_dark(known)]
    begin, at = history.question.begin, history.question.at
    chosen = {
        one
        for one in found
        if begin <= one.at <= at or (one.kind in _LASTING and at - STALE < one.at < begin)
    }
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
        until = one.end if one.end <= question.at else None
        text = f"{of} ({about}{reading})"
        yield Entry(one.start, "alarm", text, (one.alarm_id,), one.bed, until=until)
        if one.end <= question.at:
            lasted = (one.end - one.start) / 1000
            text = f"{of} ended after {lasted:.0f} s"
            yield Entry(one.end, "alarm_end", text, (one.alarm_id,), one.bed)


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
        if at < question.begin and (of is None or of.end <= question.begin):
            continue  # earlier: only silences of alarms that lasted into it
        yield Entry(at, kind, f"{_ACTIONS[action]}: {about}", ids, where)


def _assignments(history: History) -> Iterator[Entry]:
    question, roster = history.question, history.facts.assignments
    last = dict(zip(roster["assignment_id"], range(len(roster["at"])), strict=True))
    for row in last.values():
        bed, unit = roster["bed"][row], roster["unit"][row]
        if unit != question.unit or question.bed not in (None, bed):
            continue
        who, event = roster["clinician"][row], roster["event_id"][row]
        text = f"bed {bed} given to {who}"
        yield Entry(roster["start"][row], "assignment", text, (event,), bed, who)
        if roster["end"][row] is not None:
            text = f"bed {bed} left by {who}"
            yield Entry(roster["end"][row], "assignment", text, (event,), bed, who)


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
        counted = history.alarms.between(one.at - FLOOD_INTERVAL, one.at)
        ids = tuple(
            alarm.alarm_id for alarm in counted if of_unit or one.clinician in alarm.clinicians
        )
        yield Entry(one.at, "overload", text, ids, None, one.clinician)


def _muted(history: History) -> Iterator[Entry]:
    at = history.question.at
    for one in muted_beds(history, Answers.of(history)):
        until = one.until if one.until < at else None
        yield Entry(one.since, "muted", f"bed {one.bed}: {one.what}", one.ids, one.bed, until=until)


def _gaps(history: History, known: Completeness) -> Iterator[Entry]:
    """Gaps of the feed, with the last alarm before and the first alarm after each; and the time
    about which the records cannot tell.
    """
    alarms = history.alarms.records
    for begin, end in known.gaps_of_feed if known.alarms.recorded else ():
        minutes = (end - begin) / MINUTE
        text = f"nothing from the unit's devices for {minutes:.0f} min"
        before = [one.alarm_id for one in alarms if one.start <= begin][-1:]
        after = [one.alarm_id for one in alarms if one.start >= end][:1]
        yield Entry(begin, "gap", text, tuple(dict.fromkeys(before + after)), until=end)
    for begin, end in known.outside:
        text = f"not known whether the feed worked: {known.why_outside}"
        yield Entry(begin, "not_recorded", text, (), until=end)


def _dark(known: Completeness) -> Iterator[Entry]:
    for one in known.dark:
        text = f"last message of a device at bed {one.bed}"
        yield Entry(one.since, "gap", text, (one.last_alarm,), one.bed)
