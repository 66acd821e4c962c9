"""Relief: which colleague on duty could take which bed, so that the most loaded of them carries least.

A suggestion for whoever makes the assignments, by counts of the last hour's alarms; it knows nothing of patients or skills.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from analyzer.overload import Relief


class Ward:
    """A unit at one moment: who on duty has which of its beds, and where the last hour's alarms went."""

    def __init__(self, beds: Mapping[str, Collection[str]], alarms: Iterable[tuple[str | None, Collection[str], int]]) -> None:
        """`beds` by clinician; `alarms` as (bed, or None in another unit, whom they went to, how many)."""
        self.beds = beds
        self.loads: Counter[str] = Counter()
        """Alarms of the last hour, from wherever, by clinician."""
        self.by_bed: dict[str, list[tuple[Collection[str], int]]] = {}
        for bed, who, count in alarms:
            for clinician in who:
                self.loads[clinician] += count
            if bed is not None:
                self.by_bed.setdefault(bed, []).append((who, count))

    def busiest(self) -> str | None:
        """Who on duty has the highest load, then the least id."""
        return min(self.beds, key=lambda one: (-self.loads[one], one), default=None)


def relieve(ward: Ward, giver: str, most_beds: float) -> Relief | None:
    """The move of one bed of `giver` to a colleague that makes the higher of their two loads least; None if none lowers it.

    Nobody gets more than `most_beds` beds by it. Ties: least total, fewest beds, then names.
    """
    before = ward.loads[giver]
    best: tuple[tuple[int, int, int, str, str], Relief] | None = None
    for bed in ward.beds.get(giver, ()):
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
