"""The answer about an incident as plain values: what `incident --json` prints.

The same facts give the same bytes, in whatever order they were recorded.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from analyzer import TOPICS
from analyzer.incident import Channel, Factor, Facts, Incident, OwnAlarm, Past
from streams import __version__
from streams.formats.codec import to_json


def as_json(found: Incident, facts: Facts) -> dict[str, Any]:
    """`{"scope", "summary", "completeness", "timeline", "conditions", "factors", "not_factors",
    "counterfactuals", "actions", "beds", "own_alarms",
    "method"}`; times in ms since 1970.
    """
    question = found.question
    return {
        "scope": {
            "at": question.at,
            "from": question.begin,
            "to": question.at,
            "facility": question.facility,
            "unit": question.unit,
            "bed": question.bed,
        },
        "summary": found.summary,
        "completeness": {
            "alarms": _channel(found.completeness.alarms),
            "assignments": _channel(found.completeness.assignments),
            "responses": _channel(found.completeness.responses),
        },
        "timeline": [
            {
                "at": one.at,
                "kind": one.kind,
                "text": one.text,
                "ids": list(one.ids),
                "bed": one.bed,
                "clinician": one.clinician,
                "until": one.until,
            }
            for one in found.timeline
        ],
        "conditions": [
            {
                "at": one.at,
                "unit": dict(one.unit),
                "clinicians": [
                    {"clinician": name, **figures} for name, figures in one.clinicians.items()
                ],
            }
            for one in found.conditions
        ],
        "factors": list(map(_factor, found.factors)),
        "not_factors": list(map(_factor, found.not_factors)),
        "counterfactuals": [
            {
                "lever": one.lever,
                "dose": dict(one.dose),
                "condition": dict(one.condition),
                "verdict": one.verdict,
                "hidden_actionable": one.hidden_actionable,
                "detail": one.detail,
            }
            for one in found.counterfactuals
        ],
        "actions": [
            {
                "change": one.change,
                "owner": one.owner,
                "strength": one.strength,
                "factors": list(one.factors),
                "measure": {
                    "numerator": one.measure.numerator,
                    "denominator": one.measure.denominator,
                    "threshold": one.measure.threshold,
                    "review_after_days": one.measure.review_after_days,
                },
                "effect": one.effect,
                "counterfactual": one.counterfactual,
            }
            for one in found.actions
        ],
        "beds": [
            {
                "bed": one.bed,
                "alarms": one.alarms,
                "answered": one.answered,
                "silenced": one.silenced,
                "signal_lost_minutes": one.signal_lost_minutes,
            }
            for one in found.beds
        ],
        "own_alarms": list(map(_own_alarm, found.own_alarms)),
        "method": {
            "version": __version__,
            "policy": found.policy,
            "inputs": {topic: _hash(facts, topic) for topic in TOPICS},
        },
    }


def _own_alarm(one: OwnAlarm) -> dict[str, Any]:
    return {
        "type": "/".join(one.type),
        "name": one.name,
        "in_window": one.in_window,
        "limit": one.limit,
        "delay": None,
        "days": one.days,
        "at_bed": _past(one.at_bed),
        "on_unit": _past(one.on_unit),
    }


def _past(one: Past) -> dict[str, Any]:
    share = one.non_actionable
    return {
        "raised": one.raised,
        "answered": one.answered,
        "non_actionable": {"value": share.value, "low": share.low, "high": share.high},
    }


def _channel(one: Channel) -> dict[str, Any]:
    return {
        "recorded": one.recorded,
        "gaps": [list(gap) for gap in one.gaps],
        "not_assessable": list(one.not_assessable),
    }


def _factor(one: Factor) -> dict[str, Any]:
    usual = one.baseline
    return {
        "kind": one.kind,
        "statement": one.statement,
        "value": one.value,
        "limit": one.limit,
        "baseline": None
        if usual is None
        else {
            "n": usual.n,
            "median": usual.median,
            "percentile": usual.percentile,
            "values": list(usual.others),
        },
        "counterfactuals": list(one.counterfactuals),
        "confidence": one.confidence,
    }


def _hash(facts: Facts, topic: Any) -> str:
    """A hash of the facts of a topic, equal for any order of them."""
    table = facts.tables[topic]
    found = blake2b(digest_size=16)
    for row in zip(*table.values(), strict=True):
        found.update(to_json(row) + b"\n")
    return found.hexdigest()
