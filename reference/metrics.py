"""Metrics: the page about `streams.metrics.definitions` and the values of labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer import (
    ALARM_PRIORITIES,
    CLASSES,
    EXPOSURE_BANDS,
    LOAD_BANDS,
    MEASURES,
    OUTCOMES,
    RESPONSE_BUCKETS,
    SCOPES,
    TOPICS,
    Policy,
)
from reference import markdown
from reference.markdown import code, codes
from streams.metrics.definitions import DEFINITIONS, PREFIX, SOURCES, unit_of
from streams.metrics.exporter import DELAYS
from streams.metrics.hl7_definitions import HL7

INTRODUCTION = """
The metrics of a worker at `/metrics`, in the text format of Prometheus and in OpenMetrics, and in
the output of `replay`. [What each number means](../semantics.md) explains the numbers, with an
example for each rule.

Headings leave out the prefix of every name, `alarm_fatigue_`.

- A gauge shows the state at the scrape. A clinician or unit that is gone has no series.
- A figure that cannot be known is absent; it is never 0.
- A gauge named `..._ratio` or `..._share` is a fraction between 0 and 1, not a percentage.
- No patient, bed, device id or free text is ever a label. Clinicians appear under pseudonyms.
- `replay` writes the families of clinicians and units, `response_seconds`, `events` and
  `watermark_timestamp_seconds`. The other families describe a running worker.
"""

GROUPS = {
    "Clinicians": ("clinician_",),
    "Units": ("unit_", "response_"),
    "The service": ("",),
}
"""Headings, with prefixes of names; a metric belongs to the first heading that matches."""

BUCKETS = {"response_seconds": RESPONSE_BUCKETS, "event_delay_seconds": DELAYS}

LABELS = {
    "facility": "a hospital, as the records name it",
    "unit": "a unit, as the records name it",
    "clinician": "a pseudonym: 16 hexadecimal digits (the id itself if `pseudonyms` is off)",
    "window": f"the lengths in `policy.windows`; by default {codes(Policy().windows)}",
    "priority": codes(ALARM_PRIORITIES),
    "class": codes(CLASSES),
    "scope": f"{codes(SCOPES)}: with and without technical alarms",
    "band": f"of load {codes(LOAD_BANDS)}; of exposure {codes(EXPOSURE_BANDS)}",
    "measure": codes(MEASURES),
    "device_type": "a type of device, as the records name it",
    "source": "the measured quantity, as the records name it; may be empty",
    "code": "an alarm code, as the records name it",
    "topic": f"{codes(TOPICS)}; for records that are written: `rejected`, `episodes`, `overload`",
    "outcome": codes(OUTCOMES),
    "result": "`written`, `lost`, `unsent`",
    "partition": "a partition's number",
    "version": "the version of the program",
    "key_id": "the id of the key: eight hexadecimal digits of a hash of it",
    "period": "`none`, `day` or `week`: when clinicians get new pseudonyms",
    "policy": "a fingerprint of the policy; it changes if any figure of `policy` changes",
}


def exposed(name: str) -> str:
    """A metric's name in queries.

    >>> exposed("events"), exposed("unit_beds")
    ('alarm_fatigue_events_total', 'alarm_fatigue_unit_beds')
    """
    return PREFIX + name + ("_total" if DEFINITIONS[name].kind == "counter" else "")


def page() -> str:
    return markdown.page("Metrics", INTRODUCTION, _parts())


def _parts() -> Iterator[str]:
    left = dict.fromkeys(DEFINITIONS)
    for heading, beginnings in GROUPS.items():
        names = [name for name in left if name.startswith(beginnings)]
        yield f"## {heading}"
        yield from map(_entry, names)
        for name in names:
            del left[name]
    used = {label for one in DEFINITIONS.values() for label in one.labels}
    yield "## HL7 feeds"
    yield (
        "`hl7 listen` and `hl7 translate` show these on ports of their own. At most 100 senders "
        "have series; others are counted as `other`."
    )
    yield markdown.table(["metric", "kind", "labels", "meaning"], map(_row, HL7))
    yield "## Labels"
    yield markdown.table(
        ["label", "values"], ([code(label), LABELS[label]] for label in LABELS if label in used)
    )


def _entry(name: str) -> str:
    definition = DEFINITIONS[name]
    facts = [
        f"{code(exposed(name))}: {definition.kind}, unit: {unit_of(name)}.",
        _labels(definition.labels),
    ]
    if name in BUCKETS:
        facts.append(f"Buckets up to {', '.join(f'{bound:g}' for bound in BUCKETS[name])}.")
    if name in SOURCES:
        facts.append(f"Source: {SOURCES[name]}.")
    heading = exposed(name).removeprefix(PREFIX)
    return f"### {code(heading)}\n\n{markdown.sentence(definition.help)}\n\n" + "  \n".join(facts)


def _row(name: str) -> list[str]:
    one = HL7[name]
    shown = name + ("_total" if one.kind == "counter" else "")
    return [code(shown), one.kind, codes(one.labels), markdown.sentence(one.help)]


def _labels(labels: Iterable[str]) -> str:
    return f"Labels: {codes(labels)}." if labels else "No labels."
