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
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

import numpy as np
from msgspec import convert

from analyzer.arrays import Flags, Floats
from analyzer.columns import AlarmType
from analyzer.model import HOUR, SECOND
from analyzer.whatif import (
    HIGH,
    LONGEST,
    Caveat,
    Recorded,
    Refused,
    Scope,
    Setting,
    caveats_of_settings,
    count_by_class,
    fates,
    judge,
    room,
    sides,
    types_by_load,
)
from streams.access import EVERYWHERE
from streams.access import Scope as Places
from streams.files.breakdowns import counted
from streams.files.caveat_words import caveat_words
from streams.files.tune_words import says
from streams.files.tuning import (
    scope_fields,
    setting_fields,
    type_fields,
    verdict_fields,
)
from streams.http.answers import Answer, NotHere, QueryError
from streams.http.documents.whatif import MOST_TYPES, Span, TypeRoom, WhatIf, WhatIfTypes
from streams.http.privacy import Privacy
from streams.metrics.exporter import Source, in_turns
from streams.metrics.freshness import Freshness
from streams.partitions.partition import Partition

REUSE_SECONDS = 10.0
"""How old the compared alarms may be: while a slider is dragged, they should stay the same."""
MOST_UNITS = 16
"""Units whose alarms are kept between requests; a busy unit has 10,000 in 26 h, of 60 bytes."""
MOST_ANSWERS = 256
"""Answers kept per unit, some 3 kB each: enough to drag both sliders of a type end to end."""
_LONGEST_NUMBER = 32  # characters
_PARAMETERS = ("facility", "unit", "type", "delay", "limit")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A setting to try, and on which alarms."""

    facility: str
    unit: str
    type: str
    """DEVICE_TYPE/SOURCE/CODE."""
    setting: Setting

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Candidate:
        """From the parameters of a request. Raises `QueryError`."""
        if not {"facility", "unit", "type"} <= given.keys() <= set(_PARAMETERS):
            raise QueryError(
                "expected the parameters facility, unit and type, and delay, limit or both"
            )
        delay, limit = (_number(given, name) for name in ("delay", "limit"))
        if delay is not None and not 0 <= delay <= LONGEST // SECOND:
            raise QueryError(f"delay: expected 0 to {LONGEST // SECOND} s")
        setting = Setting(
            limit=None if limit is None else float(limit),
            delay=None if delay is None else int(delay * SECOND),
        )
        return cls(given["facility"], given["unit"], given["type"], setting)


def _number(given: Mapping[str, str], name: str) -> Decimal | None:
    if name not in given:
        return None
    try:
        found = Decimal(given[name][: _LONGEST_NUMBER + 1])
    except InvalidOperation:
        found = Decimal("nan")
    if len(given[name]) > _LONGEST_NUMBER or not found.is_finite() or not isfinite(float(found)):
        raise QueryError(f"{name}: expected a number")
    return found


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
        self._fresh: Freshness[tuple[str, str], Held] = Freshness(
            source, reuse, clock, most=MOST_UNITS
        )
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="workbench")

    async def what_if(self, candidate: Candidate, places: Places = EVERYWHERE) -> Answer:
        """What a candidate would have done.

        Raises `QueryError` for a limit more sensitive than one in force, `NotHere`, `Elsewhere`.
        """
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

        Raises `QueryError`, `NotHere`, `Elsewhere`.
        """
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
        """Raises `NotHere`."""

        async def take(partitions: Sequence[Partition]) -> Held:
            for one in partitions:
                recorded = one.engine.recall(facility, unit)
                if recorded is not None:
                    self._expect_many(one.engine.groups().get((facility, unit), []))
                    return Held(recorded, one.engine.policy.findings.tolerance)
            raise NotHere("no such unit among those of this worker")

        return await self._fresh.get((facility, unit), take)


def what_if(recorded: Recorded, candidate: Candidate, tolerated: float) -> WhatIf:
    """One answer; `tolerated`: the share of needed alarms that may be hidden.

    Raises `QueryError`, `NotHere`.
    """
    scope = Scope(
        facility=candidate.facility, unit=candidate.unit, type=_type_of(recorded, candidate.type)
    )
    rows = scope.rows(recorded)
    try:
        found = fates(recorded, rows, candidate.setting)
    except Refused as error:
        raise QueryError(error) from None
    verdict = judge(recorded, rows, found)
    span, figures = _span(recorded), verdict_fields(verdict, found, tolerated)
    caveats = [
        *caveats_of_settings(verdict, (candidate.setting,), duty=None),
        Caveat("short_recording", {"hours": span["hours"]}),
    ]
    fields = {
        "scope": scope_fields(scope),
        "span": span,
        "setting": setting_fields(candidate.setting),
        **figures,
        **_limits(recorded.of(rows)),
        "says": says(figures),
        "caveats": list(map(caveat_words, caveats)),
    }
    return convert(fields, WhatIf)


def types(recorded: Recorded, facility: str, unit: str) -> WhatIfTypes:
    """The alarm types of a unit, highest load first."""
    ranked = types_by_load(recorded)
    shown = []
    for number, _ in ranked[:MOST_TYPES]:
        of_type = recorded.types[number]
        alarms = recorded.of(Scope(type=of_type).rows(recorded))
        shown.append(
            {
                "type": type_fields(of_type),
                **counted(count_by_class(alarms.klass)),
                **_limits(alarms),
            }
        )
    return WhatIfTypes(
        facility=facility,
        unit=unit,
        span=convert(_span(recorded), Span),
        types=convert(shown, list[TypeRoom]),
        left_out=max(len(ranked) - MOST_TYPES, 0),
    )


def _type_of(recorded: Recorded, text: str) -> AlarmType:
    """The type by its joined names, each of which may contain a slash."""
    for number in np.unique(recorded.type).tolist():
        of: AlarmType = recorded.types[number]
        if "/".join(of) == text:
            return of
    raise NotHere("no such alarm type among the finished alarms of this unit")


def _span(recorded: Recorded) -> dict[str, Any]:
    begin, last = recorded.span
    return {"from": begin, "to": last, "hours": round((last - begin) / HOUR, 1)}


def _limits(alarms: Recorded) -> dict[str, Any]:
    """Alarms of high priority, the range of readings, the limits in force, and how far one can be
    moved.
    """
    low, high = sides(alarms)
    space = room(alarms)
    return {
        "high_priority": int((alarms.rank == HIGH).sum()),
        "readings": _range(alarms.value, ~alarms.technical & ~np.isnan(alarms.value)),
        "limits": {"low": _range(alarms.limit, low), "high": _range(alarms.limit, high)},
        "room": None if space is None else {"present": space.present, "furthest": space.furthest},
    }


def _range(values: Floats, which: Flags) -> dict[str, float] | None:
    return (
        {"least": float(values[which].min()), "most": float(values[which].max())}
        if which.any()
        else None
    )
