"""Changes: the records of `tune apply`, and what came of each in the days of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from analyzer import CLASSES
from analyzer.history import Change, Daily, change
from analyzer.model import PRIORITIES
from streams.files.tune_words import changes_words, scope_words
from streams.report.reading import Alarms
from streams.report.span import Grid

Floats = npt.NDArray[np.float64]


class ChangesError(Exception):
    """A file of change records that cannot be used: one line, with file, line and field."""


class _Type(msgspec.Struct):
    device_type: str
    source: str
    code: str


class _Scope(msgspec.Struct):
    facility: str | None = None
    unit: str | None = None
    type: _Type | None = None
    priority: str | None = None


class _Record(msgspec.Struct):
    at: int
    scope: _Scope
    owner: str
    change_control: str


@dataclass(frozen=True, slots=True)
class Made:
    """A change: where, what, by which change-control number, and the forecast (a share removed)."""

    at: int
    facility: str | None
    unit: str | None
    type: tuple[str, str, str] | None
    priority: str | None
    scope: str
    what: str
    owner: str
    change_control: str
    expected: float | None


def read_changes(path: Path) -> list[Made]:
    """The records of a file, one JSON object a line or one array, by time.

    Raises `ChangesError`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ChangesError(f"{path}: {error.strerror}") from None
    found: list[tuple[int, Any]] = []
    if content.lstrip().startswith(b"["):
        try:
            found = list(enumerate(msgspec.json.decode(content, type=list[Any]), 1))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ChangesError(f"{path}: expected change records ({error})") from None
        where = "record"
    else:
        where = "line"
        for number, line in enumerate(content.splitlines(), 1):
            if line.strip():
                try:
                    found.append((number, msgspec.json.decode(line)))
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                    raise ChangesError(f"{path}, line {number}: no JSON ({error})") from None
    return sorted(
        (_made(one, f"{path}, {where} {number}") for number, one in found),
        key=lambda one: one.at,
    )


def _made(one: Any, place: str) -> Made:
    try:
        known = msgspec.convert(one, _Record)
        scope, what = scope_words(one), changes_words(one)
    except (msgspec.ValidationError, KeyError, TypeError, AttributeError) as error:
        reason = f"no field {error}" if isinstance(error, KeyError) else str(error)
        raise ChangesError(
            f"{place}: expected a change record as `tune apply` writes it: {reason}"
        ) from None
    of = known.scope
    share = (one.get("expected") or {}).get("removed_share")
    return Made(
        known.at,
        of.facility,
        of.unit,
        None if of.type is None else (of.type.device_type, of.type.source, of.type.code),
        of.priority,
        scope,
        what,
        known.owner,
        known.change_control,
        share if isinstance(share, int | float) else None,
    )


@dataclass(frozen=True, slots=True)
class Counted:
    """Alarms of a change's scope by day, and how many of them were actionable."""

    alarms: Floats
    actionable: Floats


def counted(made: Made, facility: str, alarms: Alarms, grid: Grid) -> Counted:
    days = len(grid.dates)
    which = (alarms.start >= grid.begin) & (alarms.start < grid.end)
    if made.facility is not None and made.facility != facility:
        which &= False
    if made.unit is not None:
        which &= alarms.unit == (alarms.units.index(made.unit) if made.unit in alarms.units else -2)
    if made.type is not None:
        which &= alarms.type == (alarms.types.index(made.type) if made.type in alarms.types else -2)
    if made.priority is not None:
        which &= alarms.rank == (
            PRIORITIES.index(made.priority) if made.priority in PRIORITIES else -2
        )
    day = grid.day_of(alarms.start[which])
    needed = alarms.klass[which] == CLASSES.index("actionable")
    return Counted(
        np.bincount(day, minlength=days).astype(float),
        np.bincount(day[needed], minlength=days).astype(float),
    )


def joined_counts(parts: Sequence[Counted]) -> Counted:
    """The counts of neighbouring days."""
    return Counted(
        np.concatenate([one.alarms for one in parts]),
        np.concatenate([one.actionable for one in parts]),
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a change: alarms per day before and after, and how many were actionable.

    The day of the change itself is in neither. None: no whole day on that side.
    """

    made: Made
    before: float | None
    after: float | None
    days: tuple[int, int]
    change: Change | None
    actionable_before: float | None
    actionable_after: float | None


def outcome(
    made: Made,
    parts: Sequence[tuple[Grid, Counted, npt.NDArray[np.bool_]]],
) -> Outcome:
    """From the span before and the span, each with the days that the archive knows."""
    days = np.concatenate([np.array(grid.days, np.int64) for grid, _, _ in parts])
    whole = np.concatenate([grid.whole & seen for grid, _, seen in parts])
    begins = np.concatenate([grid.edges[:-1] for grid, _, _ in parts])
    ends = np.concatenate([grid.edges[1:] for grid, _, _ in parts])
    alarms = np.concatenate([one.alarms for _, one, _ in parts])
    needed = np.concatenate([one.actionable for _, one, _ in parts])
    sides = [whole & (ends <= made.at), whole & (begins >= made.at)]
    before, after = (_side(days, alarms, side) for side in sides)
    return Outcome(
        made,
        before.value,
        after.value,
        (int(sides[0].sum()), int(sides[1].sum())),
        change(before, after),
        *(_side(days, needed, side).value for side in sides),
    )


def _side(days: npt.NDArray[np.int64], values: Floats, side: npt.NDArray[np.bool_]) -> Daily:
    return Daily.of(tuple(days[side].tolist()), values[side], np.ones(int(side.sum())))


def in_reach(some: Iterable[Made], begin: int, end: int) -> list[Made]:
    """The changes between two times."""
    return [one for one in some if begin <= one.at < end]
