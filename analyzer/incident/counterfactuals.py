"""Counterfactuals: the effect of one change, computed by the same engine from the same facts.

For each lever, doses are tried from the smallest up. The result is the first dose that prevents the
condition, or else the dose with the best verdict. Two levers together, one on beds and one on
alarms, are tried only if no single lever is enough, and reported only if they prevent the
condition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from analyzer.incident import levers
from analyzer.incident.absence import (
    Answers,
    fallen_silent,
    muted_beds,
    signals_lost,
    silenced,
)
from analyzer.incident.answer import VERDICTS, Counterfactual, Kind, Lever, Verdict
from analyzer.incident.candidates import LEVERS, Candidate, Place, candidates
from analyzer.incident.completeness import Completeness
from analyzer.incident.figures import History
from analyzer.incident.relevant import concerning
from analyzer.model.overload import NORMAL, STATES, Change
from analyzer.model.policy import HOUR, MINUTE, SECOND
from analyzer.overload.variation import Variation

RUN_IN = 3 * HOUR
"""Facts from this long before the window are used (ms). States are evaluated from an hour later,
because the longest measure covers an hour.
"""
_CONDITIONS = 2
"""Most clinicians whose conditions are tried; it bounds the work (our own)."""
_ESCALATE_LOST = 10 * MINUTE
"""After this time (ms) a lost signal would be escalated to a second person (our own: the 10-minute
interval of ISA-18.2).
"""
_States = Mapping[str | None, list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Condition:
    """A state that a clinician, or the unit (None), entered at `at` (ms)."""

    clinician: str | None
    state: int
    at: int

    def described(self) -> dict[str, Any]:
        return {
            "kind": "overload",
            "clinician": self.clinician,
            "state": STATES[self.state],
            "at": self.at,
        }


_Result = tuple[Counterfactual, Candidate]


def counterfactuals(history: History, known: Completeness) -> list[Counterfactual]:
    """The effect that each lever would have had on each condition of overload in the window.

    Ordered by condition, then best verdict, fewest actionable alarms hidden, and lever.
    """
    if not (known.alarms.recorded and known.assignments.recorded):
        return []
    question = history.question
    since = question.begin - RUN_IN
    facts = concerning(history.facts, question, since)
    trials = _Trials.of(History.of(facts, question, history.policy, since))
    found = []
    for condition in _conditions(trials.base):
        place = Place(trials.base, max(condition.at, question.begin), condition.clinician)
        results = [
            best for lever in LEVERS if (best := _best(lever, trials, condition, place)) is not None
        ]
        of_condition = [one for one, _ in results]
        of_condition.append(_escalation(trials.base, condition, known))
        if all(one.verdict != "prevented" for one in of_condition):
            of_condition += _together(results, trials, condition, place)
        found += sorted(
            of_condition,
            key=lambda one: (VERDICTS.index(one.verdict), one.hidden_actionable, one.lever),
        )
    return found


def _conditions(base: History) -> list[Condition]:
    """The worst state in the window of each clinician, then of the unit; perhaps begun earlier."""
    staff = set(base.staff(base.question.begin, base.question.at))
    worst = [
        Condition(who, state, at)
        for who, states in _states(base.changes, base).items()
        for at, state in [max(states, key=lambda one: (one[1], -one[0]))]
        if state != NORMAL and (who is None or who in staff)
    ]
    people = [one for one in worst if one.clinician is not None]
    people.sort(key=lambda one: (-one.state, one.at, one.clinician or ""))
    return people[:_CONDITIONS] + [one for one in worst if one.clinician is None]


def _states(changes: Iterable[Change], base: History) -> dict[str | None, list[tuple[int, int]]]:
    """By clinician, and for the unit (None): the times (ms) at which states were entered, and the
    states' numbers, beginning with the one in force when the window begins.
    """
    question = base.question
    found: dict[str | None, list[tuple[int, int]]] = {}
    for one in sorted(changes, key=lambda one: one.at):
        if one.at > question.at or (one.clinician is None and one.unit != question.unit):
            continue
        entered = (one.at, STATES.index(one.after))
        if one.at <= question.begin:
            found[one.clinician] = [entered]
        else:
            found.setdefault(one.clinician, []).append(entered)
    return found


@dataclass(frozen=True, slots=True)
class _Trials:
    """The facts, and a cache of states by change: several conditions try the same changes."""

    base: History
    before: _States
    actionable: frozenset[str]
    important: frozenset[str]
    """Actionable alarms of high priority."""
    _restated: Set[str]
    """Alarms whose delay may change more than their start."""
    _after: dict[str, _States] = field(default_factory=dict)

    @classmethod
    def of(cls, base: History) -> _Trials:
        needed = [one for one in base.alarms.records if one.class_ == "actionable"]
        return cls(
            base,
            _states(base.changes, base),
            frozenset(one.alarm_id for one in needed),
            frozenset(one.alarm_id for one in needed if one.priority == "high"),
            base.facts.restated(),
        )

    def after(self, lever: Lever, tried: Candidate, place: Place) -> _States:
        """The states with a change."""
        if not (tried.hidden or tried.beds or tried.delayed):
            return self.before
        key = repr((lever, tried.dose, tried.beds and place.moment))
        if key not in self._after:
            self._after[key] = _states(self._changes(tried, place), self.base)
        return self._after[key]

    def _changes(self, tried: Candidate, place: Place) -> Iterable[Change]:
        base, hidden = self.base, set(tried.hidden)
        facility = base.question.facility
        late = [one.alarm_id for one in tried.delayed if one.alarm_id not in hidden]
        if self._restated.isdisjoint(late) and base.engine.can_delay(facility, late):
            roster = place.moved(tried.beds, base.facts).assignments if tried.beds else None
            columns = None if roster is None else tuple(roster.values())
            return base.engine.changes_with(
                Variation(facility, tried.hidden, late, tried.delay, columns)
            )
        facts = levers.delayed(base.facts, tried.delayed, tried.delay)
        if tried.beds:
            facts = place.moved(tried.beds, facts)
        engine = facts.engine(base.policy, base.question.begin - RUN_IN)
        engine.advance(base.question.at)
        return [one.change for one in engine.emit_changes()]


# --- verdicts


def _best(lever: Lever, trials: _Trials, condition: Condition, place: Place) -> _Result | None:
    """The smallest dose that prevents the condition, else the best verdict; None: no dose."""
    best: _Result | None = None
    for one in candidates(lever, place):
        found = _judged(lever, one, trials, condition, place)
        if best is None or VERDICTS.index(found.verdict) < VERDICTS.index(best[0].verdict):
            best = found, one
        if best[0].verdict == "prevented":
            break
    return best


def _together(
    results: list[_Result], trials: _Trials, condition: Condition, place: Place
) -> Iterator[Counterfactual]:
    """The first change of beds that prevents the condition together with one of alarms."""
    usable = [(one, of) for one, of in results if one.verdict != "refused"]
    usable.sort(key=lambda one: (VERDICTS.index(one[0].verdict), one[0].hidden_actionable))
    for first, of_beds in usable:
        for second, of_alarms in usable:
            if not of_beds.beds or of_alarms.beds:
                continue
            dose = {**first.dose, "and": {"lever": second.lever, **second.dose}}
            both = replace(of_alarms, dose=dose, beds=of_beds.beds)
            found = _judged(first.lever, both, trials, condition, place)
            if found.verdict == "prevented":
                yield found
                return


def _judged(
    lever: Lever, tried: Candidate, trials: _Trials, condition: Condition, place: Place
) -> Counterfactual:
    hidden = len(trials.actionable.intersection(tried.hidden))

    def judged(verdict: Verdict, detail: str) -> Counterfactual:
        return Counterfactual(lever, tried.dose, condition.described(), verdict, hidden, detail)

    if tried.refused:
        return judged("refused", tried.refused)
    if lost := len(trials.important.intersection(tried.hidden)):
        return judged(
            "refused", f"it would have hidden {_alarms(lost)} of high priority that needed somebody"
        )
    states = trials.after(lever, tried, place)
    entered = min(
        (at for at, state in states.get(condition.clinician, ()) if state >= condition.state),
        default=None,
    )
    if entered is not None and entered <= place.moment:
        return judged("unchanged", "the same state at the same time, or earlier")
    others = _newly_strained(trials.before, states, condition)
    if others:
        who = "another clinician" if others[0] is not None else "the unit"
        return judged("moved", f"{who} would have been above the limits instead")
    if entered is not None:
        late = (entered - place.moment) / MINUTE
        return judged("delayed", f"the same state {late:.0f} min later")
    return judged("prevented", _prevented(tried))


def _prevented(tried: Candidate) -> str:
    if not tried.hidden:
        return "the state would not have been entered"
    return f"the state would not have been entered; {_alarms(len(tried.hidden))} fewer"


def _alarms(count: int) -> str:
    return "1 alarm" if count == 1 else f"{count} alarms"


def _newly_strained(before: _States, after: _States, condition: Condition) -> list[str | None]:
    """The clinicians who are in the condition's state, or a worse one, only with the change."""

    def strained(states: _States) -> set[str | None]:
        return {
            who
            for who, entered in states.items()
            if any(state >= condition.state for _, state in entered)
        }

    new = strained(after) - strained(before) - {condition.clinician}
    return sorted(new, key=lambda one: (one is None, one or ""))


def _escalation(base: History, condition: Condition, known: Completeness) -> Counterfactual:
    """Escalation gives an alarm that waits to a second person: it takes nothing from the first."""
    if not known.responses.recorded:
        return Counterfactual(
            "escalate",
            {"after_seconds": None},
            condition.described(),
            "not_assessable",
            0,
            "no responses were recorded",
        )
    after = 120 * SECOND
    question = base.question
    waiting = sum(
        min(one.first_response if one.first_response is not None else one.end, question.at)
        - one.start
        > after
        for one in base.alarms.between(question.begin, question.at)
    )
    return Counterfactual(
        "escalate",
        {"after_seconds": after // SECOND},
        condition.described(),
        "unchanged",
        0,
        f"{_alarms(waiting)} would have been offered to a second person; the load stays the same",
    )


# --- lost signals and silenced alarms


def absent_counterfactuals(
    history: History, known: Completeness, kind: Kind
) -> list[Counterfactual]:
    """The effect of a repaired device, and of escalation, on the longest lost signal or silenced
    alarm.
    """
    if kind == "silenced":
        answers = Answers.of(history)
        question = history.question
        some = [
            *muted_beds(history, answers),
            *silenced(history, answers, question.begin, question.at),
        ]
    else:
        question = history.question
        some = [
            *fallen_silent(history, known),
            *signals_lost(history, question.begin, question.at),
        ]
    longest = min(some, key=lambda one: (one.since - one.until, one.bed, one.what))
    condition = {"kind": kind, "clinician": None, "bed": longest.bed, "at": longest.since}
    found = []
    records = {one.alarm_id: one for one in history.alarms.records}
    of = records.get(longest.ids[0])
    if of is not None and of.kind == "technical" and of.device_id:
        gone = sum(
            one.kind == "technical" and one.device_id == of.device_id
            for one in history.alarms.between(question.begin - question.window, question.at)
        )
        detail = f"the device would have been there; {_alarms(gone)} fewer in two windows"
        mended = {"device_id": of.device_id}
        found.append(Counterfactual("mend_device", mended, condition, "prevented", 0, detail))
    early = longest.minutes - _ESCALATE_LOST / MINUTE
    detail = f"a second person would have been told {early:.0f} min before it ended or was noticed"
    dose = {"after_seconds": _ESCALATE_LOST // SECOND}
    if early > 0:
        found.append(Counterfactual("escalate", dose, condition, "not_assessable", 0, detail))
    return found
