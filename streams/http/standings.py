"""Standings: how each unit and each clinician stands, worked out from burdens and a glance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from analyzer import (
    ALARM_PRIORITIES,
    CLASSES,
    EXPOSURE_BANDS,
    LOAD_BANDS,
    NO_ALARMS,
    SCOPES,
    STATES,
    TREND_HOURS,
    Burdens,
    Glance,
    Policy,
    Relief,
    Standing,
    in_words,
)
from analyzer.model.policy import HOUR
from streams.metrics.tables import nonactionable_ratios

MOST_STRAINED = 10
SHIFT_HOURS = 12

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Names:
    """How clinicians are shown, and whether they are."""

    pseudonym: Callable[[str], str]
    shown: bool


def units_of(
    burdens: Burdens, glance: Glance, policy: Policy, names: Names, failed: dict[str, Exception]
) -> list[tuple[Key, dict[str, Any]]]:
    """Who needs help first: by state, then by colleagues whose load is too much, then by alarms for
    each of them; then by name.
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
                (key, _unit(burdens, row, key, on_duty.get(key, ()), glance, policy, names))
            )
        except Exception as error:  # one facility that cannot be told of hides no other
            failed[key[0]] = error
    units = [one for one in units if one[0][0] not in failed]

    def need(one: tuple[Key, dict[str, Any]]) -> tuple[Any, ...]:
        staffing, minutes = one[1]["staffing"], one[1]["trend"]["minutes"]
        states = staffing["states"]
        rate = sum(minutes[-10:]) / max(staffing["clinicians"], 1)
        return (
            -STATES.index(one[1]["state"]),
            -states["overloaded"],
            -states["elevated"],
            -rate,
            one[0],
        )

    return sorted(units, key=need)


def _unit(
    burdens: Burdens,
    row: int,
    key: Key,
    on_duty: Sequence[int],
    glance: Glance,
    policy: Policy,
    names: Names,
) -> dict[str, Any]:
    of, people, windows = burdens.units, burdens.clinicians, burdens.windows
    clinicians, beds = int(of.clinicians[row]), int(of.beds[row])
    states, bands = people.overload[list(on_duty)], people.load_band[list(on_duty)]
    strained = sorted(_strained(burdens, on_duty, glance), key=lambda one: (-one[0], one[1].since))
    state = _state(int(of.overload[row]), glance.units.get(key), True, names)
    if state["relief"] is None and names.shown:
        moves = [one.relief for _, one in strained if one.relief is not None]
        state["relief"] = _relief(moves[0], names.pseudonym) if moves else None
    return {
        "facility": key[0],
        "unit": key[1],
        **state,
        "strained": [
            {"state": STATES[place]} | _reasons(one, of_unit=False)
            for place, one in strained[:MOST_STRAINED]
        ],
        "alarms": {
            window: {"all": int(counts.sum())}
            | dict(zip(ALARM_PRIORITIES, counts.tolist(), strict=True))
            for window, counts in zip(windows, of.alarms[row], strict=True)
        },
        "nonactionable": _nonactionable(windows, of.classified[row], policy.min_classified),
        "open_alarms": int(of.open_alarms[row]),
        "standing_alarms": int(of.standing_alarms[row]),
        "stale_alarms": int(of.stale_alarms[row]),
        "unassigned_alarms": _by(windows, of.unassigned[row]),
        "chattering_alarms": _by(windows, of.chattering[row]),
        "staffing": {
            "clinicians": clinicians,
            "beds": beds,
            "beds_per_clinician": beds / clinicians if clinicians else None,
            "acuity_per_clinician": float(of.acuity[row]) / clinicians if clinicians else None,
            "states": {name: int((states == place).sum()) for place, name in enumerate(STATES)},
            "load_bands": {
                name: int((bands == place).sum()) for place, name in enumerate(LOAD_BANDS)
            },
        },
        "trend": _trend(glance, key),
    }


def _strained(
    burdens: Burdens, on_duty: Sequence[int], glance: Glance
) -> Iterator[tuple[int, Standing]]:
    """Those on duty whose load is not normal, without their names."""
    of = burdens.clinicians
    for row in on_duty:
        standing = glance.clinicians.get((of.facility[row], of.clinician[row]))
        if standing is not None:
            yield int(of.overload[row]), standing


def _reasons(one: Standing | None, of_unit: bool) -> dict[str, Any]:
    """Since when a state holds, when the load rose last and what called for it then, and what keeps
    it up now (nothing: it cools down).
    """
    if one is None:
        return {"since": None, "rose": None, "entered": [], "reasons": []}
    entered, reasons = (
        [in_words(why, of_unit, rising=True) for why in found]
        for found in (one.rise.reasons, one.holding)
    )
    return {"since": one.since, "rose": one.rise.at, "entered": entered, "reasons": reasons}


def _state(place: int, standing: Standing | None, of_unit: bool, names: Names) -> dict[str, Any]:
    """A state with what it rests on, and the move that would help."""
    relief = (
        _relief(standing.relief, names.pseudonym)
        if standing is not None and standing.relief is not None and names.shown
        else None
    )
    return {"state": STATES[place], **_reasons(standing, of_unit), "relief": relief}


def _relief(one: Relief, pseudonym: Callable[[str], str]) -> dict[str, Any]:
    """A move of one bed; which one stays unsaid."""
    giver, taker = pseudonym(one.giver), pseudonym(one.taker)
    return {
        "from": {
            "clinician": giver,
            "alarms_1h": one.giver_alarms[0],
            "alarms_1h_after": one.giver_alarms[1],
        },
        "to": {
            "clinician": taker,
            "alarms_1h": one.taker_alarms[0],
            "alarms_1h_after": one.taker_alarms[1],
            "beds_after": one.taker_beds,
        },
        "says": f"one bed from {giver} to {taker}: alarms an hour {one.giver_alarms[0]} -> {one.giver_alarms[1]} and "
        f"{one.taker_alarms[0]} -> {one.taker_alarms[1]}",
    }


def _nonactionable(windows: Sequence[str], classified: Any, min_classified: int) -> dict[str, Any]:
    """By window: the shares, how many alarms they rest on, and how many there are."""
    told = {}
    ratios = nonactionable_ratios(classified, min_classified)
    for window, counts, shares in zip(windows, classified, ratios, strict=True):
        by_class = dict(zip(CLASSES, counts.tolist(), strict=True))
        rests_on = by_class["actionable"] + by_class["non_actionable"] + by_class["technical"]
        told[window] = dict(zip(SCOPES, map(_known, shares.tolist()), strict=True)) | {
            "classes": by_class,
            "classified": rests_on,
            "alarms": int(counts.sum()),
        }
    return told


def _trend(glance: Glance, key: Key) -> dict[str, Any]:
    """Alarms by minute and hour; hours of which nothing is held are None, and those held in part
    are left out of `shifts`.
    """
    trend, known = glance.trends.get(key, NO_ALARMS), glance.known_since.get(key[0])
    now = glance.now.get(key[0], 0)
    begins = [now - (TREND_HOURS - place) * HOUR for place in range(TREND_HOURS)]
    held = [known is not None and known <= begin for begin in begins]
    hours = [
        count if known is not None and known < begin + HOUR else None
        for count, begin in zip(trend.hours, begins, strict=True)
    ]

    def shift(first: int) -> dict[str, int]:
        whole = [place for place in range(first, first + SHIFT_HOURS) if held[place]]
        return {"hours": len(whole), "alarms": sum(trend.hours[place] for place in whole)}

    return {
        "minutes": trend.minutes,
        "hours": hours,
        "shifts": {"before": shift(0), "last": shift(SHIFT_HOURS)},
    }


def clinician_of(
    burdens: Burdens, row: int, name: str, glance: Glance, policy: Policy, names: Names
) -> dict[str, Any]:
    of, windows = burdens.clinicians, burdens.windows
    return {
        "clinician": name,
        "on_duty": bool(of.beds[row]),
        **_state(
            int(of.overload[row]),
            glance.clinicians.get((of.facility[row], of.clinician[row])),
            False,
            names,
        ),
        "beds": int(of.beds[row]),
        "acuity": float(of.acuity[row]),
        "shift_hours": _known(float(of.shift_hours[row])),
        "alarms": _by(windows, of.alarms[row].sum(axis=-1)),
        "alarm_seconds": _by(windows, of.alarm_milliseconds[row] / 1000),
        "protected_ratio": _by(windows, of.protected_ratio[row]),
        "flood_ratio": _by(windows, of.flood_ratio[row]),
        "overlapping_alarms": _by(windows, of.overlapping[row]),
        "nonactionable": _nonactionable(windows, of.classified[row], policy.min_classified),
        "load_band": LOAD_BANDS[int(of.load_band[row])],
        "nonactionable_exposure": int(of.exposure[row]),
        "exposure_band": EXPOSURE_BANDS[int(of.exposure_band[row])],
    }


def _by(windows: Sequence[str], values: Any) -> dict[str, Any]:
    return dict(zip(windows, map(_known, values.tolist()), strict=True))


def _known(value: float) -> float | None:
    return None if isnan(value) else value
