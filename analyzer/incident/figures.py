"""Figures: one number for a period of time, which can be compared with other periods."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan
from statistics import median

import numpy as np

from analyzer.incident.alarms import Alarms
from analyzer.incident.completeness import Completeness
from analyzer.incident.conditions import last_assignments
from analyzer.incident.facts import Facts, PlainEngine
from analyzer.incident.question import Question
from analyzer.model.overload import NORMAL, STATES, Change
from analyzer.model.policy import HOUR, MINUTE, STALE, Policy
from analyzer.overload.loads import UnitLoads

LEAST_ANSWERED = 5
"""With fewer answered alarms there is no median response time (our own, as
`Policy.min_classified`).
"""


@dataclass(frozen=True, slots=True)
class History:
    """The engine's results for a unit's facts up to the moment, computed once."""

    facts: Facts
    question: Question
    policy: Policy
    engine: PlainEngine
    alarms: Alarms
    changes: tuple[Change, ...]
    _posts: tuple[tuple[int, int | None, str], ...]
    """Start, end and clinician of the unit's assignments."""
    _loads: dict[tuple[int, int], UnitLoads | None] = field(default_factory=dict)

    @classmethod
    def of(
        cls, facts: Facts, question: Question, policy: Policy, since: int | None = None
    ) -> History:
        engine = facts.engine(policy, since)
        engine.advance(question.at)
        changes = [one.change for one in engine.emit_changes() if not one.retracted]
        return cls(
            facts,
            question,
            policy,
            engine,
            Alarms.of(engine, question.facility, question.unit),
            tuple(sorted(changes, key=lambda one: (one.at, one.clinician or "", one.unit))),
            tuple(one[:3] for one in last_assignments(facts, question.unit, question.at)),
        )

    def loads(self, begin: int, end: int) -> UnitLoads | None:
        if (begin, end) not in self._loads:
            found = self.engine.loads(self.question.facility, begin, end)
            self._loads[begin, end] = found
        return self._loads[begin, end]

    def staff(self, begin: int, end: int) -> list[str]:
        """The clinicians on duty in the unit at some time in (begin, end]."""
        return sorted(
            {
                clinician
                for start, stop, clinician in self._posts
                if start <= end and (stop is None or stop > begin)
            }
        )


class Duties:
    """Figures of a clinician at a minute that burdens lack.

    They are `unanswered` alarms, the start of the state (`overload_since`, ms), and, in the normal
    state, the `room` for more beds up to the policy's limit. None: not assessable; `overload_since`
    is also None in the normal state.
    """

    def __init__(self, history: History, known: Completeness) -> None:
        question, policy = history.question, history.policy
        loads = history.loads(question.begin, question.at)
        self._place: dict[int, int] = {}
        self._unanswered: dict[str, list[float]] = {}
        if loads is not None and known.responses.recorded:
            self._place = {at: place for place, at in enumerate(loads.ticks.tolist())}
            self._unanswered = {
                name: values["unanswered"].tolist() for name, values in loads.clinicians.items()
            }
        self._changes: dict[str, list[int]] = {}
        for one in history.changes:
            if one.clinician is not None:
                self._changes.setdefault(one.clinician, []).append(one.at)
        level = policy.overload.levels(question.facility, question.unit)["beds"].elevated
        self._most = None if level is None else int(level.enter)
        self._known = known

    def at(self, clinician: str, moment: int, state: int, beds: int) -> dict[str, float | None]:
        seen, place = self._known.is_seen(moment), self._place.get(moment)
        values = self._unanswered.get(clinician)
        waiting = None if values is None or place is None or not seen else values[place]
        room = None
        if self._most is not None and seen:
            room = max(self._most - beds, 0) if state == NORMAL else 0
        changes = self._changes.get(clinician, [])
        since = changes[max(bisect_right(changes, moment) - 1, 0)] if changes else None
        return {
            "unanswered": None if waiting is None or isnan(waiting) else int(waiting),
            "overload_since": since if state != NORMAL and seen else None,
            "room": room,
        }


def peak(loads: UnitLoads | None, people: Sequence[str], measure: str) -> float | None:
    """The greatest value of a measure of any of `people`; None if it is undefined throughout."""
    return _extreme(loads, people, measure, greatest=True)


def least(loads: UnitLoads | None, people: Sequence[str], measure: str) -> float | None:
    """The smallest value of a measure of any of `people`; None if it is undefined throughout."""
    return _extreme(loads, people, measure, greatest=False)


def _extreme(
    loads: UnitLoads | None, people: Sequence[str], measure: str, greatest: bool
) -> float | None:
    if loads is None:
        return None
    values = [loads.clinicians[one][measure] for one in people if one in loads.clinicians]
    defined = [one[~np.isnan(one)] for one in values]
    defined = [one for one in defined if len(one)]
    if not defined:
        return None
    return float(max(map(np.max, defined)) if greatest else min(map(np.min, defined)))


def strained_minutes(
    changes: Sequence[Change], people: Sequence[str], begin: int, end: int
) -> float:
    """Minutes above normal in (begin, end] of the clinician who was above normal for longest."""
    return max((_above(changes, one, begin, end) for one in people), default=0.0)


def _above(changes: Sequence[Change], clinician: str, begin: int, end: int) -> float:
    state, since, total = NORMAL, begin, 0
    for one in changes:
        if one.clinician != clinician or one.at > end:
            continue
        moment = max(one.at, begin)
        if state != NORMAL:
            total += moment - since
        state, since = STATES.index(one.after), moment
    if state != NORMAL:
        total += end - since
    return total / MINUTE


def response_seconds(alarms: Alarms, begin: int, end: int) -> float | None:
    """The median time to the first response of the alarms that started in (begin, end]."""
    times = [
        (one.first_response - one.start) / 1000
        for one in alarms.between(begin, end)
        if one.first_response is not None
    ]
    return median(times) if len(times) >= LEAST_ANSWERED else None


def standing_alarms(alarms: Alarms, begin: int, end: int, bed: str | None) -> float:
    """How many clinical alarms have sounded for more than an hour at `end`. Alarms open for more
    than a day are left out, because their end must have been lost.
    """
    return sum(
        one.kind == "physiological" and end - STALE < one.start <= end - HOUR and one.end > end
        for one in alarms.sounding(begin, end)
        if bed in (None, one.bed)
    )
