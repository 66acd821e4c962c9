"""Relief: which colleague on duty could take which bed, so that the most loaded of them carries
least.

A suggestion for whoever makes the assignments, by counts of the last hour's alarms; it knows
nothing of patients or skills.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from analyzer.model.overload import Relief


@dataclass(frozen=True, slots=True)
class Ward:
    """A unit at one moment: who is on duty there, and where the last hour's alarms went."""

    beds: Mapping[str, Collection[str]]
    """Those of its beds that each clinician has."""
    loads: Mapping[str, int]
    """Alarms by clinician, from wherever."""
    by_bed: Mapping[str, Sequence[tuple[Collection[str], int]]]
    """Those of its beds: whom they went to, and how many."""

    def busiest(self) -> str | None:
        """Who on duty has the highest load, then the least id."""
        return min(self.beds, key=lambda one: (-self.loads[one], one), default=None)


def relieve(ward: Ward, giver: str, most_beds: float) -> Relief | None:
    """The move of one bed of `giver` to a colleague that makes the higher of their two loads least;
    None if none lowers it.

    Nobody gets more than `most_beds` beds by it. Ties: least total, fewest beds, then names.
    """
    if giver not in ward.beds:  # no longer, or not yet
        return None
    before = ward.loads[giver]
    best: tuple[tuple[int, int, int, str, str], Relief] | None = None
    for bed in ward.beds[giver]:
        of_bed = [(who, count) for who, count in ward.by_bed.get(bed, ()) if giver in who]
        left = before - sum(count for _, count in of_bed)
        for taker, held in ward.beds.items():
            if taker == giver or bed in held or len(held) + 1 > most_beds:
                continue
            load = ward.loads[taker]
            after = load + sum(count for who, count in of_bed if taker not in who)
            rank = (max(left, after), left + after, len(held), bed, taker)
            if rank[0] < before and (best is None or rank < best[0]):
                best = rank, Relief(bed, giver, (before, left), taker, (load, after), len(held) + 1)
    return None if best is None else best[1]
