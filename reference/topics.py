"""Topics: the page about `streams.kafka.topics` and the facts of `analyzer.model.facts`."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from analyzer import FACT_TYPES, Topic
from reference import markdown
from reference.markdown import code, codes
from reference.settings import Defaults
from streams.formats.codec import ON_THE_WIRE
from streams.formats.times import show_duration
from streams.kafka.topics import TopicPlan, plans

INTRODUCTION = """
`alarm-fatigue topics` creates these topics and checks them. Every record of an input is a JSON
object and has the facility as its key. All four inputs have the same number of partitions. A time
is an RFC 3339 text with an offset, or an integer: milliseconds since 1970. Optional fields may be
null or absent. Other fields are ignored.

The limits of ids, texts and times, and what happens to a record that breaks them, are in
[What each number means](../semantics.md#facts).
"""

CONTENT = {
    "alarms": "events of alarms: start, update, end",
    "assignments": "which clinician is responsible for which bed, and when",
    "responses": "actions of people",
    "labels": "verdicts of later reviews",
    "rejected": "dead letters: records that cannot be used, unchanged, with the reason in headers",
    "episodes": "finished alarms, each with its class and the evidence for it",
    "overload": "transitions of overload states, with their reasons",
    "checkpoint": "the state of the workers",
    "hl7": "HL7 messages of gateways, without their patients; keyed by facility",
    "hl7-state": "the open alarms of `hl7 translate`",
}

MEANING: dict[str, dict[str, str]] = {
    "": {
        "event_id": "id of this record, unique within topic and facility; a second record with "
        "the same id is a duplicate",
        "alarm_id": "id of the alarm; a device makes a new one each time the condition returns",
        "facility": "the hospital; also the record's key",
        "unit": "the unit, such as `ICU`",
        "bed": "the bed",
        "clinician": "the clinician's id; a pseudonym is shown instead",
        "at": "when it happened",
    },
    "alarms": {
        "phase": "the kind of event",
        "at": "the time of the event by the device's clock",
        "device_id": "the device, such as `mon-17`",
        "device_type": "its type, such as `monitor` or `infusion_pump`",
        "code": "the alarm code, by preference an ISO/IEEE 11073-10101 reference id such as "
        "`MDC_EVT_LO`",
        "kind": "the kind of condition; `advisory` messages are kept and not counted",
        "priority": "the priority (IEC 60601-1-8); messages of priority `info` are kept and not "
        "counted",
        "source": "the measured quantity, such as `MDC_PULS_OXIM_SAT_O2`",
        "label": "text for people",
        "value": "the reading",
        "limit": "the limit in force",
        "recipients": "ids of clinicians who got the alarm in addition to those assigned to the "
        "bed",
    },
    "assignments": {
        "assignment_id": "id of the assignment; a later record (by `at`, then `event_id`) "
        "replaces an earlier one",
        "from": "when it begins (included)",
        "to": "when it ends (not included); null while it is open",
        "at": "when it was recorded",
        "role": "the clinician's role, for people",
        "acuity": "how much care the bed needs, on the hospital's own scale",
    },
    "responses": {
        "alarm_id": "the alarm; `alarm_id` or `bed` must be given",
        "bed": "the bed, if no alarm is named",
        "action": "what the person did",
    },
    "labels": {
        "alarm_id": "the alarm that was reviewed",
        "verdict": "the verdict; the one with the greatest `at` (then `event_id`) counts",
        "at": "when the verdict was given",
        "reviewer": "who reviewed it, for people",
        "reason": "why, for people",
    },
}
"""By topic and field; the empty topic applies to all topics."""

HEADERS = {
    "rejected": "`reason` (`malformed`, `misrouted`, `future`, `late`), `detail` (field and "
    "expectation, never a value), `topic`, `partition` and `offset` of the original record",
    "episodes": "`edition`: a fencing token; of several records about one alarm, the one with "
    "the greatest number counts, and among equal ones the last",
    "overload": "`edition`, as for `episodes`; a record with `withdrawn` retracts an earlier one "
    "of the same subject and time; `corrected_at` in it tells when it was found or withdrawn, if "
    "that was later than its time",
}


def page() -> str:
    return markdown.page("Topics and records", INTRODUCTION, _parts())


def _parts() -> Iterator[str]:
    settings = Defaults()
    yield "## Topics"
    yield markdown.table(
        ["topic", "holds", "kept", "longest record"],
        map(_row, plans(settings, settings.partitions)),
    )
    yield (
        "The settings `kafka.topic_prefix` and `kafka.topics` give inputs and outputs other names "
        "on the broker ([Connecting to Kafka](../kafka.md#names-of-topics)). The name of the "
        "checkpoint topic begins with the setting `group`. `alarm-fatigue topics acls` prints "
        "which permissions each command needs ([Permissions](../kafka.md#permissions)), and "
        "[Privacy](../privacy.md) says who should read which topic. The broker rejects "
        f"input records dated more than {show_duration(settings.policy.max_ahead)} ahead of its "
        "clock (`policy.max_ahead`; Apache Kafka 3.6 and later). Inputs accept long records, so "
        "that even these reach `rejected`: a worker treats records over `max_record_bytes` as "
        "malformed."
    )
    for topic, fact in FACT_TYPES.items():
        yield f"## {code(topic)}"
        yield markdown.table(["field", "type", "required", "meaning"], _fields(topic, fact))
    yield "## Headers of the outputs"
    yield markdown.table(
        ["topic", "headers"], ([code(topic), text] for topic, text in HEADERS.items())
    )


def _state_of(plan: TopicPlan) -> str:
    return "hl7-state" if plan.name.endswith("hl7-state") else "checkpoint"


def _row(plan: TopicPlan) -> list[str]:
    content = CONTENT.get(plan.name) or CONTENT[_state_of(plan)]
    kept = "compacted" if plan.retention is None else show_duration(plan.retention)
    return [code(plan.name), content, kept, f"{plan.max_bytes:,} bytes"]


def _fields(topic: Topic, fact: type[Any]) -> Iterator[list[str]]:
    hints = get_type_hints(fact)
    for field in dataclasses.fields(fact):
        name = ON_THE_WIRE.get(field.name, field.name)
        meaning = MEANING[topic].get(name) or MEANING[""][name]
        yield [code(name), _kind(field.name, hints[field.name], fact), _required(field), meaning]


def _required(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "yes"
    return "no" if field.default in (None, "") else f"no; {field.default} by default"


def _kind(name: str, hint: Any, fact: type[Any]) -> str:
    """A field's type, in words."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
    if get_origin(hint) is Literal:
        return codes(get_args(hint))
    if name in fact._times:
        return "time"
    if get_origin(hint) is tuple:
        return "list of ids"
    return "number" if hint is float else "id" if name in fact._ids else "text"
