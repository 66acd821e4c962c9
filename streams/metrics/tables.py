"""Tables: burdens as samples of the metrics in `streams.metrics.definitions`.

A table is an array of numbers with the labels of its rows and columns. `streams.metrics.exposition`
writes tables as text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from analyzer import (
    ALARM_PRIORITIES,
    CLASSES,
    EXPOSURE_BANDS,
    LOAD_BANDS,
    MEASURES,
    OUTCOMES,
    RESPONSE_BUCKETS,
    SCOPES,
    STATES,
    TOPICS,
    Burdens,
    Outcome,
    Topic,
    nonactionable_ratios,
)
from streams.formats.alarm_names import spoken_name
from streams.metrics.burdens import Chosen, taken
from streams.metrics.definitions import DEFINITIONS

if TYPE_CHECKING:  # it brings the settings, which take long to import
    from streams.access import Scope


@dataclass(frozen=True, slots=True)
class Cell:
    """Distinguishes a sample from others in its row: a suffix of the name, and more labels."""

    suffix: str = ""
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Samples of the metric `name`: one for each row and cell, except where the value is NaN
    because too little is known.
    """

    name: str
    labels: Mapping[str, Sequence[str]]
    """The labels of the rows, one list per label: the garbage collector does not scan strings."""
    cells: Sequence[Cell]
    values: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    """(rows, cells)"""

    @property
    def samples(self) -> int:
        return self.values.size - int(np.count_nonzero(np.isnan(self.values)))


RELIEF = ("unit_relief_available", "unit_relief_alarms", "unit_relief_taker_alarms")
"""The metrics of `UnitBurdens.relief`, in its order."""

EDGES = ("enter", "leave")
"""The two limits of a state."""

BLOCK = 1000
"""Rows per block where there are as many labels as numbers. Each step in C must be short, because
it blocks other threads.
"""


def burden_tables(burdens: Burdens, chosen: Chosen | None, min_classified: int) -> Iterator[Table]:
    """The clinician and unit families, in the order of `DEFINITIONS`.

    None for `chosen` leaves out the clinician families.
    """
    if chosen is not None:
        yield from clinician_tables(burdens, chosen, min_classified)
    yield from _unit_tables(burdens, min_classified)
    yield from _type_tables(burdens, min_classified)
    yield from _workload_tables(burdens)
    yield from _response_tables(burdens)


def clinician_tables(burdens: Burdens, chosen: Chosen, min_classified: int) -> Iterator[Table]:
    windows, of = burdens.windows, taken(burdens.clinicians, chosen.row)
    labels = {"facility": of.facility, "unit": of.unit, "clinician": chosen.shown}
    ratios = nonactionable_ratios(of.classified, min_classified)
    yield _table(
        "clinician_alarms", labels, _cells(window=windows, priority=ALARM_PRIORITIES), of.alarms
    )
    yield _table(
        "clinician_classified_alarms", labels, _cells(window=windows, class_=CLASSES), of.classified
    )
    yield _table(
        "clinician_nonactionable_ratio", labels, _cells(window=windows, scope=SCOPES), ratios
    )
    yield _table(
        "clinician_alarm_seconds", labels, _cells(window=windows), of.alarm_milliseconds / 1000
    )
    yield _table("clinician_beds", labels, [Cell()], of.beds)
    yield _table("clinician_acuity", labels, [Cell()], of.acuity)
    yield _table("clinician_overload_state", labels, [Cell()], of.overload)
    yield _table("clinician_protected_ratio", labels, _cells(window=windows), of.protected_ratio)
    yield _table("clinician_flood_ratio", labels, _cells(window=windows), of.flood_ratio)
    yield _table("clinician_overlapping_alarms", labels, _cells(window=windows), of.overlapping)
    yield _table(
        "clinician_load_band",
        labels,
        _cells(band=LOAD_BANDS),
        _states(of.load_band, len(LOAD_BANDS)),
    )
    yield _table("clinician_nonactionable_exposure", labels, [Cell()], of.exposure)
    yield _table(
        "clinician_exposure_band",
        labels,
        _cells(band=EXPOSURE_BANDS),
        _states(of.exposure_band, len(EXPOSURE_BANDS)),
    )
    yield _table("clinician_shift_hours", labels, [Cell()], of.shift_hours)


def _unit_tables(burdens: Burdens, min_classified: int) -> Iterator[Table]:
    windows, of = burdens.windows, burdens.units
    labels = {"facility": of.facility, "unit": of.unit}
    ratios = nonactionable_ratios(of.classified, min_classified)
    yield _table(
        "unit_alarms", labels, _cells(window=windows, priority=ALARM_PRIORITIES), of.alarms
    )
    yield _table(
        "unit_classified_alarms", labels, _cells(window=windows, class_=CLASSES), of.classified
    )
    yield _table("unit_nonactionable_ratio", labels, _cells(window=windows, scope=SCOPES), ratios)
    yield _table("unit_busiest_bed_alarms", labels, _cells(window=windows), of.busiest_bed)
    yield _table("unit_unassigned_alarms", labels, _cells(window=windows), of.unassigned)
    yield _table("unit_open_alarms", labels, [Cell()], of.open_alarms)
    yield _table("unit_clinicians", labels, [Cell()], of.clinicians)
    yield _table("unit_beds", labels, [Cell()], of.beds)
    yield _table("unit_overload_state", labels, [Cell()], of.overload)
    yield _table(
        "unit_overload_reason", labels, _cells(measure=MEASURES), of.overload_reasons[..., 0]
    )
    yield _table(
        "unit_overload_limit", labels, _cells(measure=MEASURES), of.overload_reasons[..., 1]
    )
    yield _table("unit_overload_present", labels, _cells(measure=MEASURES), of.overload_present)
    yield _table(
        "unit_overload_since_timestamp_seconds", labels, [Cell()], of.overload_since / 1000
    )
    yield _table(
        "unit_policy_limit",
        labels,
        _cells(measure=MEASURES, state=STATES[1:], edge=EDGES),
        of.policy_limits,
    )
    yield _table("unit_policy_cool_down_seconds", labels, [Cell()], of.cool_down / 1000)


@dataclass(frozen=True, slots=True)
class _Types:
    """Frequent alarm types of units and windows, one per row: labels, alarms, all alarms of the
    unit in the window, and alarms by class.
    """

    labels: Mapping[str, Sequence[str]]
    alarms: npt.NDArray[np.int64]
    of: npt.NDArray[np.int64]
    classified: npt.NDArray[np.int64]


def _type_tables(burdens: Burdens, min_classified: int) -> Iterator[Table]:
    blocks = []
    for one in _types(burdens):
        blocks.append(one)
        yield _table("unit_type_alarms", one.labels, [Cell()], one.alarms)
    for one in blocks:
        yield _table("unit_type_share", one.labels, [Cell()], _over(one.alarms, one.of))
    for one in blocks:
        ratios = nonactionable_ratios(one.classified, min_classified)
        yield _table("unit_type_nonactionable_ratio", one.labels, _cells(scope=SCOPES), ratios)
    columns = [name for name in DEFINITIONS["alarm_type_info"].labels if name != "name"]
    types = sorted(
        {key for one in blocks for key in zip(*map(one.labels.get, columns), strict=True)}
    )
    yield simple_table(
        "alarm_type_info",
        {(*key, spoken_name(*key)): 1 for key in types},
    )


def _types(burdens: Burdens) -> Iterator[_Types]:
    """Blocks of types; at least one, so that the metric is exposed even while it is empty."""
    of, names = burdens.units, DEFINITIONS["unit_type_alarms"].labels
    columns: list[list[str]] = [[] for _ in names]
    counts: list[int] = []
    alarms: list[int] = []
    classified: list[list[int]] = []

    def block() -> _Types:
        by_class = np.array(classified, dtype=np.int64).reshape(-1, len(CLASSES))
        labels = dict(zip(names, columns, strict=True))
        return _Types(
            labels, np.array(counts, dtype=np.int64), np.array(alarms, dtype=np.int64), by_class
        )

    totals = of.alarms.sum(axis=-1).tolist()
    for facility, unit, total, by_window, classes in zip(
        of.facility, of.unit, totals, of.types, of.type_classes, strict=True
    ):
        for window, every, found, of_classes in zip(
            burdens.windows, total, by_window, classes, strict=True
        ):
            if found:
                types, numbers = zip(*found, strict=True)
                same = ([one] * len(found) for one in (facility, unit, window))
                for column, values in zip(
                    columns, chain(same, zip(*types, strict=True)), strict=True
                ):
                    column += values
                counts += numbers
                alarms += [every] * len(found)
                classified += of_classes
        if len(counts) >= BLOCK:
            yield block()
            columns, counts, alarms, classified = [[] for _ in names], [], [], []
    yield block()


def _workload_tables(burdens: Burdens) -> Iterator[Table]:
    windows, of = burdens.windows, burdens.units
    labels = {"facility": of.facility, "unit": of.unit}
    all_alarms = of.alarms.sum(axis=-1)
    shares = _over(of.alarms, all_alarms[..., np.newaxis])
    yield _table(
        "unit_priority_share", labels, _cells(window=windows, priority=ALARM_PRIORITIES), shares
    )
    yield _table("unit_stale_alarms", labels, [Cell()], of.stale_alarms)
    yield _table("unit_standing_alarms", labels, [Cell()], of.standing_alarms)
    yield _table("unit_chattering_alarms", labels, _cells(window=windows), of.chattering)
    yield _table("unit_fleeting_alarms", labels, _cells(window=windows), of.fleeting)
    yield _table(
        "unit_alarms_per_bed",
        labels,
        _cells(window=windows),
        _over(all_alarms, of.beds[:, np.newaxis]),
    )
    yield _table("unit_beds_per_clinician", labels, [Cell()], _over(of.beds, of.clinicians))
    yield _table("unit_beds_per_clinician_limit", labels, [Cell()], of.beds_limit)
    yield _table("unit_acuity_per_clinician", labels, [Cell()], _over(of.acuity, of.clinicians))
    yield _table("unit_load_spread", labels, _cells(window=windows), of.load_spread)
    for place, name in enumerate(RELIEF):
        yield _table(name, labels, [Cell()], of.relief[:, place])


def _over(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The quotient; NaN where `whole` is 0."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _states(index: npt.NDArray[np.intp], states: int) -> npt.NDArray[np.int64]:
    """1 for the present state, 0 for the others.

    >>> _states(np.array([0, 2]), 3).tolist()
    [[1, 0, 0], [0, 0, 1]]
    """
    return np.eye(states, dtype=np.int64)[index]


def _response_tables(burdens: Burdens) -> Iterator[Table]:
    # at least once, so that the metric is exposed even while it is empty
    for begin in range(0, max(len(burdens.response_times), 1), BLOCK):
        block = burdens.response_times[begin : begin + BLOCK]
        labels = {
            "facility": [one[0] for one in block],
            "unit": [one[1] for one in block],
            "priority": [one[2] for one in block],
        }
        yield histogram_table(
            "response_seconds",
            labels,
            RESPONSE_BUCKETS,
            [(*cumulative, total) for *_, cumulative, total in block],
        )


def histogram_table(
    name: str,
    labels: Mapping[str, Sequence[str]],
    buckets: Sequence[float],
    observed: Sequence[Sequence[float]],
) -> Table:
    """The table of a histogram.

    Each row of `observed` has the cumulative counts, one per bucket and one for +Inf, and then the
    sum of all observations.
    """
    bounds = [*(str(float(bound)) for bound in buckets), "+Inf"]
    cells = [*(Cell("_bucket", (("le", bound),)) for bound in bounds), Cell("_count"), Cell("_sum")]
    values = [(*row[:-1], row[-2], row[-1]) for row in observed]
    return Table(
        name, labels, cells, np.array(values, dtype=np.float64).reshape(len(observed), len(cells))
    )


def _table(
    name: str, labels: Mapping[str, Sequence[str]], cells: Sequence[Cell], values: npt.NDArray[Any]
) -> Table:
    rows = len(labels["unit"])
    return Table(name, labels, cells, values.reshape(rows, len(cells)))


def _cells(**labels: Sequence[str]) -> list[Cell]:
    """A cell for each combination of the labels' values; the last label varies fastest.

    `class_` stands for `class`.
    """
    names = [name.rstrip("_") for name in labels]
    return [
        Cell("", tuple(zip(names, values, strict=True))) for values in product(*labels.values())
    ]


def of_facilities(table: Table, facilities: Collection[str]) -> Table:
    """The samples of these facilities; all samples if the table has no facility label."""
    column = table.labels.get("facility")
    if column is None or all(name in facilities for name in column):
        return table
    rows = [row for row, name in enumerate(column) if name in facilities]
    labels = {label: [values[row] for row in rows] for label, values in table.labels.items()}
    return Table(table.name, labels, table.cells, table.values[rows])


def tables_within(tables: Iterable[Table], scope: Scope) -> Iterator[Table]:
    """The samples of a scope: of units in it; of whole facilities, and the watermark of those that
    it touches; and `build_info`. What counts for a whole worker is left out, because less the
    reader's own it tells of others.
    """
    for table in tables:
        facilities, units = table.labels.get("facility"), table.labels.get("unit")
        if facilities is None:
            rows = list(range(len(table.values))) if table.name == "build_info" else []
        elif units is not None:
            keys = enumerate(zip(facilities, units, strict=True))
            rows = [row for row, key in keys if scope.holds(*key)]
        else:
            mark = table.name == "watermark_timestamp_seconds"
            rows = [
                row
                for row, name in enumerate(facilities)
                if scope.holds_whole(name) or (mark and scope.touches(name))
            ]
        labels = {label: [values[row] for row in rows] for label, values in table.labels.items()}
        yield Table(table.name, labels, table.cells, table.values[rows])


def simple_table(name: str, values: Mapping[tuple[str, ...], float]) -> Table:
    """One sample for each tuple of label values, in order."""
    definition = DEFINITIONS[name]
    cell = Cell("_total" if definition.kind == "counter" else "")
    labels = {
        label: [key[index] for key in values] for index, label in enumerate(definition.labels)
    }
    return Table(name, labels, [cell], np.array([*values.values()]).reshape(-1, 1))


def outcome_counts_table(counts: Mapping[tuple[Topic, Outcome], int]) -> Table:
    """`events_total`, with all label values from the start."""
    return simple_table(
        "events",
        {
            (topic, outcome): counts.get((topic, outcome), 0)
            for topic in TOPICS
            for outcome in OUTCOMES
        },
    )


def watermark_table(watermarks: Mapping[str, int]) -> Table:
    return simple_table(
        "watermark_timestamp_seconds",
        {(facility,): mark / 1000 for facility, mark in sorted(watermarks.items())},
    )
