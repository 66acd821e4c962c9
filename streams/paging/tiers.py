"""Tiers: who is paged for the overload of a unit, in which order, and who can take the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of the escalation. `after`: seconds from the first page to this one, as `for` in
    deploy/prometheus/rules.
    """

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
"""The role of anybody else."""

ROLES = {
    "charge_nurse": "charge nurse",
    "house_supervisor": "house supervisor",
    "on_call": "on call",
    OTHER: "other",
}
"""The roles that can take a page, by their name in labels. No person is named: a role is enough to
know whom to call.
"""

HOLDERS = {
    "charge_nurse": "the charge nurse",
    "house_supervisor": "the house supervisor",
    "on_call": "the person on call",
    OTHER: "somebody else",
}
"""The same in a sentence: "... has it until 03:40"."""
