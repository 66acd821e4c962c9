"""The picture of a simulated incident for docs/incidents.md, as `incident --out` draws it."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from analyzer import FACT_TYPES, Policy, Topic
from analyzer.incident import Facts, Question, analyse
from streams.formats.codec import decode_slice, to_json
from streams.incidents import as_json
from streams.incidents.lanes import lanes
from streams.incidents.style import STYLE
from streams.simulator.archetypes import archetype

SCENARIO, SEED = "leads-off-silenced", 3


def picture() -> str:
    """The timeline of the archetype `SCENARIO`, as a file of its own."""
    records, truth = archetype(SCENARIO, SEED)
    values: dict[Topic, list[bytes | None]] = {topic: [] for topic in FACT_TYPES}
    for one in records:
        values[one.topic].append(to_json(_shown(one.value)))
    facts = Facts.of((topic, decode_slice(topic, some).columns) for topic, some in values.items())
    question = Question(
        at=truth.at, facility=truth.facility, unit=truth.unit, bed=truth.bed, window=4 * 3_600_000
    )
    drawing = lanes(as_json(analyse(facts, question, Policy()), facts), _clock)
    head, _, rest = drawing.partition(">")
    head = head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    paper = '<rect class="paper" width="100%" height="100%"/>'
    return f"{head}><style>{STYLE}</style>{paper}{rest}\n"


def _shown(value: dict[str, Any]) -> dict[str, Any]:
    """The record with a pseudonym."""
    if "clinician" not in value:
        return value
    shown = blake2b(str(value["clinician"]).encode(), digest_size=8).hexdigest()
    return value | {"clinician": shown}


def _clock(moment: int) -> str:
    return datetime.fromtimestamp(moment // 1000, UTC).strftime("%H:%M")
