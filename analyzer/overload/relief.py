"""Relief: the bed that a clinician could hand to a colleague on duty.

It is a suggestion to the charge nurse, who knows patients, skills and breaks. This rule knows
alarms, beds, roles and acuity. A move is advised only if all of this holds:

- The taker's state is normal, and would stay so: with all alarms of the bed in the last hour, no
  measure of the taker is beyond a limit to enter elevated or overloaded. So the taker's beds are
  within the policy's limit, too.
- The taker has the giver's role in the unit. With the bed, the taker has at most
  `ReliefPolicy.beds_above_usual` beds more than is usual for that role on the unit, and an acuity
  within `Ward.most_acuity`.
- The giver is spared at least `ReliefPolicy.least_alarms` alarms an hour, and comes back within all
  limits or is spared at least `ReliefPolicy.least_share` of them.
- Afterwards, the taker has fewer alarms an hour than the giver had, and the giver still has a bed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from math import fsum, isnan, nan
from typing import NamedTuple, Protocol, TypeVar

from analyzer.model.overload import NORMAL, STATES, Relief
from analyzer.model.policy import (
    FLOOD_INTERVAL,
    HOUR,
    LESS_IS_WORSE,
    Levels,
    OverloadPolicy,
    ReliefPolicy,
)
from analyzer.windows.duty import PIECE

N = TypeVar("N", int, float)


class Alarms(NamedTuple):
    """The alarms of a clinician or a bed that count now."""

    starts: tuple[int, ...] = ()
    """When those of the last hour began, relative to now (ms, in (-HOUR, 0])."""
    unanswered: int = 0
    """How many sound without a response, whenever they began."""

    def without(self, other: Alarms) -> Alarms:
        """These alarms, of which `other` are a part, without that part."""
        starts = (Counter(self.starts) - Counter(other.starts)).elements()
        return Alarms(tuple(starts), self.unanswered - other.unanswered)

    def with_also(self, others: Iterable[Alarms]) -> Alarms:
        every = [self, *others]
        return Alarms(
            tuple(chain.from_iterable(one.starts for one in every)),
            sum(one.unanswered for one in every),
        )


NO_ALARMS = Alarms()


class Person(Protocol):
    """A clinician on duty in the unit. Unless an attribute names the unit, it counts all units."""

    @property
    def state(self) -> int: ...

    @property
    def role(self) -> str:
        """The role in the unit; of several, the first by name."""
        ...

    @property
    def beds(self) -> int: ...

    @property
    def here(self) -> Mapping[str, Sequence[float]]:
        """The beds of the unit, each with the acuity of each of the clinician's assignments to
        it.
        """
        ...

    @property
    def elsewhere(self) -> Sequence[float]:
        """The acuities of the assignments in other units."""
        ...

    @property
    def alarms(self) -> Alarms: ...

    @property
    def duty(self) -> Sequence[tuple[int, int]]:
        """The last hour's duty: [begin, end) relative to now (ms), disjoint, in order."""
        ...

    @property
    def levels(self) -> Mapping[str, Levels]:
        """The levels in force for this clinician."""
        ...


def _acuities(one: Person) -> list[float]:
    return [*chain.from_iterable(one.here.values()), *one.elsewhere]


@dataclass(frozen=True, slots=True)
class Ward:
    """A unit at one moment."""

    people: Mapping[str, Person]
    """The clinicians on duty."""
    alarms: Mapping[str, Mapping[frozenset[str], Alarms]]
    """By bed and by the clinicians to whom they are attributed."""
    levels: Mapping[str, Levels]
    """The levels in force in the unit."""
    overload: OverloadPolicy
    rules: ReliefPolicy

    @property
    def strained(self) -> list[str]:
        """The clinicians whose state is not normal: the worst state first, then the most alarms in
        the last hour, then names.
        """
        return sorted(
            (name for name, one in self.people.items() if one.state != NORMAL), key=self._need
        )

    def _need(self, name: str) -> tuple[int, int, str]:
        one = self.people[name]
        return -one.state, -len(one.alarms.starts), name

    def relief_of(self, giver: str) -> Relief | None:
        """The best move of a bed from a clinician: the one after which the higher of the two loads
        is smallest. None if no move may be advised.

        Ties: the smallest total load, then the fewest beds, then names.
        """
        return min(self._moves(giver), key=_rank, default=None)

    @property
    def relief(self) -> Relief | None:
        """The best move that relieves a strained clinician; of several, the first of `strained`.
        If nobody is strained, the best move from the clinician with most alarms in the last hour.
        """
        givers = (
            self.strained
            or sorted(self.people, key=lambda one: (-len(self.people[one].alarms.starts), one))[:1]
        )
        return next(filter(None, map(self.relief_of, givers)), None)

    def most_beds(self, role: str) -> int:
        """The most beds that a colleague of this role may be given: some more than the usual number
        now, which is the (lower) median over the clinicians on duty.
        """
        return _median(one.beds for one in self._peers(role)) + self.rules.beds_above_usual

    def most_acuity(self, role: str) -> float:
        """The most acuity that a colleague of this role may be given: the highest that anyone on
        duty has now, or that of `most_beds` usual beds if that is more (our own).

        Where no acuity is charted, each bed has 1, and this is no stricter than `most_beds`.
        """
        peers = self._peers(role)
        of_a_bed = _median(
            acuity for one in peers for of_bed in one.here.values() for acuity in of_bed
        )
        highest = max(fsum(_acuities(one)) for one in peers)
        return max(highest, of_a_bed * self.most_beds(role))

    def _peers(self, role: str) -> list[Person]:
        return [one for one in self.people.values() if one.role == role]

    def _moves(self, giver: str) -> Iterator[Relief]:
        """Every move of a bed from a clinician that may be advised."""
        gives = self.people.get(giver)
        if gives is None or gives.beds < 2:
            return
        before = len(gives.alarms.starts)
        limits: tuple[int, float] | None = None
        for bed, acuities in gives.here.items():
            of_bed = self.alarms.get(bed, {})
            own = [alarms for team, alarms in of_bed.items() if giver in team]
            spared = sum(len(one.starts) for one in own)
            if spared < self.rules.least_alarms:
                continue
            if spared < self.rules.least_share * before:
                left = gives.alarms.without(NO_ALARMS.with_also(own))
                if not self._within(gives, left, -1, gives.levels, "leave"):
                    continue
            if limits is None:  # rarely does a bed have so many alarms
                limits = self.most_beds(gives.role), self.most_acuity(gives.role)
            most_beds, most_acuity = limits
            for name, takes in self.people.items():
                if (
                    takes.state != NORMAL
                    or takes.role != gives.role
                    or takes.beds + 1 > most_beds
                    or bed in takes.here
                    or fsum([*_acuities(takes), *acuities]) > most_acuity
                ):
                    continue
                new = [alarms for team, alarms in of_bed.items() if name not in team]
                after = len(takes.alarms.starts) + sum(len(one.starts) for one in new)
                if max(before - spared, after) >= before:
                    continue
                gets = takes.alarms.with_also(new)
                if self._within(takes, gets, +1, self.levels, "enter"):
                    yield Relief(
                        bed,
                        giver,
                        (before, before - spared),
                        name,
                        (len(takes.alarms.starts), after),
                        takes.beds + 1,
                    )

    def _within(
        self, one: Person, alarms: Alarms, more: int, levels: Mapping[str, Levels], edge: str
    ) -> bool:
        """Whether a clinician with these alarms and some `more` beds is within all limits to
        `enter`, or to `leave`, a state above normal.
        """
        values: tuple[tuple[str, Callable[[], float]], ...] = (
            ("alarms_1h", lambda: len(alarms.starts)),
            ("beds", lambda: one.beds + more),
            ("unanswered", lambda: alarms.unanswered),
            ("alarms_10m", lambda: sum(start > -FLOOD_INTERVAL for start in alarms.starts)),
            (
                "protected_1h",
                lambda: _protected(one.duty, alarms.starts, self.overload.protected_duty),
            ),
        )
        # What takes longest comes last: most that are beyond a limit are beyond an earlier one.
        return not any(
            _beyond(measure, value(), levels[measure], edge) for measure, value in values
        )


def _rank(move: Relief) -> tuple[int, int, int, str, str]:
    left, gets = move.giver_alarms[1], move.taker_alarms[1]
    return max(left, gets), left + gets, move.taker_beds, move.bed, move.taker


def _median(values: Iterable[N]) -> N:
    """The lower median of at least one value."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]


def _beyond(measure: str, value: float, levels: Levels, edge: str) -> bool:
    """Whether a value is beyond a limit of any state. NaN never is."""
    limits = [getattr(level, edge) for level in map(levels.__getattribute__, STATES[1:]) if level]
    sign = -1 if measure in LESS_IS_WORSE else 1
    return not isnan(value) and any(sign * value > sign * limit for limit in limits)


def _protected(duty: Sequence[tuple[int, int]], starts: Sequence[int], least: int) -> float:
    """The measure `protected_1h`: the share of the duty in pieces of at least `PIECE` between
    alarms; NaN with less duty than `least` (ms).
    """
    total = sum(end - begin for begin, end in duty)
    if total < max(least, 1):
        return nan
    free, ordered = 0, sorted(starts)
    for begin, end in duty:
        cuts = [begin, *(start for start in ordered if begin < start < end), end]
        free += sum(after - before for before, after in pairwise(cuts) if after - before >= PIECE)
    return free / total


def last_hour(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The union of intervals (ms relative to now), clipped to the last hour, as `Person.duty`.

    >>> last_hour([(-7_200_000, -600_000), (-600_000, 300_000), (-7_200_000, -3_600_000)])
    [(-3600000, 0)]
    """
    found: list[tuple[int, int]] = []
    for begin, end in sorted((max(begin, -HOUR), min(end, 0)) for begin, end in intervals):
        if begin >= end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found
