"""Timeline: who is on duty at a bed at a given time, while assignments are added and removed."""

from __future__ import annotations

from bisect import bisect_left, insort

from analyzer.arrays import Codes

BEFORE_ALL, AFTER_ALL = -(1 << 62), 1 << 62


class Timeline:
    """The starts and ends of a bed's assignments in order of time, and who is on duty at the time
    of the last query.

    Adding an assignment takes O(log n) and a shift in memory. A query takes as many steps as there
    are starts and ends between its time and that of the last query.
    """

    __slots__ = ("_edges", "_moment", "_on_duty", "_passed")

    def __init__(self) -> None:
        self._edges: list[tuple[int, int, int]] = []  # (time, clinician, +1 or -1)
        self._moment = BEFORE_ALL
        self._passed = 0  # number of edges at or before the moment
        self._on_duty: dict[int, int] = {}  # assignments in force, by clinician

    def __bool__(self) -> bool:
        return bool(self._edges)

    def add(self, clinician: int, start: int, end: int | None) -> None:
        """Add an assignment in force at `start` <= t < `end` (None: no end)."""
        for edge in self._edges_of(clinician, start, end):
            insort(self._edges, edge)
            if edge[0] <= self._moment:
                self._passed += 1
                self._count(clinician, edge[2])

    def remove(self, clinician: int, start: int, end: int | None) -> None:
        """Remove an assignment that was added."""
        for edge in self._edges_of(clinician, start, end):
            del self._edges[bisect_left(self._edges, edge)]
            if edge[0] <= self._moment:
                self._passed -= 1
                self._count(clinician, -edge[2])

    @staticmethod
    def _edges_of(clinician: int, start: int, end: int | None) -> list[tuple[int, int, int]]:
        return [(start, clinician, 1)] + ([] if end is None else [(end, clinician, -1)])

    def _count(self, clinician: int, change: int) -> None:
        count = self._on_duty.get(clinician, 0) + change
        if count:
            self._on_duty[clinician] = count
        else:
            del self._on_duty[clinician]

    def renumber(self, clinicians: Codes) -> None:
        """Replace the numbers of clinicians; `clinicians` has the new number of each old one.

        The new numbers must have the same order as the old ones.
        """
        self._edges = [(at, int(clinicians[one]), change) for at, one, change in self._edges]
        self._on_duty = {int(clinicians[one]): count for one, count in self._on_duty.items()}

    def at(self, moment: int) -> tuple[int, int, list[int]]:
        """(since, until, clinicians): who is on duty at `moment`, and the interval [since, until)
        in which that does not change.
        """
        edges = self._edges
        while self._passed < len(edges) and edges[self._passed][0] <= moment:
            self._count(edges[self._passed][1], edges[self._passed][2])
            self._passed += 1
        while self._passed and edges[self._passed - 1][0] > moment:
            self._passed -= 1
            self._count(edges[self._passed][1], -edges[self._passed][2])
        self._moment = moment
        since = edges[self._passed - 1][0] if self._passed else BEFORE_ALL
        until = edges[self._passed][0] if self._passed < len(edges) else AFTER_ALL
        return since, until, list(self._on_duty)
