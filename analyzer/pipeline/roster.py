"""Roster: which clinicians are responsible for which bed, and when, as charted so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Codes, Floats, Numbers
from analyzer.columns.blocks import Blocks
from analyzer.columns.growing import Growing
from analyzer.columns.numbered import Numbered, kept
from analyzer.columns.timeline import AFTER_ALL, BEFORE_ALL, Timeline
from analyzer.model.facts import Assignment, fact_of, values_of
from analyzer.times import OPEN

MOST_RECIPIENTS = 256
"""At most so many recipients of an alarm count, those with the least ids (our own)."""

NURSE = "nurse"
"""The role of most assignments."""

Team = tuple[int, ...]
"""Numbers of clinicians, sorted."""

_ROUNDS = 8
"""Stretches of each bed that are looked at for all alarms at once (our own)."""


class Teams:
    """Sets of clinicians by number; 0 is the empty set."""

    def __init__(self) -> None:
        self.clinicians: Numbered[tuple[int, str]] = Numbered()  # (facility, id)
        self.numbers: Numbered[Team] = Numbered()
        self._unions: dict[tuple[int, int], int] = {}
        self._names: dict[int, tuple[str, ...]] = {}
        self.numbers[()]

    def __getitem__(self, number: int) -> Team:
        return self.numbers.by_number[number]

    @property
    def all(self) -> list[Team]:
        return self.numbers.by_number

    def of(self, facility: int, clinicians: Iterable[str]) -> int:
        """The number of this set of a facility's clinicians."""
        return self.numbers[tuple(sorted({self.clinicians[facility, one] for one in clinicians}))]

    def union(self, one: int, other: int) -> int:
        pair = (one, other)
        if pair not in self._unions:
            self._unions[pair] = self.numbers[
                tuple(sorted({*self.numbers.by_number[one], *self.numbers.by_number[other]}))
            ]
        return self._unions[pair]

    def with_recipients(
        self, number: int, facility: int, recipients: Sequence[str]
    ) -> tuple[int, int]:
        """The number of a team with more recipients, and how many of them `MOST_RECIPIENTS` left
        out.
        """
        known = self.numbers.by_number[number]
        if len(known) + len(recipients) <= MOST_RECIPIENTS:
            return self.union(number, self.of(facility, recipients)), 0
        names = {self.clinicians.by_number[one][1] for one in known} | set(recipients)
        return self.of(facility, sorted(names)[:MOST_RECIPIENTS]), max(
            len(names) - MOST_RECIPIENTS, 0
        )

    def names(self, number: int) -> tuple[str, ...]:
        """The ids of a team's clinicians, sorted."""
        names = self._names.get(number)
        if names is None:
            names = self._names[number] = tuple(
                sorted(self.clinicians.by_number[one][1] for one in self.numbers.by_number[number])
            )
        return names

    def dump(self, number: int) -> tuple[int, tuple[str, ...]] | None:
        """The facility and the clinicians of a team, to be stored; None for the empty team."""
        return (
            (self.clinicians.by_number[self.numbers.by_number[number][0]][0], self.names(number))
            if number
            else None
        )

    def keep(self, used: Codes) -> Codes:
        """Forget all teams but `used`, the first of which must be 0. Returns new numbers by old."""
        self._unions.clear()
        self._names.clear()
        return kept(self.numbers, used)

    def keep_clinicians(self, used: Iterable[int]) -> Codes:
        """Forget all clinicians but those of teams and `used`. Returns new numbers by old."""
        members = {one for team in self.numbers.by_number for one in team}
        moved = kept(self.clinicians, np.array(sorted(members.union(used)), dtype=np.int64))
        self.numbers.renew([tuple(moved[list(team)].tolist()) for team in self.numbers.by_number])
        self._unions.clear()
        self._names.clear()
        return moved


def pairs(
    teams: list[Team], team: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The (row, clinician) pairs of an attribution, as two parallel arrays.

    `team` gives the team of each row. The first array holds indices into `team`, the second the
    number of one clinician of that team.
    """
    sizes = np.array([len(one) for one in teams], dtype=np.intp)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    flat = np.array([one for of_team in teams for one in of_team], dtype=np.intp)
    times = sizes[team]
    which = np.repeat(np.arange(len(team)), times)
    within = np.arange(len(which)) - np.repeat(np.cumsum(times) - times, times)
    return which, flat[np.repeat(offsets[team], times) + within]


class _Held:
    """The latest record of an assignment, and where it is stored."""

    __slots__ = ("assignment", "bed", "block", "facility", "row")

    def __init__(self, assignment: Assignment, facility: int, bed: int) -> None:
        self.assignment = assignment
        self.facility = facility
        self.bed = bed
        self.block = 0
        self.row = -1


class Shifts(Growing):
    """The assignments that are not void, in columns. Rows with `facility` -1 are free."""

    facility: Codes
    clinician: Codes  # a number in `Teams.clinicians`
    bed: Codes
    start: Numbers
    end: Numbers  # OPEN: until further notice
    acuity: Floats

    def __init__(self) -> None:
        super().__init__(
            facility=(np.int32, -1),
            clinician=(np.int32, -1),
            bed=(np.int32, -1),
            start=(np.int64, 0),
            end=(np.int64, OPEN),
            acuity=(np.float64, 1.0),
        )
        self._top = 0
        self._free: list[int] = []
        self.roles: dict[int, str] = {}
        """By row, of roles other than `NURSE`."""

    def add(self, facility: int, clinician: int, bed: int, one: Assignment) -> int:
        """Add one; returns its row."""
        if self._free:
            row = self._free.pop()
        else:
            row, self._top = self._top, self._top + 1
            self.reserve(self._top)
        self.facility[row], self.clinician[row], self.bed[row] = facility, clinician, bed
        self.start[row], self.end[row] = one.start, OPEN if one.end is None else one.end
        self.acuity[row] = 1.0 if one.acuity is None else one.acuity
        if one.role not in (None, "", NURSE):
            self.roles[row] = one.role
        return row

    def remove(self, row: int) -> None:
        self.facility[row] = -1
        self.roles.pop(row, None)
        self._free.append(row)

    def rows(self) -> Numbers:
        """The rows in use."""
        return np.flatnonzero(self.facility[: self._top] >= 0)

    def of(self, facilities: npt.NDArray[np.bool_]) -> Numbers:
        """The rows of some facilities, given as a mask by number."""
        known = self.facility[: self._top]
        return np.flatnonzero((known >= 0) & facilities[known])


class Roster(Growing):
    """The latest record of each assignment. Intervals are [start, end); an empty one is void.

    Beds are those of a unit (`Statics.beds`). The columns, by bed, cache the stretch of time that
    was asked for last: in [`since`, `until`) the team is `team`.
    """

    since: Numbers
    until: Numbers
    team: Codes

    def __init__(self, teams: Teams) -> None:
        super().__init__(since=(np.int64, 0), until=(np.int64, 0), team=(np.int32, 0))
        self._teams = teams
        self._held: dict[tuple[int, str], _Held] = {}
        self._valid: dict[tuple[int, str], _Held] = {}  # void ones are not there, nor in a timeline
        self._timelines: dict[int, Timeline] = {}  # by bed
        self.blocks: Blocks[_Held] = Blocks(256)
        self.shifts = Shifts()

    def put(self, new: Assignment, facility: int, bed: int) -> tuple[tuple[int, Assignment], ...]:
        """Merge a record. Returns the (bed, assignment)s that it added or removed."""
        key = (facility, new.assignment_id)
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = _Held(new, facility, bed)
            self.blocks.add(held)
            changed: tuple[tuple[int, Assignment], ...] = ((bed, new),)
        elif new.order <= held.assignment.order:
            return ()
        else:
            changed = ((held.bed, held.assignment), (bed, new))
            self._take_from_bed(held)
            held.assignment, held.bed = new, bed
            self.blocks.changed(held)
        self._put_to_bed(held)
        return changed

    def teams_at(self, beds: Codes, moments: Numbers) -> Codes:
        """The number of the responsible team, for each pair of bed and time (ms)."""
        self.reserve(int(beds.max()) + 1)
        teams = np.empty(len(beds), dtype=np.int32)
        open_ = np.arange(len(beds))
        for _ in range(_ROUNDS):
            at, asked = beds[open_], moments[open_]
            known = (asked >= self.since[at]) & (asked < self.until[at])
            teams[open_[known]] = self.team[at[known]]
            open_ = open_[~known]
            if not len(open_):
                return teams
            # mostly, one stretch a bed, or two about a change of shifts, have all that is asked for
            _, firsts = np.unique(beds[open_], return_index=True)
            for number in open_[firsts].tolist():
                self._team_at(int(beds[number]), int(moments[number]))
        # by time, so that no edge is passed twice
        for number in open_[np.argsort(moments[open_], kind="stable")].tolist():
            teams[number] = self._team_at(int(beds[number]), int(moments[number]))
        return teams

    def _team_at(self, bed: int, moment: int) -> int:
        timeline = self._timelines.get(bed)
        since, until, on_duty = (
            (BEFORE_ALL, AFTER_ALL, []) if timeline is None else timeline.at(moment)
        )
        team = self._teams.numbers[tuple(sorted(on_duty))]
        self.since[bed], self.until[bed], self.team[bed] = since, until, team
        return team

    def valid(self) -> list[tuple[int, Assignment]]:
        """Every (facility, assignment) that is not void, in no order."""
        return [(held.facility, held.assignment) for held in self._valid.values()]

    def drop_before(self, moments: list[int], oldest_alarm: dict[int, int]) -> None:
        """Forget assignments that ended, and were charted, before the moment of their facility
        (ms).

        Those that a held alarm may be attributed by stay: `oldest_alarm` gives the earliest start
        (ms) of a held episode, for the beds that have one.
        """
        for key, held in list(self._held.items()):
            one, moment = held.assignment, moments[held.facility]
            if one.at >= moment or one.end is None:
                continue
            if _void(one) or one.end < min(moment, oldest_alarm.get(held.bed, moment)):
                self._take_from_bed(held)
                del self._held[key]
                self.blocks.remove(held)

    def ids_after(self, facility: int, moment: int) -> set[str]:
        """The assignments of a facility with a record later than `moment` (ms)."""
        return {
            id_
            for (of, id_), held in self._held.items()
            if of == facility and held.assignment.at > moment
        }

    def of(self, facility: int) -> Iterator[Assignment]:
        """The latest record of each assignment of a facility, void ones included."""
        return (held.assignment for (of, _), held in self._held.items() if of == facility)

    def remove(self, facility: int, ids: Iterable[str]) -> list[tuple[int, Assignment]]:
        """Forget assignments of a facility; returns the (bed, record)s of those that were held."""
        removed = []
        for id_ in ids:
            held = self._held.pop((facility, id_), None)
            if held is not None:
                self._take_from_bed(held)
                self.blocks.remove(held)
                removed.append((held.bed, held.assignment))
        return removed

    def facilities(self) -> set[int]:
        """The facilities with an assignment."""
        return {facility for facility, _ in self._held}

    def beds(self) -> set[int]:
        """The beds of all assignments, void ones included."""
        return {held.bed for held in self._held.values()}

    def renumber(self, beds: Codes, clinicians: Codes) -> None:
        """Apply new numbers of beds and clinicians, in the same order, indexed by the old."""
        for held in self._held.values():
            held.bed = int(beds[held.bed])
        self._timelines = {int(beds[bed]): one for bed, one in self._timelines.items()}
        for timeline in self._timelines.values():
            timeline.renumber(clinicians)
        shifts, rows = self.shifts, self.shifts.rows()
        shifts.bed[rows] = beds[shifts.bed[rows]]
        shifts.clinician[rows] = clinicians[shifts.clinician[rows]]
        self.empty()

    def _put_to_bed(self, held: _Held) -> None:
        one = held.assignment
        if not _void(one):
            self._valid[held.facility, one.assignment_id] = held
            self._forget_stretch(held.bed)
            number = self._teams.clinicians[held.facility, one.clinician]
            self._timelines.setdefault(held.bed, Timeline()).add(number, one.start, one.end)
            held.row = self.shifts.add(held.facility, number, held.bed, one)

    def _take_from_bed(self, held: _Held) -> None:
        if held.row < 0:
            return
        one = held.assignment
        del self._valid[held.facility, one.assignment_id]
        timeline = self._timelines[held.bed]
        timeline.remove(int(self.shifts.clinician[held.row]), one.start, one.end)
        if not timeline:
            del self._timelines[held.bed]
        self.shifts.remove(held.row)
        held.row = -1
        self._forget_stretch(held.bed)

    def _forget_stretch(self, bed: int) -> None:
        self.reserve(bed + 1)
        self.since[bed] = self.until[bed] = 0

    def forget_stretches(self) -> None:
        """Clear the cached teams: they have new numbers."""
        self.since[:] = self.until[:] = 0

    def dump(self, block: int) -> list[Any]:
        held = sorted(self.blocks[block], key=lambda held: (held.facility, held.assignment.order))
        return [[one.facility, *values_of(one.assignment)] for one in held]

    def load(self, block: int, content: list[Any]) -> Iterator[tuple[_Held, Assignment]]:
        """Restore a block; yields each assignment, so that the caller sets its bed."""
        for facility, *values in content:
            one = fact_of(Assignment, values)
            held = self._held[facility, one.assignment_id] = _Held(one, facility, -1)
            self.blocks.restore(block, held)
            yield held, one
            self._put_to_bed(held)


def holds(one: Assignment, moment: int) -> bool:
    """Whether an assignment is in force at `moment`."""
    return one.start <= moment and (one.end is None or moment < one.end)


def _void(one: Assignment) -> bool:
    return one.end is not None and one.end <= one.start
