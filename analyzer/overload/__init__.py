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
from analyzer.overload.shifts import history
from analyzer.overload.timeline import Phase, phases

__all__ = [
    "RULES",
    "Phase",
    "Rule",
    "UnitNeed",
    "clinician_order",
    "first_facilities",
    "first_units",
    "history",
    "phases",
]
