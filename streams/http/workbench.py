"""The workbench: what another limit or delay would have done to the finished alarms of a unit.

It counts as `alarm-fatigue tune` does, but only over the alarms that the worker holds, up to its
horizon. It changes no device. Its answers name no person, bed or device.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzer.model import HOUR
from streams.access import EVERYWHERE
from streams.access import Scope as Places
from streams.http.answers import Answer, NotHere, QueryError
from streams.http.candidate import Candidate
from streams.http.completeness import expect_complete
from streams.http.privacy import Privacy
from streams.metrics.exporter import Source, in_turns
from streams.metrics.freshness import Freshness
from streams.partitions.partition import Partition

if TYPE_CHECKING:
    from analyzer.whatif import Recorded
    from streams.http.documents.whatif import WhatIf, WhatIfTypes

REUSE_SECONDS = 10.0
"""How old the compared alarms may be: while a slider is dragged, they should stay the same."""
MOST_UNITS = 16
"""Units whose alarms are kept between requests; a busy unit has 10,000 in 26 h, of 60 bytes."""
MOST_ANSWERS = 256
"""Answers kept per unit, some 3 kB each: enough to drag both sliders of a type end to end."""


@dataclass(slots=True)
class Held:
    """A unit's finished alarms, and the answers already worked out from them."""

    recorded: Recorded
    tolerated: float
    answers: OrderedDict[object, Answer] = field(default_factory=OrderedDict)


class Workbench:
    """/api/v1/whatif of one worker. `reuse` in seconds: see `streams.metrics.freshness`. `privacy`:
    what is too small to be shown; None: nothing is.

    One answer is worked out at a time, and is kept for equal requests, so that requests cannot pile
    up work.
    """

    def __init__(
        self,
        source: Source,
        reuse: float = REUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        privacy: Privacy | None = None,
    ) -> None:
        self._privacy = privacy
        self._source = source
        self._fresh: Freshness[tuple[str, str], Held] = Freshness(
            source, reuse, clock, most=MOST_UNITS
        )
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="workbench")

    async def what_if(self, candidate: Candidate, places: Places = EVERYWHERE) -> Answer:
        """The effect that a candidate would have had.

        Raises `QueryError` for a limit more sensitive than one in force, `NotHere`, `Elsewhere`,
        `Incomplete`.
        """
        from streams.http.what_ifs import what_if

        places.expect(candidate.facility, candidate.unit)
        async with self._turn:
            held = await self._current(candidate.facility, candidate.unit)
            return await self._kept(
                held,
                (candidate.type, candidate.setting),
                lambda: what_if(held.recorded, candidate, held.tolerated),
            )

    async def types(self, given: Mapping[str, str], places: Places = EVERYWHERE) -> Answer:
        """The alarm types of a unit, and how far the limit of each can be moved.

        Raises `QueryError`, `NotHere`, `Elsewhere`, `Incomplete`.
        """
        from streams.http.what_ifs import types

        if given.keys() != {"facility", "unit"}:
            raise QueryError("expected the parameters facility and unit")
        facility, unit = given["facility"], given["unit"]
        places.expect(facility, unit)
        async with self._turn:
            held = await self._current(facility, unit)
            return await self._kept(held, None, lambda: types(held.recorded, facility, unit))

    async def _kept(
        self, held: Held, key: object, work: Callable[[], WhatIf | WhatIfTypes]
    ) -> Answer:
        if key not in held.answers:
            held.answers[key] = await in_turns(self._thread.submit(lambda: Answer.of(work())))
            if len(held.answers) > MOST_ANSWERS:
                held.answers.popitem(last=False)
        held.answers.move_to_end(key)
        return held.answers[key]

    def _expect_many(self, groups: Sequence[int]) -> None:
        """Raises `NotHere` if too few clinicians stand behind the alarms that are held."""
        if self._privacy is not None and not self._privacy.shows(
            groups, len(groups) * HOUR, live=False
        ):
            raise NotHere(self._privacy.says)

    async def _current(self, facility: str, unit: str) -> Held:
        """Raises `NotHere`, `Incomplete`."""

        async def take(partitions: Sequence[Partition]) -> Held:
            expect_complete(self._source, facility)
            for one in partitions:
                recorded = one.engine.recall(facility, unit)
                if recorded is not None:
                    self._expect_many(one.engine.groups().get((facility, unit), []))
                    return Held(recorded, one.engine.policy.findings.tolerance)
            raise NotHere("no such unit among those of this worker")

        return await self._fresh.get((facility, unit), take)
