"""Standings: how each unit and each clinician stands, computed from burdens and status."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from analyzer import (
    ALARM_PRIORITIES,
    EXPOSURE_BANDS,
    LOAD_BANDS,
    NO_ALARMS,
    STATES,
    TREND_HOURS,
    Burdens,
    Policy,
    Standing,
    Status,
    in_words,
)
from analyzer import Relief as Move
from analyzer.model import HOUR
from streams.http.documents.board import (
    MOST_STRAINED,
    AlarmCounts,
    BandCounts,
    Clinician,
    Giver,
    Nonactionable,
    Relief,
    Shift,
    Shifts,
    Staffing,
    StateCounts,
    Strain,
    Taker,
    Trend,
    Unit,
)
from streams.http.documents.common import Classes
from streams.metrics.tables import nonactionable_ratios

SHIFT_HOURS = 12

Key = tuple[str, str]
"""Facility and unit."""


@dataclass(frozen=True, slots=True)
class Names:
    """The pseudonym of each clinician, and whether clinicians are shown at all."""

    pseudonym: Callable[[str], str]
    shown: bool


def units_of(
    burdens: Burdens, status: Status, policy: Policy, names: Names, failed: dict[str, Exception]
) -> list[tuple[Key, Unit]]:
    """The units in the order in which they need help: by state, then by how many clinicians are
    overloaded or elevated, then by alarms in 10 min per clinician, then by name.

    A facility that raises is left out, and noted in `failed`.
    """
    on_duty: dict[Key, list[int]] = {}
    people = burdens.clinicians
    for row, (facility, unit, beds) in enumerate(
        zip(people.facility, people.unit, people.beds.tolist(), strict=True)
    ):
        if beds:
            on_duty.setdefault((facility, unit), []).append(row)
    keys = list(zip(burdens.units.facility, burdens.units.unit, strict=True))
    units = []
    for row, key in enumerate(keys):
        try:
            units.append(
                (key, _unit(burdens, row, key, on_duty.get(key, ()), status, policy, names))
            )
        except Exception as error:  # a facility that fails must not hide the others
            failed[key[0]] = error
    return sorted((one for one in units if one[0][0] not in failed), key=_need)


def _need(one: tuple[Key, Unit]) -> tuple[Any, ...]:
    key, unit = one
    states = unit.staffing.states
    rate = sum(unit.trend.minutes[-10:]) / max(unit.staffing.clinicians, 1)
    return -STATES.index(unit.state), -states.overloaded, -states.elevated, -rate, key


def _unit(
    burdens: Burdens,
    row: int,
    key: Key,
    on_duty: Sequence[int],
    status: Status,
    policy: Policy,
    names: Names,
) -> Unit:
    of, people, windows = burdens.units, burdens.clinicians, burdens.windows
    states, bands = people.overload[list(on_duty)], people.load_band[list(on_duty)]
    strained = sorted(_strained(burdens, on_duty, status), key=lambda one: (-one[0], one[1].since))
    standing = status.units.get(key)
    relief = _relief(standing, names)
    if relief is None:
        relief = next(filter(None, (_relief(one, names) for _, one in strained)), None)
    clinicians, beds = int(of.clinicians[row]), int(of.beds[row])
    return Unit(
        facility=key[0],
        unit=key[1],
        state=STATES[int(of.overload[row])],
        **_reasons(standing, of_unit=True),
        relief=relief,
        strained=[
            Strain(state=STATES[state], **_reasons(one, of_unit=False))
            for state, one in strained[:MOST_STRAINED]
        ],
        alarms={
            window: AlarmCounts(
                all=int(counts.sum()), **dict(zip(ALARM_PRIORITIES, counts.tolist(), strict=True))
            )
            for window, counts in zip(windows, of.alarms[row], strict=True)
        },
        nonactionable=_nonactionable(windows, of.classified[row], policy.min_classified),
        open_alarms=int(of.open_alarms[row]),
        standing_alarms=int(of.standing_alarms[row]),
        stale_alarms=int(of.stale_alarms[row]),
        unassigned_alarms=_by_window(windows, of.unassigned[row]),
        chattering_alarms=_by_window(windows, of.chattering[row]),
        staffing=Staffing(
            clinicians=clinicians,
            beds=beds,
            beds_per_clinician=beds / clinicians if clinicians else None,
            acuity_per_clinician=float(of.acuity[row]) / clinicians if clinicians else None,
            states=StateCounts(*(int((states == code).sum()) for code in range(len(STATES)))),
            load_bands=BandCounts(*(int((bands == code).sum()) for code in range(len(LOAD_BANDS)))),
        ),
        trend=_trend(status, key),
    )


def _strained(
    burdens: Burdens, on_duty: Sequence[int], status: Status
) -> Iterator[tuple[int, Standing]]:
    """State and standing of each clinician on duty whose load is above normal."""
    of = burdens.clinicians
    for row in on_duty:
        standing = status.clinicians.get((of.facility[row], of.clinician[row]))
        if standing is not None:
            yield int(of.overload[row]), standing


def _reasons(one: Standing | None, of_unit: bool) -> dict[str, Any]:
    """The fields that say since when a state holds, when the load last rose and why, and why the
    state still holds. No standing: the state is normal.
    """
    if one is None:
        return {"since": None, "rose": None, "entered": [], "reasons": []}
    entered, reasons = (
        [in_words(why, of_unit, rising=True) for why in found]
        for found in (one.rise.reasons, one.holding)
    )
    return {"since": one.since, "rose": one.rise.at, "entered": entered, "reasons": reasons}


def _relief(standing: Standing | None, names: Names) -> Relief | None:
    if standing is None or standing.relief is None or not names.shown:
        return None
    move: Move = standing.relief
    giver, taker = names.pseudonym(move.giver), names.pseudonym(move.taker)
    (before, after), (taker_before, taker_after) = move.giver_alarms, move.taker_alarms
    return Relief(
        giver=Giver(clinician=giver, alarms_1h=before, alarms_1h_after=after),
        taker=Taker(
            clinician=taker,
            alarms_1h=taker_before,
            alarms_1h_after=taker_after,
            beds_after=move.taker_beds,
        ),
        says=f"one bed from {giver} to {taker}: alarms an hour {before} -> {after} and "
        f"{taker_before} -> {taker_after}",
    )


def _nonactionable(
    windows: Sequence[str], classified: Any, min_classified: int
) -> dict[str, Nonactionable]:
    """`classified`: counts by window and class."""
    shares = nonactionable_ratios(classified, min_classified).tolist()
    found = {}
    for window, counts, (every, clinical) in zip(windows, classified.tolist(), shares, strict=True):
        classes = Classes(*counts)
        found[window] = Nonactionable(
            all=_known(every),
            clinical=_known(clinical),
            classes=classes,
            classified=classes.actionable + classes.non_actionable + classes.technical,
            alarms=sum(counts),
        )
    return found


def _trend(status: Status, key: Key) -> Trend:
    """Hours from before the first known alarm are None; hours known in part only are left out of
    `shifts`.
    """
    trend, known = status.trends.get(key, NO_ALARMS), status.known_since.get(key[0])
    now = status.now.get(key[0], 0)
    begins = [now - (TREND_HOURS - hour) * HOUR for hour in range(TREND_HOURS)]
    hours = [
        count if known is not None and known < begin + HOUR else None
        for count, begin in zip(trend.hours, begins, strict=True)
    ]

    def shift(first: int) -> Shift:
        whole = [
            hour
            for hour in range(first, first + SHIFT_HOURS)
            if known is not None and known <= begins[hour]
        ]
        return Shift(hours=len(whole), alarms=sum(trend.hours[hour] for hour in whole))

    return Trend(
        minutes=trend.minutes,
        hours=hours,
        shifts=Shifts(before=shift(0), last=shift(SHIFT_HOURS)),
    )


def clinician_of(
    burdens: Burdens, row: int, name: str, status: Status, policy: Policy, names: Names
) -> Clinician:
    """The clinician of that row, shown as `name`."""
    of, windows = burdens.clinicians, burdens.windows
    standing = status.clinicians.get((of.facility[row], of.clinician[row]))
    return Clinician(
        clinician=name,
        on_duty=bool(of.beds[row]),
        state=STATES[int(of.overload[row])],
        **_reasons(standing, of_unit=False),
        relief=_relief(standing, names),
        beds=int(of.beds[row]),
        acuity=float(of.acuity[row]),
        shift_hours=_known(float(of.shift_hours[row])),
        alarms=_by_window(windows, of.alarms[row].sum(axis=-1)),
        alarm_seconds=_by_window(windows, of.alarm_milliseconds[row] / 1000),
        protected_ratio=_by_window(windows, of.protected_ratio[row]),
        flood_ratio=_by_window(windows, of.flood_ratio[row]),
        overlapping_alarms=_by_window(windows, of.overlapping[row]),
        nonactionable=_nonactionable(windows, of.classified[row], policy.min_classified),
        load_band=LOAD_BANDS[int(of.load_band[row])],
        nonactionable_exposure=int(of.exposure[row]),
        exposure_band=EXPOSURE_BANDS[int(of.exposure_band[row])],
    )


def _by_window(windows: Sequence[str], values: Any) -> dict[str, Any]:
    return dict(zip(windows, map(_known, values.tolist()), strict=True))


def _known(value: float) -> float | None:
    return None if isnan(value) else value
