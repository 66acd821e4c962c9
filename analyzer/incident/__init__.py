"""Incidents: analyses the conditions around a moment that went wrong.

The result names changes of the system that would have prevented these conditions. The analysis uses
facts, the engine and the policy. It does not use people's names, and it makes no claim about what
would have happened to a patient. `docs/incidents.md` explains the method.
"""

from analyzer.incident.analysis import NOTHING, analyse, texts
from analyzer.incident.answer import (
    VERDICTS,
    Action,
    BedHour,
    Confidence,
    Counterfactual,
    Entry,
    Factor,
    Incident,
    Kind,
    Lever,
    Measure,
    OwnAlarm,
    Past,
    Strength,
)
from analyzer.incident.baseline import Baseline
from analyzer.incident.completeness import Channel, Completeness
from analyzer.incident.conditions import Minute
from analyzer.incident.facts import Facts
from analyzer.incident.guard import BANNED, Blaming, check
from analyzer.incident.question import BASELINE, Question

__all__ = [
    "BANNED",
    "BASELINE",
    "NOTHING",
    "VERDICTS",
    "Action",
    "Baseline",
    "BedHour",
    "Blaming",
    "Channel",
    "Completeness",
    "Confidence",
    "Counterfactual",
    "Entry",
    "Factor",
    "Facts",
    "Incident",
    "Kind",
    "Lever",
    "Measure",
    "Minute",
    "OwnAlarm",
    "Past",
    "Question",
    "Strength",
    "analyse",
    "check",
    "texts",
]
