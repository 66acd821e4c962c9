"""Actions: changes of the system that the evidence supports, each with an owner and a measure.

Strength follows the action hierarchy of RCA2 (NPSF 2015): stronger actions remove the hazard,
intermediate ones reduce the load or add redundancy, and weaker ones rely on attention. Weaker ones
are never proposed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from analyzer.incident.answer import Action, Counterfactual, Factor, Lever, Measure, Strength
from analyzer.model.alarm_names import alarm_name

_BY_LEVER: dict[Lever, tuple[str, str, Strength, str, str]] = {
    "mend_device": (
        "Repair or replace device {device_id}",
        "biomedical engineering",
        "stronger",
        "technical alarms of the device",
        "days in use",
    ),
    "delay": (
        "Make a delay of {seconds} s the default for {type}",
        "alarm committee",
        "intermediate",
        "alarms of {type}",
        "occupied bed-days of the unit",
    ),
    "limit": (
        "Make a limit of {limit:g} the default for {type}",
        "alarm committee",
        "intermediate",
        "alarms of {type}",
        "occupied bed-days of the unit",
    ),
    "hold_off": (
        "Hold {type} off for {seconds} s after it ended",
        "alarm committee",
        "intermediate",
        "alarms of {type}",
        "occupied bed-days of the unit",
    ),
    "priority": (
        "Let {type} of low priority sound at the bed only",
        "alarm committee",
        "intermediate",
        "alarms of {type} sent to clinicians",
        "occupied bed-days of the unit",
    ),
    "move_bed": (
        "Share beds out by alarm load at the begin of the shift, and again when a state rises",
        "charge nurse",
        "intermediate",
        "minutes with a clinician above the limits",
        "minutes of duty in the unit",
    ),
    "ratio": (
        "Keep to {beds_per_clinician} beds for each clinician",
        "nurse manager",
        "intermediate",
        "minutes with a clinician above the limits",
        "minutes of duty in the unit",
    ),
    "add_clinician": (
        "Plan {clinicians} more on duty at these hours",
        "nurse manager",
        "intermediate",
        "minutes with a clinician above the limits",
        "minutes of duty in the unit",
    ),
}
_BY_FACTOR: dict[str, tuple[str, str, Strength, str, str]] = {
    "silenced": (
        "Have a silenced alarm sound again, and escalate, if it still holds after 2 min",
        "alarm committee",
        "stronger",
        "alarms silenced for more than 10 min while they went on",
        "silenced alarms",
    ),
    "signal_lost": (
        "Escalate a lost signal to a second person after 10 min",
        "alarm committee",
        "intermediate",
        "signals lost for more than 10 min",
        "occupied bed-days of the unit",
    ),
    "feed_gap": (
        "Supervise the unit's alarm feed: page clinical engineering after 10 min of silence",
        "clinical engineering",
        "intermediate",
        "minutes of gaps in the feed",
        "minutes of the month",
    ),
    "standing": (
        "Agree on what happens to alarms that sound for an hour",
        "alarm committee",
        "intermediate",
        "alarms that sound for more than an hour",
        "occupied bed-days of the unit",
    ),
    "response_time": (
        "Escalate an alarm without a response to a second person after 2 min",
        "alarm committee",
        "intermediate",
        "alarms without a response within 2 min",
        "alarms of the unit",
    ),
    "unanswered": (
        "Escalate an alarm without a response to a second person after 2 min",
        "alarm committee",
        "intermediate",
        "alarms without a response within 2 min",
        "alarms of the unit",
    ),
    "recent_change": (
        "Let limits return to the unit's default when a patient changes or a shift ends",
        "alarm committee",
        "stronger",
        "beds with limits other than the unit's default at the begin of a shift",
        "occupied beds at the begin of a shift",
    ),
}
LOAD = ("staffing", "overload", "flood", "protected_time", "unanswered")
"""The kinds of factor to which counterfactuals of load apply."""
_NOT_LOAD = "It changes which alarms reach people, not the load: its effect is not computed."
_REVIEW_DAYS = 30
_MOST = 3
"""Most load changes that are proposed (our own: a review can follow up a few)."""


def actions(
    factors: Sequence[Factor], counterfactuals: Sequence[Counterfactual]
) -> tuple[Action, ...]:
    """The changes that the factors and counterfactuals support; none without factors.

    Changes for lost signals and silenced alarms come first, then those that would have prevented a
    state, then those that would have delayed it.
    """
    found: list[Action] = []
    for number, one in enumerate(factors):
        if one.kind in _BY_FACTOR:
            change, owner, strength, numerator, denominator = _BY_FACTOR[one.kind]
            _add(found, change, owner, strength, (number,), numerator, denominator, _NOT_LOAD, None)
    of_load = tuple(number for number, one in enumerate(factors) if one.kind in LOAD)
    if of_load:
        useful = [
            one
            for one in counterfactuals
            if one.verdict == "prevented" and one.condition["kind"] == "overload"
        ]
        if not useful:
            useful = [
                one
                for one in counterfactuals
                if one.verdict == "delayed" and one.lever in _BY_LEVER
            ]
        for tried in sorted(useful, key=_preference)[:_MOST]:
            words = _BY_LEVER[tried.lever]
            dose = _named(tried.dose)
            change, numerator = words[0].format(**dose), words[3].format(**dose)
            owner = words[1]
            if "and" in tried.dose:
                other = _BY_LEVER[tried.dose["and"]["lever"]]
                change += "; and: " + other[0].format(**_named(tried.dose["and"]))
                owner += f", with the {other[1]}"
            place = next(number for number, one in enumerate(counterfactuals) if one is tried)
            effect = _effect(tried)
            _add(found, change, owner, words[2], of_load, numerator, words[4], effect, place)
    return tuple(found)


def _named(dose: Mapping[str, Any]) -> dict[str, Any]:
    """A dose with the name of its alarm type."""
    if "type" not in dose:
        return dict(dose)
    _, source, code = dose["type"].split("/", 2)
    return {**dose, "type": alarm_name(source, code)}


def _preference(one: Counterfactual) -> tuple[bool, int, int, str]:
    people = one.dose.get("clinicians", 0) + one.dose.get("clinicians_added", 0)
    return _BY_LEVER[one.lever][2] != "stronger", one.hidden_actionable, people, one.lever


def _add(
    found: list[Action],
    change: str,
    owner: str,
    strength: Strength,
    factors: tuple[int, ...],
    numerator: str,
    denominator: str,
    effect: str,
    counterfactual: int | None,
) -> None:
    for number, one in enumerate(found):
        if one.change == change:
            together = tuple(dict.fromkeys((*one.factors, *factors)))
            found[number] = replace(one, factors=together)
            return
    measure = Measure(numerator, denominator, "half of the value before, or less", _REVIEW_DAYS)
    found.append(Action(change, owner, strength, factors, measure, effect, counterfactual))


def _effect(tried: Counterfactual) -> str:
    who = "the unit" if tried.condition["clinician"] is None else "one clinician"
    hidden = tried.hidden_actionable
    if "bed" in tried.dose:
        what = f"bed {tried.dose['bed']} with a colleague"
    elif "clinicians" in tried.dose:
        what = f"{len(tried.dose['beds'])} beds with {tried.dose['clinicians']} more on duty"
    else:
        what = "with this change"
    cost = "No alarm that needed somebody would have been hidden"
    if hidden:
        cost = f"It would have hidden {hidden} alarms that needed somebody"
    elif "type" not in tried.dose and "and" not in tried.dose:
        cost = "No alarm would have been hidden"
    return f"Here, {what}, for {who} ({tried.condition['state']}): {tried.detail}. {cost}."
