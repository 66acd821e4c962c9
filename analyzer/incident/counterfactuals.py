"""Counterfactuals: what one change would have done, by the same engine over the same facts.

For each lever the doses are tried from the smallest on, and the first one that prevents the
condition is told; if none does, the best verdict is. Two levers together, one on
beds and one on alarms, are tried only if none alone suffices, and told only if they prevent it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from analyzer.incident import levers
from analyzer.incident.alarms import Alarms, type_of
from analyzer.incident.answer import VERDICTS, Counterfactual, Lever, Verdict
from analyzer.incident.completeness import Completeness
from analyzer.incident.conditions import clinicians_on_duty
from analyzer.incident.facts import Facts
from analyzer.incident.figures import History
from analyzer.incident.relevant import concerning
from analyzer.model.episodes import EpisodeRecord
from analyzer.model.overload import NORMAL, STATES, Change
from analyzer.model.policy import HOUR, MINUTE, SECOND

RUN_IN = 3 * HOUR
"""Facts from this long before the window count. States are evaluated from an hour later on, as the
longest measure is an hour.
"""
AHEAD = 90 * MINUTE
"""So long before the window beds change hands: an hour of alarms, and the cool-down, are over when
it begins.
"""
_TYPES, _DEVICES, _CONDITIONS = 4, 2, 2
"""How many alarm types, devices and conditions are tried, to bound the work (our own)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A state that a clinician, or the unit (None), entered at `at` (ms)."""

    clinician: str | None
    state: int
    at: int

    def told(self) -> dict[str, Any]:
        return {
            "kind": "overload",
            "clinician": self.clinician,
            "state": STATES[self.state],
            "at": self.at,
        }


@dataclass(frozen=True, slots=True)
class _Try:
    """One change: its dose, the facts with it, and the ids of the alarms it hides."""

    dose: Mapping[str, Any]
    facts: Facts
    hidden: tuple[str, ...] = ()
    refused: str = ""
    beds: Mapping[str, str] = field(default_factory=dict)
    """Who takes which bed."""


_Result = tuple[Counterfactual, _Try]


def counterfactuals(history: History, known: Completeness) -> list[Counterfactual]:
    """What each lever would have done to each condition of overload in the window.

    Ordered by condition, then best verdict, fewest actionable alarms hidden, and lever.
    """
    if not (known.alarms.recorded and known.assignments.recorded):
        return []
    question = history.question
    since = question.begin - RUN_IN
    facts = concerning(history.facts, question, since)
    base = History.of(facts, question, history.policy, since)
    found = []
    for condition in _conditions(base):
        results = [best for lever in _LEVERS if (best := _best(lever, base, condition)) is not None]
        of_condition = [one for one, _ in results] + [_escalation(base, condition, known)]
        if all(one.verdict != "prevented" for one in of_condition):
            of_condition += _together(results, base, condition)
        found += sorted(
            of_condition,
            key=lambda one: (VERDICTS.index(one.verdict), one.hidden_actionable, one.lever),
        )
    return found


def _conditions(base: History) -> list[Condition]:
    """The worst state of each in the window, entered in it or before: of clinicians first, then of
    the unit.
    """
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
    """By clinician, and of the unit (None): when which states were entered (ms, number), from the
    one in force at the begin of the window on.
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


# --- verdicts


def _best(lever: Lever, base: History, condition: Condition) -> _Result | None:
    """The smallest dose that prevents the condition, else the best verdict; None: no dose."""
    tries: Iterable[_Try]
    if lever == "move_bed":
        tries = () if condition.clinician is None else _beds(base, condition.clinician)
    else:
        tries = _TRIES[lever](base)
    best: _Result | None = None
    for one in tries:
        found = _judged(lever, one, base, condition)
        if best is None or VERDICTS.index(found.verdict) < VERDICTS.index(best[0].verdict):
            best = found, one
        if best[0].verdict == "prevented":
            break
    return best


def _together(
    results: list[_Result], base: History, condition: Condition
) -> Iterator[Counterfactual]:
    """The first change of beds that prevents the condition together with one of alarms."""
    usable = [(one, of) for one, of in results if one.verdict != "refused"]
    usable.sort(key=lambda one: (VERDICTS.index(one[0].verdict), one[0].hidden_actionable))
    for first, of_beds in usable:
        for second, of_alarms in usable:
            if not of_beds.beds or of_alarms.beds:
                continue
            dose = {**first.dose, "and": {"lever": second.lever, **second.dose}}
            facts = _moved(base, of_beds.beds, of_alarms.facts)
            both = _Try(dose, facts, of_alarms.hidden, beds=of_beds.beds)
            found = _judged(first.lever, both, base, condition)
            if found.verdict == "prevented":
                yield found
                return


def _judged(lever: Lever, tried: _Try, base: History, condition: Condition) -> Counterfactual:
    actionable = {one.alarm_id for one in base.alarms.records if one.class_ == "actionable"}
    hidden = len(actionable.intersection(tried.hidden))

    def told(verdict: Verdict, detail: str) -> Counterfactual:
        return Counterfactual(lever, tried.dose, condition.told(), verdict, hidden, detail)

    if tried.refused:
        return told("refused", tried.refused)
    important = {
        one.alarm_id
        for one in base.alarms.records
        if one.priority == "high" and one.class_ == "actionable"
    }
    if lost := len(important.intersection(tried.hidden)):
        return told(
            "refused", f"it would have hidden {lost} alarms of high priority that needed somebody"
        )
    engine = tried.facts.engine(base.policy, base.question.begin - RUN_IN)
    engine.advance(base.question.at)
    changes = [one.change for one in engine.emit_changes() if not one.retracted]
    states = _states(changes, base)
    begin = max(condition.at, base.question.begin)
    entered = min(
        (at for at, state in states.get(condition.clinician, ()) if state >= condition.state),
        default=None,
    )
    if entered is not None and entered <= begin:
        return told("unchanged", "the same state at the same time, or earlier")
    others = _newly_strained(_states(base.changes, base), states, condition)
    if others:
        who = "another clinician" if others[0] is not None else "the unit"
        return told("moved", f"{who} would have been above the limits instead")
    if entered is not None:
        late = (entered - begin) / MINUTE
        return told("delayed", f"the same state {late:.0f} min later")
    return told("prevented", _prevented(tried))


def _prevented(tried: _Try) -> str:
    if not tried.hidden:
        return "the state would not have been entered"
    return f"the state would not have been entered; {len(tried.hidden)} alarms fewer"


def _newly_strained(
    before: Mapping[str | None, list[tuple[int, int]]],
    after: Mapping[str | None, list[tuple[int, int]]],
    condition: Condition,
) -> list[str | None]:
    """Who is in the condition's state, or a worse one, only with the change."""

    def strained(states: Mapping[str | None, list[tuple[int, int]]]) -> set[str | None]:
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
            condition.told(),
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
        condition.told(),
        "unchanged",
        0,
        f"{waiting} alarms would have been offered to a second person; the load stays the same",
    )


# --- what is tried, the smallest dose first


def _types(base: History) -> Iterator[tuple[Any, list[EpisodeRecord]]]:
    """The most frequent types of the window and the hour before, with their alarms in all facts."""
    question = base.question
    begin = question.begin - HOUR
    for wanted in levers.most(base.alarms, type_of, begin, question.at, _TYPES):
        yield wanted, levers.of_type(base.alarms, wanted, 0, question.at)


def _delays(base: History) -> Iterator[_Try]:
    chosen = list(_types(base))
    for delay in levers.DELAYS:
        for wanted, alarms in chosen:
            facts, hidden = levers.delayed(base.facts, alarms, delay)
            yield _Try({"type": "/".join(wanted), "seconds": delay // SECOND}, facts, tuple(hidden))


def _limits(base: History) -> Iterator[_Try]:
    for wanted, alarms in _types(base):
        clinical = [one for one in alarms if one.kind != "technical"]
        for limit in levers.limits_to_try(clinical):
            hidden = levers.beyond(clinical, limit)
            dose = {"type": "/".join(wanted), "limit": limit}
            if hidden is None:
                yield _Try(dose, base.facts, (), "more sensitive than a limit that was in force")
            else:
                yield _Try(dose, levers.without(base.facts, hidden), tuple(hidden))


def _hold_offs(base: History) -> Iterator[_Try]:
    for wanted, alarms in _types(base):
        for hold_off in levers.HOLD_OFFS:
            hidden = levers.held_off(alarms, hold_off)
            if hidden:
                dose = {"type": "/".join(wanted), "seconds": hold_off // SECOND}
                yield _Try(dose, levers.without(base.facts, hidden), tuple(hidden))


def _priorities(base: History) -> Iterator[_Try]:
    """Alarms of low priority of a type sound at the bed only."""
    for wanted, alarms in _types(base):
        hidden = [one.alarm_id for one in alarms if one.priority == "low"]
        if hidden:
            dose = {"type": "/".join(wanted), "priority": "info"}
            yield _Try(dose, levers.without(base.facts, hidden), tuple(hidden))


def _devices(base: History) -> Iterator[_Try]:
    """One device without its technical alarms."""
    question = base.question

    def technical(one: EpisodeRecord) -> str | None:
        return one.device_id if one.kind == "technical" and one.device_id else None

    begin = question.begin - HOUR
    for device in levers.most(base.alarms, technical, begin, question.at, _DEVICES):
        hidden = [one.alarm_id for one in base.alarms.records if technical(one) == device]
        yield _Try({"device_id": device}, levers.without(base.facts, hidden), tuple(hidden))


def _beds(base: History, clinician: str) -> Iterator[_Try]:
    """One bed of the clinician belongs to a colleague who is on duty with them."""
    question = base.question
    on_duty = clinicians_on_duty(base.facts, question.unit, question.begin)
    own = on_duty.get(clinician, [])
    if len(own) < 2:
        return
    colleagues = sorted(
        (name for name in on_duty if name != clinician),
        key=lambda name: (_alarms_of(base.alarms, name, base), len(on_duty[name]), name),
    )
    busiest = sorted(own, key=lambda bed: (-_alarms_at(base.alarms, bed, base), bed))
    for taker in colleagues[:3]:
        for bed in busiest[:3]:
            moves = {bed: taker}
            dose = {"bed": bed, "from": clinician, "to": taker}
            yield _Try(dose, _moved(base, moves), beds=moves)


def _staff(base: History) -> Iterator[_Try]:
    """One or two more clinicians take beds from those who have most alarms."""
    question = base.question
    on_duty = clinicians_on_duty(base.facts, question.unit, question.begin)
    for count in (1, 2):
        beds = _shared_out(base, on_duty, count)
        if beds:
            dose = {"clinicians": count, "beds": sorted(beds)}
            yield _Try(dose, _moved(base, beds), beds=beds)


def _moved(base: History, beds: Mapping[str, str], facts: Facts | None = None) -> Facts:
    question = base.question
    since = question.begin - AHEAD
    facts = base.facts if facts is None else facts
    return levers.moved(facts, question.unit, beds, since, question.begin)


def _shared_out(base: History, on_duty: Mapping[str, list[str]], count: int) -> dict[str, str]:
    """The beds that `count` more clinicians take, so that nobody has more than the average."""
    total = sum(map(len, on_duty.values()))
    share = max(1, total // (len(on_duty) + count))
    free = [
        bed
        for name in sorted(on_duty, key=lambda one: (-_alarms_of(base.alarms, one, base), one))
        for bed in sorted(
            on_duty[name], key=lambda bed: (-_alarms_at(base.alarms, bed, base), bed)
        )[: max(0, len(on_duty[name]) - share)]
    ][: share * count]
    return {bed: _added(number // share) for number, bed in enumerate(free)}


def _added(number: int) -> str:
    return levers.ADDED if not number else f"{levers.ADDED} ({number + 1})"


def _ratio(base: History) -> Iterator[_Try]:
    """Nobody has more beds than the policy's limit; those above it go to whoever has fewest."""
    question = base.question
    level = base.policy.overload.levels(question.facility, question.unit)["beds"].elevated
    on_duty = clinicians_on_duty(base.facts, question.unit, question.begin)
    if level is None or all(len(beds) <= level.enter for beds in on_duty.values()):
        return
    most = int(level.enter)
    counts = {name: min(len(beds), most) for name, beds in on_duty.items()}
    spare = [bed for name in sorted(on_duty) for bed in on_duty[name][most:]]
    moves: dict[str, str] = {}
    added = 0
    for bed in spare:
        taker = min(counts, key=lambda one: (counts[one], one))
        if counts[taker] >= most:
            taker = _added(added)
            added += 1
            counts[taker] = 0
        counts[taker] += 1
        moves[bed] = taker
    dose = {"beds_per_clinician": most, "clinicians_added": added}
    yield _Try(dose, _moved(base, moves), beds=moves)


def _alarms_of(alarms: Alarms, clinician: str, base: History) -> int:
    question = base.question
    return sum(clinician in one.clinicians for one in alarms.between(question.begin, question.at))


def _alarms_at(alarms: Alarms, bed: str, base: History) -> int:
    question = base.question
    return sum(one.bed == bed for one in alarms.between(question.begin, question.at))


_TRIES: dict[Lever, Callable[[History], Iterator[_Try]]] = {
    "mend_device": _devices,
    "delay": _delays,
    "limit": _limits,
    "hold_off": _hold_offs,
    "priority": _priorities,
    "ratio": _ratio,
    "add_clinician": _staff,
}
_LEVERS: tuple[Lever, ...] = (*_TRIES, "move_bed")
