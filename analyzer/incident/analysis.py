"""The analysis: from facts and a question to the answer."""

from __future__ import annotations

from dataclasses import replace

from analyzer.incident.actions import LOAD, actions
from analyzer.incident.alarms import name_of, type_of
from analyzer.incident.answer import Counterfactual, Factor, Incident
from analyzer.incident.completeness import completeness
from analyzer.incident.conditions import conditions
from analyzer.incident.counterfactuals import counterfactuals
from analyzer.incident.factors import factors
from analyzer.incident.facts import Facts
from analyzer.incident.figures import History
from analyzer.incident.guard import check
from analyzer.incident.own_alarms import beds, own_alarms
from analyzer.incident.question import BASELINE_DAYS, RUN_IN, Question
from analyzer.incident.relevant import concerning
from analyzer.incident.timeline import timeline
from analyzer.model.policy import HOUR, Policy

NOTHING = "No system condition beyond baseline."


def analyse(
    facts: Facts, question: Question, policy: Policy, finished_only: bool = False
) -> Incident:
    """What the facts say about the moment of the question.

    Facts after that moment do not count, and other facilities do not. The order of facts does not
    matter. `finished_only`: alarms that had not ended are not among the facts, as in an archive.
    """
    own = facts.of_facility(question.facility, question.at)
    known = completeness(own, question, policy, finished_only)
    far = question.begin - BASELINE_DAYS * 24 * HOUR - policy.horizon
    history = History.of(concerning(own, question, far), question, policy)
    near = concerning(own, question, question.begin - max(RUN_IN, policy.cover + RUN_IN))
    minutes = conditions(near, question, policy, known)
    yes, no = factors(history, known)
    tried = counterfactuals(history, known) if any(one.kind in LOAD for one in yes) else []
    yes = [_with_counterfactuals(one, tried) for one in yes]
    found = Incident(
        question=question,
        summary=_summary(yes),
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
    """All sentences of an answer that this program wrote."""
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
    """Words of the hospital in these sentences: they are facts, and the guard is not for them."""
    found: set[str] = set(history.staff(history.question.begin, history.question.at))
    for one in history.alarms.records:
        found |= {one.bed, one.device_id, name_of(one), "/".join(type_of(one))}
    return found - {""}


def _summary(found: list[Factor]) -> str:
    if not found:
        return NOTHING
    kinds = ", ".join(dict.fromkeys(one.kind.replace("_", " ") for one in found))
    return f"Conditions beyond the limits and beyond this unit's comparable hours: {kinds}."


def _with_counterfactuals(one: Factor, tried: list[Counterfactual]) -> Factor:
    if one.kind not in LOAD:
        return one
    return replace(one, counterfactuals=tuple(range(len(tried))))
