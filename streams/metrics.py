"""Metrics: the one table of every metric's name, labels and meaning, and how burdens become samples of them.

Names and labels are bounded: clinicians appear under their pseudonyms, alarm types only as the most frequent of a unit;
no patient, bed, device id or free text becomes a label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import Metric
from prometheus_client.samples import Sample

from analyzer import (
    ALARM_PRIORITIES,
    CLASSES,
    OUTCOMES,
    RESPONSE_BUCKETS,
    SCOPES,
    TOPICS,
    Burdens,
    Outcome,
    Topic,
    nonactionable_ratio,
)

PREFIX = "alarm_fatigue_"


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric as Prometheus knows it; `labels` in the order in which they are written."""

    kind: str
    labels: tuple[str, ...]
    help: str


_CLINICIAN = ("facility", "unit", "clinician")
_UNIT = ("facility", "unit")

DEFINITIONS = {
    "clinician_alarms": Definition(
        "gauge", (*_CLINICIAN, "window", "priority"), "Alarms attributed to the clinician that started in the window."
    ),
    "clinician_classified_alarms": Definition("gauge", (*_CLINICIAN, "window", "class"), "The same alarms by class."),
    "clinician_nonactionable_ratio": Definition(
        "gauge", (*_CLINICIAN, "window", "scope"),
        "Share of the classified alarms that needed nobody (scope clinical: without technical ones); absent while too few.",
    ),
    "clinician_alarm_seconds": Definition(
        "gauge", (*_CLINICIAN, "window"), "Time in the window during which at least one of the clinician's alarms was on."
    ),
    "clinician_beds": Definition("gauge", _CLINICIAN, "Beds assigned to the clinician now."),
    "clinician_acuity": Definition("gauge", _CLINICIAN, "Acuity of the clinician's assignments now, summed."),
    "unit_alarms": Definition("gauge", (*_UNIT, "window", "priority"), "Alarms of the unit that started in the window, each once."),
    "unit_classified_alarms": Definition("gauge", (*_UNIT, "window", "class"), "The same alarms by class."),
    "unit_nonactionable_ratio": Definition(
        "gauge", (*_UNIT, "window", "scope"),
        "Share of the classified alarms that needed nobody (scope clinical: without technical ones); absent while too few.",
    ),
    "unit_unassigned_alarms": Definition("gauge", (*_UNIT, "window"), "Alarms of the window that were attributed to nobody."),
    "unit_open_alarms": Definition("gauge", _UNIT, "Alarms of the unit that have not ended."),
    "unit_clinicians": Definition("gauge", _UNIT, "Clinicians assigned to a bed of the unit now."),
    "unit_beds": Definition("gauge", _UNIT, "Beds of the unit that are assigned to somebody now."),
    "unit_type_alarms": Definition(
        "gauge", (*_UNIT, "window", "device_type", "source", "code"), "Alarms of the unit's most frequent alarm types in the window."
    ),
    "response_seconds": Definition(
        "histogram", (*_UNIT, "priority"), "From an alarm's start to the first response of any kind, once per alarm when it is final."
    ),
    "events": Definition("counter", ("topic", "outcome"), "Records read, by what became of them."),
    "event_delay_seconds": Definition(
        "histogram", ("topic",), "From the time a record gives for its event to the time it was accepted."
    ),
    "watermark_timestamp_seconds": Definition("gauge", ("facility",), "Greatest event time accepted from the facility's alarms."),
    "consumer_lag_records": Definition("gauge", ("topic", "partition"), "Records of the partition not yet taken in."),
    "checkpoint_timestamp_seconds": Definition("gauge", ("partition",), "When the partition's state was last stored."),
    "build_info": Definition("gauge", ("version",), "Always 1; labels tell the version."),
}  # fmt: skip


class Family:
    """Samples of one metric, in the making."""

    def __init__(self, name: str) -> None:
        definition = DEFINITIONS[name]
        self._labels = definition.labels
        self._name = PREFIX + name
        self.metric = Metric(self._name, definition.help, definition.kind)

    def add(self, *values: str, to: float, suffix: str = "", more: tuple[tuple[str, str], ...] = ()) -> None:
        labels = dict(zip(self._labels, values, strict=True)) | dict(more)
        self.metric.samples.append(Sample(self._name + suffix, labels, to))

    def add_histogram(self, *values: str, buckets: Sequence[float], cumulative: Sequence[int], total: float) -> None:
        """`cumulative` has one entry a bucket and one for +Inf; `total` is the sum of all observations."""
        for bound, count in zip([*(str(float(bucket)) for bucket in buckets), "+Inf"], cumulative, strict=True):
            self.add(*values, to=count, suffix="_bucket", more=(("le", bound),))
        self.add(*values, to=cumulative[-1], suffix="_count")
        self.add(*values, to=total, suffix="_sum")


def burden_metrics(parts: Iterable[Burdens], pseudonym: Callable[[str], str], min_classified: int) -> list[Metric]:
    """The clinician and unit families, ordered by facility, unit and clinician as they are shown."""
    families = {name: Family(name) for name in DEFINITIONS if name.startswith(("clinician_", "unit_", "response_"))}
    for burdens in parts:
        some, names = burdens.clinicians, [pseudonym(one) for one in burdens.clinicians.clinician]
        for row in sorted(range(len(names)), key=lambda row: (some.facility[row], some.unit[row], names[row])):
            labels = (some.facility[row], some.unit[row], names[row])
            _add_counts(families, "clinician", burdens, labels, some, row, min_classified)
            for number, window in enumerate(burdens.windows):
                families["clinician_alarm_seconds"].add(*labels, window, to=int(some.alarm_milliseconds[row, number]) / 1000)
            families["clinician_beds"].add(*labels, to=int(some.beds[row]))
            families["clinician_acuity"].add(*labels, to=float(some.acuity[row]))
        units = burdens.units
        for row in range(len(units.unit)):
            of_unit = (units.facility[row], units.unit[row])
            _add_counts(families, "unit", burdens, of_unit, units, row, min_classified)
            for number, window in enumerate(burdens.windows):
                families["unit_unassigned_alarms"].add(*of_unit, window, to=int(units.unassigned[row, number]))
                for type_, count in units.types[row][number]:
                    families["unit_type_alarms"].add(*of_unit, window, *type_, to=count)
            families["unit_open_alarms"].add(*of_unit, to=int(units.open_alarms[row]))
            families["unit_clinicians"].add(*of_unit, to=int(units.clinicians[row]))
            families["unit_beds"].add(*of_unit, to=int(units.beds[row]))
        for facility, unit, priority, cumulative, total in burdens.response_times:
            families["response_seconds"].add_histogram(
                facility, unit, priority, buckets=RESPONSE_BUCKETS, cumulative=cumulative, total=total
            )
    return [family.metric for family in families.values()]


def _add_counts(
    families: dict[str, Family], level: str, burdens: Burdens, labels: tuple[str, ...], some: Any, row: int, min_classified: int
) -> None:
    for number, window in enumerate(burdens.windows):
        for priority, count in zip(ALARM_PRIORITIES, some.alarms[row, number].tolist(), strict=True):
            families[f"{level}_alarms"].add(*labels, window, priority, to=count)
        for class_, count in zip(CLASSES, some.classified[row, number].tolist(), strict=True):
            families[f"{level}_classified_alarms"].add(*labels, window, class_, to=count)
        for scope in SCOPES:
            ratio = nonactionable_ratio(some.classified[row, number], scope, min_classified)
            if ratio is not None:
                families[f"{level}_nonactionable_ratio"].add(*labels, window, scope, to=ratio)


def tally_metric(tally: dict[tuple[Topic, Outcome], int]) -> Metric:
    """`events_total`, with every known label set from the start."""
    family = Family("events")
    for topic in TOPICS:
        for outcome in OUTCOMES:
            family.add(topic, outcome, to=tally.get((topic, outcome), 0), suffix="_total")
    return family.metric


def watermark_metric(watermarks: dict[str, int]) -> Metric:
    family = Family("watermark_timestamp_seconds")
    for facility, watermark in sorted(watermarks.items()):
        family.add(facility, to=watermark / 1000)
    return family.metric


def samples(metrics: Iterable[Metric]) -> Iterator[Sample]:
    for metric in metrics:
        yield from metric.samples
