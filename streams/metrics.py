"""Metrics: the one table of every metric's name, labels and meaning, and how burdens become samples of them.

Samples come as tables of numbers with the labels of their rows and columns; `streams.exposition` writes these as text.

Names and labels are bounded: clinicians appear under their pseudonyms, alarm types only as the most frequent of a unit;
no patient, bed, device id or free text becomes a label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import accumulate, count, groupby, islice, product
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from prometheus_client import Metric
from prometheus_client.samples import Sample

from analyzer import (
    ALARM_PRIORITIES,
    CLASSES,
    OUTCOMES,
    RESPONSE_BUCKETS,
    SCOPES,
    TOPICS,
    Burden,
    Burdens,
    Outcome,
    Topic,
)
from streams.adapter import columns

PREFIX = "alarm_fatigue_"
T = TypeVar("T")


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
    "dropped_clinicians": Definition("gauge", (), "Clinicians now without series, because metrics.max_clinicians others have them."),
    "dropped_samples": Definition("counter", (), "Samples left out of renderings of this page so far, because of metrics.max_clinicians."),
    "events": Definition("counter", ("topic", "outcome"), "Records read, by what became of them."),
    "event_delay_seconds": Definition(
        "histogram", ("topic",), "From the time a record gives for its event to the time it was accepted."
    ),
    "watermark_timestamp_seconds": Definition("gauge", ("facility",), "Greatest event time accepted from the facility's alarms."),
    "consumer_lag_records": Definition("gauge", ("topic", "partition"), "Records of the partition not yet taken in."),
    "checkpoint_timestamp_seconds": Definition("gauge", ("partition",), "When the partition's state was last stored."),
    "build_info": Definition("gauge", ("version",), "Always 1; labels tell the version."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """What tells a sample from the others of its row: a suffix of the name, and more labels."""

    suffix: str = ""
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Samples of the metric `name`: one for each row and cell, save where the value is NaN (too little is known to say)."""

    name: str
    labels: tuple[str, ...]
    """The labels that rows have values of."""
    rows: Sequence[tuple[str, ...]]
    cells: Sequence[Cell]
    values: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    """(rows, cells)"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A clinician to be shown: under which name, and in which row of which partition's burdens."""

    facility: str
    unit: str
    shown: str
    part: int
    row: int


BLOCK = 1000
"""Rows that are made at once where labels are as many as numbers: in a thread, what one step of C does must stay short."""


def burden_tables(parts: Sequence[Burdens], chosen: Sequence[Chosen] | None, min_classified: int) -> Iterator[Table]:
    """The clinician and unit families of several partitions, ordered by facility, unit and clinician as `chosen`.

    None for `chosen` leaves out the clinician families. A facility never spans partitions.
    """
    if not parts:
        families = ("unit_", "response_") if chosen is None else ("clinician_", "unit_", "response_")
        yield from (_header(name) for name in DEFINITIONS if name.startswith(families))
        return
    if chosen is not None:
        rows = [(one.facility, one.unit, one.shown) for one in chosen]
        for name, (cells, values) in _clinician_columns(parts, chosen, min_classified).items():
            yield Table(name, _CLINICIAN, rows, cells, values.reshape(len(rows), len(cells)))
    yield from _unit_tables(parts, min_classified)
    yield from _response_tables(parts)


def in_order(people: Iterable[Chosen]) -> list[Chosen]:
    """By facility, unit and name as shown: the order of raw ids would give them away.

    One facility after the other, so that no single sort is long.
    """
    by_facility: dict[str, dict[tuple[str, str], Chosen]] = {}
    for one in people:
        by_facility.setdefault(one.facility, {})[one.unit, one.shown] = one
    return [of[key] for _, of in sorted(by_facility.items()) for key in sorted(of)]


def everybody(parts: Sequence[Burdens], pseudonym: Callable[[str], str]) -> list[Chosen]:
    """All clinicians, in order."""
    return in_order(
        Chosen(facility, unit, pseudonym(clinician), part, row)
        for part, of in enumerate(one.clinicians for one in parts)
        for row, (facility, unit, clinician) in enumerate(zip(of.facility, of.unit, of.clinician, strict=True))
    )


def clinician_samples(parts: Sequence[Burdens], chosen: Sequence[Chosen] | None, min_classified: int) -> int:
    """How many samples the clinician families have of `chosen` (None: of everybody); at least one partition."""
    columns = _clinician_columns(parts, chosen, min_classified)
    return sum(values.size - int(np.count_nonzero(np.isnan(values))) for _, values in columns.values())


Columns = dict[str, tuple[list[Cell], npt.NDArray[np.int64] | npt.NDArray[np.float64]]]
"""By metric: the cells of a row, and the numbers (rows, cells)."""


def _clinician_columns(parts: Sequence[Burdens], chosen: Sequence[Chosen] | None, min_classified: int) -> Columns:
    windows, of = parts[0].windows, [one.clinicians for one in parts]
    order = None
    if chosen is not None:
        begins = list(accumulate((len(one.clinician) for one in of), initial=0))
        order = np.array([begins[one.part] + one.row for one in chosen], dtype=np.intp)

    def take(arrays: Iterable[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return _joined(arrays, order)

    classified = take(one.classified for one in of)
    return {
        "clinician_alarms": (_cells(window=windows, priority=ALARM_PRIORITIES), take(one.alarms for one in of)),
        "clinician_classified_alarms": (_cells(window=windows, class_=CLASSES), classified),
        "clinician_nonactionable_ratio": (_cells(window=windows, scope=SCOPES), nonactionable_ratios(classified, min_classified)),
        "clinician_alarm_seconds": (_cells(window=windows), take(one.alarm_milliseconds for one in of) / 1000),
        "clinician_beds": ([Cell()], take(one.beds for one in of)),
        "clinician_acuity": ([Cell()], take(one.acuity for one in of)),
    }


def _unit_tables(parts: Sequence[Burdens], min_classified: int) -> Iterator[Table]:
    windows, of = parts[0].windows, [one.units for one in parts]
    begins = accumulate((len(one.unit) for one in of), initial=0)
    labelled = (zip(one.facility, one.unit, count(begin), one.types, strict=False) for one, begin in zip(of, begins, strict=False))
    merged = list(merge(*labelled, key=lambda one: one[0]))
    rows = [(facility, unit) for facility, unit, _, _ in merged]
    order = np.array([row for _, _, row, _ in merged], dtype=np.intp)

    def take(arrays: Iterable[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return _joined(arrays, order)

    classified = take(one.classified for one in of)
    columns: Columns = {
        "unit_alarms": (_cells(window=windows, priority=ALARM_PRIORITIES), take(one.alarms for one in of)),
        "unit_classified_alarms": (_cells(window=windows, class_=CLASSES), classified),
        "unit_nonactionable_ratio": (_cells(window=windows, scope=SCOPES), nonactionable_ratios(classified, min_classified)),
        "unit_unassigned_alarms": (_cells(window=windows), take(one.unassigned for one in of)),
        "unit_open_alarms": ([Cell()], take(one.open_alarms for one in of)),
        "unit_clinicians": ([Cell()], take(one.clinicians for one in of)),
        "unit_beds": ([Cell()], take(one.beds for one in of)),
    }
    for name, (cells, values) in columns.items():
        yield Table(name, _UNIT, rows, cells, values.reshape(len(rows), len(cells)))
    types = (
        ((facility, unit, window, *type_), n)
        for facility, unit, _, by_window in merged
        for window, found in zip(windows, by_window, strict=True)
        for type_, n in found
    )
    yield _header("unit_type_alarms")
    for block in _blocks(types):
        counts = np.array([[n] for _, n in block])
        yield Table("unit_type_alarms", DEFINITIONS["unit_type_alarms"].labels, [labels for labels, _ in block], [Cell()], counts)


def _response_tables(parts: Sequence[Burdens]) -> Iterator[Table]:
    bounds = [*(str(float(bound)) for bound in RESPONSE_BUCKETS), "+Inf"]
    cells = [*(Cell("_bucket", (("le", bound),)) for bound in bounds), Cell("_count"), Cell("_sum")]
    yield _header("response_seconds")
    for block in _blocks(merge(*(one.response_times for one in parts), key=lambda one: one[0])):
        values = np.array([[*cumulative, cumulative[-1], total] for *_, cumulative, total in block])
        yield Table("response_seconds", DEFINITIONS["response_seconds"].labels, [one[:3] for one in block], cells, values)


def nonactionable_ratios(classified: npt.NDArray[np.int64], min_classified: int) -> npt.NDArray[np.float64]:
    """(..., `CLASSES`) -> (..., `SCOPES`): `analyzer.nonactionable_ratio` of many counts at once; NaN where that is None."""
    actionable, non_actionable, technical = (classified[..., CLASSES.index(one)] for one in ("actionable", "non_actionable", "technical"))
    useless = np.stack([non_actionable + technical if scope == "all" else non_actionable for scope in SCOPES], axis=-1)
    of = useless + actionable[..., np.newaxis]
    return np.where(of >= max(min_classified, 1), useless / np.maximum(of, 1), np.nan)


def _joined(arrays: Iterable[npt.NDArray[Any]], order: npt.NDArray[np.intp] | None) -> npt.NDArray[Any]:
    """Rows of all partitions, in `order` (None: as they come)."""
    joined = np.concatenate(list(arrays))
    return joined if order is None else joined[order]


def _cells(**labels: Sequence[str]) -> list[Cell]:
    """A cell for each combination of the labels' values, the last label running fastest; `class_` stands for `class`."""
    names = [name.rstrip("_") for name in labels]
    return [Cell("", tuple(zip(names, values, strict=True))) for values in product(*labels.values())]


def _header(name: str) -> Table:
    """No samples, only the name: so that a family is told of while it is empty."""
    return Table(name, (), [], [], np.empty((0, 0)))


def _blocks(items: Iterable[T]) -> Iterator[list[T]]:
    items = iter(items)
    while block := list(islice(items, BLOCK)):
        yield block


def simple_table(name: str, values: Mapping[tuple[str, ...], float]) -> Table:
    """One sample for each tuple of label values, in the order in which they come."""
    definition = DEFINITIONS[name]
    cell = Cell("_total" if definition.kind == "counter" else "")
    return Table(name, definition.labels, list(values), [cell], np.array([*values.values()]).reshape(-1, 1))


def tally_table(tally: Mapping[tuple[Topic, Outcome], int]) -> Table:
    """`events_total`, with every known label set from the start."""
    return simple_table("events", {(topic, outcome): tally.get((topic, outcome), 0) for topic in TOPICS for outcome in OUTCOMES})


def watermark_table(watermarks: Mapping[str, int]) -> Table:
    return simple_table("watermark_timestamp_seconds", {(facility,): mark / 1000 for facility, mark in sorted(watermarks.items())})


def as_metrics(tables: Iterable[Table]) -> Iterator[Metric]:
    """The same in the Prometheus library's terms: slow, for those who want objects."""
    for name, group in groupby(tables, key=lambda table: table.name):
        metric = Metric(PREFIX + name, DEFINITIONS[name].help, DEFINITIONS[name].kind)
        for table in group:
            for row, values in zip(table.rows, table.values.tolist(), strict=True):
                for cell, value in zip(table.cells, values, strict=True):
                    if value == value:  # not NaN
                        labels = dict(zip(table.labels, row, strict=True)) | dict(cell.labels)
                        metric.samples.append(Sample(PREFIX + name + cell.suffix, labels, value))
        yield metric


def burden_metrics(burdens: Burdens | list[Burden], pseudonym: Callable[[str], str], min_classified: int) -> Iterator[Metric]:
    """Everything that one partition's burdens show."""
    if isinstance(burdens, list):  # temporary, as long as engines measure facilities one by one
        burdens = columns(burdens)
    return as_metrics(burden_tables([burdens], everybody([burdens], pseudonym), min_classified))


def tally_metric(tally: Mapping[tuple[Topic, Outcome], int]) -> Metric:
    return next(as_metrics([tally_table(tally)]))


def watermark_metric(watermarks: Mapping[str, int]) -> Metric:
    return next(as_metrics([watermark_table(watermarks)]))


def samples(metrics: Iterable[Metric]) -> Iterator[Sample]:
    for metric in metrics:
        yield from metric.samples
