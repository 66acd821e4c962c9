"""Tiers: who is paged for the overload of a unit, in which order, and who can have the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tier:
    """`after`: seconds from the first page to this one, as `for` in deploy/prometheus/rules."""

    alert: str
    role: str
    words: str
    after: int


TIERS = (
    Tier("UnitOverloaded", "charge_nurse", "the charge nurse", 0),
    Tier("UnitOverloadUnanswered", "house_supervisor", "the house supervisor", 600),
    Tier("UnitOverloadStanding", "on_call", "whoever is on call", 1200),
)
"""The first page, and those that follow while nobody takes it."""

BY_ALERT = {one.alert: one for one in TIERS}

OTHER = "other"
"""The role of somebody who is none of these."""

ROLES = {
    "charge_nurse": "charge nurse",
    "house_supervisor": "house supervisor",
    "on_call": "on call",
    OTHER: "other",
}
"""Who can have a page, by the name of the role in labels. Never a person: a role is enough to know
whom to call.
"""

HOLDERS = {
    "charge_nurse": "the charge nurse",
    "house_supervisor": "the house supervisor",
    "on_call": "the person on call",
    OTHER: "somebody else",
}
"""The same in a sentence: "... has it until 03:40"."""
