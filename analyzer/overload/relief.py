"""Relief: the bed that a clinician could hand to a colleague on duty to lower the higher of their
two loads most.

It is a suggestion to the charge nurse. It counts the alarms of the last hour, and knows neither
patients nor skills.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from analyzer.model.overload import Relief


@dataclass(frozen=True, slots=True)
class Ward:
    """A unit at one moment: the clinicians on duty, and the alarms of the last hour."""

    beds: Mapping[str, Collection[str]]
    """Each clinician's beds in the unit."""
    loads: Mapping[str, int]
    """Each clinician's alarms, in any unit."""
    by_bed: Mapping[str, Sequence[tuple[Collection[str], int]]]
    """Each bed's alarms: (the clinicians who received them, how many)."""

    def busiest(self) -> str | None:
        """The clinician with the highest load (then the first id); None if nobody is on duty."""
        return min(self.beds, key=lambda one: (-self.loads[one], one), default=None)


def relieve(ward: Ward, giver: str, most_beds: float) -> Relief | None:
    """The move of one of the giver's beds that makes the higher load of giver and taker smallest.

    None if no move lowers it. The taker ends with at most `most_beds` beds. Ties: the smallest
    total load, then the fewest beds, then names.
    """
    if giver not in ward.beds:  # not on duty
        return None
    before = ward.loads[giver]
    best: tuple[tuple[int, int, int, str, str], Relief] | None = None
    for bed in ward.beds[giver]:
        of_bed = [(team, count) for team, count in ward.by_bed.get(bed, ()) if giver in team]
        left = before - sum(count for _, count in of_bed)
        for taker, held in ward.beds.items():
            if taker == giver or bed in held or len(held) + 1 > most_beds:
                continue
            load = ward.loads[taker]
            after = load + sum(count for team, count in of_bed if taker not in team)
            rank = (max(left, after), left + after, len(held), bed, taker)
            if rank[0] < before and (best is None or rank < best[0]):
                best = rank, Relief(bed, giver, (before, left), taker, (load, after), len(held) + 1)
    return None if best is None else best[1]
