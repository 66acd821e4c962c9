"""The board: what the page and whoever else asks /api/v1/units and /api/v1/clinicians is told, as
JSON.

Its numbers are those of /metrics, from the same measurement; `streams/site/openapi.json` says of
what form. Units stand in the order in which they need help, clinicians in that of their pseudonyms.
Nobody's name, bed, patient or device is in it.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
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
from analyzer.model import HOUR
from streams.formats.codec import to_json
from streams.health.summary import currency, facility_document
from streams.http.finder import QueryError
from streams.metrics.exporter import Exporter, Measured, Source, in_turns
from streams.metrics.tables import nonactionable_ratios

REFRESH_SECONDS = 5.0
"""How old an answer may be, however many ask, and how often the page asks: overload states change
by the minute.
"""
REFRESH_SECONDS_RECORDED = 2.0
"""The same by the event clock, on which minutes may pass in seconds."""
LEAST_REFRESH_SECONDS = 0.5
MOST_UNITS = 500
"""No answer holds more: some 3 kB each, a third of that as sent."""
MOST_CLINICIANS = 500
MOST_STRAINED = 10
SHIFT_HOURS = 12
_GZIP_FROM = 1024  # bytes

Key = tuple[str, str]


class NotHere(LookupError):
    """Nothing of that name is shown by this worker: one line."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A document, plain and compressed, and what tells it from others."""

    body: bytes
    compressed: bytes
    etag: str

    @classmethod
    def of(cls, document: Any) -> Answer:
        body = to_json(document) + b"\n"
        compressed = gzip.compress(body, 1, mtime=0) if len(body) >= _GZIP_FROM else b""
        return cls(body, compressed, f'"{blake2b(body, digest_size=12).hexdigest()}"')


@dataclass(frozen=True, slots=True)
class UnitsQuery:
    """Which units are asked for."""

    facility: str | None = None
    limit: int = MOST_UNITS

    @classmethod
    def of(cls, given: Mapping[str, str]) -> UnitsQuery:
        """From the parameters of a request. Raises `QueryError`."""
        for name in given:
            if name not in ("facility", "limit"):
                raise QueryError("expected no parameters but facility and limit")
        limit = given.get("limit", str(MOST_UNITS))
        if not (
            limit.isascii() and limit.isdigit() and len(limit) < 5 and 1 <= int(limit) <= MOST_UNITS
        ):
            raise QueryError(f"limit: expected a whole number from 1 to {MOST_UNITS}")
        return cls(given.get("facility"), int(limit))


@dataclass(slots=True)
class View:
    """One measurement, ready to be told. `at`: when it was made (ms, by the worker's clock)."""

    of: Measured
    glance: Glance
    at: int
    moment: float
    head: dict[str, Any]
    units: list[tuple[Key, dict[str, Any]]]
    people: dict[Key, list[tuple[int, str]]]
    """Rows and pseudonyms of those whose series are shown, by facility and unit, ordered by
    pseudonym.
    """
    failed: dict[str, Exception]
    """Facilities left out because they cannot be told of, and why."""
    answers: dict[object, Answer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Names:
    """How clinicians are shown, and whether they are."""

    pseudonym: Callable[[str], str]
    shown: bool


class Board:
    """/api/v1/units and /api/v1/clinicians of one worker; one answer is worked out at a time, and
    serves all who ask within `reuse`.

    `behind` tells in one line why the worker is not up to date, or None; `event`: whether
    facilities' watermarks are their clocks.
    """

    def __init__(
        self,
        source: Source,
        exporter: Exporter,
        policy: Policy,
        names: Names,
        behind: Callable[[], str | None],
        event: bool,
        reuse: float | None = None,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._exporter = exporter
        self._policy = policy
        self._names = names
        self._behind = behind
        self._event = event
        self._reuse = (
            (REFRESH_SECONDS_RECORDED if event else REFRESH_SECONDS) if reuse is None else reuse
        )
        self._wall = wall
        self._clock = clock
        self._view: View | None = None
        self._moved: dict[str, tuple[int, float]] = {}
        """By facility: the watermark last seen, and since when (s)."""
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="board")

    async def units(self, query: UnitsQuery) -> Answer:
        view = await self._current()
        if query not in view.answers:
            chosen = [
                unit for (facility, _), unit in view.units if query.facility in (None, facility)
            ]
            beyond = sum(
                count
                for name, count in view.of.bounded.left_out_units.items()
                if query.facility in (None, name)
            )
            shown = {
                "units": chosen[: query.limit],
                "left_out": max(len(chosen) - query.limit, 0) + beyond,
            }
            view.answers[query] = await in_turns(self._thread.submit(Answer.of, view.head | shown))
        return view.answers[query]

    async def clinicians(self, given: Mapping[str, str]) -> Answer:
        """Of one unit. Raises `QueryError`, `NotHere`."""
        if given.keys() != {"facility", "unit"}:
            raise QueryError("expected the parameters facility and unit")
        if not self._names.shown:
            raise NotHere("metrics.clinicians is off: this worker tells of units only")
        view = await self._current()
        key = (given["facility"], given["unit"])
        if key not in view.people and not any(key == of for of, _ in view.units):
            raise NotHere("no such unit among those of this worker")
        if key not in view.answers:
            people = view.people.get(key, [])
            shown = [
                _clinician(view, row, name, self._policy, self._names)
                for row, name in people[:MOST_CLINICIANS]
            ]
            document = {
                "facility": key[0],
                "unit": key[1],
                "at": view.at,
                "clinicians": shown,
                "left_out": max(len(people) - MOST_CLINICIANS, 0),
            }
            view.answers[key] = await in_turns(self._thread.submit(Answer.of, document))
        return view.answers[key]

    async def _current(self) -> View:
        async with self._turn:
            known = self._view
            if (
                known is None
                or self._clock() - known.moment >= self._reuse
                or known.of.held != self._held()
            ):
                moment, at = self._clock(), int(self._wall() * 1000)
                measured = await self._exporter.measured(glance=True)
                head = self._head(at, moment)  # asks the worker, so it is the event loop's
                self._view = await in_turns(
                    self._thread.submit(
                        _view, measured, at, moment, head, self._policy, self._names
                    )
                )
                self._exporter.unmeasured.note("board", self._view.failed)
            assert self._view is not None
            return self._view

    def _held(self) -> tuple[Any, ...]:
        return self._exporter.holds(self._source.partitions)

    def _head(self, at: int, moment: float) -> dict[str, Any]:
        watermarks: dict[str, int] = {}
        for one in self._source.partitions:
            watermarks |= one.engine.watermarks()
        quiet = self._quiet(watermarks, at, moment)
        health, waiting = self._source.health(), self._source.lags().values()
        records = None if None in waiting else sum(lag or 0 for lag in waiting)
        uncommitted = sum(self._source.uncommitted_records().values())
        told = currency(
            quiet, self._behind(), health, None if records is None else records + uncommitted
        )
        warned = health.warned()
        seconds = self._source.lag_seconds().values()
        return {
            "at": at,
            "refresh_seconds": max(self._reuse, LEAST_REFRESH_SECONDS),
            "windows": list(self._policy.windows),
            "currency": {
                "state": told.state,
                "says": told.says,
                "clock": "event" if self._event else "wall",
                "waiting_records": records,
                "waiting_seconds": max(seconds, default=0.0),
                "broker_answered_at": None
                if health.answered_at is None
                else int(health.answered_at * 1000),
                "warnings": [{"facility": one.facility, "says": one.says} for one in warned],
                "facilities": [
                    facility_document(name, watermarks[name], quiet[name], health)
                    for name in sorted(quiet)
                ],
            },
        }

    def _quiet(self, watermarks: Mapping[str, int], at: int, moment: float) -> dict[str, float]:
        """By facility, for how long (s) it has said nothing; by the event clock, since we saw its
        watermark move.
        """
        for name, mark in watermarks.items():
            if self._moved.get(name, (None, 0.0))[0] != mark:
                self._moved[name] = mark, moment
        self._moved = {name: self._moved[name] for name in watermarks}
        if self._event:
            return {name: moment - since for name, (_, since) in self._moved.items()}
        return {name: max(at - mark, 0) / 1000 for name, mark in watermarks.items()}


def _view(
    of: Measured, at: int, moment: float, head: dict[str, Any], policy: Policy, names: Names
) -> View:
    assert of.glance is not None
    people: dict[Key, list[tuple[int, str]]] = {}
    every = of.burdens.clinicians
    if of.chosen is not None:
        for row, name in zip(of.chosen.row, of.chosen.shown, strict=True):
            people.setdefault((every.facility[row], every.unit[row]), []).append((row, name))
    failed: dict[str, Exception] = {}
    return View(
        of,
        of.glance,
        at,
        moment,
        head,
        _units(of.burdens, of.glance, policy, names, failed),
        people,
        failed,
    )


def _units(
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


def _clinician(view: View, row: int, name: str, policy: Policy, names: Names) -> dict[str, Any]:
    burdens = view.of.burdens
    of, windows = burdens.clinicians, burdens.windows
    return {
        "clinician": name,
        "on_duty": bool(of.beds[row]),
        **_state(
            int(of.overload[row]),
            view.glance.clinicians.get((of.facility[row], of.clinician[row])),
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
