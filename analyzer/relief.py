"""Relief: which colleague on duty could take which bed, so that the most loaded of them carries least.

A suggestion for whoever makes the assignments, by counts of the last hour's alarms; it knows nothing of patients or skills.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analyzer.overload import Relief


@dataclass(frozen=True, slots=True)
class Ward:
    """A unit at one moment: who on duty has which of its beds, and the last hour's alarms."""

    beds: Mapping[str, frozenset[str]]
    """By clinician."""
    alarms: Sequence[tuple[str | None, frozenset[str], int]]
    """Bed (None: of another unit), whom they went to, and how many."""

    def load(self, clinician: str) -> int:
        """Alarms of the last hour that went to the clinician, from wherever."""
        return sum(count for _, who, count in self.alarms if clinician in who)

    def busiest(self) -> str | None:
        """Who on duty has the highest load, then the least id."""
        return min(self.beds, key=lambda one: (-self.load(one), one), default=None)


def relieve(ward: Ward, giver: str, most_beds: float) -> Relief | None:
    """The move of one bed of `giver` to a colleague that makes the higher of their two loads least; None if none lowers it.

    Nobody gets more than `most_beds` beds by it. Ties: least total, fewest beds, then names.
    """
    before = ward.load(giver)
    best: tuple[tuple[int, int, int, str, str], Relief] | None = None
    for bed in ward.beds.get(giver, ()):
        of_bed = [(who, count) for place, who, count in ward.alarms if place == bed]
        freed = sum(count for who, count in of_bed if giver in who)
        for taker, held in ward.beds.items():
            if taker == giver or bed in held or len(held) + 1 > most_beds:
                continue
            load = ward.load(taker)
            gained = sum(count for who, count in of_bed if giver in who and taker not in who)
            after = before - freed, load + gained
            rank = (max(after), sum(after), len(held), bed, taker)
            if max(after) < before and (best is None or rank < best[0]):
                best = rank, Relief(bed, giver, (before, after[0]), taker, (load, after[1]), len(held) + 1)
    return None if best is None else best[1]
