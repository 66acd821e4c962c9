"""Holdings: how much of a facility, or of one clinician there, is held."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from analyzer.model.facts import TOPICS
from analyzer.pipeline.state import State


class Holdings(NamedTuple):
    """Numbers of things held, all of a facility or those that name a clinician."""

    alarms: int = 0
    assignments: int = 0
    waiting: int = 0
    """Facts that wait for their time."""
    changes: int = 0
    """Changes of overload states."""
    people: int = 0
    """Names of clinicians."""

    def __add__(self, other: Any) -> Holdings:
        return Holdings(*(mine + its for mine, its in zip(self, other, strict=True)))


def holdings(state: State, facility: str, clinician: str | None = None) -> Holdings:
    """Counts of what the state holds about a facility; with `clinician`, only of what names this
    clinician.
    """
    number = state.facilities.get(facility)
    if number is None:
        return Holdings()
    table, teams = state.table, state.teams
    rows = table.of_facility(number)
    names = [name for of, name in teams.clinicians.by_number if of == number]
    waiting = [fact for topic in TOPICS for fact in state.pending.facts(topic, number)]
    changes = [
        (subject, one.change)
        for subject, known in state.overload.transitions.get(number, {}).items()
        for one in known
    ]
    assignments = list(state.roster.of(number))
    if clinician is None:
        return Holdings(len(rows), len(assignments), len(waiting), len(changes), len(names))
    person = teams.clinicians.get((number, clinician), -1)
    with_person = np.array([person in team for team in teams.all], dtype=np.bool_)
    early = {row for row in rows.tolist() if _named(table.early.get(row, ()), clinician)}
    named = with_person[table.team[rows]] | with_person[table.recipients[rows]]
    return Holdings(
        len(early.union(rows[named].tolist())),
        sum(one.clinician == clinician for one in assignments),
        sum(_named(fact, clinician) for fact in waiting),
        sum(subject == (False, person) or one.advises(clinician) for subject, one in changes),
        names.count(clinician),
    )


def _named(values: Any, clinician: str) -> bool:
    """Whether a value, at any depth, is the clinician's id."""
    if isinstance(values, list | tuple):
        return any(_named(one, clinician) for one in values)
    return bool(values == clinician)
