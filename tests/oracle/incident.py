"""The oracle for counterfactuals: it changes the bare list of facts, and counts everything anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from analyzer.model.facts import AlarmEvent, Assignment, Fact
from analyzer.model.policy import MINUTE, SECOND, Policy
from tests.oracle.episodes import Episode, episodes
from tests.oracle.overload import changes

ORDER = ["normal", "elevated", "overloaded"]
AHEAD = 90 * MINUTE


def changed(
    facts: Sequence[Fact], lever: str, dose: Mapping[str, Any], moment: int, at: int, policy: Policy
) -> tuple[list[Fact], set[str]]:
    """The facts with one change, and the ids of the alarms that it hides. Beds change hands for a
    condition at `moment`.
    """
    alarms = [one for one in episodes(facts, at, policy).values() if one.is_alarm]
    of_type = [one for one in alarms if dose.get("type") == _type(one)]
    hidden: set[str] = set()
    late: dict[str, int] = {}
    if lever == "delay":
        for one in of_type:
            if one.end is not None and one.end - one.start <= dose["seconds"] * SECOND:
                hidden.add(one.alarm_id)
            else:
                late[one.alarm_id] = one.start + dose["seconds"] * SECOND
    elif lever == "limit":
        for one in of_type:
            if one.value is None or one.limit is None:
                continue
            if one.value < one.limit and one.value >= dose["limit"]:
                hidden.add(one.alarm_id)
            if one.value > one.limit and one.value <= dose["limit"]:
                hidden.add(one.alarm_id)
    elif lever == "hold_off":
        ended = {one.alarm_id: at if one.end is None else one.end for one in of_type}
        for one in of_type:
            earlier = [
                other
                for other in of_type
                if other.bed == one.bed
                and other.device_id == one.device_id
                and (other.start, ended[other.alarm_id], other.alarm_id)
                < (one.start, ended[one.alarm_id], one.alarm_id)
            ]
            ends = [ended[other.alarm_id] for other in earlier]
            if ends and one.start - max(ends) <= dose["seconds"] * SECOND:
                hidden.add(one.alarm_id)
    elif lever == "mend_device":
        hidden = {
            one.alarm_id
            for one in alarms
            if one.device_id == dose["device_id"] and one.kind == "technical"
        }
    elif lever == "move_bed":
        return _given(facts, {dose["bed"]: dose["to"]}, moment), set()
    elif lever == "add_clinician":
        assert dose["clinicians"] == 1
        return _given(facts, dict.fromkeys(dose["beds"], "one more clinician"), moment), set()
    found: list[Fact] = []
    for fact in facts:
        if isinstance(fact, AlarmEvent):
            if fact.alarm_id in hidden:
                continue
            found.append(replace(fact, at=max(fact.at, late.get(fact.alarm_id, fact.at))))
        else:
            found.append(fact)
    return found, hidden


def _type(one: Episode) -> str:
    return f"{one.device_type}/{one.source}/{one.code}"


def _given(facts: Sequence[Fact], takers: Mapping[str, str], begin: int) -> list[Fact]:
    """Each bed belongs to its taker from 90 min before the condition on, until the shift ends."""
    found: list[Fact] = []
    for fact in facts:
        if not isinstance(fact, Assignment) or takers.get(fact.bed) in (None, fact.clinician):
            found.append(fact)
            continue
        if fact.start > begin or (fact.end is not None and fact.end <= begin):
            found.append(fact)  # not in force when the condition began
        elif fact.start >= begin - AHEAD:
            found.append(replace(fact, clinician=takers[fact.bed]))
        else:
            other = f"{fact.assignment_id}-taken"
            found.append(replace(fact, end=begin - AHEAD))
            found.append(
                replace(
                    fact,
                    event_id=other,
                    assignment_id=other,
                    clinician=takers[fact.bed],
                    start=begin - AHEAD,
                )
            )
    return found


def verdict(
    facts: Sequence[Fact],
    lever: str,
    dose: Mapping[str, Any],
    condition: Mapping[str, Any],
    begin: int,
    at: int,
    policy: Policy,
    already: Sequence[Fact] | None = None,
) -> str:
    """What a change does to a state that a clinician (None: the unit) was in; `already`: the facts
    with another change, to which it comes.
    """
    changed_first = facts if already is None else already
    was = max(condition["at"], begin)
    other, hidden = changed(changed_first, lever, dose, was, at, policy)
    for one in episodes(facts, at, policy).values():
        if one.alarm_id in hidden and one.priority == "high" and one.klass == "actionable":
            return "refused"
    who, state = condition["clinician"], ORDER.index(condition["state"])
    before = _worst(facts, begin, at, policy)
    after = _worst(other, begin, at, policy)
    then = [moment for moment, reached in after.get(who, []) if reached >= state]
    if then and min(then) <= was:
        return "unchanged"
    strained_before = {name for name, some in before.items() if _reaches(some, state)}
    strained_after = {name for name, some in after.items() if _reaches(some, state)}
    if strained_after - strained_before - {who}:
        return "moved"
    return "delayed" if then else "prevented"


def _reaches(states: Sequence[tuple[int, int]], state: int) -> bool:
    return any(reached >= state for _, reached in states)


def _worst(
    facts: Sequence[Fact], begin: int, at: int, policy: Policy
) -> dict[str | None, list[tuple[int, int]]]:
    """The states in the window: that in force when it begins, and those entered in it."""
    found: dict[str | None, list[tuple[int, int]]] = {}
    for one in changes(facts, at, policy):
        entry = (one.at, ORDER.index(one.after))
        if one.at <= begin:
            found[one.clinician] = [entry]
        else:
            found.setdefault(one.clinician, []).append(entry)
    return found
