"""Capacity: the most samples that one scrape of a worker can hold, computed from the definitions of
its metrics.
"""

from __future__ import annotations

from math import prod

from analyzer import (
    ALARM_PRIORITIES,
    CLASSES,
    COMMANDS,
    EXPOSURE_BANDS,
    LOAD_BANDS,
    MEASURES,
    OUTCOMES,
    RESPONSE_BUCKETS,
    SCOPES,
    STATES,
    TOPICS,
    Policy,
)
from analyzer.pipeline import DEVICE_TYPES
from streams.metrics.definition import Definition
from streams.metrics.definitions import DEFINITIONS
from streams.metrics.exporter import DELAYS
from streams.metrics.tables import EDGES
from streams.settings import MetricsSettings

MOST_PARTITIONS = 100
"""Partitions of each input that one worker may hold under the shipped `sample_limit` (our own
figure; eight are usual).
"""

_BUCKETS = {"response_seconds": RESPONSE_BUCKETS, "event_delay_seconds": DELAYS}
_ROWS = ("clinician", "unit", "facility")
"""The labels that identify a row. Each implies the next: a clinician is in one unit, a unit in one
facility.
"""
_TYPE = ("device_type", "source", "code")
"""The three labels of an alarm type."""
_BANDS = {"clinician_load_band": LOAD_BANDS, "clinician_exposure_band": EXPOSURE_BANDS}


class UnboundedLabelError(LookupError):
    """A label whose number of values is not known: add it to `most_samples`."""


def most_samples(
    metrics: MetricsSettings, policy: Policy, partitions: int = MOST_PARTITIONS
) -> int:
    """The most samples in one scrape of a worker at all its caps. Raises `UnboundedLabelError`."""
    sizes = {
        "clinician": metrics.max_clinicians if metrics.clinicians else 0,
        "unit": metrics.max_units,
        "facility": metrics.max_facilities + 1,  # and records of no known facility
        "device_type": DEVICE_TYPES + 1,  # and all others together
        "window": len(policy.windows),
        "priority": len(ALARM_PRIORITIES),
        "class": len(CLASSES),
        "scope": len(SCOPES),
        "measure": len(MEASURES),
        "state": len(STATES) - 1,  # normal has no limits
        "edge": len(EDGES),
        "name": 1,  # of a type
        "topic": len(TOPICS),
        "outcome": len(OUTCOMES),
        "result": 3,  # of an audit entry: written, lost, unsent
        "partition": partitions,
        "control": len(COMMANDS),
        "role": 1,  # one person has the page of a unit
        "version": 1,
        "state_version": 1,
        "policy": 1,
        "key_id": 1,
        "period": 1,
        "type": policy.top_types,
    }
    return sum(_samples(name, definition, sizes) for name, definition in DEFINITIONS.items())


def _samples(name: str, definition: Definition, sizes: dict[str, int]) -> int:
    labels = list(definition.labels)
    row = next((label for label in _ROWS if label in labels), None)
    factors = [] if row is None else [sizes[row]]
    labels = [label for label in labels if label not in _ROWS]
    if set(_TYPE) <= set(labels):
        if row is None:  # at worst, no two units share a type
            factors += [sizes["unit"], sizes["window"]]
        factors.append(sizes["type"])
        labels = [label for label in labels if label not in _TYPE]
    for label in labels:
        if label == "band":
            factors.append(len(_BANDS[name]))
        elif label in sizes:
            factors.append(sizes[label])
        else:
            raise UnboundedLabelError(f"{name}: the label {label}")
    # +Inf, sum and count
    buckets = len(_BUCKETS[name]) + 3 if definition.kind == "histogram" else 1
    return prod(factors) * buckets
