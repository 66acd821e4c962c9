"""The board: the answers of /api/v1/units, /api/v1/unit and /api/v1/clinicians.

The numbers are those of /metrics, from the same measurement. Units are ordered by need of help,
clinicians by pseudonym. No person, bed, patient or device is named.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from dataclasses import replace as replace_fields
from urllib.parse import quote, urlencode

from msgspec import convert
from msgspec.structs import replace

from analyzer import Policy, Status
from streams.access import EVERYWHERE, Scope
from streams.formats.calendars import UTC_CALENDARS, Calendars
from streams.health.health import Health
from streams.health.summary import currency, facility_document
from streams.http.answers import Answer, NotHere, QueryError
from streams.http.completeness import Half
from streams.http.documents.board import (
    MOST_CLINICIANS,
    MOST_UNITS,
    Clinicians,
    Currency,
    FacilityCurrency,
    Unit,
    Units,
    Warned,
)
from streams.http.documents.taken import Taken
from streams.http.documents.unit import UnitHistory
from streams.http.privacy import Privacy
from streams.http.standings import Key, Names, clinician_of, states_of, units_of
from streams.http.vocabulary import rules_of
from streams.metrics.exporter import Exporter, Measured, Source, in_turns
from streams.metrics.freshness import Freshness
from streams.paging.ownership import Ownership
from streams.paging.takings import Taking
from streams.paging.words import has_words
from streams.partitions.partition import Partition
from streams.settings import PrivacySettings

REFRESH_SECONDS = 5.0
"""How old an answer may be, and how often the page asks: overload states change by the minute."""
REFRESH_SECONDS_RECORDED = 2.0
"""The same with the event clock, where minutes may pass in seconds."""
LEAST_REFRESH_SECONDS = 0.5


NO_SUCH_UNIT = "no such unit among those of this worker"


@dataclass(frozen=True, slots=True)
class UnitsQuery:
    """Which units to return."""

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


@dataclass(frozen=True, slots=True)
class Known:
    """How current the numbers were when a view was made."""

    watermarks: Mapping[str, int]
    """By facility (ms)."""
    quiet: Mapping[str, float]
    """By facility, the time (s) since its last event."""
    health: Health
    behind: str | None
    records: int | None
    """Not yet read."""
    uncommitted: int

    def within(self, scope: Scope) -> Known:
        """The part that a reader of these places may know."""
        if scope.is_everywhere:
            return self
        return replace_fields(
            self,
            watermarks={name: at for name, at in self.watermarks.items() if scope.touches(name)},
            quiet={name: since for name, since in self.quiet.items() if scope.touches(name)},
            health=self.health.about(scope.touches, scope.holds_whole),
        )


@dataclass(slots=True)
class View:
    """One measurement, ready to be sent. `at`: when it was made (ms, by the worker's clock)."""

    of: Measured
    status: Status
    at: int
    head: Units
    """The answer without its units, for a reader of everything."""
    known: Known
    units: list[tuple[Key, Unit]]
    people: dict[Key, list[tuple[int, str]]]
    """Rows and pseudonyms of the clinicians with series, by facility and unit, ordered by
    pseudonym.
    """
    failed: dict[str, Exception]
    """Facilities left out because their answer could not be worked out, and why."""
    half: Half | None
    """The state if it was incomplete when it was measured."""
    answers: dict[object, Answer] = field(default_factory=dict)


class Board:
    """/api/v1/units, /api/v1/unit and /api/v1/clinicians of one worker.

    `behind` gives in one line why the worker is not up to date, or None. `event`: whether the
    watermark of each facility is its clock; `ownership`: who has taken which page; `links`: whether
    pages have a link there; `grafana`: the address of Grafana, for links to its boards;
    `smallest_group`: see `streams.http.privacy`. `reuse` in
    seconds: see `streams.metrics.freshness`.
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
        ownership: Ownership | None = None,
        grafana: str | None = None,
        calendars: Calendars = UTC_CALENDARS,
        links: bool = False,
        smallest_group: int = PrivacySettings().smallest_group,
    ) -> None:
        self._links = links
        self._source = source
        self._privacy = Privacy.of(smallest_group, policy)
        self._ownership = ownership
        self._grafana = grafana
        self._exporter = exporter
        self._policy = policy
        self._names = names
        self._calendars = calendars
        self._behind = behind
        self._event = event
        if reuse is None:
            reuse = REFRESH_SECONDS_RECORDED if event else REFRESH_SECONDS
        # The answer also says how current it is, so that it changes though no partition does.
        self._fresh: Freshness[None, View] = Freshness(source, reuse, clock, while_unchanged=False)
        self._wall = wall
        self._clock = clock
        self._moved: dict[str, tuple[int, float]] = {}
        """By facility: the watermark last seen, and since when (s)."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="board")

    async def units(self, query: UnitsQuery, scope: Scope = EVERYWHERE) -> Answer:
        """The units of a scope. Raises `Elsewhere`."""
        scope.expect(query.facility, None)
        view = await self._current()
        if (asked := (query, scope)) not in view.answers:
            chosen = [
                unit
                for (facility, name), unit in view.units
                if query.facility in (None, facility) and scope.holds(facility, name)
            ]
            # How many units of a facility are left out is not for those who may see some only.
            beyond = sum(
                count
                for name, count in view.of.bounded.left_out_units.items()
                if query.facility in (None, name) and scope.holds_whole(name)
            )
            found = replace(
                self._head_of(view, scope),
                units=chosen[: query.limit],
                left_out=max(len(chosen) - query.limit, 0) + beyond,
            )
            names = _named(found.units)
            view.answers[asked] = await in_turns(self._thread.submit(Answer.of, found, names))
        return view.answers[asked]

    def _head_of(self, view: View, scope: Scope) -> Units:
        if scope.is_everywhere:
            return view.head
        return replace(view.head, currency=self._currency(view.known.within(scope), scope))

    async def unit(self, given: Mapping[str, str], scope: Scope = EVERYWHERE) -> Answer:
        """One unit with its history.

        Raises `QueryError`, `NotHere`, `Elsewhere`, `Incomplete`.
        """
        key = _key(given)
        scope.expect(*key)
        view = await self._current()
        unit = next((unit for of, unit in view.units if of == key), None)
        if unit is None:
            raise _unknown(key, view)
        if (asked := ("unit", key, scope)) not in view.answers:
            head = self._head_of(view, scope)
            found = UnitHistory(
                at=head.at,
                refresh_seconds=head.refresh_seconds,
                windows=head.windows,
                currency=head.currency,
                unit=unit,
                takings=head.takings,
                states=self._privacy.states(
                    states_of(view.status, key),
                    view.status.groups.get(key, ()),
                    view.status.now.get(key[0], 0),
                ),
                board_url=None if self._grafana is None else unit_board(self._grafana, *key),
            )
            names = _named([unit])
            view.answers[asked] = await in_turns(self._thread.submit(Answer.of, found, names))
        return view.answers[asked]

    async def clinicians(self, given: Mapping[str, str], scope: Scope = EVERYWHERE) -> Answer:
        """The clinicians of one unit.

        Raises `QueryError`, `NotHere`, `Elsewhere`, `Incomplete`.
        """
        key = _key(given)
        scope.expect(*key)
        if not self._names.shown:
            raise NotHere("metrics.clinicians is off: this worker shows units only")
        view = await self._current()
        if key not in view.people and not any(key == of for of, _ in view.units):
            raise _unknown(key, view)
        if key not in view.answers:
            people, calendar = view.people.get(key, []), self._calendars.of(key[0])
            shown = [
                self._privacy.clinician(
                    clinician_of(
                        view.of.burdens, row, name, view.status, self._policy, self._names, calendar
                    )
                )
                for row, name in people[:MOST_CLINICIANS]
            ]
            found = Clinicians(
                facility=key[0],
                unit=key[1],
                at=view.at,
                clinicians=shown,
                left_out=max(len(people) - MOST_CLINICIANS, 0),
            )
            names = {one.clinician for one in shown}
            view.answers[key] = await in_turns(self._thread.submit(Answer.of, found, names))
        return view.answers[key]

    async def now_of(self, key: Key) -> int:
        """The time (ms) of the facility of a unit that is shown.

        Raises `NotHere`, `Incomplete`.
        """
        view = await self._current()
        if not any(key == of for of, _ in view.units):
            raise _unknown(key, view)
        return view.status.now.get(key[0], view.at)

    async def _current(self) -> View:
        return await self._fresh.get(None, self._taken)

    async def _taken(self, _: Sequence[Partition]) -> View:
        moment, at = self._clock(), int(self._wall() * 1000)
        half = Half.of(self._source)
        measured = await self._exporter.measured(status=True)
        known = self._known(at, moment)  # asks the worker, so it runs in the event loop
        head = self._head(at, known)
        view = await in_turns(self._thread.submit(self._view, measured, at, head, known, half))
        if self._ownership is not None:
            _add_takings(view, self._ownership)
        self._exporter.unmeasured.record("board", view.failed)
        return view

    def _view(self, of: Measured, at: int, head: Units, known: Known, half: Half | None) -> View:
        """Runs in the board's thread."""
        status = of.status
        assert status is not None
        people: dict[Key, list[tuple[int, str]]] = {}
        every = of.burdens.clinicians
        if of.chosen is not None:
            for row, name in zip(of.chosen.row, of.chosen.shown, strict=True):
                people.setdefault((every.facility[row], every.unit[row]), []).append((row, name))
        failed: dict[str, Exception] = {}
        units = [
            (key, self._privacy.unit(unit, status.groups.get(key, ()), status.now.get(key[0], 0)))
            for key, unit in units_of(
                of.burdens, status, self._policy, self._names, failed, self._calendars
            )
        ]
        return View(of, status, at, head, known, units, people, failed, half)

    def _known(self, at: int, moment: float) -> Known:
        watermarks: dict[str, int] = {}
        for one in self._source.partitions:
            watermarks |= one.engine.watermarks()
        waiting = self._source.lags().values()
        return Known(
            watermarks,
            self._quiet(watermarks, at, moment),
            self._source.health(),
            self._behind(),
            None if None in waiting else sum(lag or 0 for lag in waiting),
            sum(self._source.uncommitted_records().values()),
        )

    def _head(self, at: int, known: Known) -> Units:
        return Units(
            at=at,
            refresh_seconds=max(self._fresh.reuse, LEAST_REFRESH_SECONDS),
            windows=list(self._policy.windows),
            currency=self._currency(known, EVERYWHERE),
            rules=rules_of(self._policy, self._links),
            units=[],
            left_out=0,
        )

    def _currency(self, known: Known, scope: Scope) -> Currency:
        quiet, health, records = known.quiet, known.health, known.records
        waiting = None if records is None else records + known.uncommitted
        found = currency(quiet, known.behind, health, waiting)
        return Currency(
            state=found.state,
            says=found.says,
            clock="event" if self._event else "wall",
            waiting_records=records,
            waiting_seconds=max(self._source.lag_seconds().values(), default=0.0),
            broker_answered_at=None
            if health.answered_at is None
            else int(health.answered_at * 1000),
            warnings=[Warned(facility=one.facility, says=one.says) for one in health.warned()],
            facilities=[
                self._facility_currency(name, known, scope.holds_whole(name))
                for name in sorted(quiet)
            ],
        )

    def _facility_currency(self, name: str, known: Known, counted: bool) -> FacilityCurrency:
        fields = {
            "time_zone": str(self._calendars.of(name).zone),
            "shifts": [f"{at:%H:%M}" for at in self._calendars.of(name).shifts],
            **facility_document(name, known.watermarks[name], known.quiet[name], known.health),
        }
        if not counted:  # a facility's events less a unit's own are those of other units
            fields["recent_alarm_events"] = None
        return convert(fields, FacilityCurrency)

    def _quiet(self, watermarks: Mapping[str, int], at: int, moment: float) -> dict[str, float]:
        """By facility, the time (s) since its last event; with the event clock, since its watermark
        was last seen to move.
        """
        for name, mark in watermarks.items():
            if self._moved.get(name, (None, 0.0))[0] != mark:
                self._moved[name] = mark, moment
        self._moved = {name: self._moved[name] for name in watermarks}
        if self._event:
            return {name: moment - since for name, (_, since) in self._moved.items()}
        return {name: max(at - mark, 0) / 1000 for name, mark in watermarks.items()}


def _named(units: Iterable[Unit]) -> set[str]:
    """The clinicians whom the answer about some units names."""
    moves = [unit.relief for unit in units if unit.relief is not None]
    return {name for one in moves for name in (one.giver.clinician, one.taker.clinician)}


def _unknown(key: Key, view: View) -> NotHere:
    """The error for a unit that is not in a view. Raises `Incomplete` if it may come yet."""
    if view.half is not None:
        view.half.expect(key[0])
    return NotHere(NO_SUCH_UNIT)


def _key(given: Mapping[str, str]) -> Key:
    """Raises `QueryError`."""
    if given.keys() != {"facility", "unit"}:
        raise QueryError("expected the parameters facility and unit")
    return given["facility"], given["unit"]


def unit_board(grafana: str, facility: str, unit: str) -> str:
    """The address of a unit's board.

    >>> unit_board("https://grafana.example.org/", "H01", "A&E")
    'https://grafana.example.org/d/alarm-fatigue-unit?var-facility=H01&var-unit=A%26E'
    """
    query = urlencode({"var-facility": facility, "var-unit": unit}, quote_via=quote)
    return f"{grafana.rstrip('/')}/d/alarm-fatigue-unit?{query}"


def _add_takings(view: View, ownership: Ownership) -> None:
    """Says of each unit who has its page, as far as that is known."""
    now = ownership.now()
    if not ownership.known.current(now):
        view.head = replace(view.head, takings="unknown")
        return
    held = ownership.known.held(now)
    view.head = replace(view.head, takings="known")
    view.units = [
        (key, replace(unit, taken=_taken(held[key], ownership, now)) if key in held else unit)
        for key, unit in view.units
    ]


def _taken(one: Taking, ownership: Ownership, now: float) -> Taken:
    return Taken(
        role=one.role,
        since=round(1000 * one.since),
        until=round(1000 * one.until),
        says=has_words(one, ownership.clock(one.facility), now),
    )
