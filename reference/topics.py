"""Topics: the page that `streams.kafka.topics` and the facts of `analyzer.model.facts` make."""

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
`alarm-fatigue topics` creates these topics and checks them. Every record of an input is a JSON object and has the
facility as its key. All four inputs have the same number of partitions. A time is an RFC 3339 text with an offset, or an
integer: milliseconds since 1970. Optional fields may be null or absent. Other fields are ignored.

The limits of ids, texts and times, and what happens to a record that breaks them, are in
[What each number means](../semantics.md#facts).
"""

CONTENT = {
    "alarms": "something happened in the life of one alarm",
    "assignments": "who cares for which bed, and when",
    "responses": "what people did",
    "labels": "verdicts of a later review",
    "rejected": "records that cannot be used: key and value as they were, the reason in headers",
    "episodes": "finished alarms, each with its class and the evidence for it",
    "overload": "each change of an overload state, with the reasons",
    "checkpoint": "the worker's own state",
}

MEANING: dict[tuple[str, str], str] = {
    (
        "",
        "event_id",
    ): "id of this record, unique within topic and facility; a second record with the same id is a duplicate",
    ("", "alarm_id"): "id of the alarm; a device makes a new one each time the condition returns",
    ("", "facility"): "the hospital; also the record's key",
    ("", "unit"): "the unit, such as `ICU`",
    ("", "bed"): "the bed",
    ("", "clinician"): "the clinician's id; shown under a pseudonym",
    ("", "at"): "when it happened",
    ("alarms", "phase"): "what happened to the alarm",
    ("alarms", "at"): "when the device says that it happened",
    ("alarms", "device_id"): "the device, such as `mon-17`",
    ("alarms", "device_type"): "its type, such as `monitor` or `infusion_pump`",
    (
        "alarms",
        "code",
    ): "the alarm code, by preference an ISO/IEEE 11073-10101 reference id such as `MDC_EVT_LO`",
    ("alarms", "kind"): "the kind of condition; `advisory` messages are kept and not counted",
    (
        "alarms",
        "priority",
    ): "the priority (IEC 60601-1-8); messages of priority `info` are kept and not counted",
    ("alarms", "source"): "what was measured, such as `MDC_PULS_OXIM_SAT_O2`",
    ("alarms", "label"): "text for people",
    ("alarms", "value"): "the reading",
    ("alarms", "limit"): "the limit in force",
    (
        "alarms",
        "recipients",
    ): "ids of clinicians whom the alarm was sent to, in addition to those assigned to the bed",
    (
        "assignments",
        "assignment_id",
    ): "id of the assignment; a later record (by `at`, then `event_id`) replaces an earlier one",
    ("assignments", "from"): "when it begins (included)",
    ("assignments", "to"): "when it ends (not included); null while it is open",
    ("assignments", "at"): "when it was recorded",
    ("assignments", "role"): "the clinician's role, for people",
    ("assignments", "acuity"): "how much care the bed needs, on the hospital's own scale",
    ("responses", "alarm_id"): "the alarm that it was about; `alarm_id` or `bed` must be given",
    ("responses", "bed"): "the bed that it was about, if no alarm is named",
    ("responses", "action"): "what was done",
    ("labels", "alarm_id"): "the alarm that was reviewed",
    ("labels", "verdict"): "the verdict; that of the greatest `at` (then `event_id`) counts",
    ("labels", "at"): "when the verdict was given",
    ("labels", "reviewer"): "who reviewed it, for people",
    ("labels", "reason"): "why, for people",
}
"""By topic and field; the empty topic holds for all."""

HEADERS = {
    "rejected": "`reason` (`malformed`, `misrouted`, `future`, `late`), `detail` (field and expectation, never a value), `topic`, "
    "`partition` and `offset` of the original record",
    "episodes": "`edition`: of several records about one alarm the one with the greatest number counts, and the last of those",
    "overload": "`edition`, as for `episodes`; a record with `withdrawn` retracts an earlier one of the same subject and time",
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
        "The name of the checkpoint topic begins with the setting `group`. The broker refuses input records that are dated more than "
        f"{show_duration(settings.policy.max_ahead)} ahead of its clock (`policy.max_ahead`; Apache Kafka 3.6 and later). Inputs take "
        "long records so that even these reach `rejected`; a worker counts those over `max_record_bytes` as malformed."
    )
    for topic, fact in FACT_TYPES.items():
        yield f"## {code(topic)}"
        yield markdown.table(["field", "type", "required", "meaning"], _fields(topic, fact))
    yield "## Headers of the outputs"
    yield markdown.table(
        ["topic", "headers"], ([code(topic), text] for topic, text in HEADERS.items())
    )


def _row(plan: TopicPlan) -> list[str]:
    content = CONTENT["checkpoint" if plan.retention is None else plan.name]
    kept = "compacted" if plan.retention is None else show_duration(plan.retention)
    return [code(plan.name), content, kept, f"{plan.max_bytes:,} bytes"]


def _fields(topic: Topic, fact: type[Any]) -> Iterator[list[str]]:
    hints = get_type_hints(fact)
    for field in dataclasses.fields(fact):
        name = ON_THE_WIRE.get(field.name, field.name)
        meaning = MEANING.get((topic, name)) or MEANING["", name]
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
