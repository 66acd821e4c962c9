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
    Burdens,
    Policy,
    Standing,
    Status,
    nonactionable_ratios,
)
from analyzer import Relief as Move
from analyzer.overload import UnitNeed, clinician_order, known_hours, phases
from streams.formats.advice import advice
from streams.formats.calendars import Calendar, Calendars
from streams.http.documents.board import (
    MOST_STRAINED,
    AlarmCounts,
    BandCounts,
    Clinician,
    Nonactionable,
    Staffing,
    StateCounts,
    Trend,
    Unit,
)
from streams.http.documents.common import Classes
from streams.http.documents.relief import Giver, Relief, Taker
from streams.http.documents.states import Strain
from streams.http.documents.unit import MOST_PHASES, Phase
from streams.http.vocabulary import Vocabulary

Key = tuple[str, str]
"""Facility and unit."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names that the reader may see: the pseudonym of each clinician, unless clinicians are not
    shown at all, and the beds to move.
    """

    pseudonym: Callable[[str], str]
    shown: bool
    beds: bool = False

    def advice(self, move: Move | None) -> str:
        return advice(move, self.pseudonym if self.shown else None, self.beds)


def units_of(
    burdens: Burdens,
    status: Status,
    policy: Policy,
    names: Names,
    failed: dict[str, Exception],
    calendars: Calendars,
) -> list[tuple[Key, Unit]]:
    """The units, those that need help first (`UnitNeed`), then by name.

    A facility that raises is left out; `failed` then gets the error.
    """
    spoken: dict[str, Vocabulary] = {}
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
            if key[0] not in spoken:
                spoken[key[0]] = Vocabulary.of(key[0], status, policy, calendars.of(key[0]))
            words = spoken[key[0]]
            units.append(
                (key, _unit(burdens, row, key, on_duty.get(key, ()), status, policy, names, words))
            )
        except Exception as error:  # a facility that fails must not hide the others
            failed[key[0]] = error
    return sorted((one for one in units if one[0][0] not in failed), key=_order)


def _order(one: tuple[Key, Unit]) -> tuple[tuple[float, ...], Key]:
    key, unit = one
    need = UnitNeed(
        STATES.index(unit.state),
        unit.staffing.states.overloaded,
        unit.staffing.states.elevated,
        unit.trend.minutes,
        unit.staffing.clinicians,
    )
    return need.order, key


def _unit(
    burdens: Burdens,
    row: int,
    key: Key,
    on_duty: Sequence[int],
    status: Status,
    policy: Policy,
    names: Names,
    words: Vocabulary,
) -> Unit:
    of, people, windows = burdens.units, burdens.clinicians, burdens.windows
    states, bands = people.overload[list(on_duty)], people.load_band[list(on_duty)]
    strained = sorted(_strained(burdens, on_duty, status), key=lambda one: clinician_order(*one))
    standing = status.units.get(key)
    clinicians, beds = int(of.clinicians[row]), int(of.beds[row])
    return Unit(
        facility=key[0],
        unit=key[1],
        state=STATES[int(of.overload[row])],
        **words.of_state(STATES[int(of.overload[row])], standing, of_unit=True),
        limits=words.limits(key[1]),
        own_limits=words.own_limits(key[1]),
        relief=_relief(status.reliefs.get(key), names),
        relief_says=names.advice(status.reliefs[key]) if key in status.reliefs else None,
        relief_possible=status.reliefs[key] is not None if key in status.reliefs else None,
        strained=[
            Strain(state=STATES[state], **words.of_state(STATES[state], one, of_unit=False))
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
        trend=_trend(status, key, words),
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


def _relief(move: Move | None, names: Names) -> Relief | None:
    if move is None or not names.shown:
        return None
    giver, taker = names.pseudonym(move.giver), names.pseudonym(move.taker)
    (before, after), (taker_before, taker_after) = move.giver_alarms, move.taker_alarms
    return Relief(
        bed=move.bed if names.beds else None,
        giver=Giver(clinician=giver, alarms_1h=before, alarms_1h_after=after),
        taker=Taker(
            clinician=taker,
            alarms_1h=taker_before,
            alarms_1h_after=taker_after,
            beds_after=move.taker_beds,
        ),
        says=names.advice(move),
    )


def _nonactionable(
    windows: Sequence[str], classified: Any, min_classified: int
) -> dict[str, Nonactionable | None]:
    """`classified`: counts by window and class."""
    shares = nonactionable_ratios(classified, min_classified).tolist()
    found: dict[str, Nonactionable | None] = {}
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


def _trend(status: Status, key: Key, words: Vocabulary) -> Trend:
    trend = status.trends.get(key, NO_ALARMS)
    return Trend(
        minutes=trend.minutes,
        hours=known_hours(trend, status.now.get(key[0], 0), status.known_since.get(key[0])),
        shifts=words.shifts(status.shift_alarms.get(key, (0, 0))),
    )


def states_of(status: Status, key: Key) -> list[Phase]:
    """The states of a unit over the last 24 h, at most the latest `MOST_PHASES`."""
    found = phases(
        status.unit_changes.get(key, ()),
        status.now.get(key[0], 0),
        status.known_since.get(key[0]),
    )
    return [Phase(STATES[state], begin, end) for state, begin, end in found[-MOST_PHASES:]]


def clinician_of(
    burdens: Burdens,
    row: int,
    name: str,
    status: Status,
    policy: Policy,
    names: Names,
    calendar: Calendar,
) -> Clinician:
    """The clinician of that row, shown as `name`."""
    of, windows = burdens.clinicians, burdens.windows
    words = Vocabulary.of(of.facility[row], status, policy, calendar)
    state = STATES[int(of.overload[row])]
    standing = status.clinicians.get((of.facility[row], of.clinician[row]))
    return Clinician(
        clinician=name,
        on_duty=bool(of.beds[row]),
        state=state,
        **words.of_state(state, standing, of_unit=False),
        relief=_relief(standing and standing.relief, names),
        relief_says=None if standing is None else names.advice(standing.relief),
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
