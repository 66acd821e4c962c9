"""The workbench: what another limit or delay would have done to the finished alarms that a worker
holds of a unit, as JSON.

It counts as `alarm-fatigue tune` does, over less: what the engine holds, up to its horizon.
`streams/site/openapi.json` says of what form. It changes no device, and names nobody, no bed and no
device.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any
from weakref import ref

import numpy as np

from analyzer.arrays import Flags, Floats
from analyzer.columns import AlarmType
from analyzer.model import HOUR, PRIORITIES, SECOND
from analyzer.pipeline import ACTIONABLE
from analyzer.whatif import LONGEST, Recorded, Refused, Scope, Setting, fates, room, sides, tally
from streams.files.tune_words import cost, gain
from streams.files.tuning import caveats, counted, described, judged, scope_fields
from streams.http.board import Answer, NotHere
from streams.http.finder import QueryError
from streams.metrics.exporter import Source, in_turns
from streams.partitions.partition import Partition

REUSE_SECONDS = 10.0
"""How old the alarms may be that candidates are compared on: as long as a slider is dragged, they
had better be the same.
"""
MOST_UNITS = 16
"""Units whose alarms are kept between requests: a busy one's are some 10,000 in 26 h, of 60 bytes
each.
"""
MOST_ANSWERS = 256
"""Answers kept of each unit, some 3 kB each: two sliders of one alarm type, dragged from end to
end.
"""
MOST_TYPES = 200
_LONGEST_NUMBER = 32  # characters
_PARAMETERS = ("facility", "unit", "type", "delay", "limit")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Which alarms, under which setting."""

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
    """A unit's finished alarms as of a moment (s, by the workbench's clock), and the answers
    already worked out of them.
    """

    of: ref[Partition]
    version: int
    moment: float
    recorded: Recorded
    answers: OrderedDict[object, Answer] = field(default_factory=OrderedDict)


class Workbench:
    """/api/v1/whatif of one worker. `reuse`: seconds for which the alarms of a unit are asked again
    although time has passed.

    One answer is worked out at a time, and kept for whoever asks the same: requests cannot heap up
    work.
    """

    def __init__(
        self,
        source: Source,
        reuse: float = REUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._reuse = reuse
        self._clock = clock
        self._held: OrderedDict[tuple[str, str], Held] = OrderedDict()
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="workbench")

    async def what_if(self, candidate: Candidate) -> Answer:
        """What a candidate would have done.

        Raises `QueryError` for a limit more sensitive than one in force, `NotHere`.
        """
        async with self._turn:
            held = self._current(candidate.facility, candidate.unit)
            return await self._kept(
                held, (candidate.type, candidate.setting), lambda: what_if(held.recorded, candidate)
            )

    async def types(self, given: Mapping[str, str]) -> Answer:
        """The alarm types of a unit, and how far the limit of each can be moved.

        Raises `QueryError`, `NotHere`.
        """
        if given.keys() != {"facility", "unit"}:
            raise QueryError("expected the parameters facility and unit")
        facility, unit = given["facility"], given["unit"]
        async with self._turn:
            held = self._current(facility, unit)
            return await self._kept(held, None, lambda: types(held.recorded, facility, unit))

    async def _kept(self, held: Held, key: object, work: Callable[[], dict[str, Any]]) -> Answer:
        if key not in held.answers:
            held.answers[key] = await in_turns(self._thread.submit(lambda: Answer.of(work())))
            if len(held.answers) > MOST_ANSWERS:
                held.answers.popitem(last=False)
        held.answers.move_to_end(key)
        return held.answers[key]

    def _current(self, facility: str, unit: str) -> Held:
        """Raises `NotHere`."""
        key, moment = (facility, unit), self._clock()
        known = self._held.get(key)
        if (
            known is None
            or known.of() not in self._source.partitions
            or moment - known.moment >= self._reuse
        ):
            known = self._held[key] = self._taken(key, moment, known)
            if len(self._held) > MOST_UNITS:
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return known

    def _taken(self, key: tuple[str, str], moment: float, known: Held | None) -> Held:
        self._source.advance()
        for one in self._source.partitions:
            if known is not None and known.of() is one and known.version == one.engine.version:
                return known
            recorded = one.engine.recall(*key)
            if recorded is not None:
                return Held(ref(one), one.engine.version, moment, recorded)
        self._held.pop(key, None)
        raise NotHere("no such unit among those of this worker")


def what_if(recorded: Recorded, candidate: Candidate) -> dict[str, Any]:
    """One answer. Raises `QueryError`, `NotHere`."""
    scope = Scope(
        facility=candidate.facility, unit=candidate.unit, type=_type_of(recorded, candidate.type)
    )
    rows = scope.rows(recorded)
    try:
        found = fates(recorded, rows, candidate.setting)
    except Refused as error:
        raise QueryError(error) from None
    told = judged(recorded, rows, candidate.setting, found)
    span = _span(recorded)
    return {
        "scope": scope_fields(scope),
        "span": span,
        "setting": described(candidate.setting),
        **told,
        **_limits(recorded.of(rows)),
        "says": [*gain(told), *cost(told)],
        "caveats": [
            # Nobody's duty is weighed here, so that it is inferred need not be said.
            *caveats(recorded, rows, candidate.setting, found, rostered=True),
            f"These are {span['hours']:g} h of one unit. A change goes through change control, by weeks of finished alarms: "
            "alarm-fatigue tune.",
        ],
    }


def types(recorded: Recorded, facility: str, unit: str) -> dict[str, Any]:
    """The alarm types there are, those with most alarms that are not known to have been actionable
    first.
    """
    load = np.bincount(
        recorded.type[recorded.klass != ACTIONABLE], minlength=len(recorded.types)
    ).tolist()
    present = np.unique(recorded.type).tolist()
    present.sort(key=lambda number: (-load[number], recorded.types[number]))
    told = []
    for number in present[:MOST_TYPES]:
        scope = Scope(type=recorded.types[number])
        alarms = recorded.of(scope.rows(recorded))
        told.append(
            {"type": scope_fields(scope)["type"], **counted(tally(alarms.klass)), **_limits(alarms)}
        )
    return {
        "facility": facility,
        "unit": unit,
        "span": _span(recorded),
        "types": told,
        "left_out": max(len(present) - MOST_TYPES, 0),
    }


def _type_of(recorded: Recorded, text: str) -> AlarmType:
    """By its names in one; any of these may hold a slash."""
    for number in np.unique(recorded.type).tolist():
        of: AlarmType = recorded.types[number]
        if "/".join(of) == text:
            return of
    raise NotHere("no such alarm type among the finished alarms of this unit")


def _span(recorded: Recorded) -> dict[str, Any]:
    begin, last = recorded.span
    return {"from": begin, "to": last, "hours": round((last - begin) / HOUR, 1)}


def _limits(alarms: Recorded) -> dict[str, Any]:
    """How many are of high priority, what was read, which limits were in force, and how far one
    could be moved.
    """
    low, high = sides(alarms)
    space = room(alarms)
    return {
        "high_priority": int((alarms.rank == PRIORITIES.index("high")).sum()),
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
