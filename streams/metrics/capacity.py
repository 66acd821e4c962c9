"""Capacity: how many samples one scrape of a worker can hold at most, worked out from the
definitions of its metrics.
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
    TOPICS,
    Policy,
)
from analyzer.pipeline import DEVICE_TYPES
from streams.metrics.definition import Definition
from streams.metrics.definitions import DEFINITIONS
from streams.metrics.exporter import DELAYS
from streams.settings import MetricsSettings

MOST_PARTITIONS = 100
"""Partitions of each input that one worker holds, in the shipped `sample_limit` (our own: eight are
a usual number).
"""

_BUCKETS = {"response_seconds": RESPONSE_BUCKETS, "event_delay_seconds": DELAYS}
_ROWS = ("clinician", "unit", "facility")
"""The labels that say what a row is about, each implying the next: a clinician is in one unit, and
a unit in one facility.
"""
_TYPE = ("device_type", "source", "code")
"""Alarm types, all three labels together."""
_BANDS = {"clinician_load_band": LOAD_BANDS, "clinician_exposure_band": EXPOSURE_BANDS}


class UnboundedLabelError(LookupError):
    """A label of which nobody has said how many values it can have: add it to `most_samples`."""


def most_samples(
    metrics: MetricsSettings, policy: Policy, partitions: int = MOST_PARTITIONS
) -> int:
    """The most samples in one scrape of a worker at all its caps. Raises `UnboundedLabelError`."""
    sizes = {
        "clinician": metrics.max_clinicians if metrics.clinicians else 0,
        "unit": metrics.max_units,
        "facility": metrics.max_facilities + 1,  # and records that name none that is known
        "device_type": DEVICE_TYPES + 1,  # and all others together
        "window": len(policy.windows),
        "priority": len(ALARM_PRIORITIES),
        "class": len(CLASSES),
        "scope": len(SCOPES),
        "measure": len(MEASURES),
        "topic": len(TOPICS),
        "outcome": len(OUTCOMES),
        "partition": partitions,
        "control": len(COMMANDS),
        "version": 1,
        "policy": 1,
        "type": policy.top_types,
    }
    return sum(_samples(name, definition, sizes) for name, definition in DEFINITIONS.items())


def _samples(name: str, definition: Definition, sizes: dict[str, int]) -> int:
    labels = list(definition.labels)
    row = next((label for label in _ROWS if label in labels), None)
    factors = [] if row is None else [sizes[row]]
    labels = [label for label in labels if label not in _ROWS]
    if set(_TYPE) <= set(labels):
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
