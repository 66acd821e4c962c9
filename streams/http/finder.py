"""The finder: computes a worker's findings in a separate thread, and reuses them while fresh."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from analyzer import Evidence, Policy
from streams.access import EVERYWHERE, Scope
from streams.files.extent import MOST, TOP
from streams.files.findings import UnitText, document, suppressed, written
from streams.http.answers import QueryError
from streams.http.completeness import Half, Incomplete
from streams.http.privacy import Privacy
from streams.metrics.apart import Unmeasured, each_apart
from streams.metrics.exporter import Source, in_turns
from streams.metrics.freshness import Freshness
from streams.partitions.partition import Partition
from streams.settings import MetricsSettings, PrivacySettings

REUSE_SECONDS = 10.0
"""How old findings may be with the wall clock; they cover hours."""


@dataclass(frozen=True, slots=True)
class Query:
    """The query for findings."""

    window: str
    facility: str | None = None
    unit: str | None = None
    top: int = TOP

    @classmethod
    def of(cls, given: Mapping[str, str], policy: Policy) -> Query:
        """From the parameters of a request. Raises `QueryError`."""
        for name in given:
            if name not in ("window", "facility", "unit", "top"):
                raise QueryError("expected no parameters but window, facility, unit and top")
        window, top = given.get("window", longest(policy)), given.get("top", str(TOP))
        if window not in policy.windows:
            raise QueryError(f"window: expected one of {', '.join(policy.windows)}")
        if not (top.isascii() and top.isdigit() and len(top) < 4 and 1 <= int(top) <= MOST):
            raise QueryError(f"top: expected a whole number from 1 to {MOST}")
        return cls(window, given.get("facility"), given.get("unit"), int(top))


@dataclass(frozen=True, slots=True)
class Found:
    """The findings of all units. `half`: the state if it was incomplete; those of its partitions
    that were recomputed are then left out.
    """

    units: list[UnitText]
    half: Half | None

    def expect_complete(self, query: Query, scope: Scope) -> None:
        """Raises `Incomplete` if units that are asked about, and may be shown, are left out."""
        if self.half is None:
            return
        if query.facility is not None or scope.places is None:
            asked = [query.facility]
        else:
            asked = [name for name, _ in scope.places]
        try:
            for name in asked:
                self.half.expect(name)
        except Incomplete as error:
            more = "; other facilities can be asked about alone" if query.facility is None else ""
            raise Incomplete(f"{error}{more}") from None


def longest(policy: Policy) -> str:
    """The name of the longest window."""
    return max(policy.windows, key=policy.windows.__getitem__)


class Finder:
    """/api/v1/findings of one worker, for the `most_units` units with the greatest load.

    `reuse` in seconds: see `streams.metrics.freshness`.
    """

    def __init__(
        self,
        source: Source,
        policy: Policy,
        reuse: float,
        clock: Callable[[], float] = time.monotonic,
        most_units: int = MetricsSettings().max_units,
        unmeasured: Unmeasured | None = None,
        smallest_group: int = PrivacySettings().smallest_group,
    ) -> None:
        self._privacy = Privacy.of(smallest_group, policy)
        self._most_units = most_units
        self._unmeasured = Unmeasured(clock) if unmeasured is None else unmeasured
        self.policy = policy
        self._source = source
        self._fresh: Freshness[str, Found] = Freshness(
            source, reuse, clock, most=len(policy.windows)
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="findings")

    async def find(self, query: Query, scope: Scope = EVERYWHERE) -> bytes:
        """The answer as JSON, about places of `scope` alone. Raises `Elsewhere`, `Incomplete`."""
        scope.expect(query.facility, query.unit)
        found = await self._current(query.window)
        found.expect_complete(query, scope)
        units = [one for one in found.units if scope.holds(one.facility, one.unit)]
        return document(units, query.window, self.policy, query.facility, query.unit, query.top)

    async def _current(self, window: str) -> Found:
        async def take(partitions: Sequence[Partition]) -> Found:
            half = Half.of(self._source)
            engines = [one.engine for one in partitions if one.recomputing is None]
            evidence = [one.evidence(self.policy.windows[window]) for one in engines]
            groups: dict[tuple[str, str], list[int]] = {}
            for one in engines:
                groups |= one.groups()
            found = await in_turns(self._thread.submit(self._units, evidence, window))
            return Found([self._shown(unit, groups, window) for unit in found], half)

        return await self._fresh.get(window, take)

    def _shown(
        self, unit: UnitText, groups: Mapping[tuple[str, str], list[int]], window: str
    ) -> UnitText:
        """The findings of a unit, unless too few clinicians stand behind them."""
        group = groups.get((unit.facility, unit.unit), [])
        if self._privacy.shows_findings(group, window):
            return unit
        return suppressed(unit, self._privacy.says)

    def _units(self, evidence: Sequence[Evidence], window: str) -> list[UnitText]:
        """Runs in the finder's thread."""
        found, failed = each_apart(
            evidence,
            lambda one: list(written(one.findings(MOST, self._most_units), window, self.policy)),
        )
        self._unmeasured.record("findings", failed)
        units = [unit for of_part in found for unit in of_part]
        busiest = sorted(
            units, key=lambda one: (-one.head["load"], -one.head["alarms"], one.facility, one.unit)
        )
        return busiest[: self._most_units]  # over all partitions
