"""Weeks: the last seven days of a unit, which the archive holds and the worker does not.

An archive may be large and slow, so a process of its own reads it (`streams.report.week`): one at a
time, for a bounded time, with less claim to the processor than the worker. Answers are kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import structlog
from msgspec import convert

from streams.access import EVERYWHERE, Scope
from streams.formats.calendars import UTC_CALENDARS, Calendars
from streams.http.answers import Answer, QueryError
from streams.http.documents.week import Week, WeekDay, WeekSays
from streams.http.standings import Key

log = structlog.get_logger("alarm_fatigue")

REUSE_SECONDS = 600.0
"""Days that are over hardly change."""
RETRY_SECONDS = 60.0
"""How long a failure is kept."""
PATIENCE_SECONDS = 60.0
"""A process that takes longer is ended."""
MOST = 256
"""Units whose answers are kept, some 3 kB each."""
LONGEST_ANSWER = 1 << 20
_PROCESS = (sys.executable, "-P", "-m", "streams.report.week")
LEAST_KNOWN = 5
"""With fewer clinical alarms of known class there is no share (docs/semantics.md)."""

Read = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class Knows(Protocol):
    """The part of the board that is used."""

    async def now_of(self, key: Key) -> int: ...


class Weeks:
    """/api/v1/week of one worker. `path`: the archive; None: there is none. `least`: the smallest
    group whose figures are shown. `read` answers a question of `streams.report.week`.
    """

    def __init__(
        self,
        path: str | None,
        board: Knows,
        least: int,
        calendars: Calendars = UTC_CALENDARS,
        clock: Callable[[], float] = time.monotonic,
        read: Read | None = None,
    ) -> None:
        self._path = path
        self._board = board
        self._least = least
        self._calendars = calendars
        self._clock = clock
        self._read = read or read_archive
        self._kept: OrderedDict[tuple[Key, str], tuple[float, Answer]] = OrderedDict()
        self._under_way: dict[tuple[Key, str], asyncio.Task[Answer]] = {}
        self._turn = asyncio.Lock()

    async def week(self, given: Mapping[str, str], scope: Scope = EVERYWHERE) -> Answer:
        """Raises `QueryError`, `NotHere`, `Elsewhere`, `Incomplete`."""
        if given.keys() != {"facility", "unit"}:
            raise QueryError("expected the parameters facility and unit")
        key = given["facility"], given["unit"]
        scope.expect(*key)
        now = await self._board.now_of(key)
        if self._path is None:
            return _nothing(key, "no archive of past days is connected here (setting archive.path)")
        asked = key, f"{self._calendars.of(key[0]).local(now):%Y-%m-%d}"
        until, answer = self._kept.get(asked, (0.0, None))
        if answer is not None and self._clock() < until:
            return answer
        if asked not in self._under_way:
            task = asyncio.ensure_future(self._found(asked, now, self._path))
            self._under_way[asked] = task
            task.add_done_callback(lambda _: self._under_way.pop(asked, None))
        # Whoever asked may leave; others may wait for the same.
        return await asyncio.shield(self._under_way[asked])

    async def _found(self, asked: tuple[Key, str], now: int, path: str) -> Answer:
        (facility, unit), _ = asked
        question = {
            "archive": path,
            "facility": facility,
            "unit": unit,
            "now": now,
            "time_zone": str(self._calendars.of(facility).zone),
            "least": self._least,
        }
        async with self._turn:
            found = await self._read(question)
        failed = found.get("error")
        if failed is not None:
            log.warning("the archive was not read", archive=path, error=failed)
            answer = _nothing((facility, unit), "the archive cannot be read at the moment")
        else:
            answer = Answer.of(document((facility, unit), found, self._least))
        keep = REUSE_SECONDS if failed is None else RETRY_SECONDS
        self._kept[asked] = self._clock() + keep, answer
        self._kept.move_to_end(asked)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return answer


def document(key: Key, found: Mapping[str, Any], least: int) -> Week:
    """The answer about one unit, from what `streams.report.week` found."""
    days = [convert(_day(one), WeekDay) for one in found["days"]]
    says = convert(found["says"], WeekSays) if found["says"] else None
    return Week(*key, days, says, _left_out(days, least))


def _day(one: Mapping[str, Any]) -> dict[str, Any]:
    known, needless = one["classified"], one["non_actionable"]
    return {
        "date": one["date"],
        "from": one["begin"],
        "until": one["end"],
        "left_out": one["left_out"],
        "alarms": one["alarms"],
        "clinician_hours": one["clinician_hours"],
        "nonactionable": needless / known if known is not None and known >= LEAST_KNOWN else None,
        "classified": known,
        "clinical": one["clinical"],
        "overloaded_hours": one["overloaded_hours"],
    }


def _left_out(days: Sequence[WeekDay], least: int) -> str | None:
    """The days of the last seven that are left out, in a sentence; None: no day is."""
    if not days:
        return "the archive holds nothing of this unit in the last 14 days"
    last = days[len(days) // 2 :]
    counts = {
        why: sum(one.left_out == why for one in last) for why in ("small", "silent", "broken")
    }
    told = []
    if counts["small"]:
        told.append(
            f"{_days(counts['small'])} not shown, as fewer than {least} clinicians were there in "
            "some hours"
        )
    if counts["silent"]:
        told.append(f"{_days(counts['silent'])} not in the archive")
    if counts["broken"]:
        told.append(f"{_days(counts['broken'])} only in part in the archive")
    return "; ".join(told) or None


def _days(count: int) -> str:
    return "1 day is" if count == 1 else f"{count} days are"


def _nothing(key: Key, why: str) -> Answer:
    return Answer.of(Week(*key, [], None, why))


async def read_archive(question: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer of a process of its own; {"error": one line} if it has none."""
    process = await asyncio.create_subprocess_exec(
        *_PROCESS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, said = await process.communicate(msgspec.json.encode(question))
    except TimeoutError:
        return {"error": f"no answer after {PATIENCE_SECONDS:.0f} s"}
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode or len(out) > LONGEST_ANSWER:
        last = (said.decode(errors="replace").strip().splitlines() or ["no answer"])[-1]
        return {"error": f"exit status {process.returncode}: {last[:200]}"}
    found: Mapping[str, Any] = msgspec.json.decode(out)
    return found
