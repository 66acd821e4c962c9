"""Overload: measures, limits and the states of clinicians and units over time.

It knows what is too much, for how long, who needs help first, and what would relieve it. It refuses
to know findings, what-ifs and how a state is shown.
"""

from analyzer.overload.machine import RULES, Rule
from analyzer.overload.priority import (
    UnitNeed,
    clinician_order,
    first_facilities,
    first_units,
)
from analyzer.overload.shifts import Parts, ShiftsAt, Span
from analyzer.overload.status import known_hours
from analyzer.overload.timeline import Phase, phases
from analyzer.overload.wording import (
    correction_in_words,
    duration_in_words,
    holding_in_words,
    in_words,
    limits_in_words,
    standing_in_words,
)

__all__ = [
    "RULES",
    "Parts",
    "Phase",
    "Rule",
    "ShiftsAt",
    "Span",
    "UnitNeed",
    "clinician_order",
    "correction_in_words",
    "duration_in_words",
    "first_facilities",
    "first_units",
    "holding_in_words",
    "in_words",
    "known_hours",
    "limits_in_words",
    "phases",
    "standing_in_words",
]
