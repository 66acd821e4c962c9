"""The analysis: from facts and a question to the answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from analyzer.incident.actions import LOAD, actions
from analyzer.incident.alarms import name_of, type_of
from analyzer.incident.answer import Counterfactual, Factor, Incident
from analyzer.incident.completeness import Completeness, completeness
from analyzer.incident.conditions import conditions
from analyzer.incident.counterfactuals import absent_counterfactuals, counterfactuals
from analyzer.incident.factors import ABSENCES, NOT_ASSESSABLE, TOO_LITTLE, factors
from analyzer.incident.facts import Facts
from analyzer.incident.figures import Duties, History
from analyzer.incident.guard import check
from analyzer.incident.own_alarms import beds, own_alarms
from analyzer.incident.question import BASELINE_DAYS, RUN_IN, Question
from analyzer.incident.relevant import concerning
from analyzer.incident.timeline import timeline
from analyzer.model.policy import HOUR, Policy

NOTHING = "No system condition beyond baseline."


def analyse(
    facts: Facts,
    question: Question,
    policy: Policy,
    finished_only: bool = False,
    goes_on: bool = False,
    held_since: int | None = None,
) -> Incident:
    """Analyse the moment of the question.

    Facts after that moment, and of other facilities, are not counted; they only show that the
    recording continued. The order of facts does not matter. `finished_only`: the facts lack alarms
    that had not ended, as in an archive. `goes_on`: the recording continues, whatever the facts
    show, as in a worker. `held_since` (ms): older facts may be missing, so figures that need them
    are not given.
    """
    own = facts.of_facility(question.facility, question.at)
    goes_on = goes_on or facts.has_after(question.facility, question.at)
    known = completeness(own, question, policy, finished_only, goes_on)
    far = question.begin - BASELINE_DAYS * 24 * HOUR - policy.horizon
    history = History.of(concerning(own, question, far), question, policy)
    near = concerning(own, question, question.begin - max(RUN_IN, policy.cover + RUN_IN))
    minutes = conditions(near, question, policy, known, Duties(history, known).at, held_since)
    yes, no = factors(history, known)
    tried = counterfactuals(history, known) if any(one.kind in LOAD for one in yes) else []
    if yes and yes[0].kind in ABSENCES:
        tried += absent_counterfactuals(history, known, yes[0].kind)
    yes = [_with_counterfactuals(one, tried) for one in yes]
    found = Incident(
        question=question,
        summary=_summary(yes, no, known, question),
        completeness=known,
        timeline=timeline(history, known),
        conditions=tuple(minutes),
        factors=tuple(yes),
        not_factors=tuple(no),
        counterfactuals=tuple(tried),
        actions=actions(yes, tried),
        own_alarms=own_alarms(history, known),
        beds=beds(history, known),
        policy=policy.fingerprint,
    )
    check(texts(found), _names(history))
    return found


def texts(found: Incident) -> list[str]:
    """All sentences of an answer that this program composed."""
    return [
        found.summary,
        *(one.statement for one in (*found.factors, *found.not_factors)),
        *(one.detail for one in found.counterfactuals),
        *(
            text
            for one in found.actions
            for text in (one.change, one.owner, one.effect, one.measure.numerator)
        ),
    ]


def _names(history: History) -> set[str]:
    """The hospital's own names in these sentences: the word guard ignores them."""
    found: set[str] = set(history.staff(history.question.begin, history.question.at))
    for one in history.alarms.records:
        found |= {one.bed, one.device_id, name_of(one), "/".join(type_of(one))}
    return found - {""}


def _summary(
    found: list[Factor], none: list[Factor], known: Completeness, question: Question
) -> str:
    if not found and not known.alarms.recorded:
        return "Not assessable: no alarms of this unit were recorded up to this moment."
    if not found and known.is_nothing_seen(question):
        return f"Not assessable: {known.why_outside}."
    if not found:
        not_assessable = [
            one.kind
            for one in none
            if one.statement.startswith(NOT_ASSESSABLE) and one.statement != TOO_LITTLE
        ]
        if not not_assessable:
            return NOTHING
        kinds = ", ".join(dict.fromkeys(one.replace("_", " ") for one in not_assessable))
        return f"{NOTHING[:-1]} in what was recorded. Not assessable: {kinds}."
    unusual = _kinds(one for one in found if one.kind not in LOAD or one.baseline is not None)
    alone = _kinds(one for one in found if one.kind in LOAD and one.baseline is None)
    said = [f"Conditions beyond the limits, and more than is usual here: {unusual}."]
    if alone:
        said.append(f"Beyond the limits, with too few comparable times to set it against: {alone}.")
    return " ".join(said[not unusual :])


def _kinds(found: Iterable[Factor]) -> str:
    return ", ".join(dict.fromkeys(one.kind.replace("_", " ") for one in found))


def _with_counterfactuals(one: Factor, tried: list[Counterfactual]) -> Factor:
    """The factor with the indexes of the counterfactuals for its condition."""
    wanted = "overload" if one.kind in LOAD else one.kind
    places = [number for number, of in enumerate(tried) if of.condition["kind"] == wanted]
    return replace(one, counterfactuals=tuple(places))
