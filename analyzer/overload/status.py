"""Glance: what a page shows beside the burdens - when alarms began, why a load is too much and
since when, and who could take a bed now.

As of one moment. It names clinicians by raw ids, as the burdens do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Numbers
from analyzer.columns.facilities import VACANT
from analyzer.model.policy import HOUR, MINUTE
from analyzer.overload.explanation import Scenes, relief_of
from analyzer.overload.machine import ELEVATED, STATES, Change, Reason, Relief, holding
from analyzer.overload.measures import Ticks, measure
from analyzer.overload.tracker import Subject

if TYPE_CHECKING:
    from analyzer.pipeline.state import State

TREND_MINUTES = 70
"""Each moment of the last hour with its ten minutes, the interval of ISA-18.2 rates."""
TREND_HOURS = 24
"""The last shift of 12 h, and the one before: what is held reaches back 26 h by default."""


class Standing(NamedTuple):
    """A state that is not normal: since when (ms), and the change upwards that it rests on."""

    since: int
    rise: Change
    holding: tuple[Reason, ...]
    """What keeps it up: measures of the last tick with the leave levels that they are beyond. None:
    it cools down.
    """
    relief: Relief | None
    """The move that would help most now."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Alarms of a unit by when they started, oldest first, each window ending now: so the last ten
    minutes are the window `10m`.
    """

    minutes: list[int]
    hours: list[int]


NO_ALARMS = Trend([0] * TREND_MINUTES, [0] * TREND_HOURS)


@dataclass(frozen=True, slots=True)
class Glance:
    """Of a partition; shares nothing with the engine that goes on changing. What is normal, or
    without alarms, is left out.
    """

    now: Mapping[str, int]
    """By facility (ms)."""
    known_since: Mapping[str, int]
    """By facility: from when on (ms) all its alarms are held."""
    trends: Mapping[tuple[str, str], Trend]
    """By facility and unit."""
    units: Mapping[tuple[str, str], Standing]
    clinicians: Mapping[tuple[str, str], Standing]
    """By facility and clinician."""

    @classmethod
    def of(cls, state: State, facility: str | None = None) -> Glance:
        """Take one, with overload states that are up to date; of one facility alone, where it is
        named.
        """
        names = state.facilities.by_number
        now = state.times.now[: len(names)]
        standing = _standing(state, now, facility)
        begun = np.maximum(
            state.watch.first[: len(names)] * state.policy.overload.every,
            state.times.evicted_until[: len(names)],
        )
        moments = {name: at for name, at in zip(names, now.tolist(), strict=True) if name != VACANT}
        begins = zip(names, begun.tolist(), strict=True)
        known = {name: since for name, since in begins if name != VACANT and since <= moments[name]}
        trends = _trends(state, now)
        if facility is not None:
            moments, known = (
                {name: at for name, at in of.items() if name == facility} for of in (moments, known)
            )
            trends = {key: trend for key, trend in trends.items() if key[0] == facility}
        return cls(moments, known, trends, standing[True], standing[False])

    @classmethod
    def joined(cls, parts: Sequence[Glance]) -> Glance:
        """Of several partitions; a facility never spans them."""
        return cls(
            *(
                {key: value for one in parts for key, value in getattr(one, field).items()}
                for field in cls.__slots__
            )
        )


def _trends(state: State, now: Numbers) -> dict[tuple[str, str], Trend]:
    table, statics = state.table, state.statics
    rows = table.alarms()
    age = now[table.facility[rows]] - table.start[rows]
    recent = np.flatnonzero((age >= 0) & (age < TREND_HOURS * HOUR))
    age, unit = age[recent], statics.unit[table.static[rows[recent]]].astype(np.int64)
    groups = len(statics.units)

    def by(step: int, steps: int) -> Numbers:
        inside = np.flatnonzero(age < step * steps)
        place = steps - 1 - age[inside] // step
        return np.bincount(unit[inside] * steps + place, minlength=groups * steps).reshape(
            groups, steps
        )

    minutes, hours = by(MINUTE, TREND_MINUTES), by(HOUR, TREND_HOURS)
    names = state.facilities.by_number
    return {
        (names[facility], name): Trend(minutes[number].tolist(), hours[number].tolist())
        for number, (facility, name) in enumerate(statics.units.by_number)
        if hours[number].any()
    }


def _standing(
    state: State, now: Numbers, only: str | None
) -> dict[bool, dict[tuple[str, str], Standing]]:
    """By whether they are units."""
    found: dict[bool, dict[tuple[str, str], Standing]] = {True: {}, False: {}}
    facilities, things = (
        state.facilities.by_number,
        {True: state.statics.units.by_number, False: state.teams.clinicians.by_number},
    )
    standing = [
        (subject, since, rise)
        for subject, since, rise in state.watch.standing()
        if only is None or facilities[things[subject[0]][subject[1]][0]] == only
    ]
    looked_at = np.zeros(len(facilities), dtype=np.bool_)
    looked_at[[things[is_unit][number][0] for (is_unit, number), *_ in standing]] = True
    if not standing:
        return found
    # Ticks of a millisecond: the one there is, is now.
    scenes, figures = (
        Scenes(state, Ticks(now, looked_at, 1, 1)),
        _figures(state, now, looked_at, {subject for subject, *_ in standing}),
    )
    for (is_unit, number), since, rise in standing:
        facility, name = things[is_unit][number]
        scene, at = scenes[facility], int(now[facility])
        unit = name if is_unit else scene.unit_of(number, at)
        levels = state.policy.overload.levels(facilities[facility], unit)
        reasons = holding(
            levels, figures[is_unit, number], rise.after if since == rise.at else STATES[ELEVATED]
        )
        relief = relief_of(scene.ward(unit, at), None if is_unit else name, levels)
        found[is_unit][facilities[facility], name] = Standing(since, rise, reasons, relief)
    return found


def _figures(
    state: State, now: Numbers, facilities: npt.NDArray[np.bool_], who: set[Subject]
) -> dict[Subject, dict[str, float]]:
    """The measures of the last tick."""
    ticks = Ticks(now // state.policy.overload.every, facilities, 1, state.policy.overload.every)
    clinicians, units = (
        [number for of_units, number in who if of_units == is_unit] for is_unit in (False, True)
    )
    found = {}
    for is_unit, loads in zip((False, True), measure(state, ticks, clinicians, units), strict=True):
        for row, number in enumerate(loads.numbers.tolist()):
            if (is_unit, number) in who:
                found[is_unit, number] = {
                    name: float(values[row, 0]) for name, values in loads.values.items()
                }
    return found
