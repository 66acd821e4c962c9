"""The output of `hl7 check` for people: a line for each message, and a summary of ten lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from analyzer.model import AlarmEvent, Assignment, Fact, Response, alarm_name
from streams.files.lines import shown
from streams.formats.times import written
from streams.hl7.converting import Tally, Translated

NOTES = {
    "assumed_priority": "no priority given: the sender's default",
    "assumed_facility": "no facility in MSH-4: taken from PV1-3.4 or MSH-3",
    "charset_guessed": "the bytes do not fit MSH-18",
    "end_first": "its end came before it",
    "end_without_start": "an end whose start has not come yet",
    "ends_before_it_begins": "an assignment that ends before it begins: void",
    "joined": "first seen while it lasted",
    "label_withheld": "label left out: it named a patient",
    "matched_by_id": "matched by its id alone",
    "matched_by_source": "matched by device, source and event",
    "no_alert_id": "no id in OBR-3: told apart by device and source",
    "no_bed": "no bed given",
    "no_code": "no event code",
    "no_device": "no device in OBX-18",
    "no_unit": "no unit given",
    "other_role": "a role that answers no alarms",
    "processing_id": "a test or demo (MSH-11)",
    "repeated": "told before",
    "role_unchanged": "a role that stays as it is",
    "unknown_alarm": "no alarm of this id is known",
    "unknown_assignment": "the end of an assignment that is not known",
    "unknown_inactivation": "unknown inactivation state",
    "unknown_phase": "unknown phase",
    "unknown_priority": "unknown priority",
    "unknown_state": "unknown state",
    "unknown_type": "unknown type of alarm",
    "unreadable_time": "a time that cannot be read; the next one is used",
}
"""The text of each note."""
REMEDIES = {
    "assumed_priority": "priority: or words: in its profile",
    "no_bed": "ask for PV1-3.3, or set bed: in its profile",
    "no_unit": "ask for PV1-3.1, or set unit: in its profile",
    "matched_by_source": "identity: source in its profile, if OBR-29 never comes",
    "unknown_priority": "words: priority: in its profile",
    "unknown_phase": "words: phase: in its profile",
    "unknown_type": "words: kind: in its profile",
    "unknown_state": "words: state: in its profile",
    "unknown_inactivation": "words: inactivation: in its profile",
    "assumed_facility": "facility: in its profile",
    "unreadable_time": "ask for times such as 20260301070000+0100",
    "ends_before_it_begins": "ask for the date of ROL-6",
    "no_device": "ask for OBX-18",
}


def of_message(message: Translated) -> str:
    """One line: file and line, outcome, rule, and what was unknown."""
    one = message.outcome
    parts = [f"{shown(message.path)}:{message.line}", one.message_type or "?", one.kind]
    if one.refusal is not None:
        parts.append(f"{one.refusal.field}: expected {one.refusal.expected}")
    else:
        parts.append(one.rule)
    parts += [_fact(fact) for fact in one.facts]
    if one.unmapped is not None:
        parts.append(f"code of no nomenclature: {one.unmapped}")
    parts += [NOTES.get(note, note) for note in dict.fromkeys(one.notes)]
    return " | ".join(parts)


def as_fields(message: Translated) -> dict[str, Any]:
    """One message as JSON fields."""
    one = message.outcome
    return {
        "file": shown(message.path),
        "line": message.line,
        "type": one.message_type,
        "sender": one.sender,
        "facility": one.facility,
        "kind": one.kind,
        "rule": one.rule,
        "notes": list(one.notes),
        "unmapped": one.unmapped,
        "refusal": None if one.refusal is None else one.refusal._asdict(),
        "facts": [
            {"phase": fact.phase, "alarm_id": fact.alarm_id, "code": fact.code}
            if isinstance(fact, AlarmEvent)
            else {"action": fact.action, "alarm_id": fact.alarm_id}
            if isinstance(fact, Response)
            else {"assignment_id": getattr(fact, "assignment_id", None)}
            for fact in one.facts
        ],
    }


def _fact(fact: Fact) -> str:
    if isinstance(fact, AlarmEvent):
        value = "" if fact.value is None else f" {fact.value:g}"
        limit = "" if fact.limit is None else f" (limit {fact.limit:g})"
        name = alarm_name(fact.source, fact.code)
        return (
            f"{fact.phase} {written(fact.at)}, {fact.unit} {fact.bed}, {name}{value}{limit}, "
            f"{fact.priority} {fact.kind}"
        )
    if isinstance(fact, Assignment):
        end = "until further notice" if fact.end is None else f"to {written(fact.end)}"
        return f"{fact.unit} {fact.bed} from {written(fact.start)} {end}"
    assert isinstance(fact, Response)
    return f"{fact.action} {written(fact.at)}"


def summary(tally: Tally) -> Iterator[str]:
    """A summary of at most ten lines."""
    kinds, phases, notes = tally.kinds, tally.phases, tally.notes
    span = ""
    if tally.first is not None and tally.last is not None:
        span = f", sent {written(tally.first)} to {written(tally.last)}"
    yield f"{tally.messages:,} messages in {_files(tally.files)}{span}"
    yield f"senders: {_most(tally.senders, 4)}; facilities: {_most(tally.facilities, 4) or 'none'}"
    yield (
        f"became: {kinds['alarm']:,} alarm events ({phases['start']:,} starts, "
        f"{phases['update']:,} updates, {phases['end']:,} ends), {kinds['response']:,} responses, "
        f"{kinds['assignment']:,} assignments"
    )
    yield (
        f"no facts: {kinds['unchanged']:,} keep-alives and repeats, {kinds['heartbeat']:,} "
        f"heartbeats, {kinds['dropped']:,} dropped, {kinds['rejected']:,} rejected"
    )
    yield (
        f"alarms: {tally.open:,} still open, {tally.ends_without_start:,} ends without a start, "
        f"{notes['joined']:,} first seen while they lasted"
    )
    if tally.types:
        yield f"dropped: {_most(tally.types, 3)}"
    if tally.refusals:
        listed = {f"{field}: expected {what}": n for (field, what), n in tally.refusals.items()}
        yield f"rejected: {_most(listed, 3)}"
    if tally.unmapped:
        yield f"codes of no nomenclature: {_most(tally.unmapped, 5)}; a profile names them"
    odd = [
        f"{NOTES[note]} ({count:,}; {REMEDIES[note]})"
        for note, count in notes.most_common()
        if note in REMEDIES
    ]
    if odd:
        yield "to settle: " + "; ".join(odd[:4])
    if not kinds["response"]:
        yield "no responses: classes that rest on what people did will be unknown"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _most(counts: Any, most: int) -> str:
    found = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    listed = ", ".join(f"{name} {count:,}" for name, count in found[:most])
    return listed + (f" and {len(found) - most} more" if len(found) > most else "")
