"""The burdens of a worker: joins those of its partitions, takes some rows of them, and chooses the
clinicians whose series are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from analyzer import (
    ALARM_PRIORITIES,
    CLASSES,
    MEASURES,
    STATES,
    Burdens,
    ClinicianBurdens,
    UnitBurdens,
)

B = TypeVar("B", ClinicianBurdens, UnitBurdens)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The clinicians to show, in order: their rows in the burdens, and their pseudonyms."""

    row: list[int]
    shown: list[str]


def joined(parts: Sequence[Burdens]) -> Burdens:
    """The burdens of several partitions as one.

    Units and response times are ordered by facility; clinicians are not. A facility never spans
    partitions.
    """
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return _NOBODY
    units = _joined([one.units for one in parts])
    responses = sorted(
        chain.from_iterable(one.response_times for one in parts), key=lambda one: one[0]
    )
    order = sorted(range(len(units.unit)), key=units.facility.__getitem__)
    return Burdens(
        parts[0].windows, _joined([one.clinicians for one in parts]), taken(units, order), responses
    )


def choose(of: ClinicianBurdens, rows: Iterable[int], pseudonym: Callable[[str], str]) -> Chosen:
    """The clinicians of `rows`, ordered by facility, unit and pseudonym.

    The order of raw ids would help to identify them.
    """
    by_facility: dict[str, list[int]] = {}
    for row in rows:
        by_facility.setdefault(of.facility[row], []).append(row)
    order: list[int] = []
    for facility in sorted(by_facility):  # separately, so that no sort takes long
        order += sorted(
            by_facility[facility], key=lambda row: (of.unit[row], pseudonym(of.clinician[row]))
        )
    return Chosen(order, [pseudonym(of.clinician[row]) for row in order])


def everybody(burdens: Burdens, pseudonym: Callable[[str], str]) -> Chosen:
    return choose(burdens.clinicians, range(len(burdens.clinicians.clinician)), pseudonym)


def _joined(parts: Sequence[B]) -> B:
    """Dataclasses of columns, concatenated."""
    columns: dict[str, Any] = {}
    for field in fields(parts[0]):
        found: list[Any] = [getattr(one, field.name) for one in parts]
        columns[field.name] = (
            np.concatenate(found)
            if isinstance(found[0], np.ndarray)
            else [*chain.from_iterable(found)]
        )
    return type(parts[0])(**columns)


def taken(of: B, rows: Sequence[int]) -> B:
    """The given rows of a dataclass of columns."""
    columns: dict[str, Any] = {}
    for field in fields(of):
        found: Any = getattr(of, field.name)
        columns[field.name] = (
            found[np.array(rows, dtype=np.intp)]
            if isinstance(found, np.ndarray)
            else [found[row] for row in rows]
        )
    return type(of)(**columns)


def within(
    burdens: Burdens, chosen: Chosen | None, holds: Callable[[str, str], bool]
) -> tuple[Burdens, Chosen | None]:
    """The burdens of the units that `holds` (facility, unit) names, and of the clinicians whose
    unit that is.
    """
    of, people = burdens.units, burdens.clinicians
    units = [row for row, key in enumerate(zip(of.facility, of.unit, strict=True)) if holds(*key)]
    narrowed = replace(
        burdens,
        units=taken(of, units),
        response_times=[one for one in burdens.response_times if holds(one[0], one[1])],
    )
    if chosen is None:
        return narrowed, None
    shown = [
        (row, name)
        for row, name in zip(chosen.row, chosen.shown, strict=True)
        if holds(people.facility[row], people.unit[row])
    ]
    return narrowed, Chosen([row for row, _ in shown], [name for _, name in shown])


def _counts(*shape: int) -> npt.NDArray[np.int64]:
    return np.zeros((0, *shape), dtype=np.int64)


def _figures(*shape: int) -> npt.NDArray[np.float64]:
    return np.zeros((0, *shape))


_NOBODY = Burdens(
    windows=(),
    clinicians=ClinicianBurdens(
        facility=[],
        unit=[],
        clinician=[],
        alarms=_counts(0, len(ALARM_PRIORITIES)),
        classified=_counts(0, len(CLASSES)),
        alarm_milliseconds=_counts(0),
        beds=_counts(),
        acuity=_figures(),
        protected_ratio=_figures(0),
        flood_ratio=_figures(0),
        overlapping=_counts(0),
        load_band=_counts(),
        exposure=_counts(),
        exposure_band=_counts(),
        shift_hours=_figures(),
        overload=_counts(),
    ),
    units=UnitBurdens(
        facility=[],
        unit=[],
        alarms=_counts(0, len(ALARM_PRIORITIES)),
        classified=_counts(0, len(CLASSES)),
        busiest_bed=_counts(0),
        unassigned=_counts(0),
        open_alarms=_counts(),
        clinicians=_counts(),
        beds=_counts(),
        types=[],
        type_classes=[],
        stale_alarms=_counts(),
        standing_alarms=_counts(),
        chattering=_counts(0),
        fleeting=_counts(0),
        acuity=_figures(),
        load_spread=_figures(0),
        overload=_counts(),
        overload_reasons=_figures(len(MEASURES), 2),
        overload_since=_figures(),
        overload_present=_figures(len(MEASURES)),
        policy_limits=_figures(len(MEASURES), len(STATES) - 1, 2),
        cool_down=_figures(),
        beds_limit=_figures(),
        relief=_figures(3),
    ),
    response_times=[],
)
